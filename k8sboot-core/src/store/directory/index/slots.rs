//! From owners to addresses: a hash table of fixed slots. A slot only points; the record is the truth.

use std::net::IpAddr;

use rustix::io::Errno;

use super::{
    super::{files::Files, hash::Hash, listing::trimmed},
    header::{get, high, join, low, put},
    image::{Image, Layout, UNIT},
};
use crate::cidr::{Family, from_number, to_number};

const LENGTH: u64 = 64;
const V6: u64 = 1;
const MADE: u64 = 2;

/// What the hash table knows of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) keys: Keys,
    pub(super) address: IpAddr,
    /// Which state of the file it is.
    pub(super) version: u64,
    /// The boot in which it was first seen, as a hash.
    pub(super) boot: u64,
    /// Whether it was seen to be made in that boot.
    pub(super) made: bool,
    /// When it was first seen, in seconds since that boot.
    pub(super) seconds: u32,
}

/// Hashes of a record's two parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Keys {
    /// Of the container. Never 0.
    pub(super) container: u64,
    /// Of the interface; 0 for a record without one.
    pub(super) interface: u64,
}

impl Keys {
    /// Of a record's content.
    pub(super) fn of(content: &[u8]) -> Self {
        let text = trimmed(content);
        let (container, interface) = match text.and_then(|text| text.split_once("\r\n")) {
            Some((container, interface)) => (container.as_bytes(), interface.as_bytes()),
            None => (text.map_or(content, str::as_bytes), &[][..]),
        };
        let hash = |bytes: &[u8]| {
            let mut hash = Hash::new();
            hash.bytes(bytes);
            hash.finish().max(1)
        };
        Self { container: hash(container), interface: if interface.is_empty() { 0 } else { hash(interface) } }
    }
}

impl Slot {
    /// The slot in 64 bytes; `None` if it is empty or torn.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let container = get(bytes, 0);
        if container == 0 || get(bytes, 56) != check(bytes) {
            return None;
        }
        let meta = get(bytes, 48);
        let family = if meta & V6 == 0 { Family::V4 } else { Family::V6 };
        Some(Self {
            keys: Keys { container, interface: get(bytes, 8) },
            address: from_number(family, join(get(bytes, 16), get(bytes, 24))),
            version: get(bytes, 32),
            boot: get(bytes, 40),
            made: meta & MADE != 0,
            seconds: u32::try_from(meta >> 32).unwrap_or(0),
        })
    }

    fn encode(&self) -> [u8; 64] {
        let mut out = [0; 64];
        let bits = to_number(self.address);
        let family = if Family::of(&self.address) == Family::V6 { V6 } else { 0 };
        let made = if self.made { MADE } else { 0 };
        let meta = u64::from(self.seconds) << 32 | family | made;
        let values =
            [self.keys.container, self.keys.interface, high(bits), low(bits), self.version, self.boot, meta];
        for (index, value) in values.into_iter().enumerate() {
            put(&mut out, index * 8, value);
        }
        let check = check(&out);
        put(&mut out, 56, check);
        out
    }
}

fn check(bytes: &[u8]) -> u64 {
    let mut hash = Hash::new();
    for at in (0..56).step_by(8) {
        hash.number(get(bytes, at));
    }
    hash.finish()
}

/// Every slot of a container, in the order of the table.
pub(super) fn of_container(
    image: &mut Image,
    container: u64,
    mut visit: impl FnMut(&Slot),
) -> rustix::io::Result<()> {
    walk(image, container, |_, slot| {
        if slot.keys.container == container {
            visit(slot);
        }
        false
    })
    .map(drop)
}

/// Adds a slot. The caller has seen to it that there is room.
pub(super) fn insert(image: &mut Image, files: Option<&Files>, slot: &Slot) -> rustix::io::Result<()> {
    let (Ok(free) | Err(free)) = walk(image, slot.keys.container, |_, _| false)?;
    write(image, files, free, &slot.encode());
    image.header.used_slots += 1;
    Ok(())
}

/// Removes the slot of an address; what it was.
///
/// Slots behind it move up, so that no search ends too early and none gets longer with time.
pub(super) fn remove(
    image: &mut Image,
    files: &Files,
    container: u64,
    address: IpAddr,
) -> rustix::io::Result<Option<Slot>> {
    let mut found = None;
    let at = walk(image, container, |_, slot| {
        let hit = slot.keys.container == container && slot.address == address;
        if hit {
            found = Some(*slot);
        }
        hit
    })?;
    let (Ok(mut hole), Some(found)) = (at, found) else { return Ok(None) };
    let mask = image.header.slots - 1;
    let mut next = hole;
    loop {
        next = (next + 1) & mask;
        let Some(slot) = read(image, next)? else { break };
        let distance = |from: u64| next.wrapping_sub(from) & mask;
        if distance(slot.keys.container & mask) >= distance(hole) {
            write(image, Some(files), hole, &slot.encode());
            hole = next;
        }
    }
    write(image, Some(files), hole, &[0; 64]);
    image.header.used_slots = image.header.used_slots.saturating_sub(1);
    Ok(Some(found))
}

/// Every slot there is; only for an image in memory.
pub(super) fn all(image: &mut Image) -> rustix::io::Result<Vec<Slot>> {
    let mut slots = Vec::new();
    for at in 0..image.header.slots {
        slots.extend(read(image, at)?);
    }
    Ok(slots)
}

/// Every slot that is whole, of an image in memory that need not be consistent.
pub(super) fn sound(image: &mut Image) -> Vec<Slot> {
    (0..image.header.slots).filter_map(|at| read(image, at).ok().flatten()).collect()
}

/// Goes along the slots from a container's own on. `Ok` is where `visit` said to stop, `Err` the first empty slot.
fn walk(
    image: &mut Image,
    container: u64,
    mut visit: impl FnMut(u64, &Slot) -> bool,
) -> rustix::io::Result<Result<u64, u64>> {
    let mask = image.header.slots - 1;
    let mut at = container & mask;
    for _ in 0..image.header.slots {
        match read(image, at)? {
            None => return Ok(Err(at)),
            Some(slot) if visit(at, &slot) => return Ok(Ok(at)),
            Some(_) => at = (at + 1) & mask,
        }
    }
    // A table without an empty slot is none of this library's.
    Err(Errno::NOSPC)
}

fn read(image: &mut Image, at: u64) -> rustix::io::Result<Option<Slot>> {
    let offset = Layout::of(&image.header).slots + at * LENGTH;
    let within = offset % UNIT as u64;
    let unit = image.unit(offset - within)?;
    let start = usize::try_from(within).map_err(|_| Errno::FBIG)?;
    let bytes = unit.get(start..start + 64).ok_or(Errno::FBIG)?;
    match Slot::decode(bytes) {
        None if get(bytes, 0) != 0 => Err(Errno::ILSEQ),
        slot => Ok(slot),
    }
}

fn write(image: &mut Image, files: Option<&Files>, at: u64, bytes: &[u8]) {
    let offset = Layout::of(&image.header).slots + at * LENGTH;
    match files {
        Some(files) => image.change(files, offset, bytes),
        None => image.fill(offset, bytes),
    }
}
