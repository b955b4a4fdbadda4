//! Finding a cluster and coming to trust it, before joining it.
//!
//! Pure: [`Discovery`] says by what the cluster is found, [`judge`] weighs what an endpoint answered, and [`Discovered`] is
//! what a joining node then knows. `api::discover` (feature `api`) asks the network; [`served`] has the answers of an
//! endpoint of our own; [`JoinBundle`] carries everything to a node that cannot ask
//! anonymously.
//!
//! Source: kubeadm 1.36, token discovery, file discovery and HTTPS discovery.

mod codes;

#[cfg(all(feature = "config", feature = "crypto"))]
mod bundle;
#[cfg(all(feature = "config", feature = "crypto"))]
mod bundle_error;
#[cfg(all(feature = "config", feature = "crypto"))]
mod bundle_text;
#[cfg(all(feature = "config", feature = "crypto"))]
mod cause;
#[cfg(all(feature = "config", feature = "crypto"))]
mod clock;
#[cfg(all(feature = "config", feature = "crypto"))]
mod discovered;
#[cfg(all(feature = "config", feature = "crypto"))]
mod endpoint;
#[cfg(all(feature = "config", feature = "crypto"))]
mod error;
#[cfg(all(feature = "config", feature = "crypto"))]
pub mod judge;
#[cfg(all(feature = "config", feature = "crypto"))]
mod kubeconfig;
#[cfg(all(feature = "config", feature = "crypto"))]
mod method;
#[cfg(all(feature = "config", feature = "crypto"))]
pub mod served;

#[cfg(all(feature = "config", feature = "crypto"))]
pub use bundle::{JoinBundle, Seal};
#[cfg(all(feature = "config", feature = "crypto"))]
pub use bundle_error::BundleError;
#[cfg(all(feature = "config", feature = "crypto"))]
pub use cause::{Cause, EndpointFailure, Wait};
pub(crate) use codes::CODES;
#[cfg(all(feature = "config", feature = "crypto"))]
pub use discovered::{Discovered, TOKEN_USER};
#[cfg(all(feature = "config", feature = "crypto"))]
pub use endpoint::{DISCOVERY_PORT, Endpoint};
#[cfg(all(feature = "config", feature = "crypto"))]
pub use error::DiscoveryError;
#[cfg(all(feature = "config", feature = "crypto"))]
pub use kubeconfig::{Basis, basis};
#[cfg(all(feature = "config", feature = "crypto"))]
pub use method::Discovery;
