//! Pod CIDRs of nodes, flannel's annotations on them, and the addresses of cluster-wide networks, on the Kubernetes API.
//!
//! What can be known without an API server is pure: [`crate::ipam::NodeSubnets`] and [`crate::ipam::flannel`].

mod addresses;
mod claims;
mod error;
mod flannel_nodes;
mod network;
mod nodes;
mod options;
mod pod_cidrs;
mod store_error;

pub use addresses::{KubernetesStore, KubernetesStoreOptions};
pub use claims::{Claim, ClaimState};
pub use error::PodCidrError;
pub use flannel_nodes::FlannelNodes;
pub use options::PodCidrOptions;
pub use pod_cidrs::{Assignment, Origin, Outcome, PodCidrs};
pub use store_error::KubernetesStoreError;
