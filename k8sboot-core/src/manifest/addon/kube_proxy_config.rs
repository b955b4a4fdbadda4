//! KubeProxyConfiguration as kubeadm prints it: every field of the Go type, zero values included.
//!
//! Source: the Go types of kubeproxy.config.k8s.io/v1alpha1 (Kubernetes 1.36) and kubeadm's defaults for them.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use crate::{
    config::InitConfig,
    manifest::{ManifestError, error::type_name, quantity},
    time::GoDuration,
};

/// Where kube-proxy finds its kubeconfig, which is mounted from ConfigMap `kube-proxy`.
const KUBECONFIG: &str = "/var/lib/kube-proxy/kubeconfig.conf";

const DURATION: &str = "a duration like 1m30s";

/// How Go prints a field that is not given, and which values it takes.
#[derive(Clone, Copy)]
enum Field {
    /// `""`.
    Text,
    /// `false`.
    Flag,
    /// `0`.
    Number,
    /// `0s`; a given one in Go's spelling, `90s` becoming `1m30s`.
    Duration,
    /// `null`.
    NullFlag,
    /// `null`.
    NullNumber,
    /// `null`; a given one in Go's spelling.
    NullDuration,
    /// `null`.
    List,
    /// `"0"`; a given one in its canonical form, `1024Ki` becoming `1Mi`.
    Quantity,
    /// `0`; nanoseconds, or a duration in Go's spelling.
    NanosecondsOrDuration,
    /// Nothing, also if what is given is empty.
    Omitted,
}

/// Every field with its path.
const FIELDS: &[(&[&str], Field)] = &[
    (&["bindAddress"], Field::Text),
    (&["bindAddressHardFail"], Field::Flag),
    (&["clientConnection", "acceptContentTypes"], Field::Text),
    (&["clientConnection", "burst"], Field::Number),
    (&["clientConnection", "contentType"], Field::Text),
    (&["clientConnection", "kubeconfig"], Field::Text),
    (&["clientConnection", "qps"], Field::Number),
    (&["clusterCIDR"], Field::Text),
    (&["configSyncPeriod"], Field::Duration),
    (&["conntrack", "maxPerCore"], Field::NullNumber),
    (&["conntrack", "min"], Field::NullNumber),
    (&["conntrack", "tcpBeLiberal"], Field::Flag),
    (&["conntrack", "tcpCloseWaitTimeout"], Field::NullDuration),
    (&["conntrack", "tcpEstablishedTimeout"], Field::NullDuration),
    (&["conntrack", "udpStreamTimeout"], Field::Duration),
    (&["conntrack", "udpTimeout"], Field::Duration),
    (&["detectLocal", "bridgeInterface"], Field::Text),
    (&["detectLocal", "interfaceNamePrefix"], Field::Text),
    (&["detectLocalMode"], Field::Text),
    (&["enableProfiling"], Field::Flag),
    (&["featureGates"], Field::Omitted),
    (&["healthzBindAddress"], Field::Text),
    (&["hostnameOverride"], Field::Text),
    (&["iptables", "localhostNodePorts"], Field::NullFlag),
    (&["iptables", "masqueradeAll"], Field::Flag),
    (&["iptables", "masqueradeBit"], Field::NullNumber),
    (&["iptables", "minSyncPeriod"], Field::Duration),
    (&["iptables", "syncPeriod"], Field::Duration),
    (&["ipvs", "excludeCIDRs"], Field::List),
    (&["ipvs", "minSyncPeriod"], Field::Duration),
    (&["ipvs", "scheduler"], Field::Text),
    (&["ipvs", "strictARP"], Field::Flag),
    (&["ipvs", "syncPeriod"], Field::Duration),
    (&["ipvs", "tcpFinTimeout"], Field::Duration),
    (&["ipvs", "tcpTimeout"], Field::Duration),
    (&["ipvs", "udpTimeout"], Field::Duration),
    (&["logging", "flushFrequency"], Field::NanosecondsOrDuration),
    (&["logging", "format"], Field::Omitted),
    (&["logging", "options", "json", "infoBufferSize"], Field::Quantity),
    (&["logging", "options", "json", "splitStream"], Field::Omitted),
    (&["logging", "options", "text", "infoBufferSize"], Field::Quantity),
    (&["logging", "options", "text", "splitStream"], Field::Omitted),
    (&["logging", "verbosity"], Field::Number),
    (&["logging", "vmodule"], Field::Omitted),
    (&["metricsBindAddress"], Field::Text),
    (&["mode"], Field::Text),
    (&["nftables", "masqueradeAll"], Field::Flag),
    (&["nftables", "masqueradeBit"], Field::NullNumber),
    (&["nftables", "minSyncPeriod"], Field::Duration),
    (&["nftables", "syncPeriod"], Field::Duration),
    (&["nodePortAddresses"], Field::List),
    (&["oomScoreAdj"], Field::NullNumber),
    (&["portRange"], Field::Text),
    (&["showHiddenMetricsForVersion"], Field::Text),
    (&["windowsRunAsService"], Field::Omitted),
    (&["winkernel", "enableDSR"], Field::Flag),
    (&["winkernel", "forwardHealthCheckVip"], Field::Flag),
    (&["winkernel", "networkName"], Field::Text),
    (&["winkernel", "rootHnsEndpointName"], Field::Text),
    (&["winkernel", "sourceVip"], Field::Text),
];

/// The user's KubeProxyConfiguration with kubeadm's defaults and Go's zero values.
///
/// Defaults: `bindAddress` by the family of the advertise address, `clusterCIDR` the pod subnets, and the kubeconfig's
/// path. Fields that the table does not know, those of newer minors, are carried through.
pub(super) fn config(config: &InitConfig) -> Result<Value, ManifestError> {
    let mut document = config.kube_proxy().document.clone();
    document.insert("apiVersion".into(), "kubeproxy.config.k8s.io/v1alpha1".into());
    document.insert("kind".into(), "KubeProxyConfiguration".into());
    for (path, field) in FIELDS {
        fill(&mut document, path, *field).map_err(|problem| ManifestError::Config {
            field: path
                .iter()
                .take(path.len() - problem.below)
                .fold("KubeProxyConfiguration".to_owned(), |field, name| format!("{field}.{name}")),
            expected: problem.expected.into(),
            found: problem.found.into(),
        })?;
    }
    for (path, value) in recommended(config) {
        set_if_empty(&mut document, path, value);
    }
    Ok(Value::Object(document))
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

struct WrongType {
    /// How many names of the path are below what is wrong.
    below: usize,
    expected: &'static str,
    found: &'static str,
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

fn fill(map: &mut Map<String, Value>, path: &[&str], field: Field) -> Result<(), WrongType> {
    match path {
        [] => {}
        [name] => match field.print(map.get(*name).unwrap_or(&Value::Null))? {
            Some(value) => drop(map.insert((*name).into(), value)),
            None => drop(map.shift_remove(*name)),
        },
        [name, rest @ ..] => {
            let section = map.entry(*name).or_insert(Value::Null);
            if section.is_null() {
                *section = json!({});
            }
            match section {
                Value::Object(section) => fill(section, rest, field)?,
                other => {
                    return Err(WrongType { below: rest.len(), expected: "a map", found: type_name(other) });
                }
            }
        }
    }
    Ok(())
}

impl Field {
    /// What Go prints for a given value (`Null`: not given); `None`: nothing.
    fn print(self, given: &Value) -> Result<Option<Value>, WrongType> {
        let as_given = || Ok(Some(given.clone()));
        let wrong = |expected| Err(WrongType { below: 0, expected, found: type_name(given) });
        match (self, given) {
            (Self::Omitted, given) => Ok((!is_empty(given)).then(|| given.clone())),

            (Self::Text, Value::Null) => Ok(Some("".into())),
            (Self::Flag, Value::Null) => Ok(Some(false.into())),
            (Self::Number | Self::NanosecondsOrDuration, Value::Null) => Ok(Some(0.into())),
            (Self::Duration, Value::Null) => Ok(Some("0s".into())),
            (Self::Quantity, Value::Null) => Ok(Some("0".into())),
            (Self::NullFlag | Self::NullNumber | Self::NullDuration | Self::List, Value::Null) => as_given(),

            (Self::Text, Value::String(_))
            | (Self::Flag | Self::NullFlag, Value::Bool(_))
            | (Self::Number | Self::NullNumber | Self::NanosecondsOrDuration, Value::Number(_))
            | (Self::List, Value::Array(_)) => as_given(),
            (Self::Quantity, given) => match quantity::canonical(given) {
                Some(canonical) => Ok(Some(canonical)),
                None => wrong("a quantity like 64Ki"),
            },
            (Self::Duration | Self::NullDuration | Self::NanosecondsOrDuration, Value::String(text)) => {
                match text.parse::<GoDuration>() {
                    Ok(duration) => Ok(Some(duration.to_string().into())),
                    Err(_) => Err(WrongType { below: 0, expected: DURATION, found: "another text" }),
                }
            }

            (Self::Text, _) => wrong("a string"),
            (Self::Flag | Self::NullFlag, _) => wrong("a boolean"),
            (Self::Number | Self::NullNumber, _) => wrong("a number"),
            (Self::List, _) => wrong("a list"),
            (Self::Duration | Self::NullDuration | Self::NanosecondsOrDuration, _) => wrong(DURATION),
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}
