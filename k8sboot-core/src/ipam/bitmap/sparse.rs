//! Pages of bits for the places taken only, in hash tables.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::ipam::slab::{NONE, Slab};

/// Places of a page.
const PAGE: u128 = 1 << PAGE_BITS;
const PAGE_BITS: u32 = 12;

/// Places `0..=last`; a page that is absent is all free, so that memory follows what is taken.
///
/// Nobody outside chooses the places of a policy; requested ones may be chosen so that their pages collide in the table,
/// which costs time in proportion to how many of these are taken, and nothing else.
#[derive(Clone, Debug)]
pub(crate) struct Sparse {
    last: u128,
    taken: u128,
    /// The lowest level first; a bit of a higher one says that the page below it is full.
    levels: Vec<Level>,
}

/// The pages of one level.
#[derive(Clone, Debug)]
struct Level {
    pages: Slab<Page>,
    table: HashTable<usize>,
    /// The page used last, with its number: the next call most often wants it again.
    recent: (u128, usize),
    /// A page that became empty; it is kept until the next one becomes so, for it is most often filled again.
    empty: usize,
}

#[derive(Clone, Debug)]
struct Page {
    number: u128,
    taken: u128,
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
        let mut levels = vec![Level::new()];
        let mut pages = last >> PAGE_BITS;
        while pages > 0 {
            levels.push(Level::new());
            pages >>= PAGE_BITS;
        }
        Self { last, taken: 0, levels }
    }

    pub(super) const fn is_full(&self) -> bool {
        self.taken > self.last
    }

    pub(super) fn is_taken(&self, place: u128) -> bool {
        let page = self.levels.first().and_then(|level| level.page(place >> PAGE_BITS));
        place <= self.last && page.is_some_and(|page| page.has(place))
    }

    #[inline]
    pub(super) fn next_free(&self, from: u128) -> Option<u128> {
        let mut at = from;
        for (index, level) in self.levels.iter().enumerate() {
            let found = match level.page(at >> PAGE_BITS) {
                None => Some(at),
                Some(page) => page.next_free(at),
            };
            if let Some(found) = found {
                return self.descend(index, found).filter(|place| *place <= self.last);
            }
            at = (at >> PAGE_BITS) + 1;
        }
        None
    }

    #[inline]
    pub(super) fn take(&mut self, place: u128) -> bool {
        if place > self.last {
            return false;
        }
        let mut at = place;
        for (index, level) in self.levels.iter_mut().enumerate() {
            let page = level.page_or_new(at >> PAGE_BITS);
            let fresh = page.is_some_and(|page| page.take(at));
            if index == 0 && !fresh {
                return false;
            }
            if !level.recent_is_full() {
                break;
            }
            at >>= PAGE_BITS;
        }
        self.taken += 1;
        true
    }

    #[inline]
    pub(super) fn give(&mut self, place: u128) -> bool {
        if !self.is_taken(place) {
            return false;
        }
        let mut at = place;
        for level in &mut self.levels {
            let number = level.find(at >> PAGE_BITS);
            let Some(page) = level.pages.get_mut(number) else { break };
            let was_full = page.taken == PAGE;
            page.give(at);
            if page.taken == 0 {
                level.emptied(number);
            }
            if !was_full {
                break;
            }
            at >>= PAGE_BITS;
        }
        self.taken -= 1;
        true
    }

    /// Follows the first zero bit of each lower level.
    #[inline]
    fn descend(&self, level: usize, found: u128) -> Option<u128> {
        let mut at = found;
        for below in self.levels.iter().take(level).rev() {
            // A product that is too large has left the places there are.
            let first = at.checked_mul(PAGE)?;
            at = below.page(at).map_or(Some(first), |page| page.next_free(first))?;
        }
        Some(at)
    }
}

impl Level {
    fn new() -> Self {
        Self { pages: Slab::new(), table: HashTable::new(), recent: (0, NONE), empty: NONE }
    }

    #[inline]
    fn page(&self, number: u128) -> Option<&Page> {
        self.pages.get(self.find(number))
    }

    /// Where a page is, or [`NONE`].
    #[inline]
    fn find(&self, number: u128) -> usize {
        if self.recent.0 == number && self.recent.1 != NONE {
            return self.recent.1;
        }
        let is = |at: &usize| self.pages.get(*at).is_some_and(|page| page.number == number);
        self.table.find(hash(number), is).copied().unwrap_or(NONE)
    }

    #[inline]
    fn page_or_new(&mut self, number: u128) -> Option<&mut Page> {
        let mut at = self.find(number);
        if at == NONE {
            // A page that was freed is all zero.
            at = self.pages.insert(|page| page.number = number);
            let pages = &self.pages;
            let hash_of = |at: &usize| pages.get(*at).map_or(0, |page| hash(page.number));
            self.table.insert_unique(hash(number), at, hash_of);
        }
        self.recent = (number, at);
        self.pages.get_mut(at)
    }

    #[inline]
    fn recent_is_full(&self) -> bool {
        self.pages.get(self.recent.1).is_some_and(|page| page.taken == PAGE)
    }

    /// Frees the page that was empty before, unless it is in use again.
    #[inline]
    fn emptied(&mut self, at: usize) {
        let before = std::mem::replace(&mut self.empty, at);
        let Some(page) = self.pages.get(before).filter(|page| page.taken == 0 && before != at) else {
            return;
        };
        if let Ok(found) = self.table.find_entry(hash(page.number), |other| *other == before) {
            found.remove();
            self.pages.remove(before);
            if self.recent.1 == before {
                self.recent = (0, NONE);
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

    #[inline]
    fn take(&mut self, at: u128) -> bool {
        let index = word(at);
        let Some(word) = self.words.get_mut(index).filter(|word| **word & bit(at) == 0) else { return false };
        *word |= bit(at);
        if *word == u64::MAX {
            self.full |= 1 << index;
        }
        self.taken += 1;
        true
    }

    /// Gives back what is taken.
    #[inline]
    fn give(&mut self, at: u128) {
        let index = word(at);
        if let Some(word) = self.words.get_mut(index) {
            *word &= !bit(at);
            self.full &= !(1 << index);
            self.taken -= 1;
        }
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
