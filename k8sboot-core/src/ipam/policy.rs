//! In which order a pool gives addresses.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// In which order addresses are given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Policy {
    /// The next free one after the last given, going round, as host-local does.
    #[default]
    NextFit,
    /// The first free one, in the order of the ranges.
    Lowest,
    /// As [`NextFit`](Self::NextFit), but an address that was released rests before anybody gets it.
    Rest(Rest),
}

/// How long a released address rests: until both conditions hold, each of which is met if it is zero.
///
/// Addresses rest first in, first out. One that is [requested](super::Request::addresses) or
/// [held](super::Pool::hold) by name does not have to rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct Rest {
    /// So long, by the clock of [`Pool::advance`](super::Pool::advance). Default: zero.
    pub time: Duration,
    /// Until so many other addresses of the range set were released after it. Default: zero.
    pub releases: u64,
    /// Whether the address that rests longest is given when all others are held. Default: no, the allocation is refused.
    pub oldest_if_exhausted: bool,
}

impl Rest {
    /// Rest for a time.
    #[must_use]
    pub const fn time(time: Duration) -> Self {
        Self { time, releases: 0, oldest_if_exhausted: false }
    }

    /// Rest until so many other addresses of the range set were released.
    #[must_use]
    pub const fn releases(releases: u64) -> Self {
        Self { time: Duration::ZERO, releases, oldest_if_exhausted: false }
    }

    /// Sets [`oldest_if_exhausted`](Self::oldest_if_exhausted).
    #[must_use]
    pub const fn oldest_if_exhausted(mut self, give: bool) -> Self {
        self.oldest_if_exhausted = give;
        self
    }
}

/// Options of a [`Pool`](super::Pool).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolOptions {
    /// See [`Policy`]. Default: [`Policy::NextFit`].
    pub policy: Policy,
    /// Where the hash of owners and addresses starts; it changes no answer. Default: 0.
    ///
    /// Container IDs come from the container runtime, at random. Where others choose them, a secret random seed keeps them
    /// from choosing IDs that collide; collisions cost time, at most a comparison for each owner, and never an error.
    pub hash_seed: u64,
}

impl PoolOptions {
    /// The defaults with a policy.
    #[must_use]
    pub const fn new(policy: Policy) -> Self {
        Self { policy, hash_seed: 0 }
    }

    /// Sets [`hash_seed`](Self::hash_seed).
    #[must_use]
    pub const fn hash_seed(mut self, seed: u64) -> Self {
        self.hash_seed = seed;
        self
    }
}
