//! What the fuzz targets share.

use k8sboot_core::{
    config::{Documents, InitConfig},
    facts::NodeFacts,
    time::Timestamp,
    token::BootstrapToken,
};

/// The token of every document that is signed here.
pub fn token() -> BootstrapToken {
    "abcdef.0123456789abcdef".parse().expect("a well-formed token")
}

/// A host with a name, an address and a runtime.
pub fn host() -> NodeFacts {
    let mut host = NodeFacts::named("node-1");
    host.default_addresses = vec!["192.0.2.10".parse().expect("an address")];
    host.cri_sockets = vec!["unix:///var/run/containerd/containerd.sock".to_owned()];
    host
}

/// A time long before the end of what a fuzz target makes.
pub const fn now() -> Timestamp {
    Timestamp::from_seconds(1_800_000_000)
}

/// The smallest configuration there is.
pub fn minimal() -> InitConfig {
    let text = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\n";
    let documents = Documents::parse(text).expect("a well-formed configuration");
    documents.into_init(&host(), Some(token())).expect("a sound configuration")
}
