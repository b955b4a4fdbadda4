//! Waits for components: looks at all of them side by side, and tells whenever what hinders one of them changes.

use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use super::Cluster;
use crate::{
    exec::{CancelToken, Event, ExecError, Outcome, Run},
    health::{Check, Reason, WaitError, judge},
    plan::Step,
    probe::Look,
};

/// The pause between two looks at a component.
const AGAIN: Duration = Duration::from_millis(100);
/// How often cancellation and the deadline are looked at.
const TICK: Duration = Duration::from_millis(20);

impl Cluster {
    /// Waits until every component was healthy once.
    pub(super) fn healthy(
        &mut self,
        checks: &[Check],
        limit: Duration,
        step: &Step,
        run: &Run,
    ) -> Result<Outcome, ExecError> {
        let identity = match checks.iter().any(|check| check.authenticated) {
            true => Some(self.connection.identity(self.host.tree())?),
            false => None,
        };
        let mut looks = Vec::new();
        for check in checks {
            let look = Look::new(check.clone(), identity.as_ref(), self.host.tree().clone());
            looks.push(look.map_err(|source| ExecError::api(check.component.as_str(), source))?);
        }
        let stop = CancelToken::default();
        let (tell, told) = mpsc::channel();
        thread::scope(|scope| {
            for (index, look) in looks.iter().enumerate() {
                let (tell, stop) = (tell.clone(), stop.clone());
                scope.spawn(move || look_on(look, index, &tell, &stop));
            }
            let ended = Waiting { checks, limit, step, run, stage: self.stage }.until_healthy(&told);
            stop.trigger();
            ended
        })
    }
}

type Told = (usize, Option<Reason>);

/// Looks at a component until it is healthy or nobody waits any more.
fn look_on(look: &Look, index: usize, tell: &mpsc::Sender<Told>, stop: &CancelToken) {
    while !stop.is_triggered() {
        let seen = look.look(stop);
        if stop.is_triggered() {
            return;
        }
        let reason = judge(look.check(), &seen);
        let healthy = reason.is_none();
        if tell.send((index, reason)).is_err() || healthy {
            return;
        }
        thread::sleep(AGAIN);
    }
}

struct Waiting<'a> {
    checks: &'a [Check],
    limit: Duration,
    step: &'a Step,
    run: &'a Run,
    stage: &'static str,
}

impl Waiting<'_> {
    fn until_healthy(&self, told: &mpsc::Receiver<Told>) -> Result<Outcome, ExecError> {
        let begin = Instant::now();
        // Nothing known yet, a reason, or healthy.
        let mut states: Vec<Option<Option<Reason>>> = vec![None; self.checks.len()];
        let mut waited = false;
        loop {
            match told.recv_timeout(TICK) {
                Ok((index, reason)) => {
                    let Some(state) = states.get_mut(index) else { continue };
                    let news = match (&*state, &reason) {
                        (Some(Some(before)), Some(now)) => !before.is_like(now),
                        (before, now) => before.as_ref() != Some(now),
                    };
                    waited |= reason.is_some();
                    if let (true, Some(check)) = (news, self.checks.get(index)) {
                        self.run.observer.event(&Event::Waiting {
                            stage: self.stage,
                            step: self.step,
                            on: &check.component,
                            reason: reason.as_ref(),
                            elapsed: begin.elapsed(),
                        });
                    }
                    *state = Some(reason);
                    if states.iter().all(|state| matches!(state, Some(None))) {
                        // A run that did not have to wait did nothing.
                        return Ok(if waited { Outcome::Changed } else { Outcome::AlreadySo });
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            if self.run.cancel.is_triggered() || begin.elapsed() >= self.limit {
                return Err(self.late(&states, begin).into());
            }
        }
    }

    /// The error names every component that is not healthy; its reason is the first one's.
    fn late(&self, states: &[Option<Option<Reason>>], begin: Instant) -> WaitError {
        let unknown = || Reason::NoAnswer { within: begin.elapsed() };
        let mut sick: Vec<(String, Reason)> = Vec::new();
        for (check, state) in self.checks.iter().zip(states) {
            match state {
                Some(None) => {}
                Some(Some(reason)) => {
                    sick.push((format!("{} at {}", check.component, check.url()), reason.clone()))
                }
                None => sick.push((format!("{} at {}", check.component, check.url()), unknown())),
            }
        }
        let others: Vec<String> =
            sick.iter().skip(1).map(|(what, reason)| format!("{what}: {reason}")).collect();
        let (mut what, reason) = sick.into_iter().next().unwrap_or_else(|| (String::new(), unknown()));
        if !others.is_empty() {
            what = format!("{what} (also {})", others.join("; "));
        }
        let reason = Box::new(reason);
        match self.run.cancel.is_triggered() {
            true => WaitError::Cancelled { what, after: begin.elapsed(), reason },
            false => WaitError::Deadline { what, limit: self.limit, reason },
        }
    }
}
