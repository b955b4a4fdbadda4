//! One bit for each place.

use super::xor_up_to;

/// Levels that suffice for 2³⁰ places.
const LEVELS: usize = 5;
/// No word.
const NONE: usize = usize::MAX;

/// Places `0..=last` with one bit each; all levels lie in one piece of memory, the lowest first.
#[derive(Clone, Debug)]
pub(crate) struct Dense {
    last: usize,
    taken: usize,
    /// All free places, one XOR the other: if there is one only, it is this.
    free_xor: usize,
    /// A word of the lowest level that may be full without the level above saying so: the word that was filled last. It
    /// spares the levels above when the last place of a word is given and released again and again.
    closed: usize,
    /// Where each level begins in `words`.
    begins: [usize; LEVELS],
    levels: usize,
    words: Vec<u64>,
}

/// Where a search ends.
enum Found {
    Place(usize),
    /// In the closed word, which is full.
    Closed,
}

impl Dense {
    pub(super) fn new(last: usize) -> Self {
        let (mut begins, mut levels, mut words) = ([0; LEVELS], 0, 0);
        let mut count = last;
        for begin in &mut begins {
            *begin = words;
            count >>= 6;
            words += count + 1;
            levels += 1;
            if count == 0 {
                break;
            }
        }
        let free_xor = usize::try_from(xor_up_to(last as u128)).unwrap_or(0);
        // The system hands out zeroed memory lazily, so that a large set costs what is touched of it.
        Self { last, taken: 0, free_xor, closed: NONE, begins, levels, words: vec![0; words] }
    }

    #[inline]
    pub(super) const fn is_full(&self) -> bool {
        self.taken > self.last
    }

    #[inline]
    pub(super) fn is_taken(&self, place: usize) -> bool {
        place <= self.last && self.words.get(place >> 6).is_some_and(|word| word & bit(place) != 0)
    }

    /// The lowest free place at or after one; if there is none and `around`, the lowest of all.
    #[inline]
    pub(super) fn next_free(&self, from: usize, around: bool) -> Option<usize> {
        if self.taken == self.last {
            return Some(self.free_xor).filter(|place| around || *place >= from);
        }
        match self.climb(from) {
            Some(Found::Place(place)) => Some(place),
            Some(Found::Closed) => self.beyond_closed().or_else(|| self.lowest().filter(|_| around)),
            None => self.lowest().filter(|_| around),
        }
    }

    #[inline]
    pub(super) fn take(&mut self, place: usize) -> bool {
        let Some(word) = self.words.get_mut(place >> 6).filter(|_| place <= self.last) else { return false };
        if *word & bit(place) != 0 {
            return false;
        }
        *word |= bit(place);
        self.taken += 1;
        self.free_xor ^= place;
        if *word == u64::MAX && self.closed != place >> 6 {
            self.close(place >> 6);
        }
        true
    }

    #[inline]
    pub(super) fn give(&mut self, place: usize) -> bool {
        let Some(word) = self.words.get_mut(place >> 6).filter(|_| place <= self.last) else { return false };
        if *word & bit(place) == 0 {
            return false;
        }
        let was_full = *word == u64::MAX;
        *word &= !bit(place);
        self.taken -= 1;
        self.free_xor ^= place;
        if was_full && self.closed != place >> 6 {
            self.open(place >> 6);
        }
        true
    }

    fn lowest(&self) -> Option<usize> {
        // The last word is the only one of the highest level.
        match self.descend(self.levels - 1, first(!*self.words.last()?))? {
            Found::Place(place) => Some(place),
            Found::Closed => self.beyond_closed(),
        }
    }

    fn beyond_closed(&self) -> Option<usize> {
        match self.climb((self.closed + 1) << 6)? {
            Found::Place(place) => Some(place),
            // There is one closed word, and the search began after it.
            Found::Closed => None,
        }
    }

    /// Climbs from a place until a word has a zero bit at or after it, and descends from there.
    #[inline]
    fn climb(&self, from: usize) -> Option<Found> {
        let mut at = from;
        for (level, begin) in self.begins.iter().enumerate().take(self.levels) {
            if at > self.last >> (6 * level) {
                return None;
            }
            let free = !*self.words.get(begin + (at >> 6))? & (u64::MAX << (at & 63));
            if free != 0 {
                // A bit beyond the end of a level counts as free, and is seen to be beyond the last place below.
                return self.descend(level, (at & !63) | first(free));
            }
            at = (at >> 6) + 1;
        }
        None
    }

    /// Follows the first zero bit of each lower level.
    #[inline]
    fn descend(&self, level: usize, found: usize) -> Option<Found> {
        let mut at = found;
        for (below, begin) in self.begins.iter().enumerate().take(level).rev() {
            if at > self.last >> (6 * (below + 1)) {
                return None;
            }
            if below == 0 && at == self.closed && self.words.get(at) == Some(&u64::MAX) {
                return Some(Found::Closed);
            }
            at = (at << 6) | first(!*self.words.get(begin + at)?);
        }
        (at <= self.last).then_some(Found::Place(at))
    }

    /// Tells the levels above of the word that was closed before, and closes another.
    fn close(&mut self, word: usize) {
        let before = std::mem::replace(&mut self.closed, word);
        if self.words.get(before) != Some(&u64::MAX) {
            return;
        }
        let mut at = before;
        for begin in self.begins.iter().take(self.levels).skip(1) {
            let Some(word) = self.words.get_mut(begin + (at >> 6)) else { break };
            *word |= bit(at);
            if *word != u64::MAX {
                break;
            }
            at >>= 6;
        }
    }

    /// Tells the levels above that a word is no longer full.
    fn open(&mut self, word: usize) {
        let mut at = word;
        for begin in self.begins.iter().take(self.levels).skip(1) {
            let Some(word) = self.words.get_mut(begin + (at >> 6)) else { break };
            let was_full = *word == u64::MAX;
            *word &= !bit(at);
            if !was_full {
                break;
            }
            at >>= 6;
        }
    }
}

const fn bit(at: usize) -> u64 {
    1 << (at & 63)
}

const fn first(word: u64) -> usize {
    word.trailing_zeros() as usize
}
