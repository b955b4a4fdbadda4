//! The Node object of a control plane: labels and taints.
//!
//! Source: kubeadm 1.36, phase mark-control-plane.

use serde_json::{Map, Value, json};

use super::kubelet;
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
    let registration = &config.init().node_registration;
    let labels: Value = CONTROL_PLANE_LABELS.iter().map(|label| ((*label).to_owned(), json!(""))).collect();
    let mut metadata = Map::from_iter([("labels".to_owned(), labels)]);
    if !kubelet::has_instance_config(config) {
        metadata.insert("annotations".into(), json!({CRI_SOCKET: registration.cri_socket}));
    }
    let mut patch = Map::from_iter([("metadata".to_owned(), Value::Object(metadata))]);
    let own = registration.taints.as_deref().unwrap_or_default();
    if !own.is_empty() {
        let foreign = existing.iter().filter(|taint| !own.contains(taint));
        let taints: Vec<Value> = own.iter().chain(foreign).map(taint_value).collect();
        patch.insert("spec".into(), json!({"taints": taints}));
    }
    Value::Object(patch)
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
