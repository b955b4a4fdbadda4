//! The Node object of a joining node, where no kubelet can run that registers it.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use crate::{
    config::v1beta4::{NodeRegistration, Taint},
    manifest::{ManifestError, Object},
};

/// The Node as a kubelet would register it: labels of host name, system and `node-labels`, taints, addresses.
///
/// Source: kubelet 1.36, registration; labels that a node may give itself: Kubernetes "NodeRestriction".
///
/// # Errors
///
/// [`ManifestError`] if the name is none that an object can have.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::{config::v1beta4::NodeRegistration, join::node_object};
/// let registration = NodeRegistration { name: "worker-1".into(), ..Default::default() };
/// let node = node_object(&registration, &["192.0.2.11".parse().unwrap()])?;
/// assert_eq!(node.value()["metadata"]["labels"]["kubernetes.io/hostname"], "worker-1");
/// # Ok::<(), k8sboot_core::manifest::ManifestError>(())
/// ```
pub fn node_object(registration: &NodeRegistration, addresses: &[IpAddr]) -> Result<Object, ManifestError> {
    let name = registration.name.as_str();
    let mut labels: Map<String, Value> = [
        ("beta.kubernetes.io/arch", architecture()),
        ("beta.kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", architecture()),
        ("kubernetes.io/hostname", name),
        ("kubernetes.io/os", "linux"),
    ]
    .into_iter()
    .map(|(label, value)| (label.to_owned(), json!(value)))
    .collect();
    let given = registration.kubelet_extra_args.iter().filter(|arg| arg.name == "node-labels");
    for label in given.flat_map(|arg| arg.value.split(',')) {
        if let Some((label, value)) = label.split_once('=') {
            labels.insert(label.trim().to_owned(), json!(value.trim()));
        }
    }
    let mut node_addresses: Vec<Value> = addresses
        .iter()
        .map(|address| json!({"type": "InternalIP", "address": address.to_string()}))
        .collect();
    node_addresses.push(json!({"type": "Hostname", "address": name}));
    let mut spec = Map::new();
    let taints = registration.taints.as_deref().unwrap_or_default();
    if !taints.is_empty() {
        spec.insert("taints".to_owned(), taints.iter().map(taint).collect());
    }
    Object::from_value(json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": spec,
        "status": {"addresses": node_addresses},
    }))
}

fn taint(taint: &Taint) -> Value {
    let mut value = json!({"key": taint.key, "effect": taint.effect});
    if let (false, Some(map)) = (taint.value.is_empty(), value.as_object_mut()) {
        map.insert("value".to_owned(), json!(taint.value));
    }
    value
}

/// The machine's architecture as Go names it.
const fn architecture() -> &'static str {
    if cfg!(target_arch = "x86_64") {
        "amd64"
    } else if cfg!(target_arch = "aarch64") {
        "arm64"
    } else if cfg!(target_arch = "powerpc64") {
        "ppc64le"
    } else if cfg!(target_arch = "s390x") {
        "s390x"
    } else if cfg!(target_arch = "riscv64") {
        "riscv64"
    } else {
        "unknown"
    }
}
