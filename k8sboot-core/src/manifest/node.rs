//! The Node object of a control plane: labels and taints.
//!
//! Source: kubeadm 1.36, phase mark-control-plane.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Object, kubelet};
use crate::config::{InitConfig, v1beta4::Taint};

/// Labels of every control-plane node, both with an empty value.
pub const CONTROL_PLANE_LABELS: [&str; 2] =
    ["node-role.kubernetes.io/control-plane", "node.kubernetes.io/exclude-from-external-load-balancers"];

/// The annotation that names the runtime's socket, on nodes without instance-config.yaml (Kubernetes 1.33).
pub const CRI_SOCKET: &str = "kubeadm.alpha.kubernetes.io/cri-socket";

/// The strategic merge patch that makes a Node a control plane: labels, and the taints of `nodeRegistration.taints`.
///
/// `existing` are the taints that the Node has: a list of taints is replaced as a whole, so those that are not of the
/// configuration follow after its own. Without any taint (`taints: []`) the patch leaves the list alone. Without
/// instance-config.yaml it also brings the annotation [`CRI_SOCKET`].
///
/// # Examples
///
/// ```
/// # use k8sboot_core::{config::Documents, facts::NodeFacts, manifest::node};
/// let config = "{apiVersion: kubeadm.k8s.io/v1beta4, kind: ClusterConfiguration, kubernetesVersion: v1.36.2}\n---\n\
///     {apiVersion: kubeadm.k8s.io/v1beta4, kind: InitConfiguration, localAPIEndpoint: {advertiseAddress: 192.0.2.10}}";
/// let config = Documents::parse(config)?.into_init(&NodeFacts::named("node-1"), None)?;
/// let patch = node::control_plane_patch(&config, &[]);
/// assert_eq!(patch["spec"]["taints"][0]["effect"], "NoSchedule");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn control_plane_patch(config: &InitConfig, existing: &[Taint]) -> Value {
    control_plane_mark(config).patch(existing)
}

/// What makes a Node a control plane, as data.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlPlaneMark {
    /// The Node.
    pub name: String,
    /// Labels that it gets.
    pub labels: BTreeMap<String, String>,
    /// Annotations that it gets.
    pub annotations: BTreeMap<String, String>,
    /// Taints that it gets; empty leaves its taints alone.
    pub taints: Vec<Taint>,
}

/// What makes this node a control plane: see [`control_plane_patch`].
#[must_use]
pub fn control_plane_mark(config: &InitConfig) -> ControlPlaneMark {
    let registration = &config.init().node_registration;
    let mut annotations = BTreeMap::new();
    if !kubelet::has_instance_config(config) {
        annotations.insert(CRI_SOCKET.to_owned(), registration.cri_socket.clone());
    }
    ControlPlaneMark {
        name: config.node_name().to_owned(),
        labels: CONTROL_PLANE_LABELS.iter().map(|label| ((*label).to_owned(), String::new())).collect(),
        annotations,
        taints: registration.taints.clone().unwrap_or_default(),
    }
}

impl ControlPlaneMark {
    /// The strategic merge patch for a Node with these taints.
    #[must_use]
    pub fn patch(&self, existing: &[Taint]) -> Value {
        let mut metadata = Map::from_iter([("labels".to_owned(), json!(self.labels))]);
        if !self.annotations.is_empty() {
            metadata.insert("annotations".into(), json!(self.annotations));
        }
        let mut patch = Map::from_iter([("metadata".to_owned(), Value::Object(metadata))]);
        if !self.taints.is_empty() {
            let foreign = existing.iter().filter(|taint| !self.taints.contains(taint));
            let taints: Vec<Value> = self.taints.iter().chain(foreign).map(taint_value).collect();
            patch.insert("spec".into(), json!({"taints": taints}));
        }
        Value::Object(patch)
    }

    /// Whether a Node has all of it already.
    #[must_use]
    pub fn is_on(&self, node: &Object) -> bool {
        let has = |at: &str, wanted: &BTreeMap<String, String>| {
            let there = node.as_value().pointer(at);
            wanted.iter().all(|(name, value)| {
                there.and_then(|there| there.get(name)).and_then(Value::as_str) == Some(value)
            })
        };
        let taints = taints_of(node);
        has("/metadata/labels", &self.labels)
            && has("/metadata/annotations", &self.annotations)
            && self.taints.iter().all(|taint| taints.contains(taint))
    }
}

/// The taints that a Node has; what cannot be read as one is left out.
#[must_use]
pub fn taints_of(node: &Object) -> Vec<Taint> {
    let taints = node.as_value().pointer("/spec/taints").and_then(Value::as_array);
    taints.into_iter().flatten().filter_map(|taint| serde_json::from_value(taint.clone()).ok()).collect()
}

fn taint_value(taint: &Taint) -> Value {
    let always = [("effect", &taint.effect), ("key", &taint.key)];
    let time_added = taint.time_added.iter().map(|time| ("timeAdded", time));
    let value = (!taint.value.is_empty()).then_some(("value", &taint.value));
    always
        .into_iter()
        .chain(time_added)
        .chain(value)
        .map(|(name, text)| (name.to_owned(), json!(text)))
        .collect()
}
