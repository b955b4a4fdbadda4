//! kubeadm's settings of the kubelet, merged into the user's.

use serde_json::{Map, Value, json};

use crate::{
    config::{InitConfig, kubelet_fields},
    manifest::{component::normalise, static_pod::join},
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
    let mut document = config.kubelet().document.clone();
    document.insert("apiVersion".into(), json!("kubelet.config.k8s.io/v1beta1"));
    document.insert("kind".into(), json!("KubeletConfiguration"));
    for recommended in recommended(config) {
        set_default(&mut document, recommended.path, recommended.value);
    }
    if is_unset("cgroupDriver", document.get("cgroupDriver")) {
        document.insert("cgroupDriver".into(), json!("systemd"));
    }
    document.insert("rotateCertificates".into(), json!(true));
    normalise(kubelet_fields::FIELDS, &mut document, config.version());
    Value::Object(document)
}

/// kubeadm's warnings about values that differ from the recommended ones.
///
/// # Examples
///
/// `The recommended value for "clusterDomain" in "KubeletConfiguration" is: cluster.local; the provided value is: x.y`
#[must_use]
pub fn warnings(config: &InitConfig) -> Vec<String> {
    let document = &config.kubelet().document;
    let mut warnings = Vec::new();
    for Recommended { path, value } in recommended(config) {
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
fn recommended(config: &InitConfig) -> Vec<Recommended> {
    let dns = config.dns_address().map_or_else(|| "10.96.0.10".to_owned(), |address| address.to_string());
    let mut all = vec![
        Recommended { path: &["staticPodPath"], value: json!("/etc/kubernetes/manifests") },
        Recommended { path: &["clusterDNS"], value: json!([dns]) },
        Recommended { path: &["clusterDomain"], value: json!(config.cluster().networking.dns_domain) },
        Recommended {
            path: &["authentication", "x509", "clientCAFile"],
            value: json!(join(config.certificates_dir(), "ca.crt")),
        },
        Recommended { path: &["authentication", "anonymous", "enabled"], value: json!(false) },
        Recommended { path: &["authorization", "mode"], value: json!("Webhook") },
        Recommended { path: &["authentication", "webhook", "enabled"], value: json!(true) },
        Recommended { path: &["healthzBindAddress"], value: json!("127.0.0.1") },
        Recommended { path: &["healthzPort"], value: json!(10248) },
    ];
    if config.host().systemd_resolved {
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
