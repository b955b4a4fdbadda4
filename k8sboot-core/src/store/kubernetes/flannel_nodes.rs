//! Flannel's annotations on the nodes of a cluster.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::{error::PodCidrError, nodes::Node};
use crate::{
    api::{Client, Method, Resource},
    ipam::flannel::{
        AnnotationKeys, FlannelFinding, FlannelNode, NetworkConfig, NodeAnnotations, check_nodes,
    },
    manifest::Object,
};

/// Reads and writes flannel's annotations of nodes, as flanneld does in its Kubernetes mode (`--kube-subnet-mgr`).
///
/// The rights it needs: `nodes` get and list, `nodes/status` patch.
///
/// # Examples
///
/// ```no_run
/// use k8sboot_core::{
///     api::{Client, ClientOptions},
///     ipam::flannel::{AnnotationKeys, NetworkConfig},
///     kubeconfig::Kubeconfig,
///     store::kubernetes::FlannelNodes,
/// };
///
/// let kubeconfig = Kubeconfig::parse(&std::fs::read_to_string("/etc/kubernetes/admin.conf")?)?;
/// let client = Client::new(&ClientOptions::from_kubeconfig(&kubeconfig)?)?;
/// let config: NetworkConfig = r#"{"Network": "10.244.0.0/16", "Backend": {"Type": "vxlan"}}"#.parse()?;
/// for finding in FlannelNodes::new(&client, AnnotationKeys::default()).check(&config)? {
///     eprintln!("{finding}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FlannelNodes {
    client: Client,
    keys: AnnotationKeys,
}

impl FlannelNodes {
    /// The annotations of a prefix.
    #[must_use]
    pub fn new(client: &Client, keys: AnnotationKeys) -> Self {
        Self { client: client.clone(), keys }
    }

    /// All nodes with their annotations.
    ///
    /// # Errors
    ///
    /// [`PodCidrError::Api`].
    pub fn list(&self) -> Result<Vec<FlannelNode>, PodCidrError> {
        self.client.list(&Resource::NODES, None, "")?.iter().map(|node| self.of(node)).collect()
    }

    /// One node with its annotations.
    ///
    /// # Errors
    ///
    /// [`PodCidrError::NoNode`], [`PodCidrError::Api`].
    pub fn read(&self, node: &str) -> Result<FlannelNode, PodCidrError> {
        self.of(&self.get(node)?)
    }

    /// Writes what flanneld writes, in one patch of `nodes/status`, as flanneld's own; what it would not write is removed,
    /// the administrator's annotations stay. An overwrite that the node has takes the place of the public address.
    ///
    /// # Errors
    ///
    /// [`PodCidrError::NoNode`], [`PodCidrError::Flannel`] if an overwrite is not readable, [`PodCidrError::Api`].
    pub fn write(&self, node: &str, annotations: &NodeAnnotations) -> Result<(), PodCidrError> {
        let object = self.get(node)?;
        let there = self
            .of(&object)?
            .annotations
            .or_else(|_| self.administrators(&object))
            .map_err(|problem| PodCidrError::Flannel { node: node.to_owned(), problem })?;
        let mut new = annotations.clone();
        new.public_ip_overwrite = there.public_ip_overwrite;
        new.public_ipv6_overwrite = there.public_ipv6_overwrite;
        self.patch(&object, new.written(&self.keys))
    }

    /// Removes what flanneld wrote, which it leaves behind itself; the administrator's annotations stay.
    ///
    /// # Errors
    ///
    /// [`PodCidrError::NoNode`], [`PodCidrError::Api`].
    pub fn clear(&self, node: &str) -> Result<(), PodCidrError> {
        self.patch(&self.get(node)?, NodeAnnotations::default().written(&self.keys))
    }

    /// Whether Kubernetes and flannel agree on every node, see [`check_nodes`].
    ///
    /// # Errors
    ///
    /// [`PodCidrError::Api`].
    pub fn check(&self, config: &NetworkConfig) -> Result<Vec<FlannelFinding>, PodCidrError> {
        Ok(check_nodes(config, &self.list()?))
    }

    fn get(&self, node: &str) -> Result<Object, PodCidrError> {
        let found = self.client.get(&Resource::NODES, None, node)?;
        found.ok_or_else(|| PodCidrError::NoNode { node: node.to_owned() })
    }

    fn of(&self, object: &Object) -> Result<FlannelNode, PodCidrError> {
        let node = Node::read(object)?;
        let addresses = object.as_value().pointer("/status/addresses").and_then(Value::as_array);
        let addresses = addresses.into_iter().flatten().filter_map(|entry| {
            let kind = entry.get("type").and_then(Value::as_str)?;
            let address: IpAddr = entry.get("address")?.as_str()?.parse().ok()?;
            matches!(kind, "InternalIP" | "ExternalIP").then_some(address)
        });
        let annotations = NodeAnnotations::read(&self.keys, pairs(object));
        Ok(FlannelNode::new(node.name, node.pod_cidrs, addresses.collect(), annotations))
    }

    /// The administrator's annotations alone: what flanneld wrote is about to be replaced, readable or not.
    fn administrators(&self, object: &Object) -> Result<NodeAnnotations, crate::ipam::flannel::FlannelError> {
        let theirs = ["public-ip-overwrite", "public-ipv6-overwrite"].map(|name| self.keys.key(name));
        NodeAnnotations::read(
            &self.keys,
            pairs(object).filter(|(key, _)| theirs.iter().any(|their| their == key)),
        )
    }

    fn patch(&self, node: &Object, written: Vec<(String, Option<String>)>) -> Result<(), PodCidrError> {
        let annotations: Map<String, Value> =
            written.into_iter().map(|(key, text)| (key, text.map_or(Value::Null, Value::String))).collect();
        let uid = super::nodes::uid(node);
        let patch = json!({"metadata": {"uid": uid, "annotations": annotations}});
        let path = format!("{}/status", Resource::NODES.path(None, Some(&node.key().name)));
        let body = ("application/merge-patch+json", patch.to_string().into_bytes());
        match self.client.call(Method::Patch, &path, Some(body)) {
            Ok(_) => Ok(()),
            Err(error) if error.is_not_found() => Err(PodCidrError::NoNode { node: node.key().name.clone() }),
            Err(error) => Err(error.into()),
        }
    }
}

fn pairs(object: &Object) -> impl Iterator<Item = (&str, &str)> {
    let annotations = object.as_value().pointer("/metadata/annotations").and_then(Value::as_object);
    annotations.into_iter().flatten().filter_map(|(key, text)| Some((key.as_str(), text.as_str()?)))
}
