//! Plans as text and JSON. A view: executing needs the plan itself.

use serde_json::{Map, Value, json};

use super::{Action, BootstrapBy, Condition, Guard, Plan, Step};
use crate::{
    health::Check,
    pki::{KeyAlgorithm, hex},
};

/// Version of the JSON form. Consumers must ignore members they do not know.
pub const PLAN_SCHEMA: &str = "k8sboot.plan/v1";

impl Plan {
    /// The plan as JSON: stage, steps with id, why, kind, paths, modes, guards. No secret is in it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "schema": PLAN_SCHEMA,
            "stage": self.stage,
            "steps": self.steps.iter().map(Step::to_json).collect::<Vec<_>>(),
            "notes": self.notes,
        })
    }

    /// The plan as text, a line a step.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = format!("[{}]", self.stage);
        out.push_str(if self.steps.is_empty() { " nothing to do\n" } else { "\n" });
        for step in &self.steps {
            out.push_str(&format!("  {}: {}\n", step.id, step.action.summary()));
        }
        for note in &self.notes {
            out.push_str(&format!("  note: {note}\n"));
        }
        out
    }
}

impl Step {
    fn to_json(&self) -> Value {
        let mut map = Map::new();
        map.insert("id".into(), json!(self.id));
        map.insert("why".into(), json!(self.why));
        map.insert("action".into(), json!(self.action.kind()));
        map.insert("paths".into(), json!(self.action.paths()));
        let guard = match self.guard {
            Guard::None => json!("none"),
            Guard::Absent => json!("absent"),
            Guard::Unchanged { sha256 } => json!({ "unchanged": hex(&sha256) }),
        };
        map.insert("guard".into(), guard);
        match &self.action {
            Action::MakeDirectory { mode, .. } => {
                map.insert("mode".into(), json!(format!("{mode:04o}")));
            }
            Action::WriteFile { mode, content, .. } => {
                map.insert("mode".into(), json!(format!("{mode:04o}")));
                map.insert("content".into(), json!(content));
            }
            Action::EnsureKeyPair(pair) => {
                map.insert("subject".into(), json!(pair.spec.subject.to_string()));
                map.insert("dnsNames".into(), json!(pair.spec.dns_names));
                map.insert("ipAddresses".into(), json!(pair.spec.ip_addresses));
                map.insert("algorithm".into(), json!(pair.spec.algorithm.name()));
                map.insert("validity".into(), json!(pair.spec.validity));
                map.insert("issuer".into(), json!(pair.issuer.as_ref().map(|issuer| &issuer.path)));
                map.insert("keyExists".into(), json!(pair.key_exists));
            }
            Action::EnsureKey { algorithm, key_exists, .. } => {
                map.insert("algorithm".into(), json!(algorithm.name()));
                map.insert("keyExists".into(), json!(key_exists));
            }
            Action::WriteKubeconfig(kubeconfig) => {
                map.insert("server".into(), json!(kubeconfig.server));
                map.insert("subject".into(), json!(kubeconfig.client.subject.to_string()));
                map.insert("algorithm".into(), json!(kubeconfig.client.algorithm.name()));
                map.insert("validity".into(), json!(kubeconfig.client.validity));
                map.insert("issuer".into(), json!(kubeconfig.issuer.path));
                map.insert("certificateExists".into(), json!(kubeconfig.certificate_exists));
            }
            Action::WaitFor { condition, timeout } => {
                map.insert("timeout".into(), json!(timeout));
                match condition {
                    Condition::Healthy(checks) => {
                        let check = |c: &Check| json!({ "component": c.component, "url": c.url() });
                        map.insert("healthy".into(), checks.iter().map(check).collect());
                    }
                    Condition::Node { name } => {
                        map.insert("node".into(), json!(name));
                    }
                }
            }
            Action::ApplyObject { object, how } => {
                map.insert("object".into(), json!(object.key().to_string()));
                map.insert("keep".into(), json!(how.keep));
                map.insert("owner".into(), json!(how.owner.as_ref().map(ToString::to_string)));
            }
            Action::MarkNode(mark) => {
                map.insert("object".into(), json!(format!("v1 Node {}", mark.name)));
                map.insert("patch".into(), mark.patch(&[]));
            }
            Action::UploadCertificates { entries } => {
                let names: Vec<&str> = entries.iter().map(|entry| entry.name).collect();
                map.insert("object".into(), json!("v1 Secret kube-system/kubeadm-certs"));
                map.insert("entries".into(), json!(names));
            }
            Action::PointKubeconfig { client, .. } => {
                map.insert("client".into(), json!(client));
            }
            Action::Renew(renew) => {
                map.insert("name".into(), json!(renew.name));
                map.insert("issuer".into(), json!(renew.issuer.path));
                map.insert("algorithm".into(), json!(renew.expected_algorithm.map(KeyAlgorithm::name)));
                map.insert("validity".into(), json!(renew.validity));
                if let Some(names) = &renew.names {
                    map.insert("dnsNames".into(), json!(names.dns_names));
                    map.insert("ipAddresses".into(), json!(names.ip_addresses));
                }
            }
            Action::Request(request) => {
                map.insert("subject".into(), json!(request.spec.subject.to_string()));
                map.insert("dnsNames".into(), json!(request.spec.dns_names));
                map.insert("ipAddresses".into(), json!(request.spec.ip_addresses));
                map.insert("algorithm".into(), json!(request.spec.algorithm.name()));
                map.insert("keyExists".into(), json!(request.key_exists));
            }
            Action::WriteCredentials { kubeconfig, .. } => {
                map.insert("mode".into(), json!("0600"));
                if let Ok(current) = kubeconfig.current() {
                    map.insert("server".into(), json!(current.cluster.server));
                    map.insert("user".into(), json!(current.context.user));
                }
            }
            Action::BootstrapKubelet(bootstrap) => {
                let by = match bootstrap.by {
                    BootstrapBy::Kubelet { .. } => "kubelet",
                    BootstrapBy::Library { .. } => "library",
                };
                map.insert("node".into(), json!(bootstrap.node));
                map.insert("by".into(), json!(by));
                map.insert("timeout".into(), json!(bootstrap.timeout));
            }
            Action::WaitForKubelet { url, timeout } => {
                map.insert("url".into(), json!(url));
                map.insert("timeout".into(), json!(timeout));
            }
            Action::RegisterNode { object, .. } => {
                map.insert("object".into(), json!(object.key().to_string()));
            }
            Action::PublishTemporary { .. } | Action::RemovePath { .. } => {}
        }
        Value::Object(map)
    }
}

impl Action {
    /// What the action does, in one line.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::MakeDirectory { path, mode } => format!("make directory {path} ({mode:04o})"),
            Self::WriteFile { path, mode, content } => {
                format!("write {path} ({mode:04o}, {} bytes)", content.len())
            }
            Self::EnsureKeyPair(pair) => {
                let what = if pair.key_exists { "certificate for the key of" } else { "key and certificate" };
                let by = pair
                    .issuer
                    .as_ref()
                    .map_or("self-signed".to_owned(), |i| format!("signed by {}", i.path));
                format!(
                    "make {what} {} ({}, {}, {by})",
                    pair.path,
                    pair.spec.subject,
                    pair.spec.algorithm.name()
                )
            }
            Self::EnsureKey { path, algorithm, .. } => format!("make key pair {path} ({})", algorithm.name()),
            Self::WriteKubeconfig(k) => {
                let of = if k.certificate_exists { format!(" of {}.crt", k.path) } else { String::new() };
                format!("write kubeconfig {}{of} (user {}, server {})", k.path, k.user, k.server)
            }
            Self::Renew(renew) => format!("renew {} (signed by {})", renew.path, renew.issuer.path),
            Self::Request(request) => format!("make request {}.csr ({})", request.path, request.spec.subject),
            Self::PublishTemporary { path } => format!("complete {path}"),
            Self::RemovePath { path } => format!("remove {path}"),
            Self::WriteCredentials { path, kubeconfig } => match kubeconfig.current() {
                Ok(current) => format!(
                    "write kubeconfig {path} (user {}, server {})",
                    current.context.user, current.cluster.server
                ),
                Err(_) => format!("write kubeconfig {path}"),
            },
            Self::BootstrapKubelet(bootstrap) => match bootstrap.by {
                BootstrapBy::Kubelet { .. } => {
                    format!(
                        "wait until the kubelet has made {} usable (at most {})",
                        bootstrap.kubeconfig, bootstrap.timeout
                    )
                }
                BootstrapBy::Library { algorithm } => format!(
                    "ask for the client certificate of system:node:{} ({}) and write {}",
                    bootstrap.node,
                    algorithm.name(),
                    bootstrap.kubeconfig
                ),
            },
            Self::WaitForKubelet { url, timeout } => {
                format!("wait for the kubelet at {url} (at most {timeout})")
            }
            Self::RegisterNode { object, .. } => format!("register {}", object.key()),
            Self::PointKubeconfig { path, client } => format!("let {path} use {client}"),
            Self::WaitFor { condition: Condition::Healthy(checks), timeout } => {
                let names: Vec<&str> = checks.iter().map(|check| check.component.as_str()).collect();
                format!("wait for {} (at most {timeout})", names.join(", "))
            }
            Self::WaitFor { condition: Condition::Node { name }, timeout } => {
                format!("wait for node {name} (at most {timeout})")
            }
            Self::ApplyObject { object, .. } => format!("apply {}", object.key()),
            Self::MarkNode(mark) => format!("mark node {} as control plane", mark.name),
            Self::UploadCertificates { entries } => {
                format!("seal {} files into v1 Secret kube-system/kubeadm-certs", entries.len())
            }
        }
    }
}
