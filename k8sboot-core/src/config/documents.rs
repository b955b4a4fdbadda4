//! The documents of one configuration text.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{
    ComponentConfig, ConfigError, ConfigErrors, ControlPlaneEndpoint, EncryptionAlgorithm, InitConfig,
    v1beta4,
};
use crate::{cidr::Cidr, error::Code, facts::NodeFacts, time::GoDuration, token::BootstrapToken};

/// The documents of one configuration text, each kind at most once.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Documents {
    /// `kind: InitConfiguration`.
    pub init: Option<v1beta4::InitConfiguration>,
    /// `kind: ClusterConfiguration`.
    pub cluster: Option<v1beta4::ClusterConfiguration>,
    /// `kind: KubeletConfiguration` (kubelet.config.k8s.io/v1beta1), carried through.
    pub kubelet: Option<Map<String, Value>>,
    /// `kind: KubeProxyConfiguration` (kubeproxy.config.k8s.io/v1alpha1), carried through.
    pub kube_proxy: Option<Map<String, Value>>,
}

impl Documents {
    /// Reads YAML or JSON.
    ///
    /// # Errors
    ///
    /// Every problem of the text at once.
    pub fn parse(text: &str) -> Result<Self, ConfigErrors> {
        let mut documents = Self::default();
        let values: Vec<Value> =
            serde_saphyr::from_multiple(text).map_err(|e| problem("", "YAML", &e.to_string()))?;
        for value in values {
            let Value::Object(mut map) = value else { continue };
            map.retain(|_, v| !v.is_null());
            let kind = map.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
            match kind.as_str() {
                "InitConfiguration" => documents.init = Some(typed(map)?),
                "ClusterConfiguration" => documents.cluster = Some(typed(map)?),
                "KubeletConfiguration" => documents.kubelet = Some(map),
                "KubeProxyConfiguration" => documents.kube_proxy = Some(map),
                other => return Err(problem("kind", "a known kind", other)),
            }
        }
        Ok(documents)
    }

    /// Fills in the defaults and proves an init configuration.
    ///
    /// `fresh_token` is used if the documents name no bootstrap token.
    ///
    /// # Errors
    ///
    /// Every broken rule at once.
    pub fn into_init(
        self,
        host: &NodeFacts,
        fresh_token: Option<BootstrapToken>,
    ) -> Result<InitConfig, ConfigErrors> {
        let mut init = self.init.unwrap_or_default();
        let mut cluster = self.cluster.unwrap_or_default();
        let default = |text: &mut String, value: &str| {
            if text.is_empty() {
                value.clone_into(text);
            }
        };
        default(&mut init.node_registration.name, &host.hostname.to_lowercase());
        default(
            &mut init.node_registration.cri_socket,
            host.cri_sockets.first().map_or("unix:///var/run/containerd/containerd.sock", String::as_str),
        );
        default(&mut init.node_registration.image_pull_policy, "IfNotPresent");
        init.node_registration.image_pull_serial.get_or_insert(true);
        init.node_registration.taints.get_or_insert_with(|| {
            vec![v1beta4::Taint {
                key: "node-role.kubernetes.io/control-plane".into(),
                effect: "NoSchedule".into(),
                ..Default::default()
            }]
        });
        let minutes = |m: i64| Some(GoDuration::from_seconds(m * 60));
        let timeouts = init.timeouts.get_or_insert_default();
        timeouts.control_plane_component_health_check =
            timeouts.control_plane_component_health_check.or(minutes(4));
        timeouts.kubelet_health_check = timeouts.kubelet_health_check.or(minutes(4));
        timeouts.kubernetes_api_call = timeouts.kubernetes_api_call.or(minutes(1));
        timeouts.etcd_api_call = timeouts.etcd_api_call.or(minutes(2));
        timeouts.tls_bootstrap = timeouts.tls_bootstrap.or(minutes(5));
        timeouts.discovery = timeouts.discovery.or(minutes(5));
        timeouts.upgrade_manifests = timeouts.upgrade_manifests.or(minutes(5));
        if init.bootstrap_tokens.is_empty() {
            if let Some(token) = fresh_token {
                init.bootstrap_tokens.push(v1beta4::BootstrapToken {
                    token: v1beta4::SecretText::new(token.expose()),
                    ..Default::default()
                });
            }
        }
        for token in &mut init.bootstrap_tokens {
            token.ttl.get_or_insert(GoDuration::from_seconds(86_400));
            if token.usages.is_empty() {
                token.usages = vec!["signing".into(), "authentication".into()];
            }
            if token.groups.is_empty() {
                token.groups = vec!["system:bootstrappers:kubeadm:default-node-token".into()];
            }
        }
        if init.local_api_endpoint.bind_port == 0 {
            init.local_api_endpoint.bind_port = 6443;
        }
        default(&mut cluster.certificates_dir, "/etc/kubernetes/pki");
        default(&mut cluster.cluster_name, "kubernetes");
        default(&mut cluster.image_repository, "registry.k8s.io");
        default(&mut cluster.encryption_algorithm, "RSA-2048");
        default(&mut cluster.networking.service_subnet, "10.96.0.0/12");
        default(&mut cluster.networking.dns_domain, "cluster.local");
        cluster.certificate_validity_period.get_or_insert(GoDuration::from_seconds(31_536_000));
        cluster.ca_certificate_validity_period.get_or_insert(GoDuration::from_seconds(315_360_000));
        if cluster.etcd.external.is_none() {
            default(&mut cluster.etcd.local.get_or_insert_default().data_dir, "/var/lib/etcd");
        }
        for san in &mut cluster.api_server.cert_sans {
            *san = san.to_lowercase();
        }
        for env in cluster.api_server.extra_envs.iter_mut().chain(&mut cluster.controller_manager.extra_envs)
        {
            if let Some(Value::Object(field_ref)) =
                env.value_from.as_mut().and_then(|v| v.get_mut("fieldRef"))
            {
                field_ref.entry("apiVersion").or_insert_with(|| "v1".into());
            }
        }
        let address = &init.local_api_endpoint.advertise_address;
        let advertise_address = address
            .parse()
            .map_err(|_| problem("localAPIEndpoint.advertiseAddress", "an IP address", address))?;
        let version = cluster
            .kubernetes_version
            .parse()
            .map_err(|_| problem("kubernetesVersion", "vX.Y.Z", &cluster.kubernetes_version))?;
        let control_plane_endpoint = (!cluster.control_plane_endpoint.is_empty()).then(|| {
            match cluster.control_plane_endpoint.rsplit_once(':') {
                Some((host, port)) => ControlPlaneEndpoint { host: host.into(), port: port.parse().ok() },
                None => ControlPlaneEndpoint { host: cluster.control_plane_endpoint.clone(), port: None },
            }
        });
        let algorithm = match cluster.encryption_algorithm.as_str() {
            "RSA-3072" => EncryptionAlgorithm::Rsa3072,
            "RSA-4096" => EncryptionAlgorithm::Rsa4096,
            "ECDSA-P256" => EncryptionAlgorithm::EcdsaP256,
            "ECDSA-P384" => EncryptionAlgorithm::EcdsaP384,
            _ => EncryptionAlgorithm::Rsa2048,
        };
        Ok(InitConfig {
            bind_port: u16::try_from(init.local_api_endpoint.bind_port).unwrap_or(6443),
            service_subnets: cidrs("networking.serviceSubnet", &cluster.networking.service_subnet)?,
            pod_subnets: cidrs("networking.podSubnet", &cluster.networking.pod_subnet)?,
            kubelet: component(self.kubelet),
            kube_proxy: component(self.kube_proxy),
            host: host.clone(),
            warnings: Vec::new(),
            init,
            cluster,
            version,
            advertise_address,
            control_plane_endpoint,
            algorithm,
        })
    }
}

fn component(document: Option<Map<String, Value>>) -> ComponentConfig {
    ComponentConfig { supplied: document.is_some(), document: document.unwrap_or_default() }
}

fn typed<T: DeserializeOwned>(map: Map<String, Value>) -> Result<T, ConfigErrors> {
    serde_json::from_value(Value::Object(map)).map_err(|e| problem("", "a valid document", &e.to_string()))
}

fn cidrs(field: &str, text: &str) -> Result<Vec<Cidr>, ConfigErrors> {
    let parts = text.split(',').filter(|p| !p.is_empty());
    parts.map(|p| p.parse().map_err(|_| problem(field, "a CIDR", p))).collect()
}

fn problem(field: &str, expected: &str, found: &str) -> ConfigErrors {
    ConfigErrors::from(ConfigError {
        code: Code::CONFIG_VALUE,
        document: String::new(),
        field: field.into(),
        line: 0,
        column: 0,
        expected: expected.into(),
        found: found.into(),
        remedy: String::new(),
    })
}
