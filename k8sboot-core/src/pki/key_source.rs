//! Where new keys come from.

use zeroize::Zeroizing;

#[cfg(feature = "rsa")]
use crate::pki::rsa;
use crate::{
    entropy::{Entropy, Stream},
    pki::{KeyAlgorithm, KeyPair, PkiError},
};

/// Makes keys, or hands out fixed ones.
///
/// `purpose` is the name of the certificate or key (`"ca"`, `"etcd-server"`, `"sa"`). A source may be asked from several
/// threads at once.
pub trait KeySource: Send + Sync {
    /// A key of `algorithm` for `purpose`.
    ///
    /// # Errors
    ///
    /// [`PkiError::KeySource`] and [`PkiError::Entropy`].
    fn generate(&self, algorithm: KeyAlgorithm, purpose: &str) -> Result<KeyPair, PkiError>;
}

/// New random keys.
///
/// RSA primes and Ed25519 seeds come from the injected entropy; ECDSA keys come from the operating system's randomness,
/// since ring takes no other.
#[derive(Clone, Copy)]
pub struct RandomKeys<'a> {
    entropy: &'a dyn Entropy,
}

impl<'a> RandomKeys<'a> {
    /// Keys made from `entropy`.
    #[must_use]
    pub fn new(entropy: &'a dyn Entropy) -> Self {
        Self { entropy }
    }

    fn stream(&self, purpose: &str) -> Box<dyn Stream + 'a> {
        self.entropy.stream(&format!("pki/{purpose}.key"))
    }
}

impl KeySource for RandomKeys<'_> {
    fn generate(&self, algorithm: KeyAlgorithm, purpose: &str) -> Result<KeyPair, PkiError> {
        match algorithm {
            KeyAlgorithm::EcdsaP256 | KeyAlgorithm::EcdsaP384 => KeyPair::random_ecdsa(algorithm, purpose),
            KeyAlgorithm::Ed25519 => {
                let mut seed = Zeroizing::new([0; 32]);
                self.stream(purpose)
                    .fill(seed.as_mut_slice())
                    .map_err(|source| PkiError::Entropy { purpose: purpose.to_owned(), source })?;
                KeyPair::ed25519(seed.as_slice(), None)
            }
            #[cfg(feature = "rsa")]
            KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096 => {
                rsa::generate(algorithm, &mut rsa::Draw::new(&mut *self.stream(purpose), purpose))
            }
            #[cfg(not(feature = "rsa"))]
            KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096 => {
                Err(PkiError::key_source(purpose, algorithm, "a build without the feature rsa"))
            }
        }
    }
}
