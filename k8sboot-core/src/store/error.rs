//! What hinders a store.

use crate::{
    error::{Code, Details, Problem, codes},
    ipam::IpamError,
};

codes! {
    /// A call of an earlier user of the store panicked, and its state is not known.
    STORE_POISONED = 4101,
    /// The journal of a durable store could not be opened, made, locked, read or written.
    STORE_JOURNAL_IO = 4150,
    /// Another process has the journal open.
    STORE_JOURNAL_BUSY = 4151,
    /// A write or a flush of the journal failed before.
    STORE_JOURNAL_FAILED = 4152,
    /// The journal is damaged.
    STORE_JOURNAL_DAMAGED = 4153,
    /// The owner's names do not fit the journal.
    STORE_JOURNAL_TOO_LONG = 4154,
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
    /// The journal of a durable store cannot promise anything.
    #[cfg(feature = "node")]
    #[error(transparent)]
    Journal(#[from] super::JournalError),
}

impl Problem for StoreError {
    fn code(&self) -> Code {
        match self {
            Self::Ipam(error) => error.code(),
            Self::Poisoned => Code::STORE_POISONED,
            #[cfg(feature = "node")]
            Self::Journal(error) => error.code(),
        }
    }

    fn details(&self) -> Details {
        match self {
            Self::Ipam(error) => error.details(),
            Self::Poisoned => Details::default(),
            #[cfg(feature = "node")]
            Self::Journal(error) => error.details(),
        }
    }
}
