//! The directory's handles and the system calls on them. Each is announced to the hook and names its path if it fails.

use std::{
    cell::Cell,
    io::{self, Write as _},
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat},
    io::Errno,
};

use super::{
    create::Prepared,
    durable::Log,
    name::{LOCK, OWN, check_network},
    open,
    options::DirectoryOptions,
    stock::Stock,
};
use crate::store::{StoreError, StoreHook, StoreOp};

/// No record is longer; what is, is cut there and nobody's.
const LONGEST: usize = 1 << 16;

/// The open directory of a network.
pub(super) struct Files {
    data: OwnedFd,
    dir: OwnedFd,
    /// Missing only if the store is not to make anything and nobody has made it.
    lock: Option<OwnedFd>,
    network: String,
    path: PathBuf,
    follow: bool,
    hook: Option<Arc<dyn StoreHook>>,
    /// Files can be written before they have a name.
    pub(super) nameless: bool,
    /// A store that stays open has files made before they are needed.
    pub(super) stocks: bool,
    pub(super) stock: Option<Stock>,
    /// A file that waits for its name.
    pub(super) prepared: Option<Prepared>,
    /// Where changes are told.
    pub(super) log: Log,
    local: bool,
    /// Device and inode of the directory and of the lock.
    places: ((u64, u64), Option<(u64, u64)>),
    /// Something in the directory was changed, or tried to be, since this was asked last.
    changed: Cell<bool>,
}

/// Which state of which file: changes with every write, link or rename of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) inode: u64,
    pub(super) changed: (i64, i64),
    pub(super) modified: (i64, i64),
}

/// What was read under a name.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) kind: FileType,
    pub(super) identity: Option<Identity>,
    pub(super) content: Vec<u8>,
    /// A symbolic link leads to it.
    pub(super) linked: bool,
    /// Why the content could not be read.
    pub(super) failure: Option<io::Error>,
}

impl Files {
    /// Opens the directory `<data_dir>/<network>` and its lock; makes what is missing, if the options say so.
    pub(super) fn open(
        data_dir: &Path,
        network: &str,
        options: &DirectoryOptions,
    ) -> Result<Self, StoreError> {
        check_network(network)?;
        let path = data_dir.join(network);
        let hook = options.hook.clone();
        let data = open::data(data_dir, &path, options)?;
        let dir = open::network(&data, network, &path, options)?;
        let lock = open::lock(&dir, &path, options)?;
        let find = |fd: &OwnedFd, name: &str| match rustix::fs::fstat(fd) {
            Ok(stat) => Ok(stat),
            Err(errno) => {
                let path = path.join(name).display().to_string();
                Err(StoreError::Io { op: StoreOp::Inspect, path, source: errno.into() })
            }
        };
        let locked = lock.as_ref().map(|lock| find(lock, LOCK)).transpose()?;
        if locked.is_some_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory) {
            let path = path.join(LOCK).display().to_string();
            let (expected, found) = ("a file", "a directory");
            return Err(StoreError::Kind { op: StoreOp::Lock, path, expected, found });
        }
        let places = (place(&find(&dir, ".")?), locked.as_ref().map(place));
        let local = rustix::fs::fstatfs(&dir).is_ok_and(|stat| is_local(stat.f_type));
        Ok(Self {
            data,
            dir,
            lock,
            network: network.to_owned(),
            path,
            follow: options.follow_link,
            hook,
            nameless: true,
            stocks: options.resident,
            stock: None,
            prepared: None,
            log: Log::default(),
            local,
            places,
            changed: Cell::new(false),
        })
    }

    pub(super) fn hook(&self) -> Option<Arc<dyn StoreHook>> {
        self.hook.clone()
    }

    pub(super) fn dir(&self) -> &OwnedFd {
        &self.dir
    }

    pub(super) fn lock(&self) -> Option<&OwnedFd> {
        self.lock.as_ref()
    }

    /// Whether the directory may have been changed since the last time this was asked.
    pub(super) fn take_changed(&self) -> bool {
        self.changed.take()
    }

    /// The directory's own state.
    pub(super) fn stat(&self) -> Result<Stat, StoreError> {
        rustix::fs::fstat(&self.dir).map_err(|e| self.error(StoreOp::Inspect, ".", e))
    }

    /// Whether each change of the directory, by whomever, shows at once in its times: a file system of this machine does
    /// that, one over the network need not.
    pub(super) fn has_reliable_times(&self) -> bool {
        self.local
    }

    /// Whether a new file is written under a temporary name first.
    pub(super) const fn needs_temporary(&self) -> bool {
        !self.nameless
    }

    /// The whole path of a name, for errors.
    pub(super) fn path_of(&self, name: &str) -> String {
        if name == "." { self.path.display().to_string() } else { self.path.join(name).display().to_string() }
    }

    pub(super) fn error(&self, op: StoreOp, name: &str, source: impl Into<io::Error>) -> StoreError {
        StoreError::Io { op, path: self.path_of(name), source: source.into() }
    }

    /// Runs one system call: asks the hook, tries again after an interruption, tells the hook.
    pub(super) fn call<T>(
        &self,
        op: StoreOp,
        name: &str,
        mut run: impl FnMut() -> rustix::io::Result<T>,
    ) -> Result<T, io::Error> {
        if let Some(hook) = &self.hook {
            hook.before(op, name)?;
        }
        if matches!(op, StoreOp::Link | StoreOp::Rename | StoreOp::Unlink) {
            self.changed.set(true);
        }
        let value = loop {
            match run() {
                Err(Errno::INTR) => {}
                other => break other?,
            }
        };
        if let Some(hook) = &self.hook {
            hook.after(op, name);
        }
        Ok(value)
    }

    /// As [`call`](Self::call), with the error of the store.
    pub(super) fn run<T>(
        &self,
        op: StoreOp,
        name: &str,
        run: impl FnMut() -> rustix::io::Result<T>,
    ) -> Result<T, StoreError> {
        self.call(op, name, run).map_err(|source| self.error(op, name, source))
    }

    /// The directory's state, if the handles are still what their names stand for. To be asked under the locks.
    pub(super) fn current(&self) -> Result<Option<Stat>, StoreError> {
        let flags = if self.follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
        let now = |at: &OwnedFd, name: &str, flags| match rustix::fs::statat(at, name, flags) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(self.error(StoreOp::Inspect, name, errno)),
        };
        let Some(dir) = now(&self.data, &self.network, flags)? else { return Ok(None) };
        let lock = now(&self.dir, LOCK, AtFlags::empty())?;
        Ok((place(&dir) == self.places.0 && lock.as_ref().map(place) == self.places.1).then_some(dir))
    }

    /// Opens again what [`current`](Self::current) found replaced.
    pub(super) fn reopen(&mut self, data_dir: &Path, options: &DirectoryOptions) -> Result<(), StoreError> {
        let network = std::mem::take(&mut self.network);
        let nameless = self.nameless;
        let opened = Self::open(data_dir, &network, options);
        self.network = network;
        *self = Self { nameless, ..opened? };
        Ok(())
    }

    /// The names in a directory below, in byte order, without `.` and `..`.
    pub(super) fn list(&self, directory: &str) -> Result<Vec<String>, StoreError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let fd = self.run(StoreOp::List, directory, || {
            rustix::fs::openat(&self.dir, directory, flags, Mode::empty())
        })?;
        let entries = Dir::new(fd).map_err(|e| self.error(StoreOp::List, directory, e))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| self.error(StoreOp::List, directory, e))?;
            // A name that is not UTF-8 is no address and cannot be asked for either.
            if let Ok(name) = entry.file_name().to_str()
                && name != "."
                && name != ".."
            {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// What a name holds; `None` if nothing is there. A file that cannot be read is not an error.
    pub(super) fn look(&self, name: &str) -> Result<Option<Seen>, StoreError> {
        let mut content = Vec::new();
        Ok(self.look_into(name, &mut content)?.map(|mut seen| {
            seen.content = content;
            seen
        }))
    }

    /// As [`look`](Self::look), with the content in `content`.
    pub(super) fn look_into(&self, name: &str, content: &mut Vec<u8>) -> Result<Option<Seen>, StoreError> {
        content.clear();
        // A pipe or device in a record's place must not block or act.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let seen = |kind, identity, linked, failure| {
            Ok(Some(Seen { kind, identity, content: Vec::new(), linked, failure }))
        };
        let opened = self.call(StoreOp::Read, name, || {
            match rustix::fs::openat(&self.dir, name, flags | OFlags::NOFOLLOW, Mode::empty()) {
                Err(Errno::LOOP) => {
                    rustix::fs::openat(&self.dir, name, flags, Mode::empty()).map(|fd| (fd, true))
                }
                other => other.map(|fd| (fd, false)),
            }
        });
        let (fd, linked) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                // Not readable, or a link to nowhere: something is there all the same, or nothing is.
                return match rustix::fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => {
                        let kind = FileType::from_raw_mode(stat.st_mode);
                        seen(kind, Some(Identity::of(&stat)), kind == FileType::Symlink, Some(error))
                    }
                    Err(Errno::NOENT) => Ok(None),
                    Err(_) => Err(self.error(StoreOp::Read, name, error)),
                };
            }
        };
        let stat = rustix::fs::fstat(&fd).map_err(|e| self.error(StoreOp::Inspect, name, e))?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        let failure = match kind {
            FileType::RegularFile => read_all(&fd, content).err().map(io::Error::from),
            _ => Some(io::ErrorKind::InvalidInput.into()),
        };
        seen(kind, Some(Identity::of(&stat)), linked, failure)
    }

    /// Removes a file; whether it was there.
    pub(super) fn unlink(&self, name: &str) -> Result<bool, StoreError> {
        let was = if self.log.is_on() && !name.starts_with('.') { self.look(name)? } else { None };
        let gone = self.unlink_untold(name)?;
        if gone {
            self.log.removed(name, was.as_ref().map_or(&[], |was| &was.content));
        }
        Ok(gone)
    }

    /// As [`unlink`](Self::unlink), when the journal is told in another way.
    pub(super) fn unlink_untold(&self, name: &str) -> Result<bool, StoreError> {
        let gone =
            self.call(StoreOp::Unlink, name, || rustix::fs::unlinkat(&self.dir, name, AtFlags::empty()));
        match gone {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.error(StoreOp::Unlink, name, error)),
        }
    }

    /// Makes the directory of this library's own files.
    pub(super) fn make_own(&self) -> Result<(), StoreError> {
        self.run(StoreOp::MakeDirectory, OWN, || {
            match rustix::fs::mkdirat(&self.dir, OWN, Mode::from_raw_mode(0o700)) {
                Err(Errno::EXIST) => Ok(()),
                other => other,
            }
        })
    }
}

impl Identity {
    #[allow(clippy::useless_conversion, reason = "the types differ between machines")]
    pub(super) fn of(stat: &Stat) -> Self {
        let nanos = |n| i64::try_from(n).unwrap_or(0);
        Self {
            inode: stat.st_ino.into(),
            changed: (stat.st_ctime.into(), nanos(stat.st_ctime_nsec)),
            modified: (stat.st_mtime.into(), nanos(stat.st_mtime_nsec)),
        }
    }

    /// What tells this state of a file from any later one.
    pub(super) fn version(&self, content: &[u8]) -> u64 {
        let mut hash = super::hash::Hash::new();
        hash.number(self.inode);
        hash.number(self.changed.0.cast_unsigned());
        hash.number(self.changed.1.cast_unsigned());
        hash.bytes(content);
        hash.finish()
    }
}

/// The magic numbers of ext2 to 4, XFS, Btrfs, tmpfs, ramfs, overlayfs, F2FS, ZFS and bcachefs.
#[allow(clippy::useless_conversion, clippy::unnecessary_cast, reason = "the types differ between machines")]
fn is_local(magic: rustix::fs::FsWord) -> bool {
    const LOCAL: [u64; 9] = [
        0xef53,
        0x5846_5342,
        0x9123_683e,
        0x0102_1994,
        0x8584_58f6,
        0x794c_7630,
        0xf2f5_2010,
        0x2fc1_2fc1,
        0xca45_1a4e,
    ];
    u64::try_from(magic).is_ok_and(|magic| LOCAL.contains(&(magic & 0xffff_ffff)))
}

/// Device and inode.
#[allow(clippy::useless_conversion, reason = "the types differ between machines")]
fn place(stat: &Stat) -> (u64, u64) {
    (stat.st_dev.into(), stat.st_ino.into())
}

fn read_all(fd: &impl AsFd, content: &mut Vec<u8>) -> rustix::io::Result<()> {
    let mut buffer = [0_u8; 512];
    while content.len() < LONGEST {
        match rustix::io::read(fd, &mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => {
                content.write_all(buffer.get(..read).unwrap_or_default()).map_err(|_| Errno::NOMEM)?
            }
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
