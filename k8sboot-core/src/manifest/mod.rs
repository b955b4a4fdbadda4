//! Kubernetes objects as the library writes them: static pods, kubelet files, add-ons, RBAC.
//!
//! Everything here is a pure function of an [`InitConfig`](crate::config::InitConfig): the same configuration gives the
//! same bytes, and they are the bytes that kubeadm writes ([`yaml`]).

pub mod addon;
pub mod cluster;
mod component;
mod error;
pub mod images;
pub mod kubelet;
pub mod managed;
pub mod node;
mod object;
pub mod patch;
mod quantity;
mod static_pod;
pub mod versions;
pub mod yaml;

pub(crate) use error::CODES;
pub use error::ManifestError;
pub use images::images;
pub use object::{Object, ObjectKey};
pub use patch::{AppliedPatch, Patch, PatchKind, PatchSet};
pub use static_pod::{RenderOptions, ServedAt, StaticPod, StaticPodFile, static_pods};
