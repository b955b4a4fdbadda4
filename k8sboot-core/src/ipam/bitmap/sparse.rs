//! Pages of bits for the places taken only, in hash tables.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::xor_up_to;
use crate::ipam::slab::{NONE, Number, Slab};

/// Places of a page.
const PAGE: u128 = 1 << PAGE_BITS;
const PAGE_BITS: u32 = 12;
/// The same as a count.
const FULL: u32 = 1 << PAGE_BITS;

/// The number of no page: there are at most 2¹¹⁶.
const NOWHERE: u128 = u128::MAX;

/// Places `0..=last`; a page that is absent is all free, so that memory follows what is taken.
///
/// Nobody outside chooses the places of a policy; requested ones may be chosen so that their pages collide in the table,
/// which costs time in proportion to how many of these are taken, and nothing else.
#[derive(Clone, Debug)]
pub(crate) struct Sparse {
    last: u128,
    taken: u128,
    /// All free places, one XOR the other: if there is one only, it is this.
    free_xor: u128,
    /// All places before it are taken.
    floor: u128,
    /// The places.
    leaves: Level,
    /// A bit says that the page below it is full; the lowest level first.
    upper: Vec<Level>,
    /// A page of places that may be full without the level above saying so: the page that was filled last. It spares the
    /// levels above when the last place of a page is given and released again and again.
    closed: u128,
}

/// The pages of one level.
#[derive(Clone, Debug)]
struct Level {
    pages: Slab<Page>,
    table: HashTable<Number>,
    /// The page used last, with its number: the next call most often wants it again.
    recent: (u128, Number),
    /// A page that became empty; it is kept until the next one becomes so, for it is most often filled again.
    empty: Number,
}

/// Where a search ends.
enum Found {
    Place(u128),
    /// In the closed page, which is full.
    Closed,
}

#[derive(Clone, Debug)]
struct Page {
    number: u128,
    taken: u32,
    /// Which words are full.
    full: u64,
    words: [u64; 64],
}

impl Default for Page {
    fn default() -> Self {
        Self { number: 0, taken: 0, full: 0, words: [0; 64] }
    }
}

impl Sparse {
    pub(super) fn new(last: u128) -> Self {
        let mut upper = Vec::new();
        let mut pages = last >> PAGE_BITS;
        while pages > 0 {
            upper.push(Level::new());
            pages >>= PAGE_BITS;
        }
        let (free_xor, leaves) = (xor_up_to(last), Level::new());
        Self { last, taken: 0, free_xor, floor: 0, leaves, upper, closed: NOWHERE }
    }

    #[inline]
    pub(super) const fn is_full(&self) -> bool {
        self.taken > self.last
    }

    #[inline]
    pub(super) fn is_taken(&self, place: u128) -> bool {
        place <= self.last && self.leaves.page(place >> PAGE_BITS).is_some_and(|page| page.has(place))
    }

    #[inline]
    pub(super) fn next_free(&self, from: u128) -> Option<u128> {
        if self.taken == self.last {
            return Some(self.free_xor).filter(|place| *place >= from);
        }
        let from = from.max(self.floor);
        let near = match self.leaves.page(from >> PAGE_BITS) {
            None => Some(from),
            Some(page) => page.next_free(from),
        };
        near.or_else(|| self.beyond(from >> PAGE_BITS)).filter(|place| *place <= self.last)
    }

    /// Takes the lowest free place at or after one, or else the lowest of all.
    #[inline]
    pub(super) fn take_next_around(&mut self, from: u128) -> Option<u128> {
        // Most often in the page used last, which needs no search.
        if self.leaves.recent.0 == from >> PAGE_BITS
            && let Some(page) = self.leaves.pages.get_mut(self.leaves.recent.1)
            && let Some(place) = page.next_free(from).filter(|place| *place <= self.last)
        {
            let taken = page.take(place)?;
            self.note_taken(place, taken);
            return Some(place);
        }
        let place = self.next_free(from).or_else(|| self.next_free(0))?;
        self.take(place).then_some(place)
    }

    #[inline]
    pub(super) fn take(&mut self, place: u128) -> bool {
        if place > self.last {
            return false;
        }
        let Some(taken) = self.leaves.page_or_new(place >> PAGE_BITS).and_then(|page| page.take(place))
        else {
            return false;
        };
        self.note_taken(place, taken);
        true
    }

    /// Notes that a place was taken, and how many of its page are taken then.
    #[inline]
    fn note_taken(&mut self, place: u128, taken: u32) {
        self.taken += 1;
        self.free_xor ^= place;
        if self.floor == place {
            self.floor = place.saturating_add(1);
        }
        if taken == FULL && self.closed != place >> PAGE_BITS {
            self.close(place >> PAGE_BITS);
        }
    }

    #[inline]
    pub(super) fn give(&mut self, place: u128) -> bool {
        let at = self.leaves.find(place >> PAGE_BITS);
        let Some(left) = self.leaves.pages.get_mut(at).and_then(|page| page.give(place)) else {
            return false;
        };
        self.taken -= 1;
        self.free_xor ^= place;
        self.floor = self.floor.min(place);
        if left == 0 {
            self.leaves.emptied(at);
        } else if left == FULL - 1 && self.closed != place >> PAGE_BITS {
            self.open(place >> PAGE_BITS);
        }
        true
    }

    /// The first free place of the pages after one.
    fn beyond(&self, page: u128) -> Option<u128> {
        match self.climb(page)? {
            Found::Place(place) => Some(place),
            Found::Closed => match self.climb(self.closed)? {
                Found::Place(place) => Some(place),
                // There is one closed page, and the search began after it.
                Found::Closed => None,
            },
        }
    }

    /// Climbs from a page until one has a zero bit after it, and descends from there.
    fn climb(&self, page: u128) -> Option<Found> {
        let mut at = page + 1;
        for (index, level) in self.upper.iter().enumerate() {
            let found = match level.page(at >> PAGE_BITS) {
                None => Some(at),
                Some(page) => page.next_free(at),
            };
            if let Some(found) = found {
                return self.descend(index, found);
            }
            at = (at >> PAGE_BITS) + 1;
        }
        None
    }

    /// Follows the first zero bit of each lower level.
    fn descend(&self, level: usize, found: u128) -> Option<Found> {
        let mut at = found;
        for below in self.upper.iter().take(level).rev() {
            at = below.first_free(at)?;
        }
        match self.leaves.first_free(at) {
            Some(place) => Some(Found::Place(place)),
            None => Some(Found::Closed).filter(|_| at == self.closed),
        }
    }

    /// Tells the levels above of the page that was closed before, and closes another.
    fn close(&mut self, page: u128) {
        let mut at = std::mem::replace(&mut self.closed, page);
        if self.leaves.page(at).is_none_or(|page| page.taken < FULL) {
            return;
        }
        for level in &mut self.upper {
            let taken = level.page_or_new(at >> PAGE_BITS).and_then(|page| page.take(at));
            if taken != Some(FULL) {
                break;
            }
            at >>= PAGE_BITS;
        }
    }

    /// Tells the levels above that a page is no longer full.
    fn open(&mut self, page: u128) {
        let mut at = page;
        for level in &mut self.upper {
            let number = level.find(at >> PAGE_BITS);
            let left = level.pages.get_mut(number).and_then(|page| page.give(at));
            if left == Some(0) {
                level.emptied(number);
            }
            if left != Some(FULL - 1) {
                break;
            }
            at >>= PAGE_BITS;
        }
    }
}

impl Level {
    fn new() -> Self {
        Self { pages: Slab::new(), table: HashTable::new(), recent: (NOWHERE, NONE), empty: NONE }
    }

    #[inline]
    fn page(&self, number: u128) -> Option<&Page> {
        self.pages.get(self.find(number))
    }

    /// The first free place of a page; nothing if it is full or beyond all places.
    fn first_free(&self, number: u128) -> Option<u128> {
        let first = number.checked_mul(PAGE)?;
        self.page(number).map_or(Some(first), |page| page.next_free(first))
    }

    /// Where a page is, or [`NONE`].
    #[inline]
    fn find(&self, number: u128) -> Number {
        if self.recent.0 == number { self.recent.1 } else { self.look_up(number) }
    }

    fn look_up(&self, number: u128) -> Number {
        let is = |at: &Number| self.pages.get(*at).is_some_and(|page| page.number == number);
        self.table.find(hash(number), is).copied().unwrap_or(NONE)
    }

    #[inline]
    fn page_or_new(&mut self, number: u128) -> Option<&mut Page> {
        if self.recent.0 != number {
            self.recent = (number, self.look_up_or_insert(number));
        }
        self.pages.get_mut(self.recent.1)
    }

    fn look_up_or_insert(&mut self, number: u128) -> Number {
        let known = self.look_up(number);
        if known != NONE {
            return known;
        }
        // A page that was freed is all zero.
        let room = self.pages.room();
        let at = self.pages.insert(|page| page.number = number);
        let pages = &self.pages;
        let hash_of = |at: &Number| pages.get(*at).map_or(0, |page| hash(page.number));
        if pages.room() != room {
            // Half empty, the table tidies up after removals without growing.
            self.table.reserve(pages.room().saturating_mul(2), hash_of);
        }
        self.table.insert_unique(hash(number), at, hash_of);
        at
    }

    /// Frees the page that was empty before, unless it is in use again.
    #[inline]
    fn emptied(&mut self, at: Number) {
        if self.empty != at {
            self.free_empty(at);
        }
    }

    fn free_empty(&mut self, at: Number) {
        let before = std::mem::replace(&mut self.empty, at);
        let Some(page) = self.pages.get(before).filter(|page| page.taken == 0) else {
            return;
        };
        if let Ok(found) = self.table.find_entry(hash(page.number), |other| *other == before) {
            found.remove();
            self.pages.remove(before);
            if self.recent.1 == before {
                self.recent = (NOWHERE, NONE);
            }
        }
    }
}

impl Page {
    #[inline]
    fn has(&self, at: u128) -> bool {
        self.words.get(word(at)).is_some_and(|word| word & bit(at) != 0)
    }

    /// The first free place of the page at or after one of its places.
    #[inline]
    fn next_free(&self, at: u128) -> Option<u128> {
        let begin = at & !(PAGE - 1);
        let free = !self.words.get(word(at))? & (u64::MAX << (at & 63));
        if free != 0 {
            return Some((at & !63) | u128::from(free.trailing_zeros()));
        }
        let words = !self.full & u64::MAX.checked_shl(u32::try_from(word(at)).ok()? + 1).unwrap_or(0);
        let index = words.trailing_zeros();
        let free = !self.words.get(index as usize)?;
        Some(begin | u128::from(index << 6 | free.trailing_zeros()))
    }

    /// Takes a place that is free; how many are taken then.
    #[inline]
    fn take(&mut self, at: u128) -> Option<u32> {
        let index = word(at);
        let word = self.words.get_mut(index).filter(|word| **word & bit(at) == 0)?;
        *word |= bit(at);
        if *word == u64::MAX {
            self.full |= 1 << index;
        }
        self.taken += 1;
        Some(self.taken)
    }

    /// Gives back a place that is taken; how many are taken then.
    #[inline]
    fn give(&mut self, at: u128) -> Option<u32> {
        let index = word(at);
        let word = self.words.get_mut(index).filter(|word| **word & bit(at) != 0)?;
        *word &= !bit(at);
        self.full &= !(1 << index);
        self.taken -= 1;
        Some(self.taken)
    }
}

fn hash(number: u128) -> u64 {
    FixedState::with_seed(0).hash_one(number)
}

/// The index of a place's word in its page.
const fn word(at: u128) -> usize {
    (at >> 6 & 63) as usize
}

const fn bit(at: u128) -> u64 {
    1 << (at & 63)
}
