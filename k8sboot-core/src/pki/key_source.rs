//! Where new keys come from.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

#[cfg(feature = "rsa")]
use crate::pki::rsa;
use crate::{
    entropy::{Entropy, Stream},
    pki::{KeyAlgorithm, KeyPair, PkiError},
    secret::SecretBytes,
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

/// Keys made beforehand, by purpose: what tests and reproducible builds inject.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::pki::{FixedKeys, KeyAlgorithm, KeySource, RandomKeys};
/// # use k8sboot_core::entropy::System;
/// let ca = RandomKeys::new(&System).generate(KeyAlgorithm::EcdsaP256, "ca")?;
/// let keys = FixedKeys::new().with("ca", ca.to_pem());
/// assert!(keys.generate(KeyAlgorithm::EcdsaP256, "ca").is_ok());
/// assert!(keys.generate(KeyAlgorithm::Rsa2048, "ca").is_err());
/// assert!(keys.generate(KeyAlgorithm::EcdsaP256, "apiserver").is_err());
/// # Ok::<(), k8sboot_core::pki::PkiError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct FixedKeys(BTreeMap<String, SecretBytes>);

impl FixedKeys {
    /// No keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the key for `purpose`, in any form that [`KeyPair::from_pem`] reads.
    #[must_use]
    pub fn with(mut self, purpose: &str, pem: SecretBytes) -> Self {
        self.0.insert(purpose.to_owned(), pem);
        self
    }
}

impl KeySource for FixedKeys {
    fn generate(&self, algorithm: KeyAlgorithm, purpose: &str) -> Result<KeyPair, PkiError> {
        let pem = self.0.get(purpose).ok_or_else(|| PkiError::key_source(purpose, algorithm, "none"))?;
        let key = KeyPair::from_pem(pem)?;
        if key.algorithm() == Some(algorithm) {
            Ok(key)
        } else {
            Err(PkiError::key_source(purpose, algorithm, "a key of another algorithm"))
        }
    }
}
