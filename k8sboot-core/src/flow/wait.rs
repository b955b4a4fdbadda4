//! Stage `wait-control-plane`: the components are healthy, and admin.conf has its rights.
//!
//! Source: kubeadm 1.36, phase wait-control-plane: kubelet first, then kube-apiserver, kube-controller-manager and
//! kube-scheduler side by side; their addresses are read back from the manifests. Unlike kubeadm, the API server has the
//! whole time of the wait to answer first, not one minute.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value;

use super::{FlowError, InitOptions, phases::Skipped};
use crate::{
    config::InitConfig,
    facts::{Facts, Want, Wanted},
    health::Check,
    manifest::{RenderOptions, kubelet, static_pods, yaml},
    plan::{Action, Condition, Guard, PlanError, Step},
    time::GoDuration,
};

const STAGE: &str = "wait-control-plane";
const MANIFESTS: &str = "/etc/kubernetes/manifests";
const KUBELET_CONFIG: &str = "/var/lib/kubelet/config.yaml";
const DEFAULT_TIMEOUT: GoDuration = GoDuration::from_seconds(240);
/// Component, the flag with its host, its port if no flag names one, where it tells its health.
const COMPONENTS: [(&str, &str, u16, &str); 3] = [
    ("kube-apiserver", "advertise-address", 6443, "/livez"),
    ("kube-controller-manager", "bind-address", 10257, "/healthz"),
    ("kube-scheduler", "bind-address", 10259, "/livez"),
];

pub(super) fn wanted(wanted: Wanted) -> Wanted {
    COMPONENTS
        .iter()
        .fold(wanted, |wanted, (component, ..)| wanted.file(manifest(component), Want::Text))
        .file(KUBELET_CONFIG, Want::Text)
}

pub(super) fn steps(
    config: &InitConfig,
    options: &InitOptions,
    skipped: &Skipped,
    seen: &Facts,
    notes: &mut Vec<String>,
) -> Result<Vec<Step>, FlowError> {
    let timeouts = config.init().timeouts.clone().unwrap_or_default();
    let mut steps = Vec::new();
    let mut wait = |name: &str, why: &str, checks: Vec<Check>, timeout: Option<GoDuration>| {
        let action = Action::WaitFor {
            condition: Condition::Healthy(checks),
            timeout: timeout.unwrap_or(DEFAULT_TIMEOUT),
        };
        steps.push(Step::new(format!("{STAGE}/{name}"), why, action, Guard::None));
    };
    if !options.wait_for_kubelet {
        notes.push("the wait for the kubelet is left out, as asked".to_owned());
    } else if let Some(check) = kubelet_check(config, options, seen)? {
        wait("kubelet", "it runs the control plane", vec![check], timeouts.kubelet_health_check);
    } else {
        notes.push("the kubelet has no health check (healthzPort 0): it is not waited for".to_owned());
    }
    let mut checks = Vec::new();
    for component in COMPONENTS {
        if skipped.names("control-plane", component.0) && seen.file(&manifest(component.0)).is_missing() {
            notes.push(format!("{} is left out by skipPhases: it is not waited for", component.0));
        } else {
            checks.push(component_check(config, component, seen)?);
        }
    }
    if !checks.is_empty() {
        let timeout = timeouts.control_plane_component_health_check;
        wait("components", "the later stages talk to them", checks, timeout);
    }
    Ok(steps)
}

fn manifest(component: &str) -> String {
    format!("{MANIFESTS}/{component}.yaml")
}

/// Where a component tells its health: as the manifest on the disk says, or as the one that would be written says.
fn component_check(
    config: &InitConfig,
    (component, host_flag, default_port, path): (&str, &str, u16, &str),
    seen: &Facts,
) -> Result<Check, FlowError> {
    let file = manifest(component);
    let pod = match seen.text(&file) {
        Some(text) => read(text, &file)?,
        None => static_pods(config, &RenderOptions::default())
            .map_err(|source| FlowError::Objects { stage: STAGE, source })?
            .into_iter()
            .find(|pod| pod.component == component)
            .map(|pod| pod.object.into_value())
            .unwrap_or_default(),
    };
    let flag = |name: &str| {
        let prefix = format!("--{name}=");
        let words = pod.pointer("/spec/containers/0/command").and_then(Value::as_array);
        let words = words.into_iter().flatten().filter_map(Value::as_str);
        // Of a flag that is given twice the last one counts.
        words.filter_map(|word| word.strip_prefix(&prefix)).next_back().map(str::to_owned)
    };
    let host = flag(host_flag).and_then(|host| host.parse::<IpAddr>().ok());
    let port = flag("secure-port").and_then(|port| port.parse::<u16>().ok()).unwrap_or(default_port);
    let host = reachable(host.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    Ok(Check {
        component: component.to_owned(),
        server: format!("https://{}", std::net::SocketAddr::new(host, port)),
        path: path.to_owned(),
        authenticated: component == "kube-apiserver",
    })
}

fn kubelet_check(
    config: &InitConfig,
    options: &InitOptions,
    seen: &Facts,
) -> Result<Option<Check>, FlowError> {
    let rendered;
    let text = match seen.text(KUBELET_CONFIG) {
        Some(text) => text,
        None => {
            rendered = kubelet::node_config_yaml(config, &options.patches)
                .map_err(|source| FlowError::Objects { stage: STAGE, source })?;
            &rendered
        }
    };
    let value = read(text, KUBELET_CONFIG)?;
    let port = match value.get("healthzPort").and_then(Value::as_u64) {
        None => 10248,
        Some(port) => u16::try_from(port).unwrap_or_default(),
    };
    let host = value.get("healthzBindAddress").and_then(Value::as_str).and_then(|host| host.parse().ok());
    let host = reachable(host.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    Ok((port != 0).then(|| Check {
        component: "kubelet".to_owned(),
        server: format!("http://{}", std::net::SocketAddr::new(host, port)),
        path: "/healthz".to_owned(),
        authenticated: false,
    }))
}

fn read(text: &str, path: &str) -> Result<Value, FlowError> {
    let unusable = |found: String| FlowError::Plan {
        stage: STAGE,
        source: Box::new(PlanError::Unusable {
            path: path.to_owned(),
            expected: "a YAML document".to_owned(),
            found,
            remedy: "do the stages control-plane and kubelet again".to_owned(),
        }),
    };
    let documents = yaml::parse_all(text).map_err(|error| unusable(crate::error::chain(&error)))?;
    documents.into_iter().next().ok_or_else(|| unusable("nothing".to_owned()))
}

/// Who listens on all addresses is reached on the loopback.
const fn reachable(host: IpAddr) -> IpAddr {
    match host {
        IpAddr::V4(address) if address.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(address) if address.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        other => other,
    }
}
