//! Public keys: identity, pins and verification.

use std::fmt;

use ring::{digest, signature};

use crate::pki::{
    KeyAlgorithm, PkiError, SignatureAlgorithm,
    der_key::{BIT_STRING, ED25519, OID, P256, P384, RSA, Reader, SEQUENCE, spki},
    pem,
};

/// A public key, held as its DER `SubjectPublicKeyInfo`.
///
/// Any well-formed one is accepted, since certificates of others may hold what this crate does not make;
/// [`algorithm`](Self::algorithm) tells. Two keys are equal if their DER is.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PublicKey {
    spki: Vec<u8>,
    kind: Kind,
    /// Length of the key bits, which are the end of `spki`.
    bits: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Rsa { modulus_bits: usize },
    P256,
    P384,
    Ed25519,
    Other,
}

impl PublicKey {
    /// Reads a DER `SubjectPublicKeyInfo`, for example out of a certificate.
    ///
    /// # Errors
    ///
    /// [`PkiError::KeyFormat`] when it is not one, or when the key does not have its algorithm's form.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, PkiError> {
        let (algorithm, key) = parts(der).ok_or(wrong("bytes that are not one"))?;
        let kind = match (algorithm, key) {
            (RSA, key) => {
                Kind::Rsa { modulus_bits: rsa_modulus_bits(key).ok_or(wrong("a damaged RSA key"))? }
            }
            (P256, [4, point @ ..]) if point.len() == 64 => Kind::P256,
            (P384, [4, point @ ..]) if point.len() == 96 => Kind::P384,
            (ED25519, point) if point.len() == 32 => Kind::Ed25519,
            (P256 | P384 | ED25519, _) => return Err(wrong("a damaged elliptic curve point")),
            _ => Kind::Other,
        };
        Ok(Self { spki: der.to_vec(), kind, bits: key.len() })
    }

    /// Reads the first `PUBLIC KEY` block of a PEM text, for example `sa.pub`.
    ///
    /// # Errors
    ///
    /// [`PkiError::Pem`] when there is none; those of [`from_spki_der`](Self::from_spki_der).
    pub fn from_pem(text: &str) -> Result<Self, PkiError> {
        let blocks = pem::blocks(text.as_bytes());
        match blocks.iter().find(|block| block.label == "PUBLIC KEY") {
            Some(block) => Self::from_spki_der(&block.decode()?),
            None => Err(PkiError::Pem { expected: "a PUBLIC KEY block", found: pem::labels(&blocks) }),
        }
    }

    /// The DER `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// One PEM block `PUBLIC KEY`, as kubeadm writes `sa.pub`.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::encode("PUBLIC KEY", &self.spki).expose_str().unwrap_or_default().to_owned()
    }

    /// The algorithm; `None` for kinds, curves and sizes that this crate does not make.
    #[must_use]
    pub fn algorithm(&self) -> Option<KeyAlgorithm> {
        match self.kind {
            Kind::Rsa { modulus_bits: 2048 } => Some(KeyAlgorithm::Rsa2048),
            Kind::Rsa { modulus_bits: 3072 } => Some(KeyAlgorithm::Rsa3072),
            Kind::Rsa { modulus_bits: 4096 } => Some(KeyAlgorithm::Rsa4096),
            Kind::P256 => Some(KeyAlgorithm::EcdsaP256),
            Kind::P384 => Some(KeyAlgorithm::EcdsaP384),
            Kind::Ed25519 => Some(KeyAlgorithm::Ed25519),
            Kind::Rsa { .. } | Kind::Other => None,
        }
    }

    /// What kind of key this is, for people: `RSA 2560`, `ECDSA-P256`, `unknown`.
    #[must_use]
    pub fn description(&self) -> String {
        match (self.algorithm(), self.kind) {
            (Some(algorithm), _) => algorithm.name().to_owned(),
            (None, Kind::Rsa { modulus_bits }) => format!("RSA {modulus_bits}"),
            _ => "unknown".to_owned(),
        }
    }

    /// SHA-256 of the `SubjectPublicKeyInfo`: what `--discovery-token-ca-cert-hash sha256:…` pins.
    #[must_use]
    pub fn pin(&self) -> [u8; 32] {
        sha256(&self.spki)
    }

    /// The subject key identifier that kubeadm 1.36 writes: the first 20 bytes of SHA-256 over the key bits
    /// (RFC 7093 section 2, method 1; Go 1.25 and later).
    #[must_use]
    pub fn subject_key_id(&self) -> [u8; 20] {
        let mut id = [0; 20];
        for (to, from) in id.iter_mut().zip(sha256(self.key_bits())) {
            *to = from;
        }
        id
    }

    /// Checks that this key's owner signed `message` (not its hash).
    ///
    /// # Errors
    ///
    /// [`PkiError::Signature`] when not, also when `algorithm` is not one of this key, and for RSA keys of less than
    /// 2048 bits.
    pub fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), PkiError> {
        let verifier: Option<&'static dyn signature::VerificationAlgorithm> = match (algorithm, self.kind) {
            (SignatureAlgorithm::RsaSha256, Kind::Rsa { .. }) => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
            (SignatureAlgorithm::RsaSha384, Kind::Rsa { .. }) => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
            (SignatureAlgorithm::RsaSha512, Kind::Rsa { .. }) => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
            (SignatureAlgorithm::EcdsaSha256, Kind::P256) => Some(&signature::ECDSA_P256_SHA256_ASN1),
            (SignatureAlgorithm::EcdsaSha384, Kind::P256) => Some(&signature::ECDSA_P256_SHA384_ASN1),
            (SignatureAlgorithm::EcdsaSha256, Kind::P384) => Some(&signature::ECDSA_P384_SHA256_ASN1),
            (SignatureAlgorithm::EcdsaSha384, Kind::P384) => Some(&signature::ECDSA_P384_SHA384_ASN1),
            (SignatureAlgorithm::Ed25519, Kind::Ed25519) => Some(&signature::ED25519),
            _ => None,
        };
        verifier
            .and_then(|verifier| {
                signature::UnparsedPublicKey::new(verifier, self.key_bits()).verify(message, signature).ok()
            })
            .ok_or_else(|| PkiError::Signature { algorithm: self.description() })
    }

    /// The content of the BIT STRING, without the count of unused bits.
    #[must_use]
    pub fn key_bits(&self) -> &[u8] {
        self.spki.get(self.spki.len() - self.bits..).unwrap_or_default()
    }

    /// The key of an algorithm identifier and its key bits, which the caller has made or checked.
    pub(super) fn from_parts(algorithm: &[u8], key: &[u8]) -> Result<Self, PkiError> {
        Self::from_spki_der(&spki(algorithm, key))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({}, sha256:", self.description())?;
        self.pin().iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("…)")
    }
}

/// The whole `AlgorithmIdentifier` and the key bits.
fn parts(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut outer = Reader::only(der, SEQUENCE)?;
    let algorithm = outer.take_whole(SEQUENCE)?;
    Reader::only(algorithm, SEQUENCE)?.take(OID)?;
    (outer.peek()? == BIT_STRING).then_some(())?;
    let key = outer.take_bits()?;
    outer.is_empty().then_some((algorithm, key))
}

/// The size of the modulus of an `RSAPublicKey`.
pub(super) fn rsa_modulus_bits(der: &[u8]) -> Option<usize> {
    let mut key = Reader::only(der, SEQUENCE)?;
    let modulus = key.take_positive()?;
    key.take_positive()?;
    let top = modulus.first()?;
    key.is_empty().then_some(8 * modulus.len() - usize::try_from(top.leading_zeros()).ok()?)
}

fn wrong(found: &'static str) -> PkiError {
    PkiError::KeyFormat { what: "public key", expected: "a SubjectPublicKeyInfo", found }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(digest::digest(&digest::SHA256, bytes).as_ref()) {
        *to = *from;
    }
    out
}
