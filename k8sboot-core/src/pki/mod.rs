//! Keys and certificates: the cluster's certificate authorities and everything they sign.
//!
//! [`KeyPair`] reads and writes private keys, [`PublicKey`] identifies and verifies, [`Signer`] is what signs (also a
//! key that stays in an HSM), [`KeySource`] is where new keys come from.
//!
//! [`control_plane`] and [`kubeconfigs`] say which certificates a node needs, as [`CertSpec`]s; [`Ca`] makes them,
//! [`check`] decides what to do about those that are there, [`renew`] renews them, [`csr`] has them signed elsewhere,
//! [`external`] says what must be there when a CA's key is elsewhere, [`inspect()`] and [`expiration`] tell what they say
//! and when they end.

mod algorithm;
mod ca;
mod certificate;
mod chain;
pub mod check;
pub mod csr;
mod der;
mod der_key;
#[cfg(feature = "deterministic")]
mod deterministic;
mod error;
pub mod expiration;
pub mod external;
mod finding;
mod inspect;
mod issue;
mod key_farm;
mod key_format;
mod key_source;
mod keys;
mod name;
mod pem;
mod public_key;
#[cfg(feature = "rcgen")]
mod rcgen_keys;
pub mod renew;
#[cfg(feature = "rsa")]
mod rsa;
#[cfg(feature = "rsa")]
mod rsa_screen;
#[cfg(feature = "rsa")]
mod rsa_walk;
mod san;
mod signer;
mod spec;
#[cfg(feature = "config")]
mod tree;
pub mod upload;
#[cfg(feature = "config")]
mod upload_secret;

pub(crate) use error::CODES;

pub use algorithm::{KeyAlgorithm, SignatureAlgorithm};
pub use ca::{Ca, Issued, Issuing};
pub use certificate::Certificate;
pub use check::{Decision, Found, KeyDecision, decide, decide_key};
pub use csr::Csr;
#[cfg(feature = "deterministic")]
pub use deterministic::DeterministicKeys;
pub use error::PkiError;
pub use finding::{Defect, Finding, Severity};
pub use inspect::{CertInfo, Extension, inspect};
pub use key_farm::{KeyFarm, generate_all};
pub use key_source::{FixedKeys, KeySource, RandomKeys};
pub use keys::KeyPair;
#[cfg(feature = "config")]
pub(crate) use name::hex;
pub use name::{Attribute, Name, Subject};
pub use public_key::PublicKey;
pub use san::San;
pub use signer::Signer;
pub use spec::{
    BACKDATE, CA_VALIDITY, CertClass, CertSpec, ClassPolicy, KeySpec, KubeconfigSpec, LEAF_VALIDITY,
    NotBefore, Policy,
};
#[cfg(feature = "config")]
pub use tree::{
    control_plane, control_plane_with, description, kubeconfigs, kubeconfigs_with, service_account,
};
pub use upload::CertificateKey;
