//! Waiting with a reason, a limit and cancellation.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::{Event, Run};
use crate::{join::JoinError, time::GoDuration};

/// How often something is looked at again.
pub(super) const LOOK: Duration = Duration::from_millis(200);
/// How long a cancelled wait goes on at most.
const SLICE: Duration = Duration::from_millis(20);

/// A wait: how long, and what it told last.
pub(super) struct Waiting<'a> {
    run: &'a Run,
    stage: &'a str,
    doing: &'static str,
    until: Instant,
    limit: Duration,
    told: String,
}

impl<'a> Waiting<'a> {
    pub(super) fn new(run: &'a Run, stage: &'a str, doing: &'static str, limit: GoDuration) -> Self {
        let limit = Duration::from_nanos(u64::try_from(limit.nanoseconds()).unwrap_or_default());
        Self { run, stage, doing, until: Instant::now() + limit, limit, told: String::new() }
    }

    /// Tells what is waited for, if it is something new.
    pub(super) fn tell(&mut self, reason: String) {
        if reason != self.told {
            self.run.observer.event(&Event::Note { stage: self.stage, text: &reason });
            self.told = reason;
        }
    }

    /// What was told last.
    pub(super) fn reason(&self) -> String {
        self.told.clone()
    }

    pub(super) const fn limit(&self) -> Duration {
        self.limit
    }

    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// An error once the run was cancelled.
    pub(super) fn go_on(&self) -> Result<(), JoinError> {
        if self.run.cancel.is_triggered() {
            return Err(JoinError::Cancelled { doing: self.doing.to_owned() });
        }
        Ok(())
    }

    /// Sleeps until the next look.
    pub(super) fn pause(&self) -> Result<(), JoinError> {
        let end = Instant::now() + LOOK;
        while Instant::now() < end {
            self.go_on()?;
            thread::sleep(SLICE);
        }
        self.go_on()
    }
}
