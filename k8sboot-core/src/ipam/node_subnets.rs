//! Node subnets: a cluster CIDR split into the pod CIDRs of nodes, as kube-controller-manager does.

mod family;

use std::{collections::BTreeMap, hash::BuildHasher};

use family::Family;
use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::{
    allocation::Usage,
    error::{IpamError, SplitProblem},
    name::{LongTexts, Name},
    slab::{Number, Slab},
};
use crate::cidr::{Cidr, Family as AddressFamily};

/// A cluster CIDR and the size of the subnets that nodes get of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterCidr {
    /// The addresses of all pods of a family; host bits do not count.
    pub cidr: Cidr,
    /// The prefix length of a node's subnet. Default: 24, or 64 for IPv6, as kube-controller-manager's
    /// `--node-cidr-mask-size`.
    pub node_prefix: u8,
}

impl ClusterCidr {
    /// With the default size of node subnets.
    #[must_use]
    pub const fn new(cidr: Cidr) -> Self {
        let node_prefix = match cidr.family() {
            AddressFamily::V4 => 24,
            AddressFamily::V6 => 64,
        };
        Self { cidr, node_prefix }
    }

    /// Sets [`node_prefix`](Self::node_prefix).
    #[must_use]
    pub const fn node_prefix(mut self, prefix: u8) -> Self {
        self.node_prefix = prefix;
        self
    }
}

/// What is odd about the pod CIDRs of a node that exists.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubnetFinding {
    /// It is in no cluster CIDR: it takes nothing from anybody.
    #[error("{cidr} of node {node} is in no cluster CIDR")]
    #[non_exhaustive]
    Outside {
        /// The node.
        node: String,
        /// Its pod CIDR.
        cidr: Cidr,
    },
    /// It is larger or smaller than a node subnet: every subnet that it touches is taken.
    #[error("{cidr} of node {node} has another size: expected a prefix of {expected}")]
    #[non_exhaustive]
    OtherSize {
        /// The node.
        node: String,
        /// Its pod CIDR.
        cidr: Cidr,
        /// The prefix length of node subnets.
        expected: u8,
    },
    /// It shares addresses, or the subnet they are in, with what is taken already; both keep it.
    #[error("{cidr} of node {node} overlaps {}", other.as_deref().map_or("what is excluded".to_owned(), |other| format!("a pod CIDR of node {other}")))]
    #[non_exhaustive]
    Overlap {
        /// The node.
        node: String,
        /// Its pod CIDR.
        cidr: Cidr,
        /// The other node; none if it is no node's.
        other: Option<String>,
    },
}

/// Hands out one subnet of each cluster CIDR to each node.
///
/// Source: the range allocator of kube-controller-manager: the next free one after the one given last, going round; a
/// subnet that any pod CIDR of a node touches is taken; at most 2¹⁶ subnets, which [`unlimited`](Self::unlimited) lifts.
/// Unlike there, a subnet that two nodes share is free when both are gone, and nothing is taken if a family has none left.
/// Every operation costs the same however many nodes there are.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::ipam::{ClusterCidr, NodeSubnets};
/// let pods = ["10.244.0.0/16", "fd00:10:244::/48"].map(|cidr| cidr.parse().map(ClusterCidr::new));
/// let [v4, v6] = pods;
/// let mut subnets = NodeSubnets::new(&[v4?, v6?])?;
/// let mut given = Vec::new();
/// assert!(subnets.occupy("node-1", &["10.244.0.0/24".parse()?]).is_empty());
/// subnets.allocate("node-2", &mut given)?;
/// let given: Vec<String> = given.iter().map(|cidr| cidr.to_string()).collect();
/// assert_eq!(given, ["10.244.1.0/24", "fd00:10:244::/64"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct NodeSubnets {
    families: Vec<Family>,
    hash: FixedState,
    nodes: Slab<Node>,
    long: LongTexts,
    table: HashTable<Number>,
    /// The pod CIDRs of nodes that were not all given here, by the number of the node.
    odd: BTreeMap<Number, Vec<Cidr>>,
    /// How many nodes there are.
    count: usize,
}

/// The most cluster CIDRs: one a family.
const FAMILIES: usize = 2;

#[derive(Clone, Debug, Default)]
struct Node {
    hash: u64,
    name: Name<48>,
    /// Its subnet of each cluster CIDR; none of an odd node.
    blocks: [Option<u64>; FAMILIES],
}

impl NodeSubnets {
    /// All subnets free. At most one cluster CIDR a family, in the order of the pod CIDRs of nodes.
    ///
    /// # Errors
    ///
    /// [`IpamError::ClusterCidrs`] for none, or two of one family; [`IpamError::Split`] for a size of subnets that does not
    /// fit, or more than 2¹⁶ of them.
    pub fn new(clusters: &[ClusterCidr]) -> Result<Self, IpamError> {
        Self::with_limit(clusters, true)
    }

    /// As [`new`](Self::new), for up to 2⁶³ subnets.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new), but for the limit.
    pub fn unlimited(clusters: &[ClusterCidr]) -> Result<Self, IpamError> {
        Self::with_limit(clusters, false)
    }

    fn with_limit(clusters: &[ClusterCidr], limited: bool) -> Result<Self, IpamError> {
        let families: Vec<AddressFamily> = clusters.iter().map(|cluster| cluster.cidr.family()).collect();
        match families.as_slice() {
            [_] => {}
            [first, second] if first != second => {}
            _ => {
                return Err(IpamError::ClusterCidrs {
                    found: clusters.iter().map(|c| c.cidr.clone()).collect(),
                });
            }
        }
        Ok(Self {
            families: clusters
                .iter()
                .map(|cluster| Family::new(cluster, limited))
                .collect::<Result<_, _>>()?,
            hash: FixedState::with_seed(0),
            nodes: Slab::new(),
            long: LongTexts::new(),
            table: HashTable::new(),
            odd: BTreeMap::new(),
            count: 0,
        })
    }

    /// The cluster CIDRs.
    pub fn clusters(&self) -> impl Iterator<Item = &ClusterCidr> {
        self.families.iter().map(Family::cluster)
    }

    /// Gives a node one subnet of each cluster CIDR, or none at all; a node that has pod CIDRs keeps them. `out` is emptied
    /// first.
    ///
    /// # Errors
    ///
    /// [`IpamError::Split`] with [`SplitProblem::Exhausted`].
    pub fn allocate(&mut self, node: &str, out: &mut Vec<Cidr>) -> Result<(), IpamError> {
        if self.find(node, out) {
            return Ok(());
        }
        let mut blocks = [None; FAMILIES];
        for (place, family) in blocks.iter_mut().zip(&self.families) {
            let Some(block) = family.choose() else { return Err(exhausted(family)) };
            *place = Some(block);
        }
        for (block, family) in blocks.iter().zip(&mut self.families) {
            if let Some(block) = *block {
                family.take(block);
                out.extend(family.cidr(block));
            }
        }
        self.insert(node, blocks);
        Ok(())
    }

    /// Notes the pod CIDRs of a node that exists, instead of any noted before; what is odd about them.
    ///
    /// Source: kube-controller-manager takes every subnet that a pod CIDR touches; one outside hinders its start, here it
    /// is a finding.
    pub fn occupy(&mut self, node: &str, cidrs: &[Cidr]) -> Vec<SubnetFinding> {
        self.release(node);
        let mut findings = Vec::new();
        let mut blocks = [None; FAMILIES];
        let mut is_odd = false;
        for cidr in cidrs {
            let (of_node, cidr) = (|| node.to_owned(), cidr.clone());
            let Some((index, touched)) = self.touched(&cidr) else {
                is_odd = true;
                findings.push(SubnetFinding::Outside { node: of_node(), cidr });
                continue;
            };
            let Some(family) = self.families.get(index) else { continue };
            let is_touched = family.is_touched(touched);
            let other = if is_touched == Some(false) { None } else { self.other(node, index, touched) };
            if other.is_some() || is_touched == Some(true) {
                findings.push(SubnetFinding::Overlap { node: of_node(), cidr: cidr.clone(), other });
            }
            let part = family.blocks.is_part(&cidr);
            if !part {
                let expected = family.cluster().node_prefix;
                findings.push(SubnetFinding::OtherSize { node: of_node(), cidr, expected });
            }
            match blocks.get_mut(index) {
                Some(place) if part && place.is_none() => *place = Some(touched.0),
                _ => is_odd = true,
            }
            if let Some(family) = self.families.get_mut(index) {
                family.occupy(touched);
            }
        }
        if !cidrs.is_empty() {
            let at = self.insert(node, if is_odd { [None; FAMILIES] } else { blocks });
            if is_odd {
                self.odd.insert(at, cidrs.to_vec());
            }
        }
        findings
    }

    /// Takes every subnet that a CIDR touches, for ever: the service CIDR, or what else is in use.
    pub fn exclude(&mut self, cidr: &Cidr) {
        for family in &mut self.families {
            if let Some(touched) = family.blocks.touched(cidr) {
                family.occupy(touched);
            }
        }
    }

    /// Begins the next search of each cluster CIDR at its subnet of this number, counted round. Default: where the last search
    /// ended. Allocators that begin at different places rarely want the same subnet at once.
    pub fn start_at(&mut self, number: u128) {
        self.families.iter_mut().for_each(|family| family.start_at(number));
    }

    /// Frees what a node has; whether it had anything.
    pub fn release(&mut self, node: &str) -> bool {
        let Some(at) = self.number(node) else { return false };
        let Some(entry) = self.nodes.get_mut(at) else { return false };
        if let Ok(found) = self.table.find_entry(entry.hash, |other| *other == at) {
            found.remove();
        }
        for (block, family) in entry.blocks.iter().zip(&mut self.families) {
            if let Some(block) = *block {
                family.free(block.into());
            }
        }
        entry.name.drop_text(&mut self.long);
        self.nodes.remove(at);
        self.count -= 1;
        if !self.odd.is_empty() {
            for cidr in self.odd.remove(&at).unwrap_or_default() {
                if let Some((index, touched)) = self.touched(&cidr)
                    && let Some(family) = self.families.get_mut(index)
                {
                    family.vacate(touched);
                }
            }
        }
        true
    }

    /// Puts into `out`, emptied first, the pod CIDRs of a node; whether it has any.
    pub fn find(&self, node: &str, out: &mut Vec<Cidr>) -> bool {
        out.clear();
        let Some(at) = self.number(node) else { return false };
        out.extend(self.pod_cidrs(at));
        true
    }

    /// How many nodes have pod CIDRs.
    #[must_use]
    pub const fn nodes(&self) -> usize {
        self.count
    }

    /// How many subnets of a cluster CIDR are taken and how many there are.
    #[must_use]
    pub fn usage(&self, cluster: usize) -> Option<Usage> {
        let (taken, size) = self.families.get(cluster)?.usage();
        Some(Usage::new(taken, 0, size))
    }

    #[inline]
    fn number(&self, node: &str) -> Option<Number> {
        let hash = self.hash.hash_one(node);
        let is = |at: &Number| {
            self.nodes.get(*at).is_some_and(|entry| entry.hash == hash && entry.name.is(node, &self.long))
        };
        self.table.find(hash, is).copied()
    }

    #[inline]
    fn insert(&mut self, node: &str, blocks: [Option<u128>; FAMILIES]) -> Number {
        // There are at most 2⁶³.
        let blocks = blocks.map(|block| u64::try_from(block?).ok());
        let hash = self.hash.hash_one(node);
        let (room, long) = (self.nodes.room(), &mut self.long);
        let at = self.nodes.insert(|entry| {
            entry.hash = hash;
            entry.name.set(node, long);
            entry.blocks = blocks;
        });
        let nodes = &self.nodes;
        let hash_of = |at: &Number| nodes.get(*at).map_or(0, |entry| entry.hash);
        if nodes.room() != room {
            // Half empty, the table tidies up after releases without growing.
            self.table.reserve(nodes.room().saturating_mul(2), hash_of);
        }
        self.table.insert_unique(hash, at, hash_of);
        self.count += 1;
        at
    }

    fn pod_cidrs(&self, at: Number) -> impl Iterator<Item = Cidr> {
        let blocks = self.nodes.get(at).map(|entry| entry.blocks).unwrap_or_default();
        let given = self.families.iter().zip(blocks).filter_map(|(family, block)| family.cidr(block?.into()));
        let odd = if self.odd.is_empty() { None } else { self.odd.get(&at) };
        given.chain(odd.into_iter().flatten().cloned())
    }

    /// The cluster CIDR that a pod CIDR touches, and which subnets there.
    fn touched(&self, cidr: &Cidr) -> Option<(usize, (u128, u128))> {
        self.families
            .iter()
            .enumerate()
            .find_map(|(index, family)| Some((index, family.blocks.touched(cidr)?)))
    }

    /// Another node that touches one of the subnets. Rare, so that it may look at all nodes.
    fn other(&self, node: &str, index: usize, (first, last): (u128, u128)) -> Option<String> {
        let touches = |at: &&Number| {
            let touched = self.pod_cidrs(**at).filter_map(|cidr| self.touched(&cidr));
            touched.into_iter().any(|(other, (begin, end))| other == index && begin <= last && first <= end)
        };
        let names = self.table.iter().filter(touches).filter_map(|at| self.nodes.get(*at));
        names.map(|entry| entry.name.as_str(&self.long)).filter(|name| *name != node).min().map(str::to_owned)
    }
}

fn exhausted(family: &Family) -> IpamError {
    let (taken, size) = family.usage();
    let problem = SplitProblem::Exhausted { taken, size };
    IpamError::Split { cidr: family.cluster().cidr.clone(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnets(clusters: &[(&str, u8)]) -> NodeSubnets {
        let cluster =
            |(cidr, prefix): &(&str, u8)| ClusterCidr::new(cidr.parse().unwrap()).node_prefix(*prefix);
        NodeSubnets::new(&clusters.iter().map(cluster).collect::<Vec<_>>()).unwrap()
    }

    fn given(subnets: &mut NodeSubnets, node: &str) -> String {
        let mut out = Vec::new();
        match subnets.allocate(node, &mut out) {
            Ok(()) => out.iter().map(Cidr::to_string).collect::<Vec<_>>().join(" "),
            Err(error) => error.to_string(),
        }
    }

    fn occupy(subnets: &mut NodeSubnets, node: &str, cidrs: &[&str]) -> Vec<String> {
        let cidrs: Vec<Cidr> = cidrs.iter().map(|cidr| cidr.parse().unwrap()).collect();
        subnets.occupy(node, &cidrs).iter().map(SubnetFinding::to_string).collect()
    }

    #[test]
    fn goes_round_and_keeps_what_a_node_has() {
        let mut subnets = subnets(&[("10.244.0.0/22", 24)]);
        assert_eq!(
            ["a", "b", "a"].map(|n| given(&mut subnets, n)),
            ["10.244.0.0/24", "10.244.1.0/24", "10.244.0.0/24"]
        );
        assert!(subnets.release("a") && !subnets.release("a"));
        assert_eq!(
            ["c", "d", "e", "f"].map(|n| given(&mut subnets, n)),
            [
                "10.244.2.0/24",
                "10.244.3.0/24",
                "10.244.0.0/24",
                "ipam: 10.244.0.0/22: all 4 node subnets are taken: remove a node or add addresses"
            ]
        );
        assert_eq!((subnets.nodes(), subnets.usage(0)), (4, Some(Usage::new(4, 0, 4))));
    }

    #[test]
    fn a_search_begins_where_it_is_told_to() {
        let mut subnets = subnets(&[("10.244.0.0/22", 24), ("fd00::/63", 64)]);
        subnets.start_at(7);
        assert_eq!(given(&mut subnets, "a"), "10.244.3.0/24 fd00:0:0:1::/64");
        subnets.start_at(3);
        assert_eq!(given(&mut subnets, "b"), "10.244.0.0/24 fd00::/64");
    }

    #[test]
    fn dual_stack_is_all_or_nothing() {
        let mut subnets = subnets(&[("10.244.0.0/16", 24), ("fd00::/63", 64)]);
        assert_eq!(given(&mut subnets, "a"), "10.244.0.0/24 fd00::/64");
        assert_eq!(given(&mut subnets, "b"), "10.244.1.0/24 fd00:0:0:1::/64");
        assert!(given(&mut subnets, "c").starts_with("ipam: fd00::/63: all 2 "));
        assert_eq!(subnets.usage(0), Some(Usage::new(2, 0, 256)));
        subnets.release("a");
        assert_eq!(given(&mut subnets, "c"), "10.244.2.0/24 fd00::/64");
    }

    #[test]
    fn odd_pod_cidrs_take_what_they_touch_and_are_told() {
        let mut subnets = subnets(&[("10.244.0.0/20", 24)]);
        assert!(occupy(&mut subnets, "a", &["10.244.0.0/24"]).is_empty());
        assert!(occupy(&mut subnets, "a", &["10.244.0.0/24"]).is_empty());
        assert_eq!(
            occupy(&mut subnets, "wide", &["10.244.0.0/22"]),
            [
                "10.244.0.0/22 of node wide overlaps a pod CIDR of node a",
                "10.244.0.0/22 of node wide has another size: expected a prefix of 24"
            ]
        );
        assert_eq!(
            occupy(&mut subnets, "narrow", &["10.244.5.128/25", "192.168.0.0/24", "fd00::/64"]),
            [
                "10.244.5.128/25 of node narrow has another size: expected a prefix of 24",
                "192.168.0.0/24 of node narrow is in no cluster CIDR",
                "fd00::/64 of node narrow is in no cluster CIDR"
            ]
        );
        assert_eq!(given(&mut subnets, "narrow"), "10.244.5.128/25 192.168.0.0/24 fd00::/64");
        assert_eq!(["b", "c"].map(|n| given(&mut subnets, n)), ["10.244.4.0/24", "10.244.6.0/24"]);
        // What two share is free when both are gone.
        assert!(subnets.release("wide") && subnets.usage(0) == Some(Usage::new(4, 0, 16)));
        assert!(subnets.release("a") && subnets.usage(0) == Some(Usage::new(3, 0, 16)));
        subnets.exclude(&"10.244.8.0/21".parse().unwrap());
        assert_eq!(
            occupy(&mut subnets, "d", &["10.244.9.0/24"]),
            ["10.244.9.0/24 of node d overlaps what is excluded"]
        );
        assert_eq!(["e", "f"].map(|n| given(&mut subnets, n)), ["10.244.7.0/24", "10.244.0.0/24"]);
    }

    #[test]
    fn a_cidr_around_the_cluster_takes_all_of_it() {
        let mut subnets = subnets(&[("10.244.0.0/16", 24)]);
        assert_eq!(occupy(&mut subnets, "a", &["10.0.0.0/8"]).len(), 1);
        assert_eq!(subnets.usage(0), Some(Usage::new(256, 0, 256)));
        assert!(subnets.release("a") && subnets.usage(0) == Some(Usage::new(0, 0, 256)));
    }

    #[test]
    fn the_limit_of_kube_controller_manager_holds_unless_lifted() {
        let cluster = |cidr: &str, prefix| [ClusterCidr::new(cidr.parse().unwrap()).node_prefix(prefix)];
        let error = NodeSubnets::new(&cluster("10.0.0.0/8", 25)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "ipam: 10.0.0.0/8: expected node subnets with a prefix of at most 24, found 25: \
             kube-controller-manager has at most 65536 of them"
        );
        assert!(NodeSubnets::new(&cluster("10.0.0.0/8", 24)).is_ok());
        assert!(NodeSubnets::new(&cluster("10.0.0.0/16", 15)).is_err());
        let mut huge = NodeSubnets::unlimited(&cluster("fd00::/8", 64)).unwrap();
        assert_eq!(given(&mut huge, "a"), "fd00::/64");
        assert_eq!(occupy(&mut huge, "half", &["fd00::/9"]).len(), 2);
        assert_eq!(given(&mut huge, "b"), "fd80::/64");
        assert!(huge.release("half"));
        assert_eq!(given(&mut huge, "c"), "fd80:0:0:1::/64");
    }

    #[test]
    fn one_cluster_cidr_a_family() {
        let cluster = |cidr: &str| ClusterCidr::new(cidr.parse().unwrap());
        for clusters in [vec![], vec![cluster("10.0.0.0/16"), cluster("10.1.0.0/16")]] {
            assert!(matches!(NodeSubnets::new(&clusters), Err(IpamError::ClusterCidrs { .. })));
        }
    }
}
