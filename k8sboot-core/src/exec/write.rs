//! Whole, durable writes: temporary file with its final mode, flush, rename, flush of the directory.
//!
//! At any moment the path holds either the old bytes or all of the new ones, also after a power cut. A secret is 0600
//! on disk before its first byte, whatever the umask. The temporary name is fixed per target, so that what a killed run
//! left behind is found again.

use std::{
    fs::File,
    io::Write,
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    fs::{AtFlags, Mode, OFlags, RenameFlags},
    io::Errno,
};

use super::{
    FileError, Outcome,
    tree::{Directory, FileOp, Kind, Seen, Tree, io_error, split},
};
use crate::{pki::hex, plan::Guard};

/// What names of temporary files end with.
pub const TEMPORARY_SUFFIX: &str = ".k8sboot-tmp";

/// The name of the temporary file for a file name, in the same directory.
#[must_use]
pub fn temporary_name(name: &str) -> String {
    format!(".{name}{TEMPORARY_SUFFIX}")
}

impl Tree {
    /// Makes a directory if it is missing, with exactly these permission bits; missing parents get 0755.
    ///
    /// An existing directory is left as it is, its mode too.
    ///
    /// # Errors
    ///
    /// [`FileError::Link`], [`FileError::Kind`] if something else is there, [`FileError::Io`].
    pub fn make_directory(&self, path: &str, mode: u32) -> Result<Outcome, FileError> {
        let (parent, name) = split(path)?;
        if name.is_empty() || self.directory(path)?.is_some() {
            return Ok(Outcome::AlreadySo);
        }
        let directory = match self.directory(parent)? {
            Some(directory) => directory,
            None => {
                self.make_directory(parent, 0o755)?;
                self.existing(parent)?
            }
        };
        self.before(FileOp::MakeDirectory, path)?;
        match rustix::fs::mkdirat(&directory.fd, name, Mode::from_raw_mode(mode)) {
            Ok(()) => {}
            Err(Errno::EXIST) => return Ok(Outcome::AlreadySo),
            Err(errno) => return Err(io_error(FileOp::MakeDirectory, path, errno)),
        }
        let made = self.existing(path)?;
        self.set_mode(&made.fd, path, mode)?;
        self.sync_directory(&directory)?;
        Ok(Outcome::Changed)
    }

    /// Writes a file whole and durably. The directory must exist.
    ///
    /// # Errors
    ///
    /// [`FileError::Changed`] if the guard does not hold, [`FileError::Link`] or [`FileError::Kind`] if the path is no
    /// regular file, [`FileError::Io`] naming the operation. On an error the path is as it was.
    pub fn write(&self, path: &str, content: &[u8], mode: u32, guard: Guard) -> Result<Outcome, FileError> {
        let (parent, name) = split(path)?;
        let directory = self.existing(parent)?;
        self.before(FileOp::Inspect, path)?;
        if let Some(seen) = directory.inspect(name, path)? {
            let old = self.regular(&directory, name, path, seen)?;
            if old == content {
                if seen.mode == mode {
                    return Ok(Outcome::AlreadySo);
                }
                return self.correct_mode(&directory, name, path, mode);
            }
            check_guard(path, guard, Some(&old))?;
        } else {
            check_guard(path, guard, None)?;
        }
        let temporary = Temporary::create(self, &directory, name, path, mode)?;
        let temporary = temporary.fill(self, path, content)?;
        temporary.publish(self, guard)?;
        self.sync_directory(&directory)?;
        Ok(Outcome::Changed)
    }

    /// Replaces two files of one directory that belong together, the second last.
    ///
    /// Both are on disk as temporary files before either gets its name, so that a kill in between leaves a complete
    /// temporary file of the second beside the new first one; [`publish_temporary`](Self::publish_temporary) ends that.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write). Unless the error came after the first rename, both paths are as they were.
    pub fn replace_pair(
        &self,
        first: (&str, &[u8], u32),
        second: (&str, &[u8], u32),
    ) -> Result<Outcome, FileError> {
        let (parent, first_name) = split(first.0)?;
        let (_, second_name) = split(second.0)?;
        let directory = self.existing(parent)?;
        for (path, name) in [(first.0, first_name), (second.0, second_name)] {
            self.before(FileOp::Inspect, path)?;
            if let Some(seen) = directory.inspect(name, path)? {
                self.regular(&directory, name, path, seen)?;
            }
        }
        let staged = Temporary::create(self, &directory, second_name, second.0, second.2)?
            .fill(self, second.0, second.1)?;
        let leading = Temporary::create(self, &directory, first_name, first.0, first.2)?
            .fill(self, first.0, first.1)?;
        // The names of the temporary files must survive too.
        self.sync_now(&directory)?;
        leading.publish(self, Guard::None)?;
        let staged = staged.keep();
        // No file system may put the second name on the disk before the first.
        self.sync_now(&directory)?;
        staged.publish(self, Guard::None)?;
        self.sync_directory(&directory)?;
        Ok(Outcome::Changed)
    }

    /// Gives the temporary file of a path its name.
    ///
    /// # Errors
    ///
    /// [`FileError::Io`] if there is none.
    pub fn publish_temporary(&self, path: &str) -> Result<Outcome, FileError> {
        let (parent, name) = split(path)?;
        let directory = self.existing(parent)?;
        self.before(FileOp::Rename, path)?;
        rustix::fs::renameat(&directory.fd, temporary_name(name), &directory.fd, name)
            .map_err(|errno| io_error(FileOp::Rename, path, errno))?;
        self.sync_directory(&directory)?;
        Ok(Outcome::Changed)
    }

    /// Removes a regular file; its absence is success.
    ///
    /// # Errors
    ///
    /// [`FileError::Kind`] if something else is there, [`FileError::Io`].
    pub fn remove_file(&self, path: &str) -> Result<Outcome, FileError> {
        let (parent, name) = split(path)?;
        let Some(directory) = self.directory(parent)? else { return Ok(Outcome::AlreadySo) };
        match directory.inspect(name, path)? {
            None => return Ok(Outcome::AlreadySo),
            Some(Seen { kind: Kind::Directory, .. }) => {
                return Err(kind_error(FileOp::Remove, path, Kind::Directory));
            }
            Some(_) => {}
        }
        self.before(FileOp::Remove, path)?;
        rustix::fs::unlinkat(&directory.fd, name, AtFlags::empty())
            .map_err(|e| io_error(FileOp::Remove, path, e))?;
        self.sync_directory(&directory)?;
        Ok(Outcome::Changed)
    }

    fn existing(&self, path: &str) -> Result<Directory, FileError> {
        self.directory(path)?.ok_or_else(|| io_error(FileOp::OpenDirectory, path, Errno::NOENT))
    }

    fn regular(
        &self,
        directory: &Directory,
        name: &str,
        path: &str,
        seen: Seen,
    ) -> Result<Vec<u8>, FileError> {
        match seen.kind {
            Kind::File => {
                self.before(FileOp::Read, path)?;
                Ok(directory.read(name, path)?.unwrap_or_default())
            }
            Kind::Link => {
                Err(FileError::Link { op: FileOp::Write, path: path.to_owned(), link: path.to_owned() })
            }
            other => Err(kind_error(FileOp::Write, path, other)),
        }
    }

    fn correct_mode(
        &self,
        directory: &Directory,
        name: &str,
        path: &str,
        mode: u32,
    ) -> Result<Outcome, FileError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&directory.fd, name, flags, Mode::empty())
            .map_err(|errno| io_error(FileOp::SetMode, path, errno))?;
        self.set_mode(&fd, path, mode)?;
        self.before(FileOp::SyncFile, path)?;
        rustix::fs::fsync(&fd).map_err(|errno| io_error(FileOp::SyncFile, path, errno))?;
        Ok(Outcome::Changed)
    }

    fn set_mode(&self, fd: impl AsFd, path: &str, mode: u32) -> Result<(), FileError> {
        self.before(FileOp::SetMode, path)?;
        rustix::fs::fchmod(fd, Mode::from_raw_mode(mode))
            .map_err(|errno| io_error(FileOp::SetMode, path, errno))
    }
}

/// A temporary file beside its target; removed when dropped unless it was published.
struct Temporary<'a> {
    directory: &'a Directory,
    name: &'a str,
    path: &'a str,
    temporary: String,
    fd: Option<OwnedFd>,
    published: bool,
    kept: bool,
}

impl<'a> Temporary<'a> {
    fn create(
        tree: &Tree,
        directory: &'a Directory,
        name: &'a str,
        path: &'a str,
        mode: u32,
    ) -> Result<Self, FileError> {
        let temporary = temporary_name(name);
        tree.before(FileOp::Create, path)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let create = || rustix::fs::openat(&directory.fd, &temporary, flags, Mode::from_raw_mode(0o600));
        let fd = match create() {
            // Left behind by a killed run; nobody else uses this name, and the tree is locked.
            Err(Errno::EXIST) => {
                rustix::fs::unlinkat(&directory.fd, &temporary, AtFlags::empty()).and_then(|()| create())
            }
            other => other,
        }
        .map_err(|errno| io_error(FileOp::Create, path, errno))?;
        let temporary =
            Self { directory, name, path, temporary, fd: Some(fd), published: false, kept: false };
        if let Some(fd) = &temporary.fd {
            tree.set_mode(fd, path, mode)?;
        }
        Ok(temporary)
    }

    fn fill(mut self: Temporary<'a>, tree: &Tree, path: &str, content: &[u8]) -> Result<Self, FileError> {
        tree.before(FileOp::Write, path)?;
        if let Some(fd) = self.fd.take() {
            let mut file = File::from(fd);
            let at = |op: FileOp| {
                move |source: std::io::Error| FileError::Io { op, path: path.to_owned(), source }
            };
            file.write_all(content).map_err(at(FileOp::Write))?;
            tree.before(FileOp::SyncFile, path)?;
            file.sync_all().map_err(at(FileOp::SyncFile))?;
        }
        Ok(self)
    }

    /// Leaves the temporary file in place if publishing fails: its partner has its name already.
    fn keep(mut self) -> Self {
        self.kept = true;
        self
    }

    fn publish(mut self, tree: &Tree, guard: Guard) -> Result<(), FileError> {
        tree.before(FileOp::Rename, self.path)?;
        let fd = &self.directory.fd;
        let renamed = if guard == Guard::Absent {
            match rustix::fs::renameat_with(fd, &self.temporary, fd, self.name, RenameFlags::NOREPLACE) {
                // Not every file system knows NOREPLACE; the guard was checked just before.
                Err(Errno::INVAL | Errno::NOSYS) => rustix::fs::renameat(fd, &self.temporary, fd, self.name),
                Err(Errno::EXIST) => {
                    return Err(FileError::Changed {
                        path: self.path.to_owned(),
                        expected: "nothing at this path".to_owned(),
                        found: "a file".to_owned(),
                    });
                }
                other => other,
            }
        } else {
            if let Guard::Unchanged { .. } = guard {
                let now = self.directory.read(self.name, self.path)?;
                check_guard(self.path, guard, now.as_deref())?;
            }
            rustix::fs::renameat(fd, &self.temporary, fd, self.name)
        };
        renamed.map_err(|errno| io_error(FileOp::Rename, self.path, errno))?;
        self.published = true;
        Ok(())
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.published && !self.kept {
            // Best effort: the name is known, and the next run removes what is left.
            let _ = rustix::fs::unlinkat(&self.directory.fd, &self.temporary, AtFlags::empty());
        }
    }
}

pub(super) fn check_guard(path: &str, guard: Guard, found: Option<&[u8]>) -> Result<(), FileError> {
    let changed =
        |expected: String, found: String| FileError::Changed { path: path.to_owned(), expected, found };
    let digest = |bytes: &[u8]| ring::digest::digest(&ring::digest::SHA256, bytes);
    match (guard, found) {
        (Guard::Absent, Some(bytes)) => Err(changed(
            "nothing at this path".to_owned(),
            format!("a file with digest {}", short(digest(bytes).as_ref())),
        )),
        (Guard::Unchanged { sha256 }, Some(bytes)) if digest(bytes).as_ref() != sha256 => Err(changed(
            format!("digest {}", short(&sha256)),
            format!("digest {}", short(digest(bytes).as_ref())),
        )),
        (Guard::Unchanged { sha256 }, None) => {
            Err(changed(format!("digest {}", short(&sha256)), "no file".to_owned()))
        }
        _ => Ok(()),
    }
}

fn kind_error(op: FileOp, path: &str, kind: Kind) -> FileError {
    FileError::Kind { op, path: path.to_owned(), expected: "a regular file", found: kind.name() }
}

/// The first half of a digest: enough to tell versions apart in a message.
fn short(digest: &[u8]) -> String {
    hex(digest.get(..16).unwrap_or(digest))
}
