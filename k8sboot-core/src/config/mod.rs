//! kubeadm configuration: read strictly, fill in defaults, prove.
//!
//! Text becomes [`Documents`] (v1beta4 and v1beta3, YAML and JSON), documents become an [`InitConfig`] in which every
//! default is filled in and every rule checked; likewise a [`JoinConfig`] and a [`ResetConfig`]. Who has no text uses an
//! [`InitBuilder`]. Nothing here asks the network, the clock or the host: what the defaults need to know about the host
//! comes in as [`crate::facts::NodeFacts`].

mod builder;
mod check;
pub(crate) mod component_fields;
mod components;
mod defaults;
mod documents;
mod error;
mod init;
mod join;
pub(crate) mod kube_proxy_fields;
pub(crate) mod kubelet_fields;
mod labels;
pub(crate) mod node;
mod positions;
mod print;
mod reset;
mod rules;
mod schema;
mod suggest;
mod v1beta3;
pub mod v1beta4;
pub(crate) mod yaml_read;
mod yaml_scalar;

pub use builder::InitBuilder;
pub use documents::Documents;
pub(crate) use error::CODES;
pub use error::{ConfigError, ConfigErrors};
pub(crate) use init::clean_path;
pub use init::{ComponentConfig, ControlPlaneEndpoint, EncryptionAlgorithm, InitConfig};
pub use join::{Discovery, JoinConfig};
pub use labels::{NEWEST_MINOR, OLDEST_MINOR, resolve_label};
pub use print::{DefaultsKind, Migrated, cluster_configuration_yaml, migrate, print_defaults};
pub use reset::ResetConfig;
#[cfg(feature = "crypto")]
pub(crate) use rules::host_port;
