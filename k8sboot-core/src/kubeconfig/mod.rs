//! kubeconfig files: typed, embedded credentials, verified.
//!
//! [`Kubeconfig`] is read ([`Kubeconfig::parse`]), changed (its fields; [`Kubeconfig::embed`], [`Kubeconfig::merge`]) and
//! written ([`Kubeconfig::to_yaml`]) as client-go does it, byte for byte. With the feature `crypto`, `Kubeconfig::verify`
//! checks the certificates inside and `for_user` makes kubeconfigs for further users.

mod error;
mod files;
mod merge;
mod model;
mod read;
#[cfg(feature = "crypto")]
mod user;
#[cfg(feature = "crypto")]
mod verify;
mod write;

pub(crate) use error::CODES;
pub use error::KubeconfigError;
pub use files::FileReference;
pub use merge::CurrentContext;
pub use model::{Cluster, Context, Current, Extra, Kubeconfig, Source, User};
#[cfg(feature = "crypto")]
pub use user::{UserSpec, for_user};
