//! Options of the store of addresses.

use std::time::Duration;

use crate::ipam::PoolOptions;

/// Options of an [`EtcdStore`](super::EtcdStore).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EtcdStoreOptions {
    /// The networks' records are below `<prefix>/<network>/`. Default: `/k8sboot/ipam`.
    pub prefix: String,
    /// The order in which addresses are given; not [`Policy::Rest`](crate::ipam::Policy::Rest).
    pub pool: PoolOptions,
    /// Lets the records of this store vanish when nothing renews them any more. Default: none, records stay.
    pub lease: Option<StoreLease>,
}

impl Default for EtcdStoreOptions {
    fn default() -> Self {
        Self { prefix: "/k8sboot/ipam".to_owned(), pool: PoolOptions::default(), lease: None }
    }
}

/// An etcd lease that the records of a store hang on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreLease {
    /// How long the records outlive the store's last renewal; it renews three times in that time.
    pub ttl: Duration,
    /// The lease's ID, greater than 0. Two stores with the same ID share the lease: a node that keeps one ID finds its
    /// records alive after a restart. Default: etcd chooses.
    pub id: Option<i64>,
}

impl StoreLease {
    /// A lease whose ID etcd chooses.
    #[must_use]
    pub const fn new(ttl: Duration) -> Self {
        Self { ttl, id: None }
    }

    /// Sets [`id`](Self::id).
    #[must_use]
    pub const fn id(mut self, id: i64) -> Self {
        self.id = Some(id);
        self
    }
}
