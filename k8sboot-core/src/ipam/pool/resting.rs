//! Released addresses that rest: first in, first out.

use std::time::Duration;

use super::leases::Leases;
use crate::ipam::{
    policy::Rest,
    slab::{NONE, Number},
};

/// The resting addresses of one range set, linked from the one released first to the one released last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resting {
    first: Number,
    last: Number,
    count: u128,
    /// How many addresses of the set were released so far.
    pub(super) releases: u64,
}

impl Resting {
    pub(super) const fn new() -> Self {
        Self { first: NONE, last: NONE, count: 0, releases: 0 }
    }

    /// The lease that rests longest, or [`NONE`].
    pub(super) const fn first(&self) -> Number {
        self.first
    }

    pub(super) const fn count(&self) -> u128 {
        self.count
    }

    /// When the last of them was released, and as which of the releases; zero if none rests.
    pub(super) fn last_released(&self, leases: &Leases) -> (Duration, u64) {
        leases.get(self.last).map_or((Duration::ZERO, 0), |lease| lease.released)
    }

    /// Lets a lease that is nobody's rest from now on.
    pub(super) fn push(&mut self, leases: &mut Leases, at: Number, now: Duration) {
        self.releases = self.releases.saturating_add(1);
        self.push_released(leases, at, (now, self.releases));
    }

    /// As [`push`](Self::push), for one that was released before.
    pub(super) fn push_released(&mut self, leases: &mut Leases, at: Number, released: (Duration, u64)) {
        if let Some(lease) = leases.get_mut(at) {
            (lease.previous, lease.next, lease.released) = (self.last, NONE, released);
        }
        match leases.get_mut(self.last) {
            Some(last) => last.next = at,
            None => self.first = at,
        }
        self.last = at;
        self.count += 1;
    }

    /// Ends the rest of a lease.
    pub(super) fn remove(&mut self, leases: &mut Leases, at: Number) {
        let Some(lease) = leases.get_mut(at) else { return };
        let (previous, next) = (lease.previous, lease.next);
        (lease.previous, lease.next) = (NONE, NONE);
        match leases.get_mut(previous) {
            Some(previous) => previous.next = next,
            None => self.first = next,
        }
        match leases.get_mut(next) {
            Some(next) => next.previous = previous,
            None => self.last = previous,
        }
        self.count -= 1;
    }

    /// The lease that rests longest, if it has rested enough.
    pub(super) fn rested(&self, leases: &Leases, rest: &Rest, now: Duration) -> Option<Number> {
        let (since, turn) = leases.get(self.first)?.released;
        let enough =
            now.saturating_sub(since) >= rest.time && self.releases.saturating_sub(turn) >= rest.releases;
        enough.then_some(self.first)
    }
}
