//! What looks at the node and changes nothing.

#[cfg(feature = "node")]
mod boot;
#[cfg(feature = "api")]
mod cluster;
#[cfg(feature = "node")]
mod cni;
#[cfg(all(feature = "config", feature = "crypto"))]
mod error;
#[cfg(feature = "host")]
mod files;
#[cfg(feature = "api")]
mod health;
#[cfg(feature = "host")]
mod kubelet;
#[cfg(feature = "host")]
mod node;
#[cfg(feature = "host")]
mod patches;
#[cfg(feature = "api")]
mod served;
#[cfg(feature = "node")]
pub mod witness;

#[cfg(feature = "node")]
pub use boot::{BootIdentity, boot_identity};
#[cfg(feature = "api")]
pub use cluster::Cluster;
#[cfg(feature = "node")]
pub use cni::{CachedResult, CachedResults, cached_results, conf_directory, plugin_directories};
#[cfg(all(feature = "config", feature = "crypto"))]
pub use error::ProbeError;
#[cfg(feature = "host")]
pub use files::Host;
#[cfg(feature = "api")]
pub use health::Look;
#[cfg(feature = "host")]
pub use kubelet::kubelet_version;
#[cfg(feature = "host")]
pub use node::node_facts;
#[cfg(feature = "host")]
pub use patches::{read_join_patches, read_patches};
#[cfg(feature = "api")]
pub use served::served_certificate;

#[cfg(all(feature = "config", feature = "crypto"))]
use crate::{
    exec::BoxFuture,
    facts::{Facts, Wanted},
};

/// Looks at the node.
#[cfg(all(feature = "config", feature = "crypto"))]
pub trait Probe: Send {
    /// Gathers what is wanted.
    ///
    /// # Errors
    ///
    /// What could not be looked at, and why. A file that does not exist is a fact, not an error.
    fn gather<'a>(&'a mut self, wanted: &'a Wanted) -> BoxFuture<'a, Result<Facts, ProbeError>>;
}

/// A probe of a node that does not exist yet: nothing is there.
#[cfg(all(feature = "config", feature = "crypto"))]
#[derive(Clone, Copy, Debug, Default)]
pub struct EmptyTree;

#[cfg(all(feature = "config", feature = "crypto"))]
impl Probe for EmptyTree {
    fn gather<'a>(&'a mut self, _wanted: &'a Wanted) -> BoxFuture<'a, Result<Facts, ProbeError>> {
        Box::pin(std::future::ready(Ok(Facts::default())))
    }
}
