//! kube-proxy: service addresses on every node.
//!
//! Source: kubeadm 1.36, phase addon/kube-proxy.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::kube_proxy_config;
#[cfg(feature = "crypto")]
use crate::manifest::{
    cluster::{component_config_map, rbac},
    yaml,
};
use crate::{
    config::InitConfig,
    manifest::{ManifestError, Object, PatchSet, images, versions},
};

/// The patch target of the DaemonSet, from Kubernetes 1.37 on.
pub const PATCH_TARGET: &str = "kubeproxydaemonset";

/// Every object of the add-on in kubeadm's order of creation; none if `proxy.disabled`.
///
/// # Errors
///
/// What [`config_map`] and [`daemon_set`] refuse.
#[cfg(feature = "crypto")]
pub fn objects(config: &InitConfig, patches: &PatchSet) -> Result<Vec<Object>, ManifestError> {
    if config.cluster().proxy.disabled {
        return Ok(Vec::new());
    }
    let mut objects = vec![config_map(config)?, daemon_set(config, patches)?, service_account()?];
    objects.extend(rbac::NODE_PROXIER.objects()?);
    objects.extend(rbac::KUBE_PROXY_CONFIG.objects()?);
    Ok(objects)
}

/// kube-proxy's own configuration: the user's with kubeadm's defaults and every zero value printed.
///
/// # Errors
///
/// [`ManifestError::Config`] for a field of the wrong type.
#[must_use]
pub fn component_config(config: &InitConfig) -> Value {
    kube_proxy_config::config(config)
}

/// Which fields of the user's KubeProxyConfiguration differ from kubeadm's recommendation, in kubeadm's words.
///
/// The user's value is kept.
#[must_use]
pub fn warnings(config: &InitConfig) -> Vec<String> {
    kube_proxy_config::warnings(config)
}

/// ConfigMap `kube-proxy`: `config.conf` and a `kubeconfig.conf` that uses the pod's service account.
///
/// Carries the hash annotation if the user gave no KubeProxyConfiguration.
///
/// # Errors
///
/// What [`component_config`] refuses.
#[cfg(feature = "crypto")]
pub fn config_map(config: &InitConfig) -> Result<Object, ManifestError> {
    let config_conf = yaml::to_yaml(&component_config(config));
    let data = BTreeMap::from([
        ("config.conf", config_conf.trim_end_matches('\n').to_owned()),
        ("kubeconfig.conf", kubeconfig(&config.api_server())),
    ]);
    component_config_map("kube-proxy", Some("kube-proxy"), &data, config.kube_proxy())
}

/// ServiceAccount `kube-proxy`.
///
/// # Errors
///
/// None.
pub fn service_account() -> Result<Object, ManifestError> {
    Object::from_value(json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "kube-proxy", "namespace": "kube-system"},
    }))
}

/// DaemonSet `kube-proxy`; patched by target `kubeproxydaemonset` from Kubernetes 1.37 on.
///
/// The host's proxy variables become environment of the container, sorted by name.
///
/// # Errors
///
/// Those of [`PatchSet::apply`].
pub fn daemon_set(config: &InitConfig, patches: &PatchSet) -> Result<Object, ManifestError> {
    let proxies: BTreeMap<_, _> = config.host().proxy_environment.iter().cloned().collect();
    let mut env =
        vec![json!({"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}})];
    env.extend(proxies.iter().map(|(name, value)| json!({"name": name, "value": value})));
    let container = json!({
        "name": "kube-proxy",
        "image": images::kubernetes(config, "kube-proxy"),
        "imagePullPolicy": "IfNotPresent",
        "command": [
            "/usr/local/bin/kube-proxy",
            "--config=/var/lib/kube-proxy/config.conf",
            "--hostname-override=$(NODE_NAME)",
        ],
        "env": env,
        "resources": {},
        "securityContext": {"privileged": true},
        "volumeMounts": [
            {"name": "kube-proxy", "mountPath": "/var/lib/kube-proxy"},
            {"name": "xtables-lock", "mountPath": "/run/xtables.lock"},
            {"name": "lib-modules", "mountPath": "/lib/modules", "readOnly": true},
        ],
    });
    let mut value = json!({
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"labels": {"k8s-app": "kube-proxy"}, "name": "kube-proxy", "namespace": "kube-system"},
        "spec": {
            "selector": {"matchLabels": {"k8s-app": "kube-proxy"}},
            "template": {
                "metadata": {"labels": {"k8s-app": "kube-proxy"}},
                "spec": {
                    "containers": [container],
                    "hostNetwork": true,
                    "nodeSelector": {"kubernetes.io/os": "linux"},
                    "priorityClassName": "system-node-critical",
                    "serviceAccountName": "kube-proxy",
                    "tolerations": [{"operator": "Exists"}],
                    "volumes": [
                        {"name": "kube-proxy", "configMap": {"name": "kube-proxy"}},
                        {"name": "xtables-lock", "hostPath": {"path": "/run/xtables.lock", "type": "FileOrCreate"}},
                        {"name": "lib-modules", "hostPath": {"path": "/lib/modules"}},
                    ],
                },
            },
            "updateStrategy": {"type": "RollingUpdate"},
        },
        "status": {
            "currentNumberScheduled": 0,
            "desiredNumberScheduled": 0,
            "numberMisscheduled": 0,
            "numberReady": 0,
        },
    });
    if versions::release(config.version()).kube_proxy_patches {
        patches.apply(PATCH_TARGET, &mut value)?;
    }
    Object::from_value(value)
}

#[cfg(feature = "crypto")]
fn kubeconfig(server: &str) -> String {
    format!(
        "\
apiVersion: v1
kind: Config
clusters:
- cluster:
    certificate-authority: /var/run/secrets/kubernetes.io/serviceaccount/ca.crt
    server: {server}
  name: default
contexts:
- context:
    cluster: default
    namespace: default
    user: default
  name: default
current-context: default
users:
- name: default
  user:
    tokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token"
    )
}
