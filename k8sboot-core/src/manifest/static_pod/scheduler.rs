//! kube-scheduler.

use serde_json::json;

use super::{
    args::{Defaults, last},
    env,
    pod::Pod,
    probes::{Endpoint, Probes, host, startup_failures},
    volumes::{FILE, Volumes},
};
use crate::{config::InitConfig, manifest::images, manifest::versions::Release};

const KUBECONFIG: &str = "/etc/kubernetes/scheduler.conf";

/// The pod of kube-scheduler.
pub(super) fn pod(config: &InitConfig, release: &Release) -> Pod {
    let settings = &config.cluster().scheduler;
    let mut volumes = Volumes::default();
    volumes.add("kubeconfig", KUBECONFIG, FILE, true);
    volumes.extend(&settings.extra_volumes);
    let mut flags = Defaults::default();
    flags.set("authentication-kubeconfig", KUBECONFIG);
    flags.set("authorization-kubeconfig", KUBECONFIG);
    flags.set("bind-address", "127.0.0.1");
    flags.set("kubeconfig", KUBECONFIG);
    flags.set("leader-elect", "true");
    Pod {
        component: "kube-scheduler",
        image: images::kubernetes(config, "kube-scheduler"),
        command: flags.command("kube-scheduler", &settings.extra_args, release),
        env: env::variables(&config.host().proxy_environment, &settings.extra_envs),
        probes: Probes {
            liveness: "/livez",
            readiness: Some("/readyz"),
            startup: "/livez",
            endpoint: Endpoint {
                host: host(last(&settings.extra_args, "bind-address").unwrap_or("127.0.0.1")),
                port: 10259,
                scheme: "HTTPS",
            },
            startup_failures: startup_failures(config),
        },
        requests: json!({"cpu": "100m"}),
        annotation: None,
        volumes,
    }
}
