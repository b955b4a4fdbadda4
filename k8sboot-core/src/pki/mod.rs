//! Keys and certificates: the cluster's certificate authorities and everything they sign.
//!
//! [`KeyPair`] reads and writes private keys, [`PublicKey`] identifies and verifies, [`Signer`] is what signs (also a
//! key that stays in an HSM), [`KeySource`] is where new keys come from.

mod algorithm;
mod der_key;
#[cfg(feature = "deterministic")]
mod deterministic;
mod error;
mod key_farm;
mod key_format;
mod key_source;
mod keys;
mod pem;
mod public_key;
#[cfg(feature = "rsa")]
mod rsa;
#[cfg(feature = "rsa")]
mod rsa_screen;
#[cfg(feature = "rsa")]
mod rsa_walk;
mod signer;

pub(crate) use error::CODES;

pub use algorithm::{KeyAlgorithm, SignatureAlgorithm};
#[cfg(feature = "deterministic")]
pub use deterministic::DeterministicKeys;
pub use error::PkiError;
pub use key_farm::{KeyFarm, generate_all};
pub use key_source::{FixedKeys, KeySource, RandomKeys};
pub use keys::KeyPair;
pub use public_key::PublicKey;
pub use signer::Signer;
