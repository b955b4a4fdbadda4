//! A hash that is the same in every build, for the index on disk and for versions of records. Not against attackers: what
//! it finds is always compared with the record itself.

use std::hash::Hasher;

/// Bytes and numbers become 64 bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hash(u64);

impl Hash {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

    pub(super) const fn new() -> Self {
        Self(0x51_7c_c1_b7_27_22_0a_95)
    }

    pub(super) fn number(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(Self::ODD);
        self.0 = mixed ^ (mixed >> 29);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            self.number(chunk.iter().fold(0, |n, b| (n << 8) | u64::from(*b)));
        }
        // The length keeps "a" + "" and "" + "a" apart.
        let rest = chunks.remainder().iter().fold(0, |n, b| (n << 8) | u64::from(*b));
        self.number(rest);
        self.number(bytes.len() as u64);
    }

    pub(super) const fn finish(self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        mixed ^ (mixed >> 32)
    }
}

impl Default for Hash {
    fn default() -> Self {
        Self::new()
    }
}

impl Hasher for Hash {
    fn finish(&self) -> u64 {
        Self::finish(*self)
    }

    fn write(&mut self, bytes: &[u8]) {
        self.bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_texts_are_far_apart() {
        let mut seen = std::collections::HashSet::new();
        for n in 0..100_000_u32 {
            let mut hash = Hash::new();
            hash.bytes(format!("{n:064x}").as_bytes());
            assert!(seen.insert(hash.finish() >> 24), "{n}");
        }
    }
}
