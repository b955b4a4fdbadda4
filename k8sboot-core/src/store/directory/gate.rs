//! One call at a time in this process: `flock` does not tell the threads of one descriptor apart.

use std::sync::{Condvar, Mutex, PoisonError};

use super::lock::Patience;

/// Lets one caller through at a time, for as long as each is willing to wait.
#[derive(Debug, Default)]
pub(super) struct Gate {
    busy: Mutex<bool>,
    free: Condvar,
}

/// The caller is through as long as this lives.
#[derive(Debug)]
pub(super) struct Pass<'a>(&'a Gate);

impl Gate {
    /// `None` when the time is up.
    pub(super) fn pass(&self, patience: &Patience) -> Option<Pass<'_>> {
        let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut busy, _) = self
            .free
            .wait_timeout_while(busy, patience.left(), |busy| *busy)
            .unwrap_or_else(PoisonError::into_inner);
        if *busy {
            return None;
        }
        *busy = true;
        Some(Pass(self))
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        *self.0.busy.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.free.notify_one();
    }
}
