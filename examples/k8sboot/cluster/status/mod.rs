//! `k8sboot cluster status`.

mod components;
mod served;

use std::{process::ExitCode, time::SystemTime};

use k8sboot_core::{
    api::{Client, Method, Resource},
    manifest::Object,
    time::Timestamp,
};
use serde_json::{Value, json};

use super::{args::Connection, connect, token::table};
use crate::{
    args::Output,
    output::{Failure, print, print_json, problem},
};

/// A node, as the cluster sees it.
struct Node {
    name: String,
    /// Why it is not ready, if it is not.
    lacks: Option<String>,
    roles: String,
    version: String,
    address: String,
}

pub(crate) fn run(connection: &Connection, output: Output) -> Result<ExitCode, Failure> {
    let client = connect::client(&connect::kubeconfig(&connection.kubeconfig)?)?;
    let now = Timestamp::from(SystemTime::now());
    let version = client.call(Method::Get, "/version", None).map_err(problem)?;
    let version: Value = serde_json::from_slice(&version).unwrap_or_default();
    let version = text(&version, "/gitVersion");
    let nodes = client.list(&Resource::NODES, None, "").map_err(problem)?;
    let nodes: Vec<Node> = nodes.iter().map(Node::of).collect();
    let components = components::look(&client, now)?;
    let served = served::look(&client, &nodes)?;
    let tokens = client.tokens(now).map_err(problem)?;
    if output == Output::Json {
        let nodes = nodes.iter().map(|node| {
            json!({
                "name": node.name, "ready": node.lacks.is_none(), "reason": node.lacks,
                "roles": node.roles, "version": node.version, "address": node.address,
            })
        });
        let status = json!({
            "server": client.server(),
            "version": version,
            "controlPlane": components.iter().map(components::Component::to_json).collect::<Vec<_>>(),
            "nodes": nodes.collect::<Vec<_>>(),
            "certificates": served.iter().map(served::Served::to_json).collect::<Vec<_>>(),
            "tokens": tokens.iter().map(|token| token.to_json(false)).collect::<Vec<_>>(),
        });
        print_json(&status)?;
        return Ok(ExitCode::SUCCESS);
    }
    let ready = |lacks: &Option<String>| if lacks.is_none() { "ready" } else { "not ready" }.to_owned();
    let mut out = format!("Kubernetes {version} at {}\n\n", client.server());
    let rows = components.iter().map(|seen| {
        [seen.name.clone(), ready(&seen.lacks), seen.by.clone(), seen.lacks.clone().unwrap_or_default()]
    });
    out.push_str(&with_head(["COMPONENT", "STATE", "BY", "REASON"], rows));
    let rows = nodes.iter().map(|node| {
        let reason = node.lacks.clone().unwrap_or_default();
        let (roles, version) = (node.roles.clone(), node.version.clone());
        [node.name.clone(), ready(&node.lacks), roles, version, node.address.clone(), reason]
    });
    out.push_str(&with_head(["NODE", "STATE", "ROLES", "KUBELET", "ADDRESS", "REASON"], rows));
    let rows = served.iter().map(|seen| [seen.of.clone(), seen.at.clone(), seen.end(now), seen.subject()]);
    out.push_str(&with_head(["CERTIFICATE", "SERVED AT", "EXPIRES", "SUBJECT"], rows));
    let rows = tokens.iter().map(|token| {
        let problems: Vec<String> = token.problems.iter().map(ToString::to_string).collect();
        let end = token.expires.map_or_else(|| "never".to_owned(), |end| end.to_string());
        [token.id.clone(), end, problems.join("; ")]
    });
    out.push_str(&with_head(["TOKEN", "EXPIRES", "PROBLEM"], rows));
    print(out.trim_end())?;
    Ok(ExitCode::SUCCESS)
}

impl Node {
    fn of(node: &Object) -> Self {
        let value = node.as_value();
        let status = |kind: &str, key: &str, wanted: &str| {
            let all = value.pointer(kind).and_then(Value::as_array)?;
            all.iter().find(|one| one.get(key).is_some_and(|is| is == wanted))
        };
        let lacks = match status("/status/conditions", "type", "Ready") {
            Some(condition) if text(condition, "/status") == "True" => None,
            Some(condition) => {
                Some(format!("{}: {}", text(condition, "/reason"), text(condition, "/message")))
            }
            None => Some("its kubelet has not reported yet".to_owned()),
        };
        let labels = value.pointer("/metadata/labels").and_then(Value::as_object);
        let role = |label: &String| label.strip_prefix("node-role.kubernetes.io/").map(str::to_owned);
        let roles: Vec<String> = labels.into_iter().flatten().filter_map(|(label, _)| role(label)).collect();
        Self {
            name: node.key().name.clone(),
            lacks,
            roles: roles.join(","),
            version: text(value, "/status/nodeInfo/kubeletVersion"),
            address: status("/status/addresses", "type", "InternalIP")
                .map_or(String::new(), |address| text(address, "/address")),
        }
    }

    fn is_control_plane(&self) -> bool {
        self.roles.split(',').any(|role| role == "control-plane")
    }
}

/// A table with its head, and an empty line after it.
fn with_head<const COLUMNS: usize>(
    head: [&str; COLUMNS],
    rows: impl Iterator<Item = [String; COLUMNS]>,
) -> String {
    let rows: Vec<[String; COLUMNS]> = std::iter::once(head.map(str::to_owned)).chain(rows).collect();
    table(&rows) + "\n"
}

/// A text of a JSON value; empty if there is none.
fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// What a GET of the API server gives, as JSON; `null` if there is nothing.
fn get(client: &Client, path: &str) -> Result<Value, Failure> {
    let answer = client.send(Method::Get, path, None).map_err(problem)?;
    match answer.code {
        404 => Ok(Value::Null),
        _ => {
            let body = client.call(Method::Get, path, None).map_err(problem)?;
            Ok(serde_json::from_slice(&body).unwrap_or_default())
        }
    }
}
