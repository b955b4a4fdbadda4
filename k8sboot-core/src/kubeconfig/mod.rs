//! kubeconfig files: typed, embedded credentials, verified.
//!
//! [`Kubeconfig`] is read ([`Kubeconfig::parse`]), changed (its fields; [`Kubeconfig::embed`], [`Kubeconfig::merge`]) and
//! written ([`Kubeconfig::to_yaml`]) as client-go does it, byte for byte. With `crypto`, [`Kubeconfig::verify`] checks the
//! certificates inside.

mod error;
mod files;
mod merge;
mod model;
mod read;
mod write;

pub(crate) use error::CODES;
pub use error::KubeconfigError;
pub use files::FileReference;
pub use merge::CurrentContext;
pub use model::{Cluster, Context, Current, Extra, Kubeconfig, Source, User};
