//! Keeping leases: one trait, and stores in memory, in host-local's directory and in etcd; pod CIDRs on the Kubernetes API.
//!
//! Which store is used is a value that a program chooses; a feature only says which are built.

mod collect;
#[cfg(feature = "node")]
pub mod directory;
mod error;
#[cfg(feature = "etcd")]
pub mod etcd;
mod etcd_codes;
mod in_flight;
#[cfg(feature = "node")]
mod journal;
#[cfg(feature = "api")]
pub mod kubernetes;
mod kubernetes_codes;
mod memory;
mod op;

use std::net::IpAddr;

pub use collect::{Collected, Survey, collect};
#[cfg(feature = "node")]
pub use directory::{DirectoryOptions, DirectoryStore, Durability, EarlierBoot};
pub(crate) use error::CODES;
pub use error::StoreError;
pub(crate) use etcd_codes::CODES as ETCD_CODES;
pub use in_flight::{InFlight, Running};
#[cfg(feature = "node")]
pub use journal::JournalOptions;
pub(crate) use kubernetes_codes::CODES as KUBERNETES_CODES;
pub use memory::MemoryStore;
pub use op::{StoreHook, StoreOp};

use crate::ipam::{Allocation, Owner, Record, Request, Usage};

/// Keeps who holds which address of a network.
///
/// Every method may be called by many threads at once.
pub trait Store: Send + Sync {
    /// Gives one address of each range set, or none at all. `out` is emptied first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Ipam`] as [`Pool::allocate`](crate::ipam::Pool::allocate); or what hindered the store: nothing is
    /// held then that was not before.
    fn allocate(&self, request: &Request<'_>, out: &mut Allocation) -> Result<(), StoreError>;

    /// Frees everything an owner holds, whatever the ranges are, and adds the addresses to `freed`. Holding nothing is
    /// success.
    ///
    /// A record of the container without an interface (host-local before 0.8.0) is freed if the owner has no other.
    ///
    /// # Errors
    ///
    /// What hindered the store.
    fn release(&self, owner: Owner<'_>, freed: &mut Vec<IpAddr>) -> Result<(), StoreError>;

    /// Adds to `out` the addresses that an owner holds, by the same rule as [`release`](Self::release).
    ///
    /// # Errors
    ///
    /// What hindered the store.
    fn find(&self, owner: Owner<'_>, out: &mut Vec<IpAddr>) -> Result<(), StoreError>;

    /// Everything there is, broken and foreign entries too, in the order of addresses, then names.
    ///
    /// # Errors
    ///
    /// What hindered the store.
    fn records(&self) -> Result<Vec<Record>, StoreError>;

    /// Frees those of `seen` that are still exactly as they were seen, and returns these.
    ///
    /// For collectors: an entry that was freed and given again since [`records`](Self::records) stays.
    ///
    /// # Errors
    ///
    /// What hindered the store.
    fn free_unchanged(&self, seen: &[Record]) -> Result<Vec<Record>, StoreError>;

    /// How full each range set is.
    ///
    /// # Errors
    ///
    /// What hindered the store.
    fn usage(&self) -> Result<Vec<Usage>, StoreError>;
}
