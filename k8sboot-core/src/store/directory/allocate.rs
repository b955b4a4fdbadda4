//! Giving addresses: host-local's order, all or nothing.

use std::net::IpAddr;

use super::{
    files::{Files, Identity},
    listing::Owned,
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
    /// The files of an owner, whose record it is.
    fn held(&mut self, files: &Files, owner: Owner<'_>, record: &str) -> Result<Owned, StoreError>;
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
    /// The record of an address, if it was certainly written before this boot.
    fn earlier(&mut self, files: &Files, address: IpAddr) -> Result<Option<Vec<u8>>, StoreError>;
    /// The addresses whose records may be from before this boot.
    fn all_earlier(&mut self) -> Result<Vec<IpAddr>, StoreError>;
    /// The marker of a range set.
    fn marker(&mut self, files: &Files, set: usize) -> Marker;
    /// The marker is not needed for now.
    fn keep_marker(&mut self, set: usize, marker: Marker);
}

/// One allocation under way.
struct Call<'a, 'b> {
    files: &'a mut Files,
    view: &'a mut dyn View,
    request: &'a Request<'b>,
    /// The owner's record.
    record: &'a str,
    /// Records of before this boot may be taken over.
    reclaim: bool,
    /// What was asked for and is not given yet.
    wanted: Vec<IpAddr>,
    /// What this call made.
    fresh: Vec<IpAddr>,
}

/// Gives one address of each range set, or none.
///
/// As in host-local a marker moves as soon as its set is served, and stays there when a later set is not.
pub(super) fn allocate(
    files: &mut Files,
    view: &mut dyn View,
    ranges: &Ranges,
    (request, record): (&Request<'_>, &str),
    reclaim: bool,
    out: &mut Allocation,
) -> Result<(), StoreError> {
    out.clear();
    if ranges.sets().is_empty() {
        return Err(IpamError::NoRanges.into());
    }
    let wanted = request.addresses.iter().map(IpAddr::to_canonical).collect();
    let mut call = Call { files, view, request, record, reclaim, wanted, fresh: Vec::new() };
    let served = call.serve(ranges, out);
    if served.is_err() {
        out.clear();
    }
    served.or_else(|cause| call.undo(cause))
}

impl Call<'_, '_> {
    fn serve(&mut self, ranges: &Ranges, out: &mut Allocation) -> Result<(), StoreError> {
        for (set, ranges) in ranges.sets().iter().enumerate() {
            out.push(self.serve_set(set, ranges)?);
        }
        if self.wanted.is_empty() {
            return Ok(());
        }
        Err(IpamError::Unplaced { addresses: std::mem::take(&mut self.wanted) }.into())
    }

    /// Removes exactly what this call made.
    fn undo(&mut self, cause: StoreError) -> Result<(), StoreError> {
        let mut left = None;
        for address in &self.fresh {
            let name = file_name(*address);
            match self.files.unlink(&name) {
                Ok(_) => self.view.removed(self.files, &name, self.record.as_bytes()),
                Err(_) => left = Some(self.files.path_of(&name)),
            }
        }
        match left {
            Some(path) => Err(StoreError::NotUndone { path, cause: Box::new(cause) }),
            None => Err(cause),
        }
    }

    fn serve_set(&mut self, set: usize, ranges: &RangeSet) -> Result<Assigned, StoreError> {
        if let Some(at) = self.wanted.iter().position(|address| ranges.range_of(*address).is_some()) {
            let address = self.wanted.remove(at);
            return self.give_requested(set, ranges, address);
        }
        let held = self.view.held(self.files, self.request.owner, self.record)?.both();
        if let Some((range, address)) =
            held.iter().find_map(|held| Some((ranges.range_of(held.address)?, held.address)))
        {
            // Who asks in this boot is alive in it.
            let same = self.request.repeat == Repeat::Same;
            let renewed = (same || self.reclaim) && self.renew(address)?;
            if same || renewed {
                return Ok(assign(range, address, set));
            }
            let owner = self.request.owner.container().to_owned();
            return Err(IpamError::Duplicate { set, address, owner }.into());
        }
        let marker = self.view.marker(self.files, set);
        loop {
            let Some((range, address)) = self.next(ranges, marker.address())? else {
                return self.give_earlier(set, ranges, marker);
            };
            if self.make(address)? {
                self.move_marker(set, marker, address)?;
                return Ok(assign(range, address, set));
            }
        }
    }

    /// Gives an address that was asked for. As in host-local what the owner holds besides does not matter.
    fn give_requested(
        &mut self,
        set: usize,
        ranges: &RangeSet,
        address: IpAddr,
    ) -> Result<Assigned, StoreError> {
        let range = ranges.range_of(address).ok_or(IpamError::NoRanges)?;
        if range.gateway() == address {
            return Err(IpamError::Gateway { set, address }.into());
        }
        let given = if self.view.is_taken(self.files, address)? {
            let name = file_name(address);
            let mine = self.request.repeat == Repeat::Same
                && self
                    .view
                    .held(self.files, self.request.owner, self.record)?
                    .both()
                    .iter()
                    .any(|held| *held.name == *name);
            mine || self.take_over(address)?
        } else {
            self.make(address)?
        };
        if !given {
            return Err(IpamError::Taken { set, address }.into());
        }
        let marker = self.view.marker(self.files, set);
        self.move_marker(set, marker, address)?;
        Ok(assign(range, address, set))
    }

    /// Gives an address whose holder died with an earlier boot, the next one after the marker, when none is free.
    fn give_earlier(
        &mut self,
        set: usize,
        ranges: &RangeSet,
        marker: Marker,
    ) -> Result<Assigned, StoreError> {
        if self.reclaim {
            let order = |address: &IpAddr| {
                (ranges.ranges().iter().position(|range| range.contains(*address)), to_number(*address))
            };
            let last = marker.address().map(|address| order(&address));
            let mut earlier = self.view.all_earlier()?;
            earlier.retain(|a| ranges.range_of(*a).is_some_and(|range| range.gateway() != *a));
            earlier.sort_by_key(|address| (Some(order(address)) <= last, order(address)));
            for address in earlier {
                if let Some(range) = ranges.range_of(address)
                    && self.take_over(address)?
                {
                    self.move_marker(set, marker, address)?;
                    return Ok(assign(range, address, set));
                }
            }
        }
        self.view.keep_marker(set, marker);
        let size = ranges.size();
        Err(IpamError::Exhausted { set, held: size, resting: 0, size }.into())
    }

    /// Makes the file of an address; false if somebody made it first without the locks.
    fn make(&mut self, address: IpAddr) -> Result<bool, StoreError> {
        if self.files.needs_temporary() {
            self.view.begin(self.files);
        }
        let record = self.record.as_bytes();
        match self.files.create_complete(&file_name(address), record)? {
            Some(identity) => {
                self.fresh.push(address);
                self.view.made(self.files, address, record, identity);
                Ok(true)
            }
            None => {
                self.view.met(self.files, address);
                Ok(false)
            }
        }
    }

    /// Takes the address of somebody who died with an earlier boot; false if that is not certain, or must not be done.
    fn take_over(&mut self, address: IpAddr) -> Result<bool, StoreError> {
        let taken = self.reclaim && self.renew(address)?;
        if taken {
            self.fresh.push(address);
        }
        Ok(taken)
    }

    /// Puts the owner's record in place of one of before this boot; false if it is not certainly that.
    fn renew(&mut self, address: IpAddr) -> Result<bool, StoreError> {
        let Some(old) = self.view.earlier(self.files, address)? else { return Ok(false) };
        self.view.begin(self.files);
        let (name, record) = (file_name(address), self.record.as_bytes());
        let identity = self.files.replace(&name, record)?;
        self.view.removed(self.files, &name, &old);
        self.view.made(self.files, address, record, identity);
        Ok(true)
    }

    fn move_marker(&mut self, set: usize, mut marker: Marker, address: IpAddr) -> Result<(), StoreError> {
        if marker.needs_temporary(address) || self.files.needs_temporary() {
            self.view.begin(self.files);
        }
        marker.write(self.files, address)?;
        self.view.keep_marker(set, marker);
        Ok(())
    }

    /// The next free address after the marker: on to the end of its range, through the other ranges of the set, and round
    /// to the marker itself.
    fn next<'a>(
        &mut self,
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
                    && let Some(address) = self.view.next_free(self.files, range, from, to)?
                {
                    return Ok(Some((range, address)));
                }
            }
        }
        Ok(None)
    }
}

fn assign(range: &Range, address: IpAddr, set: usize) -> Assigned {
    Assigned { address, prefix: range.subnet().length(), gateway: range.gateway(), set }
}
