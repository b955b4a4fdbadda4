//! What hinders the work with the pod CIDRs of nodes.

use crate::{
    api::ApiError,
    cidr::Cidr,
    error::{Code, Details, Problem},
    ipam::{IpamError, flannel::FlannelError},
};

/// What hinders the work with the pod CIDRs of nodes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PodCidrError {
    /// The API server cannot be reached or refuses. What was written before is found and completed by the next call.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The cluster CIDRs cannot be split so, or every subnet is taken.
    #[error(transparent)]
    Ipam(#[from] IpamError),
    /// There is no such node.
    #[error("pod CIDRs: node {node:?} is not registered: start its kubelet, or check the name")]
    #[non_exhaustive]
    NoNode {
        /// The node.
        node: String,
    },
    /// Another allocator works with other cluster CIDRs or sizes: subnets of theirs and ours could overlap.
    #[error(
        "pod CIDRs: the allocators of this cluster work with {expected:?} (ConfigMap {name}), found {found:?}: use \
         theirs, or delete the ConfigMap when no other allocator runs"
    )]
    #[non_exhaustive]
    Settings {
        /// The ConfigMap with their settings, `NAMESPACE/NAME`.
        name: String,
        /// Theirs.
        expected: String,
        /// What this allocator was given.
        found: String,
    },
    /// Two nodes share addresses: an allocator that knows no claims wrote at the same moment. A pod CIDR cannot be changed.
    #[error(
        "pod CIDRs: nodes {node} and {other} share addresses of {cidr}: let one allocator alone work in the cluster, \
         then delete one of the two Node objects; its kubelet registers it anew"
    )]
    #[non_exhaustive]
    Shared {
        /// The node.
        node: String,
        /// Its pod CIDR.
        cidr: Cidr,
        /// The other node.
        other: String,
    },
    /// Others were faster each time.
    #[error("pod CIDRs: node {node}: others took the subnet in each of {attempts} attempts: try again later")]
    #[non_exhaustive]
    Contended {
        /// The node.
        node: String,
        /// How often.
        attempts: u32,
    },
    /// An object does not hold what belongs there.
    #[error(
        "pod CIDRs: {object}: {field}: expected {expected}, found {found:?}: repair or delete the object"
    )]
    #[non_exhaustive]
    Damaged {
        /// Kind and name.
        object: String,
        /// The field.
        field: &'static str,
        /// What belongs there.
        expected: &'static str,
        /// What is there, cut to 256 characters.
        found: String,
    },
    /// An annotation of flannel's is not readable.
    #[error("node {node}: {problem}: repair or remove the annotation")]
    #[non_exhaustive]
    Flannel {
        /// The node.
        node: String,
        /// What is wrong with it.
        problem: FlannelError,
    },
}

impl PodCidrError {
    pub(super) fn damaged(
        object: impl Into<String>,
        field: &'static str,
        expected: &'static str,
        found: &str,
    ) -> Self {
        Self::Damaged { object: object.into(), field, expected, found: found.chars().take(256).collect() }
    }
}

impl Problem for PodCidrError {
    fn code(&self) -> Code {
        match self {
            Self::Api(error) => error.code(),
            Self::Ipam(error) => error.code(),
            Self::NoNode { .. } => Code::POD_CIDR_NO_NODE,
            Self::Settings { .. } => Code::POD_CIDR_SETTINGS,
            Self::Shared { .. } => Code::POD_CIDR_SHARED,
            Self::Contended { .. } => Code::POD_CIDR_CONTENDED,
            Self::Damaged { .. } => Code::POD_CIDR_DAMAGED,
            Self::Flannel { problem, .. } => problem.code(),
        }
    }

    fn details(&self) -> Details {
        let mut details = match self {
            Self::Api(error) => error.details(),
            Self::Ipam(error) => error.details(),
            Self::Flannel { problem, .. } => problem.details(),
            _ => Details::default(),
        };
        match self {
            Self::NoNode { node } => {
                details.found = Some(node.clone());
                details.retryable = true;
            }
            Self::Settings { name, expected, found } => {
                details.path = Some(name.clone());
                details.expected = Some(expected.clone());
                details.found = Some(found.clone());
            }
            Self::Damaged { object, field, expected, found } => {
                details.path = Some(object.clone());
                details.field = Some((*field).to_owned());
                details.expected = Some((*expected).to_owned());
                details.found = Some(found.clone());
            }
            Self::Shared { node, cidr, other } => {
                details.field = Some("spec.podCIDRs".to_owned());
                details.found = Some(format!("{cidr} of {node} and of {other}"));
            }
            Self::Contended { .. } => details.retryable = true,
            Self::Api(_) | Self::Ipam(_) | Self::Flannel { .. } => {}
        }
        details
    }
}
