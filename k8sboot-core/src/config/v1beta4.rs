//! The kubeadm.k8s.io/v1beta4 documents, field for field.
//!
//! Source: Kubernetes "kubeadm Configuration (v1beta4)",
//! <https://kubernetes.io/docs/reference/config-api/kubeadm-config.v1beta4/>. Empty text, list or map means "not given",
//! as in Go. Serialising leaves out what Go's `omitempty` leaves out, so that printed documents equal kubeadm's.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{secret::SecretBytes, time::GoDuration};

/// `apiVersion` of these documents.
pub const API_VERSION: &str = "kubeadm.k8s.io/v1beta4";

/// Declares one document structure: camelCase, every field optional, Go's omission rules.
macro_rules! document {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }
    };
}

/// Text that must not be printed: a bootstrap token or a certificate key inside a document.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretText(String);

impl SecretText {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Do not log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether nothing was given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A copy that is wiped on drop.
    #[must_use]
    pub fn to_secret(&self) -> SecretBytes {
        SecretBytes::from(self.0.clone())
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_empty() { "SecretText(empty)" } else { "SecretText(<redacted>)" })
    }
}

impl Drop for SecretText {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

fn is_false(value: &bool) -> bool {
    !*value
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

document! {
    /// `kind: InitConfiguration`: what concerns this node and this run only.
    InitConfiguration {
        /// Bootstrap tokens to create; none means one fresh token.
        #[serde(skip_serializing_if = "Vec::is_empty")] bootstrap_tokens: Vec<BootstrapToken>,
        /// Print instead of act.
        #[serde(skip_serializing_if = "is_false")] dry_run: bool,
        /// How the node registers.
        node_registration: NodeRegistration,
        /// Where this node's API server listens.
        #[serde(rename = "localAPIEndpoint")] local_api_endpoint: ApiEndpoint,
        /// 64 hexadecimal digits: the key of uploaded certificates.
        #[serde(skip_serializing_if = "SecretText::is_empty")] certificate_key: SecretText,
        /// Phases to leave out.
        #[serde(skip_serializing_if = "Vec::is_empty")] skip_phases: Vec<String>,
        /// Where manifest patches lie.
        #[serde(skip_serializing_if = "Option::is_none")] patches: Option<Patches>,
        /// How long to wait for what.
        #[serde(skip_serializing_if = "Option::is_none")] timeouts: Option<Timeouts>,
    }
}

document! {
    /// An entry of `bootstrapTokens`.
    BootstrapToken {
        /// `id.secret`.
        token: SecretText,
        /// For people.
        #[serde(skip_serializing_if = "String::is_empty")] description: String,
        /// Lifetime; zero means for ever.
        #[serde(skip_serializing_if = "Option::is_none")] ttl: Option<GoDuration>,
        /// End of life, RFC 3339; excludes `ttl`.
        #[serde(skip_serializing_if = "Option::is_none")] expires: Option<String>,
        /// `signing`, `authentication`.
        #[serde(skip_serializing_if = "Vec::is_empty")] usages: Vec<String>,
        /// Groups beside `system:bootstrappers`.
        #[serde(skip_serializing_if = "Vec::is_empty")] groups: Vec<String>,
    }
}

document! {
    /// How a node registers with the cluster.
    NodeRegistration {
        /// Node name; default the host name in lower case.
        #[serde(skip_serializing_if = "String::is_empty")] name: String,
        /// Runtime socket, `unix:///…`.
        #[serde(skip_serializing_if = "String::is_empty")] cri_socket: String,
        /// `None` means the role's default taint, an empty list none at all.
        taints: Option<Vec<Taint>>,
        /// Further kubelet flags, in this order.
        #[serde(skip_serializing_if = "Vec::is_empty")] kubelet_extra_args: Vec<Arg>,
        /// Preflight checks whose failure only warns.
        #[serde(skip_serializing_if = "Vec::is_empty")] ignore_preflight_errors: Vec<String>,
        /// `IfNotPresent`, `Always` or `Never`.
        #[serde(skip_serializing_if = "String::is_empty")] image_pull_policy: String,
        /// One image at a time.
        #[serde(skip_serializing_if = "Option::is_none")] image_pull_serial: Option<bool>,
    }
}

document! {
    /// A taint (core/v1).
    Taint {
        /// `PREFIX/NAME`.
        key: String,
        /// May be empty.
        #[serde(skip_serializing_if = "String::is_empty")] value: String,
        /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
        effect: String,
        /// When it was added (kept as given).
        #[serde(skip_serializing_if = "Option::is_none")] time_added: Option<String>,
    }
}

document! {
    /// One command-line flag: `--NAME=VALUE`.
    Arg {
        /// Without the dashes.
        name: String,
        /// May be empty.
        value: String,
    }
}

document! {
    /// Address and port of an API server.
    ApiEndpoint {
        /// An IP address of this node.
        #[serde(skip_serializing_if = "String::is_empty")] advertise_address: String,
        /// 0 means 6443.
        #[serde(skip_serializing_if = "is_default")] bind_port: i32,
    }
}

document! {
    /// Where manifest patches lie.
    Patches {
        /// A directory.
        #[serde(skip_serializing_if = "String::is_empty")] directory: String,
    }
}

document! {
    /// How long to wait for what.
    Timeouts {
        /// Default 4m.
        #[serde(skip_serializing_if = "Option::is_none")] control_plane_component_health_check: Option<GoDuration>,
        /// Default 4m.
        #[serde(skip_serializing_if = "Option::is_none")] kubelet_health_check: Option<GoDuration>,
        /// Default 1m.
        #[serde(rename = "kubernetesAPICall", skip_serializing_if = "Option::is_none")] kubernetes_api_call: Option<GoDuration>,
        /// Default 2m.
        #[serde(rename = "etcdAPICall", skip_serializing_if = "Option::is_none")] etcd_api_call: Option<GoDuration>,
        /// Default 5m.
        #[serde(skip_serializing_if = "Option::is_none")] tls_bootstrap: Option<GoDuration>,
        /// Default 5m.
        #[serde(skip_serializing_if = "Option::is_none")] discovery: Option<GoDuration>,
        /// Default 5m.
        #[serde(skip_serializing_if = "Option::is_none")] upgrade_manifests: Option<GoDuration>,
    }
}

document! {
    /// `kind: ClusterConfiguration`: what all control planes of a cluster share.
    ClusterConfiguration {
        /// Stacked or external etcd.
        etcd: Etcd,
        /// Services, pods, DNS domain.
        networking: Networking,
        /// `vX.Y.Z` or a label such as `stable-1`.
        #[serde(skip_serializing_if = "String::is_empty")] kubernetes_version: String,
        /// Host name or address, with or without port, under which all API servers are reached.
        #[serde(skip_serializing_if = "String::is_empty")] control_plane_endpoint: String,
        /// kube-apiserver.
        api_server: ApiServer,
        /// kube-controller-manager.
        controller_manager: Component,
        /// kube-scheduler.
        scheduler: Component,
        /// CoreDNS.
        dns: Dns,
        /// kube-proxy.
        proxy: Proxy,
        /// Default /etc/kubernetes/pki.
        #[serde(skip_serializing_if = "String::is_empty")] certificates_dir: String,
        /// Default registry.k8s.io.
        #[serde(skip_serializing_if = "String::is_empty")] image_repository: String,
        /// kubeadm's feature gates.
        #[serde(skip_serializing_if = "is_default")] feature_gates: std::collections::BTreeMap<String, bool>,
        /// Default kubernetes.
        #[serde(skip_serializing_if = "String::is_empty")] cluster_name: String,
        /// RSA-2048 (default), RSA-3072, RSA-4096, ECDSA-P256 or ECDSA-P384.
        #[serde(skip_serializing_if = "String::is_empty")] encryption_algorithm: String,
        /// Lifetime of leaves, default 8760h.
        #[serde(skip_serializing_if = "Option::is_none")] certificate_validity_period: Option<GoDuration>,
        /// Lifetime of authorities, default 87600h.
        #[serde(rename = "caCertificateValidityPeriod", skip_serializing_if = "Option::is_none")] ca_certificate_validity_period: Option<GoDuration>,
    }
}

document! {
    /// Exactly one of `local` and `external`.
    Etcd {
        /// etcd as a static pod of each control plane.
        #[serde(skip_serializing_if = "Option::is_none")] local: Option<LocalEtcd>,
        /// etcd that is there already.
        #[serde(skip_serializing_if = "Option::is_none")] external: Option<ExternalEtcd>,
    }
}

document! {
    /// etcd as a static pod.
    LocalEtcd {
        /// Default: the cluster's.
        #[serde(skip_serializing_if = "String::is_empty")] image_repository: String,
        /// Default: by Kubernetes version.
        #[serde(skip_serializing_if = "String::is_empty")] image_tag: String,
        /// Default /var/lib/etcd.
        #[serde(skip_serializing_if = "String::is_empty")] data_dir: String,
        /// Further flags, in this order.
        #[serde(skip_serializing_if = "Vec::is_empty")] extra_args: Vec<Arg>,
        /// Environment (core/v1 EnvVar).
        #[serde(skip_serializing_if = "Vec::is_empty")] extra_envs: Vec<EnvVar>,
        /// Further names of the serving certificate.
        #[serde(rename = "serverCertSANs", skip_serializing_if = "Vec::is_empty")] server_cert_sans: Vec<String>,
        /// Further names of the peer certificate.
        #[serde(rename = "peerCertSANs", skip_serializing_if = "Vec::is_empty")] peer_cert_sans: Vec<String>,
    }
}

document! {
    /// etcd that is there already.
    ExternalEtcd {
        /// Client URLs.
        endpoints: Vec<String>,
        /// URLs of the HTTP endpoints, default `endpoints`.
        #[serde(rename = "httpEndpoints", skip_serializing_if = "Vec::is_empty")] http_endpoints: Vec<String>,
        /// CA of the servers.
        ca_file: String,
        /// Client certificate.
        cert_file: String,
        /// Its key.
        key_file: String,
    }
}

document! {
    /// Services, pods, DNS domain.
    Networking {
        /// One CIDR or one per family, comma-separated; default 10.96.0.0/12.
        #[serde(skip_serializing_if = "String::is_empty")] service_subnet: String,
        /// One CIDR or one per family, comma-separated; default none.
        #[serde(skip_serializing_if = "String::is_empty")] pod_subnet: String,
        /// Default cluster.local.
        #[serde(skip_serializing_if = "String::is_empty")] dns_domain: String,
    }
}

document! {
    /// kube-controller-manager or kube-scheduler.
    Component {
        /// Further flags, in this order.
        #[serde(skip_serializing_if = "Vec::is_empty")] extra_args: Vec<Arg>,
        /// Further host paths.
        #[serde(skip_serializing_if = "Vec::is_empty")] extra_volumes: Vec<HostPathMount>,
        /// Environment (core/v1 EnvVar).
        #[serde(skip_serializing_if = "Vec::is_empty")] extra_envs: Vec<EnvVar>,
    }
}

document! {
    /// kube-apiserver.
    ApiServer {
        /// Further flags, in this order.
        #[serde(skip_serializing_if = "Vec::is_empty")] extra_args: Vec<Arg>,
        /// Further host paths.
        #[serde(skip_serializing_if = "Vec::is_empty")] extra_volumes: Vec<HostPathMount>,
        /// Environment (core/v1 EnvVar).
        #[serde(skip_serializing_if = "Vec::is_empty")] extra_envs: Vec<EnvVar>,
        /// Further names of the serving certificate.
        #[serde(rename = "certSANs", skip_serializing_if = "Vec::is_empty")] cert_sans: Vec<String>,
    }
}

document! {
    /// A host path mounted into a static pod.
    HostPathMount {
        /// Name of the volume.
        name: String,
        /// Path on the node.
        host_path: String,
        /// Path in the container.
        mount_path: String,
        /// Default false.
        #[serde(skip_serializing_if = "is_false")] read_only: bool,
        /// core/v1 HostPathType; empty means no check.
        #[serde(skip_serializing_if = "String::is_empty")] path_type: String,
    }
}

document! {
    /// An environment variable (core/v1 EnvVar).
    EnvVar {
        /// Its name.
        name: String,
        /// Its value.
        #[serde(skip_serializing_if = "String::is_empty")] value: String,
        /// core/v1 EnvVarSource, carried through.
        #[serde(skip_serializing_if = "Option::is_none")] value_from: Option<Value>,
    }
}

document! {
    /// CoreDNS.
    Dns {
        /// Default: the cluster's.
        #[serde(skip_serializing_if = "String::is_empty")] image_repository: String,
        /// Default: by Kubernetes version.
        #[serde(skip_serializing_if = "String::is_empty")] image_tag: String,
        /// Do not deploy it.
        #[serde(skip_serializing_if = "is_false")] disabled: bool,
    }
}

document! {
    /// kube-proxy.
    Proxy {
        /// Do not deploy it.
        #[serde(skip_serializing_if = "is_false")] disabled: bool,
    }
}

document! {
    /// `kind: JoinConfiguration`.
    JoinConfiguration {
        /// Print instead of act.
        #[serde(skip_serializing_if = "is_false")] dry_run: bool,
        /// How the node registers.
        node_registration: NodeRegistration,
        /// Default /etc/kubernetes/pki/ca.crt.
        #[serde(rename = "caCertPath", skip_serializing_if = "String::is_empty")] ca_cert_path: String,
        /// How the cluster is found and trusted.
        discovery: Discovery,
        /// Given: the node becomes a control plane.
        #[serde(skip_serializing_if = "Option::is_none")] control_plane: Option<JoinControlPlane>,
        /// Phases to leave out.
        #[serde(skip_serializing_if = "Vec::is_empty")] skip_phases: Vec<String>,
        /// Where manifest patches lie.
        #[serde(skip_serializing_if = "Option::is_none")] patches: Option<Patches>,
        /// How long to wait for what.
        #[serde(skip_serializing_if = "Option::is_none")] timeouts: Option<Timeouts>,
    }
}

document! {
    /// How the cluster is found and trusted: exactly one of `bootstrapToken` and `file`.
    Discovery {
        /// By token and CA pin.
        #[serde(skip_serializing_if = "Option::is_none")] bootstrap_token: Option<TokenDiscovery>,
        /// By kubeconfig.
        #[serde(skip_serializing_if = "Option::is_none")] file: Option<FileDiscovery>,
        /// Token for the TLS bootstrap; default the discovery token.
        #[serde(skip_serializing_if = "SecretText::is_empty")] tls_bootstrap_token: SecretText,
    }
}

document! {
    /// Discovery by token and CA pin.
    TokenDiscovery {
        /// `id.secret`.
        token: SecretText,
        /// `HOST:PORT`.
        #[serde(rename = "apiServerEndpoint", skip_serializing_if = "String::is_empty")] api_server_endpoint: String,
        /// `sha256:HEX` pins.
        #[serde(skip_serializing_if = "Vec::is_empty")] ca_cert_hashes: Vec<String>,
        /// Trust whoever answers.
        #[serde(rename = "unsafeSkipCAVerification", skip_serializing_if = "is_false")] unsafe_skip_ca_verification: bool,
    }
}

document! {
    /// Discovery by kubeconfig.
    FileDiscovery {
        /// Path or https URL.
        kube_config_path: String,
    }
}

document! {
    /// What a joining control plane needs.
    JoinControlPlane {
        /// Where this node's API server listens.
        #[serde(rename = "localAPIEndpoint")] local_api_endpoint: ApiEndpoint,
        /// 64 hexadecimal digits: the key of uploaded certificates.
        #[serde(skip_serializing_if = "SecretText::is_empty")] certificate_key: SecretText,
    }
}

document! {
    /// `kind: ResetConfiguration`.
    ResetConfiguration {
        /// Empty /etc/kubernetes/tmp too.
        #[serde(skip_serializing_if = "is_false")] cleanup_tmp_dir: bool,
        /// Default /etc/kubernetes/pki.
        #[serde(skip_serializing_if = "String::is_empty")] certificates_dir: String,
        /// Runtime socket, `unix:///…`.
        #[serde(skip_serializing_if = "String::is_empty")] cri_socket: String,
        /// Print instead of act.
        #[serde(skip_serializing_if = "is_false")] dry_run: bool,
        /// Do not ask.
        #[serde(skip_serializing_if = "is_false")] force: bool,
        /// Preflight checks whose failure only warns.
        #[serde(skip_serializing_if = "Vec::is_empty")] ignore_preflight_errors: Vec<String>,
        /// Phases to leave out.
        #[serde(skip_serializing_if = "Vec::is_empty")] skip_phases: Vec<String>,
        /// Flags of umount2.
        #[serde(skip_serializing_if = "Vec::is_empty")] unmount_flags: Vec<String>,
        /// How long to wait for what.
        #[serde(skip_serializing_if = "Option::is_none")] timeouts: Option<Timeouts>,
    }
}
