//! What a run did.

use serde_json::{Value, json};

use crate::{
    error::chain,
    exec::{Event, Outcome},
};

/// What a run did, stage by stage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The stages that were done, in order.
    pub stages: Vec<StageReport>,
}

/// What a stage did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageReport {
    /// The stage.
    pub stage: &'static str,
    /// Its steps, in order.
    pub steps: Vec<StepReport>,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StepReport {
    /// The step.
    pub id: String,
    /// The paths it was about.
    pub paths: Vec<String>,
    /// What became of it.
    pub outcome: Outcome,
}

impl Report {
    /// Adds what an event says. Given all events of a run, this is the report that the run returns; after a run that
    /// failed, it is what was done until then.
    pub fn record(&mut self, event: &Event<'_>) {
        match event {
            Event::StageStarted { stage, .. } => {
                self.stages.push(StageReport { stage, steps: Vec::new(), notes: Vec::new() });
            }
            Event::StepDone { step, outcome, .. } => {
                let (id, paths) = (step.id.clone(), step.action.paths());
                if let Some(stage) = self.stages.last_mut() {
                    stage.steps.push(StepReport { id, paths, outcome: (*outcome).clone() });
                }
            }
            Event::StepFailed { step, error, .. } => self.note(format!("{}: {}", step.id, chain(error))),
            Event::Note { text, .. } => self.note((*text).to_owned()),
            Event::StepStarted { .. } | Event::StageDone { .. } | Event::Waiting { .. } => {}
        }
    }

    fn note(&mut self, text: String) {
        if let Some(stage) = self.stages.last_mut() {
            stage.notes.push(text);
        }
    }

    /// How many steps changed something.
    #[must_use]
    pub fn changed(&self) -> usize {
        self.stages
            .iter()
            .flat_map(|stage| &stage.steps)
            .filter(|step| step.outcome == Outcome::Changed)
            .count()
    }

    /// The report as JSON. Consumers must ignore members they do not know.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let step =
            |step: &StepReport| json!({ "id": step.id, "paths": step.paths, "outcome": step.outcome.name() });
        let stages: Vec<Value> = self
            .stages
            .iter()
            .map(|stage| {
                let steps: Vec<Value> = stage.steps.iter().map(step).collect();
                json!({ "stage": stage.stage, "steps": steps, "notes": stage.notes })
            })
            .collect();
        json!({ "schema": "k8sboot.report/v1", "changed": self.changed(), "stages": stages })
    }
}
