//! Symbolic links inside the tree: read through one, put one in place.

use rustix::{fs::AtFlags, io::Errno};

use super::{
    FileError, FileOp, Kind, Outcome, Tree,
    tree::{Seen, io_error, split},
    write::temporary_name,
};

impl Tree {
    /// As [`read`](Self::read), but if the path is a symbolic link to a regular file of the tree, that file's bytes. An
    /// absolute target is a path of the tree.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read); [`FileError::Link`] for a link to a link.
    pub fn read_through_link(&self, path: &str) -> Result<Option<Vec<u8>>, FileError> {
        match self.inspect(path)? {
            Some(Seen { kind: Kind::Link, .. }) => {
                let target = self.link_target(path)?;
                let (parent, _) = split(path)?;
                let target = if target.starts_with('/') {
                    target
                } else {
                    format!("{}/{target}", parent.trim_end_matches('/'))
                };
                self.read(&target)
            }
            _ => self.read(path),
        }
    }

    /// Lets a symbolic link point to a target, whole: at any moment it points to the old or the new one.
    ///
    /// # Errors
    ///
    /// [`FileError::Kind`] if something else than a link is there, [`FileError::Io`].
    pub fn replace_link(&self, path: &str, target: &str) -> Result<Outcome, FileError> {
        let (parent, name) = split(path)?;
        match self.inspect(path)? {
            None => {}
            Some(Seen { kind: Kind::Link, .. }) if self.link_target(path)? == target => {
                return Ok(Outcome::AlreadySo);
            }
            Some(Seen { kind: Kind::Link, .. }) => {}
            Some(Seen { kind, .. }) => {
                return Err(FileError::Kind {
                    op: FileOp::Write,
                    path: path.to_owned(),
                    expected: "a symbolic link",
                    found: kind.name(),
                });
            }
        }
        let directory =
            self.directory(parent)?.ok_or_else(|| io_error(FileOp::OpenDirectory, parent, Errno::NOENT))?;
        let temporary = temporary_name(name);
        self.before(FileOp::Create, path)?;
        let link = || rustix::fs::symlinkat(target, &directory.fd, &temporary);
        match link() {
            Err(Errno::EXIST) => rustix::fs::unlinkat(&directory.fd, &temporary, AtFlags::empty())
                .and_then(|()| link())
                .map_err(|errno| io_error(FileOp::Create, path, errno))?,
            other => other.map_err(|errno| io_error(FileOp::Create, path, errno))?,
        }
        self.before(FileOp::Rename, path)?;
        rustix::fs::renameat(&directory.fd, &temporary, &directory.fd, name)
            .map_err(|errno| io_error(FileOp::Rename, path, errno))?;
        self.sync_directory(&directory)?;
        Ok(Outcome::Changed)
    }
}
