//! Keys and certificates: the cluster's certificate authorities and everything they sign.
//!
//! [`KeyPair`] reads and writes private keys, [`PublicKey`] identifies and verifies, [`Signer`] is what signs (also a
//! key that stays in an HSM), [`KeySource`] is where new keys come from.

mod algorithm;
mod der_key;
mod error;
mod key_format;
mod key_source;
mod keys;
mod pem;
mod public_key;
mod signer;

pub(crate) use error::CODES;

pub use algorithm::{KeyAlgorithm, SignatureAlgorithm};
pub use error::PkiError;
pub use key_source::{KeySource, RandomKeys};
pub use keys::KeyPair;
pub use public_key::PublicKey;
pub use signer::Signer;
