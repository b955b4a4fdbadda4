//! What changes the node: carries out one step at a time and decides nothing.
//!
//! [`Executor`] is the trait that flows drive; [`Host`] (feature `host`) is the one for a real node tree: every write is
//! durable and whole, never leaves the tree, and never replaces what the plan did not see. [`Cni`] (feature `node`) runs
//! chains of CNI plugins; `Cluster` (feature `api`) does what [`Host`] does and talks to the API server.

mod cancel;
#[cfg(all(feature = "config", feature = "crypto"))]
mod error;
#[cfg(all(feature = "config", feature = "crypto"))]
mod run;

#[cfg(feature = "host")]
mod authority;
#[cfg(feature = "host")]
mod bundle_file;
#[cfg(feature = "api")]
mod cluster;
#[cfg(feature = "node")]
mod cni;
#[cfg(feature = "host")]
mod discovery_server;
#[cfg(feature = "host")]
mod file_error;
#[cfg(feature = "api")]
mod first_certificate;
#[cfg(feature = "host")]
mod host;
#[cfg(feature = "api")]
mod joining;
#[cfg(feature = "host")]
mod kubeconfig_file;
#[cfg(feature = "api")]
mod kubelet_wait;
#[cfg(feature = "host")]
mod link;
#[cfg(feature = "host")]
mod point;
#[cfg(feature = "host")]
mod renew;
#[cfg(feature = "host")]
mod tree;
#[cfg(feature = "host")]
mod upload;
#[cfg(feature = "api")]
mod waiting;
#[cfg(feature = "host")]
mod write;

#[cfg(feature = "host")]
pub use authority::read_authority;
#[cfg(feature = "host")]
pub use bundle_file::write_join_bundle;
pub use cancel::CancelToken;
#[cfg(feature = "api")]
pub use cluster::Cluster;
#[cfg(feature = "node")]
pub(crate) use cni::CODES as CNI_CODES;
#[cfg(feature = "node")]
pub use cni::{
    ChainError, Cni, CniEvent, CniFileError, CniFileOp, CniRun, CniStep, CniWatch, Executables, LeakDelete,
    Said,
};
#[cfg(feature = "node")]
pub(crate) use cni::{list_names, read_file};
#[cfg(feature = "host")]
pub use discovery_server::{DiscoveryServer, ServeLimits};
#[cfg(all(feature = "config", feature = "crypto"))]
pub(crate) use error::CODES;
#[cfg(all(feature = "config", feature = "crypto"))]
pub use error::ExecError;
#[cfg(feature = "host")]
pub use file_error::FileError;
#[cfg(feature = "host")]
pub use host::Host;
#[cfg(feature = "api")]
pub use joining::Joining;
#[cfg(feature = "host")]
pub(crate) use kubeconfig_file::embedded;
#[cfg(feature = "host")]
pub use kubeconfig_file::read_kubeconfig;
#[cfg(all(feature = "config", feature = "crypto"))]
pub use run::{BoxFuture, Check, Event, Executor, Observer, Outcome, Run, Silent};
#[cfg(feature = "host")]
pub use tree::{FileHook, FileOp, Kind, Lock, Seen, Tree};
#[cfg(feature = "host")]
pub use upload::seal_certificates;
#[cfg(feature = "host")]
pub use write::{TEMPORARY_SUFFIX, temporary_name};
