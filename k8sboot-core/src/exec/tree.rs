//! A directory tree that stands for `/`, and the file operations on it. None of them leaves the tree.
//!
//! Paths are absolute node paths (`/etc/kubernetes/admin.conf`). Directories are opened with `openat2`
//! (`RESOLVE_BENEATH`; `RESOLVE_IN_ROOT` when the tree is `/` itself), so that a link inside the tree may be followed and
//! a link out of it never is; where the kernel has no `openat2` (before 5.6, some sandboxes), no link is followed at
//! all. The last part of a path is never followed.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs::File,
    io::{self, Read},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rustix::{
    fs::{AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, ResolveFlags},
    io::Errno,
};

use super::FileError;

/// The file operations, as errors and hooks name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileOp {
    /// Open the root of the tree.
    OpenRoot,
    /// Open a directory.
    OpenDirectory,
    /// Make a directory.
    MakeDirectory,
    /// Look at a path.
    Inspect,
    /// List a directory.
    List,
    /// Read a file.
    Read,
    /// Create a temporary file.
    Create,
    /// Set permission bits.
    SetMode,
    /// Write bytes.
    Write,
    /// Flush a file to the disk.
    SyncFile,
    /// Give a temporary file its name.
    Rename,
    /// Flush a directory to the disk.
    SyncDirectory,
    /// Remove a file.
    Remove,
    /// Lock the tree.
    Lock,
}

impl FileOp {
    /// For messages, for example `flush`.
    #[must_use]
    pub const fn verb(self) -> &'static str {
        match self {
            Self::OpenRoot | Self::OpenDirectory => "open directory",
            Self::MakeDirectory => "make directory",
            Self::Inspect => "look at",
            Self::List => "list directory",
            Self::Read => "read",
            Self::Create => "create",
            Self::SetMode => "set the mode of",
            Self::Write => "write",
            Self::SyncFile => "flush",
            Self::Rename => "put in place",
            Self::SyncDirectory => "flush directory",
            Self::Remove => "remove",
            Self::Lock => "lock",
        }
    }
}

/// Is asked before every file operation; an error makes the operation fail without being tried.
///
/// For audit and for tests that let each operation fail in turn.
pub trait FileHook: Send + Sync {
    /// Called before `op` on the node path `path`.
    ///
    /// # Errors
    ///
    /// What the operation shall fail with.
    fn before(&self, op: FileOp, path: &str) -> io::Result<()>;
}

/// A directory tree that stands for `/`. Clones share the handle.
#[derive(Clone)]
pub struct Tree {
    root: Arc<OwnedFd>,
    path: PathBuf,
    is_slash: bool,
    hook: Option<Arc<dyn FileHook>>,
    unflushed: Option<Arc<Mutex<BTreeSet<String>>>>,
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The kind.
    pub kind: Kind,
    /// Permission bits.
    pub mode: u32,
}

/// The kinds of paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A device, socket or pipe.
    Other,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::File => "a regular file",
            Self::Directory => "a directory",
            Self::Link => "a symbolic link",
            Self::Other => "a device, socket or pipe",
        }
    }
}

/// The tree is locked as long as this lives.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code, reason = "closing the descriptor releases the lock")] OwnedFd);

/// An open directory of the tree.
pub(super) struct Directory {
    pub(super) fd: OwnedFd,
    pub(super) path: String,
}

impl Tree {
    /// Opens the tree at `root`, which must be a directory.
    ///
    /// # Errors
    ///
    /// [`FileError::Kind`] if it is no directory, [`FileError::Io`] if it cannot be opened.
    pub fn open(root: impl AsRef<Path>) -> Result<Self, FileError> {
        let path = root.as_ref().to_path_buf();
        let at = |source: io::Error| FileError::Io {
            op: FileOp::OpenRoot,
            path: path.display().to_string(),
            source,
        };
        let fd = rustix::fs::openat(
            CWD,
            &path,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .map_err(|errno| match errno {
            Errno::NOTDIR => FileError::Kind {
                op: FileOp::OpenRoot,
                path: path.display().to_string(),
                expected: "a directory",
                found: "something else",
            },
            errno => at(errno.into()),
        })?;
        let is_slash = std::fs::canonicalize(&path).map_err(at)? == Path::new("/");
        Ok(Self { root: Arc::new(fd), path, is_slash, hook: None, unflushed: None })
    }

    /// Makes the root directory (mode 0755) and its parents if they are missing, then opens the tree.
    ///
    /// # Errors
    ///
    /// [`FileError::Io`] if it can be neither made nor opened.
    pub fn create(root: impl AsRef<Path>) -> Result<Self, FileError> {
        let path = root.as_ref();
        std::fs::create_dir_all(path).map_err(|source| FileError::Io {
            op: FileOp::MakeDirectory,
            path: path.display().to_string(),
            source,
        })?;
        Self::open(path)
    }

    /// The same tree with a hook before every operation.
    #[must_use]
    pub fn with_hook(mut self, hook: Arc<dyn FileHook>) -> Self {
        self.hook = Some(hook);
        self
    }

    /// The same tree, with directories flushed by [`flush`](Self::flush), each once, and no longer after every write.
    ///
    /// Every file is still on the disk, whole, before it gets its name; what waits is only that the name survives a power
    /// cut. A stage with twenty files in one directory so costs twenty-one flushes and not forty.
    #[must_use]
    pub fn batched(mut self) -> Self {
        self.unflushed = Some(Arc::default());
        self
    }

    /// Flushes the directories that [`batched`](Self::batched) put off.
    ///
    /// # Errors
    ///
    /// [`FileError::Io`] naming the directory; those not yet flushed are tried again by the next call.
    pub fn flush(&self) -> Result<(), FileError> {
        let Some(unflushed) = &self.unflushed else { return Ok(()) };
        let next = || unflushed.lock().unwrap_or_else(PoisonError::into_inner).first().cloned();
        while let Some(path) = next() {
            // A directory that is gone has nothing to lose.
            if let Some(directory) = self.directory(&path)? {
                self.sync_now(&directory)?;
            }
            unflushed.lock().unwrap_or_else(PoisonError::into_inner).remove(&path);
        }
        Ok(())
    }

    pub(super) fn sync_directory(&self, directory: &Directory) -> Result<(), FileError> {
        match &self.unflushed {
            Some(unflushed) => {
                unflushed.lock().unwrap_or_else(PoisonError::into_inner).insert(directory.path.clone());
                Ok(())
            }
            None => self.sync_now(directory),
        }
    }

    pub(super) fn sync_now(&self, directory: &Directory) -> Result<(), FileError> {
        self.before(FileOp::SyncDirectory, &directory.path)?;
        match rustix::fs::fsync(&directory.fd) {
            // Some file systems cannot flush a directory; there is nothing better to do there.
            Ok(()) | Err(Errno::INVAL) => Ok(()),
            Err(errno) => Err(io_error(FileOp::SyncDirectory, &directory.path, errno)),
        }
    }

    /// Where the tree is on this machine.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the tree is `/` itself.
    #[must_use]
    pub const fn is_slash(&self) -> bool {
        self.is_slash
    }

    /// Locks the tree against other runs until the value is dropped. Leaves no file behind.
    ///
    /// # Errors
    ///
    /// [`FileError::Locked`] if another run holds the lock.
    pub fn lock(&self) -> Result<Lock, FileError> {
        self.before(FileOp::Lock, "/")?;
        let fd = rustix::fs::openat(
            &*self.root,
            ".",
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .map_err(|errno| io_error(FileOp::Lock, "/", errno))?;
        match rustix::fs::flock(&fd, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Lock(fd)),
            Err(Errno::WOULDBLOCK) => Err(FileError::Locked { path: self.path.display().to_string() }),
            // Some network file systems have no locks; the run is then only not protected against a second one.
            Err(Errno::OPNOTSUPP | Errno::NOLCK | Errno::INVAL | Errno::BADF) => Ok(Lock(fd)),
            Err(errno) => Err(io_error(FileOp::Lock, "/", errno)),
        }
    }

    /// What is at a path; `None` if nothing is, or if a parent directory is missing.
    ///
    /// # Errors
    ///
    /// [`FileError::Link`] if a link leads out of the tree, [`FileError::Io`] else.
    pub fn inspect(&self, path: &str) -> Result<Option<Seen>, FileError> {
        self.before(FileOp::Inspect, path)?;
        let (parent, name) = split(path)?;
        if name.is_empty() {
            return Ok(Some(Seen { kind: Kind::Directory, mode: 0o755 }));
        }
        match self.directory(parent)? {
            Some(directory) => directory.inspect(name, path),
            None => Ok(None),
        }
    }

    /// The bytes of a regular file; `None` if nothing is there.
    ///
    /// # Errors
    ///
    /// [`FileError::Link`], [`FileError::Kind`] if it is no regular file, [`FileError::Io`] else.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FileError> {
        let (parent, name) = split(path)?;
        self.before(FileOp::Read, path)?;
        match self.directory(parent)? {
            Some(directory) => directory.read(name, path),
            None => Ok(None),
        }
    }

    /// The names in a directory in byte order; `None` if nothing is there.
    ///
    /// # Errors
    ///
    /// [`FileError::Link`] if a link leads out of the tree, [`FileError::Kind`] if it is no directory,
    /// [`FileError::Io`] else.
    pub fn list(&self, path: &str) -> Result<Option<Vec<String>>, FileError> {
        self.before(FileOp::List, path)?;
        let Some(directory) = self.directory(path)? else { return Ok(None) };
        let entries =
            rustix::fs::Dir::read_from(&directory.fd).map_err(|e| io_error(FileOp::List, path, e))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| io_error(FileOp::List, path, e))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        names.sort();
        Ok(Some(names))
    }

    /// The target of a symbolic link, as it is stored.
    ///
    /// # Errors
    ///
    /// [`FileError::Io`] if it cannot be read.
    pub fn link_target(&self, path: &str) -> Result<String, FileError> {
        let (parent, name) = split(path)?;
        let missing = || io_error(FileOp::Inspect, path, Errno::NOENT);
        let directory = self.directory(parent)?.ok_or_else(missing)?;
        let target = rustix::fs::readlinkat(&directory.fd, name, Vec::new())
            .map_err(|errno| io_error(FileOp::Inspect, path, errno))?;
        Ok(target.to_string_lossy().into_owned())
    }

    pub(super) fn before(&self, op: FileOp, path: &str) -> Result<(), FileError> {
        match &self.hook {
            Some(hook) => {
                hook.before(op, path).map_err(|source| FileError::Io { op, path: path.to_owned(), source })
            }
            None => Ok(()),
        }
    }

    /// Opens a directory; `None` if it or a parent is missing.
    pub(super) fn directory(&self, path: &str) -> Result<Option<Directory>, FileError> {
        self.before(FileOp::OpenDirectory, path)?;
        let relative = relative(path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = if self.is_slash { ResolveFlags::IN_ROOT } else { ResolveFlags::BENEATH };
        let target = if relative.is_empty() { "." } else { relative };
        let opened = rustix::fs::openat2(
            &*self.root,
            target,
            flags,
            Mode::empty(),
            resolve | ResolveFlags::NO_MAGICLINKS,
        );
        let opened = match opened {
            Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN) => self.walk(relative, flags),
            other => other,
        };
        match opened {
            Ok(fd) => Ok(Some(Directory { fd, path: path.to_owned() })),
            Err(Errno::NOENT) => self.dangling(relative, path).map_or(Ok(None), Err),
            Err(Errno::XDEV | Errno::LOOP) => {
                let link = self.first_link(relative).unwrap_or_else(|| path.to_owned());
                Err(FileError::Link { op: FileOp::OpenDirectory, path: path.to_owned(), link })
            }
            Err(Errno::NOTDIR) => match self.first_link(relative) {
                Some(link) => Err(FileError::Link { op: FileOp::OpenDirectory, path: path.to_owned(), link }),
                None => Err(FileError::Kind {
                    op: FileOp::OpenDirectory,
                    path: path.to_owned(),
                    expected: "a directory",
                    found: "something else",
                }),
            },
            Err(errno) => Err(io_error(FileOp::OpenDirectory, path, errno)),
        }
    }

    /// Part by part without following any link, for kernels without `openat2`.
    fn walk(&self, relative: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let mut fd = rustix::fs::openat(&*self.root, ".", flags, Mode::empty())?;
        for part in relative.split('/').filter(|part| !part.is_empty()) {
            fd = rustix::fs::openat(&fd, part, flags | OFlags::NOFOLLOW, Mode::empty())?;
        }
        Ok(fd)
    }

    /// A link on the way whose target is missing must not look like a missing directory.
    fn dangling(&self, relative: &str, path: &str) -> Option<FileError> {
        let link = self.first_link(relative)?;
        Some(FileError::Link { op: FileOp::OpenDirectory, path: path.to_owned(), link })
    }

    fn first_link(&self, relative: &str) -> Option<String> {
        let mut fd =
            rustix::fs::openat(&*self.root, ".", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
        let mut walked = String::new();
        for part in relative.split('/').filter(|part| !part.is_empty()) {
            walked.push('/');
            walked.push_str(part);
            let stat = rustix::fs::statat(&fd, part, AtFlags::SYMLINK_NOFOLLOW).ok()?;
            if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
                return Some(walked);
            }
            fd = rustix::fs::openat(
                &fd,
                part,
                OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
                Mode::empty(),
            )
            .ok()?;
        }
        None
    }
}

impl Directory {
    pub(super) fn inspect(&self, name: &str, path: &str) -> Result<Option<Seen>, FileError> {
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => {
                let kind = match FileType::from_raw_mode(stat.st_mode) {
                    FileType::RegularFile => Kind::File,
                    FileType::Directory => Kind::Directory,
                    FileType::Symlink => Kind::Link,
                    _ => Kind::Other,
                };
                Ok(Some(Seen { kind, mode: stat.st_mode & 0o7777 }))
            }
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(io_error(FileOp::Inspect, path, errno)),
        }
    }

    pub(super) fn read(&self, name: &str, path: &str) -> Result<Option<Vec<u8>>, FileError> {
        match self.inspect(name, path)? {
            None => return Ok(None),
            Some(Seen { kind: Kind::File, .. }) => {}
            Some(Seen { kind: Kind::Link, .. }) => {
                return Err(FileError::Link {
                    op: FileOp::Read,
                    path: path.to_owned(),
                    link: path.to_owned(),
                });
            }
            Some(Seen { kind, .. }) => {
                return Err(FileError::Kind {
                    op: FileOp::Read,
                    path: path.to_owned(),
                    expected: "a regular file",
                    found: kind.name(),
                });
            }
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.fd, OsStr::new(name), flags, Mode::empty())
            .map_err(|errno| io_error(FileOp::Read, path, errno))?;
        let mut bytes = Vec::new();
        File::from(fd).read_to_end(&mut bytes).map_err(|source| FileError::Io {
            op: FileOp::Read,
            path: path.to_owned(),
            source,
        })?;
        Ok(Some(bytes))
    }
}

pub(super) fn io_error(op: FileOp, path: &str, errno: Errno) -> FileError {
    FileError::Io { op, path: path.to_owned(), source: errno.into() }
}

/// Parent and last part of a node path.
pub(super) fn split(path: &str) -> Result<(&str, &str), FileError> {
    relative(path)?;
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    Ok((if parent.is_empty() { "/" } else { parent }, name))
}

/// A node path without its leading slash; proves that it has no `.`, `..`, NUL and empty parts.
fn relative(path: &str) -> Result<&str, FileError> {
    let wrong = || FileError::Path { path: path.to_owned() };
    let relative = path.strip_prefix('/').ok_or_else(wrong)?;
    let sound = relative.is_empty()
        || relative.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.contains('\0'));
    sound.then_some(relative).ok_or_else(wrong)
}
