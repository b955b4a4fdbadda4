//! Leases of node subnets in etcd, in flannel's own schema.

use std::{net::Ipv4Addr, time::Duration};

use super::{
    client::EtcdClient,
    error::EtcdError,
    flannel_lease::{SubnetLease, SubnetRequest, Subnets, read_all, subnets},
    flannel_watch::SubnetWatch,
    messages::{Compare, RangeRequest, RequestOp, TxnRequest, TxnResponse},
    store::random,
};
use crate::{
    cidr::Cidr,
    ipam::flannel::{NetworkConfig, NodeAttributes, SubnetKey, SubnetRange, free_subnets},
};

/// How often an acquisition is tried while other nodes are faster. flanneld tries 10 times; here each attempt is one
/// round trip.
const ATTEMPTS: u32 = 64;

/// Among how many free subnets one is chosen, as flanneld does.
const CANDIDATES: usize = 100;

/// Leases of node subnets in etcd, shared with flanneld.
///
/// Keys and values are those of flanneld in its etcd mode, so that both may run in one cluster: a subnet is taken by a
/// transaction that demands that its key does not exist. Here it demands besides that no key at all was added since the
/// free subnet was chosen: flanneld alone would give one IPv4 subnet to two nodes in dual stack, as its key holds both
/// families.
///
/// # Examples
///
/// ```no_run
/// use k8sboot_core::{
///     ipam::flannel::NodeAttributes,
///     store::etcd::{EtcdClient, EtcdOptions, FlannelSubnets, SubnetRequest},
/// };
///
/// let etcd = EtcdClient::connect(&EtcdOptions::new(["http://127.0.0.1:2379"]))?;
/// let subnets = FlannelSubnets::new(&etcd, FlannelSubnets::DEFAULT_PREFIX)?;
/// let node = NodeAttributes::new("192.0.2.10".parse()?, "host-gw");
/// let lease = subnets.acquire(&SubnetRequest::new(node))?;
/// println!("{}", lease.subnet.ipv4());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FlannelSubnets {
    client: EtcdClient,
    prefix: String,
}

impl FlannelSubnets {
    /// flanneld's default of `--etcd-prefix`.
    pub const DEFAULT_PREFIX: &'static str = "/coreos.com/network";

    /// The subnets below a prefix; asks for nothing yet.
    ///
    /// # Errors
    ///
    /// [`EtcdError::Options`] for an empty prefix.
    pub fn new(client: &EtcdClient, prefix: &str) -> Result<Self, EtcdError> {
        let trimmed = prefix.trim_end_matches('/');
        if trimmed.is_empty() {
            let expected = "a prefix like /coreos.com/network";
            return Err(EtcdError::Options { option: "prefix", expected, found: prefix.to_owned() });
        }
        Ok(Self { client: client.clone(), prefix: trimmed.to_owned() })
    }

    /// The network's configuration.
    ///
    /// # Errors
    ///
    /// [`EtcdError::NoNetwork`], [`EtcdError::Flannel`], or what hinders etcd.
    pub fn config(&self) -> Result<NetworkConfig, EtcdError> {
        let key = self.config_key();
        let request = RangeRequest::one(key.clone());
        let found = self.client.call(|etcd| async move { etcd.range(request).await })?;
        let Some(kv) = found.kvs.first() else { return Err(EtcdError::NoNetwork { key }) };
        NetworkConfig::from_json(&kv.value).map_err(|problem| EtcdError::Flannel { key, problem })
    }

    /// Writes the network's configuration, whatever was there. Leases that do not fit it any more stay until their nodes
    /// ask again.
    ///
    /// # Errors
    ///
    /// What hinders etcd.
    pub fn set_config(&self, config: &NetworkConfig) -> Result<(), EtcdError> {
        let put = RequestOp::put(self.config_key(), config.to_json(), 0);
        self.txn(TxnRequest { success: vec![put], ..TxnRequest::default() }).map(drop)
    }

    /// Everything that is leased or reserved.
    ///
    /// # Errors
    ///
    /// What hinders etcd.
    pub fn list(&self) -> Result<Subnets, EtcdError> {
        let prefix = self.subnets_key();
        self.client.call(|etcd| async move { subnets(&etcd, &prefix).await })
    }

    /// The lease of this node: its own of before, else a free subnet.
    ///
    /// As flanneld: a lease with the node's public IP that fits the network is taken over and renewed, one that does not
    /// fit is deleted; then the previous subnet, if it is free and fits; then one of the first 100 free ones by chance. A
    /// reservation stays one.
    ///
    /// # Errors
    ///
    /// [`EtcdError::NoSubnet`], [`EtcdError::NoNetwork`], [`EtcdError::Flannel`], [`EtcdError::Contended`], or what
    /// hinders etcd. A network without IPv4 is refused: flanneld's keys in etcd cannot express it.
    pub fn acquire(&self, request: &SubnetRequest) -> Result<SubnetLease, EtcdError> {
        let config = self.config()?;
        let Some(range) = config.ipv4() else {
            let found = "a network without IPv4".to_owned();
            return Err(EtcdError::Options { option: "EnableIPv4", expected: "true in etcd", found });
        };
        if request.node.public_ip == Ipv4Addr::UNSPECIFIED {
            let expected = "the node's own address, by which its lease is found";
            return Err(EtcdError::Options { option: "public_ip", expected, found: "0.0.0.0".to_owned() });
        }
        let ttl = request.ttl;
        let lease = self.client.call(|etcd| async move { etcd.grant(ttl, 0).await })?;
        let result = self.try_acquire(request, &config, range, lease);
        if !matches!(&result, Ok(taken) if taken.lease == lease) {
            // Nothing hangs on it, unless the answer was lost: then the record must go too.
            let revoked = self.client.call(|etcd| async move { etcd.revoke(lease).await });
            if result.is_ok() {
                revoked?;
            }
        }
        result
    }

    /// Renews a lease for another `ttl`, as flanneld does: the record hangs on a new etcd lease then. A reservation stays
    /// one; its value is written again.
    ///
    /// # Errors
    ///
    /// [`EtcdError::LeaseLost`] if the record is gone or another node's, or what hinders etcd.
    pub fn renew(&self, lease: &mut SubnetLease, ttl: Duration) -> Result<(), EtcdError> {
        let new = match lease.lease {
            0 => 0,
            _ => self.client.call(|etcd| async move { etcd.grant(ttl, 0).await })?,
        };
        let result = self.rewrite(lease, new);
        let unused = if result.is_ok() { std::mem::replace(&mut lease.lease, new) } else { new };
        if unused != 0 {
            self.client.call(|etcd| async move { etcd.revoke(unused).await })?;
        }
        result.map(|version| lease.version = version)
    }

    /// Gives a lease or a reservation back.
    ///
    /// # Errors
    ///
    /// [`EtcdError::LeaseLost`] if the record is gone or another node's, or what hinders etcd.
    pub fn release(&self, lease: &SubnetLease) -> Result<(), EtcdError> {
        let key = self.subnet_key(&lease.subnet);
        self.change(lease, || RequestOp::delete(key.clone()))?;
        let id = lease.lease;
        if id != 0 {
            self.client.call(|etcd| async move { etcd.revoke(id).await })?;
        }
        Ok(())
    }

    /// Reserves a subnet for a node for good: a record without lease.
    ///
    /// # Errors
    ///
    /// [`EtcdError::SubnetTaken`] if the subnet or a part of it is leased or reserved, or what hinders etcd.
    pub fn reserve(&self, subnet: &SubnetKey, node: &NodeAttributes) -> Result<SubnetLease, EtcdError> {
        let mut known = self.list()?;
        for _ in 0..ATTEMPTS {
            if let Some(other) = known.taken.iter().find(|other| other.overlaps(subnet)) {
                let (subnet, other) = (subnet.to_string(), other.to_string());
                return Err(EtcdError::SubnetTaken { subnet, other });
            }
            let answer = self.txn(self.creation(subnet, node, 0, known.revision))?;
            if answer.succeeded {
                let (subnet, node) = (subnet.clone(), node.clone());
                return Ok(SubnetLease { subnet, node, lease: 0, version: answer.revision() });
            }
            known = self.learned(&answer);
        }
        Err(EtcdError::Contended { what: format!("subnet {subnet}"), attempts: ATTEMPTS })
    }

    /// How long a lease still lasts; `None` for a reservation.
    ///
    /// # Errors
    ///
    /// [`EtcdError::LeaseLost`], or what hinders etcd.
    pub fn remaining(&self, lease: &SubnetLease) -> Result<Option<Duration>, EtcdError> {
        let id = lease.lease;
        if id == 0 {
            return Ok(None);
        }
        match self.client.call(|etcd| async move { etcd.time_to_live(id).await })? {
            Some(left) => Ok(Some(left)),
            None => Err(lost(&lease.subnet)),
        }
    }

    /// Follows the leases of all nodes.
    ///
    /// # Errors
    ///
    /// What hinders etcd.
    pub fn watch(&self) -> Result<(Subnets, SubnetWatch), EtcdError> {
        let now = self.list()?;
        let watch = SubnetWatch::new(self.client.clone(), self.subnets_key(), now.revision);
        Ok((now, watch))
    }

    fn try_acquire(
        &self,
        request: &SubnetRequest,
        config: &NetworkConfig,
        range: &SubnetRange,
        lease: i64,
    ) -> Result<SubnetLease, EtcdError> {
        let mut known = self.list()?;
        for _ in 0..ATTEMPTS {
            let own = known.leases.iter().find(|lease| lease.node.public_ip == request.node.public_ip);
            if let Some(own) = own {
                let (key, fits) = (self.subnet_key(&own.subnet), config.admits(&own.subnet));
                let id = if own.is_reservation() { 0 } else { lease };
                let change = match fits {
                    true => RequestOp::put(key.clone(), request.node.to_json(), id),
                    false => RequestOp::delete(key.clone()),
                };
                let compare = vec![Compare::unchanged(key, own.version)];
                let answer = self.txn(TxnRequest { compare, success: vec![change], failure: Vec::new() })?;
                if answer.succeeded && fits {
                    let (subnet, node) = (own.subnet.clone(), request.node.clone());
                    return Ok(SubnetLease { subnet, node, lease: id, version: answer.revision() });
                }
                known = self.list()?;
                continue;
            }
            let subnet = choose(request, config, range, &known.taken)?;
            let answer = self.txn(self.creation(&subnet, &request.node, lease, known.revision))?;
            if answer.succeeded {
                let node = request.node.clone();
                return Ok(SubnetLease { subnet, node, lease, version: answer.revision() });
            }
            known = self.learned(&answer);
        }
        Err(EtcdError::Contended { what: "a node subnet".to_owned(), attempts: ATTEMPTS })
    }

    /// Creates a subnet if no key was added since a revision; else tells all keys.
    fn creation(&self, subnet: &SubnetKey, node: &NodeAttributes, lease: i64, since: i64) -> TxnRequest {
        let (key, all) = (self.subnet_key(subnet), self.subnets_key());
        TxnRequest {
            compare: vec![Compare::absent(key.clone()), Compare::none_created_since(all.clone(), since)],
            success: vec![RequestOp::put(key, node.to_json(), lease)],
            failure: vec![RequestOp::range(RangeRequest::prefix(all))],
        }
    }

    fn learned(&self, answer: &TxnResponse) -> Subnets {
        let kvs = answer.ranges().next().unwrap_or_default();
        read_all(&self.subnets_key(), kvs, answer.revision())
    }

    fn rewrite(&self, lease: &SubnetLease, id: i64) -> Result<i64, EtcdError> {
        let (key, value) = (self.subnet_key(&lease.subnet), lease.node.to_json());
        self.change(lease, || RequestOp::put(key.clone(), value.clone(), id))
    }

    /// Changes the record of a lease while it is this node's; the revision.
    fn change(&self, lease: &SubnetLease, change: impl Fn() -> RequestOp) -> Result<i64, EtcdError> {
        let key = self.subnet_key(&lease.subnet);
        let mut version = lease.version;
        for _ in 0..ATTEMPTS {
            let answer = self.txn(TxnRequest {
                compare: vec![Compare::unchanged(key.clone(), version)],
                success: vec![change()],
                failure: vec![RequestOp::range(RangeRequest::one(key.clone()))],
            })?;
            if answer.succeeded {
                return Ok(answer.revision());
            }
            let found = answer.ranges().flatten().next();
            let node = found.and_then(|kv| NodeAttributes::from_json(&kv.value).ok());
            // Written again by the same node, for example by its flanneld: still its own.
            match (found, node) {
                (Some(kv), Some(node)) if node.public_ip == lease.node.public_ip => version = kv.mod_revision,
                _ => return Err(lost(&lease.subnet)),
            }
        }
        Err(EtcdError::Contended { what: format!("subnet {}", lease.subnet), attempts: ATTEMPTS })
    }

    fn txn(&self, request: TxnRequest) -> Result<TxnResponse, EtcdError> {
        self.client.call(|etcd| async move { etcd.txn(request).await })
    }

    fn config_key(&self) -> String {
        format!("{}/config", self.prefix)
    }

    fn subnets_key(&self) -> String {
        format!("{}/subnets/", self.prefix)
    }

    fn subnet_key(&self, subnet: &SubnetKey) -> String {
        format!("{}/subnets/{subnet}", self.prefix)
    }
}

/// The previous subnet if it is free and fits, else one of the first free ones.
fn choose(
    request: &SubnetRequest,
    config: &NetworkConfig,
    range: &SubnetRange,
    taken: &[SubnetKey],
) -> Result<SubnetKey, EtcdError> {
    if let Some(previous) = &request.previous
        && config.admits(previous)
        && !taken.iter().any(|other| other.overlaps(previous))
    {
        return Ok(previous.clone());
    }
    let ipv4: Vec<Cidr> = taken.iter().map(|key| key.ipv4().clone()).collect();
    let ipv6: Vec<Cidr> = taken.iter().filter_map(|key| key.ipv6().cloned()).collect();
    let ipv4 = pick(range, &ipv4)?;
    let ipv6 = config.ipv6().map(|range| pick(range, &ipv6)).transpose()?;
    SubnetKey::new(ipv4, ipv6)
        .map_err(|problem| EtcdError::Flannel { key: FlannelSubnets::DEFAULT_PREFIX.to_owned(), problem })
}

fn pick(range: &SubnetRange, taken: &[Cidr]) -> Result<Cidr, EtcdError> {
    let mut free = free_subnets(range, taken, CANDIDATES);
    if free.is_empty() {
        return Err(EtcdError::NoSubnet {
            first: format!("{}/{}", range.first(), range.length()),
            last: format!("{}/{}", range.last(), range.length()),
        });
    }
    let count = u64::try_from(free.len()).unwrap_or(u64::MAX);
    Ok(free.swap_remove(usize::try_from(random() % count).unwrap_or(0)))
}

fn lost(subnet: &SubnetKey) -> EtcdError {
    EtcdError::LeaseLost { what: format!("the lease of subnet {subnet}") }
}
