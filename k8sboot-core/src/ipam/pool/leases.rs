//! Leases by address, and which belong together.

use std::{hash::BuildHasher, net::IpAddr, time::Duration};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::owners::Owners;
use crate::{
    cidr::{Family, from_number, to_number},
    ipam::{
        owner::Owner,
        slab::{NONE, Number, Slab},
    },
};

/// Addresses that are held or rest.
#[derive(Clone, Debug)]
pub(super) struct Leases {
    hash: FixedState,
    entries: Slab<Lease>,
    table: HashTable<Number>,
    owners: Owners,
}

/// One address that is held or rests. Those of one owner are linked, and so are those that rest in one range set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    pub(super) address: IpAddr,
    /// The index of its range set, or [`NONE`].
    set: Number,
    /// [`NONE`] if it rests.
    owner: Number,
    pub(super) previous: Number,
    pub(super) next: Number,
    /// When it was released, and as which of the releases of its range set.
    pub(super) released: (Duration, u64),
}

impl Default for Lease {
    fn default() -> Self {
        Self {
            address: from_number(Family::V4, 0),
            set: NONE,
            owner: NONE,
            previous: NONE,
            next: NONE,
            released: (Duration::ZERO, 0),
        }
    }
}

impl Lease {
    pub(super) const fn rests(&self) -> bool {
        self.owner == NONE
    }

    /// The index of its range set, if it is in one.
    pub(super) const fn set(&self) -> Option<usize> {
        if self.set == NONE { None } else { Some(self.set as usize) }
    }
}

impl Leases {
    pub(super) fn new(hash_seed: u64) -> Self {
        let hash = FixedState::with_seed(hash_seed);
        Self { hash: hash.clone(), entries: Slab::new(), table: HashTable::new(), owners: Owners::new(hash) }
    }

    pub(super) fn reserve(&mut self, count: usize) {
        self.owners.reserve(count);
        self.entries.reserve(count);
        self.make_room();
    }

    /// Room for twice as many in the table: it tidies up after releases without growing as long as it is half empty.
    fn make_room(&mut self) {
        let (hash, entries) = (&self.hash, &self.entries);
        let room = entries.room().saturating_mul(2).saturating_sub(self.table.len());
        self.table.reserve(room, |at| hash_of(hash, entries, *at));
    }

    /// Whether no more leases can be told apart; they would take some hundreds of gigabytes.
    #[inline]
    pub(super) const fn is_full(&self) -> bool {
        self.entries.is_full()
    }

    pub(super) const fn owners(&self) -> &Owners {
        &self.owners
    }

    pub(super) fn get(&self, at: Number) -> Option<&Lease> {
        self.entries.get(at)
    }

    pub(super) fn get_mut(&mut self, at: Number) -> Option<&mut Lease> {
        self.entries.get_mut(at)
    }

    /// The lease of an address, held or resting.
    #[inline]
    pub(super) fn find(&self, address: IpAddr) -> Option<Number> {
        let is = |at: &Number| self.entries.get(*at).is_some_and(|lease| lease.address == address);
        self.table.find(self.hash_address(address), is).copied()
    }

    /// Who holds a lease.
    pub(super) fn owner_of(&self, at: Number) -> Option<Owner<'_>> {
        self.owners.name(self.entries.get(at)?.owner)
    }

    /// Whether the owner of that number holds the lease.
    pub(super) fn is_held_by(&self, at: Number, owner: Option<Number>) -> bool {
        owner.is_some() && self.entries.get(at).map(|lease| lease.owner) == owner
    }

    /// The leases of an owner.
    #[inline]
    pub(super) fn of_owner(&self, owner: Number) -> impl Iterator<Item = (Number, &Lease)> {
        self.linked(self.owners.first(owner))
    }

    /// A lease and those that are linked after it.
    #[inline]
    pub(super) fn linked(&self, first: Number) -> impl Iterator<Item = (Number, &Lease)> {
        let mut at = first;
        std::iter::from_fn(move || {
            let lease = self.entries.get(at)?;
            let this = at;
            at = lease.next;
            Some((this, lease))
        })
    }

    /// Every lease that is held, in the order of addresses.
    pub(super) fn held(&self) -> impl Iterator<Item = (&Lease, Owner<'_>)> {
        let held = |at: &Number| self.entries.get(*at).filter(|lease| !lease.rests());
        let mut leases: Vec<&Lease> = self.table.iter().filter_map(held).collect();
        leases.sort_unstable_by_key(|lease| lease.address);
        leases.into_iter().filter_map(|lease| Some((lease, self.owners.name(lease.owner)?)))
    }

    /// Adds a lease that is nobody's yet; the address must not have one.
    #[inline]
    pub(super) fn insert(&mut self, address: IpAddr, set: Option<usize>) -> Number {
        let room = self.entries.room();
        let set = set.map_or(NONE, |set| Number::try_from(set).unwrap_or(NONE));
        let at = self.entries.insert(|lease| *lease = Lease { address, set, ..Lease::default() });
        if self.entries.room() != room {
            self.make_room();
        }
        let hash = self.hash_address(address);
        let (hasher, entries) = (&self.hash, &self.entries);
        self.table.insert_unique(hash, at, |at| hash_of(hasher, entries, *at));
        at
    }

    /// Forgets a lease that is nobody's.
    #[inline]
    pub(super) fn remove(&mut self, at: Number) {
        let Some(lease) = self.entries.get(at) else { return };
        let hash = self.hash_address(lease.address);
        if let Ok(found) = self.table.find_entry(hash, |other| *other == at) {
            found.remove();
            self.entries.remove(at);
        }
    }

    /// Gives a lease that is nobody's to an owner.
    #[inline]
    pub(super) fn give(&mut self, at: Number, owner: Owner<'_>) {
        let owner = self.owners.find_or_insert(owner);
        let first = self.owners.first(owner);
        if let Some(next) = self.entries.get_mut(first) {
            next.previous = at;
        }
        if let Some(lease) = self.entries.get_mut(at) {
            (lease.owner, lease.previous, lease.next) = (owner, NONE, first);
        }
        self.owners.set_first(owner, at);
    }

    /// Takes a lease from its owner, who is forgotten with the last one.
    #[inline]
    pub(super) fn take(&mut self, at: Number) {
        let Some(lease) = self.entries.get_mut(at) else { return };
        let (owner, previous, next) = (lease.owner, lease.previous, lease.next);
        (lease.owner, lease.previous, lease.next) = (NONE, NONE, NONE);
        if let Some(next) = self.entries.get_mut(next) {
            next.previous = previous;
        }
        match self.entries.get_mut(previous) {
            Some(previous) => previous.next = next,
            None if next == NONE => self.owners.remove(owner),
            None => self.owners.set_first(owner, next),
        }
    }

    #[inline]
    fn hash_address(&self, address: IpAddr) -> u64 {
        self.hash.hash_one(to_number(address))
    }
}

fn hash_of(hash: &FixedState, entries: &Slab<Lease>, at: Number) -> u64 {
    entries.get(at).map_or(0, |lease| hash.hash_one(to_number(lease.address)))
}
