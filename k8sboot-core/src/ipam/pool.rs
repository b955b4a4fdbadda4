//! The pool: hands out addresses of range sets in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use super::{
    allocation::{Allocation, Assigned, Repeat, Request, Usage},
    error::IpamError,
    owner::{Owner, OwnerBuf},
    range::{Range, RangeSet, Ranges},
};
use crate::cidr::{from_number, to_number};

/// In which order addresses are given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// The next free one after the last given, as host-local does.
    #[default]
    NextFit,
    /// The lowest free one.
    Lowest,
}

/// Options of a [`Pool`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolOptions {
    /// See [`Policy`]. Default: [`Policy::NextFit`].
    pub policy: Policy,
}

/// Hands out one address of each range set to each owner.
#[derive(Clone, Debug)]
pub struct Pool {
    ranges: Ranges,
    options: PoolOptions,
    held: BTreeMap<IpAddr, OwnerBuf>,
    owners: BTreeMap<OwnerBuf, BTreeSet<IpAddr>>,
    last: Vec<Option<IpAddr>>,
}

impl Pool {
    /// An empty pool.
    #[must_use]
    pub fn new(ranges: Ranges, options: PoolOptions) -> Self {
        let last = vec![None; ranges.sets().len()];
        Self { ranges, options, held: BTreeMap::new(), owners: BTreeMap::new(), last }
    }

    /// The range sets.
    #[must_use]
    pub const fn ranges(&self) -> &Ranges {
        &self.ranges
    }

    /// Gives one address of each range set, or none at all. `out` is emptied first.
    ///
    /// # Errors
    ///
    /// [`IpamError::NoRanges`], [`IpamError::Exhausted`], [`IpamError::Duplicate`], [`IpamError::Gateway`],
    /// [`IpamError::Taken`] or [`IpamError::Unplaced`]; nothing is held then that was not before.
    pub fn allocate(&mut self, request: &Request<'_>, out: &mut Allocation) -> Result<(), IpamError> {
        out.clear();
        if self.ranges.sets().is_empty() {
            return Err(IpamError::NoRanges);
        }
        let mut wanted = request.addresses.to_vec();
        let before = self.last.clone();
        let mut fresh = Vec::new();
        let result = (0..self.ranges.sets().len()).try_for_each(|set| {
            let (assigned, new) = self.allocate_in(set, request, &mut wanted)?;
            if new {
                self.hold(assigned.address, request.owner);
                fresh.push(assigned.address);
            }
            out.push(assigned);
            Ok(())
        });
        let result = match result {
            Ok(()) if !wanted.is_empty() => Err(IpamError::Unplaced { addresses: wanted }),
            other => other,
        };
        if result.is_err() {
            out.clear();
            for address in fresh {
                self.release_address(address);
            }
            self.last = before;
        }
        result
    }

    /// Frees everything an owner holds; the addresses freed, in their order. An owner that holds nothing is fine.
    ///
    /// What a [whole container](Self::hold_container) holds is freed if its interface holds nothing, as host-local does.
    pub fn release(&mut self, owner: Owner<'_>) -> Vec<IpAddr> {
        let mut freed = Vec::new();
        self.release_into(owner, &mut freed);
        freed
    }

    /// As [`release`](Self::release); adds the addresses to `freed`.
    pub fn release_into(&mut self, owner: Owner<'_>, freed: &mut Vec<IpAddr>) {
        self.release_each(owner, |address| freed.push(address));
    }

    /// As [`release`](Self::release); tells each address to `visit`.
    pub fn release_each(&mut self, owner: Owner<'_>, mut visit: impl FnMut(IpAddr)) {
        let key = self.key_of(owner);
        for address in self.owners.remove(&key).unwrap_or_default() {
            self.held.remove(&address);
            visit(address);
        }
    }

    /// Frees one address, whoever holds it; whether it was held.
    pub fn release_address(&mut self, address: IpAddr) -> bool {
        let Some(owner) = self.held.remove(&address) else { return false };
        if let Some(addresses) = self.owners.get_mut(&owner) {
            addresses.remove(&address);
            if addresses.is_empty() {
                self.owners.remove(&owner);
            }
        }
        true
    }

    /// Notes that an owner holds an address, inside the ranges or not; false if it is held already.
    pub fn hold(&mut self, address: IpAddr, owner: Owner<'_>) -> bool {
        if self.held.contains_key(&address) {
            return false;
        }
        self.held.insert(address, owner.into());
        self.owners.entry(owner.into()).or_default().insert(address)
    }

    /// Notes that a whole container holds an address, inside the ranges or not; false if it is held already.
    ///
    /// For records of host-local before 0.8.0, which name no interface. Such an address hinders an allocation for any
    /// interface of the container in its range set; [`find`](Self::find) and [`release`](Self::release) take it for an
    /// interface that holds nothing itself.
    pub fn hold_container(&mut self, address: IpAddr, container: &str) -> bool {
        self.hold(address, Owner::whole_container(container))
    }

    /// What an owner holds, in the order of addresses; if nothing, what its [whole container](Self::hold_container) does.
    pub fn find(&self, owner: Owner<'_>) -> impl Iterator<Item = IpAddr> {
        self.owners.get(&self.key_of(owner)).into_iter().flatten().copied()
    }

    /// Who holds an address; see [`Owner::is_whole_container`].
    #[must_use]
    pub fn owner_of(&self, address: IpAddr) -> Option<Owner<'_>> {
        self.held.get(&address).map(OwnerBuf::as_owner)
    }

    /// Every address held with its owner, in the order of addresses.
    pub fn held(&self) -> impl Iterator<Item = (IpAddr, Owner<'_>)> {
        self.held.iter().map(|(address, owner)| (*address, owner.as_owner()))
    }

    /// The address given last in a range set: where [`Policy::NextFit`] goes on.
    #[must_use]
    pub fn last_given(&self, set: usize) -> Option<IpAddr> {
        self.last.get(set).copied().flatten()
    }

    /// Sets [`last_given`](Self::last_given).
    pub fn set_last_given(&mut self, set: usize, address: Option<IpAddr>) {
        if let Some(last) = self.last.get_mut(set) {
            *last = address;
        }
    }

    /// How full a range set is.
    #[must_use]
    pub fn usage(&self, set: usize) -> Option<Usage> {
        let ranges = self.ranges.sets().get(set)?;
        let held =
            self.held.keys().filter(|a| ranges.range_of(**a).is_some_and(|r| r.gateway() != **a)).count();
        Some(Usage::new(held as u128, 0, ranges.size()))
    }

    /// The owner itself, or its whole container if only that holds something.
    fn key_of(&self, owner: Owner<'_>) -> OwnerBuf {
        let (exact, container) = (owner.into(), Owner::whole_container(owner.container()).into());
        if !self.owners.contains_key(&exact) && self.owners.contains_key(&container) {
            container
        } else {
            exact
        }
    }

    fn allocate_in(
        &mut self,
        set: usize,
        request: &Request<'_>,
        wanted: &mut Vec<IpAddr>,
    ) -> Result<(Assigned, bool), IpamError> {
        let ranges = self.ranges.sets().get(set).ok_or(IpamError::NoRanges)?;
        let given = |range: &Range, address| Assigned {
            address,
            prefix: range.subnet().length(),
            gateway: range.gateway(),
            set,
        };
        if let Some(at) = wanted.iter().position(|address| ranges.range_of(*address).is_some()) {
            let address = wanted.remove(at);
            let range = ranges.range_of(address).ok_or(IpamError::NoRanges)?;
            if range.gateway() == address {
                return Err(IpamError::Gateway { set, address });
            }
            let mine = self.owner_of(address).is_some_and(|owner| owner == request.owner);
            if self.held.contains_key(&address) && !(mine && request.repeat == Repeat::Same) {
                return Err(IpamError::Taken { set, address });
            }
            let assigned = given(range, address);
            self.set_last_given(set, Some(address));
            return Ok((assigned, !mine));
        }
        let container = Owner::whole_container(request.owner.container());
        for (owner, repeat) in [(request.owner, request.repeat), (container, Repeat::Refuse)] {
            let held = self.owners.get(&OwnerBuf::from(owner)).into_iter().flatten();
            let Some(address) = held.copied().find(|a| ranges.range_of(*a).is_some()) else { continue };
            let range = ranges.range_of(address).ok_or(IpamError::NoRanges)?;
            return match repeat {
                Repeat::Same => Ok((given(range, address), false)),
                Repeat::Refuse => {
                    Err(IpamError::Duplicate { set, address, owner: request.owner.container().to_owned() })
                }
            };
        }
        let after = match self.options.policy {
            Policy::NextFit => self.last_given(set),
            Policy::Lowest => None,
        };
        let Some((range, address)) =
            candidates(ranges, after).find(|(range, a)| range.gateway() != *a && !self.held.contains_key(a))
        else {
            let size = ranges.size();
            return Err(IpamError::Exhausted { set, held: size, resting: 0, size });
        };
        let assigned = given(range, address);
        self.set_last_given(set, Some(address));
        Ok((assigned, true))
    }
}

/// Every address once, beginning after `after`.
fn candidates(set: &RangeSet, after: Option<IpAddr>) -> impl Iterator<Item = (&Range, IpAddr)> {
    let at = after.and_then(|a| Some((set.ranges().iter().position(|range| range.contains(a))?, a)));
    let (first, last) = at.unwrap_or((0, set.ranges().first().map_or(IpAddr::from([0; 4]), Range::start)));
    let part = |range: &Range| (to_number(range.start()), to_number(range.end()));
    let split = to_number(last) + u128::from(at.is_some());
    let count = set.ranges().len();
    (0..=count).flat_map(move |turn| {
        let range = set.ranges().get((first + turn) % count.max(1));
        let (start, end) = range.map_or((1, 0), part);
        let (start, end) = match turn {
            0 => (split, end),
            turn if turn == count => (start, split - 1),
            _ => (start, end),
        };
        (start..=end).filter_map(move |n| range.map(|r| (r, from_number(r.subnet().family(), n))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_container_hinders_its_interfaces_and_goes_with_one_that_holds_nothing() {
        let ranges = Ranges::of_subnets(&["10.1.2.0/24".parse().unwrap()]).unwrap();
        let mut pool = Pool::new(ranges, PoolOptions::default());
        let (eth0, net1) = (Owner::new("a", "eth0").unwrap(), Owner::new("a", "net1").unwrap());
        let old: IpAddr = "10.1.2.5".parse().unwrap();
        let new: IpAddr = "10.9.9.9".parse().unwrap();
        assert!(pool.hold_container(old, "a") && !pool.hold_container(old, "b"));
        assert!(pool.owner_of(old).unwrap().is_whole_container());
        let refused = pool.allocate(&Request::new(eth0), &mut Allocation::new());
        assert!(matches!(refused, Err(IpamError::Duplicate { address, .. }) if address == old));
        assert!(pool.hold(new, eth0));
        assert_eq!(pool.find(eth0).collect::<Vec<_>>(), [new]);
        assert_eq!(pool.release(eth0), [new]);
        assert_eq!(pool.find(net1).collect::<Vec<_>>(), [old]);
        assert_eq!(pool.release(net1), [old]);
        assert!(pool.release(net1).is_empty());
    }
}
