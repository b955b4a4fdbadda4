//! How a plan differs from what is there.

use serde::Serialize;
use similar::TextDiff;

use super::{Action, Plan};
use crate::facts::Facts;

/// The changes that a plan would make, in the order of its steps.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Diff {
    /// One entry a path.
    pub files: Vec<FileDiff>,
}

/// The change of one path.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileDiff {
    /// The node path.
    pub path: String,
    /// The kind of change.
    pub change: Change,
    /// Unified diff of the text; empty where the content is secret or not known before the run.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Why.
    pub why: String,
}

/// The kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Change {
    /// Nothing is there yet.
    Create,
    /// Something else is there.
    Replace,
    /// It goes away.
    Remove,
}

impl Plan {
    /// Compares the plan with what a probe saw.
    #[must_use]
    pub fn diff(&self, seen: &Facts) -> Diff {
        let mut diff = Diff::default();
        for step in &self.steps {
            for path in step.action.paths() {
                let there = !seen.file(&path).is_missing();
                let change = match (&step.action, there) {
                    (Action::RemovePath { .. }, _) => Change::Remove,
                    (_, true) => Change::Replace,
                    (_, false) => Change::Create,
                };
                let text = match &step.action {
                    Action::WriteFile { content, .. } => unified(&path, seen.text(&path), content),
                    _ => String::new(),
                };
                diff.files.push(FileDiff { path, change, text, why: step.why.clone() });
            }
        }
        diff
    }
}

impl Diff {
    /// As text: a line a path, text differences below it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for file in &self.files {
            let sign = match file.change {
                Change::Create => '+',
                Change::Replace => '~',
                Change::Remove => '-',
            };
            out.push_str(&format!("{sign} {}  ({})\n", file.path, file.why));
            out.push_str(&file.text);
        }
        out
    }
}

fn unified(path: &str, old: Option<&str>, new: &str) -> String {
    let from = if old.is_some() { path } else { "/dev/null" };
    let diff = TextDiff::from_lines(old.unwrap_or_default(), new);
    diff.unified_diff().context_radius(3).header(from, path).to_string()
}
