//! Opening the data directory, the network's directory in it and the lock, and saying what is in the way.

use std::{io, os::fd::OwnedFd, path::Path};

use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags},
    io::Errno,
};

use super::{name::LOCK, options::DirectoryOptions};
use crate::store::{StoreError, StoreOp};

/// The data directory, by whatever links; made with its parents if the options say so.
pub(super) fn data(data_dir: &Path, path: &Path, options: &DirectoryOptions) -> Result<OwnedFd, StoreError> {
    let text = data_dir.display().to_string();
    let io = |op, source| StoreError::Io { op, path: text.clone(), source };
    let kind = || StoreError::Kind {
        op: StoreOp::OpenDirectory,
        path: text.clone(),
        expected: "a directory",
        found: "something else",
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = || rustix::fs::openat(CWD, data_dir, flags, Mode::empty());
    match open() {
        Err(Errno::NOENT) if options.create => {
            use std::os::unix::fs::DirBuilderExt;
            options.before(StoreOp::MakeDirectory, "..").map_err(|e| io(StoreOp::MakeDirectory, e))?;
            std::fs::DirBuilder::new().recursive(true).mode(0o755).create(data_dir).map_err(|e| {
                match e.kind() {
                    io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => kind(),
                    _ => io(StoreOp::MakeDirectory, e),
                }
            })?;
            open().map_err(|e| io(StoreOp::OpenDirectory, e.into()))
        }
        Err(Errno::NOENT) => Err(StoreError::Missing { path: path.display().to_string() }),
        Err(Errno::NOTDIR) => Err(kind()),
        other => other.map_err(|e| io(StoreOp::OpenDirectory, e.into())),
    }
}

/// The directory of a network, made if the options say so.
pub(super) fn network(
    data: &OwnedFd,
    network: &str,
    path: &Path,
    options: &DirectoryOptions,
) -> Result<OwnedFd, StoreError> {
    let text = path.display().to_string();
    let io = |op, source| StoreError::Io { op, path: text.clone(), source };
    let follow = if options.follow_link { OFlags::empty() } else { OFlags::NOFOLLOW };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | follow;
    let open = || rustix::fs::openat(data, network, flags, Mode::empty());
    let opened = match open() {
        Err(Errno::NOENT) if options.create => {
            options.before(StoreOp::MakeDirectory, ".").map_err(|e| io(StoreOp::MakeDirectory, e))?;
            match rustix::fs::mkdirat(data, network, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(io(StoreOp::MakeDirectory, errno.into())),
            }
            options.after(StoreOp::MakeDirectory, ".");
            open()
        }
        other => other,
    };
    opened.map_err(|errno| match errno {
        Errno::NOENT => StoreError::Missing { path: text.clone() },
        Errno::NOTDIR | Errno::LOOP => {
            let link = rustix::fs::statat(data, network, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink);
            if link && !options.follow_link {
                return StoreError::Link { path: text.clone() };
            }
            let found = if link { "a link to something else" } else { "something else" };
            StoreError::Kind {
                op: StoreOp::OpenDirectory,
                path: text.clone(),
                expected: "a directory",
                found,
            }
        }
        errno => io(StoreOp::OpenDirectory, errno.into()),
    })
}

/// Opens the lock; a link is followed, as host-local follows it, so that both lock the same file.
pub(super) fn lock(
    dir: &OwnedFd,
    path: &Path,
    options: &DirectoryOptions,
) -> Result<Option<OwnedFd>, StoreError> {
    let text = path.join(LOCK).display().to_string();
    let io = |op, source| StoreError::Io { op, path: text.clone(), source };
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    match rustix::fs::openat(dir, LOCK, flags, Mode::empty()) {
        Ok(fd) => return Ok(Some(fd)),
        Err(Errno::NOENT) if options.create => {}
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(io(StoreOp::Open, errno.into())),
    }
    options.before(StoreOp::Create, LOCK).map_err(|e| io(StoreOp::Create, e))?;
    let opened = rustix::fs::openat(dir, LOCK, flags | OFlags::CREATE, Mode::from_raw_mode(0o750));
    let fd = opened.map_err(|errno| io(StoreOp::Create, errno.into()))?;
    options.after(StoreOp::Create, LOCK);
    Ok(Some(fd))
}
