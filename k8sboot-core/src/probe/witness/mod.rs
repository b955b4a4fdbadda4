//! Witnesses of who is alive: runtimes, network namespaces and stored results.
//!
//! Each implements [`Witness`](crate::ipam::leak::Witness): it looks, changes nothing, and says what it could not see.
//! The rule of safety that makes verdicts of what they say is that of [`leak`](crate::ipam::leak).

#[cfg(feature = "cri")]
mod containerd;
#[cfg(feature = "cri")]
mod containerd_messages;
#[cfg(feature = "cri")]
mod cri;
#[cfg(feature = "cri")]
mod cri_messages;
#[cfg(feature = "docker")]
mod docker;
mod error;
#[cfg(feature = "cri")]
mod grpc;
mod namespaces;
pub mod netlink;
mod results;
#[cfg(any(feature = "cri", feature = "docker"))]
mod socket;

#[cfg(feature = "cri")]
pub use containerd::{Containerd, ContainerdContainer};
#[cfg(feature = "cri")]
pub use cri::{CRI_SOCKETS, Cri, CriProtocol, CriSandbox};
#[cfg(feature = "docker")]
pub use docker::{DOCKER_SOCKET, Docker, DockerContainer};
pub(crate) use error::CODES;
pub use error::WitnessError;
pub use namespaces::{NAMESPACE_DIRECTORIES, Namespaces};
pub use results::StoredResults;
