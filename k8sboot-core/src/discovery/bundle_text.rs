//! The text of a join bundle: a header that anybody can read and nobody can change, and what is sealed.
//!
//! ```text
//! K8SBOOT JOIN BUNDLE
//! version: 1
//! cipher: AES-256-GCM
//! kdf: PBKDF2-HMAC-SHA256          (or: none, for a key)
//! iterations: 600000               (only with a passphrase)
//! salt: BASE64 of 16 bytes         (only with a passphrase)
//! nonce: BASE64 of 12 bytes
//! expires: RFC 3339
//!
//! BASE64, 64 characters a line
//! sha256: HEX over everything before this line
//! ```
//!
//! The fields stand in this order, one blank behind the colon. The bytes up to and including the empty line are the
//! associated data of the cipher. The checksum tells a damaged copy from a wrong passphrase; it protects nothing.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{aead::NONCE_LEN, digest};

use super::BundleError;
use crate::{time::Timestamp, token::decode_hex};

const TITLE: &str = "K8SBOOT JOIN BUNDLE";
pub(super) const VERSION: &str = "1";
pub(super) const CIPHER: &str = "AES-256-GCM";
pub(super) const KDF: &str = "PBKDF2-HMAC-SHA256";
pub(super) const SALT_LEN: usize = 16;
/// What an opener is ready to spend: some seconds.
const MOST_ITERATIONS: u32 = 10_000_000;
/// Below this a passphrase is guessed too fast.
const FEWEST_ITERATIONS: u32 = 10_000;
/// The longest text that is read, in bytes.
const LONGEST: usize = 4 * 1024 * 1024;
const WIDTH: usize = 64;

/// How the key follows from a passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Derivation {
    pub(super) iterations: u32,
    pub(super) salt: [u8; SALT_LEN],
}

/// What anybody can read of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Nothing for a bundle that is sealed to a key.
    pub(super) derivation: Option<Derivation>,
    pub(super) nonce: [u8; NONCE_LEN],
    pub(super) expires: Timestamp,
}

/// A bundle in its parts.
pub(super) struct Parts {
    pub(super) header: Header,
    pub(super) sealed: Vec<u8>,
}

impl Header {
    /// The header's text with the empty line behind it: also what the cipher authenticates.
    pub(super) fn to_text(&self) -> String {
        let derivation = match &self.derivation {
            None => "kdf: none\n".to_owned(),
            Some(Derivation { iterations, salt }) => {
                format!("kdf: {KDF}\niterations: {iterations}\nsalt: {}\n", STANDARD.encode(salt))
            }
        };
        format!(
            "{TITLE}\nversion: {VERSION}\ncipher: {CIPHER}\n{derivation}nonce: {}\nexpires: {}\n\n",
            STANDARD.encode(self.nonce),
            self.expires
        )
    }
}

impl Parts {
    pub(super) fn to_text(&self) -> String {
        let mut text = self.header.to_text();
        let mut rest = STANDARD.encode(&self.sealed);
        while !rest.is_empty() {
            let after = rest.split_off(rest.len().min(WIDTH));
            text.push_str(&rest);
            text.push('\n');
            rest = after;
        }
        let sum = checksum(&text);
        text.push_str(&format!("sha256: {sum}\n"));
        text
    }

    /// Reads exactly what [`to_text`](Self::to_text) writes; white space around it and carriage returns are passed over.
    pub(super) fn read(text: &str) -> Result<Self, BundleError> {
        if text.len() > LONGEST {
            return Err(wrong(1, "a join bundle of at most 4 MiB", &format!("{} bytes", text.len())));
        }
        let text = text.trim().replace("\r\n", "\n");
        let mut lines = Lines { lines: text.lines(), number: 0 };
        let title = lines.next("the line K8SBOOT JOIN BUNDLE")?;
        if title != TITLE {
            return Err(lines.wrong("the line K8SBOOT JOIN BUNDLE", "another line"));
        }
        // Before all else: what comes after it may be different in another version.
        known("version", VERSION, lines.field("version")?)?;
        // Then the checksum, so that damage is called damage and not whatever it happens to look like.
        let (body, sum) = text.rsplit_once("\nsha256: ").ok_or(BundleError::Damaged)?;
        let body = format!("{body}\n");
        if decode_hex(sum.trim())
            .is_none_or(|sum| sum != digest::digest(&digest::SHA256, body.as_bytes()).as_ref())
        {
            return Err(BundleError::Damaged);
        }
        known("cipher", CIPHER, lines.field("cipher")?)?;
        let derivation = match lines.field("kdf")? {
            "none" => None,
            kdf => {
                known("kdf", KDF, kdf)?;
                Some(lines.derivation()?)
            }
        };
        let nonce = lines.bytes("nonce")?;
        let expires = lines.field("expires")?.parse();
        let expires = expires.map_err(|_| lines.wrong("expires: a time in RFC 3339", "something else"))?;
        if !lines.next("an empty line")?.is_empty() {
            return Err(lines.wrong("an empty line", "another line"));
        }
        let header = Header { derivation, nonce, expires };
        let Some(sealed) = body.strip_prefix(&header.to_text()) else {
            return Err(lines.wrong("the header as this library writes it", "another spelling of it"));
        };
        let sealed: String = sealed.lines().collect();
        let sealed = STANDARD.decode(sealed).map_err(|_| lines.wrong("base64", "something else"))?;
        Ok(Self { header, sealed })
    }
}

struct Lines<'a> {
    lines: std::str::Lines<'a>,
    number: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self, expected: &str) -> Result<&'a str, BundleError> {
        self.number = self.number.saturating_add(1);
        self.lines.next().ok_or_else(|| self.wrong(expected, "the end"))
    }

    fn field(&mut self, name: &str) -> Result<&'a str, BundleError> {
        let expected = format!("{name}: VALUE");
        let value = self.next(&expected)?.strip_prefix(name).and_then(|rest| rest.strip_prefix(": "));
        value.ok_or_else(|| self.wrong(&expected, "another line"))
    }

    fn bytes<const N: usize>(&mut self, name: &'static str) -> Result<[u8; N], BundleError> {
        let bytes = STANDARD.decode(self.field(name)?).ok();
        let bytes = bytes.and_then(|bytes| <[u8; N]>::try_from(bytes.as_slice()).ok());
        bytes.ok_or_else(|| self.wrong(&format!("{name}: {N} bytes in base64"), "something else"))
    }

    fn derivation(&mut self) -> Result<Derivation, BundleError> {
        let iterations = self.field("iterations")?.parse().ok();
        let iterations = iterations.filter(|count| (FEWEST_ITERATIONS..=MOST_ITERATIONS).contains(count));
        let expected = format!("iterations: {FEWEST_ITERATIONS} to {MOST_ITERATIONS}");
        let iterations = iterations.ok_or_else(|| self.wrong(&expected, "another number"))?;
        Ok(Derivation { iterations, salt: self.bytes("salt")? })
    }

    fn wrong(&self, expected: &str, found: &str) -> BundleError {
        wrong(self.number, expected, found)
    }
}

fn wrong(line: usize, expected: &str, found: &str) -> BundleError {
    BundleError::Shape { line, expected: expected.to_owned(), found: found.to_owned() }
}

fn known(field: &'static str, expected: &'static str, found: &str) -> Result<(), BundleError> {
    if found == expected {
        return Ok(());
    }
    Err(BundleError::Version {
        field,
        expected,
        found: format!("{:?}", found.chars().take(40).collect::<String>()),
    })
}

fn checksum(text: &str) -> String {
    digest::digest(&digest::SHA256, text.as_bytes())
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
