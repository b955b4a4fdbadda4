//! The pool: hands out addresses of range sets in memory.

mod choose;
mod leases;
mod owners;
mod resting;
mod restore;

use std::{net::IpAddr, time::Duration};

use leases::Leases;
use resting::Resting;

use super::{
    address_set::AddressSet,
    allocation::{Allocation, Request, Usage},
    error::IpamError,
    owner::Owner,
    policy::{Policy, PoolOptions, Rest},
    range::{RangeSet, Ranges},
    slab::Number,
};

/// Hands out one address of each range set to each owner.
///
/// Allocation and release cost the same however many addresses there are and are held, and need no heap once the pool has
/// been as full as it gets. (An allocation also costs in proportion to how much its owner holds already, and a release to
/// how much it frees.)
///
/// # Examples
///
/// ```
/// # use k8sboot_core::ipam::{Allocation, Owner, Pool, PoolOptions, Ranges, Request};
/// let ranges = Ranges::of_subnets(&["10.244.1.0/24".parse()?, "fd00::/64".parse()?])?;
/// let mut pool = Pool::new(ranges, PoolOptions::default());
/// let (owner, mut given) = (Owner::new("3f2a", "eth0")?, Allocation::new());
/// pool.allocate(&Request::new(owner), &mut given)?;
/// let given: Vec<String> = given.iter().map(|one| one.address.to_string()).collect();
/// assert_eq!(given, ["10.244.1.2", "fd00::2"]);
/// assert_eq!(pool.release(owner).len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Pool {
    ranges: Ranges,
    options: PoolOptions,
    sets: Vec<SetState>,
    leases: Leases,
    now: Duration,
}

/// What changes of one range set.
#[derive(Clone, Debug)]
struct SetState {
    /// Addresses held or resting are taken.
    addresses: AddressSet,
    /// The address given last; it may have been set to one of no range.
    last: Option<IpAddr>,
    resting: Resting,
}

/// So many addresses of one owner are sorted in memory of their own; fewer are picked lowest first.
const MANY: usize = 16;

impl Pool {
    /// An empty pool.
    #[must_use]
    pub fn new(ranges: Ranges, options: PoolOptions) -> Self {
        let state = |set: &RangeSet| SetState {
            addresses: AddressSet::new(set),
            last: None,
            resting: Resting::new(),
        };
        let sets = ranges.sets().iter().map(state).collect();
        Self { ranges, options, sets, leases: Leases::new(options.hash_seed), now: Duration::ZERO }
    }

    /// The range sets.
    #[must_use]
    pub const fn ranges(&self) -> &Ranges {
        &self.ranges
    }

    /// The options.
    #[must_use]
    pub const fn options(&self) -> PoolOptions {
        self.options
    }

    /// Makes room for so many addresses held or resting, so that getting there needs no heap.
    pub fn reserve(&mut self, addresses: usize) {
        self.leases.reserve(addresses);
    }

    /// Gives one address of each range set, or none at all. `out` is emptied first.
    ///
    /// # Errors
    ///
    /// [`IpamError::NoRanges`], [`IpamError::Exhausted`], [`IpamError::Duplicate`], [`IpamError::Gateway`],
    /// [`IpamError::Taken`] or [`IpamError::Unplaced`]; nothing is held then that was not before.
    pub fn allocate(&mut self, request: &Request<'_>, out: &mut Allocation) -> Result<(), IpamError> {
        out.clear();
        // Nothing changes before every range set has an address: there is nothing to take back.
        if let Err(error) = self.choose(request, out) {
            out.clear();
            return Err(error);
        }
        for assigned in out.iter() {
            let fresh = self.hold_in(Some(assigned.set), assigned.address, request.owner);
            let requested =
                || request.addresses.iter().any(|address| self.resolve(*address) == assigned.address);
            if fresh || requested() {
                self.set_last_given(assigned.set, Some(assigned.address));
            }
        }
        Ok(())
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
        let Some(owner) = self.holder(owner) else { return };
        let mut free = |pool: &mut Self, (address, at)| {
            pool.free(at);
            visit(address);
        };
        let count = self.leases.of_owner(owner).take(MANY).count();
        if count == MANY {
            let mut leases: Vec<_> =
                self.leases.of_owner(owner).map(|(at, lease)| (lease.address, at)).collect();
            leases.sort_unstable();
            return leases.into_iter().for_each(|lease| free(self, lease));
        }
        for _ in 0..count {
            let lowest = self.leases.of_owner(owner).map(|(at, lease)| (lease.address, at)).min();
            lowest.into_iter().for_each(|lease| free(self, lease));
        }
    }

    /// Frees one address, whoever holds it; whether it was held.
    pub fn release_address(&mut self, address: IpAddr) -> bool {
        let held = self.held_lease(address);
        if let Some(at) = held {
            self.free(at);
        }
        held.is_some()
    }

    /// Notes that an owner holds an address, inside the ranges or not; false if it is held already.
    pub fn hold(&mut self, address: IpAddr, owner: Owner<'_>) -> bool {
        let address = self.resolve(address);
        self.hold_in(self.set_of(address), address, owner)
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
        let leases = self.holder(owner).into_iter().flat_map(|owner| self.leases.of_owner(owner));
        let mut addresses: Vec<IpAddr> = leases.map(|(_, lease)| lease.address).collect();
        addresses.sort_unstable();
        addresses.into_iter()
    }

    /// Who holds an address; see [`Owner::is_whole_container`].
    #[must_use]
    pub fn owner_of(&self, address: IpAddr) -> Option<Owner<'_>> {
        self.leases.owner_of(self.held_lease(address)?)
    }

    /// Every address held with its owner, in the order of addresses.
    pub fn held(&self) -> impl Iterator<Item = (IpAddr, Owner<'_>)> {
        self.leases.held().map(|(lease, owner)| (lease.address, owner))
    }

    /// Every address of a range set that rests and when it was released, in the order of their release.
    pub fn resting(&self, set: usize) -> impl Iterator<Item = (IpAddr, Duration)> {
        let state = self.sets.get(set).into_iter();
        let leases = state.flat_map(|state| self.leases.linked(state.resting.first()));
        leases.map(|(_, lease)| (lease.address, lease.released.0))
    }

    /// The address given last in a range set: where [`Policy::NextFit`] goes on.
    #[must_use]
    pub fn last_given(&self, set: usize) -> Option<IpAddr> {
        self.sets.get(set)?.last
    }

    /// Sets [`last_given`](Self::last_given); with none, or an address of no range of the set, the first range begins.
    pub fn set_last_given(&mut self, set: usize, address: Option<IpAddr>) {
        if let Some(state) = self.sets.get_mut(set) {
            state.last = address;
            state.addresses.set_last_given(address);
        }
    }

    /// How full a range set is; addresses outside the ranges and gateways do not count.
    #[must_use]
    pub fn usage(&self, set: usize) -> Option<Usage> {
        let state = self.sets.get(set)?;
        let resting = state.resting.count();
        Some(Usage::new(state.addresses.taken() - resting, resting, state.addresses.size()))
    }

    /// Says what time it is, for [`Rest::time`]: by any clock that does not go back. An earlier time changes nothing.
    ///
    /// The pool has no clock of its own. The time since boot is right, or since 1970 if the pool's state is restored after
    /// a reboot.
    pub fn advance(&mut self, now: Duration) {
        self.now = self.now.max(now);
        for set in 0..self.sets.len() {
            self.end_rests(set);
        }
    }

    /// The time of the last [`advance`](Self::advance); zero before.
    #[must_use]
    pub const fn now(&self) -> Duration {
        self.now
    }

    const fn rest(&self) -> Option<Rest> {
        match self.options.policy {
            Policy::Rest(rest) => Some(rest),
            Policy::NextFit | Policy::Lowest => None,
        }
    }

    /// The owner itself, or its whole container if only that holds something.
    #[inline]
    fn holder(&self, owner: Owner<'_>) -> Option<Number> {
        let owners = self.leases.owners();
        owners.find(owner).or_else(|| owners.find_container(owner))
    }

    fn held_lease(&self, address: IpAddr) -> Option<Number> {
        let at = self.leases.find(self.resolve(address))?;
        self.leases.get(at).filter(|lease| !lease.rests()).map(|_| at)
    }

    /// An IPv4 address written as IPv6 is the IPv4 address, unless an IPv6 range covers it as it is written.
    #[inline]
    fn resolve(&self, address: IpAddr) -> IpAddr {
        let canonical = address.to_canonical();
        if canonical == address {
            return address;
        }
        let state = self.set_of(address).and_then(|set| self.sets.get(set));
        let as_given = state.and_then(|s| s.addresses.address_at(s.addresses.locate(address)?));
        as_given.unwrap_or(canonical)
    }

    fn set_of(&self, address: IpAddr) -> Option<usize> {
        self.sets.iter().position(|state| state.addresses.locate(address).is_some())
    }

    /// Notes who holds an address of a set, or of none; whether nobody held it before.
    #[inline]
    fn hold_in(&mut self, set: Option<usize>, address: IpAddr, owner: Owner<'_>) -> bool {
        let at = match self.leases.find(address) {
            Some(at) if self.leases.get(at).is_some_and(|lease| !lease.rests()) => return false,
            Some(at) => {
                if let Some(state) = set.and_then(|set| self.sets.get_mut(set)) {
                    state.resting.remove(&mut self.leases, at);
                }
                at
            }
            None if self.leases.is_full() => return false,
            None => {
                if let Some(state) = set.and_then(|set| self.sets.get_mut(set)) {
                    state.addresses.take(address);
                }
                self.leases.insert(address, set)
            }
        };
        self.leases.give(at, owner);
        true
    }

    /// Frees a lease that is held, or lets its address rest.
    #[inline]
    fn free(&mut self, at: Number) {
        let rests = self.rest().is_some();
        self.leases.take(at);
        let Some(lease) = self.leases.get(at).copied() else { return };
        let state = lease.set().and_then(|set| self.sets.get_mut(set));
        let place = state.and_then(|state| Some((state.addresses.locate(lease.address)?, state)));
        let Some((place, state)) = place else { return self.leases.remove(at) };
        if rests && !state.addresses.is_gateway(place) {
            state.resting.push(&mut self.leases, at, self.now);
            lease.set().into_iter().for_each(|set| self.end_rests(set));
        } else {
            state.addresses.give_place(place);
            self.leases.remove(at);
        }
    }

    /// Makes those free that have rested enough. Each release is paid for once.
    fn end_rests(&mut self, set: usize) {
        let Some(rest) = self.rest() else { return };
        let Some(state) = self.sets.get_mut(set) else { return };
        while let Some(at) = state.resting.rested(&self.leases, &rest, self.now) {
            state.resting.remove(&mut self.leases, at);
            if let Some(lease) = self.leases.get(at) {
                state.addresses.give(lease.address);
            }
            self.leases.remove(at);
        }
    }
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
