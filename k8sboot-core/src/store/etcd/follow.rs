//! What goes on between the calls of a store: its view follows etcd, its lease is renewed.

use std::{
    future::Future,
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use tokio::time::sleep;

use super::{
    client::Snapshot, connection::Connection, error::EtcdError, keys::Keys, messages::RangeRequest,
    view::View,
};

/// What the calls of a store and its follower share.
pub(super) struct Shared {
    pub(super) keys: Keys,
    pub(super) view: Mutex<View>,
    /// Told when a call for an owner has ended.
    pub(super) left: Condvar,
}

/// Reads all records and markers into the view.
pub(super) async fn read(etcd: &Connection, shared: &Shared) -> Result<Snapshot, EtcdError> {
    let all = etcd.all(shared.keys.addresses().as_bytes()).await?;
    let markers = etcd.range(RangeRequest::prefix(shared.keys.markers())).await?;
    if let Ok(mut view) = shared.view.lock() {
        view.replace(&shared.keys, &all, &markers.kvs);
    }
    Ok(all)
}

/// Follows the changes for as long as the store is there.
pub(super) async fn follow(etcd: Arc<Connection>, shared: Arc<Shared>) {
    let mut wait = FIRST_WAIT;
    loop {
        let Ok(from) = shared.view.lock().map(|view| view.revision().saturating_add(1)) else { return };
        let error = match etcd.watch(shared.keys.root().as_bytes(), from).await {
            Ok(mut watch) => loop {
                match watch.next(&etcd).await {
                    Ok(events) => {
                        wait = FIRST_WAIT;
                        let Ok(mut view) = shared.view.lock() else { return };
                        view.follow(&shared.keys, &events);
                    }
                    Err(error) => break error,
                }
            },
            Err(error) => error,
        };
        if matches!(error, EtcdError::Compacted { .. }) && read(&etcd, &shared).await.is_ok() {
            continue;
        }
        wait_longer(&mut wait).await;
    }
}

/// Renews a lease until it is gone: then a transaction says so.
pub(super) async fn keep_alive(etcd: Arc<Connection>, id: i64, ttl: Duration) {
    loop {
        sleep(ttl / 3).await;
        let mut wait = FIRST_WAIT;
        loop {
            match etcd.keep_alive(id).await {
                Ok(Some(_)) => break,
                Ok(None) => return,
                Err(_) => wait_longer(&mut wait).await,
            }
        }
    }
}

const FIRST_WAIT: Duration = Duration::from_millis(50);

/// 50 ms, 100 ms, … 5 s.
fn wait_longer(wait: &mut Duration) -> impl Future<Output = ()> + Send + use<> {
    let now = *wait;
    *wait = (now * 2).min(Duration::from_secs(5));
    sleep(now)
}
