//! The node: name, runtime socket, kubelet, tokens, its API server's address.

use std::net::IpAddr;

use super::{
    super::v1beta4::{ApiEndpoint, BootstrapToken, NodeRegistration, SecretText, Timeouts},
    Report,
    text::{arguments, subdomain},
};
use crate::{
    time::{GoDuration, Timestamp},
    token::BootstrapToken as Token,
};

const TAINT_EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
const PULL_POLICIES: [&str; 3] = ["IfNotPresent", "Always", "Never"];

/// The rules for `nodeRegistration` whose defaults are filled in.
pub(in crate::config) fn node_registration(report: &mut Report<'_>, node: &NodeRegistration) {
    if node.name.is_empty() {
        let remedy = "give nodeRegistration.name, or the host name among the facts";
        report.unknown("nodeRegistration.name", "the name of the node", remedy);
    } else {
        subdomain(report, "nodeRegistration.name", &node.name);
    }
    socket(report, "nodeRegistration.criSocket", &node.cri_socket);
    arguments(report, "nodeRegistration.kubeletExtraArgs", &node.kubelet_extra_args);
    report.one_of("nodeRegistration.imagePullPolicy", &node.image_pull_policy, &PULL_POLICIES);
    for (index, taint) in node.taints.iter().flatten().enumerate() {
        let field = format!("nodeRegistration.taints[{index}]");
        if taint.key.is_empty() {
            report.missing(&format!("{field}.key"), "the key of a taint", "");
        }
        report.one_of(&format!("{field}.effect"), &taint.effect, &TAINT_EFFECTS);
    }
    preflight_errors(report, "nodeRegistration.ignorePreflightErrors", &node.ignore_preflight_errors);
}

/// `all` stands alone.
pub(in crate::config) fn preflight_errors(report: &mut Report<'_>, field: &str, names: &[String]) {
    let all = names.iter().any(|name| name.eq_ignore_ascii_case("all"));
    if all && names.len() > 1 {
        let found = format!("all and {} more", names.len() - 1);
        report.conflict(field, "all alone, or single checks", found, "leave either out");
    }
}

/// A runtime socket: `unix://` and an absolute path.
pub(in crate::config) fn socket(report: &mut Report<'_>, field: &str, socket: &str) {
    match socket.strip_prefix("unix://") {
        Some(path) if path.starts_with('/') && path.len() > 1 => {}
        _ => {
            let expected = "a socket like unix:///var/run/containerd/containerd.sock";
            report.value(field, expected, socket, "");
        }
    }
}

/// The address that other members of the cluster reach this node's API server at.
pub(in crate::config) fn advertise_address(
    report: &mut Report<'_>,
    field: &str,
    endpoint: &ApiEndpoint,
) -> Option<IpAddr> {
    let text = endpoint.advertise_address.as_str();
    if text.is_empty() {
        let remedy = "give the node's address; none could be told from the default route";
        report.unknown(field, "an IP address of this node", remedy);
        return None;
    }
    let Ok(address) = text.parse::<IpAddr>() else {
        let remedy = if text.contains(',') {
            "write one address here; name the others in apiServer.certSANs, and for two families in \
             nodeRegistration.kubeletExtraArgs node-ip"
        } else if text.contains(['/', '%', '[']) {
            "write the address alone"
        } else {
            "write an address, not a name; names go into apiServer.certSANs or controlPlaneEndpoint"
        };
        report.value(field, "one IP address of this node", text, remedy);
        return None;
    };
    let address = address.to_canonical();
    let remedy = if address.is_loopback() {
        "other nodes cannot reach loopback: write the global address itself"
    } else if address.is_unspecified() {
        "write an address that other nodes can reach"
    } else if !is_global_unicast(&address) {
        "link-local, multicast and broadcast addresses do not identify the node"
    } else {
        return Some(address);
    };
    report.value(field, "a global unicast address of this node", text, remedy);
    None
}

/// Go's `net.IP.IsGlobalUnicast`: private and unique-local addresses count as global.
fn is_global_unicast(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !v4.is_link_local() && !v4.is_multicast() && !v4.is_broadcast(),
        IpAddr::V6(v6) => !v6.is_unicast_link_local() && !v6.is_multicast(),
    }
}

/// The port of an API server.
pub(in crate::config) fn bind_port(report: &mut Report<'_>, field: &str, port: i32) -> Option<u16> {
    let port_number = u16::try_from(port).ok().filter(|port| *port > 0);
    if port_number.is_none() {
        report.value_of(field, "a port from 1 to 65535", port.to_string(), "");
    }
    port_number
}

/// The key of uploaded certificates: 32 bytes in hexadecimal.
pub(in crate::config) fn certificate_key(report: &mut Report<'_>, field: &str, key: &SecretText) {
    let text = key.expose();
    let is_key = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if !text.is_empty() && !is_key {
        let found = format!("{} characters", text.chars().count());
        report.value_of(field, "64 hexadecimal digits", found, "`certs certificate-key` makes one");
    }
}

/// `bootstrapTokens`.
pub(in crate::config) fn bootstrap_tokens(report: &mut Report<'_>, tokens: &[BootstrapToken]) {
    for (index, token) in tokens.iter().enumerate() {
        let field = format!("bootstrapTokens[{index}]");
        let id = token.token.expose().split('.').next();
        if token.token.expose().parse::<Token>().is_err() {
            let found = format!("{} characters", token.token.expose().chars().count());
            let expected = "a token [a-z0-9]{6}.[a-z0-9]{16}";
            report.value_of(&format!("{field}.token"), expected, found, "");
        } else if tokens.iter().take(index).any(|other| other.token.expose().split('.').next() == id) {
            let found = "a token with the id of an earlier one".into();
            report.duplicate(&format!("{field}.token"), "each token id once", found);
        }
        for (at, usage) in token.usages.iter().enumerate() {
            report.one_of(&format!("{field}.usages[{at}]"), usage, &["signing", "authentication"]);
        }
        if !token.groups.is_empty() && !token.usages.iter().any(|usage| usage == "authentication") {
            let found = format!("usages {}", token.usages.join(", "));
            let remedy = "groups are for authentication: add it";
            report.conflict(&format!("{field}.usages"), "the usage authentication", found, remedy);
        }
        for (at, group) in token.groups.iter().enumerate().filter(|(_, group)| !is_token_group(group)) {
            let expected = "a group system:bootstrappers:NAME, NAME of a-z, 0-9, : and -";
            report.value(&format!("{field}.groups[{at}]"), expected, group, "");
        }
        if token.ttl.is_some_and(|ttl| ttl < GoDuration::ZERO) {
            let found = token.ttl.unwrap_or_default().to_string();
            report.value_of(&format!("{field}.ttl"), "a duration, or 0s for ever", found, "");
        }
        if let Some(expires) = &token.expires {
            if expires.parse::<Timestamp>().is_err() {
                let expected = "a time like 2026-11-23T03:02:02Z";
                report.value(&format!("{field}.expires"), expected, expires, "");
            } else if report.given(&format!("{field}.ttl"))
                && token.ttl != Some(GoDuration::from_seconds(86_400))
            {
                let found = "both".into();
                report.warn(&field, "either ttl or expires", found, "expires decides: take ttl out");
            }
        }
    }
}

/// Source: Kubernetes bootstrap token API, `BootstrapGroupPattern`.
fn is_token_group(group: &str) -> bool {
    let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b':' | b'-');
    group.strip_prefix("system:bootstrappers:").is_some_and(|name| {
        let last = name.as_bytes().last();
        name.len() <= 256
            && name.as_bytes().iter().all(inner)
            && last.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    })
}

/// Waits of no or negative length never succeed.
pub(in crate::config) fn timeouts(report: &mut Report<'_>, timeouts: &Timeouts) {
    for (name, wait) in [
        ("controlPlaneComponentHealthCheck", timeouts.control_plane_component_health_check),
        ("kubeletHealthCheck", timeouts.kubelet_health_check),
        ("kubernetesAPICall", timeouts.kubernetes_api_call),
        ("etcdAPICall", timeouts.etcd_api_call),
        ("tlsBootstrap", timeouts.tls_bootstrap),
        ("discovery", timeouts.discovery),
        ("upgradeManifests", timeouts.upgrade_manifests),
    ] {
        if wait.is_some_and(|wait| wait <= GoDuration::ZERO) {
            let found = wait.unwrap_or_default().to_string();
            report.warn(&format!("timeouts.{name}"), "a wait longer than zero", found, "it fails at once");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_groups_as_in_the_reference_vectors() {
        let path = "/tests/fixtures/kubeadm-1.36/vectors/token-format.json";
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR")).to_owned() + path).unwrap();
        let vectors: serde_json::Value = serde_json::from_str(&text).unwrap();
        for (list, want) in [("valid_groups", true), ("invalid_groups", false)] {
            for group in vectors[list].as_array().unwrap() {
                assert_eq!(is_token_group(group.as_str().unwrap()), want, "{group}");
            }
        }
    }
}
