//! Certificate upload: how further control planes get the cluster's keys through a Secret.
//!
//! Every file is sealed with AES-256-GCM under the certificate key, which never enters the cluster: 12 random bytes of
//! nonce, the ciphertext, 16 bytes of tag, no associated data. The Secret `kubeadm-certs` is owned by the Secret of a
//! throw-away bootstrap token: when the token expires after 2 hours, garbage collection removes both.
//! Source: kubeadm's `upload-certs` and `download-certs` phases.

use std::{fmt, str::FromStr};

use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest,
};
use zeroize::Zeroizing;

#[cfg(feature = "config")]
pub use super::upload_secret::{Entry, Owner, entries, from_secret, to_secret, token_spec};
use super::{PkiError, name::hex};
use crate::{
    entropy::{Entropy, EntropyError},
    secret::SecretBytes,
    token::decode_hex,
};

const KEY_LEN: usize = 32;

/// The key of uploaded certificates: 32 bytes, written as 64 hexadecimal digits.
///
/// Whoever has it and a token of the cluster gets the keys of all its CAs. `Debug` shows nothing of it.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::{entropy::System, pki::CertificateKey};
/// let key = CertificateKey::generate(&System)?;
/// let sealed = key.seal("ca.key", b"-----BEGIN", &System)?;
/// assert_eq!(sealed.len(), 12 + 10 + 16);
/// let again: CertificateKey = key.expose().expose_str().unwrap().parse()?;
/// assert_eq!(again.open("ca.key", &sealed)?.expose(), b"-----BEGIN");
/// # Ok::<(), k8sboot_core::pki::PkiError>(())
/// ```
#[derive(Clone)]
pub struct CertificateKey(Zeroizing<[u8; KEY_LEN]>);

impl CertificateKey {
    /// A random key.
    ///
    /// # Errors
    ///
    /// [`PkiError::Entropy`] when the source fails.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, PkiError> {
        let mut bytes = Zeroizing::new([0; KEY_LEN]);
        fill(entropy, "pki/certificate-key", &mut *bytes)?;
        Ok(Self(bytes))
    }

    /// The 64 hexadecimal digits. Do not log them.
    #[must_use]
    pub fn expose(&self) -> SecretBytes {
        SecretBytes::from(hex(&*self.0))
    }

    /// Seals a file; `entry` is its name in the Secret.
    ///
    /// # Errors
    ///
    /// [`PkiError::Entropy`] when the source fails.
    pub fn seal(&self, entry: &str, content: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, PkiError> {
        let mut nonce = [0; NONCE_LEN];
        // Two contents must never share a nonce: a seeded source gives every content of every entry another one.
        let content_id = hex(digest::digest(&digest::SHA256, content).as_ref());
        fill(entropy, &format!("pki/kubeadm-certs/{entry}/{content_id}"), &mut nonce)?;
        let mut sealed = content.to_vec();
        let tag = self
            .cipher()?
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
            .map_err(|_| {
                wrong(entry, "a file of less than 64 GiB", "a larger one", "give a certificate or key")
            })?;
        Ok([nonce.as_slice(), &sealed, tag.as_ref()].concat())
    }

    /// Opens a sealed file; `entry` is its name in the Secret.
    ///
    /// # Errors
    ///
    /// [`PkiError::Upload`] when it is too short, damaged, or sealed with another key.
    pub fn open(&self, entry: &str, sealed: &[u8]) -> Result<SecretBytes, PkiError> {
        let shortened = || {
            let remedy = "upload the certificates again: kubeadm init phase upload-certs --upload-certs";
            wrong(entry, "a nonce of 12 bytes, the ciphertext and a tag of 16 bytes", "fewer bytes", remedy)
        };
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_LEN>().ok_or_else(shortened)?;
        if ciphertext.len() < AES_256_GCM.tag_len() {
            return Err(shortened());
        }
        let mut buffer = Zeroizing::new(ciphertext.to_vec());
        let opened =
            self.cipher()?.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::empty(), &mut buffer);
        opened.map(|plaintext| SecretBytes::new(plaintext.to_vec())).map_err(|_| {
            let remedy = "use the certificate key that was printed when the certificates were uploaded";
            wrong(
                entry,
                "a file sealed with the given certificate key",
                "another key or damaged bytes",
                remedy,
            )
        })
    }

    fn cipher(&self) -> Result<LessSafeKey, PkiError> {
        let key = UnboundKey::new(&AES_256_GCM, &*self.0);
        key.map(LessSafeKey::new).map_err(|_| PkiError::CertificateKey { found: "other bytes".to_owned() })
    }
}

impl FromStr for CertificateKey {
    type Err = PkiError;

    /// Reads exactly 64 hexadecimal digits of either case.
    fn from_str(text: &str) -> Result<Self, PkiError> {
        let count = text.chars().count();
        if count != 2 * KEY_LEN {
            return Err(PkiError::CertificateKey { found: format!("{count} characters") });
        }
        let bytes = decode_hex(text).map(Zeroizing::new);
        let bytes = bytes.and_then(|bytes| <[u8; KEY_LEN]>::try_from(bytes.as_slice()).ok());
        let position = || text.chars().position(|c| !c.is_ascii_hexdigit()).unwrap_or_default();
        bytes.map(|bytes| Self(Zeroizing::new(bytes))).ok_or_else(|| PkiError::CertificateKey {
            found: format!("another character at position {}", position()),
        })
    }
}

impl fmt::Debug for CertificateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CertificateKey(<redacted>)")
    }
}

pub(super) fn wrong(
    entry: &str,
    expected: &'static str,
    found: &'static str,
    remedy: &'static str,
) -> PkiError {
    PkiError::Upload { entry: entry.to_owned(), expected, found, remedy }
}

fn fill(entropy: &dyn Entropy, purpose: &str, out: &mut [u8]) -> Result<(), PkiError> {
    let failed = |source: EntropyError| PkiError::Entropy { purpose: purpose.to_owned(), source };
    entropy.stream(purpose).fill(out).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Seeded;

    #[test]
    fn refuses_what_is_no_key_and_shows_none_of_it() {
        for (text, want) in [
            ("", "found 0 characters"),
            (&"ab".repeat(31), "found 62 characters"),
            (&format!("{}xy", "ab".repeat(31)), "found another character at position 62"),
            (&"é".repeat(64), "found another character at position 0"),
            (&"é".repeat(32), "found 32 characters"),
        ] {
            let error = text.parse::<CertificateKey>().unwrap_err().to_string();
            assert_eq!(
                error,
                format!("pki: certificate key: expected 64 hexadecimal digits (32 bytes), {want}")
            );
        }
    }

    #[test]
    fn a_seeded_source_never_gives_two_contents_the_same_nonce() {
        let key: CertificateKey = "ab".repeat(32).parse().unwrap();
        let nonce = |entry: &str, content: &[u8]| {
            key.seal(entry, content, &Seeded::new(b"seed")).unwrap().get(..NONCE_LEN).unwrap().to_vec()
        };
        assert_eq!(nonce("ca.key", b"a"), nonce("ca.key", b"a"));
        assert_ne!(nonce("ca.key", b"a"), nonce("ca.key", b"b"));
        assert_ne!(nonce("ca.key", b"a"), nonce("sa.key", b"a"));
    }

    #[test]
    fn damaged_short_and_foreign_bytes_are_refused() {
        let key: CertificateKey = "ab".repeat(32).parse().unwrap();
        let other: CertificateKey = "ac".repeat(32).parse().unwrap();
        let sealed = key.seal("ca.key", b"content", &Seeded::new(b"seed")).unwrap();
        assert!(other.open("ca.key", &sealed).is_err());
        for length in 0..sealed.len() {
            assert!(key.open("ca.key", &sealed[..length]).is_err(), "{length}");
            let mut damaged = sealed.clone();
            damaged[length] ^= 1;
            assert!(key.open("ca.key", &damaged).is_err(), "{length}");
        }
        assert_eq!(key.open("ca.key", &sealed).unwrap().expose(), b"content");
    }
}
