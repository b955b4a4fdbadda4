//! What hinders a store.

use std::{io, time::Duration};

use super::op::StoreOp;
use crate::{
    error::{Code, Details, Problem, codes},
    ipam::IpamError,
};

codes! {
    /// A call of an earlier user of the store panicked, and its state is not known.
    STORE_POISONED = 4101,
    /// A system call on a store's file failed.
    STORE_IO = 4102,
    /// No space is left for a store's files.
    STORE_NO_SPACE = 4103,
    /// The process may not do this to a store's file.
    STORE_PERMISSION = 4104,
    /// The store is on a read-only file system.
    STORE_READ_ONLY = 4105,
    /// Something else is where a file or directory of the store should be.
    STORE_KIND = 4106,
    /// The store's directory is a symbolic link.
    STORE_LINK = 4107,
    /// Somebody held the lock of the store for too long.
    STORE_LOCKED = 4108,
    /// A network name is not valid.
    STORE_NETWORK_NAME = 4109,
    /// The store does not exist, and was not to be made.
    STORE_MISSING = 4110,
    /// A call failed and what it had done could not be undone.
    STORE_NOT_UNDONE = 4111,
    /// Another process has the journal open.
    STORE_JOURNAL_BUSY = 4151,
    /// A write or a flush of the journal failed before.
    STORE_JOURNAL_FAILED = 4152,
    /// The journal is damaged.
    STORE_JOURNAL_DAMAGED = 4153,
    /// The owner's names do not fit the journal.
    STORE_TOO_LONG = 4154,
}

/// What hinders a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The request cannot be served.
    #[error(transparent)]
    Ipam(#[from] IpamError),
    /// A call of an earlier user of the store panicked, and its state is not known.
    #[error("store: a call panicked before, the state is not known: open the store again")]
    Poisoned,
    /// A system call failed.
    #[error("store: {} {path}{}", op.verb(), hint(source))]
    #[non_exhaustive]
    Io {
        /// What was being done.
        op: StoreOp,
        /// To what.
        path: String,
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// Something else is where a file or directory of the store should be.
    #[error("store: {} {path}: expected {expected}, found {found}: move it away, or configure another data directory", op.verb())]
    #[non_exhaustive]
    Kind {
        /// What was being done.
        op: StoreOp,
        /// To what.
        path: String,
        /// What should be there.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// The directory of the network is a symbolic link, which is followed only if the options allow it.
    #[error(
        "store: {path}: expected a directory, found a symbolic link: put the directory there, or allow links in the options"
    )]
    #[non_exhaustive]
    Link {
        /// The link.
        path: String,
    },
    /// Somebody holds the lock of the store for too long.
    #[error("store: lock {path}: {} for {} ms: wait for it, or stop it; never remove the lock file", by(*holder), waited.as_millis())]
    #[non_exhaustive]
    Locked {
        /// What is locked.
        path: String,
        /// The process that holds it, if `/proc/locks` tells.
        holder: Option<u32>,
        /// How long this call waited.
        waited: Duration,
    },
    /// A network name is not valid.
    #[error(
        "store: expected a network name of letters, digits, '_', '.' and '-' that begins with a letter or digit, found {found:?}"
    )]
    #[non_exhaustive]
    NetworkName {
        /// What was given, cut to 64 characters.
        found: String,
    },
    /// The directory of the network does not exist, and the options say not to make it.
    #[error("store: {path}: no such directory: check the data directory and the network's name")]
    #[non_exhaustive]
    Missing {
        /// The directory.
        path: String,
    },
    /// A call failed, and what it had done before could not be undone.
    #[error(
        "store: {path} was reserved by a call that failed, and could not be removed again: release its owner"
    )]
    #[non_exhaustive]
    NotUndone {
        /// The file that is left.
        path: String,
        /// Why the call failed.
        #[source]
        cause: Box<StoreError>,
    },
    /// Another process has the journal of a durable store open.
    #[error("store: {path} is open in another process: use that process, or stop it")]
    #[non_exhaustive]
    JournalBusy {
        /// The journal.
        path: String,
    },
    /// A write or a flush of the journal failed before, and nobody can tell what is on the disk since.
    #[error(
        "store: {path} failed before ({why}): nothing since is on the disk for certain; look after the disk, then open the store again"
    )]
    #[non_exhaustive]
    JournalFailed {
        /// The journal.
        path: String,
        /// The first failure.
        why: String,
    },
    /// Bytes of the journal that were on the disk once cannot be read any more. Nothing was changed.
    #[error(
        "store: {path} is damaged at byte {offset} ({length} bytes), {readable} entries can be read: open the store with salvage to restore these and set the file aside"
    )]
    #[non_exhaustive]
    JournalDamaged {
        /// The journal.
        path: String,
        /// Where the damage begins.
        offset: u64,
        /// How many bytes it has.
        length: u64,
        /// How many entries can be read before and after it.
        readable: usize,
    },
    /// The owner's names do not fit an entry of the journal.
    #[error("store: expected an owner of at most {longest} bytes, found {found}: shorten the container ID")]
    #[non_exhaustive]
    TooLong {
        /// The most that fits.
        longest: usize,
        /// What was given.
        found: usize,
    },
    /// etcd hinders the store.
    #[cfg(feature = "etcd")]
    #[error(transparent)]
    Etcd(#[from] super::etcd::EtcdError),
    /// The API server, or the object there, hinders the store.
    #[cfg(feature = "api")]
    #[error(transparent)]
    Kubernetes(#[from] super::kubernetes::KubernetesStoreError),
}

fn by(holder: Option<u32>) -> String {
    holder.map_or_else(|| "held by somebody".to_owned(), |pid| format!("held by process {pid}"))
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => " (free some space, then try again)",
        io::ErrorKind::PermissionDenied => {
            " (run as the owner of the data directory, or configure another one)"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            " (remount the file system writable, or configure another data directory)"
        }
        io::ErrorKind::NotADirectory => " (configure a directory)",
        _ => "",
    }
}

impl Problem for StoreError {
    fn code(&self) -> Code {
        match self {
            Self::Ipam(error) => error.code(),
            Self::Poisoned => Code::STORE_POISONED,
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::STORE_NO_SPACE,
                io::ErrorKind::PermissionDenied => Code::STORE_PERMISSION,
                io::ErrorKind::ReadOnlyFilesystem => Code::STORE_READ_ONLY,
                _ => Code::STORE_IO,
            },
            Self::Kind { .. } => Code::STORE_KIND,
            Self::Link { .. } => Code::STORE_LINK,
            Self::Locked { .. } => Code::STORE_LOCKED,
            Self::NetworkName { .. } => Code::STORE_NETWORK_NAME,
            Self::Missing { .. } => Code::STORE_MISSING,
            Self::NotUndone { .. } => Code::STORE_NOT_UNDONE,
            Self::JournalBusy { .. } => Code::STORE_JOURNAL_BUSY,
            Self::JournalFailed { .. } => Code::STORE_JOURNAL_FAILED,
            Self::JournalDamaged { .. } => Code::STORE_JOURNAL_DAMAGED,
            Self::TooLong { .. } => Code::STORE_TOO_LONG,
            #[cfg(feature = "etcd")]
            Self::Etcd(error) => error.code(),
            #[cfg(feature = "api")]
            Self::Kubernetes(error) => error.code(),
        }
    }

    fn details(&self) -> Details {
        let mut details = Details::default();
        let mut say = |path: &str, expected: &str, found: &str, remedy: &str| {
            details.path = Some(path.to_owned());
            details.expected = Some(expected.to_owned());
            details.found = Some(found.to_owned());
            details.remedy = (!remedy.is_empty()).then(|| remedy.to_owned());
        };
        match self {
            Self::Ipam(error) => return error.details(),
            Self::Poisoned => details.remedy = Some("open the store again".to_owned()),
            Self::Io { op, path, source } => {
                let expected = format!("to {} it", op.verb());
                say(path, &expected, &source.to_string(), hint(source).trim_matches([' ', '(', ')']));
                details.errno = source.raw_os_error();
                details.retryable =
                    matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
            }
            Self::Kind { path, expected, found, .. } => {
                say(path, expected, found, "move it away, or configure another data directory");
            }
            Self::Link { path } => {
                say(
                    path,
                    "a directory",
                    "a symbolic link",
                    "put the directory there, or allow links in the options",
                );
            }
            Self::Locked { path, holder, .. } => {
                say(path, "the lock within the time allowed", &by(*holder), "wait for it, or stop it");
                details.retryable = true;
            }
            Self::NetworkName { found } => {
                say("", "letters, digits, '_', '.' and '-', a letter or digit first", found, "");
                details.path = None;
            }
            Self::Missing { path } => {
                say(path, "a directory", "nothing", "check the data directory and the network's name");
            }
            Self::NotUndone { path, cause } => {
                say(path, "no file", "the file of a call that failed", "release its owner");
                details.errno = cause.details().errno;
            }
            Self::JournalBusy { path } => {
                say(
                    path,
                    "a journal of our own",
                    "one that is open elsewhere",
                    "use that process, or stop it",
                );
                details.retryable = true;
            }
            Self::JournalFailed { path, why } => {
                say(path, "writes that succeed", why, "look after the disk, then open the store again");
            }
            Self::JournalDamaged { path, offset, length, readable } => {
                let found = format!("{length} damaged bytes at {offset}, {readable} readable entries");
                say(path, "a journal that can be read", &found, "open the store with salvage");
            }
            Self::TooLong { longest, found } => {
                details.expected = Some(format!("at most {longest} bytes"));
                details.found = Some(format!("{found} bytes"));
                details.remedy = Some("shorten the container ID".to_owned());
            }
            #[cfg(feature = "etcd")]
            Self::Etcd(error) => return error.details(),
            #[cfg(feature = "api")]
            Self::Kubernetes(error) => return error.details(),
        }
        details
    }
}
