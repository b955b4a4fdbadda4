//! The DER of keys: RFC 8017 (PKCS#1), RFC 5915 (SEC1), RFC 5208 and 5958 (PKCS#8), RFC 5280 (SPKI).
//!
//! Buffers that may hold secrets are allocated once, at their final size, and wiped on drop.

use zeroize::Zeroizing;

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
/// `[0]`, constructed.
pub(super) const CONTEXT_0: u8 = 0xa0;
/// `[1]`, constructed.
pub(super) const CONTEXT_1: u8 = 0xa1;

/// `AlgorithmIdentifier` of RSA keys (NULL parameters).
pub(super) const RSA: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
/// `AlgorithmIdentifier` of P-256 keys.
pub(super) const P256: &[u8] =
    b"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
/// `AlgorithmIdentifier` of P-384 keys.
pub(super) const P384: &[u8] = b"\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22";
/// `AlgorithmIdentifier` of Ed25519 keys.
pub(super) const ED25519: &[u8] = b"\x30\x05\x06\x03\x2b\x65\x70";

/// Reads DER elements one after the other.
///
/// Only what keys need: one-byte tags and definite, shortest lengths. Everything else is `None`.
#[derive(Clone)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(der: &'a [u8]) -> Self {
        Self(der)
    }

    /// The content of `der` if it is one element with `tag` and nothing after it.
    pub(super) fn only(der: &'a [u8], tag: u8) -> Option<Self> {
        let mut outer = Self(der);
        let content = outer.take(tag)?;
        outer.is_empty().then_some(Self(content))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.0
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The content of the next element, which must have `tag`.
    pub(super) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        (self.peek()? == tag).then(|| self.element().map(|(content, _)| content)).flatten()
    }

    /// The next element whole, with tag and length; it must have `tag`.
    pub(super) fn take_whole(&mut self, tag: u8) -> Option<&'a [u8]> {
        (self.peek()? == tag).then(|| self.element().map(|(_, whole)| whole)).flatten()
    }

    /// The content of the next element if it has `tag`; else nothing is read.
    pub(super) fn take_optional(&mut self, tag: u8) -> Option<Option<&'a [u8]>> {
        if self.peek() == Some(tag) { self.take(tag).map(Some) } else { Some(None) }
    }

    /// The magnitude of a positive INTEGER, without the sign byte.
    pub(super) fn take_positive(&mut self) -> Option<&'a [u8]> {
        match self.take(INTEGER)? {
            [0, rest @ ..] if rest.first().is_some_and(|first| *first >= 0x80) => Some(rest),
            all @ [first, ..] if (1..0x80).contains(first) => Some(all),
            _ => None,
        }
    }

    /// The bytes of a BIT STRING that is a whole number of bytes.
    pub(super) fn take_bits(&mut self) -> Option<&'a [u8]> {
        match self.take(BIT_STRING)? {
            [0, rest @ ..] => Some(rest),
            _ => None,
        }
    }

    fn element(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let (_tag, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match *first {
            short @ ..=0x7f => (usize::from(short), rest),
            long @ 0x81..=0x83 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
                let length = bytes.iter().fold(0, |sum: usize, byte| (sum << 8) | usize::from(*byte));
                let shortest = if long == 0x81 { 0x80 } else { 1 << (8 * (usize::from(long & 0x7f) - 1)) };
                (length, (length >= shortest).then_some(rest)?)
            }
            _ => return None,
        };
        let (content, after) = rest.split_at_checked(length)?;
        let whole = self.0.get(..self.0.len() - after.len())?;
        self.0 = after;
        Some((content, whole))
    }
}

/// One element: tag, shortest length and the joined `parts`.
pub(super) fn element(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let bytes = length.to_be_bytes();
    let significant = bytes.iter().position(|byte| *byte != 0).and_then(|at| bytes.get(at..)).unwrap_or(&[0]);
    let mut out = Zeroizing::new(Vec::with_capacity(2 + significant.len() + length));
    out.push(tag);
    if length >= 0x80 {
        // A length has at most eight bytes.
        out.push(0x80 | u8::try_from(significant.len()).unwrap_or(8));
    }
    out.extend_from_slice(significant);
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// An INTEGER of a big-endian magnitude.
#[cfg_attr(not(feature = "rsa"), allow(dead_code))]
pub(super) fn positive(magnitude: &[u8]) -> Zeroizing<Vec<u8>> {
    let start = magnitude.iter().position(|byte| *byte != 0).unwrap_or(magnitude.len());
    let digits = magnitude.get(start..).unwrap_or_default();
    match digits.first() {
        Some(first) if *first < 0x80 => element(INTEGER, &[digits]),
        _ => element(INTEGER, &[&[0], digits]),
    }
}

/// A `SubjectPublicKeyInfo`.
pub(super) fn spki(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let bits = element(BIT_STRING, &[&[0], key]);
    element(SEQUENCE, &[algorithm, &bits]).to_vec()
}

/// An `ECPrivateKey` with parameters and public key, as Go's `x509.MarshalECPrivateKey` writes it.
///
/// `algorithm` is [`P256`] or [`P384`].
pub(super) fn sec1(algorithm: &[u8], scalar: &[u8], point: &[u8]) -> Zeroizing<Vec<u8>> {
    // The named curve is the second element inside the AlgorithmIdentifier.
    let curve = Reader::only(algorithm, SEQUENCE)
        .and_then(|mut inner| inner.take(OID).and_then(|_| inner.take_whole(OID)))
        .unwrap_or_default();
    let scalar = element(OCTET_STRING, &[scalar]);
    let curve = element(CONTEXT_0, &[curve]);
    let public = element(CONTEXT_1, &[&element(BIT_STRING, &[&[0], point])]);
    element(SEQUENCE, &[b"\x02\x01\x01", &scalar, &curve, &public])
}

/// A PKCS#8 version 1 `PrivateKeyInfo` of an Ed25519 seed (RFC 8410 section 7).
pub(super) fn pkcs8_ed25519(seed: &[u8]) -> Zeroizing<Vec<u8>> {
    let inner = element(OCTET_STRING, &[seed]);
    let outer = element(OCTET_STRING, &[&inner]);
    element(SEQUENCE, &[b"\x02\x01\x00", ED25519, &outer])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_the_shortest_and_read_back() {
        for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let content = vec![7; length];
            let der = element(OCTET_STRING, &[&content]);
            let mut reader = Reader::new(&der);
            assert_eq!(reader.take(OCTET_STRING), Some(content.as_slice()), "{length}");
            assert!(reader.is_empty());
        }
    }

    #[test]
    fn refuses_what_is_not_der() {
        for bad in [
            &b"\x04"[..],
            b"\x04\x02\x00",
            b"\x04\x80\x00\x00",
            b"\x04\x81\x01\x00",
            b"\x04\x82\x00\x80",
            b"\x04\x84\x00\x00\x00\x01\x00",
            b"\x30\x00",
        ] {
            assert_eq!(Reader::new(bad).take(OCTET_STRING), None, "{bad:02x?}");
        }
        for bad in [&b"\x02\x00"[..], b"\x02\x01\x00", b"\x02\x01\x80", b"\x02\x02\x00\x7f"] {
            assert_eq!(Reader::new(bad).take_positive(), None, "{bad:02x?}");
        }
    }

    #[test]
    fn integers_keep_their_sign() {
        assert_eq!(positive(&[0, 0x7f]).as_slice(), b"\x02\x01\x7f");
        assert_eq!(positive(&[0x80]).as_slice(), b"\x02\x02\x00\x80");
        assert_eq!(positive(&[0]).as_slice(), b"\x02\x01\x00");
    }
}
