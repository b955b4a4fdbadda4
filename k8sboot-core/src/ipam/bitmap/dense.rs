//! One bit for each place.

/// Levels that suffice for 2³⁰ places.
const LEVELS: usize = 5;

/// Places `0..=last` with one bit each; all levels lie in one piece of memory, the lowest first.
#[derive(Clone, Debug)]
pub(crate) struct Dense {
    last: usize,
    taken: usize,
    /// Where each level begins in `words`.
    begins: [usize; LEVELS],
    levels: usize,
    words: Vec<u64>,
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
        // The system hands out zeroed memory lazily, so that a large set costs what is touched of it.
        Self { last, taken: 0, begins, levels, words: vec![0; words] }
    }

    pub(super) const fn is_full(&self) -> bool {
        self.taken > self.last
    }

    pub(super) fn is_taken(&self, place: usize) -> bool {
        place <= self.last && self.words.get(place >> 6).is_some_and(|word| word & bit(place) != 0)
    }

    /// The lowest free place at or after one; if there is none and `around`, the lowest of all.
    #[inline]
    pub(super) fn next_free(&self, from: usize, around: bool) -> Option<usize> {
        let mut at = from;
        for (level, begin) in self.begins.iter().enumerate().take(self.levels) {
            if at > self.last >> (6 * level) {
                break;
            }
            let free = !*self.words.get(begin + (at >> 6))? & (u64::MAX << (at & 63));
            if free != 0 {
                // A bit beyond the end of a level counts as free, and is seen to be beyond the last place below.
                let found = self.descend(level, (at & !63) | first(free));
                if found.is_some() {
                    return found;
                }
                break;
            }
            at = (at >> 6) + 1;
        }
        // The last word is the only one of the highest level.
        let top = self.words.last().filter(|_| around)?;
        self.descend(self.levels - 1, first(!top))
    }

    #[inline]
    pub(super) fn take(&mut self, place: usize) -> bool {
        if place > self.last {
            return false;
        }
        let mut at = place;
        for (level, begin) in self.begins.iter().enumerate().take(self.levels) {
            let Some(word) = self.words.get_mut(begin + (at >> 6)) else { break };
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
    pub(super) fn give(&mut self, place: usize) -> bool {
        if !self.is_taken(place) {
            return false;
        }
        let mut at = place;
        for begin in self.begins.iter().take(self.levels) {
            let Some(word) = self.words.get_mut(begin + (at >> 6)) else { break };
            let was_full = *word == u64::MAX;
            *word &= !bit(at);
            if !was_full {
                break;
            }
            at >>= 6;
        }
        self.taken -= 1;
        true
    }

    /// Follows the first zero bit of each lower level.
    #[inline]
    fn descend(&self, level: usize, found: usize) -> Option<usize> {
        let mut at = found;
        for (below, begin) in self.begins.iter().enumerate().take(level).rev() {
            if at > self.last >> (6 * (below + 1)) {
                return None;
            }
            at = (at << 6) | first(!*self.words.get(begin + at)?);
        }
        (at <= self.last).then_some(at)
    }
}

const fn bit(at: usize) -> u64 {
    1 << (at & 63)
}

const fn first(word: u64) -> usize {
    word.trailing_zeros() as usize
}
