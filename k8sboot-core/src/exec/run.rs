//! What flows and executors share: the trait, outcomes, events, cancellation.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use super::{CancelToken, ExecError};
use crate::{
    health::Reason,
    plan::{Plan, Step},
};

/// A boxed future, so that the traits need no runtime and stay object-safe.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Says of a step, without doing it, whether an executor can.
pub type Check = fn(&Step) -> Result<(), ExecError>;

/// Carries out steps.
pub trait Executor: Send {
    /// What is asked about every step before the first is done. Default: everything can be done.
    fn check(&self) -> Check {
        |_| Ok(())
    }

    /// Told once before the first step of a plan, so that slow independent work (keys) can be done side by side.
    ///
    /// # Errors
    ///
    /// As for the steps themselves; the stage then ends before its first step.
    fn prepare<'a>(&'a mut self, plan: &'a Plan, run: &'a Run) -> BoxFuture<'a, Result<(), ExecError>>;

    /// Carries out one step. Doing it twice is the same as doing it once.
    ///
    /// # Errors
    ///
    /// What failed and where. The step is then not done, or done in part such that running it again completes it.
    fn run<'a>(&'a mut self, step: &'a Step, run: &'a Run) -> BoxFuture<'a, Result<Outcome, ExecError>>;

    /// What the latest step has to say to a person beside its outcome; asked after each step. Default: nothing.
    fn take_notes(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// Told once after the last step of a plan, also if one failed: makes durable what was put off until then.
    ///
    /// # Errors
    ///
    /// As for the steps themselves.
    fn finish<'a>(&'a mut self, run: &'a Run) -> BoxFuture<'a, Result<(), ExecError>> {
        let _ = run;
        Box::pin(std::future::ready(Ok(())))
    }
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was done.
    Changed,
    /// Everything was as it should be.
    AlreadySo,
    /// It was left out.
    Skipped {
        /// Why.
        why: String,
    },
}

impl Outcome {
    /// `changed`, `alreadySo` or `skipped`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::AlreadySo => "alreadySo",
            Self::Skipped { .. } => "skipped",
        }
    }
}

/// What a run is given from outside: where events go, and whether it should stop.
#[derive(Clone)]
pub struct Run {
    /// Receives the events.
    pub observer: Arc<dyn Observer>,
    /// Polled between steps and in waits.
    pub cancel: CancelToken,
}

impl Default for Run {
    /// Tells nobody, cannot be cancelled.
    fn default() -> Self {
        Self { observer: Arc::new(Silent), cancel: CancelToken::default() }
    }
}

/// Receives the events of a run, in order. The library itself prints nothing.
pub trait Observer: Send + Sync {
    /// Called for each event; must return soon.
    fn event(&self, event: &Event<'_>);
}

/// An observer that ignores everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _event: &Event<'_>) {}
}

/// What happens in a run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A stage begins.
    StageStarted {
        /// The stage.
        stage: &'static str,
        /// How many steps it has.
        steps: usize,
    },
    /// A step begins.
    StepStarted {
        /// The stage.
        stage: &'a str,
        /// Its place in the stage, from 1.
        number: usize,
        /// How many steps the stage has.
        steps: usize,
        /// The step.
        step: &'a Step,
    },
    /// A step ended well.
    StepDone {
        /// The stage.
        stage: &'a str,
        /// Its place in the stage, from 1.
        number: usize,
        /// How many steps the stage has.
        steps: usize,
        /// The step.
        step: &'a Step,
        /// What became of it.
        outcome: &'a Outcome,
    },
    /// A step failed.
    StepFailed {
        /// The stage.
        stage: &'a str,
        /// The step.
        step: &'a Step,
        /// Why.
        error: &'a ExecError,
    },
    /// A step waits: told when it begins to, whenever what hinders it changes, and when nothing does any more.
    Waiting {
        /// The stage.
        stage: &'a str,
        /// The step.
        step: &'a Step,
        /// For what: a component such as `kube-apiserver`, or an object.
        on: &'a str,
        /// What hinders it; `None` if it is well now.
        reason: Option<&'a Reason>,
        /// How long the step has waited.
        elapsed: Duration,
    },
    /// Something a person should know.
    Note {
        /// The stage.
        stage: &'a str,
        /// The text.
        text: &'a str,
    },
    /// A stage ended.
    StageDone {
        /// The stage.
        stage: &'a str,
    },
}
