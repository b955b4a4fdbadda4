//! What the stages share about files: guards, left-over temporary files, kinds.

use crate::{
    facts::{Facts, FileFact, Want, Wanted},
    plan::{Action, Guard, PlanError, Step},
};

/// Must equal the executor's name for temporary files; a test compares the two.
pub(super) fn temporary(path: &str) -> String {
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    format!("{parent}/.{name}.k8sboot-tmp")
}

/// Asks for files together with what a killed run may have left beside them.
pub(super) fn want<'a>(files: impl IntoIterator<Item = (&'a str, Want)>) -> Wanted {
    let mut wanted = Wanted::default();
    for (path, how) in files {
        // The temporary file of a certificate may be the missing half of a pair.
        let left = if path.ends_with(".crt") { Want::Text } else { Want::Kind };
        wanted = wanted.file(temporary(path), left).file(path, how);
    }
    wanted
}

/// Steps that remove what a killed run left beside the wanted files, but for the temporary files of `kept` paths.
pub(super) fn remove_leftovers(stage: &str, seen: &Facts, kept: &[String]) -> Vec<Step> {
    let kept: Vec<String> = kept.iter().map(|path| temporary(path)).collect();
    let left = |(path, fact): (&String, &FileFact)| {
        let ours = path.ends_with(".k8sboot-tmp") && !kept.contains(path);
        (ours && matches!(fact, FileFact::File { .. })).then(|| {
            let name = path.rsplit('/').next().unwrap_or(path);
            let action = Action::RemovePath { path: path.clone() };
            Step::new(format!("{stage}/remove-{name}"), "a killed run left it behind", action, Guard::None)
        })
    };
    seen.files.iter().filter_map(left).collect()
}

/// A step that writes a file, or none if it holds these bytes with this mode already.
pub(super) fn write(
    id: String,
    why: &str,
    path: &str,
    mode: u32,
    content: String,
    seen: &Facts,
) -> Result<Option<Step>, PlanError> {
    let guard = match seen.file(path) {
        FileFact::Missing => Guard::Absent,
        FileFact::File { mode: there, .. } if *there == mode && seen.text(path) == Some(&content) => {
            return Ok(None);
        }
        FileFact::File { sha256, .. } => Guard::Unchanged { sha256: *sha256 },
        other => return Err(kind_error(path, "a regular file", other)),
    };
    Ok(Some(Step::new(id, why, Action::WriteFile { path: path.to_owned(), mode, content }, guard)))
}

/// A step that makes a directory, or none if it is there.
pub(super) fn make_directory(
    id: String,
    why: &str,
    path: &str,
    mode: u32,
    seen: &Facts,
) -> Result<Option<Step>, PlanError> {
    match seen.file(path) {
        FileFact::Missing => {
            Ok(Some(Step::new(id, why, Action::MakeDirectory { path: path.to_owned(), mode }, Guard::None)))
        }
        // A link to a directory is the executor's to judge: it follows links that stay inside the tree.
        FileFact::Directory { .. } | FileFact::Link { .. } => Ok(None),
        other => Err(kind_error(path, "a directory", other)),
    }
}

/// The error for a path that is of the wrong kind.
pub(super) fn kind_error(path: &str, expected: &'static str, fact: &FileFact) -> PlanError {
    let found = match fact {
        FileFact::Missing => "nothing".to_owned(),
        FileFact::File { .. } => "a regular file".to_owned(),
        FileFact::Directory { .. } => "a directory".to_owned(),
        FileFact::Link { target } => format!("a symbolic link to {target}"),
        FileFact::Other => "a device, socket or pipe".to_owned(),
    };
    PlanError::PathKind { path: path.to_owned(), expected, found }
}

#[cfg(all(test, feature = "host"))]
mod tests {
    #[test]
    fn looks_for_the_temporary_names_that_the_executor_uses() {
        let expected = format!("/a/b/{}", crate::exec::temporary_name("c.crt"));
        assert_eq!(super::temporary("/a/b/c.crt"), expected);
    }
}
