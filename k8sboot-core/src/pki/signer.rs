//! What signs: a key in memory, or one that never leaves its hardware.

use crate::pki::{PkiError, PublicKey, SignatureAlgorithm};

/// Makes signatures with one private key, wherever that key is.
///
/// [`KeyPair`](crate::pki::KeyPair) implements it for keys in memory. An HSM, a TPM or a remote signing service
/// implements these three functions, and everything that issues certificates works with it unchanged.
pub trait Signer: Send + Sync {
    /// The public half of the key.
    fn public_key(&self) -> &PublicKey;

    /// The algorithm of the signatures that [`sign`](Self::sign) makes.
    fn signature_algorithm(&self) -> SignatureAlgorithm;

    /// Signs `message` (not its hash); the result has the form that X.509 puts into its BIT STRING: for ECDSA the DER
    /// `SEQUENCE` of r and s, else the plain signature.
    ///
    /// # Errors
    ///
    /// [`PkiError::Sign`] when the key is out of reach or refuses; build it with [`PkiError::sign`].
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, PkiError>;
}
