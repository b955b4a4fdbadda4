//! The API objects that make a control plane a cluster: configuration, rights, bootstrap tokens, add-ons.
//!
//! `objects` (with feature `crypto`) gives all of them in the order in which kubeadm creates them; every object also has
//! a function of its own, here or in [`addon`](super::addon). [`rbac`] is the one table of rights.

#[cfg(feature = "crypto")]
mod bootstrap;
#[cfg(feature = "crypto")]
mod component_config;
#[cfg(feature = "crypto")]
mod objects;
pub mod rbac;
mod upload_config;

#[cfg(feature = "crypto")]
pub use bootstrap::{cluster_info, token_secrets};
#[cfg(feature = "crypto")]
pub(super) use component_config::component_config_map;
#[cfg(feature = "crypto")]
pub use component_config::{COMPONENT_CONFIG_HASH, kubelet_config};
#[cfg(feature = "crypto")]
pub use objects::{ObjectInputs, StagedObject, UploadedCerts, file_name, objects};
pub use upload_config::kubeadm_config;
