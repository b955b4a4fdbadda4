//! Bootstrap tokens, their Secrets, cluster-info signatures, CA pins and the join command.
//!
//! Parsing and printing tokens and pins needs no feature. `crypto` adds generating and signing, `config` the Secrets and
//! ConfigMaps that hold tokens and signatures.

mod bootstrap;
#[cfg(all(feature = "config", feature = "crypto"))]
mod cluster_info;
mod constant_time;
mod error;
#[cfg(feature = "crypto")]
mod join;
#[cfg(feature = "crypto")]
pub mod jws;
mod pin;
#[cfg(feature = "config")]
mod secret_object;
#[cfg(feature = "config")]
mod spec;

pub use bootstrap::{BootstrapToken, TokenId};
#[cfg(all(feature = "config", feature = "crypto"))]
pub use cluster_info::{ClusterInfo, Signatures};
pub(crate) use error::CODES;
pub use error::TokenError;
#[cfg(feature = "crypto")]
pub use join::{JoinCommand, JoinRole};
pub use pin::CaPin;
#[cfg(feature = "crypto")]
pub(crate) use pin::decode_hex;
#[cfg(all(feature = "config", feature = "crypto"))]
pub(crate) use secret_object::secret_name;
#[cfg(feature = "config")]
pub use spec::{DEFAULT_GROUP, TokenSpec, Ttl, Usages};
