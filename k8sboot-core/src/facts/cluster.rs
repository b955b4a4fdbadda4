//! Facts about a cluster that a node is to join.

use crate::{kubeconfig::Kubeconfig, version::Version};

/// What a joining node learns of its cluster. `Debug` shows no credential.
#[derive(Clone, Debug)]
pub struct SeenCluster {
    /// `https://HOST:PORT` of the API servers, as the cluster names it.
    pub server: String,
    /// The cluster's certificate authorities, PEM.
    pub ca_pem: String,
    /// With whose credentials the node asks for its first certificate: what becomes bootstrap-kubelet.conf.
    pub bootstrap: Kubeconfig,
    /// The text of the ConfigMap kubeadm-config, key `ClusterConfiguration`.
    pub kubeadm_config: String,
    /// The text of the ConfigMap kubelet-config, key `kubelet`.
    pub kubelet_config: String,
    /// The version of the API server, if it tells.
    pub server_version: Option<Version>,
    /// Whether the Node of this name is ready; `None` if there is none.
    pub node_ready: Option<bool>,
    /// What a person should know.
    pub warnings: Vec<String>,
}
