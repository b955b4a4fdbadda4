//! The journal's file: made whole, locked, read, written and flushed.

use std::{
    fs::File,
    io,
    os::{
        fd::OwnedFd,
        unix::fs::{FileExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::{
    fs::{FallocateFlags, FlockOperation, Mode, OFlags},
    io::Errno,
};

use super::{
    JournalError,
    format::{HEADER, Header},
};

/// The name of the journal in the store's own directory.
pub(super) const NAME: &str = "journal";
/// Its name until it is whole.
const UNFINISHED: &str = "journal.new";

/// What a journal does to files, as hooks see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum JournalOp {
    /// Open or make a file.
    Open,
    /// Read it.
    Read,
    /// Write bytes.
    Write,
    /// Flush the bytes of the journal.
    Sync,
    /// Give it its name, or set it aside.
    Rename,
    /// Flush the file system.
    SyncAll,
}

/// Is asked before every operation on a file.
pub(crate) trait Watch: Send + Sync {
    /// An error lets the operation fail without being tried.
    fn before(&self, op: JournalOp, path: &Path) -> io::Result<()>;
}

/// An open and locked journal.
pub(super) struct JournalFile {
    file: File,
    directory: OwnedFd,
    path: PathBuf,
    watch: Option<Arc<dyn Watch>>,
}

impl JournalFile {
    /// Opens and locks the journal in a directory; `None` if there is none.
    pub(super) fn open(
        directory: &Path,
        watch: Option<Arc<dyn Watch>>,
    ) -> Result<Option<Self>, JournalError> {
        let path = directory.join(NAME);
        before(watch.as_deref(), JournalOp::Open, &path).map_err(error("open", &path))?;
        let file = match File::options().read(true).write(true).open(&path) {
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(error("open", &path))?,
        };
        Self::locked(file, directory, path, watch).map(Some)
    }

    /// Makes a journal whose first segment has a header. What was in the directory before is on the disk then, too.
    pub(super) fn create(
        directory: &Path,
        header: &Header,
        watch: Option<Arc<dyn Watch>>,
    ) -> Result<Self, JournalError> {
        let unfinished = directory.join(UNFINISHED);
        before(watch.as_deref(), JournalOp::Open, &unfinished).map_err(error("create", &unfinished))?;
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)
            .map_err(error("create", &unfinished))?;
        let mut journal = Self::locked(file, directory, unfinished, watch)?;
        journal.fill(header)?;
        let path = directory.join(NAME);
        journal.before(JournalOp::Rename).map_err(error("put in place", &path))?;
        std::fs::rename(&journal.path, &path).map_err(error("put in place", &path))?;
        journal.path = path;
        journal.sync_all()?;
        Ok(journal)
    }

    /// The boot that began the newest generation of the journal in a directory; `None` without a journal. An unreadable
    /// one has the empty boot, which is nobody's.
    pub(super) fn boot(directory: &Path) -> Result<Option<String>, JournalError> {
        let path = directory.join(NAME);
        let file = match File::open(&path) {
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(error("open", &path))?,
        };
        let length = file.metadata().map_err(error("read", &path))?.len();
        let header = |offset| {
            let mut bytes = [0; HEADER];
            file.read_exact_at(&mut bytes, offset).ok().and_then(|()| Header::decode(&bytes))
        };
        let newest = [header(0), header(length / 2)].into_iter().flatten().max_by_key(|h| h.generation);
        Ok(Some(newest.map(|header| header.boot).unwrap_or_default()))
    }

    /// Sets the journal aside, as `journal.damaged.<generation>`.
    pub(super) fn set_aside(self, generation: u64) -> Result<(), JournalError> {
        let mut aside = self.path.clone();
        aside.set_file_name(format!("{NAME}.damaged.{generation}"));
        self.before(JournalOp::Rename).map_err(error("set aside", &self.path))?;
        std::fs::rename(&self.path, aside).map_err(error("set aside", &self.path))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// All of it.
    pub(super) fn read(&self) -> Result<Vec<u8>, JournalError> {
        self.before(JournalOp::Read).map_err(error("read", &self.path))?;
        let length = self.file.metadata().map_err(error("read", &self.path))?.len();
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        self.file.read_exact_at(&mut bytes, 0).map_err(error("read", &self.path))?;
        Ok(bytes)
    }

    /// Writes bytes and waits until they are on the disk. A failure of this is final: the kernel takes pages that it
    /// could not write for written ones, so a second flush proves nothing.
    pub(super) fn write(&self, bytes: &[u8], offset: usize) -> Result<(), JournalError> {
        self.before(JournalOp::Write).map_err(error("write", &self.path))?;
        let offset = u64::try_from(offset).unwrap_or(u64::MAX);
        self.file.write_all_at(bytes, offset).map_err(error("write", &self.path))?;
        self.before(JournalOp::Sync).map_err(error("flush", &self.path))?;
        self.file.sync_data().map_err(error("flush", &self.path))
    }

    /// Waits until everything in the file system is on the disk.
    ///
    /// One pass for all files: flushing ten thousand files one by one takes ten thousand commits of the file system.
    /// Linux reports failed writes here since 5.8.
    pub(super) fn sync_all(&self) -> Result<(), JournalError> {
        self.before(JournalOp::SyncAll).map_err(error("flush the file system of", &self.path))?;
        rustix::fs::syncfs(&self.directory)
            .map_err(|errno| error("flush the file system of", &self.path)(errno.into()))
    }

    fn locked(
        file: File,
        directory: &Path,
        path: PathBuf,
        watch: Option<Arc<dyn Watch>>,
    ) -> Result<Self, JournalError> {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            // Some network file systems have no locks; two processes with one journal are then not kept apart.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOLCK | Errno::INVAL) => {}
            Err(Errno::WOULDBLOCK) => return Err(JournalError::Busy { path }),
            Err(errno) => return Err(error("lock", &path)(errno.into())),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(directory, flags, Mode::empty())
            .map_err(|errno| error("open the directory of", &path)(errno.into()))?;
        Ok(Self { file, directory, path, watch })
    }

    /// Takes the space and writes it once: a block that was never written costs a commit of the file system when it is.
    fn fill(&self, header: &Header) -> Result<(), JournalError> {
        let size = u64::from(header.segment) * 2;
        match rustix::fs::fallocate(&self.file, FallocateFlags::empty(), 0, size) {
            Ok(()) | Err(Errno::OPNOTSUPP) => {}
            Err(errno) => return Err(error("preallocate", &self.path)(errno.into())),
        }
        let mut bytes = header.encode();
        bytes.resize(usize::try_from(size).unwrap_or_default(), 0);
        self.before(JournalOp::Write).map_err(error("write", &self.path))?;
        self.file.write_all_at(&bytes, 0).map_err(error("write", &self.path))?;
        self.before(JournalOp::Sync).map_err(error("flush", &self.path))?;
        self.file.sync_all().map_err(error("flush", &self.path))
    }

    fn before(&self, op: JournalOp) -> io::Result<()> {
        before(self.watch.as_deref(), op, &self.path)
    }
}

fn before(watch: Option<&dyn Watch>, op: JournalOp, path: &Path) -> io::Result<()> {
    watch.map_or(Ok(()), |watch| watch.before(op, path))
}

fn error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> JournalError {
    move |source| JournalError::Io { what, path: path.to_path_buf(), source }
}
