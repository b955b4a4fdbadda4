//! What the cluster keeps for joining nodes: the ConfigMaps kubeadm-config and kubelet-config.
//!
//! Source: kubeadm 1.36, join, phases preflight and kubelet-start. Only the fields that a worker needs are read, whatever
//! others there are, so that a cluster one minor newer can be joined.

use std::net::IpAddr;

use serde_json::{Map, Value};

use super::JoinError;
use crate::{
    cidr::Cidr,
    config::{clean_path, v1beta4::NodeRegistration},
    manifest::{
        AppliedPatch, ManifestError, PatchSet, images,
        kubelet::{self, ClusterSettings, NodeFlags},
        versions::{self, RELEASES, Release},
        yaml,
    },
    version::Version,
};

/// How many minors the cluster may be away from those that the library knows.
const NEAR: u32 = 1;
/// How many minors a kubelet may be older than the API server.
///
/// Source: Kubernetes, "Version Skew Policy", kubelet.
const KUBELET_OLDER: u32 = 3;

/// What of the cluster's configuration a joining worker needs.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::join::ClusterView;
/// let kubeadm = "apiVersion: kubeadm.k8s.io/v1beta4
/// kind: ClusterConfiguration
/// kubernetesVersion: v1.36.2
/// networking: {serviceSubnet: 10.96.0.0/12, dnsDomain: cluster.local}";
/// let kubelet = "{apiVersion: kubelet.config.k8s.io/v1beta1, kind: KubeletConfiguration}";
/// let cluster = ClusterView::read(kubeadm, kubelet)?;
/// assert_eq!(cluster.name(), "kubernetes");
/// cluster.check_kubelet(&"v1.35.1".parse().unwrap(), None)?;
/// # Ok::<(), k8sboot_core::join::JoinError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClusterView {
    name: String,
    version: Version,
    image_repository: String,
    certificates_dir: String,
    dns_domain: String,
    dns_address: Option<IpAddr>,
    instance_config: bool,
    kubelet: Map<String, Value>,
}

impl ClusterView {
    /// Reads the texts of `kubeadm-config` (key `ClusterConfiguration`) and `kubelet-config` (key `kubelet`).
    ///
    /// # Errors
    ///
    /// [`JoinError::Cluster`] naming object, field, expected and found; [`JoinError::Version`] for a cluster two or more
    /// minors away from those that the library knows.
    pub fn read(kubeadm_config: &str, kubelet_config: &str) -> Result<Self, JoinError> {
        let object = "ConfigMap kube-system/kubeadm-config, ClusterConfiguration";
        let versions = ["kubeadm.k8s.io/v1beta4", "kubeadm.k8s.io/v1beta3"];
        let cluster = document(object, kubeadm_config, "ClusterConfiguration", &versions)?;
        let at = |field: &str| format!("{object}.{field}");
        let text = |field: &str, default: &str| -> Result<String, JoinError> {
            let value = field.split('.').try_fold(&cluster, |value, name| value.get(name));
            match value {
                None | Some(Value::Null) => Ok(default.to_owned()),
                Some(Value::String(text)) if text.is_empty() => Ok(default.to_owned()),
                Some(Value::String(text)) => Ok(text.clone()),
                Some(_) => Err(damaged(at(field), "a text", "something else")),
            }
        };
        let found = text("kubernetesVersion", "")?;
        let version: Version = found
            .parse()
            .map_err(|_| damaged(at("kubernetesVersion"), "a version like v1.36.2", &format!("{found:?}")))?;
        let (oldest, newest) = known_minors();
        if version.major() != 1 || !(oldest..=newest).contains(&version.minor()) {
            return Err(JoinError::Version { oldest, newest, found: version });
        }
        let subnets = text("networking.serviceSubnet", "10.96.0.0/12")?;
        let primary = subnets.split(',').next().unwrap_or_default();
        let cidr: Cidr = primary.parse().map_err(|_| {
            damaged(at("networking.serviceSubnet"), "CIDRs like 10.96.0.0/12", &format!("{subnets:?}"))
        })?;
        let gate = cluster.pointer("/featureGates/NodeLocalCRISocket").and_then(Value::as_bool);
        let kubelet = document(
            "ConfigMap kube-system/kubelet-config, kubelet",
            kubelet_config,
            "KubeletConfiguration",
            &["kubelet.config.k8s.io/v1beta1"],
        )?;
        Ok(Self {
            name: text("clusterName", "kubernetes")?,
            image_repository: text("imageRepository", "registry.k8s.io")?,
            certificates_dir: clean_path(&text("certificatesDir", "/etc/kubernetes/pki")?),
            dns_domain: text("networking.dnsDomain", "cluster.local")?,
            dns_address: cidr.nth(10),
            instance_config: gate.unwrap_or(versions::release(&version).instance_config),
            kubelet: match kubelet {
                Value::Object(map) => map,
                _ => Map::new(),
            },
            version,
        })
    }

    /// The cluster's name in kubeconfigs (`clusterName`).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version of the cluster as its configuration has it.
    #[must_use]
    pub const fn version(&self) -> &Version {
        &self.version
    }

    /// What a person should know about the cluster's version.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let known = RELEASES.iter().any(|release| release.minor == self.version.minor());
        let mut notes = kubelet::differing(&self.kubelet, &self.settings(false));
        if !known {
            notes.push(format!(
                "the cluster's version {} is one that this release does not know: the nearest is taken",
                self.version
            ));
        }
        notes
    }

    /// Checks the kubelet of the node against the API server (`server`; the configured version if it is not known).
    ///
    /// # Errors
    ///
    /// [`JoinError::KubeletSkew`] for a kubelet that is newer, or more than three minors older.
    pub fn check_kubelet(&self, kubelet: &Version, server: Option<&Version>) -> Result<(), JoinError> {
        let cluster = server.unwrap_or(&self.version);
        let fits = kubelet.major() == cluster.major()
            && kubelet.minor() <= cluster.minor()
            && kubelet.minor() + KUBELET_OLDER >= cluster.minor();
        if fits {
            return Ok(());
        }
        Err(JoinError::KubeletSkew { kubelet: Box::new(kubelet.clone()), cluster: Box::new(cluster.clone()) })
    }

    /// config.yaml of a node, and the patches that were applied.
    ///
    /// # Errors
    ///
    /// [`ManifestError::Patch`] if a patch does not fit.
    pub fn config_yaml(
        &self,
        node: &NodeRegistration,
        patches: &PatchSet,
        systemd_resolved: bool,
    ) -> Result<(String, Vec<AppliedPatch>), ManifestError> {
        let document = kubelet::complete(self.kubelet.clone(), &self.settings(systemd_resolved));
        let socket = self.instance_config.then_some(node.cri_socket.as_str());
        kubelet::node_yaml(document, patches, socket)
    }

    /// instance-config.yaml of a node, if the cluster's version has it.
    #[must_use]
    pub fn instance_yaml(&self, node: &NodeRegistration) -> Option<String> {
        self.instance_config.then(|| kubelet::instance_yaml(&node.cri_socket))
    }

    /// kubeadm-flags.env of a node; a worker registers with its taints, a control plane gets them later.
    #[must_use]
    pub fn flags_env(&self, node: &NodeRegistration, host_name: &str, register_taints: bool) -> String {
        let release: &'static Release = versions::release(&self.version);
        NodeFlags {
            registration: node,
            host_name,
            pause_image: &images::pause_of(&self.image_repository, release),
            register_taints,
            instance_config: self.instance_config,
            release,
        }
        .env()
    }

    fn settings(&self, systemd_resolved: bool) -> ClusterSettings<'_> {
        ClusterSettings {
            dns_address: self.dns_address,
            dns_domain: &self.dns_domain,
            certificates_dir: &self.certificates_dir,
            systemd_resolved,
            version: &self.version,
        }
    }
}

/// `http://ADDRESS:PORT/healthz` of a kubelet by its configuration (YAML); none if its port is 0. A text that cannot be
/// read counts as empty.
#[must_use]
pub fn kubelet_health_url(config: &str) -> Option<String> {
    let config = yaml::parse_all(config).unwrap_or_default().into_iter().next().unwrap_or_default();
    let port = config.get("healthzPort").and_then(Value::as_u64).unwrap_or(10_248);
    let address = match config.get("healthzBindAddress").and_then(Value::as_str) {
        None | Some("" | "0.0.0.0" | "::") => "127.0.0.1",
        Some(address) => address,
    };
    let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
    (port != 0).then(|| format!("http://{host}:{port}/healthz"))
}

/// The minors that can be joined: those of the table and the nearest on both sides.
fn known_minors() -> (u32, u32) {
    let [first, .., last] = &RELEASES;
    (first.minor.saturating_sub(NEAR), last.minor + NEAR)
}

/// The document of a kind in a text.
fn document(object: &str, text: &str, kind: &str, versions: &[&str]) -> Result<Value, JoinError> {
    let documents = yaml::parse_all(text)
        .map_err(|error| damaged(object.to_owned(), "YAML", &crate::error::chain(&error)))?;
    let of = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
    let found = documents.into_iter().find(|value| of(value, "kind").as_deref() == Some(kind));
    let Some(found) = found else {
        return Err(damaged(object.to_owned(), &format!("kind {kind}"), "none"));
    };
    let version = of(&found, "apiVersion").unwrap_or_default();
    if !versions.contains(&version.as_str()) {
        let expected = format!("apiVersion {}", versions.join(" or "));
        return Err(damaged(object.to_owned(), &expected, &format!("{version:?}")));
    }
    Ok(found)
}

fn damaged(object: String, expected: &str, found: &str) -> JoinError {
    JoinError::Cluster {
        object,
        expected: expected.to_owned(),
        found: found.chars().take(200).collect(),
        remedy: "upload the configuration again: init, stage upload-config",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Code, Problem};

    const KUBELET: &str = "{apiVersion: kubelet.config.k8s.io/v1beta1, kind: KubeletConfiguration}";

    fn cluster(fields: &str) -> Result<ClusterView, JoinError> {
        let text = format!("apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n{fields}");
        ClusterView::read(&text, KUBELET)
    }

    #[test]
    fn clusters_two_minors_away_are_refused() {
        for (version, fits) in
            [("v1.31.9", false), ("v1.32.0", true), ("v1.36.2", true), ("v1.38.1", true), ("v1.39.0", false)]
        {
            let seen = cluster(&format!("kubernetesVersion: {version}\nnewField: 1"));
            assert_eq!(seen.is_ok(), fits, "{version}");
            if let Err(error) = seen {
                assert_eq!(error.code(), Code::JOIN_VERSION);
                assert!(error.to_string().contains(version), "{error}");
            }
        }
        assert!(cluster("kubernetesVersion: v2.36.0").is_err());
        assert_eq!(cluster("kubernetesVersion: v1.38.1").unwrap().notes().len(), 1);
    }

    #[test]
    fn kubelets_are_as_old_as_the_policy_allows() {
        let cluster = cluster("kubernetesVersion: v1.36.2").unwrap();
        for (kubelet, server, fits) in [
            ("v1.33.0", None, true),
            ("v1.32.9", None, false),
            ("v1.36.9", None, true),
            ("v1.37.0", None, false),
            ("v1.37.0", Some("v1.37.1"), true),
            ("v1.33.0", Some("v1.37.1"), false),
        ] {
            let server = server.map(|text: &str| text.parse().unwrap());
            let checked = cluster.check_kubelet(&kubelet.parse().unwrap(), server.as_ref());
            assert_eq!(checked.is_ok(), fits, "{kubelet} {server:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (fields, field) in [
            ("kubernetesVersion: latest", "kubernetesVersion"),
            ("kubernetesVersion: v1.36.2\nnetworking: {serviceSubnet: all}", "networking.serviceSubnet"),
            ("kubernetesVersion: v1.36.2\nclusterName: [a]", "clusterName"),
        ] {
            let error = cluster(fields).unwrap_err();
            assert_eq!(error.code(), Code::JOIN_CLUSTER);
            assert!(error.to_string().contains(field), "{error}");
        }
        for (kubeadm, kubelet) in [("", KUBELET), ("a: [", KUBELET), ("kind: ClusterConfiguration", KUBELET)]
        {
            assert_eq!(ClusterView::read(kubeadm, kubelet).unwrap_err().code(), Code::JOIN_CLUSTER);
        }
        let good =
            "{apiVersion: kubeadm.k8s.io/v1beta4, kind: ClusterConfiguration, kubernetesVersion: v1.36.2}";
        let error = ClusterView::read(good, "kind: Pod").unwrap_err().to_string();
        assert!(error.contains("kubelet-config") && error.contains("KubeletConfiguration"), "{error}");
    }

    #[test]
    fn the_kubelet_is_asked_where_the_cluster_lets_it_listen() {
        for (fields, url) in [
            ("", Some("http://127.0.0.1:10248/healthz")),
            (", healthzPort: 0", None),
            (", healthzBindAddress: \"::1\", healthzPort: 1", Some("http://[::1]:1/healthz")),
        ] {
            let text = format!("{}{fields}}}", KUBELET.trim_end_matches('}'));
            assert_eq!(kubelet_health_url(&text).as_deref(), url);
        }
    }
}
