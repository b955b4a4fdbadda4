//! Words for the places taken only, in a hash table.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// Levels that suffice for 2¹²⁸ places.
const LEVELS: u8 = 22;

/// Places `0..=last`; a word that is absent is all free, so that memory follows what is taken.
///
/// Nobody outside chooses the places of a policy; requested ones may be chosen so that their words collide in the
/// table, which costs time in proportion to how many of these are taken, and nothing else.
#[derive(Clone, Debug)]
pub(crate) struct Sparse {
    last: u128,
    taken: u128,
    words: HashMap<Key, u64, FixedState>,
}

/// A word: 32 times its number in its level, plus the level. At most 2¹²² words a level: nothing is cut off.
type Key = u128;

impl Sparse {
    pub(super) fn new(last: u128) -> Self {
        Self { last, taken: 0, words: HashMap::default() }
    }

    pub(super) const fn is_full(&self) -> bool {
        self.taken > self.last
    }

    pub(super) fn is_taken(&self, place: u128) -> bool {
        place <= self.last && self.word(0, place >> 6) & bit(place) != 0
    }

    #[inline]
    pub(super) fn next_free(&self, from: u128) -> Option<u128> {
        let mut at = from;
        for level in 0..LEVELS {
            let free = !self.word(level, at >> 6) & (u64::MAX << (at & 63));
            if free != 0 {
                let mut found = (at & !63) | first(free);
                for below in (0..level).rev() {
                    let word = self.word(below, found);
                    // A shift that loses bits has left the places there are.
                    found = found.checked_mul(64)? | first(!word);
                }
                return (found <= self.last).then_some(found);
            }
            at = (at >> 6) + 1;
        }
        None
    }

    #[inline]
    pub(super) fn take(&mut self, place: u128) -> bool {
        if place > self.last {
            return false;
        }
        let mut at = place;
        for level in 0..LEVELS {
            let word = self.words.entry(key(level, at >> 6)).or_insert(0);
            if level == 0 && *word & bit(at) != 0 {
                return false;
            }
            *word |= bit(at);
            if *word != u64::MAX {
                break;
            }
            at >>= 6;
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
        for level in 0..LEVELS {
            let key = key(level, at >> 6);
            let Some(word) = self.words.get_mut(&key) else { break };
            let was_full = *word == u64::MAX;
            *word &= !bit(at);
            if *word == 0 {
                self.words.remove(&key);
            }
            if !was_full {
                break;
            }
            at >>= 6;
        }
        self.taken -= 1;
        true
    }

    #[inline]
    fn word(&self, level: u8, number: u128) -> u64 {
        self.words.get(&key(level, number)).copied().unwrap_or(0)
    }
}

const fn key(level: u8, number: u128) -> Key {
    number << 5 | level as u128
}

const fn bit(at: u128) -> u64 {
    1 << (at & 63)
}

const fn first(word: u64) -> u128 {
    word.trailing_zeros() as u128
}
