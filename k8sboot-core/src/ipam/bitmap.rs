//! Which of the places `0..=last` are taken, at a cost that depends neither on their number nor on the fill.
//!
//! A tree of 64-bit words: a bit of the lowest level says that its place is taken, a bit of a higher one that the word
//! below it is full. The next free place is found by climbing until a word has a zero bit, and descending along zeros:
//! two steps a level, and 64 times as many places a level.

mod dense;
mod sparse;

use dense::Dense;
use sparse::Sparse;

/// A set of places.
#[derive(Clone, Debug)]
pub(crate) enum Bitmap {
    /// A bit for each place.
    Dense(Dense),
    /// Words for the places taken only.
    Sparse(Sparse),
}

/// The most places that are kept as one bit each: 16 MiB, of which the system provides what is touched.
const MOST_DENSE: u128 = 1 << 27;

impl Bitmap {
    /// All of `0..=last` free.
    pub(crate) fn new(last: u128) -> Self {
        match usize::try_from(last) {
            Ok(small) if last < MOST_DENSE => Self::Dense(Dense::new(small)),
            _ => Self::Sparse(Sparse::new(last)),
        }
    }

    /// Whether no place is free.
    pub(crate) const fn is_full(&self) -> bool {
        match self {
            Self::Dense(dense) => dense.is_full(),
            Self::Sparse(sparse) => sparse.is_full(),
        }
    }

    /// Whether a place is taken; one beyond the last is not.
    #[inline]
    pub(crate) fn is_taken(&self, place: u128) -> bool {
        match self {
            Self::Dense(dense) => usize::try_from(place).is_ok_and(|place| dense.is_taken(place)),
            Self::Sparse(sparse) => sparse.is_taken(place),
        }
    }

    /// The lowest free place at or after one.
    #[inline]
    pub(crate) fn next_free(&self, from: u128) -> Option<u128> {
        match self {
            Self::Dense(dense) => {
                dense.next_free(usize::try_from(from).ok()?, false).map(|place| place as u128)
            }
            Self::Sparse(sparse) => sparse.next_free(from),
        }
    }

    /// The lowest free place at or after one, or else the lowest of all.
    #[inline]
    pub(crate) fn next_free_around(&self, from: u128) -> Option<u128> {
        match self {
            Self::Dense(dense) => {
                dense.next_free(usize::try_from(from).unwrap_or(0), true).map(|place| place as u128)
            }
            Self::Sparse(sparse) => sparse.next_free(from).or_else(|| sparse.next_free(0)),
        }
    }

    /// Takes what [`next_free_around`](Self::next_free_around) finds.
    #[inline]
    pub(crate) fn take_next_around(&mut self, from: u128) -> Option<u128> {
        match self {
            Self::Dense(dense) => {
                let place = dense.next_free(usize::try_from(from).unwrap_or(0), true)?;
                dense.take(place).then_some(place as u128)
            }
            Self::Sparse(sparse) => sparse.take_next_around(from),
        }
    }

    /// Takes a place; false if it was taken or is beyond the last.
    #[inline]
    pub(crate) fn take(&mut self, place: u128) -> bool {
        match self {
            Self::Dense(dense) => usize::try_from(place).is_ok_and(|place| dense.take(place)),
            Self::Sparse(sparse) => sparse.take(place),
        }
    }

    /// Gives a place back; false if it was free.
    #[inline]
    pub(crate) fn give(&mut self, place: u128) -> bool {
        match self {
            Self::Dense(dense) => usize::try_from(place).is_ok_and(|place| dense.give(place)),
            Self::Sparse(sparse) => sparse.give(place),
        }
    }
}

/// All numbers up to one, one XOR the other.
const fn xor_up_to(last: u128) -> u128 {
    match last % 4 {
        0 => last,
        1 => 1,
        2 => last.wrapping_add(1),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Both forms over the same places, beside a plain set.
    struct Trio {
        last: u128,
        maps: [Bitmap; 2],
        taken: BTreeSet<u128>,
    }

    impl Trio {
        fn new(last: u128) -> Self {
            let dense = Bitmap::Dense(Dense::new(usize::try_from(last).unwrap()));
            Self { last, maps: [dense, Bitmap::Sparse(Sparse::new(last))], taken: BTreeSet::new() }
        }

        fn take(&mut self, place: u128) {
            let fresh = place <= self.last && self.taken.insert(place);
            for map in &mut self.maps {
                assert_eq!(map.take(place), fresh, "take {place} of {}", self.last);
            }
        }

        fn give(&mut self, place: u128) {
            let was = self.taken.remove(&place);
            for map in &mut self.maps {
                assert_eq!(map.give(place), was, "give {place} of {}", self.last);
            }
        }

        fn compare(&self, from: u128) {
            let next = (from..=self.last).find(|place| !self.taken.contains(place));
            for map in &self.maps {
                assert_eq!(map.next_free(from), next, "from {from} of {}", self.last);
                let around = next.or_else(|| (0..=self.last).find(|place| !self.taken.contains(place)));
                assert_eq!(map.next_free_around(from), around, "around from {from} of {}", self.last);
                assert_eq!(map.is_taken(from), self.taken.contains(&from));
                assert_eq!(map.is_full(), self.taken.len() as u128 == self.last + 1);
            }
        }
    }

    #[test]
    fn every_place_is_found_at_the_edges_of_every_level() {
        for last in [0, 1, 62, 63, 64, 65, 4094, 4095, 4096, 4097, 70_000] {
            let mut trio = Trio::new(last);
            (0..=last + 1).for_each(|place| trio.take(place));
            trio.compare(0);
            for hole in
                [0, 1, 63, 64, 65, 4095, 4096, 65_535, 65_536, last].into_iter().filter(|p| *p <= last)
            {
                trio.give(hole);
                for from in [0, hole.saturating_sub(1), hole, hole + 1, last, last + 1, u128::MAX] {
                    trio.compare_one(from, hole);
                }
                trio.take(hole);
            }
        }
    }

    impl Trio {
        /// As `compare`, where the only hole is known.
        fn compare_one(&self, from: u128, hole: u128) {
            for map in &self.maps {
                assert_eq!(
                    map.next_free(from),
                    (from <= hole).then_some(hole),
                    "from {from} of {}",
                    self.last
                );
            }
        }
    }

    #[test]
    fn random_work_gives_what_a_plain_set_gives() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = |below: u128| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u128::from(state >> 20) % below
        };
        for last in [5, 63, 64, 200, 5_000] {
            let mut trio = Trio::new(last);
            for _ in 0..3_000 {
                let place = random(last + 3);
                if random(5) < 3 {
                    trio.take(place)
                } else {
                    trio.give(place)
                }
                trio.compare(random(last + 3));
            }
        }
    }

    #[test]
    fn taking_the_next_goes_round_until_all_are_taken() {
        for last in [0, 63, 64, 4095, 4096, 9_000] {
            let mut trio = Trio::new(last);
            let mut from = last / 2;
            for n in 0..=last {
                let expected = (last / 2 + n) % (last + 1);
                for map in &mut trio.maps {
                    assert_eq!(map.take_next_around(from), Some(expected), "{n} of {last}");
                }
                from = expected + 1;
            }
            assert!(trio.maps.iter_mut().all(|map| map.is_full() && map.take_next_around(from).is_none()));
        }
    }

    #[test]
    fn the_whole_of_ipv6_is_a_set_like_others() {
        let mut map = Bitmap::new(u128::MAX);
        assert_eq!(map.next_free(0), Some(0));
        for place in (0..10_000).chain(u128::MAX - 10_000..=u128::MAX) {
            assert!(map.take(place) && !map.take(place));
        }
        assert_eq!((map.next_free(0), map.next_free(u128::MAX - 10_000)), (Some(10_000), None));
        assert_eq!(map.next_free(20_000), Some(20_000));
        assert!(map.give(u128::MAX) && map.next_free(u128::MAX - 10_000) == Some(u128::MAX));
        assert!(!map.is_full());
    }
}
