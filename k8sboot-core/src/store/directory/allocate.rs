//! Giving addresses: host-local's order, all or nothing.

use std::net::IpAddr;

use super::{
    files::{Files, Identity},
    listing::{Owned, record},
    marker::Marker,
    name::file_name,
};
use crate::{
    cidr::to_number,
    ipam::{Allocation, Assigned, IpamError, Owner, Range, RangeSet, Ranges, Repeat, Request},
    store::StoreError,
};

/// What allocation has to know of the directory and to tell about its changes.
pub(super) trait View {
    /// The files of an owner.
    fn held(&mut self, files: &Files, owner: Owner<'_>) -> Result<Owned, StoreError>;
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
    /// Something is about to be made that a killed call would leave behind unseen.
    fn begin(&mut self, files: &Files);
    /// A file was made.
    fn made(&mut self, files: &Files, address: IpAddr, content: &[u8], identity: Identity);
    /// A file was met that the view did not know.
    fn met(&mut self, files: &Files, address: IpAddr);
    /// A file with this content was removed.
    fn removed(&mut self, files: &Files, name: &str, content: &[u8]);
    /// The marker of a range set.
    fn marker(&mut self, files: &Files, set: usize) -> Marker;
    /// The marker is not needed for now.
    fn keep_marker(&mut self, set: usize, marker: Marker);
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
    served.or_else(|cause| undo(files, view, request.owner, &fresh, cause))
}

/// Removes exactly what this call made.
fn undo(
    files: &Files,
    view: &mut dyn View,
    owner: Owner<'_>,
    fresh: &[IpAddr],
    cause: StoreError,
) -> Result<(), StoreError> {
    let record = record(owner);
    let mut left = None;
    for address in fresh {
        let name = file_name(*address);
        match files.unlink(&name) {
            Ok(_) => view.removed(files, &name, record.as_bytes()),
            Err(_) => left = Some(files.path_of(&name)),
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
        let marker = view.marker(files, set);
        move_marker(files, view, set, marker, address)?;
        return Ok(assigned);
    }
    let held = view.held(files, request.owner)?.both();
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
    let marker = view.marker(files, set);
    loop {
        let Some((range, address)) = next(files, view, ranges, marker.address())? else {
            view.keep_marker(set, marker);
            let size = ranges.size();
            return Err(IpamError::Exhausted { set, held: size, resting: 0, size }.into());
        };
        if make(files, view, address, request.owner, fresh)? {
            move_marker(files, view, set, marker, address)?;
            return Ok(assign(range, address, set));
        }
    }
}

fn move_marker(
    files: &mut Files,
    view: &mut dyn View,
    set: usize,
    mut marker: Marker,
    address: IpAddr,
) -> Result<(), StoreError> {
    if marker.needs_temporary(address) || files.needs_temporary() {
        view.begin(files);
    }
    marker.write(files, address)?;
    view.keep_marker(set, marker);
    Ok(())
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
        && view.held(files, request.owner)?.both().iter().any(|held| held.name == name);
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
    if files.needs_temporary() {
        view.begin(files);
    }
    let record = record(owner);
    match files.create_complete(&file_name(address), record.as_bytes())? {
        Some(identity) => {
            fresh.push(address);
            view.made(files, address, record.as_bytes(), identity);
            Ok(true)
        }
        None => {
            view.met(files, address);
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

fn assign(range: &Range, address: IpAddr, set: usize) -> Assigned {
    Assigned { address, prefix: range.subnet().length(), gateway: range.gateway(), set }
}
