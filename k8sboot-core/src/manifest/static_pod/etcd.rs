//! etcd as a static pod.

use serde_json::json;

use super::{
    args::{Defaults, host_port, join},
    env,
    pod::Pod,
    probes::{Probes, etcd_endpoint, startup_failures},
    render::{RenderOptions, advertise_address},
    volumes::{DIRECTORY, Volumes},
};
use crate::{
    cidr::Family,
    config::{InitConfig, v1beta4::LocalEtcd},
    manifest::{images, versions, versions::Release},
};

/// The pod of a local etcd.
pub(super) fn pod(config: &InitConfig, local: &LocalEtcd, options: &RenderOptions, release: &Release) -> Pod {
    let mut volumes = Volumes::with_mounts_as_added();
    volumes.add("etcd-data", &local.data_dir, DIRECTORY, false);
    volumes.add("etcd-certs", &format!("{}/etcd", config.cluster().certificates_dir), DIRECTORY, false);
    Pod {
        component: "etcd",
        image: images::etcd(config),
        command: command(config, local, options, release),
        env: env::variables(&[], &local.extra_envs),
        probes: Probes {
            liveness: "/livez",
            readiness: Some("/readyz"),
            startup: "/readyz",
            endpoint: etcd_endpoint(&local.extra_args, local_host(config)),
            startup_failures: startup_failures(config),
        },
        requests: json!({"cpu": "100m", "memory": "100Mi"}),
        annotation: Some(("kubeadm.kubernetes.io/etcd.advertise-client-urls", url(config, 2379))),
        volumes,
    }
}

/// The loopback address of the advertise address' family.
pub(super) fn local_host(config: &InitConfig) -> &'static str {
    match Family::of(&config.advertise_address()) {
        Family::V4 => "127.0.0.1",
        Family::V6 => "::1",
    }
}

fn url(config: &InitConfig, port: u16) -> String {
    format!("https://{}", host_port(&advertise_address(config), port))
}

fn command(
    config: &InitConfig,
    local: &LocalEtcd,
    options: &RenderOptions,
    release: &Release,
) -> Vec<String> {
    let file = |name: &str| join(config.certificates_dir(), name);
    let (clients, peers) = (url(config, 2379), url(config, 2380));
    let mut flags = Defaults::default();
    flags.set("advertise-client-urls", clients.as_str());
    flags.set("cert-file", file("etcd/server.crt"));
    flags.set("client-cert-auth", "true");
    flags.set("data-dir", local.data_dir.as_str());
    flags.set("initial-advertise-peer-urls", peers.as_str());
    flags.set("key-file", file("etcd/server.key"));
    flags.set("listen-client-urls", format!("https://{},{clients}", host_port(local_host(config), 2379)));
    flags.set("listen-metrics-urls", format!("http://{}", host_port(local_host(config), 2381)));
    flags.set("listen-peer-urls", peers.as_str());
    flags.set("name", config.node_name());
    flags.set("peer-cert-file", file("etcd/peer.crt"));
    flags.set("peer-client-cert-auth", "true");
    flags.set("peer-key-file", file("etcd/peer.key"));
    flags.set("peer-trusted-ca-file", file("etcd/ca.crt"));
    flags.set("snapshot-count", "10000");
    flags.set("trusted-ca-file", file("etcd/ca.crt"));
    for (name, value) in versions::etcd_flags(images::etcd_tag(config)) {
        flags.set(name, *value);
    }
    if options.etcd_members.is_empty() {
        flags.set("initial-cluster", format!("{}={peers}", config.node_name()));
    } else {
        let members: Vec<String> =
            options.etcd_members.iter().map(|(name, peer)| format!("{name}={peer}")).collect();
        flags.set("initial-cluster", members.join(","));
        flags.set("initial-cluster-state", "existing");
    }
    flags.command("etcd", &local.extra_args, release)
}
