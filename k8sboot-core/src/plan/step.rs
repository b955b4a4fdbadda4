//! Steps and plans.

use super::Action;

/// One step of a plan.
#[derive(Clone, Debug)]
pub struct Step {
    /// `STAGE/NAME`, unique within the plan, for example `control-plane/kube-apiserver`.
    pub id: String,
    /// Why it is there, for people.
    pub why: String,
    /// What it does.
    pub action: Action,
    /// What must still hold right before it is done.
    pub guard: Guard,
    /// What a failure means for the steps after it.
    pub on_error: OnError,
}

/// What must still hold right before a step changes something: a plan is intent, not a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Guard {
    /// Nothing is asked.
    None,
    /// The step's paths do not exist.
    Absent,
    /// The step's path still holds the bytes that the plan saw.
    Unchanged {
        /// Their digest.
        sha256: [u8; 32],
    },
}

/// What a failing step means for the steps after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// The run ends there.
    #[default]
    Stop,
    /// The failure is reported and the run goes on (clean-up).
    Continue,
}

/// The steps of one stage, in order.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The stage, for example `pki`.
    pub stage: &'static str,
    pub(crate) steps: Vec<Step>,
    pub(crate) notes: Vec<String>,
}

impl Plan {
    /// A plan of a stage.
    #[must_use]
    pub const fn new(stage: &'static str, steps: Vec<Step>, notes: Vec<String>) -> Self {
        Self { stage, steps, notes }
    }

    /// The steps, in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What a person should know but nothing has to be done about: kept files, warnings.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

impl Step {
    /// A step that stops the run if it fails.
    #[must_use]
    pub fn new(id: impl Into<String>, why: impl Into<String>, action: Action, guard: Guard) -> Self {
        Self { id: id.into(), why: why.into(), action, guard, on_error: OnError::Stop }
    }
}
