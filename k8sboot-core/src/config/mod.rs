//! kubeadm configuration: read strictly, fill in defaults, prove.
//!
//! Text becomes [`Documents`] (v1beta4 and v1beta3, YAML and JSON), documents become an [`InitConfig`] in which every
//! default is filled in and every rule checked. Nothing here asks the network, the clock or the host: what the defaults
//! need to know about the host comes in as [`crate::facts::NodeFacts`].

mod documents;
mod error;
mod init;
mod node;
pub mod v1beta4;
mod yaml_read;
mod yaml_scalar;

pub use documents::Documents;
pub(crate) use error::CODES;
pub use error::{ConfigError, ConfigErrors};
pub use init::{ComponentConfig, ControlPlaneEndpoint, EncryptionAlgorithm, InitConfig};
