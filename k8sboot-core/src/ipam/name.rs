//! Short texts inside their entry.

/// A text; up to `N` bytes need no memory of their own.
#[derive(Clone, Debug)]
pub(crate) struct Name<const N: usize> {
    len: usize,
    inline: [u8; N],
    /// A longer text; its memory is kept for the next one.
    long: String,
}

/// Longest text whose memory is kept.
const LONGEST_KEPT: usize = 1024;

impl<const N: usize> Default for Name<N> {
    fn default() -> Self {
        Self { len: 0, inline: [0; N], long: String::new() }
    }
}

impl<const N: usize> Name<N> {
    #[inline]
    pub(crate) fn set(&mut self, text: &str) {
        self.len = text.len();
        match self.inline.get_mut(..text.len()) {
            Some(inline) => inline.copy_from_slice(text.as_bytes()),
            None => {
                if self.long.capacity() > LONGEST_KEPT {
                    self.long = String::new();
                }
                self.long.clear();
                self.long.push_str(text);
            }
        }
    }

    #[inline]
    pub(crate) fn is(&self, text: &str) -> bool {
        self.bytes() == text.as_bytes()
    }

    pub(crate) fn as_str(&self) -> &str {
        match self.inline.get(..self.len) {
            // What was set was text.
            Some(inline) => std::str::from_utf8(inline).unwrap_or_default(),
            None => &self.long,
        }
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        self.inline.get(..self.len).unwrap_or(self.long.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_texts_come_back() {
        let mut name: Name<4> = Name::default();
        for text in ["", "ab", "abcd", "abcde", "é", "ééé", &"x".repeat(5_000), "ab", "yz"] {
            name.set(text);
            assert_eq!(name.as_str(), text);
            assert!(name.is(text) && !name.is("other"));
        }
    }
}
