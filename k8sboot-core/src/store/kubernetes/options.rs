//! What the allocators of a cluster must agree on, and what each may choose.

use crate::{cidr::Cidr, ipam::ClusterCidr};

/// Which subnets nodes get and where the claims are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PodCidrOptions {
    /// The cluster CIDRs, at most one a family, in the order of the pod CIDRs of nodes. The same for all allocators.
    pub clusters: Vec<ClusterCidr>,
    /// What no node gets, for example the service CIDR. Default: nothing.
    pub reserved: Vec<Cidr>,
    /// The namespace of the claims. Default: `kube-system`.
    pub namespace: String,
    /// Whether the search begins at the first subnet. Default: false, at a place that follows from the node's name, so that
    /// allocators at work at the same time rarely want the same subnet.
    pub lowest_first: bool,
}

impl PodCidrOptions {
    /// With the defaults.
    #[must_use]
    pub fn new(clusters: impl Into<Vec<ClusterCidr>>) -> Self {
        Self {
            clusters: clusters.into(),
            reserved: Vec::new(),
            namespace: "kube-system".to_owned(),
            lowest_first: false,
        }
    }

    /// Sets [`reserved`](Self::reserved).
    #[must_use]
    pub fn reserved(mut self, reserved: impl Into<Vec<Cidr>>) -> Self {
        self.reserved = reserved.into();
        self
    }

    /// Sets [`namespace`](Self::namespace).
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Sets [`lowest_first`](Self::lowest_first).
    #[must_use]
    pub const fn lowest_first(mut self, lowest_first: bool) -> Self {
        self.lowest_first = lowest_first;
        self
    }

    /// The cluster CIDRs as the allocators of a cluster compare them: `10.244.0.0/16:24 fd00:10:244::/48:64`.
    pub(super) fn settings(&self) -> String {
        let one = |cluster: &ClusterCidr| {
            format!("{}/{}:{}", cluster.cidr.first(), cluster.cidr.length(), cluster.node_prefix)
        };
        self.clusters.iter().map(one).collect::<Vec<_>>().join(" ")
    }
}
