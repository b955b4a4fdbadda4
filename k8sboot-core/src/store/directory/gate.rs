//! One call at a time in this process: `flock` does not tell the threads of one descriptor apart.

use std::sync::{Condvar, Mutex, PoisonError};

use super::lock::Patience;

/// Lets one caller through at a time, for as long as each is willing to wait.
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<Busy>,
    free: Condvar,
}

#[derive(Debug, Default)]
struct Busy {
    busy: bool,
    waiting: u32,
}

/// The caller is through as long as this lives.
#[derive(Debug)]
pub(super) struct Pass<'a>(&'a Gate);

impl Gate {
    /// `None` when the time is up.
    pub(super) fn pass(&self, patience: &Patience) -> Option<Pass<'_>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.busy {
            state.waiting += 1;
            let wait = self.free.wait_timeout_while(state, patience.left(), |state| state.busy);
            (state, _) = wait.unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
            if state.busy {
                return None;
            }
        }
        state.busy = true;
        Some(Pass(self))
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.busy = false;
        // Waking costs a system call.
        if state.waiting > 0 {
            self.0.free.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn one_at_a_time_and_no_longer_than_asked() {
        let gate = Gate::default();
        let pass = gate.pass(&Patience::new(Duration::ZERO)).unwrap();
        assert!(gate.pass(&Patience::new(Duration::from_millis(1))).is_none());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| gate.pass(&Patience::new(Duration::from_secs(60))).is_some());
            std::thread::sleep(Duration::from_millis(5));
            drop(pass);
            assert!(waiting.join().unwrap());
        });
        assert!(gate.pass(&Patience::new(Duration::ZERO)).is_some());
    }
}
