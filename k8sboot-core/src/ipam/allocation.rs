//! What is asked for and what is given.

use std::net::IpAddr;

use super::owner::Owner;

/// How many addresses an [`Allocation`] holds without a heap allocation.
const INLINE: usize = 4;

/// One address that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Assigned {
    /// The address.
    pub address: IpAddr,
    /// The prefix length of its subnet.
    pub prefix: u8,
    /// The gateway of its subnet.
    pub gateway: IpAddr,
    /// The index of its range set, from 0.
    pub set: usize,
}

/// The addresses given by one allocation: one of each range set, in their order.
///
/// Up to four need no heap; reuse one value for many calls.
#[derive(Clone, Debug, Default)]
pub struct Allocation {
    inline: [Option<Assigned>; INLINE],
    more: Vec<Assigned>,
}

impl Allocation {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The addresses, in the order of the range sets.
    pub fn iter(&self) -> impl Iterator<Item = &Assigned> {
        self.inline.iter().flatten().chain(&self.more)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inline.iter().flatten().count() + self.more.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inline.iter().all(Option::is_none)
    }

    /// The first address.
    #[must_use]
    pub fn first(&self) -> Option<&Assigned> {
        self.iter().next()
    }

    /// Forgets all of them; keeps the memory.
    pub fn clear(&mut self) {
        self.inline = [None; INLINE];
        self.more.clear();
    }

    pub(crate) fn push(&mut self, assigned: Assigned) {
        match self.inline.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(assigned),
            None => self.more.push(assigned),
        }
    }
}

/// What an owner that holds an address of a range set gets when it asks again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Repeat {
    /// The same address, so that a call may be repeated safely.
    #[default]
    Same,
    /// [`IpamError::Duplicate`](super::IpamError::Duplicate), as host-local does.
    Refuse,
}

/// A request for one address of each range set.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Request<'a> {
    /// For whom.
    pub owner: Owner<'a>,
    /// Addresses wanted. Each goes to the first range set that contains it and has no wanted address yet; a range set
    /// without one gives the next by the pool's policy. Default: none.
    pub addresses: &'a [IpAddr],
    /// See [`Repeat`]. As in host-local it does not apply to range sets with a wanted address that is not held yet.
    pub repeat: Repeat,
}

impl<'a> Request<'a> {
    /// A request by policy alone, safe to repeat.
    #[must_use]
    pub const fn new(owner: Owner<'a>) -> Self {
        Self { owner, addresses: &[], repeat: Repeat::Same }
    }

    /// Sets [`addresses`](Self::addresses).
    #[must_use]
    pub const fn addresses(mut self, addresses: &'a [IpAddr]) -> Self {
        self.addresses = addresses;
        self
    }

    /// Sets [`repeat`](Self::repeat).
    #[must_use]
    pub const fn repeat(mut self, repeat: Repeat) -> Self {
        self.repeat = repeat;
        self
    }
}

/// How full a range set is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Addresses held.
    pub held: u128,
    /// Addresses free, but not to be given yet.
    pub resting: u128,
    /// Addresses that can be held at most: those of the ranges less the gateways.
    pub size: u128,
}

impl Usage {
    /// Counts, from a store.
    pub(crate) const fn new(held: u128, resting: u128, size: u128) -> Self {
        Self { held, resting, size }
    }
}
