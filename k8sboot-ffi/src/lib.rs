//! C API of k8sboot: `libk8sboot.so`, `libk8sboot.a` and `include/k8sboot.h`.
//!
//! Rust programs use `k8sboot-core`; this crate only carries its values over the boundary. Every function has the same
//! shape: `guard`, initialise the outputs, convert the inputs, one call into the core, write the outputs. The rules
//! that a caller relies on stand at the top of the header (`cbindgen.toml`).
#![allow(non_camel_case_types, reason = "the names are C's")]
#![cfg_attr(
    not(all(feature = "config", feature = "crypto", feature = "rsa", feature = "host")),
    allow(unused, reason = "functions of families that are not built keep their shape")
)]

#[cfg(not(panic = "unwind"))]
compile_error!(
    "k8sboot-ffi needs `panic = \"unwind\"`: a panic must become K8SBOOT_E_PANIC, not the end of the host"
);

#[cfg_attr(not(feature = "api"), allow(unused, dead_code, reason = "what is not built"))]
mod bundle;
mod ca;
#[cfg_attr(not(any(feature = "testing", feature = "host")), allow(dead_code, reason = "for long calls"))]
mod cancel;
mod certs;
#[cfg_attr(not(feature = "api"), allow(unused, dead_code, reason = "what is not built"))]
mod cluster;
#[cfg_attr(not(feature = "api"), allow(unused, dead_code, reason = "what is not built"))]
mod cluster_tokens;
#[cfg_attr(not(feature = "node"), allow(unused, reason = "what is not built"))]
mod cni;
#[cfg_attr(not(feature = "node"), allow(unused, dead_code, reason = "what is not built"))]
mod cni_run;
mod config;
#[cfg_attr(not(feature = "api"), allow(unused, dead_code, reason = "what is not built"))]
mod csr;
#[cfg_attr(not(feature = "api"), allow(unused, dead_code, reason = "what is not built"))]
mod discover;
#[cfg_attr(not(feature = "api"), allow(unused, dead_code, reason = "what is not built"))]
mod discovery_server;
#[cfg_attr(not(any(feature = "testing", feature = "host")), allow(dead_code, reason = "for long calls"))]
mod error;
#[cfg_attr(not(any(feature = "testing", feature = "host")), allow(dead_code, reason = "for long calls"))]
mod event;
mod facts;
mod flow;
mod guard;
#[cfg_attr(not(any(feature = "testing", feature = "host")), allow(dead_code, reason = "for long calls"))]
mod handle;
#[cfg(feature = "host")]
mod initing;
mod ip;
mod ipam;
#[cfg_attr(not(feature = "api"), allow(unused, dead_code, reason = "what is not built"))]
mod joining;
mod json;
mod kubeconfig;
#[cfg_attr(not(all(feature = "docker", feature = "cri")), allow(unused, reason = "what is not built"))]
mod leaks;
mod leaks_delete;
mod manifest;
mod pki;
mod plan;
mod pool;
mod ranges;
mod record;
#[cfg(feature = "host")]
mod running;
#[cfg(feature = "host")]
mod site;
mod store;
#[cfg_attr(not(feature = "etcd"), allow(unused, reason = "what is not built"))]
mod store_etcd;
mod store_repair;
mod subnets;
#[cfg(feature = "testing")]
mod testing;
mod text;
mod token;
mod token_object;
mod version;
#[cfg(feature = "host")]
mod watch;

pub use bundle::*;
pub use ca::*;
pub use cancel::*;
pub use certs::*;
pub use cluster::*;
pub use cluster_tokens::*;
pub use cni::*;
pub use cni_run::*;
pub use config::*;
pub use csr::*;
pub use discover::*;
pub use discovery_server::*;
pub use error::*;
pub use event::*;
pub use facts::*;
pub use flow::*;
pub use ip::*;
pub use ipam::*;
pub use joining::*;
pub use kubeconfig::*;
pub use leaks::*;
pub use leaks_delete::*;
pub use manifest::*;
pub use pki::*;
pub use plan::*;
pub use pool::*;
pub use store::*;
pub use store_etcd::*;
pub use store_repair::*;
pub use subnets::*;
#[cfg(feature = "testing")]
pub use testing::*;
pub use text::*;
pub use token::*;
pub use token_object::*;
pub use version::*;
