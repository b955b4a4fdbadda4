//! Files without a name, made while nobody waits: to make one is the longest part of an allocation, and a store that stays
//! open has the time before.
//!
//! A thread keeps a few of them, empty: a place on the disk that was written before would be as long as the record after a
//! power cut, and full of zeros. Whoever takes one writes the record before the name is given. What is not taken is gone with
//! the process.

use std::{
    mem,
    os::fd::OwnedFd,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

use rustix::fs::{Mode, OFlags};

use super::create::RECORD_MODE;

/// How many are kept.
const FULL: usize = 32;
/// How few make the thread work again.
const LOW: usize = 16;
/// What the thread needs is little.
const STACK: usize = 64 * 1024;

/// The files, and the thread that makes them.
#[derive(Debug)]
pub(super) struct Stock {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    shelf: Mutex<Shelf>,
    wanted: Condvar,
}

#[derive(Debug, Default)]
struct Shelf {
    files: Vec<OwnedFd>,
    /// What is to be closed: that takes time, too.
    used: Vec<OwnedFd>,
    /// The thread waits.
    idle: bool,
    /// Nobody takes files any more, or none can be made.
    ended: bool,
}

impl Stock {
    /// Begins to make files in a directory; `None` if there can be no thread.
    pub(super) fn begin(dir: &OwnedFd) -> Option<Self> {
        let dir = dir.try_clone().ok()?;
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new().stack_size(STACK).spawn(move || theirs.keep_full(&dir)).ok()?;
        Some(Self { shared, thread: Some(thread) })
    }

    /// A file, if there is one.
    pub(super) fn take(&self) -> Option<OwnedFd> {
        let mut shelf = self.shared.shelf();
        let file = shelf.files.pop();
        if shelf.idle && shelf.files.len() <= LOW {
            shelf.idle = false;
            self.shared.wanted.notify_one();
        }
        file
    }

    /// Lets a file be closed that got its name.
    pub(super) fn close(&self, file: OwnedFd) {
        let mut shelf = self.shared.shelf();
        if !shelf.ended && shelf.used.len() < FULL {
            shelf.used.push(file);
        }
    }

    /// How many files there are.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.shared.shelf().files.len()
    }
}

impl Drop for Stock {
    fn drop(&mut self) {
        self.shared.shelf().ended = true;
        self.shared.wanted.notify_one();
        // Nothing of a store runs on when it is gone: the library may be unloaded then. A panic was told already.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread.
    fn keep_full(&self, dir: &OwnedFd) {
        let mut shelf = self.shelf();
        while !shelf.ended {
            let used = mem::take(&mut shelf.used);
            let missing = if shelf.files.len() <= LOW { FULL - shelf.files.len() } else { 0 };
            if missing == 0 && used.is_empty() {
                shelf.idle = true;
                shelf = self.wanted.wait(shelf).unwrap_or_else(PoisonError::into_inner);
                shelf.idle = false;
                continue;
            }
            drop(shelf);
            drop(used);
            for _ in 0..missing {
                let made = make(dir);
                let mut shelf = self.shelf();
                match made {
                    Ok(file) if !shelf.ended => shelf.files.push(file),
                    _ => {
                        shelf.ended = true;
                        break;
                    }
                }
            }
            shelf = self.shelf();
        }
        // Closed without the shelf: the store may be in use.
        let left = (mem::take(&mut shelf.files), mem::take(&mut shelf.used));
        drop(shelf);
        drop(left);
    }
}

fn make(dir: &OwnedFd) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    rustix::fs::openat(dir, ".", flags, Mode::from_raw_mode(RECORD_MODE))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::MetadataExt, time::Duration};

    use super::*;

    fn wait_for(stock: &Stock, count: usize) -> bool {
        (0..2000).any(|_| {
            thread::sleep(Duration::from_millis(1));
            stock.count() >= count
        })
    }

    #[test]
    fn it_is_filled_again_and_ends_with_its_owner() {
        let path = std::env::temp_dir().join(format!("k8sboot-stock-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        let dir: OwnedFd = fs::File::open(&path).unwrap().into();
        let stock = Stock::begin(&dir).unwrap();
        assert!(wait_for(&stock, FULL));
        for _ in 0..3 {
            for _ in LOW..FULL {
                let file = fs::File::from(stock.take().unwrap());
                let about = file.metadata().unwrap();
                assert_eq!((about.nlink(), about.len(), about.mode() & 0o7777), (0, 0, 0o600));
                stock.close(file.into());
            }
            assert!(wait_for(&stock, FULL));
        }
        let shared = Arc::downgrade(&stock.shared);
        drop(stock);
        assert!(shared.upgrade().is_none(), "the thread is gone");
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0, "no file ever had a name");
        fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn where_no_file_can_be_made_there_is_none() {
        let path = std::env::temp_dir().join(format!("k8sboot-stock-gone-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        let dir: OwnedFd = fs::File::open(&path).unwrap().into();
        fs::remove_dir(&path).unwrap();
        let stock = Stock::begin(&dir).unwrap();
        assert!((0..2000).any(|_| {
            thread::sleep(Duration::from_millis(1));
            stock.shared.shelf().ended
        }));
        assert!(stock.take().is_none());
    }
}
