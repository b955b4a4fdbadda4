//! The API server of a cluster: a connection, and objects read and written over it.
//!
//! [`Client`] (feature `api`) blocks its caller; a thread of its own does the talking. Everything that flows, discovery and
//! the IPAM store say to a cluster goes through it.

mod codes;
mod renew_codes;
mod token_codes;

#[cfg(feature = "api")]
mod client;
#[cfg(feature = "api")]
mod discover;
#[cfg(feature = "api")]
mod error;
#[cfg(feature = "api")]
mod objects;
#[cfg(feature = "api")]
mod options;
#[cfg(feature = "api")]
mod resource;
#[cfg(feature = "api")]
mod tokens;
#[cfg(feature = "api")]
mod watch;

#[cfg(feature = "api")]
pub use client::{Answer, Client, Method};
pub(crate) use codes::CODES;
#[cfg(feature = "api")]
pub use discover::{ClusterTokens, DiscoverOptions, discover, join_bundle};
#[cfg(feature = "api")]
pub use error::{ApiError, Status, TlsProblem};
#[cfg(feature = "api")]
pub use objects::{ApplyOptions, PatchKind, Scope};
#[cfg(feature = "api")]
pub use options::{ClientOptions, Identity, Trust};
pub(crate) use renew_codes::CODES as RENEW_CODES;
#[cfg(feature = "api")]
pub use resource::Resource;
pub(crate) use token_codes::CODES as TOKEN_CODES;
#[cfg(feature = "api")]
pub use tokens::{ListedToken, TokenIssue, TokensError};
#[cfg(feature = "api")]
pub use watch::{Change, Watch};
