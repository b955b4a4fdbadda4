//! A client of etcd's v3 API, as far as leases of addresses and subnets need it.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::task::AbortHandle;

use crate::background::Runtime;

use super::{
    connection::{Connection, Repeatable},
    error::EtcdError,
    messages::{
        Event, KeyValue, LeaseGrantRequest, LeaseRequest, LeaseResponse, LeaseRevokeResponse, RangeRequest,
        RangeResponse, TxnRequest, TxnResponse, WatchCreate, WatchRequest, WatchResponse, end_of,
    },
    options::EtcdOptions,
};

/// How many keys one answer brings at most.
const PAGE: i64 = 2000;

/// A connection to etcd; clones share it.
///
/// It owns one thread, which ends with the last clone and the last store made of it. A call blocks the thread that makes
/// it, and may be made by many threads at once and inside an asynchronous runtime. Not to be used after a fork.
///
/// Tested with etcd 3.4 and 3.5; the requests are the same in 3.6.
///
/// # Examples
///
/// ```no_run
/// # use k8sboot_core::store::etcd::{EtcdClient, EtcdOptions, EtcdTls};
/// # let (ca, certificate, key) = (Vec::new(), Vec::new(), Vec::new());
/// let tls = EtcdTls::new(ca).client(certificate, k8sboot_core::secret::SecretBytes::new(key));
/// let etcd = EtcdClient::connect(&EtcdOptions::new(["https://127.0.0.1:2379"]).tls(tls))?;
/// # Ok::<(), k8sboot_core::store::etcd::EtcdError>(())
/// ```
#[derive(Clone, Debug)]
pub struct EtcdClient {
    runtime: Arc<Runtime>,
    connection: Arc<Connection>,
}

impl EtcdClient {
    /// Connects, and proves it with a request that reads nothing.
    ///
    /// # Errors
    ///
    /// [`EtcdError::Options`], or what hinders the connection: [`EtcdError::Unreachable`], [`EtcdError::Tls`],
    /// [`EtcdError::Auth`], [`EtcdError::Timeout`].
    pub fn connect(options: &EtcdOptions) -> Result<Self, EtcdError> {
        let connection = Arc::new(Connection::new(options)?);
        let runtime = Runtime::start("k8sboot-etcd")
            .map_err(|error| EtcdError::Runtime { problem: error.to_string() })?;
        let client = Self { runtime: Arc::new(runtime), connection };
        match client.call(|etcd| async move { etcd.range(RangeRequest::one("k8sboot")).await }) {
            // Whether this user may read that key says nothing of the others.
            Err(EtcdError::Auth { problem, .. }) if problem.contains("permission denied") => Ok(client),
            Err(error) => Err(error),
            Ok(_) => Ok(client),
        }
    }

    /// Carries out on the client's thread what `work` does with the connection.
    pub(super) fn call<T, F>(&self, work: impl FnOnce(Arc<Connection>) -> F) -> Result<T, EtcdError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, EtcdError>> + Send + 'static,
    {
        self.runtime
            .run(work(Arc::clone(&self.connection)))
            .unwrap_or_else(|| Err(EtcdError::Runtime { problem: "it has ended".to_owned() }))
    }

    /// Carries out on the client's thread what never ends by itself.
    pub(super) fn spawn<F>(&self, work: impl FnOnce(Arc<Connection>) -> F) -> AbortHandle
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.runtime.spawn(work(Arc::clone(&self.connection)))
    }
}

/// Every key of a prefix, and the revision of which this is the state.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    pub(super) revision: i64,
    pub(super) kvs: Vec<KeyValue>,
}

impl Connection {
    pub(super) async fn range(&self, request: RangeRequest) -> Result<RangeResponse, EtcdError> {
        self.unary("/etcdserverpb.KV/Range", request, Repeatable::Yes).await
    }

    /// Everything below a prefix as of one moment, in the order of keys, a page at a time.
    pub(super) async fn all(&self, prefix: &[u8]) -> Result<Snapshot, EtcdError> {
        let mut result = self.pages(prefix).await;
        // A compaction between two pages: the next reading has a revision of its own.
        for _ in 0..3 {
            if !matches!(result, Err(EtcdError::Compacted { .. })) {
                break;
            }
            result = self.pages(prefix).await;
        }
        result
    }

    async fn pages(&self, prefix: &[u8]) -> Result<Snapshot, EtcdError> {
        let mut found = Snapshot::default();
        let mut key = prefix.to_vec();
        loop {
            let (range_end, revision) = (end_of(prefix), found.revision);
            let page = self.range(RangeRequest { key, range_end, limit: PAGE, revision }).await?;
            if found.revision == 0 {
                found.revision = page.header.as_ref().map_or(0, |header| header.revision);
            }
            let last = page.kvs.last().map(|kv| kv.key.clone());
            found.kvs.extend(page.kvs);
            match last {
                Some(last) if page.more => {
                    key = last;
                    key.push(0);
                }
                _ => return Ok(found),
            }
        }
    }

    /// A transaction; whether it was carried out may remain unknown.
    pub(super) async fn txn(&self, request: TxnRequest) -> Result<TxnResponse, EtcdError> {
        self.unary("/etcdserverpb.KV/Txn", request, Repeatable::No).await
    }

    /// A lease; `id` 0 lets etcd choose. A repetition leaves at most a lease without keys behind.
    pub(super) async fn grant(&self, ttl: Duration, id: i64) -> Result<i64, EtcdError> {
        let ttl = i64::try_from(ttl.as_secs().max(1)).unwrap_or(i64::MAX);
        let path = "/etcdserverpb.Lease/LeaseGrant";
        let answer: LeaseResponse = self.unary(path, LeaseGrantRequest { ttl, id }, Repeatable::Yes).await?;
        Ok(answer.id)
    }

    /// Revoking a lease that is gone is success.
    pub(super) async fn revoke(&self, id: i64) -> Result<(), EtcdError> {
        let path = "/etcdserverpb.Lease/LeaseRevoke";
        match self.unary::<_, LeaseRevokeResponse>(path, LeaseRequest { id }, Repeatable::Yes).await {
            Ok(_) | Err(EtcdError::LeaseLost { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Renews a lease; how long it lasts now, `None` if it is gone.
    pub(super) async fn keep_alive(&self, id: i64) -> Result<Option<Duration>, EtcdError> {
        let path = "/etcdserverpb.Lease/LeaseKeepAlive";
        let mut answers = self.stream::<_, LeaseResponse>(path, LeaseRequest { id }).await?;
        match self.within("LeaseKeepAlive", answers.message()).await? {
            Ok(answer) => Ok(answer.and_then(|answer| seconds(answer.ttl))),
            Err(status) => Err(self.stream_error(&status)),
        }
    }

    /// How long a lease still lasts, `None` if it is gone.
    pub(super) async fn time_to_live(&self, id: i64) -> Result<Option<Duration>, EtcdError> {
        let path = "/etcdserverpb.Lease/LeaseTimeToLive";
        let answer: LeaseResponse = self.unary(path, LeaseRequest { id }, Repeatable::Yes).await?;
        Ok(seconds(answer.ttl))
    }

    /// The changes below a prefix from a revision on.
    pub(super) async fn watch(&self, prefix: &[u8], start_revision: i64) -> Result<Watch, EtcdError> {
        let create = WatchCreate { key: prefix.to_vec(), range_end: end_of(prefix), start_revision };
        let request = WatchRequest { create: Some(create) };
        Ok(Watch { answers: self.stream("/etcdserverpb.Watch/Watch", request).await? })
    }
}

/// An open watch.
#[derive(Debug)]
pub(super) struct Watch {
    answers: tonic::Streaming<WatchResponse>,
}

impl Watch {
    /// The next changes. Nothing is lost if the future is dropped.
    pub(super) async fn next(&mut self, connection: &Connection) -> Result<Vec<Event>, EtcdError> {
        loop {
            let answer = match self.answers.message().await {
                Ok(Some(answer)) => answer,
                Ok(None) => return Err(ended("etcd ended the watch")),
                Err(status) => return Err(connection.stream_error(&status)),
            };
            if answer.compact_revision != 0 {
                return Err(EtcdError::Compacted { revision: answer.compact_revision });
            }
            if answer.canceled {
                return Err(ended(&answer.cancel_reason));
            }
            if !answer.events.is_empty() {
                return Ok(answer.events);
            }
        }
    }
}

fn ended(why: &str) -> EtcdError {
    EtcdError::Unanswered { endpoint: "etcd".to_owned(), operation: "Watch", problem: why.to_owned() }
}

fn seconds(ttl: i64) -> Option<Duration> {
    u64::try_from(ttl).ok().filter(|ttl| *ttl > 0).map(Duration::from_secs)
}
