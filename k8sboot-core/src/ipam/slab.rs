//! Entries with numbers that stay, kept in one piece of memory; a freed entry keeps what memory it has for the next.

/// The number of an entry.
pub(crate) type Number = u32;

/// No entry.
pub(crate) const NONE: Number = Number::MAX;

/// Entries by number.
#[derive(Clone, Debug)]
pub(crate) struct Slab<T> {
    entries: Vec<Entry<T>>,
    free: Number,
}

#[derive(Clone, Debug)]
struct Entry<T> {
    value: T,
    /// If the entry is free, the next free one.
    next_free: Number,
}

impl<T: Default> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self { entries: Vec::new(), free: NONE }
    }

    /// Makes room for so many entries.
    pub(crate) fn reserve(&mut self, count: usize) {
        self.entries.reserve(count.saturating_sub(self.entries.len()));
    }

    /// How many entries there is room for.
    pub(crate) const fn room(&self) -> usize {
        self.entries.capacity()
    }

    /// Whether the numbers come to their end; some are left for what is under way.
    #[inline]
    pub(crate) const fn is_full(&self) -> bool {
        self.free == NONE && self.entries.len() >= (NONE - 0xffff) as usize
    }

    /// A free entry, new or as it was left; `set` makes it what it is to be.
    #[inline]
    pub(crate) fn insert(&mut self, set: impl FnOnce(&mut T)) -> Number {
        let at = self.free;
        if let Some(entry) = self.entries.get_mut(at as usize) {
            self.free = entry.next_free;
            set(&mut entry.value);
            return at;
        }
        let mut value = T::default();
        set(&mut value);
        self.entries.push(Entry { value, next_free: NONE });
        Number::try_from(self.entries.len() - 1).unwrap_or(NONE)
    }

    /// Frees an entry that is in use.
    #[inline]
    pub(crate) fn remove(&mut self, at: Number) {
        if let Some(entry) = self.entries.get_mut(at as usize) {
            entry.next_free = self.free;
            self.free = at;
        }
    }

    #[inline]
    pub(crate) fn get(&self, at: Number) -> Option<&T> {
        self.entries.get(at as usize).map(|entry| &entry.value)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, at: Number) -> Option<&mut T> {
        self.entries.get_mut(at as usize).map(|entry| &mut entry.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_freed_last_is_used_next_with_its_memory() {
        let mut slab: Slab<String> = Slab::new();
        let numbers: Vec<Number> =
            ["a", "b", "c"].map(|text| slab.insert(|value| value.push_str(text))).into();
        assert_eq!(numbers, [0, 1, 2]);
        slab.remove(0);
        slab.remove(2);
        assert_eq!(slab.insert(|value| assert_eq!(value, "c")), 2);
        assert_eq!((slab.insert(|_| {}), slab.insert(|_| {})), (0, 3));
        assert!(slab.get(1).is_some_and(|value| value == "b") && slab.get(NONE).is_none());
    }
}
