//! The configuration of the cluster that joining nodes read: ConfigMap `kubeadm-config`.
//!
//! Source: kubeadm 1.36, phase upload-config/kubeadm.

use serde_json::{Value, json};

use crate::{
    config::{InitConfig, v1beta4},
    manifest::{ManifestError, Object, yaml},
};

/// ConfigMap `kubeadm-config`: the ClusterConfiguration with every default filled in.
///
/// # Errors
///
/// [`ManifestError::Config`] if the configuration cannot be printed, which a proven one can.
pub fn kubeadm_config(config: &InitConfig) -> Result<Object, ManifestError> {
    let Ok(Value::Object(mut document)) = serde_json::to_value(config.cluster()) else {
        return Err(ManifestError::Config {
            field: "ClusterConfiguration".into(),
            expected: "a document that can be printed".into(),
            found: "one that cannot".into(),
        });
    };
    document.insert("apiVersion".into(), v1beta4::API_VERSION.into());
    document.insert("kind".into(), "ClusterConfiguration".into());
    Object::from_value(json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "kubeadm-config", "namespace": "kube-system"},
        "data": {"ClusterConfiguration": yaml::to_yaml(&Value::Object(document))},
    }))
}
