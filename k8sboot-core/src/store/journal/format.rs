//! What is in the journal's file, byte by byte. Numbers are little-endian.
//!
//! The file is two segments of one size. A segment is a header of 512 bytes and records; each begins at a multiple of 8:
//!
//! ```text
//! checksum u32 │ synced u32 │ length u16 │ kind u8 │ 0 u8 │ payload (length bytes) │ zeros up to a multiple of 8
//! ```
//!
//! The checksum (CRC-32C) begins with the salt and the generation of the segment and the offset of the record, so bytes
//! left by an earlier generation, or moved, are never taken for records. `synced` is how much of the segment was on the
//! disk when the record was written: a hole before the highest `synced` is damage, one after it is a torn tail.

use super::crc::Crc;

/// Bytes of a segment's header, and where its first record begins. One sector, so that it is written whole or not.
pub(super) const HEADER: usize = 512;
/// Records begin at multiples of this.
pub(super) const ALIGN: usize = 8;
/// The longest owner record.
pub(super) const LONGEST: usize = 16 * 1024;

const MAGIC: [u8; 8] = *b"k8sbootJ";
const VERSION: u32 = 1;
const PREFIX: usize = 12;
const BOOT: usize = 64;

const HELD: u8 = 1;
const FREED: u8 = 2;
const MARKER: u8 = 3;
const RELEASED: u8 = 4;
const CHECKPOINT: u8 = 5;

/// One thing that happened. Names are those of files, below the directory of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry<'a> {
    /// An address was given: its file holds a record now.
    Held {
        /// The address.
        name: &'a str,
        /// What the file holds: host-local's owner record.
        record: &'a [u8],
    },
    /// An address was freed: its file is gone.
    Freed {
        /// The address.
        name: &'a str,
        /// What the file held.
        record: &'a [u8],
    },
    /// An owner was released: it holds nothing any more, whatever names the journal knows.
    Released {
        /// Its record.
        record: &'a [u8],
    },
    /// The marker of a range set moved.
    Marker {
        /// The marker.
        name: &'a str,
        /// The address given last.
        record: &'a [u8],
    },
    /// Everything up to the end of a generation is in the directory and on the disk.
    Checkpoint {
        /// The generation.
        generation: u64,
    },
}

/// The beginning of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes of each segment.
    pub(super) segment: u32,
    /// Counts the segments ever begun.
    pub(super) generation: u64,
    /// Random.
    pub(super) salt: u64,
    /// Where the records of the generation before end, in the other segment; all of them are on the disk.
    pub(super) before: u32,
    /// The identity of the boot that began it.
    pub(super) boot: String,
}

impl Header {
    /// The header as it is written.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER);
        out.extend(MAGIC);
        out.extend(VERSION.to_le_bytes());
        out.extend(self.segment.to_le_bytes());
        out.extend(self.generation.to_le_bytes());
        out.extend(self.salt.to_le_bytes());
        out.extend(self.before.to_le_bytes());
        let boot = self.boot.as_bytes();
        let boot = boot.get(..BOOT).unwrap_or(boot);
        out.extend(u32::try_from(boot.len()).unwrap_or_default().to_le_bytes());
        out.extend(boot);
        let checksum = Crc::new().over(&out).value();
        out.extend(checksum.to_le_bytes());
        out.resize(HEADER, 0);
        out
    }

    /// Reads a header; `None` if it is none, or torn.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let magic = take::<8>(&mut rest)?;
        let version = u32::from_le_bytes(take(&mut rest)?);
        let segment = u32::from_le_bytes(take(&mut rest)?);
        let generation = u64::from_le_bytes(take(&mut rest)?);
        let salt = u64::from_le_bytes(take(&mut rest)?);
        let before = u32::from_le_bytes(take(&mut rest)?);
        let length = usize::try_from(u32::from_le_bytes(take(&mut rest)?)).ok()?;
        if magic != MAGIC || version != VERSION || length > BOOT {
            return None;
        }
        let (boot, mut rest) = rest.split_at_checked(length)?;
        let checksum = u32::from_le_bytes(take(&mut rest)?);
        let covered = bytes.get(..bytes.len() - rest.len() - 4)?;
        (Crc::new().over(covered).value() == checksum).then_some(())?;
        let boot = std::str::from_utf8(boot).ok()?.to_owned();
        Some(Self { segment, generation, salt, before, boot })
    }

    /// What every checksum of the segment begins with.
    pub(super) fn seed(&self) -> Crc {
        Crc::new().over(&self.salt.to_le_bytes()).over(&self.generation.to_le_bytes())
    }
}

/// Adds an entry to a queue of records that are not sealed yet.
pub(super) fn push(queue: &mut Vec<u8>, entry: &Entry<'_>) {
    let start = queue.len();
    queue.resize(start + PREFIX, 0);
    let kind = match entry {
        Entry::Held { name, record } => push_file(queue, HELD, name, record),
        Entry::Freed { name, record } => push_file(queue, FREED, name, record),
        Entry::Marker { name, record } => push_file(queue, MARKER, name, record),
        Entry::Released { record } => push_file(queue, RELEASED, "", record),
        Entry::Checkpoint { generation } => {
            queue.extend(generation.to_le_bytes());
            CHECKPOINT
        }
    };
    let length = u16::try_from(queue.len() - start - PREFIX).unwrap_or(u16::MAX);
    let [low, high] = length.to_le_bytes();
    if let Some(prefix) = queue.get_mut(start + 8..start + PREFIX) {
        prefix.copy_from_slice(&[low, high, kind, 0]);
    }
    queue.resize(queue.len().next_multiple_of(ALIGN), 0);
}

/// How many bytes of a queue are whole records that fit in `room`.
pub(super) fn fitting(queue: &[u8], room: usize) -> usize {
    let mut fits = 0;
    while let Some(size) = queue.get(fits..).and_then(size) {
        if fits + size > room {
            break;
        }
        fits += size;
    }
    fits
}

/// Gives the records of a queue their checksums for the place where they will be written.
pub(super) fn seal(queue: &mut [u8], seed: Crc, offset: usize, synced: usize) {
    let synced = u32::try_from(synced).unwrap_or_default().to_le_bytes();
    let (mut rest, mut offset) = (queue, offset);
    while let Some(size) = size(rest) {
        let Some((record, after)) = rest.split_at_mut_checked(size) else { return };
        if let Some(place) = record.get_mut(4..8) {
            place.copy_from_slice(&synced);
        }
        let checksum = checksum(seed, offset, record).to_le_bytes();
        if let Some(place) = record.get_mut(..4) {
            place.copy_from_slice(&checksum);
        }
        (rest, offset) = (after, offset + size);
    }
}

/// A record that is whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sealed<'a> {
    /// What it says.
    pub(super) entry: Entry<'a>,
    /// How much of the segment was on the disk when it was written.
    pub(super) synced: usize,
    /// Its bytes, with what fills it up.
    pub(super) size: usize,
}

/// The record at an offset of a segment, if a whole one of this generation is there.
pub(super) fn read(segment: &[u8], seed: Crc, offset: usize) -> Option<Sealed<'_>> {
    let bytes = segment.get(offset..)?;
    let size = size(bytes)?;
    let record = bytes.get(..size)?;
    let mut rest = record;
    let stored = u32::from_le_bytes(take(&mut rest)?);
    let synced = usize::try_from(u32::from_le_bytes(take(&mut rest)?)).ok()?;
    let length = usize::from(u16::from_le_bytes(take(&mut rest)?));
    let [kind, _] = take(&mut rest)?;
    (synced <= offset && checksum(seed, offset, record) == stored).then_some(())?;
    let entry = decode(kind, rest.get(..length)?)?;
    Some(Sealed { entry, synced, size })
}

/// The size of the record that begins here, as far as its prefix can be one.
fn size(bytes: &[u8]) -> Option<usize> {
    let [low, high, kind, zero] = *bytes.get(8..)?.first_chunk::<4>()?;
    let plausible = (HELD..=CHECKPOINT).contains(&kind) && zero == 0;
    plausible.then(|| (PREFIX + usize::from(u16::from_le_bytes([low, high]))).next_multiple_of(ALIGN))
}

fn checksum(seed: Crc, offset: usize, record: &[u8]) -> u32 {
    let offset = u64::try_from(offset).unwrap_or_default().to_le_bytes();
    seed.over(&offset).over(record.get(4..).unwrap_or_default()).value()
}

fn decode(kind: u8, payload: &[u8]) -> Option<Entry<'_>> {
    let mut rest = payload;
    if kind == CHECKPOINT {
        return Some(Entry::Checkpoint { generation: u64::from_le_bytes(take(&mut rest)?) });
    }
    let length = usize::from(u16::from_le_bytes(take(&mut rest)?));
    let (name, record) = rest.split_at_checked(length)?;
    let name = std::str::from_utf8(name).ok()?;
    match kind {
        HELD => Some(Entry::Held { name, record }),
        FREED => Some(Entry::Freed { name, record }),
        MARKER => Some(Entry::Marker { name, record }),
        RELEASED => Some(Entry::Released { record }),
        _ => None,
    }
}

/// What is too long is cut; owners are not, they are checked before.
fn push_file(queue: &mut Vec<u8>, kind: u8, name: &str, record: &[u8]) -> u8 {
    let name = name.as_bytes().get(..LONGEST).unwrap_or(name.as_bytes());
    queue.extend(u16::try_from(name.len()).unwrap_or_default().to_le_bytes());
    queue.extend_from_slice(name);
    queue.extend_from_slice(record.get(..LONGEST).unwrap_or(record));
    kind
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header { segment: 4096, generation: 7, salt: 0x1234_5678, before: 600, boot: "a boot".to_owned() }
    }

    #[test]
    fn entries_come_back_as_they_were() {
        let entries = [
            Entry::Held { name: "10.1.2.3", record: b"a\r\neth0" },
            Entry::Held { name: "2001:db8::3", record: b"a\r\neth0" },
            Entry::Freed { name: "10.1.2.3", record: b"" },
            Entry::Released { record: b"a\r\neth0" },
            Entry::Marker { name: "last_reserved_ip.0", record: b"10.1.2.3" },
            Entry::Checkpoint { generation: 6 },
        ];
        let mut queue = Vec::new();
        for entry in &entries {
            push(&mut queue, entry);
        }
        assert_eq!(queue.len() % ALIGN, 0);
        assert_eq!(fitting(&queue, queue.len()), queue.len());
        assert!(fitting(&queue, queue.len() - 1) < queue.len());
        seal(&mut queue, header().seed(), 0, 0);
        let mut offset = 0;
        for entry in entries {
            let found = read(&queue, header().seed(), offset).unwrap();
            assert_eq!(found.entry, entry);
            offset += found.size;
        }
        assert_eq!(offset, queue.len());
    }

    #[test]
    fn a_record_is_valid_only_whole_at_its_place_and_in_its_generation() {
        let mut queue = Vec::new();
        push(&mut queue, &Entry::Freed { name: "10.1.2.3", record: b"a\r\neth0" });
        let mut segment = vec![0; 1024];
        seal(&mut queue, header().seed(), 512, 512);
        segment[512..512 + queue.len()].copy_from_slice(&queue);
        assert!(read(&segment, header().seed(), 512).is_some());
        let other = Header { generation: 8, ..header() };
        assert!(read(&segment, other.seed(), 512).is_none(), "another generation");
        let other = Header { salt: 1, ..header() };
        assert!(read(&segment, other.seed(), 512).is_none(), "another salt");
        segment.copy_within(512..512 + queue.len(), 520);
        assert!(read(&segment, header().seed(), 520).is_none(), "another place");
        for at in 0..queue.len() {
            let mut torn = queue.clone();
            torn[at] ^= 0x10;
            let mut segment = vec![0; 512];
            segment.extend(torn);
            assert!(read(&segment, header().seed(), 512).is_none(), "byte {at}");
        }
    }

    #[test]
    fn headers_come_back_unless_torn() {
        let bytes = header().encode();
        assert_eq!(bytes.len(), HEADER);
        assert_eq!(Header::decode(&bytes), Some(header()));
        let used = bytes.iter().rposition(|b| *b != 0).unwrap();
        for at in 0..=used {
            let mut torn = bytes.clone();
            torn[at] ^= 1;
            assert_eq!(Header::decode(&torn), None, "byte {at}");
        }
        assert_eq!(Header::decode(&[0; HEADER]), None);
        assert_eq!(Header::decode(b"k8sbootJ"), None);
    }
}
