//! Asking for a stop.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Tells a run to stop at the next safe point. Clones share the state; any thread may trigger it.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// Asks for the stop.
    pub fn trigger(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the stop was asked for.
    #[must_use]
    pub fn is_triggered(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
