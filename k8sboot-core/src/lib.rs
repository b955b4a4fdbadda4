//! Kubernetes node bootstrap as a library.
//!
//! **Configuration + facts about the node → plan → executor.** The folder tells what kind of code it holds:
//!
//! - *pure* families take values and return values: [`config`], [`token`], [`pki`], [`kubeconfig`], [`manifest`],
//!   [`ipam`], [`plan`], [`flow`] — no files, sockets, clock, randomness or globals;
//! - [`probe`] looks at the node and changes nothing;
//! - `api` (feature `api`) speaks to the API server of a cluster;
//! - [`exec`] carries out one step at a time and decides nothing; [`store`] keeps leases of addresses.
#![forbid(unsafe_code)]

pub mod api;
#[cfg(any(feature = "api", feature = "etcd"))]
mod background;
#[cfg(all(feature = "config", feature = "crypto"))]
pub mod blocking;
pub mod cidr;
pub mod cni;
#[cfg(feature = "config")]
pub mod config;
pub mod discovery;
pub mod entropy;
pub mod error;
#[cfg(any(feature = "node", all(feature = "config", feature = "crypto")))]
pub mod exec;
pub mod facts;
#[cfg(all(feature = "config", feature = "crypto"))]
pub mod flow;
pub mod health;
pub mod ipam;
pub mod join;
#[cfg(feature = "config")]
pub mod kubeconfig;
#[cfg(feature = "config")]
pub mod manifest;
#[cfg(feature = "crypto")]
pub mod pki;
#[cfg(all(feature = "config", feature = "crypto"))]
pub mod plan;
#[cfg(any(feature = "node", all(feature = "config", feature = "crypto")))]
pub mod probe;
pub mod secret;
pub mod store;
pub mod time;
pub mod token;
pub mod version;
