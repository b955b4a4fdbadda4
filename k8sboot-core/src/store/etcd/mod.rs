//! etcd: addresses of a network kept for many nodes, and flannel's leases of node subnets.
//!
//! Speaks etcd's v3 API itself, over TLS with client certificates if wished.

mod client;
mod connection;
mod error;
mod flannel;
mod flannel_lease;
mod flannel_watch;
mod follow;
mod keys;
mod messages;
mod options;
mod store;
mod store_options;
mod target;
mod view;

pub use client::EtcdClient;
pub use error::{EtcdError, TlsProblem};
pub use flannel::FlannelSubnets;
pub use flannel_lease::{SubnetLease, SubnetRequest, Subnets};
pub use flannel_watch::{SubnetEvent, SubnetWatch};
pub use options::{EtcdOptions, EtcdTls, EtcdUser};
pub use store::EtcdStore;
pub use store_options::{EtcdStoreOptions, StoreLease};
