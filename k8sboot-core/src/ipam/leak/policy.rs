//! What a caller knows beyond the witnesses.

use std::time::Duration;

/// The default grace period: ten minutes.
///
/// kubelet waits for `RunPodSandbox` twice its `runtimeRequestTimeout` of two minutes; a plugin that was given up may
/// still be at its last step (Calico waits up to 90 seconds for its own lock).
pub const DEFAULT_GRACE: Duration = Duration::from_secs(600);

/// What a caller knows beyond the witnesses. The default is the careful one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// Younger records are kept. Default: [`DEFAULT_GRACE`].
    ///
    /// Zero only if every ADD of the network runs in this process and a witness tells which are running
    /// ([`InFlight`](crate::store::InFlight)), or if no ADD can run (the runtime is stopped).
    pub grace: Duration,
    /// Whether the runtimes asked are all that use the network. Default: [`Runtimes::Some`].
    pub runtimes: Runtimes,
}

/// Whether the runtimes asked are all that use the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Runtimes {
    /// Others may share it: only what the network namespaces do not hold can be leaked.
    #[default]
    Some,
    /// There is no other owner on this host. Also to be said if there is no runtime at all.
    All,
}

impl Default for Policy {
    fn default() -> Self {
        Self { grace: DEFAULT_GRACE, runtimes: Runtimes::Some }
    }
}

impl Policy {
    /// Sets [`grace`](Self::grace).
    #[must_use]
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets [`runtimes`](Self::runtimes).
    #[must_use]
    pub const fn runtimes(mut self, runtimes: Runtimes) -> Self {
        self.runtimes = runtimes;
        self
    }
}
