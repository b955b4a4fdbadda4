//! Whether Kubernetes' pod CIDRs and what flannel says of the nodes agree.

use std::net::IpAddr;

use super::{NetworkConfig, annotations::NodeAnnotations, error::FlannelError};
use crate::cidr::{Cidr, Family};

/// A node as the API server has it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FlannelNode {
    /// Its name.
    pub name: String,
    /// `spec.podCIDRs`.
    pub pod_cidrs: Vec<Cidr>,
    /// Its own addresses, of `status.addresses`. Empty: not known, nothing is compared with them.
    pub addresses: Vec<IpAddr>,
    /// Flannel's annotations, or which of them is not readable.
    pub annotations: Result<NodeAnnotations, FlannelError>,
}

impl FlannelNode {
    /// A node.
    #[must_use]
    pub const fn new(
        name: String,
        pod_cidrs: Vec<Cidr>,
        addresses: Vec<IpAddr>,
        annotations: Result<NodeAnnotations, FlannelError>,
    ) -> Self {
        Self { name, pod_cidrs, addresses, annotations }
    }
}

/// What does not agree; each of these breaks the network of pods, or is about to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlannelFinding {
    /// An annotation is not readable: the other nodes ignore the node.
    #[error("node {node}: {problem}: restart its flanneld, which writes it anew")]
    #[non_exhaustive]
    Unreadable {
        /// The node.
        node: String,
        /// Which.
        problem: FlannelError,
    },
    /// flanneld has not written its annotations: it does not run there, or cannot write.
    #[error("node {node}: no annotation kube-subnet-manager: look at the flanneld of this node")]
    #[non_exhaustive]
    NotManaged {
        /// The node.
        node: String,
    },
    /// The node has no pod CIDR of a family that flannel has on: its flanneld does not start.
    #[error(
        "node {node}: no pod CIDR for flannel's network {network}: run kube-controller-manager with --allocate-node-cidrs, or allocate one"
    )]
    #[non_exhaustive]
    NoPodCidr {
        /// The node.
        node: String,
        /// Flannel's network of the family.
        network: Cidr,
    },
    /// The pod CIDR is outside of flannel's network: its flanneld does not start.
    #[error(
        "node {node}: pod CIDR {cidr} is not in flannel's network {network}: net-conf.json and --cluster-cidr must agree"
    )]
    #[non_exhaustive]
    Outside {
        /// The node.
        node: String,
        /// The pod CIDR.
        cidr: Cidr,
        /// Flannel's network of the family.
        network: Cidr,
    },
    /// Another backend than the configuration's: the node's flanneld has not been restarted since it was changed.
    #[error("node {node}: backend {found:?}, expected {expected:?}: restart its flanneld")]
    #[non_exhaustive]
    Backend {
        /// The node.
        node: String,
        /// What the configuration says.
        expected: String,
        /// What the node says.
        found: String,
    },
    /// No public address of a family that flannel has on: the other nodes ignore the node.
    #[error("node {node}: no public {family} address: its interface may have none, restart its flanneld")]
    #[non_exhaustive]
    NoPublicAddress {
        /// The node.
        node: String,
        /// `IPv4` or `IPv6`.
        family: &'static str,
    },
    /// The public address is not one of the node's, and no overwrite says it shall be: flanneld took another interface.
    #[error(
        "node {node}: public address {found} is none of the node's addresses: choose flanneld's interface, or set public-ip-overwrite"
    )]
    #[non_exhaustive]
    ForeignAddress {
        /// The node.
        node: String,
        /// The public address.
        found: IpAddr,
    },
    /// The administrator's overwrite is not taken over yet.
    #[error("node {node}: public address {found}, the overwrite says {expected}: restart its flanneld")]
    #[non_exhaustive]
    NotOverwritten {
        /// The node.
        node: String,
        /// The overwrite.
        expected: IpAddr,
        /// The public address.
        found: IpAddr,
    },
    /// Two nodes share addresses of their pod CIDRs.
    #[error(
        "nodes {node} and {other}: pod CIDRs share addresses of {cidr}: delete one of the two Nodes, its kubelet registers it anew"
    )]
    #[non_exhaustive]
    SharedPodCidr {
        /// The node.
        node: String,
        /// The other node.
        other: String,
        /// The node's pod CIDR.
        cidr: Cidr,
    },
    /// Two nodes have one public address: the others reach only one of them.
    #[error("nodes {node} and {other}: the same public address {address}")]
    #[non_exhaustive]
    SharedAddress {
        /// The node.
        node: String,
        /// The other node.
        other: String,
        /// The address.
        address: IpAddr,
    },
}

/// Compares the nodes of a cluster with flannel's configuration and with each other.
///
/// Source: flannel v0.28.9, `pkg/subnet/kube/kube.go`: what flanneld demands of a node and what makes it ignore one.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::ipam::flannel::{FlannelNode, NetworkConfig, NodeAnnotations, check_nodes};
/// let config: NetworkConfig = r#"{"Network": "10.244.0.0/16", "Backend": {"Type": "vxlan"}}"#.parse()?;
/// let node = FlannelNode::new("a".into(), vec!["10.9.1.0/24".parse()?], vec![], Ok(NodeAnnotations::default()));
/// let findings: Vec<String> = check_nodes(&config, &[node]).iter().map(ToString::to_string).collect();
/// assert!(findings[0].starts_with("node a: pod CIDR 10.9.1.0/24 is not in flannel's network 10.244.0.0/16"));
/// assert!(findings[1].starts_with("node a: no annotation kube-subnet-manager"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn check_nodes(config: &NetworkConfig, nodes: &[FlannelNode]) -> Vec<FlannelFinding> {
    let mut findings = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        pod_cidrs(config, node, &mut findings);
        annotations(config, node, &mut findings);
        for other in nodes.iter().skip(at + 1) {
            pair(node, other, &mut findings);
        }
    }
    findings
}

fn pod_cidrs(config: &NetworkConfig, node: &FlannelNode, findings: &mut Vec<FlannelFinding>) {
    for range in [config.ipv4(), config.ipv6()].into_iter().flatten() {
        let network = range.network();
        let name = node.name.clone();
        match node.pod_cidrs.iter().find(|cidr| cidr.family() == network.family()) {
            None => findings.push(FlannelFinding::NoPodCidr { node: name, network: network.clone() }),
            Some(cidr) if !network.contains(cidr.first()) || cidr.length() < network.length() => {
                findings.push(FlannelFinding::Outside {
                    node: name,
                    cidr: cidr.clone(),
                    network: network.clone(),
                });
            }
            Some(_) => {}
        }
    }
}

fn annotations(config: &NetworkConfig, node: &FlannelNode, findings: &mut Vec<FlannelFinding>) {
    let name = || node.name.clone();
    let said = match &node.annotations {
        Ok(said) if said.managed => said,
        Ok(_) => return findings.push(FlannelFinding::NotManaged { node: name() }),
        Err(problem) => {
            return findings.push(FlannelFinding::Unreadable { node: name(), problem: problem.clone() });
        }
    };
    if said.backend_type != config.backend_type() {
        let (expected, found) = (config.backend_type().to_owned(), said.backend_type.clone());
        findings.push(FlannelFinding::Backend { node: name(), expected, found });
    }
    let (own, own6) = (said.public_ip.map(IpAddr::V4), said.public_ipv6.map(IpAddr::V6));
    let wanted = said.public_ip_overwrite.map(IpAddr::V4);
    let wanted6 = said.public_ipv6_overwrite.map(IpAddr::V6);
    for (range, own, wanted) in [(config.ipv4(), own, wanted), (config.ipv6(), own6, wanted6)] {
        let Some(range) = range else { continue };
        let family = if range.network().family() == Family::V4 { "IPv4" } else { "IPv6" };
        match (own, wanted) {
            (None, _) => findings.push(FlannelFinding::NoPublicAddress { node: name(), family }),
            (Some(found), Some(expected)) if found != expected => {
                findings.push(FlannelFinding::NotOverwritten { node: name(), expected, found });
            }
            (Some(found), None) if !node.addresses.is_empty() && !node.addresses.contains(&found) => {
                findings.push(FlannelFinding::ForeignAddress { node: name(), found });
            }
            _ => {}
        }
    }
}

fn pair(node: &FlannelNode, other: &FlannelNode, findings: &mut Vec<FlannelFinding>) {
    let names = || (node.name.clone(), other.name.clone());
    let shared = |cidr: &&Cidr| other.pod_cidrs.iter().any(|theirs| theirs.overlaps(cidr));
    if let Some(cidr) = node.pod_cidrs.iter().find(shared) {
        let ((node, other), cidr) = (names(), cidr.clone());
        findings.push(FlannelFinding::SharedPodCidr { node, other, cidr });
    }
    let (Ok(one), Ok(two)) = (&node.annotations, &other.annotations) else { return };
    let v4 = one.public_ip.filter(|address| two.public_ip == Some(*address)).map(IpAddr::V4);
    let v6 = one.public_ipv6.filter(|address| two.public_ipv6 == Some(*address)).map(IpAddr::V6);
    for address in [v4, v6].into_iter().flatten() {
        let (node, other) = names();
        findings.push(FlannelFinding::SharedAddress { node, other, address });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, cidrs: &[&str], public: [&str; 2]) -> FlannelNode {
        let said = NodeAnnotations {
            managed: true,
            backend_type: "vxlan".to_owned(),
            public_ip: public[0].parse().ok(),
            public_ipv6: public[1].parse().ok(),
            ..NodeAnnotations::default()
        };
        let cidrs = cidrs.iter().map(|cidr| cidr.parse().unwrap()).collect();
        let addresses = public.iter().filter_map(|address| address.parse().ok()).collect();
        FlannelNode::new(name.to_owned(), cidrs, addresses, Ok(said))
    }

    fn found(nodes: &[FlannelNode]) -> Vec<String> {
        let config = r#"{"Network":"10.244.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:10::/56","Backend":{"Type":"vxlan"}}"#;
        check_nodes(&config.parse().unwrap(), nodes)
            .iter()
            .map(|finding| finding.to_string().split(": ").take(2).collect::<Vec<_>>().join(": "))
            .collect()
    }

    #[test]
    fn nodes_that_agree_have_no_findings() {
        let one = node("a", &["10.244.0.0/24", "fd00:10::/64"], ["192.0.2.1", "2001:db8::1"]);
        let mut two = node("b", &["10.244.1.0/24", "fd00:10:0:1::/64"], ["192.0.2.2", "2001:db8::2"]);
        assert_eq!(found(&[one.clone(), two.clone()]), [""; 0]);
        let said = two.annotations.as_mut().unwrap();
        said.public_ip = Some("198.51.100.7".parse().unwrap());
        said.public_ip_overwrite = said.public_ip;
        assert_eq!(found(&[one, two]), [""; 0], "behind NAT, as the administrator says");
    }

    #[test]
    fn each_disagreement_is_told() {
        let good = || node("a", &["10.244.0.0/24", "fd00:10::/64"], ["192.0.2.1", "2001:db8::1"]);
        let changed = |change: fn(&mut FlannelNode, &mut NodeAnnotations)| {
            let mut node = good();
            let mut said = node.annotations.clone().unwrap();
            change(&mut node, &mut said);
            if node.annotations.is_ok() {
                node.annotations = Ok(said);
            }
            found(&[node])
        };
        assert_eq!(changed(|_, said| said.managed = false), ["node a: no annotation kube-subnet-manager"]);
        assert_eq!(
            changed(|node, _| node.pod_cidrs.truncate(1)),
            ["node a: no pod CIDR for flannel's network fd00:10::/56"]
        );
        assert_eq!(
            changed(|node, _| node.pod_cidrs[0] = "10.0.0.0/8".parse().unwrap()),
            ["node a: pod CIDR 10.0.0.0/8 is not in flannel's network 10.244.0.0/16"]
        );
        assert_eq!(
            changed(|_, said| said.backend_type.clear()),
            ["node a: backend \"\", expected \"vxlan\""]
        );
        assert_eq!(changed(|_, said| said.public_ipv6 = None), ["node a: no public IPv6 address"]);
        assert_eq!(
            changed(|_, said| said.public_ip = Some([198, 51, 100, 1].into())),
            ["node a: public address 198.51.100.1 is none of the node's addresses"]
        );
        assert_eq!(
            changed(|_, said| said.public_ip_overwrite = Some([198, 51, 100, 1].into())),
            ["node a: public address 192.0.2.1, the overwrite says 198.51.100.1"]
        );
        let unreadable = changed(|node, _| {
            let keys = super::super::AnnotationKeys::default();
            node.annotations = NodeAnnotations::read(&keys, [("flannel.alpha.coreos.com/public-ip", "x")]);
        });
        assert_eq!(unreadable, ["node a: flannel annotation flannel.alpha.coreos.com/public-ip"]);
        let mut twin = good();
        twin.name = "b".to_owned();
        assert_eq!(
            found(&[good(), twin]),
            [
                "nodes a and b: pod CIDRs share addresses of 10.244.0.0/24",
                "nodes a and b: the same public address 192.0.2.1",
                "nodes a and b: the same public address 2001:db8::1"
            ]
        );
    }
}
