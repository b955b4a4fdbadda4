//! What the probes saw: plain data that the pure code decides on.

#[cfg(all(feature = "config", feature = "crypto"))]
mod cluster;
mod node;
#[cfg(all(feature = "config", feature = "crypto"))]
mod tree;

#[cfg(all(feature = "config", feature = "crypto"))]
pub use cluster::SeenCluster;
pub use node::{CA_DIRECTORIES, CRI_SOCKETS, NodeFacts};
#[cfg(all(feature = "config", feature = "crypto"))]
pub use tree::{Content, Facts, FileFact, SeenKubeconfig, Want, Wanted};
