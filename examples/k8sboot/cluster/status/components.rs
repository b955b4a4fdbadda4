//! Whether the control plane works: what the API server says of itself, who leads, and the static pods.
//!
//! Source: Kubernetes API health endpoints (`/readyz?verbose`), coordinated leader election by Leases.

use k8sboot_core::{
    api::{Client, Method, Resource},
    manifest::Object,
    time::Timestamp,
};
use serde_json::{Value, json};

use super::text;
use crate::output::{Failure, problem};

/// Components of which one instance leads by a Lease in kube-system of the same name.
const LEADING: [&str; 2] = ["kube-controller-manager", "kube-scheduler"];

/// A part of the control plane.
pub(super) struct Component {
    pub(super) name: String,
    /// Who says so: an address, the leader or a node.
    pub(super) by: String,
    /// Why it is not ready, if it is not.
    pub(super) lacks: Option<String>,
}

impl Component {
    pub(super) fn to_json(&self) -> Value {
        json!({ "name": self.name, "by": self.by, "ready": self.lacks.is_none(), "reason": self.lacks })
    }
}

pub(super) fn look(client: &Client, now: Timestamp) -> Result<Vec<Component>, Failure> {
    let mut seen = vec![api_server(client)?];
    for name in LEADING {
        let lease = client.get(&Resource::LEASES, Some("kube-system"), name).map_err(problem)?;
        seen.push(leader(name, lease.as_ref(), now));
    }
    let pods = client.list(&Resource::PODS, Some("kube-system"), "labelSelector=tier%3Dcontrol-plane");
    seen.extend(pods.map_err(problem)?.iter().map(static_pod));
    Ok(seen)
}

/// The API server's own checks, etcd among them.
fn api_server(client: &Client) -> Result<Component, Failure> {
    let answer = client.send(Method::Get, "/readyz?verbose", None).map_err(problem)?;
    let said = String::from_utf8_lossy(&answer.body).into_owned();
    let failing: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("[-]")).collect();
    let lacks = match (answer.code, failing.as_slice()) {
        (200, _) => None,
        (code, []) => Some(format!("/readyz answers {code}")),
        (_, failing) => Some(failing.join("; ")),
    };
    Ok(Component { name: "kube-apiserver".to_owned(), by: client.server().to_owned(), lacks })
}

/// Whoever leads renews its Lease; with none that does, the component works nowhere.
fn leader(name: &str, lease: Option<&Object>, now: Timestamp) -> Component {
    let mut component = Component { name: name.to_owned(), by: String::new(), lacks: None };
    let Some(lease) = lease.map(Object::as_value) else {
        component.lacks = Some("has never led: no Lease in kube-system".to_owned());
        return component;
    };
    // HOST_UUID.
    let holder = text(lease, "/spec/holderIdentity");
    component.by = holder.split_once('_').map_or(holder.clone(), |(host, _)| host.to_owned());
    let lasts = lease.pointer("/spec/leaseDurationSeconds").and_then(Value::as_i64).unwrap_or(15);
    component.lacks = match text(lease, "/spec/renewTime").parse::<Timestamp>() {
        _ if holder.is_empty() => Some("nobody leads".to_owned()),
        Ok(renewed) if now <= renewed.plus_seconds(lasts) => None,
        Ok(renewed) => Some(format!("nobody leads: the Lease was last renewed at {renewed}")),
        Err(_) => Some("nobody leads: the Lease was never renewed".to_owned()),
    };
    component
}

/// A static pod, as its kubelet reports it.
fn static_pod(pod: &Object) -> Component {
    let value = pod.as_value();
    let containers = value.pointer("/status/containerStatuses").and_then(Value::as_array);
    let mut lacks = None;
    for container in containers.into_iter().flatten() {
        if container.get("ready") == Some(&json!(true)) {
            continue;
        }
        let states = ["/state/waiting", "/state/terminated", "/lastState/terminated"];
        let state = states.iter().find_map(|state| container.pointer(state)).unwrap_or(&Value::Null);
        let (reason, message) = (text(state, "/reason"), text(state, "/message"));
        lacks = Some(match (reason.is_empty(), message.is_empty()) {
            (true, _) => "its readiness probe fails".to_owned(),
            (false, true) => reason,
            (false, false) => format!("{reason}: {message}"),
        });
    }
    if containers.is_none_or(Vec::is_empty) {
        lacks = Some(format!("pod is {}", text(value, "/status/phase")));
    }
    Component { name: format!("pod {}", pod.key().name), by: text(value, "/spec/nodeName"), lacks }
}
