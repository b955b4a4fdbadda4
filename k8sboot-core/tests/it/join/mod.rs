//! Joining a cluster as a worker.

mod approval;
#[cfg(feature = "api")]
mod bad_input;
#[cfg(feature = "api")]
mod cluster;
mod files;
#[cfg(feature = "api")]
mod kubelet;
#[cfg(feature = "api")]
mod real;
#[cfg(feature = "api")]
mod waits;
mod world;
mod wrong_states;
