//! Addresses of a network on the Kubernetes API.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    net::IpAddr,
    sync::{Mutex, MutexGuard},
    thread,
    time::Duration,
};

use serde_json::{Map, Value, json};

use super::{
    network::{Network, key},
    store_error::KubernetesStoreError,
};
use crate::{
    api::{ApiError, Client, PatchKind, Resource},
    ipam::{Allocation, Owner, Policy, Pool, PoolOptions, Ranges, Record, Repeat, Request, Usage},
    manifest::Object,
    store::{Store, StoreError},
};

/// How often a change is tried while others are faster.
const ATTEMPTS: u32 = 64;
/// What the data of a ConfigMap may have. Source: Kubernetes API, `MaxSecretSize`.
const MOST: usize = 1 << 20;
/// The label of a network's ConfigMap.
const LABEL: &str = "app.kubernetes.io/component";
const COMPONENT: &str = "ipam-network";

/// Where a [`KubernetesStore`] keeps its records.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KubernetesStoreOptions {
    /// The namespace of the networks' ConfigMaps. Default: `kube-system`.
    pub namespace: String,
    /// The order in which addresses are given; not [`Policy::Rest`].
    pub pool: PoolOptions,
}

impl Default for KubernetesStoreOptions {
    fn default() -> Self {
        Self { namespace: "kube-system".to_owned(), pool: PoolOptions::default() }
    }
}

/// Keeps the addresses of a network that spans nodes, in the ConfigMap `k8sboot-ipam-NETWORK`.
///
/// Every change is one patch on condition that the ConfigMap is still as it was read (`resourceVersion`): all addresses of a
/// call or none, and none that another node holds. The price: one object is changed by one writer at a time, and holds at
/// most 1 MiB, some 10000 addresses. It is for networks beside the pods' own (VLANs, load balancers); the addresses of pods
/// come from their node's pod CIDR and are better kept on the node, and busy networks in etcd
/// ([`EtcdStore`](crate::store)), where each address is a key of its own.
///
/// The rights it needs: `configmaps` get, create, patch in the namespace.
///
/// # Examples
///
/// ```no_run
/// use k8sboot_core::{
///     api::{Client, ClientOptions},
///     ipam::{Allocation, Owner, Ranges, Request},
///     kubeconfig::Kubeconfig,
///     store::{Store, kubernetes::{KubernetesStore, KubernetesStoreOptions}},
/// };
///
/// let kubeconfig = Kubeconfig::parse(&std::fs::read_to_string("/etc/kubernetes/admin.conf")?)?;
/// let client = Client::new(&ClientOptions::from_kubeconfig(&kubeconfig)?)?;
/// let ranges = Ranges::of_subnets(&["192.0.2.0/24".parse()?])?;
/// let store = KubernetesStore::open(&client, "vlan7", ranges, &KubernetesStoreOptions::default())?;
/// let mut given = Allocation::new();
/// store.allocate(&Request::new(Owner::new("3f2a", "net1")?), &mut given)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct KubernetesStore {
    client: Client,
    namespace: String,
    name: String,
    ranges: Ranges,
    options: PoolOptions,
    /// As it was after the last change or reading; the lock also keeps the threads of a process from racing each other.
    known: Mutex<Option<Network>>,
}

/// What became of a conditional change.
enum Changed {
    Done(Network),
    /// It was changed by another, or nobody can tell.
    Stale(Option<ApiError>),
}

type Change = Vec<(String, Option<String>)>;

impl KubernetesStore {
    /// A network's addresses; its ConfigMap is made if it is missing.
    ///
    /// # Errors
    ///
    /// [`KubernetesStoreError::Options`] for a network that cannot be part of an object's name, or a policy that cannot be
    /// kept there ([`Policy::Rest`]); [`KubernetesStoreError::Foreign`], [`KubernetesStoreError::Api`].
    pub fn open(
        client: &Client,
        network: &str,
        ranges: Ranges,
        options: &KubernetesStoreOptions,
    ) -> Result<Self, KubernetesStoreError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let ends =
            network.bytes().next().is_some_and(plain) && network.bytes().next_back().is_some_and(plain);
        if !ends || network.len() > 200 || !network.bytes().all(|b| plain(b) || b == b'-') {
            return Err(KubernetesStoreError::Options {
                option: "network",
                expected: "small letters, digits and '-', a letter or digit first and last, at most 200",
                found: network.chars().take(256).collect(),
            });
        }
        if let Policy::Rest(_) = options.pool.policy {
            let (option, expected) = ("pool.policy", "NextFit or Lowest");
            return Err(KubernetesStoreError::Options { option, expected, found: "Rest".to_owned() });
        }
        let store = Self {
            client: client.clone(),
            namespace: options.namespace.clone(),
            name: format!("k8sboot-ipam-{network}"),
            ranges,
            options: options.pool,
            known: Mutex::new(None),
        };
        let network = store.read()?;
        if let Ok(mut known) = store.known.lock() {
            *known = Some(network);
        }
        Ok(store)
    }

    fn known(&self) -> Result<MutexGuard<'_, Option<Network>>, StoreError> {
        self.known.lock().map_err(|_| StoreError::Poisoned)
    }

    fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// The ConfigMap as it is now; made if it is missing.
    fn read(&self) -> Result<Network, KubernetesStoreError> {
        for _ in 0..ATTEMPTS {
            let found = self.client.get(&Resource::CONFIG_MAPS, Some(&self.namespace), &self.name)?;
            if let Some(object) = found {
                let label = object.as_value().pointer("/metadata/labels/app.kubernetes.io~1component");
                let label = label.and_then(Value::as_str).unwrap_or_default();
                if label != COMPONENT {
                    let (expected, found) = (COMPONENT, label.chars().take(256).collect());
                    return Err(KubernetesStoreError::Foreign { name: self.full_name(), expected, found });
                }
                return Ok(Network::read(object.as_value()));
            }
            let object = json!({
                "apiVersion": Resource::CONFIG_MAPS.api_version,
                "kind": Resource::CONFIG_MAPS.kind,
                "metadata": {
                    "name": self.name,
                    "namespace": self.namespace,
                    "labels": {LABEL: COMPONENT, "app.kubernetes.io/managed-by": "k8sboot"},
                },
            });
            let made = Object::from_value(object).map_err(|_| KubernetesStoreError::Options {
                option: "namespace",
                expected: "the name of a namespace",
                found: self.namespace.clone(),
            })?;
            match self.client.create(&Resource::CONFIG_MAPS, &made) {
                Err(error) if !error.is_already_exists() => return Err(error.into()),
                _ => {}
            }
        }
        Err(self.contended())
    }

    /// Changes the ConfigMap if it is still as known.
    fn change(&self, known: &Network, change: &Change) -> Result<Changed, KubernetesStoreError> {
        let size = known.changed(change).size();
        if size > MOST {
            return Err(KubernetesStoreError::Full { name: self.full_name(), size, most: MOST });
        }
        let data: Map<String, Value> =
            change.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect();
        let patch = json!({"metadata": {"resourceVersion": known.version}, "data": data});
        let (resource, namespace) = (&Resource::CONFIG_MAPS, Some(self.namespace.as_str()));
        match self.client.patch(resource, namespace, &self.name, PatchKind::Merge, &patch) {
            Ok(object) => Ok(Changed::Done(Network::read(object.as_value()))),
            Err(ApiError::Conflict { .. } | ApiError::NotFound { .. }) => Ok(Changed::Stale(None)),
            Err(
                error @ (ApiError::Timeout { .. }
                | ApiError::Unreachable { .. }
                | ApiError::Server { .. }
                | ApiError::Answer { .. }),
            ) => Ok(Changed::Stale(Some(error))),
            Err(error) => Err(error.into()),
        }
    }

    /// Decides on a change by what is known and carries it out. That there is nothing to change, or an error, only counts
    /// if it was decided by what there is now. `decide` is also told whether an earlier change of this call may have been
    /// carried out.
    fn decided<T>(
        &self,
        mut decide: impl FnMut(&Network, bool) -> Result<(Change, T), StoreError>,
    ) -> Result<T, StoreError> {
        let mut known = self.known()?;
        let mut unclear = false;
        for attempt in 1..=ATTEMPTS {
            let (network, current) = match known.take() {
                Some(network) => (network, false),
                None => (self.read()?, true),
            };
            let (change, result) = match decide(&network, unclear) {
                Ok((change, result)) if !change.is_empty() => (change, result),
                _ if !current => continue,
                settled => {
                    *known = Some(network);
                    return settled.map(|(_, result)| result);
                }
            };
            match self.change(&network, &change)? {
                Changed::Done(network) => {
                    *known = Some(network);
                    return Ok(result);
                }
                Changed::Stale(None) => {}
                Changed::Stale(Some(error)) => {
                    // What became of it is told by what there is now, or by nobody.
                    self.read().map_err(|_| KubernetesStoreError::from(error))?;
                    unclear = true;
                }
            }
            pause(attempt);
        }
        Err(self.contended().into())
    }

    fn pool(&self, network: &Network) -> Pool {
        network.pool(&self.ranges, self.options)
    }

    fn contended(&self) -> KubernetesStoreError {
        KubernetesStoreError::Contended { what: self.full_name(), attempts: ATTEMPTS }
    }
}

impl Store for KubernetesStore {
    fn allocate(&self, request: &Request<'_>, out: &mut Allocation) -> Result<(), StoreError> {
        let owner = request.owner;
        let result = self.decided(|network, unclear| {
            let mut request = *request;
            if unclear {
                // Whatever the owner holds now comes from this call: before, it held nothing else.
                request.repeat = Repeat::Same;
            }
            let mut pool = self.pool(network);
            let held: Vec<IpAddr> = pool.find(owner).collect();
            pool.allocate(&request, out)?;
            let fresh: Vec<(IpAddr, usize)> = out
                .iter()
                .filter(|given| !held.contains(&given.address))
                .map(|given| (given.address, given.set))
                .collect();
            let change = if fresh.is_empty() { Vec::new() } else { network.give(owner, &fresh) };
            Ok((change, ()))
        });
        if result.is_err() {
            out.clear();
        }
        result
    }

    fn release(&self, owner: Owner<'_>, freed: &mut Vec<IpAddr>) -> Result<(), StoreError> {
        let mut tried = Vec::new();
        let result = self.decided(|network, unclear| {
            let held: Vec<IpAddr> = self.pool(network).find(owner).collect();
            if held.is_empty() {
                // A removal whose answer was lost is found done.
                return Ok((Vec::new(), if unclear { std::mem::take(&mut tried) } else { Vec::new() }));
            }
            tried.clone_from(&held);
            let names: Vec<String> = held.iter().map(|address| key(*address)).collect();
            Ok((network.free(names.iter().map(String::as_str)), held))
        })?;
        freed.extend(result);
        Ok(())
    }

    fn find(&self, owner: Owner<'_>, out: &mut Vec<IpAddr>) -> Result<(), StoreError> {
        out.extend(self.pool(&self.read()?).find(owner));
        Ok(())
    }

    fn records(&self) -> Result<Vec<Record>, StoreError> {
        Ok(self.read()?.records())
    }

    fn free_unchanged(&self, seen: &[Record]) -> Result<Vec<Record>, StoreError> {
        let mut freed: Vec<Record> = Vec::new();
        let result = self.decided(|network, unclear| {
            let now = network.records();
            let is_there = |old: &&Record| {
                now.iter()
                    .any(|new| (&new.name, &new.holder, new.version) == (&old.name, &old.holder, old.version))
            };
            let same: Vec<Record> = seen.iter().filter(is_there).cloned().collect();
            if same.is_empty() {
                return Ok((Vec::new(), if unclear { std::mem::take(&mut freed) } else { Vec::new() }));
            }
            freed.clone_from(&same);
            Ok((network.free(same.iter().map(|record| record.name.as_str())), same))
        })?;
        Ok(result)
    }

    fn usage(&self) -> Result<Vec<Usage>, StoreError> {
        let pool = self.pool(&self.read()?);
        Ok((0..pool.ranges().sets().len()).filter_map(|set| pool.usage(set)).collect())
    }
}

/// After a few attempts, long enough that not everybody comes again at once: up to 4 ms, 8 ms, … 128 ms.
fn pause(attempt: u32) {
    if attempt > 1 {
        let most = 1u64 << attempt.min(7);
        let random = RandomState::new().build_hasher().finish();
        thread::sleep(Duration::from_micros(random % (most * 1000)));
    }
}
