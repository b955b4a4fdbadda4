//! The journal's file: made whole, locked, read, written and flushed.

use std::{
    fs::File,
    io,
    os::{fd::OwnedFd, unix::fs::FileExt},
    path::PathBuf,
    sync::Arc,
};

use rustix::{
    fs::{FallocateFlags, FlockOperation, Mode, OFlags},
    io::Errno,
};

use super::format::{HEADER, Header};
use crate::store::{StoreError, StoreHook, StoreOp};

/// The name of the journal in the store's own directory.
const NAME: &str = "journal";
/// Its name until it is whole.
const UNFINISHED: &str = "journal.new";

/// The store's own directory, in which the journal is.
pub(crate) struct Home {
    /// The open directory.
    pub(crate) directory: OwnedFd,
    /// Where it is, for messages.
    pub(crate) path: PathBuf,
    /// Its name, as the hook is told.
    pub(crate) name: &'static str,
    /// Asked before every operation, told after it.
    pub(crate) hook: Option<Arc<dyn StoreHook>>,
}

/// An open and locked journal.
pub(super) struct JournalFile {
    file: File,
    home: Home,
    name: String,
}

impl Home {
    /// The boot that began the newest generation of the journal; `None` without a journal. An unreadable one has the empty
    /// boot, which is nobody's.
    pub(super) fn boot(&self) -> Result<Option<String>, StoreError> {
        let Some(file) = self.open(NAME, OFlags::RDONLY)? else { return Ok(None) };
        let length = self.call(StoreOp::Read, NAME, || Ok(file.metadata()?.len()))?;
        let header = |offset| {
            let mut bytes = [0; HEADER];
            file.read_exact_at(&mut bytes, offset).ok().and_then(|()| Header::decode(&bytes))
        };
        let newest = [header(0), header(length / 2)].into_iter().flatten().max_by_key(|h| h.generation);
        Ok(Some(newest.map(|header| header.boot).unwrap_or_default()))
    }

    /// Opens a file; `None` if there is none.
    fn open(&self, name: &str, flags: OFlags) -> Result<Option<File>, StoreError> {
        let (flags, mode) = (flags | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::from_raw_mode(0o600));
        let op = if flags.contains(OFlags::CREATE) { StoreOp::Create } else { StoreOp::Open };
        self.call(op, name, || match rustix::fs::openat(&self.directory, name, flags, mode) {
            Err(Errno::NOENT) => Ok(None),
            other => Ok(other.map(|fd| Some(File::from(fd)))?),
        })
    }

    fn call<T>(&self, op: StoreOp, name: &str, run: impl FnOnce() -> io::Result<T>) -> Result<T, StoreError> {
        let told = format!("{}/{name}", self.name);
        let done = match &self.hook {
            Some(hook) => hook.before(op, &told).and_then(|()| run()).inspect(|_| hook.after(op, &told)),
            None => run(),
        };
        done.map_err(|source| StoreError::Io { op, path: self.text(name), source })
    }

    fn text(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }
}

impl JournalFile {
    /// Opens and locks the journal; `Err(home)` if there is none.
    pub(super) fn open(home: Home) -> Result<Result<Self, Home>, StoreError> {
        match home.open(NAME, OFlags::RDWR)? {
            Some(file) => Self::locked(file, home, NAME).map(Ok),
            None => Ok(Err(home)),
        }
    }

    /// Makes a journal whose first segment has a header. What was in the file system before is on the disk then, too.
    pub(super) fn create(home: Home, header: &Header) -> Result<Self, StoreError> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC;
        let file = home.open(UNFINISHED, flags)?.ok_or_else(|| StoreError::Io {
            op: StoreOp::Create,
            path: home.text(UNFINISHED),
            source: io::ErrorKind::NotFound.into(),
        })?;
        let mut journal = Self::locked(file, home, UNFINISHED)?;
        journal.fill(header)?;
        journal.rename(NAME)?;
        journal.name = NAME.to_owned();
        journal.sync_all()?;
        Ok(journal)
    }

    /// Sets the journal aside, as `journal.damaged.<generation>`.
    pub(super) fn set_aside(self, generation: u64) -> Result<Home, StoreError> {
        self.rename(&format!("{NAME}.damaged.{generation}"))?;
        Ok(self.home)
    }

    /// Where it is, for messages.
    pub(super) fn path(&self) -> String {
        self.home.text(&self.name)
    }

    /// All of it.
    pub(super) fn read(&self) -> Result<Vec<u8>, StoreError> {
        self.home.call(StoreOp::Read, &self.name, || {
            let length = self.file.metadata()?.len();
            let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
            self.file.read_exact_at(&mut bytes, 0)?;
            Ok(bytes)
        })
    }

    /// Writes bytes and waits until they are on the disk. A failure of this is final: the kernel takes pages that it
    /// could not write for written ones, so a second flush proves nothing.
    pub(super) fn write(&self, bytes: &[u8], offset: usize) -> Result<(), StoreError> {
        let offset = u64::try_from(offset).unwrap_or(u64::MAX);
        self.home.call(StoreOp::Write, &self.name, || self.file.write_all_at(bytes, offset))?;
        self.home.call(StoreOp::SyncFile, &self.name, || self.file.sync_data())
    }

    /// Waits until everything in the file system is on the disk.
    ///
    /// One pass for all files: flushing ten thousand files one by one takes ten thousand commits of the file system.
    /// Linux reports failed writes here since 5.8.
    pub(super) fn sync_all(&self) -> Result<(), StoreError> {
        self.home.call(StoreOp::SyncAll, &self.name, || Ok(rustix::fs::syncfs(&self.home.directory)?))
    }

    fn locked(file: File, home: Home, name: &str) -> Result<Self, StoreError> {
        let taken = home.call(StoreOp::Lock, name, || {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                // Some network file systems have no locks; two processes with one journal are then not kept apart.
                Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOLCK | Errno::INVAL) => Ok(true),
                Err(Errno::WOULDBLOCK) => Ok(false),
                Err(errno) => Err(errno.into()),
            }
        })?;
        if !taken {
            return Err(StoreError::JournalBusy { path: home.text(name) });
        }
        Ok(Self { file, home, name: name.to_owned() })
    }

    /// Takes the space and writes it once: a block that was never written costs a commit of the file system when it is.
    fn fill(&self, header: &Header) -> Result<(), StoreError> {
        let size = u64::from(header.segment) * 2;
        let mut bytes = header.encode();
        bytes.resize(usize::try_from(size).unwrap_or_default(), 0);
        self.home.call(StoreOp::Write, &self.name, || {
            match rustix::fs::fallocate(&self.file, FallocateFlags::empty(), 0, size) {
                Ok(()) | Err(Errno::OPNOTSUPP) => self.file.write_all_at(&bytes, 0),
                Err(errno) => Err(errno.into()),
            }
        })?;
        self.home.call(StoreOp::SyncFile, &self.name, || self.file.sync_all())
    }

    fn rename(&self, name: &str) -> Result<(), StoreError> {
        let directory = &self.home.directory;
        self.home.call(StoreOp::Rename, &self.name, || {
            Ok(rustix::fs::renameat(directory, &*self.name, directory, name)?)
        })
    }
}
