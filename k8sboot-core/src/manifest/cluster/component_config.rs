//! ConfigMaps with the configuration of a component, and the hash that tells generated ones from supplied ones.
//!
//! Source: kubeadm 1.36, phases upload-config/kubelet and addon/kube-proxy.

use std::collections::BTreeMap;

use ring::digest::{Context, SHA256};
use serde_json::{Value, json};

use crate::{
    config::{ComponentConfig, InitConfig},
    manifest::{ManifestError, Object, kubelet, yaml},
};

/// The annotation of ConfigMaps with a component configuration that the user did not supply.
///
/// A value that matches the data says: generated, may be generated anew at the next upgrade.
pub const COMPONENT_CONFIG_HASH: &str = "kubeadm.kubernetes.io/component-config.hash";

/// ConfigMap `kubelet-config`: the KubeletConfiguration of all nodes.
///
/// Carries the annotation [`COMPONENT_CONFIG_HASH`] if the user gave no KubeletConfiguration.
///
/// # Errors
///
/// None for a proven configuration.
pub fn kubelet_config(config: &InitConfig) -> Result<Object, ManifestError> {
    let data = BTreeMap::from([("kubelet", yaml::to_yaml(&kubelet::config(config)))]);
    component_config_map("kubelet-config", None, &data, config.kubelet())
}

/// A ConfigMap with a component's configuration, and its hash if the user did not supply that configuration.
pub(in crate::manifest) fn component_config_map(
    name: &str,
    app: Option<&str>,
    data: &BTreeMap<&str, String>,
    component: &ComponentConfig,
) -> Result<Object, ManifestError> {
    let annotations = (!component.supplied).then(|| json!({COMPONENT_CONFIG_HASH: hash(data)}));
    let optional = [("annotations", annotations), ("labels", app.map(|app| json!({"app": app})))];
    let always = [("name", json!(name)), ("namespace", json!("kube-system"))];
    let metadata: Value = optional
        .into_iter()
        .filter_map(|(field, value)| Some((field, value?)))
        .chain(always)
        .map(|(field, value)| (field.to_owned(), value))
        .collect();
    Object::from_value(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}))
}

/// `sha256:` and SHA-256 over the values of `data` in the order of their keys.
fn hash(data: &BTreeMap<&str, String>) -> String {
    let mut context = Context::new(&SHA256);
    for text in data.values() {
        context.update(text.as_bytes());
    }
    let hex: String = context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_as_kubeadm_does() {
        let vectors: Value = serde_json::from_str(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/kubeadm-1.36/vectors/component-config-hash.json"
        )))
        .unwrap();
        let vectors = vectors["vectors"].as_array().unwrap();
        assert_eq!(vectors.len(), 2);
        for vector in vectors {
            let data = vector["data"].as_object().unwrap().iter();
            let data: BTreeMap<_, _> =
                data.map(|(key, text)| (key.as_str(), text.as_str().unwrap().to_owned())).collect();
            assert_eq!(hash(&data), vector["hash"], "{}", vector["configmap"]);
        }
    }
}
