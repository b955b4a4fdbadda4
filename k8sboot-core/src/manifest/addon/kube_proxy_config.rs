//! KubeProxyConfiguration as kubeadm prints it: every field of the Go type, zero values included.
//!
//! Source: kubeadm 1.36, kube-proxy component config.

use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::{
    config::{InitConfig, kube_proxy_fields},
    manifest::component::normalise,
};

const KUBECONFIG: &str = "/var/lib/kube-proxy/kubeconfig.conf";

/// The user's KubeProxyConfiguration with kubeadm's defaults and Go's zero values.
///
/// Defaults: `bindAddress` by the family of the advertise address, `clusterCIDR` the pod subnets, and the kubeconfig's
/// path.
pub(super) fn config(config: &InitConfig) -> Value {
    let mut document = config.kube_proxy().document.clone();
    document.insert("apiVersion".into(), "kubeproxy.config.k8s.io/v1alpha1".into());
    document.insert("kind".into(), "KubeProxyConfiguration".into());
    normalise(kube_proxy_fields::FIELDS, &mut document, config.version());
    for (path, value) in recommended(config) {
        set_if_empty(&mut document, path, value);
    }
    Value::Object(document)
}

/// What the user's configuration sets differently from what kubeadm would.
pub(super) fn warnings(config: &InitConfig) -> Vec<String> {
    let given = |path: &[&str]| {
        let (name, rest) = path.split_first()?;
        let top = config.kube_proxy().document.get(*name)?;
        rest.iter().try_fold(top, |value, name| value.get(*name))?.as_str().filter(|text| !text.is_empty())
    };
    recommended(config)
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .filter_map(|(path, value)| Some((path, value, given(path).filter(|given| *given != value)?)))
        .map(|(path, value, given)| {
            let field = path.join(".");
            format!(
                "The recommended value for \"{field}\" in \"KubeProxyConfiguration\" is: {value}; the provided value is: {given}"
            )
        })
        .collect()
}

/// What kubeadm fills in, with the path of the field. An empty value recommends nothing.
fn recommended(config: &InitConfig) -> [(&'static [&'static str], &str); 3] {
    let unspecified = match config.advertise_address() {
        IpAddr::V4(_) => "0.0.0.0",
        IpAddr::V6(_) => "::",
    };
    [
        (&["bindAddress"], unspecified),
        (&["clusterCIDR"], &config.cluster().networking.pod_subnet),
        (&["clientConnection", "kubeconfig"], KUBECONFIG),
    ]
}

fn set_if_empty(map: &mut Map<String, Value>, path: &[&str], value: &str) {
    match (path, map) {
        ([name], map) if map.get(*name).and_then(Value::as_str) == Some("") => {
            map.insert((*name).into(), value.into());
        }
        ([name, rest @ ..], map) => {
            if let Some(Value::Object(section)) = map.get_mut(*name) {
                set_if_empty(section, rest, value);
            }
        }
        ([], _) => {}
    }
}
