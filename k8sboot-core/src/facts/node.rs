//! Facts about the host that configuration defaults depend on.

use std::net::IpAddr;

/// What matters about the host when defaults are filled in.
///
/// `NodeFacts::default()` describes a host about which nothing is known: defaults that depend on the host are then
/// kubeadm's fallbacks, or an error where there is none (host name).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeFacts {
    /// The host name as the kernel has it.
    pub hostname: String,
    /// The source address of the default route, one per family at most, in order of preference.
    pub default_addresses: Vec<IpAddr>,
    /// Runtime sockets that exist, as `unix:///…` URLs.
    pub cri_sockets: Vec<String>,
    /// Whether systemd-resolved is active.
    pub systemd_resolved: bool,
    /// Which of the directories with CA certificates exist, as absolute paths (see [`CA_DIRECTORIES`]).
    pub ca_directories: Vec<String>,
    /// `*_proxy` variables of the environment that are not empty.
    pub proxy_environment: Vec<(String, String)>,
}

/// Directories that kube-apiserver and kube-controller-manager mount if they exist on the host.
///
/// Source: kubeadm 1.36, static pod manifests.
pub const CA_DIRECTORIES: [&str; 5] = [
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
];

/// Runtime sockets that kubeadm looks for, in its order.
pub const CRI_SOCKETS: [&str; 3] =
    ["/var/run/containerd/containerd.sock", "/var/run/crio/crio.sock", "/var/run/cri-dockerd.sock"];

impl NodeFacts {
    /// Facts about a host of which only the name is known.
    #[must_use]
    pub fn named(hostname: impl Into<String>) -> Self {
        Self { hostname: hostname.into(), ..Self::default() }
    }
}
