//! The frame that all static pods of the control plane share.

use serde_json::{Map, Value, json};

use super::{probes::Probes, volumes::Volumes};
use crate::manifest::{ManifestError, Object, object::set, versions::Release};

/// What makes one component's pod different from the others'.
pub(super) struct Pod {
    pub(super) component: &'static str,
    pub(super) image: String,
    pub(super) command: Vec<String>,
    pub(super) env: Vec<Value>,
    pub(super) probes: Probes,
    pub(super) requests: Value,
    pub(super) annotation: Option<(&'static str, String)>,
    pub(super) volumes: Volumes,
}

impl Pod {
    /// The pod object.
    pub(super) fn build(self, release: &Release) -> Result<Object, ManifestError> {
        let mut container = Map::from_iter([
            ("name".to_owned(), json!(self.component)),
            ("image".to_owned(), json!(self.image)),
            ("imagePullPolicy".to_owned(), json!("IfNotPresent")),
            ("command".to_owned(), json!(self.command)),
            ("resources".to_owned(), json!({"requests": self.requests})),
            ("volumeMounts".to_owned(), self.volumes.mounts()),
        ]);
        if !self.env.is_empty() {
            container.insert("env".to_owned(), Value::from(self.env));
        }
        container.extend(self.probes.fields(release));
        let mut metadata = json!({
            "name": self.component,
            "namespace": "kube-system",
            "labels": {"component": self.component, "tier": "control-plane"},
        });
        if let Some((name, value)) = self.annotation {
            set(&mut metadata, "annotations", json!({name: value}));
        }
        if release.null_creation_timestamp {
            set(&mut metadata, "creationTimestamp", Value::Null);
        }
        Object::from_value(json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata,
            "spec": {
                "containers": [container],
                "hostNetwork": true,
                "priority": 2_000_001_000,
                "priorityClassName": "system-node-critical",
                "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
                "volumes": self.volumes.volumes(),
            },
            "status": {},
        }))
    }
}
