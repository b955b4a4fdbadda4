//! What can be wrong with keys and certificates. No message ever holds key material.

use crate::{
    entropy::EntropyError,
    error::{Code, Details, Problem, codes},
    pki::KeyAlgorithm,
};

codes! {
    /// A text holds no usable PEM block of the kind wanted.
    PKI_PEM = 3001,
    /// Bytes that are not a key of the format they claim.
    PKI_KEY_FORMAT = 3002,
    /// A private key that is encrypted.
    PKI_KEY_ENCRYPTED = 3003,
    /// A key of a kind, curve or size that cannot be used.
    PKI_KEY_UNSUPPORTED = 3004,
    /// An EC private key that comes without its public key.
    PKI_KEY_PUBLIC_MISSING = 3005,
    /// A private key and a public key that do not belong together.
    PKI_KEY_MISMATCH = 3006,
    /// No key could be made or found for a purpose.
    PKI_KEY_SOURCE = 3007,
    /// The source of randomness failed.
    PKI_ENTROPY = 3008,
    /// A signature could not be made.
    PKI_SIGN = 3009,
    /// A signature that the public key did not make.
    PKI_SIGNATURE = 3010,
}

/// Errors of keys and certificates.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PkiError {
    /// A text holds no PEM block of the kind wanted, or a damaged one.
    #[error("pki: PEM: expected {expected}, found {found}")]
    #[non_exhaustive]
    Pem {
        /// The block that was wanted.
        expected: &'static str,
        /// What was there: labels of blocks or the damage, never content.
        found: String,
    },
    /// Bytes that are not a key of the format they claim.
    #[error("pki: {what}: expected {expected}, found {found}")]
    #[non_exhaustive]
    KeyFormat {
        /// The kind of key being read.
        what: &'static str,
        /// The structure that was wanted.
        expected: &'static str,
        /// What is wrong with it.
        found: &'static str,
    },
    /// A private key that is encrypted.
    #[error(
        "pki: private key: expected an unencrypted key, found {found} (decrypt it first: openssl pkey -in FILE)"
    )]
    #[non_exhaustive]
    KeyEncrypted {
        /// How it is encrypted.
        found: &'static str,
    },
    /// A key of a kind, curve or size that cannot be used.
    #[error(
        "pki: {what}: expected RSA of 2048 to 4096 bits, ECDSA on P-256 or P-384, or Ed25519, found {found} (make a new key)"
    )]
    #[non_exhaustive]
    KeyUnsupported {
        /// The kind of key being read.
        what: &'static str,
        /// Kind, curve or size of the key.
        found: String,
    },
    /// An EC private key that comes without its public key.
    #[error(
        "pki: EC private key: expected the public key inside, found none (add it with openssl ec -in FILE, or give the key's certificate)"
    )]
    #[non_exhaustive]
    KeyPublicMissing {},
    /// A private key and a public key that do not belong together.
    #[error("pki: {what}: expected the private key of the public key beside it, found another one")]
    #[non_exhaustive]
    KeyMismatch {
        /// The key being read.
        what: &'static str,
    },
    /// No key could be made or found for a purpose.
    #[error("pki: key for {purpose}: expected {algorithm}, found {found}")]
    #[non_exhaustive]
    KeySource {
        /// What the key is for.
        purpose: String,
        /// The algorithm that was asked for.
        algorithm: KeyAlgorithm,
        /// What stood in the way.
        found: &'static str,
    },
    /// The source of randomness failed.
    #[error("pki: key for {purpose}: no randomness")]
    #[non_exhaustive]
    Entropy {
        /// What the randomness was for.
        purpose: String,
        /// The source's error.
        #[source]
        source: EntropyError,
    },
    /// A signature could not be made.
    #[error("pki: sign: expected a signature from the {signer}, found {found}")]
    #[non_exhaustive]
    Sign {
        /// Who should have signed, for example `RSA private key` or `HSM slot 3`.
        signer: String,
        /// What happened instead.
        found: String,
    },
    /// A signature that the public key did not make.
    #[error("pki: verify: expected a signature by the {algorithm} key, found one that does not match")]
    #[non_exhaustive]
    Signature {
        /// The kind of the public key.
        algorithm: String,
    },
}

impl PkiError {
    /// For implementers of [`Signer`](crate::pki::Signer): `signer` could not sign because of `found`.
    #[must_use]
    pub fn sign(signer: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Sign { signer: signer.into(), found: found.into() }
    }

    /// For implementers of [`KeySource`](crate::pki::KeySource): there is no key for `purpose` because of `found`.
    #[must_use]
    pub fn key_source(purpose: &str, algorithm: KeyAlgorithm, found: &'static str) -> Self {
        Self::KeySource { purpose: purpose.to_owned(), algorithm, found }
    }
}

impl Problem for PkiError {
    fn code(&self) -> Code {
        match self {
            Self::Pem { .. } => Code::PKI_PEM,
            Self::KeyFormat { .. } => Code::PKI_KEY_FORMAT,
            Self::KeyEncrypted { .. } => Code::PKI_KEY_ENCRYPTED,
            Self::KeyUnsupported { .. } => Code::PKI_KEY_UNSUPPORTED,
            Self::KeyPublicMissing { .. } => Code::PKI_KEY_PUBLIC_MISSING,
            Self::KeyMismatch { .. } => Code::PKI_KEY_MISMATCH,
            Self::KeySource { .. } => Code::PKI_KEY_SOURCE,
            Self::Entropy { .. } => Code::PKI_ENTROPY,
            Self::Sign { .. } => Code::PKI_SIGN,
            Self::Signature { .. } => Code::PKI_SIGNATURE,
        }
    }

    fn details(&self) -> Details {
        let (expected, found, remedy) = match self {
            Self::Pem { expected, found } => (Some((*expected).to_owned()), Some(found.clone()), None),
            Self::KeyFormat { expected, found, .. } => {
                (Some((*expected).to_owned()), Some((*found).to_owned()), None)
            }
            Self::KeyEncrypted { found } => (
                Some("an unencrypted key".to_owned()),
                Some((*found).to_owned()),
                Some("decrypt it first: openssl pkey -in FILE"),
            ),
            Self::KeyUnsupported { found, .. } => (None, Some(found.clone()), Some("make a new key")),
            Self::KeyPublicMissing {} => (
                Some("the public key inside".to_owned()),
                Some("none".to_owned()),
                Some("add it with openssl ec -in FILE, or give the key's certificate"),
            ),
            Self::KeySource { algorithm, found, .. } => {
                (Some(algorithm.to_string()), Some((*found).to_owned()), None)
            }
            Self::Sign { found, .. } => (None, Some(found.clone()), None),
            Self::KeyMismatch { .. } | Self::Entropy { .. } | Self::Signature { .. } => (None, None, None),
        };
        Details {
            expected,
            found,
            remedy: remedy.map(str::to_owned),
            retryable: matches!(self, Self::Entropy { .. }),
            ..Details::default()
        }
    }
}
