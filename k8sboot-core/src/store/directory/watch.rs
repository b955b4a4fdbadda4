//! Being told which names others changed, so that a store that stays open reads only these again.

use std::{
    mem::MaybeUninit,
    os::fd::{AsRawFd, OwnedFd},
};

use rustix::{
    fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags},
    io::Errno,
};

use super::files::Files;
use crate::store::StoreOp;

/// The kernel's queue of changes to the directory. The kernel puts a change in it before the call that made it returns,
/// so that whoever holds the locks finds there all that the last holder did.
#[derive(Debug)]
pub(super) struct Watch {
    queue: OwnedFd,
}

impl Watch {
    /// Begins to watch; `None` where that cannot be done.
    pub(super) fn new(files: &Files) -> Option<Self> {
        let flags = WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::ONLYDIR;
        // By the descriptor, so that it is this directory even if the name stands for another one meanwhile.
        let path = format!("/proc/self/fd/{}", files.dir().as_raw_fd());
        let watch = files.call(StoreOp::Watch, ".", || {
            let queue = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
            inotify::add_watch(&queue, &*path, flags)?;
            Ok(queue)
        });
        Some(Self { queue: watch.ok()? })
    }

    /// Empties the queue; the names in it, or `None` if some were lost.
    pub(super) fn drain(&self) -> Option<Vec<String>> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&self.queue, &mut buffer);
        let mut names = Vec::new();
        let mut complete = true;
        loop {
            match reader.next() {
                Ok(event) => {
                    complete &= !event.events().intersects(ReadFlags::QUEUE_OVERFLOW | ReadFlags::IGNORED);
                    // A name that is not UTF-8 is nobody's address.
                    names.extend(event.file_name().and_then(|name| name.to_str().ok()).map(str::to_owned));
                }
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(_) => {
                    complete = false;
                    break;
                }
            }
        }
        names.sort_unstable();
        names.dedup();
        complete.then_some(names)
    }
}
