//! Following the leases of node subnets.

use std::{fmt, time::Duration};

use tokio::time::timeout;

use super::{
    client::{EtcdClient, Watch},
    connection::Connection,
    error::EtcdError,
    flannel_lease::{SubnetLease, Subnets, read_key, read_lease, subnets},
    messages::Event,
};
use crate::ipam::flannel::SubnetKey;

/// A change of node subnets.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SubnetEvent {
    /// A lease was made, renewed or changed.
    Set(SubnetLease),
    /// A lease was released or has expired.
    Gone(SubnetKey),
    /// A key or value that is not flannel's.
    Damaged(EtcdError),
    /// Changes were missed, because etcd compacted them away: this is what there is now, and nothing else.
    All(Subnets),
}

/// Follows the leases of node subnets; see [`FlannelSubnets::watch`](super::FlannelSubnets::watch).
pub struct SubnetWatch {
    client: EtcdClient,
    prefix: String,
    /// Everything up to here was told.
    revision: i64,
    open: Option<Watch>,
}

impl SubnetWatch {
    pub(super) const fn new(client: EtcdClient, prefix: String, revision: i64) -> Self {
        Self { client, prefix, revision, open: None }
    }

    /// The changes since the last call, waited for no longer than `limit`; none if there was none.
    ///
    /// After an error the next call connects again and goes on where this one stopped.
    ///
    /// # Errors
    ///
    /// What hinders etcd.
    pub fn next(&mut self, limit: Duration) -> Result<Vec<SubnetEvent>, EtcdError> {
        let (open, prefix, revision) = (self.open.take(), self.prefix.clone(), self.revision);
        let (events, open, revision) =
            self.client.call(|etcd| async move { step(&etcd, open, &prefix, revision, limit).await })?;
        self.open = open;
        self.revision = revision;
        Ok(events)
    }
}

impl fmt::Debug for SubnetWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubnetWatch")
            .field("prefix", &self.prefix)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

type Step = (Vec<SubnetEvent>, Option<Watch>, i64);

async fn step(
    etcd: &Connection,
    open: Option<Watch>,
    prefix: &str,
    revision: i64,
    limit: Duration,
) -> Result<Step, EtcdError> {
    let mut watch = match open {
        Some(watch) => watch,
        None => etcd.watch(prefix.as_bytes(), revision.saturating_add(1)).await?,
    };
    match timeout(limit, watch.next(etcd)).await {
        Err(_) => Ok((Vec::new(), Some(watch), revision)),
        Ok(Ok(events)) => {
            let newest = events.iter().filter_map(|event| Some(event.kv.as_ref()?.mod_revision)).max();
            let events = events.iter().filter_map(|event| read(prefix, event)).collect();
            Ok((events, Some(watch), revision.max(newest.unwrap_or(0))))
        }
        Ok(Err(EtcdError::Compacted { .. })) => {
            let all = subnets(etcd, prefix).await?;
            let revision = all.revision;
            Ok((vec![SubnetEvent::All(all)], None, revision))
        }
        Ok(Err(error)) => Err(error),
    }
}

fn read(prefix: &str, event: &Event) -> Option<SubnetEvent> {
    let kv = event.kv.as_ref()?;
    let read = match event.kind {
        0 => read_lease(prefix, kv).map(SubnetEvent::Set),
        _ => read_key(prefix, kv).map(SubnetEvent::Gone),
    };
    Some(read.unwrap_or_else(SubnetEvent::Damaged))
}
