//! Init and join as stages, each one probe → plan → print or apply.
//!
//! A flow cannot be one plan: objects need an API server that an earlier stage starts. So a flow is a list of stages;
//! [`Flow::next_plan`] looks at the node and plans one, [`Flow::apply`] carries it out, [`Flow::run`] does both for all.
//! A dry run only asks for plans.

mod certs;
mod control_plane;
mod error;
mod files;
mod finalize;
mod init;
mod join;
mod join_stages;
mod kubeconfigs;
mod kubelet;
mod objects;
mod phases;
mod pki;
mod preflight;
#[cfg(feature = "api")]
mod renew_running;
mod report;
#[cfg(feature = "api")]
mod restart_error;
mod restarts;
mod runner;
mod stage;
mod wait;

pub use certs::{
    CertsScope, RenewChoice, certs_wanted, expiration, plan_renewal, plan_requests, requests_wanted,
};
pub(crate) use error::CODES;
pub use error::FlowError;
pub use init::{InitOptions, init};
pub use join::{JoinOptions, TlsBootstrap, join};
pub use objects::{cluster_objects, join_commands};
#[cfg(feature = "api")]
pub use renew_running::{RenewedRunning, RestartedPod, RunningRenewal};
pub use report::{Report, StageReport, StepReport};
#[cfg(feature = "api")]
pub use restart_error::RestartError;
pub use restarts::{MANIFESTS, manifests_wanted, plan_restarts, static_pod_files};
pub use runner::{Flow, carry_out};
pub use stage::{INIT_STAGES, JOIN_STAGES, Selection};
