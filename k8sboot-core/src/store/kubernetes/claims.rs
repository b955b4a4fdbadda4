//! Claims: one object a subnet, so that no two allocators write one subnet to two nodes.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::{error::PodCidrError, nodes};
use crate::{
    api::{ApiError, Client, Method, Resource},
    cidr::Cidr,
    manifest::Object,
};

/// The label of claims, by which they are listed.
const LABEL: &str = "app.kubernetes.io/component";
/// Its value.
const COMPONENT: &str = "pod-cidr-claim";
/// Where the CIDR is written.
const CIDR: &str = "k8sboot.io/pod-cidr";

/// A subnet that is claimed for a node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claim {
    /// The subnet.
    pub cidr: Cidr,
    /// The node.
    pub node: String,
    /// The UID of the node: another node of the same name is another owner.
    pub node_uid: String,
    /// What it is good for.
    pub state: ClaimState,
    /// The UID of the claim.
    pub(super) uid: String,
}

/// What a claim is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClaimState {
    /// The node has no pod CIDRs yet: an allocator is at work, or was killed; the next call for the node goes on.
    Pending,
    /// The node has this pod CIDR.
    InUse,
    /// The node is gone or has other pod CIDRs, for ever: the claim can be deleted.
    Stale,
}

impl Claim {
    /// The name of a subnet's claim: the same for every allocator, valid as the name of an object.
    pub(super) fn name(cidr: &Cidr) -> String {
        match cidr.first() {
            IpAddr::V4(first) => format!("podcidr-{first}-{}", cidr.length()),
            IpAddr::V6(first) => {
                let groups: Vec<String> =
                    first.segments().iter().map(|group| format!("{group:04x}")).collect();
                format!("podcidr-{}-{}", groups.join("-"), cidr.length())
            }
        }
    }

    /// Whether it is a node's.
    pub(super) fn is_of(&self, node: &nodes::Node) -> bool {
        self.node == node.name && self.node_uid == node.uid
    }

    /// The state as nodes are that were listed after the claim: UIDs and pod CIDRs never come back, so stale is stale.
    pub(super) fn judge(&mut self, nodes: &[nodes::Node]) {
        self.state = match nodes.iter().find(|node| self.is_of(node)) {
            None => ClaimState::Stale,
            Some(node) if node.pod_cidrs.is_empty() => ClaimState::Pending,
            Some(node) if node.pod_cidrs.contains(&self.cidr) => ClaimState::InUse,
            Some(_) => ClaimState::Stale,
        };
    }

    fn read(object: &Object) -> Result<Self, PodCidrError> {
        let value = object.as_value();
        let text =
            |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let name = || format!("Lease {}", object.key().name);
        let cidr = text("/metadata/annotations/k8sboot.io~1pod-cidr");
        let cidr: Cidr = cidr.parse().map_err(|_| {
            PodCidrError::damaged(name(), "metadata.annotations[k8sboot.io/pod-cidr]", "a CIDR", &cidr)
        })?;
        let node_uid = text("/metadata/ownerReferences/0/uid");
        if node_uid.is_empty() || Self::name(&cidr) != object.key().name {
            let expected = "the claim of this subnet, with the node as owner";
            return Err(PodCidrError::damaged(name(), "metadata", expected, &cidr.to_string()));
        }
        let uid = nodes::uid(object);
        Ok(Self { cidr, node: text("/spec/holderIdentity"), node_uid, state: ClaimState::Pending, uid })
    }
}

/// All claims, as they are now, not judged yet. One that cannot be read still keeps its subnet, by its name.
pub(super) fn list(client: &Client, namespace: &str) -> Result<Vec<Claim>, PodCidrError> {
    let query = format!("labelSelector={}%3D{COMPONENT}", LABEL.replace('/', "%2F"));
    let objects = client.list(&Resource::LEASES, Some(namespace), &query)?;
    Ok(objects.iter().filter_map(|object| Claim::read(object).ok()).collect())
}

/// Claims a subnet for a node; `None` if it is claimed already.
///
/// A Lease: its holder is shown by `kubectl get leases`. Its owner is the Node, so that the garbage collector of
/// kube-controller-manager deletes it after the node. Source: Kubernetes, "Owners and Dependents".
pub(super) fn create(
    client: &Client,
    namespace: &str,
    cidr: &Cidr,
    node: &nodes::Node,
) -> Result<Option<Claim>, PodCidrError> {
    let object = json!({
        "apiVersion": Resource::LEASES.api_version,
        "kind": Resource::LEASES.kind,
        "metadata": {
            "name": Claim::name(cidr),
            "namespace": namespace,
            "labels": {LABEL: COMPONENT, "app.kubernetes.io/managed-by": "k8sboot"},
            "annotations": {CIDR: cidr.to_string()},
            "ownerReferences": [{
                "apiVersion": "v1", "kind": "Node", "name": node.name, "uid": node.uid,
            }],
        },
        "spec": {"holderIdentity": node.name},
    });
    let object = Object::from_value(object).map_err(|error| {
        PodCidrError::damaged(format!("Node {}", node.name), "metadata.name", "a name", &error.to_string())
    })?;
    match client.create(&Resource::LEASES, &object) {
        Ok(made) => Claim::read(&made).map(Some),
        Err(error) if error.is_already_exists() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Deletes this claim and no later one of the same subnet.
pub(super) fn delete(client: &Client, namespace: &str, claim: &Claim) -> Result<(), PodCidrError> {
    let path = Resource::LEASES.path(Some(namespace), Some(&Claim::name(&claim.cidr)));
    let options = json!({
        "apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": claim.uid},
    });
    match client.call(Method::Delete, &path, Some(("application/json", options.to_string().into_bytes()))) {
        Ok(_) | Err(ApiError::NotFound { .. } | ApiError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_a_subnet_and_valid() {
        let name = |cidr: &str| Claim::name(&cidr.parse().unwrap());
        assert_eq!(name("10.244.3.7/24"), "podcidr-10.244.3.0-24");
        assert_eq!(name("fd00:10:244:1::/64"), "podcidr-fd00-0010-0244-0001-0000-0000-0000-0000-64");
        assert_eq!(name("FD00:0010:244:1:0::/64"), name("fd00:10:244:1::/64"));
    }

    #[test]
    fn a_claim_is_judged_by_the_uid_of_its_node() {
        let mut claim = Claim {
            cidr: "10.244.1.0/24".parse().unwrap(),
            node: "a".to_owned(),
            node_uid: "1".to_owned(),
            state: ClaimState::Pending,
            uid: String::new(),
        };
        let mut judged = |nodes: &[(&str, &str, &str)]| {
            let nodes: Vec<nodes::Node> = nodes
                .iter()
                .map(|(name, uid, cidr)| nodes::Node {
                    name: (*name).to_owned(),
                    uid: (*uid).to_owned(),
                    pod_cidrs: cidr.parse().into_iter().collect(),
                })
                .collect();
            claim.judge(&nodes);
            claim.state
        };
        assert_eq!(judged(&[("a", "1", "")]), ClaimState::Pending);
        assert_eq!(judged(&[("a", "1", "10.244.1.0/24")]), ClaimState::InUse);
        assert_eq!(judged(&[("a", "1", "10.244.2.0/24")]), ClaimState::Stale);
        assert_eq!(judged(&[("a", "2", ""), ("b", "1", "")]), ClaimState::Stale);
        assert_eq!(judged(&[]), ClaimState::Stale);
    }
}
