//! kubeadm's settings of the kubelet, merged into the user's.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use crate::{
    config::{InitConfig, kubelet_fields},
    manifest::{component::normalise, static_pod::join},
    version::Version,
};

const RESOLVED: &str = "/run/systemd/resolve/resolv.conf";

/// One setting that kubeadm recommends: filled in if the user says nothing, warned about if the user says otherwise.
struct Recommended {
    path: &'static [&'static str],
    value: Value,
}

/// The KubeletConfiguration of the cluster, as the ConfigMap kubelet-config holds it.
///
/// The user's document with kubeadm's settings filled in and every field that Go always prints. A differing value of the
/// user is kept ([`warnings`] names it), except that `rotateCertificates` is always true. Fields that the type does not
/// have are lost, as they are in kubeadm; of versions newer than
/// [`NEWEST_KNOWN_TYPES`](crate::manifest::versions::NEWEST_KNOWN_TYPES) they are carried through.
#[must_use]
pub fn config(config: &InitConfig) -> Value {
    complete(config.kubelet().document.clone(), &ClusterSettings::of(config))
}

/// What of a cluster and a node goes into the kubelet's settings.
#[derive(Clone, Copy, Debug)]
pub struct ClusterSettings<'a> {
    /// The address of the cluster's DNS; without one kubeadm's, 10.96.0.10.
    pub dns_address: Option<IpAddr>,
    /// For example `cluster.local`.
    pub dns_domain: &'a str,
    /// Where the node has `ca.crt`, an absolute path.
    pub certificates_dir: &'a str,
    /// Whether systemd-resolved runs on the node.
    pub systemd_resolved: bool,
    /// The cluster's version.
    pub version: &'a Version,
}

impl<'a> ClusterSettings<'a> {
    fn of(config: &'a InitConfig) -> Self {
        Self {
            dns_address: config.dns_address(),
            dns_domain: &config.cluster().networking.dns_domain,
            certificates_dir: config.certificates_dir(),
            systemd_resolved: config.host().systemd_resolved,
            version: config.version(),
        }
    }
}

/// A KubeletConfiguration with kubeadm's settings filled in, as [`config`]: also one that the cluster keeps for its nodes.
#[must_use]
pub fn complete(mut document: Map<String, Value>, settings: &ClusterSettings<'_>) -> Value {
    document.insert("apiVersion".into(), json!("kubelet.config.k8s.io/v1beta1"));
    document.insert("kind".into(), json!("KubeletConfiguration"));
    for recommended in recommended(settings) {
        set_default(&mut document, recommended.path, recommended.value);
    }
    if is_unset("cgroupDriver", document.get("cgroupDriver")) {
        document.insert("cgroupDriver".into(), json!("systemd"));
    }
    document.insert("rotateCertificates".into(), json!(true));
    normalise(kubelet_fields::FIELDS, &mut document, settings.version);
    Value::Object(document)
}

/// kubeadm's warnings about values that differ from the recommended ones.
///
/// # Examples
///
/// `The recommended value for "clusterDomain" in "KubeletConfiguration" is: cluster.local; the provided value is: x.y`
#[must_use]
pub fn warnings(config: &InitConfig) -> Vec<String> {
    differing(&config.kubelet().document, &ClusterSettings::of(config))
}

/// As [`warnings`], of any KubeletConfiguration.
#[must_use]
pub fn differing(document: &Map<String, Value>, settings: &ClusterSettings<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    for Recommended { path, value } in recommended(settings) {
        let name = path.last().copied().unwrap_or_default();
        let Some(given) = lookup(document, path).filter(|given| !is_unset(name, Some(given))) else {
            continue;
        };
        if *given != value {
            warnings.push(format!(
                "The recommended value for {:?} in \"KubeletConfiguration\" is: {}; the provided value is: {}",
                path.join("."),
                shown(&value),
                shown(given)
            ));
        }
    }
    warnings
}

/// In the order in which kubeadm looks at them.
fn recommended(settings: &ClusterSettings<'_>) -> Vec<Recommended> {
    let dns = settings.dns_address.map_or_else(|| "10.96.0.10".to_owned(), |address| address.to_string());
    let mut all = vec![
        Recommended { path: &["staticPodPath"], value: json!("/etc/kubernetes/manifests") },
        Recommended { path: &["clusterDNS"], value: json!([dns]) },
        Recommended { path: &["clusterDomain"], value: json!(settings.dns_domain) },
        Recommended {
            path: &["authentication", "x509", "clientCAFile"],
            value: json!(join(settings.certificates_dir, "ca.crt")),
        },
        Recommended { path: &["authentication", "anonymous", "enabled"], value: json!(false) },
        Recommended { path: &["authorization", "mode"], value: json!("Webhook") },
        Recommended { path: &["authentication", "webhook", "enabled"], value: json!(true) },
        Recommended { path: &["healthzBindAddress"], value: json!("127.0.0.1") },
        Recommended { path: &["healthzPort"], value: json!(10248) },
    ];
    if settings.systemd_resolved {
        all.push(Recommended { path: &["resolvConf"], value: json!(RESOLVED) });
    }
    all
}

fn set_default(map: &mut Map<String, Value>, path: &[&str], value: Value) {
    match path {
        [] => {}
        [name] if is_unset(name, map.get(*name)) => drop(map.insert((*name).to_owned(), value)),
        [_] => {}
        [parent, rest @ ..] => edit(map, parent, |map| set_default(map, rest, value)),
    }
}

/// Changes the map below a name; one is made if there is none.
fn edit(map: &mut Map<String, Value>, name: &str, change: impl FnOnce(&mut Map<String, Value>)) {
    let mut inner = match map.shift_remove(name) {
        Some(Value::Object(inner)) => inner,
        _ => Map::new(),
    };
    change(&mut inner);
    map.insert(name.to_owned(), Value::Object(inner));
}

/// Not given, or the empty text, which Go cannot tell from it. Only `resolvConf` can be given as empty: "use no file".
fn is_unset(name: &str, value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty() && name != "resolvConf",
        Some(_) => false,
    }
}

fn lookup<'a>(document: &'a Map<String, Value>, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(document.get(*first)?, |value, name| value.get(name))
}

/// As Go's `%v` prints it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(" ")),
        other => other.to_string(),
    }
}
