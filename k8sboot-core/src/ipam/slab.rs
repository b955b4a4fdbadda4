//! Entries with numbers that stay, kept in one piece of memory; a freed entry keeps what memory it has for the next.

/// No entry.
pub(crate) const NONE: usize = usize::MAX;

/// Entries by number.
#[derive(Clone, Debug)]
pub(crate) struct Slab<T> {
    entries: Vec<Entry<T>>,
    free: usize,
}

#[derive(Clone, Debug)]
struct Entry<T> {
    value: T,
    /// If the entry is free, the next free one.
    next_free: usize,
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

    /// A free entry, new or as it was left; `set` makes it what it is to be.
    #[inline]
    pub(crate) fn insert(&mut self, set: impl FnOnce(&mut T)) -> usize {
        let at = self.free;
        if let Some(entry) = self.entries.get_mut(at) {
            self.free = entry.next_free;
            set(&mut entry.value);
            return at;
        }
        let mut value = T::default();
        set(&mut value);
        self.entries.push(Entry { value, next_free: NONE });
        self.entries.len() - 1
    }

    /// Frees an entry that is in use.
    #[inline]
    pub(crate) fn remove(&mut self, at: usize) {
        if let Some(entry) = self.entries.get_mut(at) {
            entry.next_free = self.free;
            self.free = at;
        }
    }

    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        self.entries.get(at).map(|entry| &entry.value)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        self.entries.get_mut(at).map(|entry| &mut entry.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_freed_last_is_used_next_with_its_memory() {
        let mut slab: Slab<String> = Slab::new();
        let numbers: Vec<usize> =
            ["a", "b", "c"].map(|text| slab.insert(|value| value.push_str(text))).into();
        assert_eq!(numbers, [0, 1, 2]);
        slab.remove(0);
        slab.remove(2);
        assert_eq!(slab.insert(|value| assert_eq!(value, "c")), 2);
        assert_eq!((slab.insert(|_| {}), slab.insert(|_| {})), (0, 3));
        assert!(slab.get(1).is_some_and(|value| value == "b") && slab.get(NONE).is_none());
    }
}
