//! Reading private keys: which format, which kind, and the numbers inside.

use zeroize::Zeroizing;

use crate::pki::{
    KeyAlgorithm, PkiError,
    der_key::{self, CONTEXT_0, CONTEXT_1, INTEGER, OCTET_STRING, OID, Reader, SEQUENCE},
    pem,
};

/// `[0]` and `[1]` of PKCS#8: the attributes and, in version 2, the public key (primitive, implicitly tagged).
const PUBLIC_KEY_V2: u8 = 0x81;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Pkcs1,
    Sec1,
    Pkcs8,
}

/// A key block of a PEM text, decoded.
pub(super) struct KeyBlock {
    pub(super) format: Format,
    pub(super) der: Zeroizing<Vec<u8>>,
}

/// What makes up a private key. Lengths are right; whether the numbers fit together is for the reader of this.
pub(super) enum Scalars<'a> {
    Rsa { pkcs1: &'a [u8] },
    Ec { curve: KeyAlgorithm, scalar: Zeroizing<Vec<u8>>, point: Option<&'a [u8]> },
    Ed25519 { seed: &'a [u8], public: Option<&'a [u8]> },
}

/// The first private key of a PEM text.
pub(super) fn from_pem(text: &[u8]) -> Result<KeyBlock, PkiError> {
    let blocks = pem::blocks(text);
    for block in &blocks {
        let format = match block.label {
            "RSA PRIVATE KEY" => Format::Pkcs1,
            "EC PRIVATE KEY" => Format::Sec1,
            "PRIVATE KEY" => Format::Pkcs8,
            "ENCRYPTED PRIVATE KEY" => return Err(PkiError::KeyEncrypted { found: "encrypted PKCS#8" }),
            "DSA PRIVATE KEY" => return Err(unsupported("DSA")),
            "OPENSSH PRIVATE KEY" => return Err(unsupported("the OpenSSH format")),
            _ => continue,
        };
        if block.encrypted {
            return Err(PkiError::KeyEncrypted { found: "a PEM block with Proc-Type: 4,ENCRYPTED" });
        }
        return Ok(KeyBlock { format, der: block.decode()? });
    }
    Err(PkiError::Pem {
        expected: "an RSA PRIVATE KEY, EC PRIVATE KEY or PRIVATE KEY block",
        found: pem::labels(&blocks),
    })
}

/// Reads a DER key of the format that its first elements show.
pub(super) fn guess(der: &[u8]) -> Result<Scalars<'_>, PkiError> {
    let mut key = Reader::only(der, SEQUENCE).ok_or(damaged("private key", "a DER SEQUENCE"))?;
    if key.peek() == Some(SEQUENCE) {
        return Err(PkiError::KeyEncrypted { found: "encrypted PKCS#8" });
    }
    key.take(INTEGER);
    let format = match key.peek() {
        Some(SEQUENCE) => Format::Pkcs8,
        Some(OCTET_STRING) => Format::Sec1,
        Some(INTEGER) => Format::Pkcs1,
        _ => return Err(damaged("private key", "PKCS#1, SEC1 or PKCS#8")),
    };
    read(format, der)
}

/// Reads a DER key.
pub(super) fn read(format: Format, der: &[u8]) -> Result<Scalars<'_>, PkiError> {
    match format {
        Format::Pkcs1 => pkcs1(der),
        Format::Sec1 => sec1(der, None),
        Format::Pkcs8 => pkcs8(der),
    }
}

/// RFC 8017 appendix A.1.2, two primes only.
fn pkcs1(der: &[u8]) -> Result<Scalars<'_>, PkiError> {
    let bad = || damaged("RSA private key", "an RSAPrivateKey (PKCS#1)");
    let mut key = Reader::only(der, SEQUENCE).ok_or_else(bad)?;
    match key.take(INTEGER) {
        Some([0]) => {}
        Some([1]) => return Err(unsupported("RSA with more than two primes")),
        _ => return Err(bad()),
    }
    let modulus = key.take_positive().ok_or_else(bad)?;
    let top = modulus.first().map_or(0, |top| top.leading_zeros());
    let bits = modulus.len().saturating_mul(8).saturating_sub(usize::try_from(top).unwrap_or_default());
    for _ in 0..7 {
        key.take_positive().ok_or_else(bad)?;
    }
    if !key.is_empty() {
        return Err(bad());
    }
    if !(2048..=4096).contains(&bits) || bits % 512 != 0 {
        return Err(unsupported(&format!("RSA with {bits} bits")));
    }
    Ok(Scalars::Rsa { pkcs1: der })
}

/// RFC 5915. `curve` is what the PKCS#8 around it says; without that the parameters inside must tell.
fn sec1(der: &[u8], curve: Option<KeyAlgorithm>) -> Result<Scalars<'_>, PkiError> {
    let bad = || damaged("EC private key", "an ECPrivateKey (SEC1)");
    let mut key = Reader::only(der, SEQUENCE).ok_or_else(bad)?;
    if key.take(INTEGER) != Some(&[1]) {
        return Err(bad());
    }
    let scalar = key.take(OCTET_STRING).ok_or_else(bad)?;
    let inside = match key.take_optional(CONTEXT_0).ok_or_else(bad)? {
        Some(parameters) => Some(named_curve(parameters)?),
        None => None,
    };
    let curve = match (curve, inside) {
        (Some(outside), Some(inside)) if outside != inside => return Err(bad()),
        (outside, inside) => {
            outside.or(inside).ok_or_else(|| unsupported("an EC key that names no curve"))?
        }
    };
    let point = match key.take_optional(CONTEXT_1).ok_or_else(bad)? {
        Some(public) => Some(whole(public, |inner| inner.take_bits()).ok_or_else(bad)?),
        None => None,
    };
    let length = if curve == KeyAlgorithm::EcdsaP384 { 48 } else { 32 };
    match point {
        Some([2 | 3, x @ ..]) if x.len() == length => {
            return Err(unsupported("an EC key with a compressed public key"));
        }
        Some(point) if point.len() != 2 * length + 1 || point.first() != Some(&4) => return Err(bad()),
        _ => {}
    }
    // Some writers drop leading zeros of the scalar, others keep too many: Go takes both.
    let digits = scalar.iter().position(|byte| *byte != 0).and_then(|at| scalar.get(at..)).ok_or_else(bad)?;
    let pad = length.checked_sub(digits.len()).ok_or_else(bad)?;
    let mut scalar = Zeroizing::new(vec![0; length]);
    scalar.iter_mut().skip(pad).zip(digits).for_each(|(to, from)| *to = *from);
    if !key.is_empty() {
        return Err(bad());
    }
    Ok(Scalars::Ec { curve, scalar, point })
}

/// RFC 5208 (version 1) and RFC 5958 (version 2, which may add the public key).
fn pkcs8(der: &[u8]) -> Result<Scalars<'_>, PkiError> {
    let bad = || damaged("private key", "a PrivateKeyInfo (PKCS#8)");
    let mut key = Reader::only(der, SEQUENCE).ok_or_else(bad)?;
    if key.peek() == Some(SEQUENCE) {
        return Err(PkiError::KeyEncrypted { found: "encrypted PKCS#8" });
    }
    if !matches!(key.take(INTEGER), Some([0 | 1])) {
        return Err(bad());
    }
    let algorithm = key.take_whole(SEQUENCE).ok_or_else(bad)?;
    let inner = key.take(OCTET_STRING).ok_or_else(bad)?;
    key.take_optional(CONTEXT_0).ok_or_else(bad)?;
    let public = match key.take_optional(PUBLIC_KEY_V2).ok_or_else(bad)? {
        Some([0, public @ ..]) => Some(public),
        Some(_) => return Err(bad()),
        None => None,
    };
    if !key.is_empty() {
        return Err(bad());
    }
    match algorithm {
        der_key::RSA => pkcs1(inner),
        der_key::ED25519 => match whole(inner, |seed| seed.take(OCTET_STRING)) {
            Some(seed) if seed.len() == 32 => Ok(Scalars::Ed25519 { seed, public }),
            _ => Err(damaged("Ed25519 private key", "a seed of 32 bytes")),
        },
        other => {
            let mut parts = Reader::only(other, SEQUENCE).ok_or_else(bad)?;
            match parts.take(OID).ok_or_else(bad)? {
                EC_PUBLIC_KEY => {
                    let rest = parts.rest();
                    match sec1(inner, Some(named_curve(rest)?))? {
                        Scalars::Ec { curve, scalar, point } => {
                            Ok(Scalars::Ec { curve, scalar, point: point.or(public) })
                        }
                        same => Ok(same),
                    }
                }
                DSA => Err(unsupported("DSA")),
                RSA_PSS => Err(unsupported("an RSA-PSS key")),
                _ => Err(unsupported("an unknown kind of key")),
            }
        }
    }
}

const EC_PUBLIC_KEY: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
const DSA: &[u8] = b"\x2a\x86\x48\xce\x38\x04\x01";
const RSA_PSS: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";

/// The curve of `ECParameters`.
fn named_curve(parameters: &[u8]) -> Result<KeyAlgorithm, PkiError> {
    match whole(parameters, |inner| inner.take(OID)) {
        Some(b"\x2a\x86\x48\xce\x3d\x03\x01\x07") => Ok(KeyAlgorithm::EcdsaP256),
        Some(b"\x2b\x81\x04\x00\x22") => Ok(KeyAlgorithm::EcdsaP384),
        Some(b"\x2b\x81\x04\x00\x23") => Err(unsupported("P-521")),
        Some(b"\x2b\x81\x04\x00\x21") => Err(unsupported("P-224")),
        Some(b"\x2b\x81\x04\x00\x0a") => Err(unsupported("secp256k1")),
        Some(_) => Err(unsupported("an unknown elliptic curve")),
        None => Err(unsupported("an elliptic curve without a name")),
    }
}

/// What `take` reads from `der`, if nothing is left after it.
fn whole<'a>(der: &'a [u8], take: impl Fn(&mut Reader<'a>) -> Option<&'a [u8]>) -> Option<&'a [u8]> {
    let mut reader = Reader::new(der);
    take(&mut reader).filter(|_| reader.is_empty())
}

fn unsupported(found: &str) -> PkiError {
    PkiError::KeyUnsupported { what: "private key", found: found.to_owned() }
}

fn damaged(what: &'static str, expected: &'static str) -> PkiError {
    PkiError::KeyFormat { what, expected, found: "damaged or other bytes" }
}
