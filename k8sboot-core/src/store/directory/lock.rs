//! The two locks: the directory, which host-local locked before 0.7.0, then the file `lock`, which it locks since.
//!
//! The order is always the same, and each release of host-local knows only one of them, so nobody can wait in a circle.
//! The kernel gives both back when a process dies.

use std::{
    io,
    os::fd::OwnedFd,
    thread,
    time::{Duration, Instant},
};

use rustix::{fs::FlockOperation, io::Errno};

use super::{files::Files, name::LOCK};
use crate::store::{StoreError, StoreOp};

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_millis(1);

/// Waits a little longer each time, but never past a deadline.
#[derive(Debug)]
pub(super) struct Patience {
    begun: Instant,
    limit: Duration,
    pause: Duration,
    tries: u32,
}

impl Patience {
    pub(super) fn new(limit: Duration) -> Self {
        Self { begun: Instant::now(), limit, pause: Duration::from_micros(20), tries: 0 }
    }

    pub(super) fn waited(&self) -> Duration {
        self.begun.elapsed()
    }

    pub(super) fn left(&self) -> Duration {
        self.limit.saturating_sub(self.waited())
    }

    /// False when the time is up.
    fn wait(&mut self) -> bool {
        let left = self.left();
        if left.is_zero() {
            return false;
        }
        self.tries += 1;
        // A call takes tens of microseconds: the first tries only let the holder run.
        if self.tries < 4 {
            thread::yield_now();
        } else {
            thread::sleep(self.pause.min(left));
            self.pause = (self.pause * 3 / 2).min(LONGEST_PAUSE);
        }
        true
    }
}

/// Takes both locks; the directory's alone if there is no lock file and none is to be made.
pub(super) fn take(files: &Files, patience: &mut Patience) -> Result<(), StoreError> {
    take_one(files, files.dir(), ".", patience)?;
    let Some(lock) = files.lock() else { return Ok(()) };
    take_one(files, lock, LOCK, patience).inspect_err(|_| give_back(files.dir()))
}

/// Gives both locks back.
pub(super) fn release(files: &Files) {
    if let Some(lock) = files.lock() {
        give_back(lock);
    }
    give_back(files.dir());
}

/// Unlocking an open descriptor cannot fail.
fn give_back(fd: &OwnedFd) {
    let _ = rustix::fs::flock(fd, FlockOperation::Unlock);
}

fn take_one(files: &Files, fd: &OwnedFd, name: &str, patience: &mut Patience) -> Result<(), StoreError> {
    let try_once = || match rustix::fs::flock(fd, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Ok(false),
        other => other.map(|()| true),
    };
    let mut taken = files.run(StoreOp::Lock, name, try_once)?;
    while !taken {
        if !patience.wait() {
            let path = files.path_of(name);
            return Err(StoreError::Locked { path, holder: holder(fd), waited: patience.waited() });
        }
        taken = try_once().map_err(|errno| files.error(StoreOp::Lock, name, io::Error::from(errno)))?;
    }
    Ok(())
}

/// The process that holds a lock, as `/proc/locks` tells it.
fn holder(fd: &OwnedFd) -> Option<u32> {
    let stat = rustix::fs::fstat(fd).ok()?;
    let (major, minor) = (rustix::fs::major(stat.st_dev), rustix::fs::minor(stat.st_dev));
    let place = format!("{major:02x}:{minor:02x}:{}", stat.st_ino);
    holder_in(&std::fs::read_to_string("/proc/locks").ok()?, &place)
}

/// `1: FLOCK  ADVISORY  WRITE 1234 fe:00:5678 0 EOF`; a waiter's line has `->` after the number.
fn holder_in(locks: &str, place: &str) -> Option<u32> {
    locks.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (kind, pid, at) = (words.next()?, words.nth(2)?, words.next()?);
        if kind != "FLOCK" || at != place {
            return None;
        }
        // Zero or less stands for a process of another namespace.
        pid.parse().ok().filter(|pid| *pid != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_found_among_all_locks() {
        let locks = "1: POSIX  ADVISORY  WRITE 11 fe:00:42 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 12 fe:00:42 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 13 fe:00:42 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 0 fe:00:43 0 EOF\n";
        assert_eq!(holder_in(locks, "fe:00:42"), Some(12));
        assert_eq!(holder_in(locks, "fe:00:43"), None);
        assert_eq!(holder_in(locks, "fe:00:44"), None);
    }
}
