//! CA pins: the hash of a certificate authority's public key, by which a joining node recognises its cluster.

use std::{fmt, str::FromStr};

use super::{TokenError, constant_time};

const LEN: usize = 32;

/// SHA-256 over the DER SubjectPublicKeyInfo of a certificate authority, printed `sha256:HEX`.
///
/// A pin outlives its certificate: a renewed one with the same key has the same pin. To rotate to another key, hand out
/// the pins of both; [`any_match`](Self::any_match) is content with one.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::token::CaPin;
/// let pin: CaPin = "SHA256:6C5EAACB6BBEEE5CBCDB62E35FD0CFFC305E8372337A6861E9E4000F926F61AD".parse()?;
/// assert_eq!(pin.to_string(), "sha256:6c5eaacb6bbeee5cbcdb62e35fd0cffc305e8372337a6861e9e4000f926f61ad");
/// # Ok::<(), k8sboot_core::token::TokenError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CaPin([u8; LEN]);

impl CaPin {
    /// From the hash itself.
    #[must_use]
    pub const fn new(sha256: [u8; LEN]) -> Self {
        Self(sha256)
    }

    /// The hash itself.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; LEN] {
        &self.0
    }

    /// Whether any of the presented authorities is pinned. Compares all of them with all pins, in constant time.
    ///
    /// As kubeadm: one match suffices, so a bundle may hold authorities that are being rotated in or out.
    #[must_use]
    pub fn any_match(pins: &[Self], presented: &[Self]) -> bool {
        let mut found = false;
        for pin in pins {
            for authority in presented {
                found |= constant_time::equal(&pin.0, &authority.0);
            }
        }
        found
    }

    /// The pin of a DER SubjectPublicKeyInfo.
    #[cfg(feature = "crypto")]
    #[must_use]
    pub fn of_spki(der: &[u8]) -> Self {
        let mut hash = [0; LEN];
        for (to, from) in hash.iter_mut().zip(ring::digest::digest(&ring::digest::SHA256, der).as_ref()) {
            *to = *from;
        }
        Self(hash)
    }

    /// The pins of all certificates of a PEM text, in their order; blocks of other kinds are passed over.
    ///
    /// # Errors
    ///
    /// [`TokenError::Certificate`] when there is no certificate or one cannot be read.
    #[cfg(feature = "crypto")]
    pub fn of_certificate_pem(pem: &str) -> Result<Vec<Self>, TokenError> {
        let mut pins = Vec::new();
        for block in x509_parser::pem::Pem::iter_from_buffer(pem.as_bytes()) {
            let unreadable = |found| TokenError::Certificate { index: pins.len(), found };
            let block = block.map_err(|_| unreadable("a broken PEM block"))?;
            if block.label != "CERTIFICATE" {
                continue;
            }
            let (rest, certificate) = x509_parser::parse_x509_certificate(&block.contents)
                .map_err(|_| unreadable("a block that is not X.509"))?;
            if !rest.is_empty() {
                return Err(unreadable("bytes behind the certificate"));
            }
            pins.push(Self::of_spki(certificate.public_key().raw));
        }
        if pins.is_empty() {
            return Err(TokenError::Certificate { index: 0, found: "none" });
        }
        Ok(pins)
    }
}

impl FromStr for CaPin {
    type Err = TokenError;

    /// Reads `sha256:` and 64 hexadecimal digits; capitals are accepted in both.
    fn from_str(text: &str) -> Result<Self, TokenError> {
        const FORM: &str = "sha256: and 64 hexadecimal digits";
        let wrong = |expected, found: String| TokenError::PinShape { expected, found };
        let quote = |text: &str| text.chars().take(80).collect::<String>();
        let Some((algorithm, digits)) = text.split_once(':') else {
            return Err(wrong(FORM, quote(text)));
        };
        if digits.contains(':') {
            return Err(wrong(FORM, quote(text)));
        }
        if !algorithm.eq_ignore_ascii_case("sha256") {
            return Err(wrong("the hash sha256 (no other is known)", quote(algorithm)));
        }
        let bytes =
            decode_hex(digits).ok_or_else(|| wrong("hexadecimal digits, two per byte", quote(digits)))?;
        let hash = bytes.as_slice().try_into();
        hash.map(Self).map_err(|_| wrong("32 bytes in hexadecimal digits", format!("{} bytes", bytes.len())))
    }
}

impl fmt::Display for CaPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CaPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CaPin({self})")
    }
}

/// Bytes from pairs of hexadecimal digits of either case, and nothing else.
pub(crate) fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    text.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_several_pins_is_enough_and_none_is_not() {
        let pin = |byte| CaPin::new([byte; 32]);
        for (pins, presented, want) in [
            (vec![pin(1)], vec![pin(1)], true),
            (vec![pin(1), pin(2)], vec![pin(2)], true),
            (vec![pin(2)], vec![pin(1), pin(2), pin(3)], true),
            (vec![pin(1), pin(2)], vec![pin(3)], false),
            (vec![], vec![pin(1)], false),
            (vec![pin(1)], vec![], false),
            (vec![], vec![], false),
        ] {
            assert_eq!(CaPin::any_match(&pins, &presented), want, "{pins:?} {presented:?}");
        }
    }
}
