//! Between a run of the core and its C caller: events out, the wish to stop in, what was done kept.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8sboot_core::{
    error::{Problem, chain},
    exec::{BoxFuture, CancelToken, Check, Event, ExecError, Executor, Host, Observer, Outcome, Run},
    flow::{FlowError, Report},
    plan::{Plan, Step},
};
use serde_json::{Value, json};

use crate::{
    error::Failure,
    event::{
        self, K8SBOOT_EVENT_NOTE, K8SBOOT_EVENT_STAGE_DONE, K8SBOOT_EVENT_STAGE_STARTED,
        K8SBOOT_EVENT_STEP_DONE, K8SBOOT_EVENT_STEP_FAILED, K8SBOOT_EVENT_STEP_STARTED,
    },
};

/// Observes one run. The core tells its events on the thread that waits for it, which is the caller's.
pub(crate) struct Watch {
    caller: event::Run,
    stop: CancelToken,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    report: Report,
    /// Why the run was asked to stop.
    stopped: Option<Failure>,
}

impl Watch {
    pub(crate) fn new(caller: event::Run) -> Arc<Self> {
        Arc::new(Self { caller, stop: CancelToken::default(), seen: Mutex::default() })
    }

    /// What the core is given for the run.
    pub(crate) fn run(self: &Arc<Self>) -> Run {
        Run { observer: self.clone(), cancel: self.stop.clone() }
    }

    /// The failure for the caller, with what was done until then.
    pub(crate) fn failure(&self, error: FlowError) -> Failure {
        let stopped = self.seen().stopped.take();
        self.with_report(match (stopped, &error) {
            (Some(stopped), FlowError::Cancelled { .. }) => stopped.because(&error),
            _ => Failure::from(error),
        })
    }

    /// Adds what was done until then.
    pub(crate) fn with_report(&self, failure: Failure) -> Failure {
        failure.with_report(self.seen().report.to_json())
    }

    /// Stops the run if the caller wants that or its time is over.
    fn look_up(&self, asked: Result<(), Failure>) {
        if let Err(failure) = asked {
            self.seen().stopped = Some(failure);
            self.stop.trigger();
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Watch {
    fn event(&self, event: &Event<'_>) {
        self.seen().report.record(event);
        if !self.stop.is_triggered() {
            self.look_up(tell(&self.caller, event));
        }
    }
}

/// The executor of a node, which looks up after the keys were made: that can take seconds and has no events.
pub(crate) struct Watched<'a> {
    pub(crate) host: &'a mut Host,
    pub(crate) watch: &'a Watch,
}

impl Executor for Watched<'_> {
    fn check(&self) -> Check {
        self.host.check()
    }

    fn prepare<'a>(&'a mut self, plan: &'a Plan, run: &'a Run) -> BoxFuture<'a, Result<(), ExecError>> {
        Box::pin(async move {
            self.host.prepare(plan, run).await?;
            if !self.watch.stop.is_triggered() {
                self.watch.look_up(self.watch.caller.go_on());
            }
            Ok(())
        })
    }

    fn run<'a>(&'a mut self, step: &'a Step, run: &'a Run) -> BoxFuture<'a, Result<Outcome, ExecError>> {
        self.host.run(step, run)
    }
}

fn tell(caller: &event::Run, event: &Event<'_>) -> Result<(), Failure> {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let mut told = event::Event::default();
    let text: String;
    let json: Value;
    match event {
        Event::StageStarted { stage, steps } => {
            (told.kind, told.stage, told.steps) = (K8SBOOT_EVENT_STAGE_STARTED, stage, count(*steps));
        }
        Event::StepStarted { stage, number, steps, step } => {
            (told.kind, told.stage) = (K8SBOOT_EVENT_STEP_STARTED, stage);
            (told.step, told.steps) = (count(*number), count(*steps));
            text = step.action.summary();
            json = json!({ "id": step.id, "paths": step.action.paths(), "why": step.why });
            (told.text, told.json) = (&text, Some(&json));
        }
        Event::StepDone { stage, number, steps, step, outcome } => {
            (told.kind, told.stage) = (K8SBOOT_EVENT_STEP_DONE, stage);
            (told.step, told.steps) = (count(*number), count(*steps));
            text = step.action.summary();
            json = json!({ "id": step.id, "paths": step.action.paths(), "outcome": outcome.name() });
            (told.text, told.json) = (&text, Some(&json));
        }
        Event::StepFailed { stage, step, error } => {
            (told.kind, told.stage) = (K8SBOOT_EVENT_STEP_FAILED, stage);
            text = chain(error);
            let code = error.code();
            json = json!({ "id": step.id, "kind": code.name(), "code": code.number() });
            (told.text, told.json) = (&text, Some(&json));
        }
        Event::Note { stage, text } => (told.kind, told.stage, told.text) = (K8SBOOT_EVENT_NOTE, stage, text),
        Event::StageDone { stage } => (told.kind, told.stage) = (K8SBOOT_EVENT_STAGE_DONE, stage),
        // A kind of event that the core got later and this boundary does not tell yet.
        _ => return caller.go_on(),
    }
    caller.emit(told)
}
