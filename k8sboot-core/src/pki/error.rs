//! What can be wrong with keys and certificates. No message ever holds key material.

use crate::{
    entropy::EntropyError,
    error::{Code, Details, Problem, codes},
    pki::{Finding, KeyAlgorithm},
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
    /// Bytes that are no certificate, certificate request or distinguished name.
    PKI_CERTIFICATE = 3101,
    /// A text that is neither an address nor a DNS name.
    PKI_SAN = 3102,
    /// A certificate that cannot be made as it is specified.
    PKI_SPEC = 3103,
    /// An algorithm that the reader of a key does not know.
    PKI_ALGORITHM_REFUSED = 3104,
    /// A certificate that was signed by another CA.
    PKI_WRONG_CA = 3105,
    /// A certificate and a key that do not belong together.
    PKI_CERTIFICATE_KEY_MISMATCH = 3106,
    /// A certificate without its key.
    PKI_KEY_MISSING = 3107,
    /// A certificate whose end has passed.
    PKI_EXPIRED = 3108,
    /// A certificate whose beginning has not come.
    PKI_NOT_YET_VALID = 3109,
    /// A certificate that lacks a name or address.
    PKI_SAN_MISSING = 3110,
    /// A certificate with another subject.
    PKI_SUBJECT = 3111,
    /// A certificate that is for another use.
    PKI_USAGE = 3112,
    /// A certificate that is no certificate authority where one is needed.
    PKI_NOT_A_CA = 3113,
    /// A certificate that ends later than its issuer.
    PKI_OUTLIVES_ISSUER = 3114,
    /// A key of another kind than configured.
    PKI_ALGORITHM_DIFFERS = 3115,
    /// A CA without key and something missing that only it could sign.
    PKI_EXTERNAL_INCOMPLETE = 3116,
    /// A certificate request that its own key did not sign, or that asks for something else.
    PKI_REQUEST = 3117,
    /// A text is not a certificate key.
    PKI_CERTIFICATE_KEY = 3151,
    /// Uploaded certificates are missing, damaged or sealed with another key.
    PKI_UPLOAD = 3152,
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
    #[error("pki: {purpose}: expected randomness, found none")]
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
    /// Bytes that are no certificate, certificate request or distinguished name.
    #[error("pki: {what}: expected {expected}, found {found}")]
    #[non_exhaustive]
    Certificate {
        /// What was being read.
        what: &'static str,
        /// What it should have been.
        expected: &'static str,
        /// What is wrong with it.
        found: String,
    },
    /// A text that is neither an address nor a DNS name.
    #[error(
        "pki: subject alternative name: expected an IP address or a DNS name in lower case, which may begin with *., found {found:?}"
    )]
    #[non_exhaustive]
    San {
        /// The text.
        found: String,
    },
    /// A certificate that cannot be made as it is specified.
    #[error("pki: {name}: expected {expected}, found {found}")]
    #[non_exhaustive]
    Spec {
        /// Name of the certificate.
        name: String,
        /// What would have been right.
        expected: &'static str,
        /// What was asked for.
        found: String,
    },
    /// An algorithm that the reader of a key does not know.
    #[error(
        "pki: {name}: expected RSA or ECDSA, found {algorithm}, which {consumer} cannot read (choose another algorithm)"
    )]
    #[non_exhaustive]
    AlgorithmRefused {
        /// Name of the certificate or key.
        name: String,
        /// The algorithm.
        algorithm: KeyAlgorithm,
        /// Who could not read the key.
        consumer: &'static str,
    },
    /// A certificate or key that is there but does not fit.
    #[error(transparent)]
    #[non_exhaustive]
    Unfit {
        /// What does not fit.
        finding: Finding,
    },
    /// A CA without key and something missing that only it could sign.
    #[error(
        "pki: {ca}: expected what an external CA has signed, found no {} (have it signed by that CA, or put {ca}.key there)",
        missing.join(", ")
    )]
    #[non_exhaustive]
    ExternalIncomplete {
        /// Path of the CA below the certificates directory, without suffix.
        ca: String,
        /// The missing files.
        missing: Vec<String>,
    },
    /// A certificate request that its own key did not sign, or that asks for something else.
    #[error("pki: certificate request for {name}: expected {expected}, found {found} (make a new request)")]
    #[non_exhaustive]
    Request {
        /// Name of the certificate.
        name: String,
        /// What would have been right.
        expected: String,
        /// What was there.
        found: String,
    },
    /// A text is not a certificate key.
    #[error("pki: certificate key: expected 64 hexadecimal digits (32 bytes), found {found}")]
    #[non_exhaustive]
    CertificateKey {
        /// What is wrong with it, without any of its characters.
        found: String,
    },
    /// Uploaded certificates are missing, damaged or sealed with another key.
    #[error("pki: Secret kubeadm-certs: {entry}: expected {expected}, found {found} ({remedy})")]
    #[non_exhaustive]
    Upload {
        /// The entry, for example `ca.key`.
        entry: String,
        /// What would have been right.
        expected: &'static str,
        /// What was there.
        found: &'static str,
        /// What to do.
        remedy: &'static str,
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

    pub(super) fn certificate(what: &'static str, expected: &'static str, found: impl Into<String>) -> Self {
        Self::Certificate { what, expected, found: found.into() }
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
            Self::Certificate { .. } => Code::PKI_CERTIFICATE,
            Self::San { .. } => Code::PKI_SAN,
            Self::Spec { .. } => Code::PKI_SPEC,
            Self::AlgorithmRefused { .. } => Code::PKI_ALGORITHM_REFUSED,
            Self::Unfit { finding } => finding.code(),
            Self::ExternalIncomplete { .. } => Code::PKI_EXTERNAL_INCOMPLETE,
            Self::Request { .. } => Code::PKI_REQUEST,
            Self::CertificateKey { .. } => Code::PKI_CERTIFICATE_KEY,
            Self::Upload { .. } => Code::PKI_UPLOAD,
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
            Self::Certificate { expected, found, .. } | Self::Spec { expected, found, .. } => {
                (Some((*expected).to_owned()), Some(found.clone()), None)
            }
            Self::San { found } => {
                (Some("an IP address or a DNS name".to_owned()), Some(found.clone()), None)
            }
            Self::AlgorithmRefused { algorithm, .. } => (
                Some("RSA or ECDSA".to_owned()),
                Some(algorithm.to_string()),
                Some("choose another algorithm"),
            ),
            Self::Unfit { finding } => return finding.details(),
            Self::ExternalIncomplete { missing, .. } => (
                Some(missing.join(", ")),
                Some("nothing".to_owned()),
                Some("have it signed by the external CA, or put the CA's key there"),
            ),
            Self::Request { expected, found, .. } => {
                (Some(expected.clone()), Some(found.clone()), Some("make a new request"))
            }
            Self::CertificateKey { found } => {
                (Some("64 hexadecimal digits".to_owned()), Some(found.clone()), None)
            }
            Self::Upload { expected, found, remedy, .. } => {
                (Some((*expected).to_owned()), Some((*found).to_owned()), Some(*remedy))
            }
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
