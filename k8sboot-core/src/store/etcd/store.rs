//! Addresses of a network in etcd.

use std::{
    hash::{BuildHasher, Hasher},
    net::IpAddr,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::Duration,
};

use tokio::task::AbortHandle;

use super::{
    client::{EtcdClient, Snapshot},
    error::EtcdError,
    follow::{Shared, follow, keep_alive, read},
    keys::{Key, Keys, address_of, record_of},
    messages::{Compare, KeyValue, RangeRequest, RequestOp, TxnRequest, TxnResponse},
    store_options::{EtcdStoreOptions, StoreLease},
    view::{Plan, View, attachment},
};
use crate::{
    ipam::{Allocation, Holder, Owner, OwnerBuf, Policy, Ranges, Record, Repeat, Request, Usage},
    store::{Store, StoreError},
};

/// How often a transaction is tried while others are faster. Each failure tells who took what.
const ATTEMPTS: u32 = 64;

/// How many records one transaction frees; etcd takes 128 operations by default.
const BATCH: usize = 32;

/// Keeps the addresses of a network in etcd, for any number of nodes.
///
/// An allocation is one transaction over all range sets: all addresses or none, and none that another node holds. What is
/// free is known beforehand by following the changes, so that the usual call takes one round trip, however full the
/// ranges are. Before a call says that there is no address, everything is read afresh.
///
/// If the connection breaks in the middle ([`EtcdError::is_ambiguous`]), the call finds out what became of it; only if
/// that is not possible either, the error comes back and the address may be held: repeat the call, or release.
///
/// # Examples
///
/// ```no_run
/// use k8sboot_core::{
///     ipam::{Allocation, Owner, Ranges, Request},
///     store::{Store, etcd::{EtcdClient, EtcdOptions, EtcdStore, EtcdStoreOptions}},
/// };
///
/// let etcd = EtcdClient::connect(&EtcdOptions::new(["http://127.0.0.1:2379"]))?;
/// let ranges = Ranges::of_subnets(&["10.244.1.0/24".parse()?])?;
/// let store = EtcdStore::open(&etcd, "pods", ranges, &EtcdStoreOptions::default())?;
/// let mut given = Allocation::new();
/// store.allocate(&Request::new(Owner::new("3f2a", "eth0")?), &mut given)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct EtcdStore {
    client: EtcdClient,
    shared: Arc<Shared>,
    lease: i64,
    tasks: Vec<AbortHandle>,
}

/// One call at a time works for an owner; ends with its drop.
struct Turn<'a> {
    shared: &'a Shared,
    owner: OwnerBuf,
}

impl EtcdStore {
    /// Reads what is held, and follows it from then on.
    ///
    /// # Errors
    ///
    /// [`EtcdError::Options`] for a network that is no CNI network name, a bad prefix or lease, or a policy that etcd cannot
    /// keep ([`Policy::Rest`]); or what hinders etcd.
    pub fn open(
        client: &EtcdClient,
        network: &str,
        ranges: Ranges,
        options: &EtcdStoreOptions,
    ) -> Result<Self, EtcdError> {
        let keys = Keys::new(&options.prefix, network)?;
        if let Policy::Rest(_) = options.pool.policy {
            // No key of etcd says when an address was released, and other nodes would give it at once.
            let (expected, found) = ("NextFit or Lowest", "Rest".to_owned());
            return Err(EtcdError::Options { option: "pool.policy", expected, found });
        }
        let view = Mutex::new(View::new(ranges, options.pool));
        let shared = Arc::new(Shared { keys, view, left: Condvar::new() });
        let mut store = Self { client: client.clone(), shared, lease: 0, tasks: Vec::new() };
        if let Some(lease) = &options.lease {
            store.take_lease(*lease)?;
        }
        store.refresh()?;
        let shared = Arc::clone(&store.shared);
        store.tasks.push(client.spawn(|etcd| follow(etcd, shared)));
        Ok(store)
    }

    /// The ID of the lease that records hang on, if there is one.
    #[must_use]
    pub const fn lease(&self) -> Option<i64> {
        if self.lease == 0 { None } else { Some(self.lease) }
    }

    fn take_lease(&mut self, lease: StoreLease) -> Result<(), EtcdError> {
        let problem = |expected, found: String| EtcdError::Options { option: "lease", expected, found };
        if lease.ttl < Duration::from_secs(2) {
            return Err(problem("a time to live of at least 2 s", format!("{} ms", lease.ttl.as_millis())));
        }
        if let Some(id) = lease.id.filter(|id| *id <= 0) {
            return Err(problem("an ID greater than 0", id.to_string()));
        }
        let wanted = lease.id.unwrap_or(0);
        let id = self.client.call(|etcd| async move {
            match etcd.grant(lease.ttl, wanted).await {
                Err(EtcdError::Refused { problem, .. }) if problem.contains("already exists") => {
                    let lost = || EtcdError::LeaseLost { what: format!("etcd lease {wanted:x}") };
                    etcd.keep_alive(wanted).await?.map(|_| wanted).ok_or_else(lost)
                }
                other => other,
            }
        })?;
        self.lease = id;
        self.tasks.push(self.client.spawn(|etcd| keep_alive(etcd, id, lease.ttl)));
        Ok(())
    }

    fn view(&self) -> Result<MutexGuard<'_, View>, StoreError> {
        self.shared.view.lock().map_err(|_| StoreError::Poisoned)
    }

    /// Waits until no other call works for this owner.
    fn enter(&self, owner: Owner<'_>) -> Result<Turn<'_>, StoreError> {
        let mut view = self.view()?;
        while !view.enter(owner) {
            view = self.shared.left.wait(view).map_err(|_| StoreError::Poisoned)?;
        }
        Ok(Turn { shared: &self.shared, owner: owner.into() })
    }

    /// Reads everything as it is now.
    fn refresh(&self) -> Result<Snapshot, EtcdError> {
        let shared = Arc::clone(&self.shared);
        self.client.call(|etcd| async move { read(&etcd, &shared).await })
    }

    fn commit(&self, request: TxnRequest) -> Result<TxnResponse, EtcdError> {
        self.client.call(|etcd| async move { etcd.txn(request).await })
    }

    /// What must be so for a plan of an owner to be right: it holds this and nothing newer, and the rest is free.
    fn proof(&self, owner: Owner<'_>, plan: &Plan) -> TxnRequest {
        let keys = &self.shared.keys;
        let mut request = TxnRequest {
            compare: vec![Compare::none_created_since(keys.owner(owner), plan.since)],
            failure: vec![RequestOp::range(RangeRequest::prefix(keys.owner(owner)))],
            success: Vec::new(),
        };
        for (address, revision) in &plan.held {
            request.compare.push(Compare::unchanged(keys.address(*address), *revision));
        }
        for (address, _) in &plan.fresh {
            request.compare.push(Compare::absent(keys.address(*address)));
        }
        for address in addresses(plan) {
            request.failure.push(RequestOp::range(RangeRequest::one(keys.address(address))));
        }
        request
    }

    /// Takes in why a [`proof`](Self::proof) failed.
    fn learn(&self, owner: Owner<'_>, plan: &Plan, answer: &TxnResponse) -> Result<(), StoreError> {
        let keys = &self.shared.keys;
        let mut ranges = answer.ranges();
        let owned: Vec<(&KeyValue, IpAddr)> = ranges
            .next()
            .unwrap_or_default()
            .iter()
            .filter_map(|kv| {
                let name = std::str::from_utf8(&kv.key).ok()?.strip_prefix(&keys.owner(owner))?;
                Some((kv, address_of(name)?))
            })
            .collect();
        let mut view = self.view()?;
        let holder = attachment(owner);
        for (kv, address) in &owned {
            view.put(*address, &holder, kv.mod_revision);
        }
        for (address, found) in addresses(plan).zip(ranges) {
            let found = found.first();
            view.seen(address, found, answer.revision());
            let mine = found.is_some_and(|kv| Holder::parse(&kv.value) == holder);
            // Both keys are made and deleted together: here somebody else was at work, and no attempt would ever pass.
            if let Some((kv, _)) = owned.iter().find(|(_, owned)| *owned == address && !mine) {
                let value = found.map_or(&[][..], |kv| kv.value.as_slice());
                let expected = "the address to be recorded for the same owner";
                return Err(EtcdError::damaged(&kv.key, expected, value).into());
            }
        }
        Ok(())
    }

    /// Proves what an owner holds, and deletes it if `free`.
    fn settle(&self, owner: Owner<'_>, free: bool) -> Result<Vec<IpAddr>, StoreError> {
        let _turn = self.enter(owner)?;
        let keys = &self.shared.keys;
        let mut unclear = Vec::new();
        for attempt in 1..=ATTEMPTS {
            let held = self.view()?.held(owner);
            let since = held.iter().map(|(_, revision)| *revision).max().unwrap_or(0);
            let plan = Plan { since, held, fresh: Vec::new() };
            let mut request = self.proof(owner, &plan);
            if free && !plan.held.is_empty() {
                request.success.push(RequestOp::delete_prefix(keys.owner(owner)));
                request
                    .success
                    .extend(addresses(&plan).map(|address| RequestOp::delete(keys.address(address))));
            }
            match self.commit(request) {
                Ok(answer) if answer.succeeded => {
                    if free {
                        let mut view = self.view()?;
                        addresses(&plan).for_each(|address| view.gone(address, answer.revision()));
                    }
                    // A deletion whose answer was lost is found done.
                    let found = if plan.held.is_empty() { unclear } else { addresses(&plan).collect() };
                    return Ok(found);
                }
                Ok(answer) => self.learn(owner, &plan, &answer)?,
                Err(error) if error.is_ambiguous() => {
                    self.refresh().map_err(|_| error)?;
                    if free {
                        unclear = addresses(&plan).collect();
                    }
                }
                Err(error) => return Err(error.into()),
            }
            pause(attempt);
        }
        Err(contended(format!("records of {owner}")))
    }

    /// Frees a batch of records if all of them are unchanged; whether they were.
    fn free_batch(&self, batch: &[&Record]) -> Result<bool, StoreError> {
        let keys = &self.shared.keys;
        let mut request = TxnRequest::default();
        for record in batch {
            let (key, revision) =
                (keys.named(&record.name), i64::try_from(record.version).unwrap_or(i64::MAX));
            request.compare.push(Compare::unchanged(key.clone(), revision));
            request.success.push(RequestOp::delete(key));
            if let (Some(address), Holder::Attachment { container, interface }) =
                (record.address, &record.holder)
                && let Ok(owner) = Owner::new(container, interface)
            {
                request.success.push(RequestOp::delete(keys.owned(owner, address)));
            }
        }
        let answer = self.commit(request)?;
        if answer.succeeded {
            let mut view = self.view()?;
            for address in batch.iter().filter_map(|record| record.address) {
                view.gone(address, answer.revision());
            }
        }
        Ok(answer.succeeded)
    }
}

impl Store for EtcdStore {
    fn allocate(&self, request: &Request<'_>, out: &mut Allocation) -> Result<(), StoreError> {
        let owner = request.owner;
        let _turn = self.enter(owner)?;
        let mut request = *request;
        let mut current = false;
        for attempt in 1..=ATTEMPTS {
            let reserved = self.view()?.reserve(&request, out);
            let plan = match reserved {
                Ok(plan) => plan,
                Err(error) if current => return Err(error.into()),
                Err(_) => {
                    // What is known may be behind: nobody is refused an address that is free by now.
                    self.refresh()?;
                    current = true;
                    continue;
                }
            };
            current = false;
            let mut proof = self.proof(owner, &plan);
            let keys = &self.shared.keys;
            for (address, set) in &plan.fresh {
                proof.success.push(RequestOp::put(keys.address(*address), record_of(owner), self.lease));
                proof.success.push(RequestOp::put(keys.owned(owner, *address), "", self.lease));
                proof.success.push(RequestOp::put(keys.marker(*set), address.to_string(), 0));
            }
            match self.commit(proof) {
                Ok(answer) if answer.succeeded => {
                    self.view()?.created(owner, &plan.fresh, answer.revision());
                    return Ok(());
                }
                Ok(answer) => {
                    self.view()?.give_back(&plan.fresh);
                    self.learn(owner, &plan, &answer)?;
                }
                Err(error) => {
                    let refreshed = error.is_ambiguous() && self.refresh().is_ok();
                    self.view()?.give_back(&plan.fresh);
                    if !refreshed {
                        out.clear();
                        return Err(error.into());
                    }
                    // Whatever the owner holds now comes from this call: before, it was proven to hold nothing else.
                    request.repeat = Repeat::Same;
                }
            }
            pause(attempt);
        }
        out.clear();
        Err(contended(format!("addresses for {owner}")))
    }

    fn release(&self, owner: Owner<'_>, freed: &mut Vec<IpAddr>) -> Result<(), StoreError> {
        freed.extend(self.settle(owner, true)?);
        Ok(())
    }

    fn find(&self, owner: Owner<'_>, out: &mut Vec<IpAddr>) -> Result<(), StoreError> {
        out.extend(self.settle(owner, false)?);
        Ok(())
    }

    fn records(&self) -> Result<Vec<Record>, StoreError> {
        let keys = &self.shared.keys;
        let all = self.refresh()?;
        let mut records: Vec<Record> = all.kvs.iter().filter_map(|kv| record(keys, kv)).collect();
        records.sort_by(|a, b| {
            (a.address.is_none(), a.address, &a.name).cmp(&(b.address.is_none(), b.address, &b.name))
        });
        Ok(records)
    }

    fn free_unchanged(&self, seen: &[Record]) -> Result<Vec<Record>, StoreError> {
        let mut freed = Vec::new();
        let seen: Vec<&Record> = seen.iter().collect();
        for batch in seen.chunks(BATCH) {
            if self.free_batch(batch)? {
                freed.extend(batch.iter().map(|record| (*record).clone()));
                continue;
            }
            for record in batch {
                if self.free_batch(&[record])? {
                    freed.push((*record).clone());
                }
            }
        }
        Ok(freed)
    }

    fn usage(&self) -> Result<Vec<Usage>, StoreError> {
        self.refresh()?;
        let view = self.view()?;
        let pool = view.pool();
        Ok((0..pool.ranges().sets().len()).filter_map(|set| pool.usage(set)).collect())
    }
}

impl Drop for EtcdStore {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl std::fmt::Debug for EtcdStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let prefix = self.shared.keys.root();
        f.debug_struct("EtcdStore")
            .field("prefix", &prefix)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Ok(mut view) = self.shared.view.lock() {
            view.leave(&self.owner);
        }
        self.shared.left.notify_all();
    }
}

fn addresses(plan: &Plan) -> impl Iterator<Item = IpAddr> {
    plan.held.iter().map(|(address, _)| *address).chain(plan.fresh.iter().map(|(address, _)| *address))
}

fn record(keys: &Keys, kv: &KeyValue) -> Option<Record> {
    let Key::Address(name) = keys.read(&kv.key) else { return None };
    let mut record = Record::new(name, address_of(name), Holder::parse(&kv.value));
    record.version = u64::try_from(kv.mod_revision).unwrap_or(0);
    Some(record)
}

/// After a few attempts, long enough that not everybody comes again at once: up to 2 ms, 4 ms, … 64 ms.
fn pause(attempt: u32) {
    if attempt > 2 {
        let most = 1u64 << attempt.min(8).saturating_sub(2);
        thread::sleep(Duration::from_micros(random() % (most * 1000)));
    }
}

/// Not for secrets: it only spreads what would come together.
pub(super) fn random() -> u64 {
    std::hash::RandomState::new().build_hasher().finish()
}

fn contended(what: String) -> StoreError {
    EtcdError::Contended { what, attempts: ATTEMPTS }.into()
}
