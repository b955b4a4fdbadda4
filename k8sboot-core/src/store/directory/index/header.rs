//! The first block of the index: what it was written for, how it is laid out and what changed last.

use std::net::IpAddr;

use rustix::fs::Stat;

use super::super::{files::Identity, hash::Hash};
use crate::cidr::{Family, from_number, to_number};

/// Bytes kept for the header; the rest of the file begins after them.
pub(super) const BLOCK: u64 = 4096;
/// Where the mark of an unfinished change is.
pub(super) const DIRTY: u64 = 2888;
/// Bytes of the header that are written.
pub(super) const LENGTH: usize = 2896;
/// How many addresses with an empty record are noted one by one.
pub(super) const UNSURE: usize = 8;
/// How many of the last changes are noted.
pub(super) const CHANGES: usize = 32;
/// The longest part of the file that changes as one.
const LONGEST: usize = 64;
/// "k8sboot" and the version of the layout.
const MAGIC: u64 = 0x6b38_7362_6f6f_7402;
/// Where the bytes of the changes are.
const DATA: usize = 832;
const CHECK: usize = 2880;

/// The last change of one part of the file.
///
/// A change is written with the header, in one write, and to its place in the file only when the header has no room for it
/// any more: so a call costs one write, and who is killed leaves either all of its changes or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// Which change of the index it belongs to.
    pub(super) sequence: u64,
    pub(super) offset: u64,
    pub(super) pending: bool,
    /// Its place in the file holds zeros, as long as this process knows: nothing is to be written to make it zeros again.
    blank: bool,
    length: usize,
    data: [u8; LONGEST],
}

impl Change {
    pub(super) fn data(&self) -> &[u8] {
        self.data.get(..self.length).unwrap_or_default()
    }
}

/// The directory's identity and times right after the last change that the index knows.
///
/// The modification time is one that no clock shows: whoever creates, renames or removes a file after that moves it, and
/// nobody can move it back by accident. The status time moves with every other change of the directory itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    /// The boot in which it was written, as a hash.
    pub(super) boot: u64,
    pub(super) stamp: Stamp,
    /// Counts the changes.
    pub(super) sequence: u64,
    /// Tells one complete writing of the file from another.
    pub(super) generation: u64,
    /// What the next modification time is made of.
    pub(super) nonce: u64,
    pub(super) slots: u64,
    pub(super) pages: u64,
    pub(super) used_slots: u64,
    pub(super) used_pages: u64,
    /// Addresses whose record was empty when it was read.
    pub(super) unsure: Vec<IpAddr>,
    /// The last changes, each of another part of the file.
    pub(super) changes: Vec<Change>,
    /// The sequence of the latest change that is no longer among them.
    pub(super) forgotten: u64,
}

impl Stamp {
    #[allow(clippy::useless_conversion, reason = "the types differ between machines")]
    pub(super) fn of(stat: &Stat) -> Self {
        let identity = Identity::of(stat);
        Self {
            device: stat.st_dev.into(),
            inode: identity.inode,
            modified: identity.modified,
            changed: identity.changed,
        }
    }

    pub(super) const fn modified(&self) -> (i64, i64) {
        self.modified
    }
}

/// The modification time of a nonce: in the years 1976 to 1979, in which no machine's clock is.
pub(super) fn time_of(nonce: u64) -> (i64, i64) {
    const SECOND: u64 = 1_000_000_000;
    let seconds = 200_000_000 + nonce / SECOND % 100_000_000;
    (seconds.cast_signed(), (nonce % SECOND).cast_signed())
}

impl Header {
    /// Notes a change of the next sequence; the one that had to go for it. `blank` says that there were zeros before.
    pub(super) fn note(&mut self, offset: u64, new: &[u8], blank: bool) -> Option<Change> {
        let same = self.changes.iter_mut().find(|change| change.offset == offset);
        // A change is written to its place when it goes: until then what was there before the first is there.
        let blank = same.as_ref().map_or(blank, |same| same.blank);
        let mut change = Change {
            sequence: self.sequence + 1,
            offset,
            pending: !blank || new.iter().any(|byte| *byte != 0),
            blank,
            length: new.len(),
            data: [0; LONGEST],
        };
        change.data.get_mut(..new.len())?.copy_from_slice(new);
        if let Some(same) = same {
            *same = change;
            return None;
        }
        let mut gone = None;
        if self.changes.len() == CHANGES
            && let Some((at, _)) = self.changes.iter().enumerate().min_by_key(|(_, change)| change.sequence)
        {
            let oldest = self.changes.swap_remove(at);
            self.forgotten = self.forgotten.max(oldest.sequence);
            gone = Some(oldest);
        }
        self.changes.push(change);
        gone
    }

    /// Another process may have written to the file.
    pub(super) fn forget_blanks(&mut self) {
        self.changes.iter_mut().for_each(|change| change.blank = false);
    }

    /// The changes after a state of the same generation; `None` if they are not all known.
    pub(super) fn since(&self, generation: u64, sequence: u64) -> Option<impl Iterator<Item = &Change>> {
        let known = self.generation == generation && self.forgotten <= sequence;
        known.then(|| self.changes.iter().filter(move |change| change.sequence > sequence))
    }

    pub(super) fn encode(&self) -> [u8; LENGTH] {
        let mut out = [0; LENGTH];
        let mut at = 0;
        let mut number = |value: u64| {
            put(&mut out, at, value);
            at += 8;
        };
        let (modified, changed) = (self.stamp.modified, self.stamp.changed);
        for value in [
            MAGIC,
            self.boot,
            self.stamp.device,
            self.stamp.inode,
            modified.0.cast_unsigned(),
            modified.1.cast_unsigned(),
            changed.0.cast_unsigned(),
            changed.1.cast_unsigned(),
            self.sequence,
            self.generation,
            self.nonce,
            self.slots,
            self.pages,
            self.used_slots,
            self.used_pages,
            self.forgotten,
        ] {
            number(value);
        }
        for index in 0..UNSURE {
            let (family, bits) = self.unsure.get(index).map_or((0, 0), |address| {
                (if Family::of(address) == Family::V4 { 4 } else { 6 }, to_number(*address))
            });
            for value in [family, high(bits), low(bits)] {
                number(value);
            }
        }
        for index in 0..CHANGES {
            let change = self.changes.get(index);
            let (sequence, place) = change.map_or((0, 0), |change| {
                (
                    change.sequence,
                    change.offset << 8 | (change.length as u64) << 1 | u64::from(change.pending),
                )
            });
            number(sequence);
            number(place);
        }
        for (place, change) in
            out.get_mut(DATA..).unwrap_or_default().chunks_exact_mut(LONGEST).zip(&self.changes)
        {
            place.copy_from_slice(&change.data);
        }
        let check = check(&out);
        put(&mut out, CHECK, check);
        out
    }

    /// The header and whether a change was left unfinished; `None` if it is no header of this layout.
    pub(super) fn decode(bytes: &[u8]) -> Option<(Self, bool)> {
        if bytes.len() < LENGTH || get(bytes, 0) != MAGIC || get(bytes, CHECK) != check(bytes) {
            return None;
        }
        let mut at = 0;
        let mut number = || {
            at += 8;
            get(bytes, at)
        };
        let mut header = Self { boot: number(), ..Self::default() };
        header.stamp.device = number();
        header.stamp.inode = number();
        header.stamp.modified = (number().cast_signed(), number().cast_signed());
        header.stamp.changed = (number().cast_signed(), number().cast_signed());
        for field in [
            &mut header.sequence,
            &mut header.generation,
            &mut header.nonce,
            &mut header.slots,
            &mut header.pages,
            &mut header.used_slots,
            &mut header.used_pages,
            &mut header.forgotten,
        ] {
            *field = number();
        }
        for _ in 0..UNSURE {
            let (family, bits) = (number(), join(number(), number()));
            match family {
                4 => header.unsure.push(from_number(Family::V4, bits)),
                6 => header.unsure.push(from_number(Family::V6, bits)),
                _ => {}
            }
        }
        for data in bytes.get(DATA..CHECK)?.chunks_exact(LONGEST) {
            let (sequence, place) = (number(), number());
            let length = usize::try_from(place >> 1 & 0x7f).ok()?;
            if length > LONGEST {
                return None;
            }
            if length > 0 {
                let (offset, pending) = (place >> 8, place & 1 == 1);
                header.changes.push(Change {
                    sequence,
                    offset,
                    pending,
                    blank: false,
                    length,
                    data: data.try_into().ok()?,
                });
            }
        }
        let dirty = get(bytes, usize::try_from(DIRTY).ok()?) != 0;
        let sane = header.slots.is_power_of_two() && header.pages.is_power_of_two();
        (sane && header.slots <= 1 << 32 && header.pages <= 1 << 32).then_some((header, dirty))
    }
}

/// A number at an offset; 0 outside.
pub(super) fn get(bytes: &[u8], at: usize) -> u64 {
    let part = bytes.get(at..at + 8).and_then(|part| part.try_into().ok());
    u64::from_le_bytes(part.unwrap_or_default())
}

pub(super) fn put(bytes: &mut [u8], at: usize, value: u64) {
    if let Some(part) = bytes.get_mut(at..at + 8) {
        part.copy_from_slice(&value.to_le_bytes());
    }
}

pub(super) const fn join(high: u64, low: u64) -> u128 {
    (high as u128) << 64 | low as u128
}

#[allow(clippy::cast_possible_truncation, reason = "that is its purpose")]
pub(super) const fn low(number: u128) -> u64 {
    number as u64
}

pub(super) const fn high(number: u128) -> u64 {
    low(number >> 64)
}

/// Four sums side by side, which a processor works on at once.
fn check(bytes: &[u8]) -> u64 {
    let mut lanes = [Hash::new(); 4];
    for part in bytes.get(..CHECK).unwrap_or_default().chunks_exact(32) {
        for (lane, word) in lanes.iter_mut().zip(part.chunks_exact(8)) {
            lane.number(get(word, 0));
        }
    }
    let mut all = Hash::new();
    for lane in lanes {
        all.number(lane.finish());
    }
    all.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written_and_torn_ones_are_refused() {
        let mut header = Header { slots: 128, pages: 16, sequence: 7, nonce: 9, ..Header::default() };
        header.stamp.modified = time_of(u64::MAX);
        header.unsure = vec!["10.1.2.3".parse().unwrap(), "2001:db8::7".parse().unwrap()];
        header.note(4096, &[7; 64], false);
        header.note(8192, &[8; 8], false);
        let bytes = header.encode();
        assert_eq!(Header::decode(&bytes), Some((header, false)));
        for at in (0..LENGTH - 8).step_by(8) {
            let mut torn = bytes;
            torn[at] ^= 1;
            assert_eq!(Header::decode(&torn), None, "at {at}");
        }
    }

    #[test]
    fn changes_are_known_until_too_many_came_after() {
        let mut header = Header { generation: 3, ..Header::default() };
        for n in 0..CHANGES as u64 {
            assert_eq!(header.note(n * 64, &[1; 64], false), None);
            assert_eq!(header.note(n * 64, &[2; 64], false), None, "of the same part: one");
            header.sequence += 1;
        }
        assert_eq!(header.since(3, 0).unwrap().count(), CHANGES);
        let gone = header.note(99_968, &[3; 8], false).unwrap();
        assert_eq!((gone.offset, gone.data()), (0, &[2; 64][..]));
        assert!(header.since(3, 0).is_none());
        assert!(header.since(4, 40).is_none());
    }
    #[test]
    fn what_came_and_went_is_not_written() {
        let mut header = Header { generation: 3, ..Header::default() };
        header.note(64, &[1; 64], true);
        assert!(header.changes.iter().all(|change| change.pending));
        header.note(64, &[0; 64], false);
        assert!(header.changes.iter().all(|change| !change.pending));
        // Zeros in the place of something else are.
        header.note(128, &[0; 64], false);
        assert_eq!(header.changes.iter().filter(|change| change.pending).count(), 1);
        header.note(256, &[2; 64], true);
        header.forget_blanks();
        header.note(256, &[0; 64], true);
        assert_eq!(header.changes.iter().filter(|change| change.pending).count(), 2);
        // Another process cannot know what is in the file.
        header.note(64, &[1; 64], true);
        header = Header { slots: 128, pages: 16, ..header };
        let (mut theirs, _) = Header::decode(&header.encode()).unwrap();
        theirs.note(64, &[0; 64], true);
        assert!(theirs.changes.iter().all(|change| change.pending));
    }
}
