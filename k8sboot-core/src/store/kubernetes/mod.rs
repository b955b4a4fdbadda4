//! Pod CIDRs of nodes, and flannel's annotations on them, on the Kubernetes API.
//!
//! What can be known without an API server is pure: [`crate::ipam::NodeSubnets`] and [`crate::ipam::flannel`].

mod claims;
mod error;
mod flannel_nodes;
mod nodes;
mod options;
mod pod_cidrs;

pub use claims::{Claim, ClaimState};
pub use error::PodCidrError;
pub use flannel_nodes::FlannelNodes;
pub use options::PodCidrOptions;
pub use pod_cidrs::{Assignment, Origin, Outcome, PodCidrs};
