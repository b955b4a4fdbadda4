//! What joining a cluster takes beside files: the cluster's own configuration, the first certificate of a kubelet, and who
//! approves it.
//!
//! Pure: [`ClusterView`] reads what the cluster keeps for joining nodes, [`Request`] is the kubelet's certificate request
//! and what became of it, [`approval`] judges requests as a careful administrator would. The flow itself is
//! [`crate::flow::join`].

mod codes;

#[cfg(all(feature = "config", feature = "crypto"))]
pub mod approval;
#[cfg(feature = "api")]
mod approver;
#[cfg(all(feature = "config", feature = "crypto"))]
mod error;
#[cfg(all(feature = "config", feature = "crypto"))]
mod kubelet_conf;
#[cfg(all(feature = "config", feature = "crypto"))]
mod node;
#[cfg(all(feature = "config", feature = "crypto"))]
mod request;
#[cfg(all(feature = "config", feature = "crypto"))]
mod view;

#[cfg(feature = "api")]
pub use approver::{Reviewed, approve, deny, find_request, review, review_pending};
pub(crate) use codes::CODES;
#[cfg(all(feature = "config", feature = "crypto"))]
pub use error::JoinError;
#[cfg(all(feature = "config", feature = "crypto"))]
pub use kubelet_conf::{
    KUBELET_CLIENT_KEY, KUBELET_CLIENT_LINK, KUBELET_PKI, NodeIdentity, kubelet_client_file, kubelet_conf,
    node_identity,
};
#[cfg(all(feature = "config", feature = "crypto"))]
pub use node::node_object;
#[cfg(all(feature = "config", feature = "crypto"))]
pub use request::{CsrState, KUBELET_CLIENT_SIGNER, KUBELET_SERVING_SIGNER, Request, client_spec};
#[cfg(all(feature = "config", feature = "crypto"))]
pub use view::{ClusterView, kubelet_health_url};
