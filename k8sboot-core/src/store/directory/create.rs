//! Making files: each is there complete or not at all.

use std::{io, os::fd::OwnedFd};

use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, RenameFlags},
    io::Errno,
};

use super::{
    files::{Files, Identity},
    name::OWN,
    stock::Stock,
};
use crate::store::{StoreError, StoreOp};

/// Permission bits of records and markers, as host-local since 1.4.0.
pub(super) const RECORD_MODE: u32 = 0o600;
/// The name in [`OWN`] under which a file is written that cannot be written without a name.
const TEMPORARY: &str = "tmp";

/// A file with its content and without a name. Nothing of it is left when it is closed.
pub(super) struct Prepared {
    fd: OwnedFd,
    content: Vec<u8>,
}

impl Files {
    /// Writes a file that will be made under the locks before they are taken: to make a file is the longest part of a call,
    /// and needs none. Where that fails it is done, and fails, when the file is made.
    pub(super) fn prepare(&mut self, content: &[u8]) {
        self.prepared = None;
        if !self.nameless {
            return;
        }
        let written = self.write_nameless(".", content);
        if let Ok(Some(fd)) = written {
            self.prepared = Some(Prepared { fd, content: content.to_vec() });
        }
        if self.stock.is_none() && self.stocks {
            // Where there can be none, nobody tries again.
            self.stocks = false;
            self.stock = Stock::begin(self.dir());
        }
    }

    /// Writes the content of an empty file of the stock; whether it is complete.
    fn fill(&self, fd: &OwnedFd, name: &str, content: &[u8]) -> bool {
        let write = || rustix::io::pwrite(fd, content, 0);
        self.call(StoreOp::Write, name, write).is_ok_and(|written| written == content.len())
    }

    /// Makes a file with its content, all at once: it is there complete or not at all. `None` if the name is taken.
    pub(super) fn create_complete(
        &mut self,
        name: &str,
        content: &[u8],
    ) -> Result<Option<Identity>, StoreError> {
        let made = self.create_untold(name, content)?;
        if made.is_some() {
            self.log.made(name, content);
        }
        Ok(made)
    }

    fn create_untold(&mut self, name: &str, content: &[u8]) -> Result<Option<Identity>, StoreError> {
        if self.nameless {
            if let Some(done) = self.create_nameless(name, content)? {
                return Ok(done);
            }
            self.nameless = false;
        }
        let fd = self.write_temporary(content)?;
        let temporary = self.temporary();
        let linked = self.call(StoreOp::Link, name, || {
            match rustix::fs::renameat_with(self.dir(), &*temporary, self.dir(), name, RenameFlags::NOREPLACE)
            {
                // A file system without it: the name is linked and the temporary one removed.
                Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                    rustix::fs::linkat(self.dir(), &*temporary, self.dir(), name, AtFlags::empty())?;
                    // If it stays, the next call removes it.
                    let _ = rustix::fs::unlinkat(self.dir(), &*temporary, AtFlags::empty());
                    Ok(())
                }
                other => other,
            }
        });
        match linked {
            Ok(()) => self.identity(&fd, name).map(Some),
            Err(error) => {
                self.discard_temporary();
                if error.kind() == io::ErrorKind::AlreadyExists {
                    return Ok(None);
                }
                Err(self.error(StoreOp::Link, name, error))
            }
        }
    }

    /// Puts a complete file under a name, in place of what is there.
    pub(super) fn replace(&self, name: &str, content: &[u8]) -> Result<Identity, StoreError> {
        let fd = self.write_temporary(content)?;
        let temporary = self.temporary();
        let renamed = self
            .run(StoreOp::Rename, name, || rustix::fs::renameat(self.dir(), &*temporary, self.dir(), name));
        if let Err(error) = renamed {
            self.discard_temporary();
            return Err(error);
        }
        self.log.put(name, content);
        self.identity(&fd, name)
    }

    /// Removes the temporary file that a killed call may have left.
    pub(super) fn clean(&self) -> Result<(), StoreError> {
        self.unlink(&self.temporary()).map(drop).or_else(|error| match error {
            StoreError::Io { ref source, .. } if source.kind() == io::ErrorKind::NotADirectory => Ok(()),
            other => Err(other),
        })
    }

    /// Writes a file that has no name; `None` if this file system or kernel cannot.
    fn write_nameless(&self, name: &str, content: &[u8]) -> Result<Option<OwnedFd>, StoreError> {
        let kept = self.stock.as_ref().and_then(Stock::take).filter(|fd| self.fill(fd, name, content));
        if kept.is_some() {
            return Ok(kept);
        }
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(RECORD_MODE);
        let opened =
            self.call(StoreOp::Create, name, || match rustix::fs::openat(self.dir(), ".", flags, mode) {
                Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => Ok(None),
                other => other.map(Some),
            });
        let Some(fd) = opened.map_err(|e| self.error(StoreOp::Create, name, e))? else { return Ok(None) };
        self.write(&fd, name, content)?;
        Ok(Some(fd))
    }

    /// Gives a name to a file that has none; `None` if this file system or kernel cannot.
    fn create_nameless(
        &mut self,
        name: &str,
        content: &[u8],
    ) -> Result<Option<Option<Identity>>, StoreError> {
        let prepared = self.prepared.take().filter(|prepared| prepared.content == content);
        let fd = match prepared {
            Some(prepared) => prepared.fd,
            None => match self.write_nameless(name, content)? {
                Some(fd) => fd,
                None => return Ok(None),
            },
        };
        let linked = self.call(StoreOp::Link, name, || {
            match rustix::fs::linkat(&fd, "", self.dir(), name, AtFlags::EMPTY_PATH) {
                // Before Linux 6.10 this needs a capability; the way through /proc does not.
                Err(Errno::NOENT | Errno::INVAL | Errno::PERM) => {
                    use std::os::fd::AsRawFd;
                    let link = format!("/proc/self/fd/{}", fd.as_raw_fd());
                    match rustix::fs::linkat(CWD, &*link, self.dir(), name, AtFlags::SYMLINK_FOLLOW) {
                        Err(Errno::NOENT | Errno::NOTDIR | Errno::XDEV) => Ok(None),
                        other => other.map(Some),
                    }
                }
                other => other.map(Some),
            }
        });
        match linked {
            Ok(Some(())) => {
                let identity = self.identity(&fd, name)?;
                if let Some(stock) = &self.stock {
                    stock.close(fd);
                }
                Ok(Some(Some(identity)))
            }
            Ok(None) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Some(None)),
            Err(error) => Err(self.error(StoreOp::Link, name, error)),
        }
    }

    fn temporary(&self) -> String {
        format!("{OWN}/{TEMPORARY}")
    }

    /// Writes the temporary file. What is there is of a killed call, and may be a second name of a record: it is removed,
    /// never written to.
    fn write_temporary(&self, content: &[u8]) -> Result<OwnedFd, StoreError> {
        let temporary = self.temporary();
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        let create = || {
            self.call(StoreOp::Create, &temporary, || {
                rustix::fs::openat(self.dir(), &*temporary, flags, Mode::from_raw_mode(RECORD_MODE))
            })
        };
        let fd = match create() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.make_own()?;
                create()
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.unlink(&temporary)?;
                create()
            }
            other => other,
        };
        let fd = fd.map_err(|e| self.error(StoreOp::Create, &temporary, e))?;
        if let Err(error) = self.write(&fd, &temporary, content) {
            self.discard_temporary();
            return Err(error);
        }
        Ok(fd)
    }

    /// Best effort: the next call removes what stays.
    fn discard_temporary(&self) {
        let _ = self.unlink(&self.temporary());
    }

    fn write(&self, fd: &OwnedFd, name: &str, content: &[u8]) -> Result<(), StoreError> {
        let mut rest = content;
        while !rest.is_empty() {
            let written = self.run(StoreOp::Write, name, || rustix::io::write(fd, rest))?;
            rest = match rest.get(written..) {
                Some(left) if written > 0 => left,
                _ => return Err(self.error(StoreOp::Write, name, io::ErrorKind::WriteZero)),
            };
        }
        Ok(())
    }

    fn identity(&self, fd: &OwnedFd, name: &str) -> Result<Identity, StoreError> {
        let stat = rustix::fs::fstat(fd).map_err(|e| self.error(StoreOp::Inspect, name, e))?;
        Ok(Identity::of(&stat))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;
    use crate::store::directory::options::DirectoryOptions;

    /// A directory of its own, removed at the end.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("k8sboot-files-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn open(&self, nameless: bool) -> Files {
            let mut files = Files::open(&self.0, "net", &DirectoryOptions::new()).unwrap();
            files.nameless = nameless;
            files
        }

        fn read(&self, name: &str) -> Option<Vec<u8>> {
            fs::read(self.0.join("net").join(name)).ok()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn files_are_complete_or_absent_with_and_without_nameless_files() {
        for nameless in [true, false] {
            let place = Place::new(if nameless { "nameless" } else { "named" });
            let mut files = place.open(nameless);
            assert!(files.create_complete("10.1.2.3", b"one").unwrap().is_some());
            assert!(files.create_complete("10.1.2.3", b"two").unwrap().is_none(), "nothing is overwritten");
            assert_eq!(place.read("10.1.2.3").as_deref(), Some(&b"one"[..]));
            let before = files.look("10.1.2.3").unwrap().unwrap();
            let now = files.replace("10.1.2.3", b"three").unwrap();
            assert_ne!(before.identity, Some(now));
            assert_eq!(place.read("10.1.2.3").as_deref(), Some(&b"three"[..]));
            assert_eq!(place.read(".k8sboot/tmp"), None);
        }
    }

    #[test]
    fn what_a_killed_call_left_is_removed_and_never_written_to() {
        let place = Place::new("killed");
        let mut files = place.open(false);
        files.create_complete("10.1.2.3", b"one").unwrap();
        // Killed after the name was given and before the temporary one was removed.
        let network = place.0.join("net");
        fs::hard_link(network.join("10.1.2.3"), network.join(".k8sboot/tmp")).unwrap();
        files.create_complete("10.1.2.4", b"two").unwrap();
        assert_eq!(place.read("10.1.2.3").as_deref(), Some(&b"one"[..]));
        assert_eq!(place.read("10.1.2.4").as_deref(), Some(&b"two"[..]));
        fs::write(network.join(".k8sboot/tmp"), "torn").unwrap();
        files.clean().unwrap();
        assert_eq!(place.read(".k8sboot/tmp"), None);
    }
}
