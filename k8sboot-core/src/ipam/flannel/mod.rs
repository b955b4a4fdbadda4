//! Flannel's data: the network's configuration, the leases of node subnets, the choice of a free subnet.
//!
//! Pure. [`crate::store`] keeps the leases in etcd; the configuration is also what flannel's ConfigMap holds.
//!
//! Source: flannel v0.28.9, `pkg/subnet/config.go`, `pkg/subnet/subnet.go`, `pkg/lease/lease.go`,
//! `pkg/subnet/etcd/local_manager.go`.

mod attributes;
mod choose;
mod config;
mod error;
mod json;
mod key;

pub use attributes::NodeAttributes;
pub use choose::{free_subnets, overlap};
pub use config::{NetworkConfig, SubnetRange};
pub(crate) use error::CODES;
pub use error::FlannelError;
pub use key::SubnetKey;
