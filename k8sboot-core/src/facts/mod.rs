//! What the probes saw: plain data that the pure code decides on.

mod node;
#[cfg(all(feature = "config", feature = "crypto"))]
mod tree;

pub use node::{CA_DIRECTORIES, CRI_SOCKETS, NodeFacts};
#[cfg(all(feature = "config", feature = "crypto"))]
pub use tree::{Content, Facts, FileFact, SeenKubeconfig, Want, Wanted};
