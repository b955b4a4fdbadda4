//! What a journal says about the directory, and what to do where the directory says something else.

use std::collections::{BTreeMap, BTreeSet};

use super::Entry;

/// What the entries of a journal come to.
#[derive(Debug, Default)]
pub(crate) struct Outcome<'a> {
    files: BTreeMap<&'a str, File<'a>>,
    released: BTreeSet<&'a [u8]>,
}

/// What the journal says about one file.
#[derive(Debug)]
struct File<'a> {
    now: State<'a>,
    /// The records it had before. A power loss may bring any of them back.
    former: Vec<&'a [u8]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State<'a> {
    Held(&'a [u8]),
    Free,
    Marker(&'a [u8]),
}

/// What to do with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change<'a> {
    /// Nothing.
    Keep,
    /// Give it this content, whole.
    Put(&'a [u8]),
    /// Remove it.
    Remove,
}

impl<'a> Outcome<'a> {
    /// Works it out; the entries are in their order.
    pub(crate) fn of(entries: &[Entry<'a>]) -> Self {
        let mut outcome = Self::default();
        let mut held: BTreeMap<&[u8], BTreeSet<&str>> = BTreeMap::new();
        for entry in entries {
            match *entry {
                Entry::Held { name, record } => {
                    outcome.set(name, State::Held(record), None);
                    held.entry(record).or_default().insert(name);
                }
                Entry::Freed { name, record } => outcome.set(name, State::Free, Some(record)),
                Entry::Marker { name, record } => outcome.set(name, State::Marker(record), None),
                Entry::Released { record } => {
                    outcome.released.insert(record);
                    for name in held.remove(record).unwrap_or_default() {
                        if outcome.files.get(name).is_some_and(|file| file.now == State::Held(record)) {
                            outcome.set(name, State::Free, None);
                        }
                    }
                }
                Entry::Checkpoint { .. } => {}
            }
        }
        outcome
    }

    fn set(&mut self, name: &'a str, now: State<'a>, had: Option<&'a [u8]>) {
        let file = self.files.entry(name).or_insert(File { now, former: Vec::new() });
        let before = match std::mem::replace(&mut file.now, now) {
            State::Held(record) if State::Held(record) != now => Some(record),
            _ => None,
        };
        file.former.extend(before.into_iter().chain(had));
    }

    /// The files that the journal knows of.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.files.keys().copied()
    }

    /// Whether the journal knows of a file.
    pub(crate) fn names_file(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// What to do with a file that holds `found`, or is missing.
    ///
    /// A power loss leaves a new file missing, empty, full of zeros or short, and brings a removed one back. Anything
    /// else that differs is somebody else's and stays. So that an address that no journal knows is not lost for ever, its
    /// file is removed if it is empty or all zeros.
    pub(crate) fn change(&self, name: &str, found: Option<&[u8]>) -> Change<'a> {
        let file = self.files.get(name);
        let former = file.map_or(&[][..], |file| &file.former);
        let is_left = |found: &[u8]| {
            is_blank(found)
                || self.released.contains(found)
                || former.iter().any(|record| is_torn(record, found))
        };
        match (file.map_or(State::Free, |file| file.now), found) {
            (State::Held(record) | State::Marker(record), None) => Change::Put(record),
            (State::Held(record), Some(found))
                if found != record && (is_torn(record, found) || is_left(found)) =>
            {
                Change::Put(record)
            }
            (State::Marker(record), Some(found)) if found != record => Change::Put(record),
            (State::Free, Some(found)) if is_left(found) => Change::Remove,
            _ => Change::Keep,
        }
    }
}

/// Whether a file holds what a power loss may have left of a record, all of it included.
fn is_torn(record: &[u8], found: &[u8]) -> bool {
    let end = found.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    found.get(..end).is_some_and(|written| record.starts_with(written))
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
    const MARKER: &str = "last_reserved_ip.0";

    fn held<'a>(name: &'a str, record: &'a [u8]) -> Entry<'a> {
        Entry::Held { name, record }
    }

    fn freed<'a>(name: &'a str, record: &'a [u8]) -> Entry<'a> {
        Entry::Freed { name, record }
    }

    #[test]
    fn the_last_entry_of_a_file_counts() {
        let marker = |record| Entry::Marker { name: MARKER, record };
        let entries = [held("2", A), marker(b"2"), freed("2", A), held("2", B), held("3", A), freed("3", A)];
        let outcome = Outcome::of(&entries);
        assert_eq!(outcome.change("2", None), Change::Put(B));
        assert_eq!(outcome.change("3", Some(A)), Change::Remove);
        assert_eq!(outcome.change(MARKER, Some(b"1")), Change::Put(b"2"));
        assert_eq!(outcome.change(MARKER, Some(b"2")), Change::Keep);
        assert_eq!(outcome.names().collect::<Vec<_>>(), ["2", "3", MARKER]);
    }

    #[test]
    fn what_an_address_held_before_may_come_back_and_does_not_win() {
        let outcome = Outcome::of(&[freed("2", A), held("2", B)]);
        assert_eq!(outcome.change("2", Some(A)), Change::Put(B));
        let outcome = Outcome::of(&[held("2", A), held("2", B), freed("2", B)]);
        assert_eq!(outcome.change("2", Some(A)), Change::Remove);
    }

    #[test]
    fn a_released_owner_holds_nothing_but_what_it_was_given_since() {
        let released = Entry::Released { record: A };
        let outcome = Outcome::of(&[held("2", A), held("3", A), released, held("3", A), held("4", B)]);
        assert_eq!(outcome.change("2", Some(A)), Change::Remove);
        assert_eq!(outcome.change("2", None), Change::Keep);
        assert_eq!(outcome.change("3", None), Change::Put(A));
        assert_eq!(outcome.change("4", Some(A)), Change::Put(B));
        assert_eq!(outcome.change("5", Some(A)), Change::Remove, "older than the journal");
        assert_eq!(outcome.change("5", Some(B)), Change::Keep);
    }

    #[test]
    fn a_held_address_is_put_right_unless_it_is_somebody_elses() {
        let outcome = Outcome::of(&[held("2", A)]);
        for torn in [&b""[..], b"\0\0\0\0", b"a", b"a\r", b"a\r\n", b"a\r\neth", b"a\r\ne\0\0\0"] {
            assert_eq!(outcome.change("2", Some(torn)), Change::Put(A), "{torn:?}");
        }
        for kept in [A, B, b"x", b"a\r\neth1"] {
            assert_eq!(outcome.change("2", Some(kept)), Change::Keep, "{kept:?}");
        }
    }

    #[test]
    fn a_freed_address_is_removed_unless_it_is_somebody_elses() {
        let outcome = Outcome::of(&[freed("2", A)]);
        for back in [A, b"", b"\0", b"a\r\n"] {
            assert_eq!(outcome.change("2", Some(back)), Change::Remove, "{back:?}");
        }
        assert_eq!(outcome.change("2", Some(B)), Change::Keep);
        assert_eq!(outcome.change("2", None), Change::Keep);
    }

    #[test]
    fn a_file_that_no_journal_knows_is_removed_only_when_blank() {
        let outcome = Outcome::of(&[]);
        assert_eq!(outcome.change("2", Some(b"")), Change::Remove);
        assert_eq!(outcome.change("2", Some(A)), Change::Keep);
        assert_eq!(outcome.change("2", None), Change::Keep);
    }
}
