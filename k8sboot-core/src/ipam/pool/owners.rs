//! Owners by name.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::ipam::{
    name::{LongTexts, Name},
    owner::Owner,
    slab::{NONE, Number, Slab},
};

/// A container ID as runtimes make them: 64 hex digits.
const CONTAINER: usize = 64;
/// The longest interface name.
const INTERFACE: usize = 15;

/// Owners that hold something, each with the first of its leases.
#[derive(Clone, Debug)]
pub(super) struct Owners {
    hash: FixedState,
    entries: Slab<Entry>,
    long: LongTexts,
    table: HashTable<Number>,
    /// How many of them are whole containers: most often none, and then nobody looks for one.
    containers: usize,
}

#[derive(Clone, Debug, Default)]
struct Entry {
    hash: u64,
    container: Name<CONTAINER>,
    interface: Name<INTERFACE>,
    first: Number,
}

impl Owners {
    pub(super) fn new(hash: FixedState) -> Self {
        Self { hash, entries: Slab::new(), long: LongTexts::new(), table: HashTable::new(), containers: 0 }
    }

    pub(super) fn reserve(&mut self, count: usize) {
        self.entries.reserve(count);
        self.make_room();
    }

    /// Room for twice as many in the table: it tidies up after releases without growing as long as it is half empty.
    fn make_room(&mut self) {
        let entries = &self.entries;
        let room = entries.room().saturating_mul(2).saturating_sub(self.table.len());
        self.table.reserve(room, |at| hash_of(entries, *at));
    }

    /// The number of an owner.
    #[inline]
    pub(super) fn find(&self, owner: Owner<'_>) -> Option<Number> {
        self.find_hashed(self.hash.hash_one(owner), owner)
    }

    /// The number of the owner's whole container.
    #[inline]
    pub(super) fn find_container(&self, owner: Owner<'_>) -> Option<Number> {
        if self.containers == 0 {
            return None;
        }
        self.find(Owner::whole_container(owner.container()))
    }

    /// The number of an owner, new if it was not known.
    #[inline]
    pub(super) fn find_or_insert(&mut self, owner: Owner<'_>) -> Number {
        let hash = self.hash.hash_one(owner);
        if let Some(known) = self.find_hashed(hash, owner) {
            return known;
        }
        let (room, long) = (self.entries.room(), &mut self.long);
        let at = self.entries.insert(|entry| {
            entry.hash = hash;
            entry.container.set(owner.container(), long);
            entry.interface.set(owner.interface(), long);
            entry.first = NONE;
        });
        if self.entries.room() != room {
            self.make_room();
        }
        let entries = &self.entries;
        self.table.insert_unique(hash, at, |at| hash_of(entries, *at));
        self.containers += usize::from(owner.is_whole_container());
        at
    }

    /// Forgets an owner.
    #[inline]
    pub(super) fn remove(&mut self, at: Number) {
        let Some(entry) = self.entries.get_mut(at) else { return };
        if let Ok(found) = self.table.find_entry(entry.hash, |other| *other == at) {
            found.remove();
            self.containers -= usize::from(entry.interface.is("", &self.long));
            entry.container.drop_text(&mut self.long);
            entry.interface.drop_text(&mut self.long);
            self.entries.remove(at);
        }
    }

    /// Who it is.
    pub(super) fn name(&self, at: Number) -> Option<Owner<'_>> {
        let entry = self.entries.get(at)?;
        Some(Owner::proven(entry.container.as_str(&self.long), entry.interface.as_str(&self.long)))
    }

    /// Its first lease.
    #[inline]
    pub(super) fn first(&self, at: Number) -> Number {
        self.entries.get(at).map_or(NONE, |entry| entry.first)
    }

    #[inline]
    pub(super) fn set_first(&mut self, at: Number, lease: Number) {
        if let Some(entry) = self.entries.get_mut(at) {
            entry.first = lease;
        }
    }

    #[inline]
    fn find_hashed(&self, hash: u64, owner: Owner<'_>) -> Option<Number> {
        let is = |at: &Number| {
            self.entries.get(*at).is_some_and(|entry| {
                entry.hash == hash
                    && entry.container.is(owner.container(), &self.long)
                    && entry.interface.is(owner.interface(), &self.long)
            })
        };
        self.table.find(hash, is).copied()
    }
}

fn hash_of(entries: &Slab<Entry>, at: Number) -> u64 {
    entries.get(at).map_or(0, |entry| entry.hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn container_and_interface_tell_owners_apart_however_long() {
        let long = "c".repeat(300);
        let names = [("a", "eth0"), ("a", "net1"), ("ae", "th0"), (&long, "eth0"), (&long, "net1")];
        let names = names.map(|(container, interface)| Owner::new(container, interface).unwrap());
        let mut owners = Owners::new(FixedState::with_seed(7));
        let numbers = names.map(|owner| owners.find_or_insert(owner));
        assert_eq!(numbers, [0, 1, 2, 3, 4]);
        assert_eq!(names.map(|owner| owners.find(owner)), numbers.map(Some));
        assert_eq!(names.map(Some), numbers.map(|at| owners.name(at)));
        owners.remove(3);
        assert_eq!((owners.find(names[3]), owners.find(names[4])), (None, Some(4)));
        assert_eq!(owners.find_container(names[0]), None);
        let whole = owners.find_or_insert(Owner::whole_container("a"));
        assert_eq!(owners.find_container(names[0]), Some(whole));
        owners.remove(whole);
        assert_eq!((owners.find_container(names[0]), owners.containers), (None, 0));
    }
}
