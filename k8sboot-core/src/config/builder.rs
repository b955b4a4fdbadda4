//! `InitBuilder`: a configuration for init without YAML.

use std::{fmt, net::IpAddr};

use serde_json::{Map, Value};

use super::{
    ConfigErrors, Documents, EncryptionAlgorithm, InitConfig,
    components::{KUBE_PROXY, KUBELET},
    node::Node,
    v1beta4::{self, Arg, ClusterConfiguration, ExternalEtcd, InitConfiguration, SecretText, Taint},
};
use crate::{cidr::Cidr, facts::NodeFacts, secret::SecretBytes, time::GoDuration, token::BootstrapToken};

/// Builds an [`InitConfig`] from typed values; what is not set gets kubeadm's default.
///
/// [`build`](Self::build) proves the same rules as [`Documents::into_init`].
///
/// # Examples
///
/// ```
/// # use k8sboot_core::{config::InitConfig, facts::NodeFacts};
/// let config = InitConfig::builder("v1.36.2")
///     .advertise_address([192, 0, 2, 10].into())
///     .pod_subnet("10.244.0.0/16".parse()?)
///     .api_server_san("api.example.com")
///     .build(&NodeFacts::named("Node-1"))?;
/// assert_eq!(config.node_name(), "node-1");
/// assert_eq!(config.api_server(), "https://192.0.2.10:6443");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct InitBuilder {
    init: InitConfiguration,
    cluster: ClusterConfiguration,
    kubelet: Option<Map<String, Value>>,
    kube_proxy: Option<Map<String, Value>>,
}

impl InitBuilder {
    pub(super) fn new(version: impl Into<String>) -> Self {
        let cluster = ClusterConfiguration { kubernetes_version: version.into(), ..Default::default() };
        Self { cluster, ..Self::default() }
    }

    /// The address of this node's API server. Default: the source address of the default route.
    pub fn advertise_address(mut self, address: IpAddr) -> Self {
        self.init.local_api_endpoint.advertise_address = address.to_string();
        self
    }

    /// The port of this node's API server. Default: 6443.
    pub fn bind_port(mut self, port: u16) -> Self {
        self.init.local_api_endpoint.bind_port = i32::from(port);
        self
    }

    /// The node's name. Default: the host name in lower case.
    pub fn node_name(mut self, name: impl Into<String>) -> Self {
        self.init.node_registration.name = name.into();
        self
    }

    /// The runtime socket, `unix:///…`. Default: the one on the host.
    pub fn cri_socket(mut self, socket: impl Into<String>) -> Self {
        self.init.node_registration.cri_socket = socket.into();
        self
    }

    /// The node's taints; an empty list means none at all. Default: the control-plane taint.
    pub fn taints(mut self, taints: impl IntoIterator<Item = Taint>) -> Self {
        self.init.node_registration.taints = Some(taints.into_iter().collect());
        self
    }

    /// Adds a bootstrap token with the default lifetime, usages and group.
    pub fn bootstrap_token(mut self, token: &BootstrapToken) -> Self {
        let token = SecretText::new(token.expose());
        self.init.bootstrap_tokens.push(v1beta4::BootstrapToken { token, ..Default::default() });
        self
    }

    /// The key of uploaded certificates: 64 hexadecimal digits.
    pub fn certificate_key(mut self, key: &SecretBytes) -> Self {
        self.init.certificate_key = SecretText::new(key.expose_str().unwrap_or("not text"));
        self
    }

    /// `HOST` or `HOST:PORT` under which all API servers are reached. Default: none.
    pub fn control_plane_endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.cluster.control_plane_endpoint = endpoint.into();
        self
    }

    /// Adds a pod subnet; the first decides the primary family. Default: none.
    pub fn pod_subnet(mut self, subnet: Cidr) -> Self {
        append(&mut self.cluster.networking.pod_subnet, &subnet);
        self
    }

    /// Adds a service subnet; the first decides the primary family. Default: 10.96.0.0/12.
    pub fn service_subnet(mut self, subnet: Cidr) -> Self {
        append(&mut self.cluster.networking.service_subnet, &subnet);
        self
    }

    /// The DNS domain of the cluster. Default: cluster.local.
    pub fn dns_domain(mut self, domain: impl Into<String>) -> Self {
        self.cluster.networking.dns_domain = domain.into();
        self
    }

    /// Adds a name or an address to kube-apiserver's certificate.
    pub fn api_server_san(mut self, name: impl Into<String>) -> Self {
        self.cluster.api_server.cert_sans.push(name.into());
        self
    }

    /// The cluster's name in kubeconfigs. Default: kubernetes.
    pub fn cluster_name(mut self, name: impl Into<String>) -> Self {
        self.cluster.cluster_name = name.into();
        self
    }

    /// Where images come from. Default: registry.k8s.io.
    pub fn image_repository(mut self, repository: impl Into<String>) -> Self {
        self.cluster.image_repository = repository.into();
        self
    }

    /// The directory of certificates and keys. Default: /etc/kubernetes/pki.
    pub fn certificates_dir(mut self, directory: impl Into<String>) -> Self {
        self.cluster.certificates_dir = directory.into();
        self
    }

    /// The kind of keys. Default: RSA-2048.
    pub fn encryption_algorithm(mut self, algorithm: EncryptionAlgorithm) -> Self {
        self.cluster.encryption_algorithm = algorithm.name().to_owned();
        self
    }

    /// Lifetime of leaf certificates. Default: 8760h.
    pub fn certificate_validity(mut self, period: GoDuration) -> Self {
        self.cluster.certificate_validity_period = Some(period);
        self
    }

    /// Lifetime of certificate authorities. Default: 87600h.
    pub fn ca_validity(mut self, period: GoDuration) -> Self {
        self.cluster.ca_certificate_validity_period = Some(period);
        self
    }

    /// Uses an etcd that is there already. Default: etcd as a static pod.
    pub fn external_etcd(mut self, etcd: ExternalEtcd) -> Self {
        self.cluster.etcd.external = Some(etcd);
        self
    }

    /// Adds a kubelet flag.
    pub fn kubelet_arg(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.init.node_registration.kubelet_extra_args.push(Arg { name: name.into(), value: value.into() });
        self
    }

    /// Adds a kube-apiserver flag.
    pub fn api_server_arg(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.cluster.api_server.extra_args.push(Arg { name: name.into(), value: value.into() });
        self
    }

    /// Adds a kube-controller-manager flag.
    pub fn controller_manager_arg(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.cluster.controller_manager.extra_args.push(Arg { name: name.into(), value: value.into() });
        self
    }

    /// Adds a kube-scheduler flag.
    pub fn scheduler_arg(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.cluster.scheduler.extra_args.push(Arg { name: name.into(), value: value.into() });
        self
    }

    /// The KubeletConfiguration of the cluster. Default: generated.
    pub fn kubelet(mut self, document: Map<String, Value>) -> Self {
        self.kubelet = Some(document);
        self
    }

    /// The KubeProxyConfiguration of the cluster. Default: generated.
    pub fn kube_proxy(mut self, document: Map<String, Value>) -> Self {
        self.kube_proxy = Some(document);
        self
    }

    /// Sets any other field of the two documents.
    pub fn edit(mut self, edit: impl FnOnce(&mut InitConfiguration, &mut ClusterConfiguration)) -> Self {
        edit(&mut self.init, &mut self.cluster);
        self
    }

    /// Fills in the defaults and proves the configuration.
    ///
    /// # Errors
    ///
    /// Every broken rule at once.
    pub fn build(self, host: &NodeFacts) -> Result<InitConfig, ConfigErrors> {
        let Self { init, cluster, kubelet, kube_proxy } = self;
        let (mut errors, mut warnings) = (Vec::new(), Vec::new());
        for (component, document) in [(&KUBELET, &kubelet), (&KUBE_PROXY, &kube_proxy)] {
            let document = Value::from(document.clone().unwrap_or_default());
            component.check(&Node::from_value(&document), &mut errors, &mut warnings);
        }
        if !errors.is_empty() {
            return Err(ConfigErrors::sorted(errors));
        }
        let documents = Documents {
            init: Some(init),
            cluster: Some(cluster),
            kubelet,
            kube_proxy,
            warnings,
            ..Default::default()
        };
        documents.into_init(host, None)
    }
}

fn append(list: &mut String, item: &dyn fmt::Display) {
    if !list.is_empty() {
        list.push(',');
    }
    list.push_str(&item.to_string());
}
