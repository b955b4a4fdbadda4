//! What a call of a chain is given from outside: whether to stop, and who is told what happens.

use std::time::Instant;

use super::chain_error::ChainError;
use crate::{cni::Command, exec::CancelToken};

/// What a call is given from outside. Default: nobody stops it, nobody is told.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct CniRun<'a> {
    /// Asks for a stop.
    pub cancel: CancelToken,
    /// When the whole call must have ended; `None` (default) leaves it to the timeout of each plugin.
    pub deadline: Option<Instant>,
    /// Asked whether to go on, and told what happens, on the calling thread.
    pub watch: Option<&'a dyn CniWatch>,
}

/// Watches a call of a chain.
pub trait CniWatch {
    /// Asked often, also while a plugin runs. `false` stops the call. Default: go on.
    fn goes_on(&self) -> bool {
        true
    }

    /// Told what happens, in order.
    fn event(&self, event: &CniEvent<'_>) {
        let _ = event;
    }
}

/// A plugin's part in a call: `number` from 1, of `steps`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CniStep<'a> {
    /// The program.
    pub program: &'a str,
    /// The command.
    pub command: Command,
    /// Its place in the order of the call.
    pub number: usize,
    /// How many plugins the call runs.
    pub steps: usize,
}

/// What happens in a call.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum CniEvent<'a> {
    /// A plugin is run.
    Started(CniStep<'a>),
    /// It ended well.
    Done(CniStep<'a>),
    /// It failed.
    Failed(CniStep<'a>, &'a ChainError),
}

impl<'a> CniRun<'a> {
    /// Sets [`cancel`](Self::cancel).
    #[must_use]
    pub fn cancel(mut self, cancel: CancelToken) -> Self {
        self.cancel = cancel;
        self
    }

    /// Sets [`deadline`](Self::deadline).
    #[must_use]
    pub const fn deadline(mut self, deadline: Option<Instant>) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets [`watch`](Self::watch).
    #[must_use]
    pub const fn watch(mut self, watch: &'a dyn CniWatch) -> Self {
        self.watch = Some(watch);
        self
    }

    pub(super) fn must_stop(&self) -> bool {
        self.cancel.is_triggered() || self.watch.is_some_and(|watch| !watch.goes_on())
    }

    pub(super) fn tell(&self, event: &CniEvent<'_>) {
        if let Some(watch) = self.watch {
            watch.event(event);
        }
    }
}
