//! A small DER writer: what certificates and requests need, lengths always the shortest.
//!
//! Reading is `x509-parser`'s job. Keys have a writer of their own, which wipes its buffers.

use crate::time::Timestamp;

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const UTF8_STRING: u8 = 0x0c;
pub(super) const PRINTABLE_STRING: u8 = 0x13;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// The tag `[number]`, primitive.
pub(super) const fn context(number: u8) -> u8 {
    0x80 | number
}

/// The tag `[number]`, constructed.
pub(super) const fn context_constructed(number: u8) -> u8 {
    0xa0 | number
}

/// Object identifiers, content bytes only.
pub(super) mod oid {
    pub(in crate::pki) const COMMON_NAME: &[u8] = b"\x55\x04\x03";
    pub(in crate::pki) const ORGANIZATION: &[u8] = b"\x55\x04\x0a";
    pub(in crate::pki) const SUBJECT_KEY_IDENTIFIER: &[u8] = b"\x55\x1d\x0e";
    pub(in crate::pki) const KEY_USAGE: &[u8] = b"\x55\x1d\x0f";
    pub(in crate::pki) const SUBJECT_ALT_NAME: &[u8] = b"\x55\x1d\x11";
    pub(in crate::pki) const BASIC_CONSTRAINTS: &[u8] = b"\x55\x1d\x13";
    pub(in crate::pki) const AUTHORITY_KEY_IDENTIFIER: &[u8] = b"\x55\x1d\x23";
    pub(in crate::pki) const EXT_KEY_USAGE: &[u8] = b"\x55\x1d\x25";
    pub(in crate::pki) const SERVER_AUTH: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x03\x01";
    pub(in crate::pki) const CLIENT_AUTH: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x03\x02";
    /// PKCS#9 `extensionRequest`.
    pub(in crate::pki) const EXTENSION_REQUEST: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e";
}

/// DER elements, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Der(Vec<u8>);

impl Der {
    /// What `write` writes.
    pub(super) fn build(write: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut der = Self(Vec::with_capacity(512));
        write(&mut der);
        der.0
    }

    /// Elements that are encoded already.
    pub(super) fn raw(&mut self, der: &[u8]) {
        self.0.extend_from_slice(der);
    }

    /// An element of a tag and its content.
    pub(super) fn element(&mut self, tag: u8, content: &[u8]) {
        self.0.push(tag);
        let (length, count) = length(content.len());
        self.0.extend(length.into_iter().take(count));
        self.0.extend_from_slice(content);
    }

    /// An element whose content `write` writes.
    pub(super) fn nest(&mut self, tag: u8, write: impl FnOnce(&mut Self)) {
        self.0.push(tag);
        let start = self.0.len();
        write(self);
        let (length, count) = length(self.0.len() - start);
        self.0.splice(start..start, length.into_iter().take(count));
    }

    /// A SEQUENCE whose content `write` writes.
    pub(super) fn sequence(&mut self, write: impl FnOnce(&mut Self)) {
        self.nest(SEQUENCE, write);
    }

    /// A SET OF: the elements in the order of their bytes, as DER wants it.
    pub(super) fn set_of(&mut self, mut elements: Vec<Vec<u8>>) {
        elements.sort_unstable();
        self.nest(SET, |set| elements.iter().for_each(|element| set.raw(element)));
    }

    /// An OBJECT IDENTIFIER of its content bytes.
    pub(super) fn oid(&mut self, content: &[u8]) {
        self.element(OBJECT_IDENTIFIER, content);
    }

    /// An INTEGER that is not negative.
    pub(super) fn integer(&mut self, value: u64) {
        let bytes = value.to_be_bytes();
        // One byte is kept even for zero; the sign bit must be clear.
        let start = bytes.iter().take(7).take_while(|byte| **byte == 0).count();
        let digits = bytes.get(start..).unwrap_or_default();
        let padded = digits.first().is_some_and(|first| *first >= 0x80);
        self.nest(INTEGER, |integer| {
            integer.raw(if padded { &[0] } else { &[] });
            integer.raw(digits);
        });
    }

    /// A BIT STRING that is a whole number of bytes.
    pub(super) fn bits(&mut self, bytes: &[u8]) {
        self.nest(BIT_STRING, |string| {
            string.raw(&[0]);
            string.raw(bytes);
        });
    }

    /// A string as Go's `encoding/asn1` chooses it: PrintableString if every character allows it, else UTF8String.
    pub(super) fn text(&mut self, text: &str) {
        let tag = if text.bytes().all(is_printable) { PRINTABLE_STRING } else { UTF8_STRING };
        self.element(tag, text.as_bytes());
    }

    /// A time as RFC 5280 section 4.1.2.5 wants it: UTCTime for 1950 to 2049, else GeneralizedTime.
    pub(super) fn time(&mut self, at: Timestamp) {
        let (year, month, day, hour, minute, second) = at.civil();
        let rest = format!("{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
        if (1950..2050).contains(&year) {
            self.element(UTC_TIME, format!("{:02}{rest}", year % 100).as_bytes());
        } else {
            self.element(GENERALIZED_TIME, format!("{year:04}{rest}").as_bytes());
        }
    }
}

/// Go's set for writing: that of X.680 without `*` and `&`, which some readers refuse.
const fn is_printable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b' ' | b'\'' | b'('..=b')' | b'+'..=b'/' | b':' | b'=' | b'?')
}

/// The length bytes and how many of them count.
fn length(length: usize) -> ([u8; 9], usize) {
    let mut out = [0; 9];
    let bytes = length.to_be_bytes();
    let significant = bytes.iter().skip_while(|byte| **byte == 0).count();
    let digits = bytes.iter().skip(bytes.len() - significant).copied();
    if let Ok(short @ 0..0x80) = u8::try_from(length) {
        out[0] = short;
        return (out, 1);
    }
    // A length has at most eight bytes.
    out[0] = 0x80 | u8::try_from(significant).unwrap_or(8);
    out.iter_mut().skip(1).zip(digits).for_each(|(to, from)| *to = from);
    (out, significant + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_the_shortest() {
        for (content, head) in [
            (0, &b"\x04\x00"[..]),
            (127, b"\x04\x7f"),
            (128, b"\x04\x81\x80"),
            (255, b"\x04\x81\xff"),
            (256, b"\x04\x82\x01\x00"),
            (65_536, b"\x04\x83\x01\x00\x00"),
        ] {
            let flat = Der::build(|d| d.element(OCTET_STRING, &vec![7; content]));
            let nested = Der::build(|d| d.nest(OCTET_STRING, |d| d.raw(&vec![7; content])));
            assert_eq!(flat, nested);
            assert_eq!(&flat[..head.len()], head, "{content}");
            assert_eq!(flat.len(), head.len() + content);
        }
    }

    #[test]
    fn integers_are_minimal_and_positive() {
        for (value, der) in [
            (0, &b"\x02\x01\x00"[..]),
            (0x7f, b"\x02\x01\x7f"),
            (0x80, b"\x02\x02\x00\x80"),
            (0x1_00, b"\x02\x02\x01\x00"),
            (u64::MAX, b"\x02\x09\x00\xff\xff\xff\xff\xff\xff\xff\xff"),
        ] {
            assert_eq!(Der::build(|d| d.integer(value)), der, "{value}");
        }
    }

    #[test]
    fn strings_are_printable_when_go_says_so() {
        for (text, tag) in [
            ("system:node:node-1.example", PRINTABLE_STRING),
            ("a'()+,-./:=? Z9", PRINTABLE_STRING),
            ("", PRINTABLE_STRING),
            ("*", UTF8_STRING),
            ("&", UTF8_STRING),
            ("a@b", UTF8_STRING),
            ("a_b", UTF8_STRING),
            ("é", UTF8_STRING),
        ] {
            assert_eq!(Der::build(|d| d.text(text))[0], tag, "{text}");
        }
    }

    #[test]
    fn times_change_their_form_in_2050() {
        for (at, text) in [
            ("2026-11-23T03:02:02Z", &b"\x17\x0d261123030202Z"[..]),
            ("1950-01-01T00:00:00Z", b"\x17\x0d500101000000Z"),
            ("2049-12-31T23:59:59Z", b"\x17\x0d491231235959Z"),
            ("2050-01-01T00:00:00Z", b"\x18\x0f20500101000000Z"),
            ("1949-12-31T23:59:59Z", b"\x18\x0f19491231235959Z"),
            ("9999-12-31T23:59:59Z", b"\x18\x0f99991231235959Z"),
        ] {
            assert_eq!(Der::build(|d| d.time(at.parse().unwrap())), text, "{at}");
        }
    }

    #[test]
    fn sets_are_sorted_by_their_bytes() {
        let element = |text: &str| Der::build(|d| d.text(text));
        let set = Der::build(|d| d.set_of(vec![element("system:nodes"), element("z"), element("a-team")]));
        // Shorter elements have smaller length bytes and come first.
        assert_eq!(
            set,
            Der::build(
                |d| d.nest(SET, |d| ["z", "a-team", "system:nodes"].map(|t| d.text(t)).into_iter().collect())
            )
        );
    }
}
