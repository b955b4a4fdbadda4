//! ECDSA without randomness of its own: keys from the injected entropy, signatures as RFC 6979 says.
//!
//! ring draws ECDSA keys and nonces from the operating system. With these keys instead, the same entropy, clock and
//! configuration give the same certificates to the byte. Everything else (RSA, Ed25519) is reproducible anyway.

use p256::ecdsa::signature::Signer as _;
use zeroize::Zeroizing;

use crate::{
    entropy::Entropy,
    pki::{KeyAlgorithm, KeyPair, KeySource, PkiError, RandomKeys},
};

/// As [`RandomKeys`], but ECDSA keys too come from the injected entropy and sign as RFC 6979 says.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::pki::{DeterministicKeys, KeyAlgorithm, KeySource, Signer};
/// # use k8sboot_core::entropy::Seeded;
/// let entropy = Seeded::new(b"seed");
/// let keys = DeterministicKeys::new(&entropy);
/// let once = keys.generate(KeyAlgorithm::EcdsaP256, "ca")?.sign(b"message")?;
/// let again = keys.generate(KeyAlgorithm::EcdsaP256, "ca")?.sign(b"message")?;
/// assert_eq!(once, again);
/// # Ok::<(), k8sboot_core::pki::PkiError>(())
/// ```
#[derive(Clone, Copy)]
pub struct DeterministicKeys<'a> {
    entropy: &'a dyn Entropy,
}

impl<'a> DeterministicKeys<'a> {
    /// Keys made from `entropy` alone.
    #[must_use]
    pub fn new(entropy: &'a dyn Entropy) -> Self {
        Self { entropy }
    }
}

impl KeySource for DeterministicKeys<'_> {
    fn generate(&self, algorithm: KeyAlgorithm, purpose: &str) -> Result<KeyPair, PkiError> {
        let length = match algorithm {
            KeyAlgorithm::EcdsaP256 => 32,
            KeyAlgorithm::EcdsaP384 => 48,
            _ => return RandomKeys::new(self.entropy).generate(algorithm, purpose),
        };
        let mut stream = self.entropy.stream(&format!("pki/{purpose}.key"));
        let mut scalar = Zeroizing::new(vec![0; length]);
        // FIPS 186-5 A.2.2: draw until the number is below the order, which nearly every draw is.
        for _ in 0..64 {
            stream
                .fill(&mut scalar)
                .map_err(|source| PkiError::Entropy { purpose: purpose.to_owned(), source })?;
            if let Some(key) = EcdsaKey::new(algorithm, &scalar) {
                return KeyPair::ecdsa(algorithm, &scalar, &key.point())?.deterministic();
            }
        }
        Err(PkiError::key_source(purpose, algorithm, "randomness that yields no key"))
    }
}

/// An ECDSA key that signs as RFC 6979 says, with the hash of its curve's size.
pub(super) enum EcdsaKey {
    P256(Box<p256::ecdsa::SigningKey>),
    P384(Box<p384::ecdsa::SigningKey>),
}

impl EcdsaKey {
    /// `None` if `scalar` is zero, or not below the curve's order, and for other algorithms.
    pub(super) fn new(algorithm: KeyAlgorithm, scalar: &[u8]) -> Option<Self> {
        match algorithm {
            KeyAlgorithm::EcdsaP256 => {
                p256::ecdsa::SigningKey::from_slice(scalar).ok().map(|key| Self::P256(Box::new(key)))
            }
            KeyAlgorithm::EcdsaP384 => {
                p384::ecdsa::SigningKey::from_slice(scalar).ok().map(|key| Self::P384(Box::new(key)))
            }
            _ => None,
        }
    }

    /// The DER `SEQUENCE` of r and s.
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_der().as_bytes().to_vec()
            }
            Self::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign(message);
                signature.to_der().as_bytes().to_vec()
            }
        }
    }

    fn point(&self) -> Vec<u8> {
        match self {
            Self::P256(key) => key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            Self::P384(key) => key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::Signer;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.chars().map(|c| u8::try_from(c.to_digit(16).unwrap()).unwrap()).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    /// `SEQUENCE` of two INTEGERs.
    fn der(r: &str, s: &str) -> Vec<u8> {
        use crate::pki::der_key::{SEQUENCE, element, positive};
        element(SEQUENCE, &[&positive(&hex(r)), &positive(&hex(s))]).to_vec()
    }

    #[test]
    fn signs_the_vectors_of_rfc_6979() {
        let vectors = [
            (
                KeyAlgorithm::EcdsaP256,
                "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
                "sample",
                "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
                "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
            ),
            (
                KeyAlgorithm::EcdsaP256,
                "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
                "test",
                "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367",
                "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083",
            ),
            (
                KeyAlgorithm::EcdsaP384,
                "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5",
                "sample",
                "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46",
                "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8",
            ),
            (
                KeyAlgorithm::EcdsaP384,
                "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5",
                "test",
                "8203B63D3C853E8D77227FB377BCF7B7B772E97892A80F36AB775D509D7A5FEB0542A7F0812998DA8F1DD3CA3CF023DB",
                "DDD0760448D42D8A43AF45AF836FCE4DE8BE06B485E9B61B827C2F13173923E06A739F040649A667BF3B828246BAA5A5",
            ),
        ];
        for (algorithm, scalar, message, r, s) in vectors {
            let scalar = hex(scalar);
            let point = EcdsaKey::new(algorithm, &scalar).unwrap().point();
            let key = KeyPair::ecdsa(algorithm, &scalar, &point).unwrap().deterministic().unwrap();
            let signature = key.sign(message.as_bytes()).unwrap();
            assert_eq!(signature, der(r, s), "{algorithm} {message}");
            key.public_key().verify(key.signature_algorithm(), message.as_bytes(), &signature).unwrap();
        }
    }

    #[test]
    fn refuses_scalars_outside_the_order() {
        for (algorithm, length) in [(KeyAlgorithm::EcdsaP256, 32), (KeyAlgorithm::EcdsaP384, 48)] {
            assert!(EcdsaKey::new(algorithm, &vec![0; length]).is_none());
            assert!(EcdsaKey::new(algorithm, &vec![0xff; length]).is_none());
        }
    }
}
