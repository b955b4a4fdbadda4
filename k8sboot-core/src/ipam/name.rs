//! Short texts inside their entry, long ones in a store beside.

use super::slab::{NONE, Number, Slab};

/// A text; up to `N` bytes lie in the entry itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name<const N: usize> {
    len: u32,
    inline: [u8; N],
    /// The number of a longer text.
    long: Number,
}

/// The longer texts of many names. The memory of one that is dropped is used for the next.
#[derive(Clone, Debug)]
pub(crate) struct LongTexts(Slab<String>);

/// Longest text whose memory is kept.
const LONGEST_KEPT: usize = 1024;

impl LongTexts {
    pub(crate) const fn new() -> Self {
        Self(Slab::new())
    }

    fn get(&self, at: Number) -> &str {
        self.0.get(at).map_or("", String::as_str)
    }
}

impl<const N: usize> Default for Name<N> {
    fn default() -> Self {
        Self { len: 0, inline: [0; N], long: NONE }
    }
}

impl<const N: usize> Name<N> {
    /// Becomes a text; it must be [dropped](Self::drop_text) before it becomes another.
    #[inline]
    pub(crate) fn set(&mut self, text: &str, long: &mut LongTexts) {
        // A text of 4 GiB is a long one as well.
        self.len = u32::try_from(text.len()).unwrap_or(u32::MAX);
        match self.inline.get_mut(..text.len()) {
            Some(inline) => inline.copy_from_slice(text.as_bytes()),
            None => {
                self.long = long.0.insert(|place| {
                    if place.capacity() > LONGEST_KEPT {
                        *place = String::new();
                    }
                    place.clear();
                    place.push_str(text);
                });
            }
        }
    }

    /// Gives the memory of a long text back.
    #[inline]
    pub(crate) fn drop_text(&mut self, long: &mut LongTexts) {
        if self.len as usize > N {
            long.0.remove(self.long);
            *self = Self::default();
        }
    }

    #[inline]
    pub(crate) fn is(&self, text: &str, long: &LongTexts) -> bool {
        match self.inline.get(..self.len as usize) {
            Some(inline) => inline == text.as_bytes(),
            None => long.get(self.long) == text,
        }
    }

    pub(crate) fn as_str<'a>(&'a self, long: &'a LongTexts) -> &'a str {
        match self.inline.get(..self.len as usize) {
            // What was set was text.
            Some(inline) => std::str::from_utf8(inline).unwrap_or_default(),
            None => long.get(self.long),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_texts_come_back() {
        let (mut long, mut other): (LongTexts, Name<4>) = (LongTexts::new(), Name::default());
        other.set("another one", &mut long);
        let mut name: Name<4> = Name::default();
        for text in ["", "ab", "abcd", "abcde", "é", "ééé", &"x".repeat(5_000), "ab", "yzyzyz"] {
            name.set(text, &mut long);
            assert_eq!(name.as_str(&long), text);
            assert!(name.is(text, &long) && !name.is("other", &long));
            name.drop_text(&mut long);
        }
        assert!(other.is("another one", &long));
    }
}
