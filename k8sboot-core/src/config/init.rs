//! `InitConfig`: a configuration for init whose every default is filled in and every rule checked.

use std::net::IpAddr;

use serde_json::{Map, Value};

use super::{
    ConfigError, ConfigErrors, Documents, InitBuilder, defaults,
    rules::{self, Report},
    v1beta4,
};
use crate::{
    cidr::{Cidr, Family},
    error::Code,
    facts::NodeFacts,
    time::GoDuration,
    token::BootstrapToken,
    version::Version,
};

/// The kind of keys of a cluster (`encryptionAlgorithm`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EncryptionAlgorithm {
    /// The default.
    Rsa2048,
    /// RSA with 3072 bits.
    Rsa3072,
    /// RSA with 4096 bits.
    Rsa4096,
    /// ECDSA on P-256.
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
}

impl EncryptionAlgorithm {
    /// The name in the configuration, for example `RSA-2048`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rsa2048 => "RSA-2048",
            Self::Rsa3072 => "RSA-3072",
            Self::Rsa4096 => "RSA-4096",
            Self::EcdsaP256 => "ECDSA-P256",
            Self::EcdsaP384 => "ECDSA-P384",
        }
    }
}

/// Host and port under which all API servers of the cluster are reached (`controlPlaneEndpoint`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlPlaneEndpoint {
    /// DNS name (lower case) or IP address without brackets.
    pub host: String,
    /// The port, if one was given.
    pub port: Option<u16>,
}

/// The kubelet's or kube-proxy's own configuration document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ComponentConfig {
    /// The document as the user gave it, without `null` members; empty if not given.
    pub document: Map<String, Value>,
    /// Whether the user gave one: generated ones carry a hash annotation in the cluster.
    pub supplied: bool,
}

/// A proven init configuration. Made by [`super::Documents::into_init`] or [`super::InitBuilder::build`].
#[derive(Clone, Debug)]
pub struct InitConfig {
    pub(super) init: v1beta4::InitConfiguration,
    pub(super) cluster: v1beta4::ClusterConfiguration,
    pub(super) certificates_dir: String,
    pub(super) etcd_data_dir: Option<String>,
    pub(super) kubelet: ComponentConfig,
    pub(super) kube_proxy: ComponentConfig,
    pub(super) host: NodeFacts,
    pub(super) version: Version,
    pub(super) advertise_address: IpAddr,
    pub(super) bind_port: u16,
    pub(super) control_plane_endpoint: Option<ControlPlaneEndpoint>,
    pub(super) service_subnets: Vec<Cidr>,
    pub(super) pod_subnets: Vec<Cidr>,
    pub(super) algorithm: EncryptionAlgorithm,
    pub(super) warnings: Vec<ConfigError>,
}

impl InitConfig {
    /// Starts a configuration without any text; `version` is `vX.Y.Z` or a label such as `stable-1.36`.
    pub fn builder(version: impl Into<String>) -> InitBuilder {
        InitBuilder::new(version)
    }

    /// The InitConfiguration document, defaults filled in.
    #[must_use]
    pub const fn init(&self) -> &v1beta4::InitConfiguration {
        &self.init
    }

    /// The ClusterConfiguration document, defaults filled in.
    #[must_use]
    pub const fn cluster(&self) -> &v1beta4::ClusterConfiguration {
        &self.cluster
    }

    /// The user's KubeletConfiguration.
    #[must_use]
    pub const fn kubelet(&self) -> &ComponentConfig {
        &self.kubelet
    }

    /// The user's KubeProxyConfiguration.
    #[must_use]
    pub const fn kube_proxy(&self) -> &ComponentConfig {
        &self.kube_proxy
    }

    /// The facts about the host that the defaults came from.
    #[must_use]
    pub const fn host(&self) -> &NodeFacts {
        &self.host
    }

    /// The node's name, lower case, an RFC 1123 subdomain.
    #[must_use]
    pub fn node_name(&self) -> &str {
        &self.init.node_registration.name
    }

    /// The Kubernetes version to install.
    #[must_use]
    pub const fn version(&self) -> &Version {
        &self.version
    }

    /// The address of this node's API server.
    #[must_use]
    pub const fn advertise_address(&self) -> IpAddr {
        self.advertise_address
    }

    /// The port of this node's API server.
    #[must_use]
    pub const fn bind_port(&self) -> u16 {
        self.bind_port
    }

    /// The common endpoint of all API servers, if one was given.
    #[must_use]
    pub const fn control_plane_endpoint(&self) -> Option<&ControlPlaneEndpoint> {
        self.control_plane_endpoint.as_ref()
    }

    /// The service CIDRs, one or one per family, the primary first.
    #[must_use]
    pub fn service_subnets(&self) -> &[Cidr] {
        &self.service_subnets
    }

    /// The pod CIDRs, none, one or one per family.
    #[must_use]
    pub fn pod_subnets(&self) -> &[Cidr] {
        &self.pod_subnets
    }

    /// The kind of keys.
    #[must_use]
    pub const fn algorithm(&self) -> EncryptionAlgorithm {
        self.algorithm
    }

    /// What is allowed but probably not wanted.
    #[must_use]
    pub fn warnings(&self) -> &[ConfigError] {
        &self.warnings
    }

    /// Lifetime of leaf certificates.
    #[must_use]
    pub fn leaf_validity(&self) -> GoDuration {
        self.cluster.certificate_validity_period.unwrap_or(GoDuration::from_seconds(31_536_000))
    }

    /// Lifetime of certificate authorities.
    #[must_use]
    pub fn ca_validity(&self) -> GoDuration {
        self.cluster.ca_certificate_validity_period.unwrap_or(GoDuration::from_seconds(315_360_000))
    }

    /// `https://ADDRESS:PORT` of this node's own API server, IPv6 in brackets.
    #[must_use]
    pub fn local_api_server(&self) -> String {
        format!("https://{}", host_port(&self.advertise_address.to_string(), self.bind_port))
    }

    /// `https://HOST:PORT` of the common endpoint, or of this node's own API server if none was given.
    #[must_use]
    pub fn api_server(&self) -> String {
        format!("https://{}", self.api_server_host_port())
    }

    /// `HOST:PORT` as in [`api_server`](Self::api_server), as the join command takes it.
    #[must_use]
    pub fn api_server_host_port(&self) -> String {
        match &self.control_plane_endpoint {
            Some(endpoint) => host_port(&endpoint.host, endpoint.port.unwrap_or(self.bind_port)),
            None => host_port(&self.advertise_address.to_string(), self.bind_port),
        }
    }

    /// The address that cluster DNS gets: the tenth of the first service CIDR.
    #[must_use]
    pub fn dns_address(&self) -> Option<IpAddr> {
        self.service_subnets.first().and_then(|cidr| cidr.nth(10))
    }

    /// Whether any service or pod CIDR or the advertise address belongs to a family.
    #[must_use]
    pub fn uses(&self, family: Family) -> bool {
        Family::of(&self.advertise_address) == family
            || self.service_subnets.iter().chain(&self.pod_subnets).any(|cidr| cidr.family() == family)
    }

    /// The directory of certificates and keys: absolute, without `.`, `..` and empty parts.
    #[must_use]
    pub fn certificates_dir(&self) -> &str {
        &self.certificates_dir
    }

    /// The directory of a local etcd's data, in the same form; none if etcd is external.
    #[must_use]
    pub fn etcd_data_dir(&self) -> Option<&str> {
        self.etcd_data_dir.as_deref()
    }
}

/// Fills in the defaults of the documents and proves every rule for init.
pub(super) fn prove(
    mut documents: Documents,
    host: &NodeFacts,
    fresh_token: Option<BootstrapToken>,
) -> Result<InitConfig, ConfigErrors> {
    documents.warn_unused("init", &["InitConfiguration", "ClusterConfiguration"]);
    let Documents { init, cluster, kubelet, kube_proxy, positions, mut warnings, .. } = documents;
    if init.is_none() && cluster.is_none() {
        let expected = "an InitConfiguration or a ClusterConfiguration";
        return Err(ConfigError::new(Code::CONFIG_MISSING, "", "", expected, "neither").into());
    }
    let (mut init, mut cluster) = (init.unwrap_or_default(), cluster.unwrap_or_default());
    let mut report = Report::new(&positions);
    defaults::static_init(&mut init);
    defaults::static_cluster(&mut cluster);
    defaults::host_init(&mut report, &mut init, &mut cluster, host, fresh_token);

    report.on("InitConfiguration");
    rules::bootstrap_tokens(&mut report, &init.bootstrap_tokens);
    rules::node_registration(&mut report, &init.node_registration);
    rules::certificate_key(&mut report, "certificateKey", &init.certificate_key);
    rules::timeouts(&mut report, &init.timeouts.clone().unwrap_or_default());
    let address = "localAPIEndpoint.advertiseAddress";
    let advertise_address = rules::advertise_address(&mut report, address, &init.local_api_endpoint);
    let bind_port =
        rules::bind_port(&mut report, "localAPIEndpoint.bindPort", init.local_api_endpoint.bind_port);
    let proven = rules::cluster(&mut report, &cluster);
    let networks = rules::network(&mut report, &init, &cluster, advertise_address);

    let Report { errors, warnings: more, .. } = report;
    let (true, Some(advertise_address), Some(bind_port), Some(version)) =
        (errors.is_empty(), advertise_address, bind_port, proven.version)
    else {
        return Err(ConfigErrors::sorted(errors));
    };
    warnings.extend(more);
    Ok(InitConfig {
        certificates_dir: clean_path(&cluster.certificates_dir),
        etcd_data_dir: cluster.etcd.local.as_ref().map(|local| clean_path(&local.data_dir)),
        kubelet: component(kubelet),
        kube_proxy: component(kube_proxy),
        host: host.clone(),
        version,
        advertise_address,
        bind_port,
        control_plane_endpoint: proven.endpoint,
        service_subnets: networks.services,
        pod_subnets: networks.pods,
        algorithm: proven.algorithm,
        warnings,
        init,
        cluster,
    })
}

fn component(document: Option<Map<String, Value>>) -> ComponentConfig {
    ComponentConfig { supplied: document.is_some(), document: document.unwrap_or_default() }
}

fn host_port(host: &str, port: u16) -> String {
    join_host_port(host, i32::from(port))
}

/// An absolute path without `.`, `..` and empty parts, as Go's `filepath.Clean` gives it.
pub(crate) fn clean_path(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// `HOST:PORT`, IPv6 in brackets.
pub(super) fn join_host_port(host: &str, port: i32) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
