//! The leases of node subnets as values, and how they are read from etcd.

use std::time::Duration;

use super::{client::Snapshot, connection::Connection, error::EtcdError, messages::KeyValue};
use crate::ipam::flannel::{NodeAttributes, SubnetKey};

/// What a lease is asked for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SubnetRequest {
    /// The node. A lease with its [`public_ip`](NodeAttributes::public_ip) is its own, as for flanneld.
    pub node: NodeAttributes,
    /// A subnet that the node had, wanted again if it is free. flanneld reads it from `/run/flannel/subnet.env`.
    /// Default: none.
    pub previous: Option<SubnetKey>,
    /// How long the lease lasts without renewal. Default: 24 h, which is flanneld's.
    pub ttl: Duration,
}

impl SubnetRequest {
    /// A lease of 24 hours of any subnet.
    #[must_use]
    pub const fn new(node: NodeAttributes) -> Self {
        Self { node, previous: None, ttl: Duration::from_secs(86_400) }
    }

    /// Sets [`previous`](Self::previous).
    #[must_use]
    pub fn previous(mut self, key: SubnetKey) -> Self {
        self.previous = Some(key);
        self
    }

    /// Sets [`ttl`](Self::ttl).
    #[must_use]
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }
}

/// The lease of a node's subnet.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SubnetLease {
    /// The subnet.
    pub subnet: SubnetKey,
    /// The node that holds it.
    pub node: NodeAttributes,
    /// The etcd lease that the record hangs on; 0 for a reservation, which never expires.
    pub lease: i64,
    /// The revision of the record.
    pub version: i64,
}

impl SubnetLease {
    /// Whether this never expires.
    #[must_use]
    pub const fn is_reservation(&self) -> bool {
        self.lease == 0
    }
}

/// What is below `<prefix>/subnets/`.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Subnets {
    /// The leases, in the order of keys.
    pub leases: Vec<SubnetLease>,
    /// Keys and values that are not flannel's. flanneld skips them; a subnet whose value is damaged is not given here.
    pub damaged: Vec<EtcdError>,
    /// The revision of this state.
    pub revision: i64,
    /// Subnets whose key is readable, damaged value or not.
    pub(super) taken: Vec<SubnetKey>,
}

/// Everything below the prefix of subnets.
pub(super) async fn subnets(etcd: &Connection, prefix: &str) -> Result<Subnets, EtcdError> {
    let Snapshot { revision, kvs } = etcd.all(prefix.as_bytes()).await?;
    Ok(read_all(prefix, &kvs, revision))
}

pub(super) fn read_all(prefix: &str, kvs: &[KeyValue], revision: i64) -> Subnets {
    let mut subnets = Subnets { revision, ..Subnets::default() };
    for kv in kvs {
        subnets.taken.extend(read_key(prefix, kv).ok());
        match read_lease(prefix, kv) {
            Ok(lease) => subnets.leases.push(lease),
            Err(error) => subnets.damaged.push(error),
        }
    }
    subnets
}

/// The subnet of a key.
pub(super) fn read_key(prefix: &str, kv: &KeyValue) -> Result<SubnetKey, EtcdError> {
    let key = String::from_utf8_lossy(&kv.key);
    let name = key.strip_prefix(prefix).unwrap_or(&key);
    name.parse().map_err(|problem| EtcdError::Flannel { key: key.clone().into_owned(), problem })
}

/// The lease of a key and its value.
pub(super) fn read_lease(prefix: &str, kv: &KeyValue) -> Result<SubnetLease, EtcdError> {
    let subnet = read_key(prefix, kv)?;
    let key = || String::from_utf8_lossy(&kv.key).into_owned();
    let node =
        NodeAttributes::from_json(&kv.value).map_err(|problem| EtcdError::Flannel { key: key(), problem })?;
    Ok(SubnetLease { subnet, node, lease: kv.lease, version: kv.mod_revision })
}
