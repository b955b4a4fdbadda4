//! Several endpoints at the same time, each on a thread of its own; the first that succeeds counts.

use std::{
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use super::DiscoverOptions;
use crate::{
    discovery::{Cause, DiscoveryError, EndpointFailure, Wait},
    error::Code,
    exec::{CancelToken, Event, Run},
};

/// The stage that events name.
const STAGE: &str = "discovery";
/// How long after a change it is seen at the latest, an answer's own time aside.
const RECHECK: Duration = Duration::from_millis(200);
/// How often waits look whether they were cancelled.
const LOOK: Duration = Duration::from_millis(20);

/// Asks one endpoint until there is a verdict.
pub(super) type Asker<T> = Box<dyn FnOnce(&Asking) -> Result<T, Cause> + Send>;

/// What an endpoint's thread is given: limits, a stop, and somebody to tell.
pub(super) struct Asking {
    timeout: Duration,
    patience: Duration,
    pub(super) cancel: CancelToken,
    tell: Box<dyn Fn(String) + Send>,
}

enum Told<T> {
    Note(usize, String),
    Verdict(usize, Result<T, Cause>),
}

/// The first success, or every failure. The threads of the others are told to stop and not waited for: a name server that
/// does not answer keeps nobody.
pub(super) fn race<T: Send + 'static>(
    endpoints: Vec<(String, Asker<T>)>,
    options: &DiscoverOptions,
    run: &Run,
) -> Result<T, DiscoveryError> {
    let stop = CancelToken::default();
    let (tell, told) = mpsc::channel();
    let mut verdicts: Vec<(String, Option<Cause>)> = Vec::new();
    for (index, (name, asker)) in endpoints.into_iter().enumerate() {
        let failed = start(index, asker, options, &stop, &tell)
            .err()
            .map(|error| Cause::Runtime { problem: error.to_string() });
        verdicts.push((name, failed));
    }
    drop(tell);
    let outcome = collect(&told, &mut verdicts, run);
    stop.trigger();
    match outcome {
        Some(Ok(found)) => Ok(found),
        Some(Err(cancelled)) => Err(cancelled),
        None => Err(DiscoveryError::Endpoints {
            failures: verdicts
                .into_iter()
                .map(|(name, cause)| {
                    let ended =
                        || Cause::Runtime { problem: "its thread ended without a verdict".to_owned() };
                    EndpointFailure::new(name, cause.unwrap_or_else(ended))
                })
                .collect(),
        }),
    }
}

fn start<T: Send + 'static>(
    index: usize,
    asker: Asker<T>,
    options: &DiscoverOptions,
    stop: &CancelToken,
    tell: &Sender<Told<T>>,
) -> std::io::Result<()> {
    // Nobody listens any more once another endpoint has won.
    let notes = tell.clone();
    let asking = Asking {
        timeout: options.timeout,
        patience: options.patience,
        cancel: stop.clone(),
        tell: Box::new(move |text| drop(notes.send(Told::Note(index, text)))),
    };
    let tell = tell.clone();
    thread::Builder::new().name("k8sboot-discover".to_owned()).spawn(move || {
        let verdict = asker(&asking);
        drop(tell.send(Told::Verdict(index, verdict)));
    })?;
    Ok(())
}

/// Nothing if every endpoint has failed or its thread is gone.
fn collect<T>(
    told: &mpsc::Receiver<Told<T>>,
    verdicts: &mut [(String, Option<Cause>)],
    run: &Run,
) -> Option<Result<T, DiscoveryError>> {
    loop {
        if run.cancel.is_triggered() {
            return Some(Err(DiscoveryError::Cancelled));
        }
        if verdicts.iter().all(|(_, cause)| cause.is_some()) {
            return None;
        }
        match told.recv_timeout(LOOK) {
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
            Ok(Told::Verdict(_, Ok(found))) => return Some(Ok(found)),
            Ok(Told::Verdict(index, Err(cause))) => {
                if let Some((name, verdict)) = verdicts.get_mut(index) {
                    note(run, &format!("{name}: {cause}"));
                    *verdict = Some(cause);
                }
            }
            Ok(Told::Note(index, text)) => {
                if let Some((name, _)) = verdicts.get(index) {
                    note(run, &format!("{name}: {text}"));
                }
            }
        }
    }
}

pub(super) fn note(run: &Run, text: &str) {
    run.observer.event(&Event::Note { stage: STAGE, text });
}

impl Asking {
    /// Asks again and again until there is a success or a cause that is not worth waiting for any longer.
    pub(super) fn until<T>(&self, mut ask: impl FnMut() -> Result<T, Cause>) -> Result<T, Cause> {
        let started = Instant::now();
        let mut passing: Option<Instant> = None;
        let mut last: Option<Code> = None;
        loop {
            let cause = match ask() {
                Ok(found) => return Ok(found),
                Err(cause) => cause,
            };
            let whole = self.timeout.saturating_sub(started.elapsed());
            let left = match cause.wait() {
                Wait::Never => return Err(cause),
                Wait::Seconds => {
                    let since = passing.get_or_insert_with(Instant::now);
                    self.patience.saturating_sub(since.elapsed()).min(whole)
                }
                Wait::Timeout => {
                    passing = None;
                    whole
                }
            };
            if left.is_zero() {
                return Err(cause);
            }
            if last.replace(cause.code()) != Some(cause.code()) {
                (self.tell)(format!("{cause} (asking again for up to {} s)", left.as_secs().max(1)));
            }
            let after = match &cause {
                Cause::Busy { after: Some(after), .. } => RECHECK.max(*after),
                _ => RECHECK,
            };
            self.pause(after.min(left))?;
        }
    }

    fn pause(&self, time: Duration) -> Result<(), Cause> {
        let until = Instant::now() + time;
        loop {
            if self.cancel.is_triggered() {
                return Err(Cause::Cancelled);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(LOOK));
        }
    }
}
