//! Everything in the directory, read file by file: what is always right, at a cost that grows with it.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    time::{Duration, SystemTime},
};

use rustix::fs::FileType;

use super::{
    allocate::View,
    files::{Files, Identity, Seen},
    marker::Marker,
    name::{Named, OWN},
};
use crate::{
    cidr::from_number,
    ipam::{Holder, Owner, Range, Record},
    store::StoreError,
};

/// The directory as it was read under the locks.
#[derive(Debug, Default)]
pub(super) struct Listing {
    entries: Vec<Entry>,
    taken: BTreeSet<IpAddr>,
    directories: bool,
}

/// One file, or a directory in an address's place.
#[derive(Debug)]
pub(super) struct Entry {
    /// The path below the network's directory.
    pub(super) name: String,
    pub(super) named: Named,
    pub(super) nested: bool,
    pub(super) seen: Seen,
}

/// A file that an owner holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) name: String,
    pub(super) address: IpAddr,
}

/// The files of an owner, in the order of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Owned {
    /// With its container and interface.
    pub(super) exact: Vec<Held>,
    /// With its container alone, as host-local wrote them before 0.8.0.
    pub(super) legacy: Vec<Held>,
}

impl Owned {
    /// What is freed and found: what has the interface, or without any such file what has none.
    pub(super) fn released(self) -> Vec<Held> {
        if self.exact.is_empty() { self.legacy } else { self.exact }
    }

    /// What counts as a duplicate: both.
    pub(super) fn both(mut self) -> Vec<Held> {
        self.exact.append(&mut self.legacy);
        self.exact.sort_by(|a, b| a.name.cmp(&b.name));
        self.exact
    }
}

impl Listing {
    /// Reads everything, in the order in which host-local walks: by name, a directory's files in its place.
    pub(super) fn read(files: &Files) -> Result<Self, StoreError> {
        let mut listing = Self::default();
        let mut open = files.list(".")?;
        open.reverse();
        while let Some(name) = open.pop() {
            let (nested, last) = match name.rsplit_once('/') {
                Some((_, last)) => (true, last),
                None => (false, &*name),
            };
            let named = Named::of(last);
            if !nested && name == OWN {
                continue;
            }
            let Some(seen) = files.look(&name)? else { continue };
            if seen.kind == FileType::Directory && !seen.linked {
                listing.directories = true;
                // As in host-local, what cannot be read below is as if it were not there.
                let below = files.list(&name).unwrap_or_default();
                open.extend(below.into_iter().rev().map(|below| format!("{name}/{below}")));
                if nested || named.address().is_none() {
                    continue;
                }
            }
            if named != Named::Furniture {
                listing.add(Entry { name, named, nested, seen });
            }
        }
        Ok(listing)
    }

    fn add(&mut self, entry: Entry) {
        if let (Named::Address(address), false) = (entry.named, entry.nested) {
            self.taken.insert(address);
        }
        self.entries.push(entry);
    }

    /// Whether there are directories beside this library's own.
    pub(super) const fn has_directories(&self) -> bool {
        self.directories
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many addresses of those that `counts` have a file.
    pub(super) fn count(&self, counts: impl Fn(IpAddr) -> bool) -> u128 {
        self.taken.iter().filter(|address| counts(**address)).count() as u128
    }
}

impl View for Listing {
    fn held(&mut self, _: &Files, owner: Owner<'_>, record: &str) -> Result<Owned, StoreError> {
        let matching = |wanted: &str| {
            let held = |entry: &Entry| {
                let address = entry.named.address()?;
                (trimmed(&entry.seen.content) == Some(wanted))
                    .then(|| Held { name: entry.name.clone(), address })
            };
            self.entries.iter().filter_map(held).collect::<Vec<_>>()
        };
        Ok(Owned { exact: matching(record), legacy: matching(owner.container()) })
    }

    fn is_taken(&mut self, _: &Files, address: IpAddr) -> Result<bool, StoreError> {
        Ok(self.taken.contains(&address))
    }

    fn next_free(
        &mut self,
        _: &Files,
        range: &Range,
        from: u128,
        to: u128,
    ) -> Result<Option<IpAddr>, StoreError> {
        let address = |number| from_number(range.subnet().family(), number);
        Ok((from..=to).map(address).find(|address| !self.taken.contains(address)))
    }

    /// Every call reads everything, and removes what a killed one left.
    fn begin(&mut self, _: &Files) {}

    fn made(&mut self, _: &Files, address: IpAddr, _: &[u8], _: Identity) {
        self.taken.insert(address);
    }

    fn met(&mut self, _: &Files, address: IpAddr) {
        self.taken.insert(address);
    }

    fn removed(&mut self, _: &Files, name: &str, _: &[u8]) {
        self.entries.retain(|entry| entry.name != name);
        if let Named::Address(address) = Named::of(name) {
            self.taken.remove(&address);
        }
    }

    /// Nothing tells without an index.
    fn earlier(&mut self, _: &Files, _: IpAddr) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }

    fn all_earlier(&mut self) -> Result<Vec<IpAddr>, StoreError> {
        Ok(Vec::new())
    }

    fn marker(&mut self, files: &Files, set: usize) -> Marker {
        Marker::read(files, set)
    }

    fn keep_marker(&mut self, _: usize, _: Marker) {}
}

impl Entry {
    pub(super) fn record(&self) -> Record {
        let holder = match self.seen.kind {
            FileType::RegularFile if self.seen.failure.is_some() => foreign("a file that cannot be read"),
            FileType::RegularFile => Holder::parse(&self.seen.content),
            FileType::Directory => foreign("a directory"),
            FileType::Symlink => foreign("a symbolic link to nowhere"),
            _ => foreign("a device, socket or pipe"),
        };
        let mut record = Record::new(self.name.clone(), self.named.address(), holder);
        record.version = self.seen.version();
        record.age = self.seen.identity.map(|identity| age(identity.modified, SystemTime::now()));
        record
    }
}

impl Seen {
    /// What tells this state of the file from any later one.
    pub(super) fn version(&self) -> u64 {
        self.identity.map_or(0, |identity| identity.version(&self.content))
    }
}

/// How long ago a file was written, by the machine's clock; nothing at all if that is in the future.
fn age(modified: (i64, i64), now: SystemTime) -> Duration {
    let seconds = u64::try_from(modified.0).unwrap_or(0);
    let nanoseconds = u64::try_from(modified.1).unwrap_or(0);
    let written = Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanoseconds));
    now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().saturating_sub(written)
}

fn foreign(found: &str) -> Holder {
    Holder::Foreign { found: found.to_owned() }
}

/// The record of an owner, as host-local writes it since 0.8.0.
pub(super) fn record(owner: Owner<'_>) -> String {
    [owner.container(), "\r\n", owner.interface()].concat()
}

/// A record's content as host-local compares it: without white space around. `None` if it is no text.
pub(super) fn trimmed(content: &[u8]) -> Option<&str> {
    std::str::from_utf8(content).ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_future_is_new() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        assert_eq!(age((990, 500_000_000), now), Duration::from_millis(9500));
        assert_eq!(age((2000, 0), now), Duration::ZERO);
        assert_eq!(age((-5, 0), now), Duration::from_secs(1000));
    }
}
