//! Kubernetes node bootstrap as a library.
//!
//! **Configuration + facts about the node → plan → executor.** The folder tells what kind of code it holds:
//!
//! - *pure* families take values and return values: [`config`], [`token`], [`pki`], [`kubeconfig`], [`manifest`],
//!   [`plan`], [`flow`] — no files, sockets, clock, randomness or globals;
//! - [`probe`] looks at the node and changes nothing;
//! - [`exec`] carries out one step at a time and decides nothing.
#![forbid(unsafe_code)]

#[cfg(all(feature = "config", feature = "crypto"))]
pub mod blocking;
pub mod cidr;
#[cfg(feature = "config")]
pub mod config;
pub mod entropy;
pub mod error;
#[cfg(all(feature = "config", feature = "crypto"))]
pub mod exec;
pub mod facts;
#[cfg(all(feature = "config", feature = "crypto"))]
pub mod flow;
#[cfg(feature = "config")]
pub mod kubeconfig;
#[cfg(feature = "config")]
pub mod manifest;
#[cfg(feature = "crypto")]
pub mod pki;
#[cfg(all(feature = "config", feature = "crypto"))]
pub mod plan;
#[cfg(all(feature = "config", feature = "crypto"))]
pub mod probe;
pub mod secret;
pub mod time;
pub mod token;
pub mod version;
