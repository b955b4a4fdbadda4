//! Everything in the directory, read file by file: what is always right, at a cost that grows with it.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    time::{Duration, SystemTime},
};

use rustix::fs::FileType;

use super::{
    files::{Files, Seen},
    name::{Named, OWN},
};
use crate::{
    ipam::{Holder, Owner, Record},
    store::StoreError,
};

/// The directory as it was read under the locks.
#[derive(Debug, Default)]
pub(super) struct Listing {
    entries: Vec<Entry>,
    taken: BTreeSet<IpAddr>,
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

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The files of an owner; without any, those of its container without an interface.
    pub(super) fn held(&self, owner: Owner<'_>) -> Vec<Held> {
        let matching = |wanted: &str| {
            let held = |entry: &Entry| {
                let address = entry.named.address()?;
                (trimmed(&entry.seen.content) == Some(wanted))
                    .then(|| Held { name: entry.name.clone(), address })
            };
            self.entries.iter().filter_map(held).collect::<Vec<_>>()
        };
        let exact = matching(&record(owner));
        if exact.is_empty() { matching(owner.container()) } else { exact }
    }

    pub(super) fn is_taken(&self, address: IpAddr) -> bool {
        self.taken.contains(&address)
    }

    /// The first address from `from` to `to` without a file.
    pub(super) fn next_free(
        &self,
        from: u128,
        to: u128,
        address_of: impl Fn(u128) -> IpAddr,
    ) -> Option<IpAddr> {
        (from..=to).map(address_of).find(|address| !self.taken.contains(address))
    }

    /// How many addresses of those that `counts` have a file.
    pub(super) fn count(&self, counts: impl Fn(IpAddr) -> bool) -> u128 {
        self.taken.iter().filter(|address| counts(**address)).count() as u128
    }

    /// Notes a file that was made or met.
    pub(super) fn note_taken(&mut self, address: IpAddr) {
        self.taken.insert(address);
    }

    /// Notes that a file was removed.
    pub(super) fn note_removed(&mut self, name: &str) {
        self.entries.retain(|entry| entry.name != name);
        if let Named::Address(address) = Named::of(name) {
            self.taken.remove(&address);
        }
    }
}

impl Entry {
    pub(super) fn record(&self) -> Record {
        let holder = match self.seen.kind {
            FileType::RegularFile if self.seen.unreadable => foreign("a file that cannot be read"),
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
    format!("{}\r\n{}", owner.container(), owner.interface())
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
