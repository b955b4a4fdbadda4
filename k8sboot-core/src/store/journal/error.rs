//! What hinders a journal.

use std::{io, path::PathBuf};

use crate::error::{Code, Details, Problem};

/// What hinders the journal of a durable store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file could not be opened, made, locked, read or written.
    #[error("journal: cannot {what} {}", path.display())]
    #[non_exhaustive]
    Io {
        /// What was tried, for example `preallocate`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process has the journal open.
    #[error("journal: {} is open in another process: use that process, or stop it", path.display())]
    #[non_exhaustive]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// A write or a flush failed before, and nobody can tell what is on the disk since.
    #[error(
        "journal: {} failed before ({why}): nothing since is on the disk for certain; look after the disk, then open the store again",
        path.display()
    )]
    #[non_exhaustive]
    Failed {
        /// The file.
        path: PathBuf,
        /// The first failure.
        why: String,
    },
    /// Bytes that were on the disk once cannot be read any more.
    #[error(
        "journal: {} is damaged at byte {offset} ({length} bytes), {readable} entries can be read: nothing was changed; open the store with salvage to restore these and set the file aside",
        path.display()
    )]
    #[non_exhaustive]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the damage begins.
        offset: u64,
        /// How many bytes it has.
        length: u64,
        /// How many entries can be read before and after it.
        readable: usize,
    },
    /// The owner's names do not fit a record.
    #[error("journal: expected an owner of at most {longest} bytes, found {found}: shorten the container ID")]
    #[non_exhaustive]
    TooLong {
        /// The most that fits.
        longest: usize,
        /// What was given.
        found: usize,
    },
}

impl Problem for JournalError {
    fn code(&self) -> Code {
        match self {
            Self::Io { .. } => Code::STORE_JOURNAL_IO,
            Self::Busy { .. } => Code::STORE_JOURNAL_BUSY,
            Self::Failed { .. } => Code::STORE_JOURNAL_FAILED,
            Self::Damaged { .. } => Code::STORE_JOURNAL_DAMAGED,
            Self::TooLong { .. } => Code::STORE_JOURNAL_TOO_LONG,
        }
    }

    fn details(&self) -> Details {
        let mut details = Details::default();
        match self {
            Self::Io { path, source, .. } => {
                details.path = Some(path.display().to_string());
                details.errno = source.raw_os_error();
            }
            Self::Busy { path } => {
                details.path = Some(path.display().to_string());
                details.retryable = true;
            }
            Self::Failed { path, why } => {
                details.path = Some(path.display().to_string());
                details.found = Some(why.clone());
                details.remedy = Some("look after the disk, then open the store again".to_owned());
            }
            Self::Damaged { path, offset, length, readable } => {
                details.path = Some(path.display().to_string());
                details.found =
                    Some(format!("{length} damaged bytes at {offset}, {readable} readable entries"));
                details.remedy = Some("open the store with salvage".to_owned());
            }
            Self::TooLong { longest, found } => {
                details.expected = Some(format!("at most {longest} bytes"));
                details.found = Some(format!("{found} bytes"));
            }
        }
        details
    }
}
