//! Which addresses a request gets, before anything changes.

use std::net::IpAddr;

use super::{Pool, SetState};
use crate::ipam::{
    address_set::Place,
    allocation::{Allocation, Assigned, Repeat, Request},
    error::IpamError,
    policy::Policy,
    slab::Number,
};

/// The numbers of those whose leases an allocation looks at.
#[derive(Clone, Copy)]
struct Holders {
    owner: Option<Number>,
    container: Option<Number>,
}

impl Pool {
    /// One address of each range set.
    #[inline]
    pub(super) fn choose(&self, request: &Request<'_>, out: &mut Allocation) -> Result<(), IpamError> {
        if self.sets.is_empty() {
            return Err(IpamError::NoRanges);
        }
        let owners = self.leases.owners();
        let holders =
            Holders { owner: owners.find(request.owner), container: owners.find_container(request.owner) };
        for (set, state) in self.sets.iter().enumerate() {
            let place = self.choose_in(set, state, request, holders)?;
            out.push(self.assigned(set, place).ok_or(IpamError::NoRanges)?);
        }
        self.all_placed(request, out)
    }

    fn choose_in(
        &self,
        set: usize,
        state: &SetState,
        request: &Request<'_>,
        holders: Holders,
    ) -> Result<Place, IpamError> {
        if let Some(place) = request.addresses.iter().find_map(|a| state.addresses.locate(*a)) {
            return self.requested(set, state, request, holders, place);
        }
        let held = self.lowest_held(set, holders.owner);
        if let Some(address) = held
            && request.repeat == Repeat::Same
            && let Some(place) = state.addresses.locate(address)
            && !state.addresses.is_gateway(place)
        {
            return Ok(place);
        }
        if let Some(address) = held.or_else(|| self.lowest_held(set, holders.container)) {
            let owner = request.owner.container().to_owned();
            return Err(IpamError::Duplicate { set, address, owner });
        }
        self.by_policy(state).ok_or_else(|| {
            let resting = state.resting.count();
            let (held, size) = (state.addresses.taken() - resting, state.addresses.size());
            IpamError::Exhausted { set, held, resting, size }
        })
    }

    fn requested(
        &self,
        set: usize,
        state: &SetState,
        request: &Request<'_>,
        holders: Holders,
        place: Place,
    ) -> Result<Place, IpamError> {
        let address = state.addresses.address_at(place).ok_or(IpamError::NoRanges)?;
        if state.addresses.is_gateway(place) {
            return Err(IpamError::Gateway { set, address });
        }
        let Some(at) = self.held_lease(address) else { return Ok(place) };
        let mine = self.leases.is_held_by(at, holders.owner);
        if mine && request.repeat == Repeat::Same {
            Ok(place)
        } else {
            Err(IpamError::Taken { set, address })
        }
    }

    #[inline]
    fn by_policy(&self, state: &SetState) -> Option<Place> {
        if self.leases.is_full() {
            return None;
        }
        match self.options.policy {
            Policy::NextFit => state.addresses.next_place(),
            Policy::Lowest => state.addresses.lowest_place(),
            Policy::Rest(rest) => state.addresses.next_place().or_else(|| {
                let oldest = self.leases.get(state.resting.first()).filter(|_| rest.oldest_if_exhausted)?;
                state.addresses.locate(oldest.address)
            }),
        }
    }

    /// The lowest address of a range set that somebody holds.
    #[inline]
    fn lowest_held(&self, set: usize, holder: Option<Number>) -> Option<IpAddr> {
        let leases = self.leases.of_owner(holder?).map(|(_, lease)| lease);
        leases.filter(|lease| lease.set() == Some(set)).map(|lease| lease.address).min()
    }

    fn assigned(&self, set: usize, place: Place) -> Option<Assigned> {
        let range = self.ranges.sets().get(set)?.ranges().get(place.span)?;
        let address = self.sets.get(set)?.addresses.address_at(place)?;
        Some(Assigned { address, prefix: range.subnet().length(), gateway: range.gateway(), set })
    }

    /// Every requested address must be among those chosen.
    fn all_placed(&self, request: &Request<'_>, out: &Allocation) -> Result<(), IpamError> {
        let is_left = |address: &&IpAddr| !out.iter().any(|one| one.address == self.resolve(**address));
        if !request.addresses.iter().any(|address| is_left(&address)) {
            return Ok(());
        }
        Err(IpamError::Unplaced { addresses: request.addresses.iter().filter(is_left).copied().collect() })
    }
}
