//! kube-apiserver.

use serde_json::json;

use super::{
    args::{Defaults, host_port, join, last},
    env,
    etcd::local_host,
    pod::Pod,
    probes::{Endpoint, Probes, host, startup_failures},
    render::advertise_address,
    volumes::{DIRECTORY, Volumes},
};
use crate::{config::InitConfig, manifest::images, manifest::versions::Release};

/// The pod of kube-apiserver.
pub(super) fn pod(config: &InitConfig, release: &Release) -> Pod {
    let cluster = config.cluster();
    let address = advertise_address(config);
    let mut volumes = Volumes::default();
    volumes.add("k8s-certs", &config.cluster().certificates_dir, DIRECTORY, true);
    volumes.add_ca_certificates(&config.host().ca_directories);
    if let Some(external) = &cluster.etcd.external {
        volumes.add_external_etcd(external, &config.cluster().certificates_dir);
    }
    volumes.extend(&cluster.api_server.extra_volumes);
    Pod {
        component: "kube-apiserver",
        image: images::kubernetes(config, "kube-apiserver"),
        command: command(config, release),
        env: env::variables(&config.host().proxy_environment, &cluster.api_server.extra_envs),
        probes: Probes {
            liveness: "/livez",
            readiness: Some("/readyz"),
            startup: "/livez",
            endpoint: Endpoint { host: host(&address), port: config.bind_port().into(), scheme: "HTTPS" },
            startup_failures: startup_failures(config),
        },
        requests: json!({"cpu": "250m"}),
        annotation: Some((
            "kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint",
            host_port(&address, config.bind_port()),
        )),
        volumes,
    }
}

fn command(config: &InitConfig, release: &Release) -> Vec<String> {
    let cluster = config.cluster();
    let extra = &cluster.api_server.extra_args;
    let file = |name: &str| join(config.certificates_dir(), name);
    let mut flags = Defaults::default();
    flags.set("advertise-address", advertise_address(config));
    flags.set("allow-privileged", "true");
    flags.set("client-ca-file", file("ca.crt"));
    flags.set("enable-admission-plugins", "NodeRestriction");
    flags.set("enable-bootstrap-token-auth", "true");
    flags.set("kubelet-client-certificate", file("apiserver-kubelet-client.crt"));
    flags.set("kubelet-client-key", file("apiserver-kubelet-client.key"));
    flags.set("kubelet-preferred-address-types", "InternalIP,ExternalIP,Hostname");
    flags.set("proxy-client-cert-file", file("front-proxy-client.crt"));
    flags.set("proxy-client-key-file", file("front-proxy-client.key"));
    flags.set("requestheader-allowed-names", "front-proxy-client");
    flags.set("requestheader-client-ca-file", file("front-proxy-ca.crt"));
    flags.set("requestheader-extra-headers-prefix", "X-Remote-Extra-");
    flags.set("requestheader-group-headers", "X-Remote-Group");
    flags.set("requestheader-username-headers", "X-Remote-User");
    flags.set("secure-port", config.bind_port().to_string());
    flags.set(
        "service-account-issuer",
        format!("https://kubernetes.default.svc.{}", cluster.networking.dns_domain),
    );
    flags.set("service-account-key-file", file("sa.pub"));
    flags.set("service-account-signing-key-file", file("sa.key"));
    flags.set("service-cluster-ip-range", cluster.networking.service_subnet.as_str());
    flags.set("tls-cert-file", file("apiserver.crt"));
    flags.set("tls-private-key-file", file("apiserver.key"));
    // A file that configures the authorizers excludes the flag that lists them.
    if last(extra, "authorization-config").is_none() {
        flags.set("authorization-mode", "Node,RBAC");
    }
    etcd_flags(config, &mut flags);
    flags.command("kube-apiserver", extra, release)
}

fn etcd_flags(config: &InitConfig, flags: &mut Defaults) {
    let etcd = &config.cluster().etcd;
    if let Some(external) = &etcd.external {
        flags.set("etcd-servers", external.endpoints.join(","));
        if !external.ca_file.is_empty() {
            flags.set("etcd-cafile", external.ca_file.as_str());
        }
        if !external.cert_file.is_empty() && !external.key_file.is_empty() {
            flags.set("etcd-certfile", external.cert_file.as_str());
            flags.set("etcd-keyfile", external.key_file.as_str());
        }
        return;
    }
    let given = etcd.local.as_ref().and_then(|local| last(&local.extra_args, "advertise-client-urls"));
    let local = format!("https://{}", host_port(local_host(config), 2379));
    flags.set("etcd-servers", given.map_or(local, str::to_owned));
    flags.set("etcd-cafile", join(config.certificates_dir(), "etcd/ca.crt"));
    flags.set("etcd-certfile", join(config.certificates_dir(), "apiserver-etcd-client.crt"));
    flags.set("etcd-keyfile", join(config.certificates_dir(), "apiserver-etcd-client.key"));
}
