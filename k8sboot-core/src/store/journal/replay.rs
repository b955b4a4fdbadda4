//! What a journal says about the directory, and what to do where the directory says something else.

use std::{collections::BTreeMap, net::IpAddr};

use super::Entry;

/// What the entries of a journal come to.
#[derive(Debug, Default)]
pub(crate) struct Outcome<'a> {
    last: BTreeMap<IpAddr, (State, &'a [u8])>,
    markers: BTreeMap<u16, IpAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Held,
    Freed,
}

/// What to do with the file of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change<'a> {
    /// Nothing.
    Keep,
    /// Give it this record, whole.
    Put(&'a [u8]),
    /// Remove it.
    Remove,
}

impl<'a> Outcome<'a> {
    /// Works it out; the entries are in their order.
    pub(crate) fn of(entries: &[Entry<'a>]) -> Self {
        let mut outcome = Self::default();
        for entry in entries {
            match *entry {
                Entry::Held { address, set, record } => {
                    outcome.last.insert(address, (State::Held, record));
                    if let Some(set) = set {
                        outcome.markers.insert(set, address);
                    }
                }
                Entry::Freed { address, record } => {
                    outcome.last.insert(address, (State::Freed, record));
                }
                Entry::Checkpoint { .. } => {}
            }
        }
        outcome
    }

    /// The addresses that the journal knows of.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.last.keys().copied()
    }

    /// The address given last in each range set, as far as the journal knows.
    pub(crate) fn markers(&self) -> impl Iterator<Item = (u16, IpAddr)> {
        self.markers.iter().map(|(set, address)| (*set, *address))
    }

    /// What to do with the file of an address that holds `found`, or is missing.
    ///
    /// A power loss leaves a new file missing, empty, full of zeros or short, and brings a removed one back. Anything
    /// else that differs is somebody else's and stays. So that an address of no journal is not lost for ever, its file is
    /// removed if it is empty or all zeros.
    pub(crate) fn change(&self, address: IpAddr, found: Option<&[u8]>) -> Change<'a> {
        let torn =
            |record: &[u8], found: &[u8]| is_blank(found) || record.starts_with(found.trim_ascii_end());
        match (self.last.get(&address), found) {
            (Some((State::Held, record)), None) => Change::Put(record),
            (Some((State::Held, record)), Some(found)) if found != *record && torn(record, found) => {
                Change::Put(record)
            }
            (Some((State::Freed, record)), Some(found)) if torn(record, found) => Change::Remove,
            (None, Some(found)) if is_blank(found) => Change::Remove,
            _ => Change::Keep,
        }
    }
}

/// Whether nothing was written to a file yet, as far as the disk knows.
fn is_blank(found: &[u8]) -> bool {
    found.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &[u8] = b"a\r\neth0";
    const B: &[u8] = b"b\r\neth0";

    fn address(last: u8) -> IpAddr {
        [10, 1, 2, last].into()
    }

    fn held(last: u8, record: &[u8]) -> Entry<'_> {
        Entry::Held { address: address(last), set: Some(0), record }
    }

    fn freed(last: u8, record: &[u8]) -> Entry<'_> {
        Entry::Freed { address: address(last), record }
    }

    #[test]
    fn the_last_entry_of_an_address_counts() {
        let entries = [held(2, A), freed(2, A), held(2, B), held(3, A), freed(3, A)];
        let outcome = Outcome::of(&entries);
        assert_eq!(outcome.change(address(2), None), Change::Put(B));
        assert_eq!(outcome.change(address(3), Some(A)), Change::Remove);
        assert_eq!(outcome.markers().collect::<Vec<_>>(), [(0, address(3))]);
        assert_eq!(outcome.addresses().count(), 2);
    }

    #[test]
    fn a_held_address_is_put_right_unless_it_is_somebody_elses() {
        let outcome = Outcome::of(&[held(2, A)]);
        for torn in [&b""[..], b"\0\0\0\0", b"a", b"a\r", b"a\r\n", b"a\r\neth"] {
            assert_eq!(outcome.change(address(2), Some(torn)), Change::Put(A), "{torn:?}");
        }
        for kept in [A, B, b"x", b"a\r\neth1"] {
            assert_eq!(outcome.change(address(2), Some(kept)), Change::Keep, "{kept:?}");
        }
    }

    #[test]
    fn a_freed_address_is_removed_unless_it_is_somebody_elses() {
        let outcome = Outcome::of(&[freed(2, A)]);
        for back in [A, b"", b"\0", b"a\r\n"] {
            assert_eq!(outcome.change(address(2), Some(back)), Change::Remove, "{back:?}");
        }
        assert_eq!(outcome.change(address(2), Some(B)), Change::Keep);
        assert_eq!(outcome.change(address(2), None), Change::Keep);
    }

    #[test]
    fn a_file_that_no_journal_knows_is_removed_only_when_blank() {
        let outcome = Outcome::of(&[]);
        assert_eq!(outcome.change(address(2), Some(b"")), Change::Remove);
        assert_eq!(outcome.change(address(2), Some(A)), Change::Keep);
        assert_eq!(outcome.change(address(2), None), Change::Keep);
    }
}
