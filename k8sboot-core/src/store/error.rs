//! What hinders a store.

use crate::{
    error::{Code, Details, Problem, codes},
    ipam::IpamError,
};

codes! {
    /// A call of an earlier user of the store panicked, and its state is not known.
    STORE_POISONED = 4101,
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
    /// etcd hinders the store.
    #[cfg(feature = "etcd")]
    #[error(transparent)]
    Etcd(#[from] super::etcd::EtcdError),
}

impl Problem for StoreError {
    fn code(&self) -> Code {
        match self {
            Self::Ipam(error) => error.code(),
            Self::Poisoned => Code::STORE_POISONED,
            #[cfg(feature = "etcd")]
            Self::Etcd(error) => error.code(),
        }
    }

    fn details(&self) -> Details {
        match self {
            Self::Ipam(error) => error.details(),
            Self::Poisoned => Details::default(),
            #[cfg(feature = "etcd")]
            Self::Etcd(error) => error.details(),
        }
    }
}
