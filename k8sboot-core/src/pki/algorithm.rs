//! Which keys there are and how they sign.

use std::fmt;

/// The kinds of keys that k8sboot makes.
///
/// kubeadm knows all but Ed25519, which Kubernetes components accept for TLS but not for service-account tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum KeyAlgorithm {
    /// RSA with 2048 bits, kubeadm's default.
    Rsa2048,
    /// RSA with 3072 bits.
    Rsa3072,
    /// RSA with 4096 bits.
    Rsa4096,
    /// ECDSA on P-256.
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// Ed25519.
    Ed25519,
}

impl KeyAlgorithm {
    /// Every algorithm, in the order of the enum.
    pub const ALL: [Self; 6] =
        [Self::Rsa2048, Self::Rsa3072, Self::Rsa4096, Self::EcdsaP256, Self::EcdsaP384, Self::Ed25519];

    /// The name, written as in kubeadm's `encryptionAlgorithm`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rsa2048 => "RSA-2048",
            Self::Rsa3072 => "RSA-3072",
            Self::Rsa4096 => "RSA-4096",
            Self::EcdsaP256 => "ECDSA-P256",
            Self::EcdsaP384 => "ECDSA-P384",
            Self::Ed25519 => "Ed25519",
        }
    }

    /// The algorithm that such a key signs with: RSA with SHA-256, ECDSA with the hash of its curve's size.
    #[must_use]
    pub const fn signature_algorithm(self) -> SignatureAlgorithm {
        match self {
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => SignatureAlgorithm::RsaSha256,
            Self::EcdsaP256 => SignatureAlgorithm::EcdsaSha256,
            Self::EcdsaP384 => SignatureAlgorithm::EcdsaSha384,
            Self::Ed25519 => SignatureAlgorithm::Ed25519,
        }
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(feature = "config")]
impl From<crate::config::EncryptionAlgorithm> for KeyAlgorithm {
    fn from(algorithm: crate::config::EncryptionAlgorithm) -> Self {
        use crate::config::EncryptionAlgorithm as From;
        match algorithm {
            From::Rsa2048 => Self::Rsa2048,
            From::Rsa3072 => Self::Rsa3072,
            From::Rsa4096 => Self::Rsa4096,
            From::EcdsaP256 => Self::EcdsaP256,
            From::EcdsaP384 => Self::EcdsaP384,
        }
    }
}

/// How certificates and requests are signed. All but SHA-384 and SHA-512 with RSA are also what our own keys use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureAlgorithm {
    /// `sha256WithRSAEncryption` (PKCS#1 v1.5).
    RsaSha256,
    /// `sha384WithRSAEncryption` (PKCS#1 v1.5).
    RsaSha384,
    /// `sha512WithRSAEncryption` (PKCS#1 v1.5).
    RsaSha512,
    /// `ecdsa-with-SHA256`.
    EcdsaSha256,
    /// `ecdsa-with-SHA384`.
    EcdsaSha384,
    /// `Ed25519`.
    Ed25519,
}

impl SignatureAlgorithm {
    const ALL: [Self; 6] = [
        Self::RsaSha256,
        Self::RsaSha384,
        Self::RsaSha512,
        Self::EcdsaSha256,
        Self::EcdsaSha384,
        Self::Ed25519,
    ];

    /// The name of RFC 5280's tables and of `openssl x509 -text`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RsaSha256 => "sha256WithRSAEncryption",
            Self::RsaSha384 => "sha384WithRSAEncryption",
            Self::RsaSha512 => "sha512WithRSAEncryption",
            Self::EcdsaSha256 => "ecdsa-with-SHA256",
            Self::EcdsaSha384 => "ecdsa-with-SHA384",
            Self::Ed25519 => "ED25519",
        }
    }

    /// The DER of the `AlgorithmIdentifier`: RSA with NULL parameters (RFC 4055), the others with none (RFC 5758, 8410).
    #[must_use]
    pub const fn algorithm_identifier(self) -> &'static [u8] {
        match self {
            Self::RsaSha256 => b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00",
            Self::RsaSha384 => b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c\x05\x00",
            Self::RsaSha512 => b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d\x05\x00",
            Self::EcdsaSha256 => b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02",
            Self::EcdsaSha384 => b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03",
            Self::Ed25519 => b"\x30\x05\x06\x03\x2b\x65\x70",
        }
    }

    /// The algorithm of a DER `AlgorithmIdentifier`; `None` if it is another one.
    ///
    /// RSA without its NULL is accepted too, as RFC 4055 section 5 demands of readers.
    #[must_use]
    pub fn from_algorithm_identifier(der: &[u8]) -> Option<Self> {
        let bare_rsa = |known: &[u8]| {
            der.split_first_chunk::<2>().is_some_and(|(head, oid)| {
                head == b"\x30\x0b" && known.ends_with(b"\x05\x00") && known.get(2..13) == Some(oid)
            })
        };
        Self::ALL.into_iter().find(|algorithm| {
            let known = algorithm.algorithm_identifier();
            known == der || bare_rsa(known)
        })
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_read_back_and_rsa_may_lack_its_null() {
        for algorithm in SignatureAlgorithm::ALL {
            let der = algorithm.algorithm_identifier();
            assert_eq!(SignatureAlgorithm::from_algorithm_identifier(der), Some(algorithm));
            assert_eq!(usize::from(der[1]) + 2, der.len());
        }
        let bare = b"\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c";
        assert_eq!(SignatureAlgorithm::from_algorithm_identifier(bare), Some(SignatureAlgorithm::RsaSha384));
        assert_eq!(SignatureAlgorithm::from_algorithm_identifier(b""), None);
        // sha1WithRSAEncryption
        assert_eq!(
            SignatureAlgorithm::from_algorithm_identifier(
                b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05\x05\x00"
            ),
            None
        );
    }
}
