//! The defaults of kubeadm 1.36, first those that are always the same, then those that the host decides.

use serde_json::Value;

use super::{
    labels::resolve_label,
    rules::{Report, host_port},
    v1beta4::{
        ApiEndpoint, BootstrapToken, ClusterConfiguration, EnvVar, InitConfiguration, JoinConfiguration,
        NodeRegistration, ResetConfiguration, SecretText, Taint, Timeouts,
    },
};
use crate::{
    cidr::{Cidr, Family, parse_leniently},
    facts::NodeFacts,
    time::{GoDuration, Timestamp},
    token::BootstrapToken as Token,
};

/// The runtime socket of a host on which none exists yet.
pub(super) const CRI_SOCKET: &str = "unix:///var/run/containerd/containerd.sock";
const CERTIFICATES_DIR: &str = "/etc/kubernetes/pki";
const BIND_PORT: i32 = 6443;
const HOUR: i64 = 3_600;

/// What needs no host: InitConfiguration.
pub(super) fn static_init(init: &mut InitConfiguration) {
    static_node(&mut init.node_registration);
    static_timeouts(&mut init.timeouts);
    for token in &mut init.bootstrap_tokens {
        static_token(token);
    }
    if init.local_api_endpoint.bind_port == 0 {
        init.local_api_endpoint.bind_port = BIND_PORT;
    }
}

/// What needs no host: ClusterConfiguration.
pub(super) fn static_cluster(cluster: &mut ClusterConfiguration) {
    default(&mut cluster.certificates_dir, CERTIFICATES_DIR);
    default(&mut cluster.cluster_name, "kubernetes");
    default(&mut cluster.image_repository, "registry.k8s.io");
    default(&mut cluster.encryption_algorithm, "RSA-2048");
    default(&mut cluster.networking.service_subnet, "10.96.0.0/12");
    default(&mut cluster.networking.dns_domain, "cluster.local");
    cluster.certificate_validity_period.get_or_insert(GoDuration::from_seconds(365 * 24 * HOUR));
    cluster.ca_certificate_validity_period.get_or_insert(GoDuration::from_seconds(3_650 * 24 * HOUR));
    match &mut cluster.etcd.external {
        None => {
            cluster.etcd.local.get_or_insert_default();
        }
        Some(external) if external.http_endpoints.is_empty() => {
            external.http_endpoints.clone_from(&external.endpoints);
        }
        Some(_) => {}
    }
    if let Some(local) = &mut cluster.etcd.local {
        default(&mut local.data_dir, "/var/lib/etcd");
        local.extra_envs.iter_mut().for_each(static_env);
    }
    let components = [
        &mut cluster.api_server.extra_envs,
        &mut cluster.controller_manager.extra_envs,
        &mut cluster.scheduler.extra_envs,
    ];
    components.into_iter().flatten().for_each(static_env);
}

/// What needs no host: JoinConfiguration.
pub(super) fn static_join(join: &mut JoinConfiguration) {
    static_node(&mut join.node_registration);
    static_timeouts(&mut join.timeouts);
    default(&mut join.ca_cert_path, "/etc/kubernetes/pki/ca.crt");
    if let (Some(token), true) =
        (&join.discovery.bootstrap_token, join.discovery.tls_bootstrap_token.is_empty())
    {
        join.discovery.tls_bootstrap_token = token.token.clone();
    }
    if let Some(endpoint) = join.control_plane.as_mut().map(|own| &mut own.local_api_endpoint)
        && endpoint.bind_port == 0
    {
        endpoint.bind_port = BIND_PORT;
    }
}

/// What needs no host: ResetConfiguration.
pub(super) fn static_reset(reset: &mut ResetConfiguration) {
    default(&mut reset.certificates_dir, CERTIFICATES_DIR);
    static_timeouts(&mut reset.timeouts);
}

/// What the host decides: InitConfiguration and ClusterConfiguration.
pub(super) fn host_init(
    report: &mut Report<'_>,
    init: &mut InitConfiguration,
    cluster: &mut ClusterConfiguration,
    host: &NodeFacts,
    fresh_token: Option<Token>,
) {
    report.on("InitConfiguration");
    host_node(report, &mut init.node_registration, host, true);
    let first_service = cluster.networking.service_subnet.split(',').next().unwrap_or_default();
    let family = first_service.parse::<Cidr>().ok().map(|cidr| cidr.family());
    host_address(&mut init.local_api_endpoint, host, family);
    if let (Some(token), true) = (fresh_token, init.bootstrap_tokens.is_empty()) {
        let mut token =
            BootstrapToken { token: SecretText::new(token.expose()), ..BootstrapToken::default() };
        static_token(&mut token);
        init.bootstrap_tokens.push(token);
    }
    report.on("ClusterConfiguration");
    version(report, cluster);
    if let Ok((host, None)) = host_port(&cluster.control_plane_endpoint) {
        cluster.control_plane_endpoint =
            super::init::join_host_port(&host, init.local_api_endpoint.bind_port);
    }
    for name in &mut cluster.api_server.cert_sans {
        *name = name.to_lowercase();
    }
}

/// What the host decides: JoinConfiguration.
pub(super) fn host_join(report: &mut Report<'_>, join: &mut JoinConfiguration, host: &NodeFacts) {
    report.on("JoinConfiguration");
    host_node(report, &mut join.node_registration, host, join.control_plane.is_some());
    if let Some(control_plane) = &mut join.control_plane {
        host_address(&mut control_plane.local_api_endpoint, host, None);
    }
}

/// The runtime socket: the only one on the host, kubeadm's choice if there is none, an error if there are several.
pub(super) fn host_socket(report: &mut Report<'_>, field: &str, socket: &mut String, host: &NodeFacts) {
    if socket.is_empty() {
        if host.cri_sockets.len() > 1 {
            let remedy = format!("the host has several: name one of {}", host.cri_sockets.join(", "));
            report.unknown(field, "the runtime socket to use", &remedy);
        }
        host.cri_sockets.first().map_or(CRI_SOCKET, String::as_str).clone_into(socket);
    } else if !socket.contains("://") {
        let with_scheme = format!("unix://{socket}");
        let remedy = format!("taken as {with_scheme}");
        report.warn(field, "a socket that begins with unix://", format!("{socket:?}"), &remedy);
        *socket = with_scheme;
    }
}

fn host_node(report: &mut Report<'_>, node: &mut NodeRegistration, host: &NodeFacts, control_plane: bool) {
    default(&mut node.name, &host.hostname);
    node.name = node.name.trim().to_lowercase();
    host_socket(report, "nodeRegistration.criSocket", &mut node.cri_socket, host);
    if control_plane {
        node.taints.get_or_insert_with(|| vec![control_plane_taint()]);
    }
}

/// An address that is missing or unspecified becomes the host's own, of the wanted family if it has one.
fn host_address(endpoint: &mut ApiEndpoint, host: &NodeFacts, wanted: Option<Family>) {
    let given = parse_leniently(&endpoint.advertise_address);
    let family = match given {
        Some(address) if address.is_unspecified() => Some(Family::of(&address)),
        Some(address) => {
            endpoint.advertise_address = address.to_canonical().to_string();
            return;
        }
        None if endpoint.advertise_address.is_empty() => wanted,
        None => return,
    };
    let addresses = &host.default_addresses;
    let chosen = addresses.iter().find(|a| Some(Family::of(a)) == family).or(addresses.first());
    if let Some(address) = chosen {
        endpoint.advertise_address = address.to_string();
    }
}

fn version(report: &mut Report<'_>, cluster: &mut ClusterConfiguration) {
    let text = &mut cluster.kubernetes_version;
    if let Ok(version) = text.parse::<crate::version::Version>() {
        *text = version.to_string();
        return;
    }
    let label = if text.is_empty() { "stable-1" } else { text.as_str() };
    if let Some(version) = resolve_label(label) {
        let found = if text.is_empty() { "no version".to_owned() } else { format!("the label {text:?}") };
        let remedy = format!("taken as {version}, which is built in; nothing asks the network");
        report.warn("kubernetesVersion", "a version like v1.36.2", found, &remedy);
        *text = version.to_string();
    }
}

fn static_node(node: &mut NodeRegistration) {
    default(&mut node.image_pull_policy, "IfNotPresent");
    node.image_pull_serial.get_or_insert(true);
    for taint in node.taints.iter_mut().flatten() {
        normalise(&mut taint.time_added);
    }
}

fn static_token(token: &mut BootstrapToken) {
    token.ttl.get_or_insert(GoDuration::from_seconds(24 * HOUR));
    if token.usages.is_empty() {
        token.usages = vec!["signing".into(), "authentication".into()];
    }
    if token.groups.is_empty() {
        token.groups = vec!["system:bootstrappers:kubeadm:default-node-token".into()];
    }
    normalise(&mut token.expires);
}

fn static_timeouts(timeouts: &mut Option<Timeouts>) {
    let timeouts = timeouts.get_or_insert_default();
    for (wait, minutes) in [
        (&mut timeouts.control_plane_component_health_check, 4),
        (&mut timeouts.kubelet_health_check, 4),
        (&mut timeouts.kubernetes_api_call, 1),
        (&mut timeouts.etcd_api_call, 2),
        (&mut timeouts.tls_bootstrap, 5),
        (&mut timeouts.discovery, 5),
        (&mut timeouts.upgrade_manifests, 5),
    ] {
        wait.get_or_insert(GoDuration::from_seconds(minutes * 60));
    }
}

/// core/v1: `fieldRef.apiVersion` is v1.
fn static_env(variable: &mut EnvVar) {
    if let Some(Value::Object(field_ref)) = variable.value_from.as_mut().and_then(|v| v.get_mut("fieldRef")) {
        field_ref.entry("apiVersion").or_insert_with(|| "v1".into());
    }
}

/// Times are printed in UTC with whole seconds.
fn normalise(time: &mut Option<String>) {
    if let Some(at) = time.as_ref().and_then(|text| text.parse::<Timestamp>().ok()) {
        *time = Some(at.to_string());
    }
}

fn control_plane_taint() -> Taint {
    Taint {
        key: "node-role.kubernetes.io/control-plane".into(),
        effect: "NoSchedule".into(),
        ..Taint::default()
    }
}

fn default(text: &mut String, value: &str) {
    if text.is_empty() {
        value.clone_into(text);
    }
}
