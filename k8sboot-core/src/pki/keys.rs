//! Key pairs in memory: made, read, written and signed with.

use std::fmt;

use ring::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
        Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use zeroize::Zeroizing;

use crate::{
    pki::{
        KeyAlgorithm, PkiError, PublicKey, SignatureAlgorithm, Signer, der_key,
        key_format::{self, Scalars},
        pem,
    },
    secret::SecretBytes,
};

/// A private key with its public key.
///
/// Held in the form it is written in: RSA as PKCS#1, ECDSA as SEC1, Ed25519 as PKCS#8, whatever it was read from. That
/// form is wiped on drop; what the cryptographic library keeps for signing is beyond our reach. `Debug` shows only the
/// public half.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::pki::{KeyAlgorithm, KeyPair, KeySource, RandomKeys, Signer};
/// # use k8sboot_core::entropy::System;
/// let key = RandomKeys::new(&System).generate(KeyAlgorithm::EcdsaP256, "apiserver")?;
/// let again = KeyPair::from_pem(&key.to_pem())?;
/// assert_eq!(key.public_key(), again.public_key());
/// let signature = key.sign(b"message")?;
/// again.public_key().verify(key.signature_algorithm(), b"message", &signature)?;
/// # Ok::<(), k8sboot_core::pki::PkiError>(())
/// ```
pub struct KeyPair {
    public: PublicKey,
    secret: Secret,
    der: Zeroizing<Vec<u8>>,
}

enum Secret {
    Rsa(Box<RsaKeyPair>),
    Ecdsa(Box<EcdsaKeyPair>, SignatureAlgorithm),
    Ed25519(Box<Ed25519KeyPair>),
    #[cfg(feature = "deterministic")]
    Rfc6979(crate::pki::deterministic::EcdsaKey, SignatureAlgorithm),
}

impl KeyPair {
    /// Reads the first private key of a PEM text: PKCS#1 `RSA PRIVATE KEY`, SEC1 `EC PRIVATE KEY` (also after an
    /// `EC PARAMETERS` block) or PKCS#8 `PRIVATE KEY`.
    ///
    /// # Errors
    ///
    /// - [`PkiError::Pem`]: no such block, or a damaged one;
    /// - [`PkiError::KeyEncrypted`]: the key is encrypted;
    /// - [`PkiError::KeyUnsupported`]: not RSA of 2048 to 4096 bits, P-256, P-384 or Ed25519;
    /// - [`PkiError::KeyPublicMissing`]: an EC key without public key (see [`from_pem_with`](Self::from_pem_with));
    /// - [`PkiError::KeyMismatch`]: private and public half do not belong together;
    /// - [`PkiError::KeyFormat`]: damaged in any other way.
    pub fn from_pem(text: &SecretBytes) -> Result<Self, PkiError> {
        Self::read_pem(text, None)
    }

    /// As [`from_pem`](Self::from_pem), for a key whose public half is known, for example from its certificate.
    ///
    /// Reads also EC keys that lack their public key.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem); [`PkiError::KeyMismatch`] also when `public` belongs to another key.
    pub fn from_pem_with(text: &SecretBytes, public: &PublicKey) -> Result<Self, PkiError> {
        Self::read_pem(text, Some(public))
    }

    /// Reads a DER key, PKCS#1, SEC1 or PKCS#8.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem).
    pub fn from_der(der: &SecretBytes) -> Result<Self, PkiError> {
        Self::assemble(&key_format::guess(der.expose())?, None)
    }

    /// One PEM block as kubeadm writes it: RSA as `RSA PRIVATE KEY`, ECDSA as `EC PRIVATE KEY`, Ed25519 as
    /// `PRIVATE KEY` (PKCS#8 version 1, which every OpenSSL reads).
    #[must_use]
    pub fn to_pem(&self) -> SecretBytes {
        let label = match self.secret {
            Secret::Rsa(_) => "RSA PRIVATE KEY",
            Secret::Ecdsa(..) => "EC PRIVATE KEY",
            #[cfg(feature = "deterministic")]
            Secret::Rfc6979(..) => "EC PRIVATE KEY",
            Secret::Ed25519(_) => "PRIVATE KEY",
        };
        pem::encode(label, &self.der)
    }

    /// The algorithm; `None` for an RSA key that was read and has a size which this crate does not make.
    #[must_use]
    pub fn algorithm(&self) -> Option<KeyAlgorithm> {
        self.public.algorithm()
    }

    /// The same key, with ECDSA nonces as RFC 6979 says: equal messages get equal signatures. Other kinds stay as they
    /// are, since their signatures are deterministic anyway.
    ///
    /// # Errors
    ///
    /// [`PkiError::KeyFormat`] never happens for a key that was read or made by this crate.
    #[cfg(feature = "deterministic")]
    pub fn deterministic(self) -> Result<Self, PkiError> {
        let Secret::Ecdsa(_, algorithm) = self.secret else { return Ok(self) };
        let key = match key_format::read(key_format::Format::Sec1, &self.der)? {
            Scalars::Ec { curve, scalar, .. } => crate::pki::deterministic::EcdsaKey::new(curve, &scalar),
            _ => None,
        };
        let secret = Secret::Rfc6979(
            key.ok_or(PkiError::KeyFormat {
                what: "EC private key",
                expected: "a number below the curve's order",
                found: "another one",
            })?,
            algorithm,
        );
        Ok(Self { secret, ..self })
    }

    fn read_pem(text: &SecretBytes, known: Option<&PublicKey>) -> Result<Self, PkiError> {
        let key = key_format::from_pem(text.expose())?;
        Self::assemble(&key_format::read(key.format, &key.der)?, known)
    }

    fn assemble(scalars: &Scalars<'_>, known: Option<&PublicKey>) -> Result<Self, PkiError> {
        let key = match scalars {
            Scalars::Rsa { pkcs1 } => Self::rsa(pkcs1)?,
            Scalars::Ec { curve, scalar, point } => {
                let point = match (point, known) {
                    (Some(point), _) => *point,
                    (None, Some(known)) if known.algorithm() == Some(*curve) => known.key_bits(),
                    (None, Some(_)) => return Err(PkiError::KeyMismatch { what: "EC private key" }),
                    (None, None) => return Err(PkiError::KeyPublicMissing {}),
                };
                Self::ecdsa(*curve, scalar, point)?
            }
            Scalars::Ed25519 { seed, public } => Self::ed25519(seed, *public)?,
        };
        match known {
            Some(known) if *known != key.public => Err(PkiError::KeyMismatch { what: "private key" }),
            _ => Ok(key),
        }
    }

    /// The key pair of an `RSAPrivateKey`.
    ///
    /// ring checks modulus, primes and inverse; damaged exponents show in a signature, which ring verifies.
    pub(super) fn rsa(pkcs1: &[u8]) -> Result<Self, PkiError> {
        let damaged = || PkiError::KeyFormat {
            what: "RSA private key",
            expected: "two primes of equal size, a public exponent of 3 or more and consistent numbers",
            found: "other numbers",
        };
        let secret = RsaKeyPair::from_der(pkcs1).map_err(|_| damaged())?;
        let mut trial = vec![0; secret.public().modulus_len()];
        secret.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), b"trial", &mut trial).map_err(|_| damaged())?;
        let public = PublicKey::from_parts(der_key::RSA, secret.public_key().as_ref())?;
        Ok(Self { public, secret: Secret::Rsa(Box::new(secret)), der: Zeroizing::new(pkcs1.to_vec()) })
    }

    /// The key pair of a scalar (big-endian, of the curve's length) and its uncompressed point.
    pub(super) fn ecdsa(curve: KeyAlgorithm, scalar: &[u8], point: &[u8]) -> Result<Self, PkiError> {
        let (identifier, ring) = ecdsa_curve(curve)?;
        let public = PublicKey::from_parts(identifier, point)?;
        let secret = EcdsaKeyPair::from_private_key_and_public_key(ring, scalar, point, &SystemRandom::new())
            .map_err(|_| PkiError::KeyMismatch { what: "EC private key" })?;
        Ok(Self {
            public,
            secret: Secret::Ecdsa(Box::new(secret), curve.signature_algorithm()),
            der: der_key::sec1(identifier, scalar, point),
        })
    }

    /// The key pair of an Ed25519 seed; `public` is checked if given.
    pub(super) fn ed25519(seed: &[u8], public: Option<&[u8]>) -> Result<Self, PkiError> {
        let secret = match public {
            Some(public) => Ed25519KeyPair::from_seed_and_public_key(seed, public),
            None => Ed25519KeyPair::from_seed_unchecked(seed),
        }
        .map_err(|_| PkiError::KeyMismatch { what: "Ed25519 private key" })?;
        let public = PublicKey::from_parts(der_key::ED25519, secret.public_key().as_ref())?;
        Ok(Self { public, secret: Secret::Ed25519(Box::new(secret)), der: der_key::pkcs8_ed25519(seed) })
    }

    /// A new ECDSA key with randomness of the operating system, the only one that ring takes.
    pub(super) fn random_ecdsa(curve: KeyAlgorithm, purpose: &str) -> Result<Self, PkiError> {
        let (_, ring) = ecdsa_curve(curve)?;
        let document = EcdsaKeyPair::generate_pkcs8(ring, &SystemRandom::new())
            .map_err(|_| PkiError::key_source(purpose, curve, "no randomness"))?;
        let scalars = key_format::read(key_format::Format::Pkcs8, document.as_ref())?;
        Self::assemble(&scalars, None)
    }
}

impl Signer for KeyPair {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn signature_algorithm(&self) -> SignatureAlgorithm {
        match &self.secret {
            Secret::Rsa(_) => SignatureAlgorithm::RsaSha256,
            Secret::Ecdsa(_, algorithm) => *algorithm,
            #[cfg(feature = "deterministic")]
            Secret::Rfc6979(_, algorithm) => *algorithm,
            Secret::Ed25519(_) => SignatureAlgorithm::Ed25519,
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, PkiError> {
        let random = SystemRandom::new();
        let failed =
            |_| PkiError::sign(format!("{} private key", self.public.description()), "no randomness");
        match &self.secret {
            Secret::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            Secret::Ecdsa(key, _) => Ok(key.sign(&random, message).map_err(failed)?.as_ref().to_vec()),
            Secret::Ed25519(key) => Ok(key.sign(message).as_ref().to_vec()),
            #[cfg(feature = "deterministic")]
            Secret::Rfc6979(key, _) => Ok(key.sign(message)),
        }
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("public", &self.public).finish_non_exhaustive()
    }
}

fn ecdsa_curve(curve: KeyAlgorithm) -> Result<(&'static [u8], &'static EcdsaSigningAlgorithm), PkiError> {
    match curve {
        KeyAlgorithm::EcdsaP256 => Ok((der_key::P256, &ECDSA_P256_SHA256_ASN1_SIGNING)),
        KeyAlgorithm::EcdsaP384 => Ok((der_key::P384, &ECDSA_P384_SHA384_ASN1_SIGNING)),
        other => Err(PkiError::KeyUnsupported { what: "EC private key", found: other.name().to_owned() }),
    }
}
