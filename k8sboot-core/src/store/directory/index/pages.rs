//! Which addresses have a file: pages of 4,096 bits, found by the upper part of the address, so that a sparse range costs
//! no more than what is held.

use std::{collections::BTreeSet, net::IpAddr};

use rustix::io::Errno;

use super::{
    super::{files::Files, hash::Hash},
    header::{get, high, join, low, put},
    image::{Image, Layout, UNIT},
};
use crate::cidr::{Family, from_number, to_number};

/// Bits of an address that are the place in its page.
const PLACE: u32 = 12;
const ENTRY: u64 = 32;
const PAGE: u64 = 512;
const WORDS: u64 = 64;

/// Which page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    family: Family,
    prefix: u128,
}

impl Key {
    fn of(address: IpAddr) -> Self {
        Self { family: Family::of(&address), prefix: to_number(address) >> PLACE }
    }

    const fn tag(self) -> u64 {
        match self.family {
            Family::V4 => 4,
            Family::V6 => 6,
        }
    }

    fn home(self, mask: u64) -> u64 {
        let mut hash = Hash::new();
        for number in [self.tag(), high(self.prefix), low(self.prefix)] {
            hash.number(number);
        }
        hash.finish() & mask
    }
}

/// How many pages addresses need.
pub(super) fn count(addresses: &[IpAddr]) -> u64 {
    let key = |address: &IpAddr| (Family::of(address), to_number(*address) >> PLACE);
    addresses.iter().map(key).collect::<BTreeSet<_>>().len() as u64
}

/// Whether an address has a file.
pub(super) fn is_set(image: &mut Image, address: IpAddr) -> rustix::io::Result<bool> {
    let Ok(page) = find(image, Key::of(address))? else { return Ok(false) };
    let (word, bit) = place(address);
    Ok(words(image, page)?.get(word).is_some_and(|word| word & bit != 0))
}

/// Notes whether an address has a file. The caller has seen to it that there is room for a page.
pub(super) fn set(
    image: &mut Image,
    files: Option<&Files>,
    address: IpAddr,
    value: bool,
) -> rustix::io::Result<()> {
    let key = Key::of(address);
    let page = match find(image, key)? {
        Ok(page) => page,
        Err(_) if !value => return Ok(()),
        Err(free) => {
            let mut entry = [0; 32];
            for (index, number) in [key.tag(), high(key.prefix), low(key.prefix)].into_iter().enumerate() {
                put(&mut entry, index * 8, number);
            }
            let offset = Layout::of(&image.header).entries + free * ENTRY;
            write(image, files, offset, &entry);
            image.header.used_pages += 1;
            free
        }
    };
    let (word, bit) = place(address);
    let old = words(image, page)?.get(word).copied().unwrap_or(0);
    let new = if value { old | bit } else { old & !bit };
    let offset = Layout::of(&image.header).pages + page * PAGE + word as u64 * 8;
    write(image, files, offset, &new.to_le_bytes());
    Ok(())
}

/// The first address from `from` to `to` without a file.
pub(super) fn next_clear(
    image: &mut Image,
    family: Family,
    from: u128,
    to: u128,
) -> rustix::io::Result<Option<u128>> {
    let mut at = from;
    while at <= to {
        let prefix = at >> PLACE;
        let Ok(page) = find(image, Key { family, prefix })? else { return Ok(Some(at)) };
        let words = words(image, page)?;
        let (first, _) = place(from_number(family, at));
        let below = (1_u64 << (at & 63)) - 1;
        for (index, word) in words.iter().enumerate().skip(first) {
            let taken = if index == first { word | below } else { *word };
            if taken != u64::MAX {
                let found = (prefix << PLACE) + index as u128 * 64 + u128::from(taken.trailing_ones());
                return Ok((found <= to).then_some(found));
            }
        }
        match (prefix + 1).checked_shl(PLACE) {
            Some(next) if next > at => at = next,
            _ => break,
        }
    }
    Ok(None)
}

/// Every address with a file.
pub(super) fn all(image: &mut Image, mut visit: impl FnMut(IpAddr)) -> rustix::io::Result<()> {
    for page in 0..image.header.pages {
        let Some(key) = entry(image, page)? else { continue };
        for (index, word) in words(image, page)?.into_iter().enumerate() {
            let mut left = word;
            while left != 0 {
                let number = (key.prefix << PLACE) + index as u128 * 64 + u128::from(left.trailing_zeros());
                visit(from_number(key.family, number));
                left &= left - 1;
            }
        }
    }
    Ok(())
}

fn place(address: IpAddr) -> (usize, u64) {
    let place = low(to_number(address)) & ((1 << PLACE) - 1);
    (usize::try_from(place / WORDS).unwrap_or(0), 1 << (place % WORDS))
}

/// The place of a page, or where it would be.
fn find(image: &mut Image, key: Key) -> rustix::io::Result<Result<u64, u64>> {
    let mask = image.header.pages - 1;
    let mut at = key.home(mask);
    for _ in 0..image.header.pages {
        match entry(image, at)? {
            None => return Ok(Err(at)),
            Some(found) if found == key => return Ok(Ok(at)),
            Some(_) => at = (at + 1) & mask,
        }
    }
    Err(Errno::NOSPC)
}

fn entry(image: &mut Image, at: u64) -> rustix::io::Result<Option<Key>> {
    let offset = Layout::of(&image.header).entries + at * ENTRY;
    let within = offset % UNIT as u64;
    let unit = image.unit(offset - within)?;
    let start = usize::try_from(within).map_err(|_| Errno::FBIG)?;
    let bytes = unit.get(start..start + 32).ok_or(Errno::FBIG)?;
    let prefix = join(get(bytes, 8), get(bytes, 16));
    match get(bytes, 0) {
        0 => Ok(None),
        4 => Ok(Some(Key { family: Family::V4, prefix })),
        6 => Ok(Some(Key { family: Family::V6, prefix })),
        _ => Err(Errno::ILSEQ),
    }
}

fn words(image: &mut Image, page: u64) -> rustix::io::Result<[u64; 64]> {
    let unit = image.unit(Layout::of(&image.header).pages + page * PAGE)?;
    let mut words = [0; 64];
    for (word, bytes) in words.iter_mut().zip(unit.chunks_exact(8)) {
        *word = get(bytes, 0);
    }
    Ok(words)
}

fn write(image: &mut Image, files: Option<&Files>, offset: u64, bytes: &[u8]) {
    match files {
        Some(files) => image.change(files, offset, bytes),
        None => image.fill(offset, bytes),
    }
}
