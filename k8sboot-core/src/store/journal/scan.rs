//! Reads a journal: which records are whole, where they end, and whether something in the middle is damaged.

use super::format::{ALIGN, Entry, HEADER, Header, read};

/// What a journal holds.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    /// The header of the newest generation, and the index of its segment.
    pub(super) newest: (usize, Header),
    /// The entries that may not be in the directory on the disk, oldest first.
    pub(super) entries: Vec<Entry<'a>>,
    /// Where the newest generation goes on.
    pub(super) end: usize,
    /// How much of its segment is known to be on the disk.
    pub(super) synced: usize,
    /// The generation before it, if it waits for its checkpoint.
    pub(super) waiting: Option<u64>,
    /// The first place that cannot be read and was on the disk once.
    pub(super) damage: Option<Damage>,
}

/// A place that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    /// Where it begins in the file.
    pub(super) offset: usize,
    /// Its bytes.
    pub(super) length: usize,
}

/// Reads both segments of a journal; `None` if neither has a header.
pub(super) fn scan(file: &[u8]) -> Option<Scan<'_>> {
    let first = Header::decode(file);
    let size = first.as_ref().map_or(file.len() / 2, |h| usize::try_from(h.segment).unwrap_or(usize::MAX));
    let (a, b) = file.split_at_checked(size)?;
    let second = Header::decode(b);
    let newest = match (first.clone(), second.clone()) {
        (Some(a), Some(b)) if b.generation > a.generation => (1, b),
        (Some(a), _) => (0, a),
        (None, Some(b)) => (1, b),
        (None, None) => return None,
    };
    let (here, other, other_header) = if newest.0 == 0 { (a, b, second) } else { (b, a, first) };
    let (here_at, other_at) = (newest.0 * size, (1 - newest.0) * size);
    let found = scan_segment(here, &newest.1, 0);
    let mut damage = found.damage.map(|d| Damage { offset: d.offset + here_at, ..d });
    // The newest generation may be checkpointed itself; what follows its checkpoint is not.
    let done = found.entries.iter().filter_map(|entry| match entry {
        Entry::Checkpoint { generation } => Some(*generation),
        _ => None,
    });
    let done = done.max().unwrap_or_default();
    let previous = newest.1.generation.checked_sub(1).filter(|g| *g > done && newest.1.before != 0);
    let mut entries = Vec::new();
    if let Some(previous) = previous {
        let until = usize::try_from(newest.1.before).unwrap_or(usize::MAX);
        match other_header.filter(|header| header.generation == previous) {
            Some(header) => {
                let older = scan_segment(other, &header, until);
                damage = older.damage.map(|d| Damage { offset: d.offset + other_at, ..d }).or(damage);
                entries = older.entries;
            }
            None => damage = Some(Damage { offset: other_at, length: until }),
        }
    }
    entries.extend(found.entries);
    entries.retain(|entry| !matches!(entry, Entry::Checkpoint { .. }));
    Some(Scan { newest, entries, end: found.end, synced: found.synced, waiting: previous, damage })
}

struct Segment<'a> {
    entries: Vec<Entry<'a>>,
    end: usize,
    synced: usize,
    damage: Option<Damage>,
}

/// Reads one segment, of which `until` bytes at least were on the disk.
fn scan_segment<'a>(segment: &'a [u8], header: &Header, until: usize) -> Segment<'a> {
    let seed = header.seed();
    let mut records = Vec::new();
    let mut holes = Vec::new();
    let mut synced = until.max(HEADER);
    let mut offset = HEADER;
    while offset < segment.len() {
        if let Some(record) = read(segment, seed, offset) {
            synced = synced.max(record.synced);
            records.push((offset, record.entry));
            offset += record.size;
            continue;
        }
        let start = offset;
        while offset < segment.len() && read(segment, seed, offset).is_none() {
            offset += ALIGN;
        }
        holes.push((start, offset.min(segment.len())));
    }
    // A hole before what was on the disk is damage; the first one after it is where writing stopped.
    let end = holes.iter().map(|(start, _)| *start).find(|start| *start >= synced).unwrap_or(segment.len());
    let damage = holes.iter().find(|(start, _)| *start < synced);
    let damage = damage
        .map(|(start, next)| Damage { offset: *start, length: (*next).min(synced.max(*start)) - start });
    let entries = records.into_iter().filter(|(offset, _)| *offset < end).map(|(_, entry)| entry).collect();
    Segment { entries, end, synced, damage }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::journal::format::{push, seal};

    const SIZE: usize = 4096;

    fn header(generation: u64, before: usize) -> Header {
        Header {
            segment: u32::try_from(SIZE).unwrap(),
            generation,
            salt: 99,
            before: u32::try_from(before).unwrap(),
            boot: "boot".to_owned(),
        }
    }

    /// Writes batches of entries; the end of each batch.
    fn segment(header: &Header, batches: &[&[Entry<'_>]]) -> (Vec<u8>, Vec<usize>) {
        let mut bytes = header.encode();
        let mut ends = Vec::new();
        for batch in batches {
            let mut queue = Vec::new();
            for entry in *batch {
                push(&mut queue, entry);
            }
            seal(&mut queue, header.seed(), bytes.len(), bytes.len());
            bytes.extend(queue);
            ends.push(bytes.len());
        }
        bytes.resize(SIZE, 0);
        (bytes, ends)
    }

    fn held(last: u8) -> Entry<'static> {
        let names = ["", "10.1.2.1", "10.1.2.2", "10.1.2.3", "10.1.2.4", "10.1.2.9"];
        let name = names.iter().find(|name| name.ends_with(&last.to_string())).unwrap();
        Entry::Held { name, record: b"a\r\neth0" }
    }

    fn only(segment: Vec<u8>) -> Vec<u8> {
        let mut file = segment;
        file.resize(2 * SIZE, 0);
        file
    }

    #[test]
    fn reads_all_and_where_it_goes_on() {
        let (bytes, ends) = segment(&header(1, 0), &[&[held(1), held(2)], &[held(3)]]);
        let file = only(bytes);
        let found = scan(&file).unwrap();
        assert_eq!(found.entries, [held(1), held(2), held(3)]);
        assert_eq!((found.end, found.synced, found.damage, found.waiting), (ends[1], ends[0], None, None));
    }

    #[test]
    fn a_tail_torn_anywhere_is_the_end() {
        let (bytes, ends) = segment(&header(1, 0), &[&[held(1)], &[held(2), held(3)]]);
        for at in ends[0]..ends[1] {
            let mut torn = bytes.clone();
            torn[at..].fill(0);
            let file = only(torn);
            let found = scan(&file).unwrap();
            assert!(found.entries.starts_with(&[held(1)]), "cut at {at}");
            assert!(found.entries.len() < 3 || file[..SIZE] == bytes, "cut at {at}");
            assert_eq!(found.damage, None, "cut at {at}");
        }
    }

    #[test]
    fn a_tail_whose_beginning_is_missing_is_not_read() {
        let (mut bytes, ends) = segment(&header(1, 0), &[&[held(1)], &[held(2), held(3)]]);
        bytes[ends[0]..ends[0] + 8].fill(0);
        let file = only(bytes);
        let found = scan(&file).unwrap();
        assert_eq!((found.entries, found.end, found.damage), (vec![held(1)], ends[0], None));
    }

    #[test]
    fn a_hole_before_what_was_on_the_disk_is_damage_and_the_rest_is_read() {
        let (mut bytes, ends) = segment(&header(1, 0), &[&[held(1)], &[held(2)], &[held(3)], &[held(4)]]);
        bytes[ends[0] + 12] ^= 1;
        let file = only(bytes);
        let found = scan(&file).unwrap();
        assert_eq!(found.entries, [held(1), held(3), held(4)]);
        assert_eq!(found.damage, Some(Damage { offset: ends[0], length: ends[1] - ends[0] }));
    }

    #[test]
    fn an_older_generation_is_read_until_its_checkpoint() {
        let (old, ends) = segment(&header(4, 0), &[&[held(1)], &[held(2)]]);
        let (new, _) = segment(&header(5, ends[1]), &[&[held(3)]]);
        let file = [new, old.clone()].concat();
        let found = scan(&file).unwrap();
        assert_eq!(found.entries, [held(1), held(2), held(3)]);
        assert_eq!((found.waiting, found.newest.0), (Some(4), 0));
        let (new, _) = segment(&header(5, ends[1]), &[&[held(3)], &[Entry::Checkpoint { generation: 4 }]]);
        let file = [old.clone(), new].concat();
        let found = scan(&file).unwrap();
        assert_eq!(found.entries, [held(3)]);
        assert_eq!((found.waiting, found.newest.0), (None, 1));
        // The older generation was on the disk as a whole before the newer one began.
        let mut torn = old;
        torn[ends[0]..].fill(0);
        let (new, _) = segment(&header(5, ends[1]), &[&[held(3)]]);
        let file = [torn, new].concat();
        let found = scan(&file).unwrap();
        assert_eq!(found.damage, Some(Damage { offset: ends[0], length: ends[1] - ends[0] }));
        assert_eq!(found.entries, [held(1), held(3)]);
    }

    #[test]
    fn records_of_an_earlier_use_of_the_segment_are_not_read() {
        let (old, _) = segment(&header(3, 0), &[&[held(1)], &[held(2)], &[held(3)]]);
        let (mut new, ends) = segment(&header(5, 0), &[&[held(9)]]);
        new[ends[0]..].copy_from_slice(&old[ends[0]..]);
        let file = only(new);
        let found = scan(&file).unwrap();
        assert_eq!((found.entries, found.end, found.damage), (vec![held(9)], ends[0], None));
    }

    #[test]
    fn neither_header_is_no_journal() {
        assert!(scan(&[0; 2 * SIZE]).is_none());
        assert!(scan(&[]).is_none());
    }
}
