//! Documents as text: migration, kubeadm's defaults, the ClusterConfiguration that goes into the cluster.

use serde::Serialize;
use serde_json::Value;

use super::{
    ConfigError, ConfigErrors, Documents, InitConfig, defaults,
    v1beta4::{self, API_VERSION, BootstrapToken, SecretText, TokenDiscovery},
};
use crate::{error::Code, facts::NodeFacts, manifest::yaml::to_yaml, token};

/// A migrated configuration.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Migrated {
    /// The documents as v1beta4 with every default. Holds the bootstrap tokens: a secret file.
    pub yaml: v1beta4::SecretText,
    /// What is allowed but probably not wanted, and what was left out.
    pub warnings: Vec<ConfigError>,
}

/// The kinds that [`print_defaults`] knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DefaultsKind {
    /// InitConfiguration and ClusterConfiguration.
    Init,
    /// JoinConfiguration.
    Join,
    /// ResetConfiguration.
    Reset,
}

/// Writes a configuration of v1beta3 or v1beta4 as v1beta4 with every default, as `kubeadm config migrate` does.
///
/// Where the text names no node and no address, those of `host` are written. Runtime sockets of the host do not count.
/// Configurations of the kubelet and of kube-proxy are left out, as kubeadm leaves them out.
///
/// # Errors
///
/// Every problem of the text and every broken rule at once.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::{config::migrate, facts::NodeFacts};
/// let text = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: InitConfiguration\nlocalAPIEndpoint:\n  advertiseAddress: 192.0.2.1\n";
/// let migrated = migrate(text, &NodeFacts::named("node-1"), None)?;
/// assert!(migrated.yaml.expose().starts_with("apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn migrate(
    text: &str,
    host: &NodeFacts,
    fresh_token: Option<token::BootstrapToken>,
) -> Result<Migrated, ConfigErrors> {
    let documents = Documents::parse(text)?;
    let mut host = host.clone();
    host.cri_sockets.clear();
    let (mut texts, mut warnings, mut errors) = (Vec::new(), documents.warnings.clone(), Vec::new());
    let mut keep = |new: &[ConfigError]| {
        for warning in new {
            if !warnings.contains(warning) && warning.remedy != "it is ignored" {
                warnings.push(warning.clone());
            }
        }
    };
    if documents.init.is_some() || documents.cluster.is_some() {
        match documents.clone().into_init(&host, fresh_token) {
            Ok(config) => {
                texts.push(document("InitConfiguration", config.init()));
                texts.push(document("ClusterConfiguration", config.cluster()));
                keep(config.warnings());
            }
            Err(more) => errors.extend(more.into_vec()),
        }
    }
    if documents.join.is_some() {
        match documents.clone().into_join(&host) {
            Ok(config) => {
                texts.push(document("JoinConfiguration", config.join()));
                keep(config.warnings());
            }
            Err(more) => errors.extend(more.into_vec()),
        }
    }
    if documents.reset.is_some() {
        match documents.clone().into_reset(&host) {
            Ok(config) => {
                texts.push(document("ResetConfiguration", config.reset()));
                keep(config.warnings());
            }
            Err(more) => errors.extend(more.into_vec()),
        }
    }
    for (kind, given) in [
        ("UpgradeConfiguration", documents.upgrade.is_some()),
        ("KubeletConfiguration", documents.kubelet.is_some()),
        ("KubeProxyConfiguration", documents.kube_proxy.is_some()),
    ] {
        if given {
            let warning = ConfigError::new(Code::CONFIG_WARNING, kind, "", "a document to migrate", kind);
            warnings.push(warning.remedy("it is left out: keep it beside the result"));
        }
    }
    if texts.is_empty() && errors.is_empty() {
        errors.push(ConfigError::new(Code::CONFIG_MISSING, "", "", "a document to migrate", "none"));
    }
    if !errors.is_empty() {
        return Err(ConfigErrors::sorted(errors));
    }
    Ok(Migrated { yaml: SecretText::new(texts.join("---\n")), warnings })
}

/// A complete example of a kind, as `kubeadm config print init-defaults` and its sisters print it.
#[must_use]
pub fn print_defaults(kind: DefaultsKind) -> String {
    let token = SecretText::new("abcdef.0123456789abcdef");
    let node = |node: &mut v1beta4::NodeRegistration| {
        node.name = "node".to_owned();
        node.cri_socket = defaults::CRI_SOCKET.to_owned();
    };
    match kind {
        DefaultsKind::Init => {
            let mut init = v1beta4::InitConfiguration {
                bootstrap_tokens: vec![BootstrapToken { token, ..Default::default() }],
                ..Default::default()
            };
            init.local_api_endpoint.advertise_address = "1.2.3.4".to_owned();
            node(&mut init.node_registration);
            let mut cluster = v1beta4::ClusterConfiguration {
                kubernetes_version: "1.36.0".to_owned(),
                ..Default::default()
            };
            defaults::static_init(&mut init);
            defaults::static_cluster(&mut cluster);
            let init = document("InitConfiguration", &init);
            format!("{init}---\n{}", document("ClusterConfiguration", &cluster))
        }
        DefaultsKind::Join => {
            let mut join = v1beta4::JoinConfiguration::default();
            node(&mut join.node_registration);
            join.discovery.bootstrap_token = Some(TokenDiscovery {
                token,
                api_server_endpoint: "kube-apiserver:6443".to_owned(),
                unsafe_skip_ca_verification: true,
                ..Default::default()
            });
            defaults::static_join(&mut join);
            document("JoinConfiguration", &join)
        }
        DefaultsKind::Reset => {
            let mut reset = v1beta4::ResetConfiguration {
                cri_socket: defaults::CRI_SOCKET.to_owned(),
                ..Default::default()
            };
            defaults::static_reset(&mut reset);
            document("ResetConfiguration", &reset)
        }
    }
}

/// The ClusterConfiguration as it stands in the ConfigMap `kubeadm-config`.
#[must_use]
pub fn cluster_configuration_yaml(config: &InitConfig) -> String {
    document("ClusterConfiguration", config.cluster())
}

/// One document as kubeadm prints it.
fn document(kind: &str, body: &impl Serialize) -> String {
    let mut value = serde_json::to_value(body).unwrap_or_default();
    if let Value::Object(map) = &mut value {
        map.insert("apiVersion".to_owned(), API_VERSION.into());
        map.insert("kind".to_owned(), kind.into());
    }
    to_yaml(&value)
}
