//! Giving addresses: host-local's order, all or nothing.

use std::net::IpAddr;

use super::{
    files::{Files, Identity},
    listing::{Held, record},
    marker::Marker,
    name::file_name,
};
use crate::{
    cidr::{from_number, to_number},
    ipam::{Allocation, Assigned, IpamError, Owner, Range, RangeSet, Ranges, Repeat, Request},
    store::StoreError,
};

/// What allocation has to know of the directory and to tell about its changes.
pub(super) trait View {
    /// The files of an owner, or else those of its container alone, in host-local's order.
    fn held(&mut self, files: &Files, owner: Owner<'_>) -> Result<Vec<Held>, StoreError>;
    /// Whether there is a file with the address's name.
    fn is_taken(&mut self, files: &Files, address: IpAddr) -> Result<bool, StoreError>;
    /// The first address of a range's part, both ends included, that has no file.
    fn next_free(
        &mut self,
        files: &Files,
        range: &Range,
        from: u128,
        to: u128,
    ) -> Result<Option<IpAddr>, StoreError>;
    /// A file was made.
    fn made(
        &mut self,
        files: &Files,
        address: IpAddr,
        owner: Owner<'_>,
        identity: Identity,
    ) -> Result<(), StoreError>;
    /// A file was met that the view did not know.
    fn met(&mut self, files: &Files, address: IpAddr) -> Result<(), StoreError>;
    /// A file was removed.
    fn removed(&mut self, files: &Files, name: &str) -> Result<(), StoreError>;
    /// The marker of a range set.
    fn marker(&mut self, files: &Files, set: usize) -> Marker {
        Marker::read(files, set)
    }
    /// The marker is not needed any more.
    fn keep_marker(&mut self, set: usize, marker: Marker) {
        let _ = (set, marker);
    }
}

/// What an allocation found for one range set.
enum Choice {
    /// The owner holds it already.
    Kept(Assigned),
    /// It is free.
    Fresh(Assigned),
}

/// Gives one address of each range set, or none.
///
/// As in host-local a marker moves as soon as its set is served, and stays there when a later set is not.
pub(super) fn allocate(
    files: &mut Files,
    view: &mut dyn View,
    ranges: &Ranges,
    request: &Request<'_>,
    out: &mut Allocation,
) -> Result<(), StoreError> {
    out.clear();
    if ranges.sets().is_empty() {
        return Err(IpamError::NoRanges.into());
    }
    let mut wanted: Vec<IpAddr> = request.addresses.iter().map(IpAddr::to_canonical).collect();
    let mut fresh = Vec::new();
    let mut serve = || {
        for (set, ranges) in ranges.sets().iter().enumerate() {
            out.push(serve_set(files, view, set, ranges, request, &mut wanted, &mut fresh)?);
        }
        if wanted.is_empty() {
            return Ok(());
        }
        Err(IpamError::Unplaced { addresses: std::mem::take(&mut wanted) }.into())
    };
    let served = serve();
    if served.is_err() {
        out.clear();
    }
    served.or_else(|cause| undo(files, view, &fresh, cause))
}

/// Removes exactly what this call made.
fn undo(files: &Files, view: &mut dyn View, fresh: &[IpAddr], cause: StoreError) -> Result<(), StoreError> {
    let mut left = None;
    for address in fresh {
        let name = file_name(*address);
        if files.unlink(&name).and_then(|_| view.removed(files, &name)).is_err() {
            left = Some(files.path_of(&name));
        }
    }
    match left {
        Some(path) => Err(StoreError::NotUndone { path, cause: Box::new(cause) }),
        None => Err(cause),
    }
}

fn serve_set(
    files: &mut Files,
    view: &mut dyn View,
    set: usize,
    ranges: &RangeSet,
    request: &Request<'_>,
    wanted: &mut Vec<IpAddr>,
    fresh: &mut Vec<IpAddr>,
) -> Result<Assigned, StoreError> {
    let requested = wanted.iter().position(|address| ranges.range_of(*address).is_some());
    if let Some(at) = requested {
        let address = wanted.remove(at);
        let assigned = match choose_requested(files, view, set, ranges, request, address)? {
            Choice::Fresh(assigned) => {
                if !make(files, view, address, request.owner, fresh)? {
                    return Err(IpamError::Taken { set, address }.into());
                }
                assigned
            }
            Choice::Kept(assigned) => assigned,
        };
        let mut marker = view.marker(files, set);
        marker.write(files, address)?;
        view.keep_marker(set, marker);
        return Ok(assigned);
    }
    let held = view.held(files, request.owner)?;
    if let Some((range, address)) =
        held.iter().find_map(|held| Some((ranges.range_of(held.address)?, held.address)))
    {
        return match request.repeat {
            Repeat::Same => Ok(assign(range, address, set)),
            Repeat::Refuse => {
                let owner = request.owner.container().to_owned();
                Err(IpamError::Duplicate { set, address, owner }.into())
            }
        };
    }
    let mut marker = view.marker(files, set);
    loop {
        let Some((range, address)) = next(files, view, ranges, marker.address())? else {
            let size = ranges.size();
            return Err(IpamError::Exhausted { set, held: size, resting: 0, size }.into());
        };
        if make(files, view, address, request.owner, fresh)? {
            marker.write(files, address)?;
            view.keep_marker(set, marker);
            return Ok(assign(range, address, set));
        }
    }
}

/// Whether a requested address can be given. As in host-local what the owner holds besides does not matter.
fn choose_requested(
    files: &Files,
    view: &mut dyn View,
    set: usize,
    ranges: &RangeSet,
    request: &Request<'_>,
    address: IpAddr,
) -> Result<Choice, StoreError> {
    let range = ranges.range_of(address).ok_or(IpamError::NoRanges)?;
    if range.gateway() == address {
        return Err(IpamError::Gateway { set, address }.into());
    }
    if !view.is_taken(files, address)? {
        return Ok(Choice::Fresh(assign(range, address, set)));
    }
    let name = file_name(address);
    let mine = request.repeat == Repeat::Same
        && view.held(files, request.owner)?.iter().any(|held| held.name == name);
    if mine {
        Ok(Choice::Kept(assign(range, address, set)))
    } else {
        Err(IpamError::Taken { set, address }.into())
    }
}

/// Makes the file of an address; false if somebody made it first without the locks.
fn make(
    files: &mut Files,
    view: &mut dyn View,
    address: IpAddr,
    owner: Owner<'_>,
    fresh: &mut Vec<IpAddr>,
) -> Result<bool, StoreError> {
    match files.create_complete(&file_name(address), record(owner).as_bytes())? {
        Some(identity) => {
            fresh.push(address);
            view.made(files, address, owner, identity)?;
            Ok(true)
        }
        None => {
            view.met(files, address)?;
            Ok(false)
        }
    }
}

/// The next free address after the marker: on to the end of its range, through the other ranges of the set, and round to
/// the marker itself.
fn next<'a>(
    files: &Files,
    view: &mut dyn View,
    set: &'a RangeSet,
    after: Option<IpAddr>,
) -> Result<Option<(&'a Range, IpAddr)>, StoreError> {
    let ranges = set.ranges();
    let at = after.and_then(|a| Some((ranges.iter().position(|range| range.contains(a))?, to_number(a))));
    let first = at.map_or(0, |(index, _)| index);
    for turn in 0..=ranges.len() {
        let Some(range) = ranges.get((first + turn) % ranges.len()) else { break };
        let (mut from, mut to) = (to_number(range.start()), to_number(range.end()));
        match at {
            Some((_, last)) if turn == 0 => from = last.saturating_add(1),
            Some((_, last)) if turn == ranges.len() => to = last,
            None if turn == ranges.len() => break,
            _ => {}
        }
        // The gateway is stepped over, so the part is searched before and after it.
        let gateway = Some(range.gateway()).filter(|g| range.contains(*g)).map(to_number);
        let parts = match gateway {
            Some(gateway) => {
                [(from, to.min(gateway.saturating_sub(1))), (from.max(gateway.saturating_add(1)), to)]
            }
            None => [(from, to), (1, 0)],
        };
        for (from, to) in parts {
            if from <= to
                && let Some(address) = view.next_free(files, range, from, to)?
            {
                return Ok(Some((range, address)));
            }
        }
    }
    Ok(None)
}

/// The address that stands for a number in a range.
pub(super) fn address_in(range: &Range, number: u128) -> IpAddr {
    from_number(range.subnet().family(), number)
}

fn assign(range: &Range, address: IpAddr, set: usize) -> Assigned {
    Assigned { address, prefix: range.subnet().length(), gateway: range.gateway(), set }
}
