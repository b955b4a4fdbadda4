//! kube-controller-manager.

use serde_json::json;

use super::{
    args::{Defaults, join, last},
    env,
    pod::Pod,
    probes::{Endpoint, Probes, host, startup_failures},
    render::RenderOptions,
    volumes::{DIRECTORY, FILE, Volumes},
};
use crate::{config::InitConfig, manifest::images, manifest::versions::Release};

const KUBECONFIG: &str = "/etc/kubernetes/controller-manager.conf";
const FLEXVOLUME: &str = "/usr/libexec/kubernetes/kubelet-plugins/volume/exec";

/// The pod of kube-controller-manager.
pub(super) fn pod(config: &InitConfig, options: &RenderOptions, release: &Release) -> Pod {
    let settings = &config.cluster().controller_manager;
    let mut volumes = Volumes::default();
    volumes.add("k8s-certs", &config.cluster().certificates_dir, DIRECTORY, true);
    volumes.add_ca_certificates(&config.host().ca_directories);
    volumes.add("kubeconfig", KUBECONFIG, FILE, true);
    if release.flexvolume {
        let directory = last(&settings.extra_args, "flex-volume-plugin-dir").unwrap_or(FLEXVOLUME);
        volumes.add("flexvolume-dir", directory, DIRECTORY, false);
    }
    volumes.extend(&settings.extra_volumes);
    Pod {
        component: "kube-controller-manager",
        image: images::kubernetes(config, "kube-controller-manager"),
        command: command(config, options, release),
        env: env::variables(&config.host().proxy_environment, &settings.extra_envs),
        probes: Probes {
            liveness: "/healthz",
            readiness: None,
            startup: "/healthz",
            endpoint: Endpoint {
                host: host(last(&settings.extra_args, "bind-address").unwrap_or("127.0.0.1")),
                port: 10257,
                scheme: "HTTPS",
            },
            startup_failures: startup_failures(config),
        },
        requests: json!({"cpu": "200m"}),
        annotation: None,
        volumes,
    }
}

fn command(config: &InitConfig, options: &RenderOptions, release: &Release) -> Vec<String> {
    let cluster = config.cluster();
    let file = |name: &str| join(config.certificates_dir(), name);
    let mut flags = Defaults::default();
    flags.set("authentication-kubeconfig", KUBECONFIG);
    flags.set("authorization-kubeconfig", KUBECONFIG);
    flags.set("bind-address", "127.0.0.1");
    flags.set("client-ca-file", file("ca.crt"));
    // Without the CA's key the signing controller must not start; empty names tell it so.
    let signing = |name: &str| if options.external_ca { String::new() } else { file(name) };
    flags.set("cluster-signing-cert-file", signing("ca.crt"));
    flags.set("cluster-signing-key-file", signing("ca.key"));
    flags.set("controllers", "*,bootstrapsigner,tokencleaner");
    flags.set("kubeconfig", KUBECONFIG);
    flags.set("leader-elect", "true");
    flags.set("requestheader-client-ca-file", file("front-proxy-ca.crt"));
    flags.set("root-ca-file", file("ca.crt"));
    flags.set("service-account-private-key-file", file("sa.key"));
    flags.set("use-service-account-credentials", "true");
    if !cluster.cluster_name.is_empty() {
        flags.set("cluster-name", cluster.cluster_name.as_str());
    }
    if !cluster.networking.pod_subnet.is_empty() {
        flags.set("allocate-node-cidrs", "true");
        flags.set("cluster-cidr", cluster.networking.pod_subnet.as_str());
        flags.set("service-cluster-ip-range", cluster.networking.service_subnet.as_str());
    }
    flags.command("kube-controller-manager", &cluster.controller_manager.extra_args, release)
}
