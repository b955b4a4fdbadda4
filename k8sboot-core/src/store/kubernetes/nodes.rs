//! The nodes of a cluster, as far as pod CIDRs go.

use serde_json::{Value, json};

use super::error::PodCidrError;
use crate::{
    api::{ApiError, Client, PatchKind, Resource},
    cidr::Cidr,
    manifest::Object,
};

/// A node that is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) pod_cidrs: Vec<Cidr>,
}

impl Node {
    /// Source: Kubernetes API, `NodeSpec`: `podCIDRs`; `podCIDR` repeats its first.
    pub(super) fn read(object: &Object) -> Result<Self, PodCidrError> {
        let name = object.key().name.clone();
        let value = object.as_value();
        let texts: Vec<&str> = match value.pointer("/spec/podCIDRs").and_then(Value::as_array) {
            Some(list) => list.iter().map(|cidr| cidr.as_str().unwrap_or_default()).collect(),
            None => value.pointer("/spec/podCIDR").and_then(Value::as_str).into_iter().collect(),
        };
        let pod_cidrs = texts
            .into_iter()
            .filter(|text| !text.is_empty())
            .map(|text| {
                text.parse().map_err(|_| {
                    PodCidrError::damaged(format!("Node {name}"), "spec.podCIDRs", "CIDRs", text)
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { uid: uid(object), name, pod_cidrs })
    }

    /// A pod CIDR of another node that shares an address with one of these.
    pub(super) fn collision<'a>(&self, cidrs: &'a [Cidr]) -> Option<&'a Cidr> {
        cidrs.iter().find(|cidr| self.pod_cidrs.iter().any(|other| other.overlaps(cidr)))
    }
}

/// All nodes, as they are now.
pub(super) fn list(client: &Client) -> Result<Vec<Node>, PodCidrError> {
    client.list(&Resource::NODES, None, "")?.iter().map(Node::read).collect()
}

/// What became of a write.
pub(super) enum Written {
    /// The node has them.
    Done,
    /// The node has others already, or is another node of the same name.
    Refused(ApiError),
}

/// Sets the pod CIDRs of a node that has none.
///
/// The patch names the node's UID and no `resourceVersion`: the API server itself lets pod CIDRs change from nothing to
/// something only, so that this is a comparison with nothing, and one that a kubelet's heartbeats do not disturb.
/// Source: kube-controller-manager does the same; Kubernetes 1.36, `ValidateNodeUpdate`: "node updates may not change
/// podCIDR except from "" to valid".
pub(super) fn write(client: &Client, node: &Node, cidrs: &[Cidr]) -> Result<Written, PodCidrError> {
    let cidrs: Vec<String> = cidrs.iter().map(Cidr::to_string).collect();
    let patch = json!({
        "metadata": {"uid": node.uid},
        "spec": {"podCIDR": cidrs.first(), "podCIDRs": cidrs},
    });
    match client.patch(&Resource::NODES, None, &node.name, PatchKind::Merge, &patch) {
        Ok(_) => Ok(Written::Done),
        Err(error @ (ApiError::Invalid { .. } | ApiError::Conflict { .. } | ApiError::NotFound { .. })) => {
            Ok(Written::Refused(error))
        }
        Err(error) => Err(error.into()),
    }
}

/// `metadata.uid`, empty if there is none.
pub(super) fn uid(object: &Object) -> String {
    let uid = object.as_value().pointer("/metadata/uid").and_then(Value::as_str);
    uid.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(spec: &Value) -> Result<Node, PodCidrError> {
        let metadata = json!({"name": "a", "uid": "u"});
        let value = json!({"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": spec});
        Node::read(&Object::from_value(value).unwrap())
    }

    #[test]
    fn reads_both_fields_and_refuses_what_is_no_cidr() {
        let cidrs = |spec| node(&spec).unwrap().pod_cidrs.iter().map(Cidr::to_string).collect::<Vec<_>>();
        assert!(cidrs(json!({})).is_empty() && cidrs(json!({"podCIDR": ""})).is_empty());
        assert_eq!(cidrs(json!({"podCIDR": "10.0.0.0/24"})), ["10.0.0.0/24"]);
        let both = json!({"podCIDR": "10.0.0.0/24", "podCIDRs": ["10.0.0.0/24", "fd00::/64"]});
        assert_eq!(cidrs(both), ["10.0.0.0/24", "fd00::/64"]);
        let error = node(&json!({"podCIDRs": ["10.0.0.0"]})).unwrap_err().to_string();
        assert_eq!(
            error,
            "pod CIDRs: Node a: spec.podCIDRs: expected CIDRs, found \"10.0.0.0\": repair or delete the object"
        );
    }
}
