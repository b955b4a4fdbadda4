//! Pod CIDRs for the nodes of a cluster.

use std::{collections::HashSet, hash::BuildHasher};

use foldhash::fast::FixedState;
use serde_json::{Value, json};

use super::{
    claims::{self, Claim, ClaimState},
    error::PodCidrError,
    nodes::{self, Node, Written},
    options::PodCidrOptions,
};
use crate::{
    api::{Client, Resource},
    cidr::Cidr,
    ipam::{IpamError, NodeSubnets, SplitProblem, SubnetFinding},
    manifest::Object,
};

/// How often a node is tried while others are faster.
const ATTEMPTS: u32 = 16;
/// The ConfigMap with what all allocators agree on.
const SETTINGS: &str = "k8sboot-pod-cidrs";

/// The pod CIDRs of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Assignment {
    /// The node.
    pub node: String,
    /// Its pod CIDRs, in the order of the Node object.
    pub pod_cidrs: Vec<Cidr>,
    /// Where they come from.
    pub origin: Origin,
}

/// Where the pod CIDRs of a node come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The node had them before.
    Kept,
    /// This call wrote them.
    Allocated,
    /// Another allocator wrote them while this call was at work, for example kube-controller-manager.
    Another,
}

/// What a node became, or why it has nothing.
pub type Outcome = (String, Result<Assignment, PodCidrError>);

/// Gives the nodes of a cluster their pod CIDRs, on `Node.spec.podCIDRs`.
///
/// Any number of allocators may be at work, in threads, processes or on nodes, and any of them may be killed at any moment.
/// Kubernetes has no transaction over two Nodes, so that two writers could give one subnet to two of them. The order here
/// rules that out:
///
/// 1. *Claim*: an object whose name is the subnet is created ([`Claim`]). The API server lets one succeed.
/// 2. *Look*: the nodes are listed after that. A subnet that a node has (written by kube-controller-manager, which makes no
///    claims) is not used.
/// 3. *Write*: the Node is patched on condition that it is still the node of the claim, and has no pod CIDRs.
/// 4. *Verify*: the nodes are listed once more. If a writer without claims gave the subnet to another node since the look,
///    that is [`PodCidrError::Shared`]: a pod CIDR cannot be changed, so that a person must choose.
///
/// A claim belongs to the node, not to the allocator: whoever comes next for the node goes on with it, wherever the last
/// one was killed. It is deleted only when it can never be used again: the node's UID is gone, or the node has other pod
/// CIDRs, which never change. That is done by the garbage collector of kube-controller-manager (the Node is the claim's
/// owner), and by every call here.
///
/// The rights it needs: `nodes` get, list, patch; in the namespace `leases` and `configmaps` get, list, create, and
/// `leases` delete.
///
/// # Examples
///
/// ```no_run
/// use k8sboot_core::{
///     api::{Client, ClientOptions},
///     ipam::ClusterCidr,
///     kubeconfig::Kubeconfig,
///     store::kubernetes::{PodCidrOptions, PodCidrs},
/// };
///
/// let kubeconfig = Kubeconfig::parse(&std::fs::read_to_string("/etc/kubernetes/admin.conf")?)?;
/// let client = Client::new(&ClientOptions::from_kubeconfig(&kubeconfig)?)?;
/// let options = PodCidrOptions::new([ClusterCidr::new("10.244.0.0/16".parse()?)]);
/// let pod_cidrs = PodCidrs::open(&client, options)?;
/// println!("{}", pod_cidrs.allocate("node-1")?.pod_cidrs[0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PodCidrs {
    client: Client,
    options: PodCidrOptions,
}

/// What is taken, as of one moment.
struct View {
    nodes: Vec<Node>,
    claims: Vec<Claim>,
    /// What can be chosen, for each cluster CIDR.
    free: Vec<NodeSubnets>,
}

/// Why a node has no claims after one look.
enum Missed {
    /// Others were faster: look again.
    Again,
    Error(Box<PodCidrError>),
}

impl PodCidrs {
    /// An allocator; the first of a cluster writes its cluster CIDRs to the ConfigMap `k8sboot-pod-cidrs`, which all
    /// others compare with theirs.
    ///
    /// # Errors
    ///
    /// [`PodCidrError::Ipam`] for cluster CIDRs that cannot be split so, [`PodCidrError::Settings`],
    /// [`PodCidrError::Api`].
    pub fn open(client: &Client, options: PodCidrOptions) -> Result<Self, PodCidrError> {
        NodeSubnets::new(&options.clusters)?;
        let this = Self { client: client.clone(), options };
        this.agree()?;
        Ok(this)
    }

    /// The pod CIDRs of a node: those that it has, else free ones.
    ///
    /// After an error of the connection it may or may not have them: repeat the call.
    ///
    /// # Errors
    ///
    /// [`PodCidrError::NoNode`]; [`PodCidrError::Ipam`] with [`SplitProblem::Exhausted`], where a claim of the other family
    /// stays for the node; [`PodCidrError::Shared`], [`PodCidrError::Contended`], [`PodCidrError::Api`].
    pub fn allocate(&self, node: &str) -> Result<Assignment, PodCidrError> {
        let outcome = self.allocate_all(&[node.to_owned()])?.pop();
        outcome.map_or_else(|| Err(PodCidrError::NoNode { node: node.to_owned() }), |(_, result)| result)
    }

    /// As [`allocate`](Self::allocate) for several nodes, in the same number of lists as for one; each is served once,
    /// in no promised order.
    ///
    /// # Errors
    ///
    /// [`PodCidrError::Api`] for the lists; what concerns one node is in its outcome.
    pub fn allocate_all(&self, wanted: &[String]) -> Result<Vec<Outcome>, PodCidrError> {
        let mut done = Vec::with_capacity(wanted.len());
        let mut open: Vec<String> = Vec::with_capacity(wanted.len());
        let mut known = HashSet::new();
        open.extend(wanted.iter().filter(|name| known.insert(name.as_str())).cloned());
        for _ in 0..ATTEMPTS {
            if open.is_empty() {
                break;
            }
            open = self.round(open, &mut done)?;
        }
        done.extend(open.into_iter().map(|node| {
            let error = PodCidrError::Contended { node: node.clone(), attempts: ATTEMPTS };
            (node, Err(error))
        }));
        Ok(done)
    }

    /// Serves every node that has no pod CIDRs.
    ///
    /// # Errors
    ///
    /// As [`allocate_all`](Self::allocate_all).
    pub fn allocate_missing(&self) -> Result<Vec<Outcome>, PodCidrError> {
        let missing = nodes::list(&self.client)?.into_iter().filter(|node| node.pod_cidrs.is_empty());
        self.allocate_all(&missing.map(|node| node.name).collect::<Vec<_>>())
    }

    /// The pod CIDRs of all nodes that have some.
    ///
    /// # Errors
    ///
    /// [`PodCidrError::Api`].
    pub fn list(&self) -> Result<Vec<Assignment>, PodCidrError> {
        let with = nodes::list(&self.client)?.into_iter().filter(|node| !node.pod_cidrs.is_empty());
        Ok(with.map(|node| assignment(&node, Origin::Kept)).collect())
    }

    /// What is odd about the pod CIDRs of all nodes: shared, of another size, outside.
    ///
    /// # Errors
    ///
    /// [`PodCidrError::Api`].
    pub fn check(&self) -> Result<Vec<SubnetFinding>, PodCidrError> {
        let mut subnets = NodeSubnets::new(&self.options.clusters)?;
        self.options.reserved.iter().for_each(|cidr| subnets.exclude(cidr));
        let nodes = nodes::list(&self.client)?;
        Ok(nodes.iter().flat_map(|node| subnets.occupy(&node.name, &node.pod_cidrs)).collect())
    }

    /// All claims.
    ///
    /// # Errors
    ///
    /// [`PodCidrError::Api`].
    pub fn claims(&self) -> Result<Vec<Claim>, PodCidrError> {
        Ok(self.look()?.1)
    }

    /// Deletes the stale claims and returns them. Every allocation does so too; this is for clusters without garbage
    /// collection where nothing is allocated for long.
    ///
    /// # Errors
    ///
    /// [`PodCidrError::Api`].
    pub fn collect(&self) -> Result<Vec<Claim>, PodCidrError> {
        let mut claims = self.look()?.1;
        claims.retain(|claim| claim.state == ClaimState::Stale);
        claims.iter().try_for_each(|claim| claims::delete(&self.client, &self.options.namespace, claim))?;
        Ok(claims)
    }

    /// The pods of kube-controller-manager that give pod CIDRs too (`--allocate-node-cidrs`): where there are any, leave it
    /// to them, or take the flag away.
    ///
    /// # Errors
    ///
    /// [`PodCidrError::Api`].
    pub fn controller_managers(&self) -> Result<Vec<String>, PodCidrError> {
        let query = "labelSelector=component%3Dkube-controller-manager";
        let pods = self.client.list(&Resource::PODS, Some("kube-system"), query)?;
        let allocates = |pod: &&Object| {
            let flags = ["command", "args"].map(|part| format!("/spec/containers/0/{part}"));
            let flags = flags.iter().filter_map(|path| pod.as_value().pointer(path)?.as_array()).flatten();
            flags
                .filter_map(Value::as_str)
                .any(|flag| matches!(flag, "--allocate-node-cidrs" | "--allocate-node-cidrs=true"))
        };
        Ok(pods.iter().filter(allocates).map(|pod| pod.key().name.clone()).collect())
    }

    /// One look, claims, another look, writes, a last look; the nodes for which others were faster come back.
    fn round(&self, wanted: Vec<String>, done: &mut Vec<Outcome>) -> Result<Vec<String>, PodCidrError> {
        let mut view = self.view()?;
        let mut again = Vec::new();
        let mut claimed: Vec<(Node, Vec<Cidr>)> = Vec::new();
        for name in wanted {
            let Some(node) = view.nodes.iter().find(|node| node.name == name).cloned() else {
                done.push((name.clone(), Err(PodCidrError::NoNode { node: name })));
                continue;
            };
            if !node.pod_cidrs.is_empty() {
                done.push((name, served(&node, Origin::Kept, &view.nodes)));
                continue;
            }
            match self.claim(&mut view, &node) {
                Ok(cidrs) => claimed.push((node, cidrs)),
                Err(Missed::Again) => again.push(name),
                Err(Missed::Error(error)) => match *error {
                    error @ PodCidrError::Api(_) => return Err(error),
                    error => done.push((name, Err(error))),
                },
            }
        }
        if claimed.is_empty() {
            return Ok(again);
        }
        let now = nodes::list(&self.client)?;
        let mut written = Vec::new();
        for (node, cidrs) in claimed {
            let is_same = now.contains(&node);
            let collides = now.iter().any(|other| other.uid != node.uid && other.collision(&cidrs).is_some());
            if !is_same || collides {
                // It was served by another, is gone, is a new node of this name, or its subnet is: the next look tells.
                again.push(node.name);
                continue;
            }
            match nodes::write(&self.client, &node, &cidrs)? {
                Written::Done => written.push((node.name, Origin::Allocated)),
                Written::Refused(error) => {
                    let found = self.client.get(&Resource::NODES, None, &node.name)?;
                    match found.as_ref().map(Node::read).transpose()? {
                        Some(found) if found == node => done.push((node.name, Err(error.into()))),
                        Some(found) if found.uid == node.uid => written.push((node.name, Origin::Another)),
                        _ => again.push(node.name),
                    }
                }
            }
        }
        if written.is_empty() {
            return Ok(again);
        }
        let now = nodes::list(&self.client)?;
        for (name, origin) in written {
            match now.iter().find(|node| node.name == name && !node.pod_cidrs.is_empty()) {
                Some(node) => done.push((name, served(node, origin, &now))),
                None => again.push(name),
            }
        }
        Ok(again)
    }

    /// Claims a subnet of each cluster CIDR for a node: those of an earlier call, else free ones.
    fn claim(&self, view: &mut View, node: &Node) -> Result<Vec<Cidr>, Missed> {
        let mut cidrs = Vec::new();
        let mut others_were_faster = false;
        for family in &mut view.free {
            let fits = |claim: &&Claim| {
                claim.is_of(node)
                    && family.clusters().any(|cluster| {
                        cluster.cidr.contains(claim.cidr.first())
                            && cluster.node_prefix == claim.cidr.length()
                    })
                    && !self.options.reserved.iter().any(|reserved| reserved.overlaps(&claim.cidr))
                    && !view
                        .nodes
                        .iter()
                        .any(|other| other.collision(std::slice::from_ref(&claim.cidr)).is_some())
            };
            if let Some(claim) = view.claims.iter().find(fits) {
                cidrs.push(claim.cidr.clone());
                continue;
            }
            if !self.options.lowest_first {
                family.start_at(FixedState::with_seed(0).hash_one(&node.name).into());
            }
            loop {
                let mut given = Vec::new();
                if let Err(error) = family.allocate(&node.name, &mut given) {
                    return Err(missed(error, others_were_faster));
                }
                let Some(cidr) = given.pop() else { return Err(Missed::Again) };
                let claim = claims::create(&self.client, &self.options.namespace, &cidr, node);
                if claim.map_err(|error| Missed::Error(Box::new(error)))?.is_some() {
                    cidrs.push(cidr);
                    break;
                }
                others_were_faster = true;
                family.exclude(&cidr);
                family.release(&node.name);
            }
        }
        Ok(cidrs)
    }

    /// The claims, and then the nodes: a claim whose node is not listed has none any more.
    fn look(&self) -> Result<(Vec<Node>, Vec<Claim>), PodCidrError> {
        let mut claims = claims::list(&self.client, &self.options.namespace)?;
        let nodes = nodes::list(&self.client)?;
        claims.iter_mut().for_each(|claim| claim.judge(&nodes));
        Ok((nodes, claims))
    }

    fn view(&self) -> Result<View, PodCidrError> {
        let (nodes, mut claims) = self.look()?;
        for claim in claims.iter().filter(|claim| claim.state == ClaimState::Stale) {
            claims::delete(&self.client, &self.options.namespace, claim)?;
        }
        claims.retain(|claim| claim.state == ClaimState::Pending);
        let mut free = Vec::new();
        for cluster in &self.options.clusters {
            let mut family = NodeSubnets::new(std::slice::from_ref(cluster))?;
            self.options.reserved.iter().for_each(|cidr| family.exclude(cidr));
            claims.iter().for_each(|claim| family.exclude(&claim.cidr));
            for node in &nodes {
                family.occupy(&node.name, &node.pod_cidrs);
            }
            free.push(family);
        }
        Ok(View { nodes, claims, free })
    }

    /// Compares the cluster CIDRs with those of the other allocators, or writes them for these.
    fn agree(&self) -> Result<(), PodCidrError> {
        let (namespace, found) = (&self.options.namespace, self.options.settings());
        let name = format!("{namespace}/{SETTINGS}");
        let damaged = |found: &str| {
            PodCidrError::damaged(format!("ConfigMap {name}"), "data.clusters", "the cluster CIDRs", found)
        };
        for _ in 0..ATTEMPTS {
            if let Some(object) = self.client.get(&Resource::CONFIG_MAPS, Some(namespace), SETTINGS)? {
                let expected = object.as_value().pointer("/data/clusters").and_then(Value::as_str);
                let Some(expected) = expected else { return Err(damaged("nothing")) };
                if expected == found {
                    return Ok(());
                }
                let expected = expected.chars().take(256).collect();
                return Err(PodCidrError::Settings { name, expected, found });
            }
            let object = json!({
                "apiVersion": Resource::CONFIG_MAPS.api_version,
                "kind": Resource::CONFIG_MAPS.kind,
                "metadata": {
                    "name": SETTINGS,
                    "namespace": namespace,
                    "labels": {"app.kubernetes.io/managed-by": "k8sboot"},
                },
                "data": {"clusters": found},
            });
            let object = Object::from_value(object).map_err(|error| damaged(&error.to_string()))?;
            match self.client.create(&Resource::CONFIG_MAPS, &object) {
                Err(error) if error.is_already_exists() => {}
                other => return other.map(drop).map_err(Into::into),
            }
        }
        Err(PodCidrError::Contended { node: name, attempts: ATTEMPTS })
    }
}

fn missed(error: IpamError, others_were_faster: bool) -> Missed {
    match error {
        // What looked taken may be free by now.
        IpamError::Split { problem: SplitProblem::Exhausted { .. }, .. } if others_were_faster => {
            Missed::Again
        }
        error => Missed::Error(Box::new(error.into())),
    }
}

fn assignment(node: &Node, origin: Origin) -> Assignment {
    Assignment { node: node.name.clone(), pod_cidrs: node.pod_cidrs.clone(), origin }
}

/// A node with pod CIDRs, unless another has them too.
fn served(node: &Node, origin: Origin, nodes: &[Node]) -> Result<Assignment, PodCidrError> {
    for other in nodes.iter().filter(|other| other.uid != node.uid) {
        if let Some(cidr) = other.collision(&node.pod_cidrs) {
            let (node, other) = (node.name.clone(), other.name.clone());
            return Err(PodCidrError::Shared { node, cidr: cidr.clone(), other });
        }
    }
    Ok(assignment(node, origin))
}
