//! Between a run of the core and its C caller: events out, the wish to stop in, what was done kept.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use k8sboot_core::{
    error::{Code, Problem, chain},
    exec::{BoxFuture, CancelToken, Check, Event, ExecError, Executor, Observer, Outcome, Run},
    flow::Report,
    plan::{Plan, Step},
};
use serde_json::{Value, json};

use crate::{
    error::Failure,
    event::{
        self, K8SBOOT_EVENT_NOTE, K8SBOOT_EVENT_STAGE_DONE, K8SBOOT_EVENT_STAGE_STARTED,
        K8SBOOT_EVENT_STEP_DONE, K8SBOOT_EVENT_STEP_FAILED, K8SBOOT_EVENT_STEP_STARTED,
        K8SBOOT_EVENT_WAITING,
    },
};

/// How often a running call looks whether the caller wants it to stop.
const LOOK: Duration = Duration::from_millis(10);
/// What the core says of a call that was asked to stop.
const STOPS: [Code; 5] = [
    Code::FLOW_CANCELLED,
    Code::API_CANCELLED,
    Code::WAIT_CANCELLED,
    Code::JOIN_CANCELLED,
    Code::DISCOVERY_CANCELLED,
];

/// Observes one run. The core tells its events on the thread that waits for it, which is the caller's.
pub(crate) struct Watch {
    caller: event::Run,
    stop: CancelToken,
    /// The call has ended: nothing of the caller's may be touched any more.
    over: AtomicBool,
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
        let (stop, over) = (CancelToken::default(), AtomicBool::default());
        Arc::new(Self { caller, stop, over, seen: Mutex::default() })
    }

    /// What the core is given for the run.
    pub(crate) fn run(self: &Arc<Self>) -> Run {
        Run { observer: self.clone(), cancel: self.stop.clone() }
    }

    /// Makes the call. Not only events stop it: it is told soon after the caller wants that or its time is over.
    pub(crate) fn during<T>(&self, call: impl FnOnce() -> T) -> T {
        let _over = Over(self);
        if !self.caller.is_limited() {
            return call();
        }
        self.look_up(self.caller.go_on());
        thread::scope(|scope| {
            // Closed when the call ends, by a panic as well.
            let (_running, ended) = mpsc::channel::<Infallible>();
            let look = move || {
                while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(LOOK) {
                    self.look_up(self.caller.go_on());
                }
            };
            // Without the thread the caller's wish is seen at events alone.
            let _looker = thread::Builder::new().name("k8sboot-stop".to_owned()).spawn_scoped(scope, look);
            call()
        })
    }

    /// The failure for the caller.
    pub(crate) fn failure(&self, error: impl Problem + 'static) -> Failure {
        match self.seen().stopped.take() {
            Some(stopped) if STOPS.contains(&error.code()) => stopped.because(&error),
            _ => Failure::from(error),
        }
    }

    /// Adds what was done until then.
    pub(crate) fn with_report(&self, failure: Failure) -> Failure {
        failure.with_report(self.seen().report.to_json())
    }

    /// Stops the run if the caller wants that or its time is over.
    fn look_up(&self, asked: Result<(), Failure>) {
        if let Err(failure) = asked {
            // What stopped it first is what the caller is told.
            self.seen().stopped.get_or_insert(failure);
            self.stop.trigger();
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Marks the end of a call.
struct Over<'a>(&'a Watch);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Release);
    }
}

impl Observer for Watch {
    fn event(&self, event: &Event<'_>) {
        self.seen().report.record(event);
        if !self.over.load(Ordering::Acquire) && !self.stop.is_triggered() {
            self.look_up(tell(&self.caller, event));
        }
    }
}

/// An executor that looks up after the keys were made: that can take seconds and has no events.
pub(crate) struct Watched<'a> {
    pub(crate) executor: &'a mut dyn Executor,
    pub(crate) watch: &'a Watch,
}

impl Executor for Watched<'_> {
    fn check(&self) -> Check {
        self.executor.check()
    }

    fn prepare<'a>(&'a mut self, plan: &'a Plan, run: &'a Run) -> BoxFuture<'a, Result<(), ExecError>> {
        Box::pin(async move {
            self.executor.prepare(plan, run).await?;
            if !self.watch.stop.is_triggered() {
                self.watch.look_up(self.watch.caller.go_on());
            }
            Ok(())
        })
    }

    fn run<'a>(&'a mut self, step: &'a Step, run: &'a Run) -> BoxFuture<'a, Result<Outcome, ExecError>> {
        self.executor.run(step, run)
    }

    fn take_notes(&mut self) -> Vec<String> {
        self.executor.take_notes()
    }

    fn finish<'a>(&'a mut self, run: &'a Run) -> BoxFuture<'a, Result<(), ExecError>> {
        self.executor.finish(run)
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
        Event::Waiting { stage, step, on, reason, elapsed } => {
            (told.kind, told.stage) = (K8SBOOT_EVENT_WAITING, stage);
            text = reason.map_or_else(|| format!("{on} is well"), |reason| format!("{on}: {reason}"));
            let elapsed = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
            json = json!({ "id": step.id, "on": on, "reason": reason.map(ToString::to_string), "elapsedMs": elapsed });
            (told.text, told.json) = (&text, Some(&json));
        }
        Event::Note { stage, text } => (told.kind, told.stage, told.text) = (K8SBOOT_EVENT_NOTE, stage, text),
        Event::StageDone { stage } => (told.kind, told.stage) = (K8SBOOT_EVENT_STAGE_DONE, stage),
        // A kind of event that the core got later and this boundary does not tell yet.
        _ => return caller.go_on(),
    }
    caller.emit(told)
}
