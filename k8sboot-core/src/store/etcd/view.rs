//! What a store knows of its network without asking: a pool that follows etcd.
//!
//! Every change of etcd has a revision. A change is taken in only if it is newer than what is known of its key, so that
//! the watch, the answers to transactions and whole readings may come in any order. What is wrong here for a moment costs
//! a transaction that fails, never a wrong answer: transactions compare.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

use super::{
    client::Snapshot,
    keys::{Key, Keys, address_of},
    messages::{Event, KeyValue},
};
use crate::ipam::{Allocation, Holder, IpamError, Owner, OwnerBuf, Pool, PoolOptions, Ranges, Request};

/// The state of a network as far as it is known.
pub(super) struct View {
    pool: Pool,
    /// The revision of each record that etcd has. What the pool holds beyond that is reserved by a call under way.
    known: HashMap<IpAddr, i64>,
    busy: HashSet<OwnerBuf>,
    /// Everything up to here was taken in.
    revision: i64,
    /// Of the last transaction of this store; older markers say nothing new.
    own: i64,
}

/// What a transaction has to prove and to write.
#[derive(Debug)]
pub(super) struct Plan {
    /// The newest record of the owner that is known, 0 for none.
    pub(super) since: i64,
    /// Held already, with the revision of the record.
    pub(super) held: Vec<(IpAddr, i64)>,
    /// To be created, with the range set.
    pub(super) fresh: Vec<(IpAddr, usize)>,
}

impl View {
    pub(super) fn new(ranges: Ranges, options: PoolOptions) -> Self {
        let pool = Pool::new(ranges, options);
        Self { pool, known: HashMap::new(), busy: HashSet::new(), revision: 0, own: 0 }
    }

    pub(super) const fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(super) const fn revision(&self) -> i64 {
        self.revision
    }

    /// Whether the caller may work for this owner now; it must [`leave`](Self::leave).
    pub(super) fn enter(&mut self, owner: Owner<'_>) -> bool {
        self.busy.insert(owner.into())
    }

    pub(super) fn leave(&mut self, owner: &OwnerBuf) {
        self.busy.remove(owner);
    }

    /// Chooses addresses and reserves the new ones, so that other calls of this store choose others.
    pub(super) fn reserve(&mut self, request: &Request<'_>, out: &mut Allocation) -> Result<Plan, IpamError> {
        let held = self.held(request.owner);
        self.pool.allocate(request, out)?;
        let since = held.iter().map(|(_, revision)| *revision).max().unwrap_or(0);
        let mut plan = Plan { since, held: Vec::new(), fresh: Vec::new() };
        for given in out.iter() {
            match held.iter().find(|(address, _)| *address == given.address) {
                Some(old) => plan.held.push(*old),
                None => plan.fresh.push((given.address, given.set)),
            }
        }
        Ok(plan)
    }

    /// What an owner holds, and what its whole container does if that is nothing, with revisions.
    pub(super) fn held(&self, owner: Owner<'_>) -> Vec<(IpAddr, i64)> {
        let revision = |address| (address, self.known.get(&address).copied().unwrap_or(0));
        self.pool.find(owner).map(revision).collect()
    }

    /// Gives back what was reserved and is not in etcd.
    pub(super) fn give_back(&mut self, fresh: &[(IpAddr, usize)]) {
        for (address, _) in fresh {
            if !self.known.contains_key(address) {
                self.pool.release_address(*address);
            }
        }
    }

    /// A transaction of this store created records.
    pub(super) fn created(&mut self, owner: Owner<'_>, fresh: &[(IpAddr, usize)], revision: i64) {
        self.own = self.own.max(revision);
        // Else the watch was faster, and may have seen even what came after.
        if revision > self.revision {
            let holder = attachment(owner);
            for (address, _) in fresh {
                // What another held before may have been taken in since the reservation.
                self.put(*address, &holder, revision);
            }
        }
    }

    /// A record was seen at a revision.
    pub(super) fn put(&mut self, address: IpAddr, holder: &Holder, revision: i64) {
        if self.known.get(&address).is_some_and(|known| *known >= revision) {
            return;
        }
        self.known.insert(address, revision);
        let same = match (self.pool.owner_of(address), holder) {
            (Some(owner), Holder::Attachment { container, interface }) => {
                owner.container() == container && owner.interface() == interface
            }
            _ => false,
        };
        if same {
            return;
        }
        self.pool.release_address(address);
        match holder {
            Holder::Attachment { container, interface } => {
                if let Ok(owner) = Owner::new(container, interface) {
                    self.pool.hold(address, owner);
                }
            }
            Holder::Container { container } => {
                self.pool.hold_container(address, container);
            }
            // Held by nobody that could ask: it is not given, and only a collector frees it.
            Holder::Empty | Holder::Foreign { .. } => {
                self.pool.hold_container(address, "");
            }
        }
    }

    /// No record was there at a revision.
    pub(super) fn gone(&mut self, address: IpAddr, revision: i64) {
        if self.known.get(&address).is_some_and(|known| *known <= revision) {
            self.known.remove(&address);
            self.pool.release_address(address);
        }
    }

    /// One reading of one address, as of a revision.
    pub(super) fn seen(&mut self, address: IpAddr, kv: Option<&KeyValue>, revision: i64) {
        match kv {
            Some(kv) => self.put(address, &Holder::parse(&kv.value), kv.mod_revision),
            None => self.gone(address, revision),
        }
    }

    /// A reading of everything.
    pub(super) fn replace(&mut self, keys: &Keys, all: &Snapshot, markers: &[KeyValue]) {
        if all.revision <= self.revision {
            return;
        }
        let mut there = HashSet::with_capacity(all.kvs.len());
        for kv in &all.kvs {
            if let Key::Address(name) = keys.read(&kv.key)
                && let Some(address) = address_of(name)
            {
                there.insert(address);
                self.put(address, &Holder::parse(&kv.value), kv.mod_revision);
            }
        }
        let missing: Vec<IpAddr> =
            self.known.keys().filter(|known| !there.contains(known)).copied().collect();
        for address in missing {
            self.gone(address, all.revision);
        }
        for kv in markers {
            self.marker(keys, kv);
        }
        self.revision = all.revision;
    }

    /// Changes of the watch.
    pub(super) fn follow(&mut self, keys: &Keys, events: &[Event]) {
        let before = self.revision;
        for event in events {
            let Some(kv) = &event.kv else { continue };
            if kv.mod_revision <= before {
                continue;
            }
            match (keys.read(&kv.key), event.kind) {
                (Key::Address(name), kind) => {
                    if let Some(address) = address_of(name) {
                        self.seen(address, (kind == 0).then_some(kv), kv.mod_revision);
                    }
                }
                (Key::Marker(_), 0) => self.marker(keys, kv),
                _ => {}
            }
            self.revision = self.revision.max(kv.mod_revision);
        }
    }

    fn marker(&mut self, keys: &Keys, kv: &KeyValue) {
        if kv.mod_revision <= self.own {
            return;
        }
        let address = std::str::from_utf8(&kv.value).ok().and_then(address_of);
        if let (Key::Marker(set), Some(address)) = (keys.read(&kv.key), address) {
            self.pool.set_last_given(set, Some(address));
        }
    }
}

/// An owner as the holder of a record.
pub(super) fn attachment(owner: Owner<'_>) -> Holder {
    Holder::Attachment { container: owner.container().to_owned(), interface: owner.interface().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> (Keys, View) {
        let ranges = Ranges::of_subnets(&["10.1.2.0/24".parse().unwrap()]).unwrap();
        (Keys::new("/p", "n").unwrap(), View::new(ranges, PoolOptions::default()))
    }

    fn kv(key: &str, value: &str, mod_revision: i64) -> KeyValue {
        KeyValue { key: key.into(), value: value.into(), mod_revision, ..KeyValue::default() }
    }

    fn event(kind: i32, key: &str, value: &str, revision: i64) -> Event {
        Event { kind, kv: Some(kv(key, value, revision)) }
    }

    fn holder(view: &View, address: &str) -> Option<String> {
        view.pool.owner_of(address.parse().unwrap()).map(|owner| owner.to_string())
    }

    #[test]
    fn older_news_of_a_key_change_nothing() {
        let (keys, mut view) = view();
        let (key, address) = ("/p/n/a/10.1.2.5", "10.1.2.5");
        view.put(address.parse().unwrap(), &Holder::parse(b"b\r\neth0"), 12);
        view.follow(&keys, &[event(0, key, "a\r\neth0", 9), event(1, key, "", 10)]);
        assert_eq!(holder(&view, address).as_deref(), Some("b/eth0"));
        view.follow(&keys, &[event(1, key, "", 13)]);
        assert_eq!((holder(&view, address), view.revision()), (None, 13));
        view.follow(&keys, &[event(0, key, "a\r\neth0", 13)]);
        assert_eq!(holder(&view, address), None);
    }

    #[test]
    fn a_record_deleted_before_its_creator_hears_of_it_stays_deleted() {
        let (keys, mut view) = view();
        let owner = Owner::new("a", "eth0").unwrap();
        let plan = view.reserve(&Request::new(owner), &mut Allocation::new()).unwrap();
        let (address, _) = plan.fresh[0];
        let key = keys.address(address);
        view.follow(&keys, &[event(0, &key, "a\r\neth0", 7), event(1, &key, "", 8)]);
        view.created(owner, &plan.fresh, 7);
        assert!(view.held(owner).is_empty());
    }

    #[test]
    fn late_news_of_an_earlier_holder_do_not_hide_the_new_one() {
        let (keys, mut view) = view();
        let owner = Owner::new("a", "eth0").unwrap();
        let plan = view.reserve(&Request::new(owner), &mut Allocation::new()).unwrap();
        let (address, _) = plan.fresh[0];
        let key = keys.address(address);
        view.follow(&keys, &[event(0, &key, "b\r\neth0", 5)]);
        // Given up by b at 6, given to a at 7; the watch is behind.
        view.created(owner, &plan.fresh, 7);
        view.follow(&keys, &[event(1, &key, "", 6), event(0, &key, "a\r\neth0", 7)]);
        assert_eq!(view.held(owner), [(address, 7)]);
        assert_eq!(view.held(Owner::new("b", "eth0").unwrap()), []);
    }

    #[test]
    fn what_another_node_took_is_not_given_back_with_a_reservation() {
        let (keys, mut view) = view();
        let owner = Owner::new("a", "eth0").unwrap();
        let plan = view.reserve(&Request::new(owner), &mut Allocation::new()).unwrap();
        let (address, _) = plan.fresh[0];
        view.follow(&keys, &[event(0, &keys.address(address), "b\r\neth0", 7)]);
        view.give_back(&plan.fresh);
        assert_eq!(holder(&view, &address.to_string()).as_deref(), Some("b/eth0"));
        assert!(view.held(owner).is_empty());
        let again = view.reserve(&Request::new(owner), &mut Allocation::new()).unwrap();
        assert_ne!(again.fresh[0].0, address);
        view.give_back(&again.fresh);
        assert!(view.held(owner).is_empty());
    }

    #[test]
    fn a_reading_of_everything_replaces_what_is_older_and_keeps_reservations() {
        let (keys, mut view) = view();
        view.put("10.1.2.9".parse().unwrap(), &Holder::parse(b"old\r\neth0"), 3);
        view.put("10.1.2.10".parse().unwrap(), &Holder::parse(b"newer\r\neth0"), 30);
        let owner = Owner::new("a", "eth0").unwrap();
        let plan = view.reserve(&Request::new(owner), &mut Allocation::new()).unwrap();
        let kvs = vec![
            kv("/p/n/a/10.1.2.20", "c\r\neth0", 5),
            kv("/p/n/a/10.1.2.21", "no owner at all", 6),
            kv("/p/n/a/readme", "x", 6),
        ];
        view.replace(&keys, &Snapshot { revision: 20, kvs }, &[kv("/p/n/m/0", "10.1.2.20", 5)]);
        assert_eq!(holder(&view, "10.1.2.9"), None);
        assert_eq!(holder(&view, "10.1.2.10").as_deref(), Some("newer/eth0"));
        assert_eq!(holder(&view, "10.1.2.20").as_deref(), Some("c/eth0"));
        assert_eq!(holder(&view, &plan.fresh[0].0.to_string()).as_deref(), Some("a/eth0"));
        // The damaged one is held and follows the marker: the next given is the one after it.
        let other = Owner::new("z", "eth0").unwrap();
        let next = view.reserve(&Request::new(other), &mut Allocation::new()).unwrap();
        assert_eq!(next.fresh[0].0.to_string(), "10.1.2.22");
    }
}
