//! One integration binary: a module per family, so that there is one link.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests"
)]

#[cfg(feature = "host")]
mod certs_flow;
#[cfg(feature = "api")]
mod cluster;
mod cni;
#[cfg(feature = "config")]
mod config;
#[cfg(feature = "node")]
mod directory;
#[cfg(all(feature = "config", feature = "crypto"))]
mod discovery;
#[cfg(feature = "node")]
mod durable;
#[cfg(all(feature = "etcd", feature = "host"))]
mod etcd;
#[cfg(feature = "host")]
mod exec;
#[cfg(feature = "host")]
mod faults;
#[cfg(feature = "host")]
mod flow;
mod ipam;
#[cfg(feature = "host")]
mod join;
#[cfg(feature = "crypto")]
mod keys;
#[cfg(feature = "config")]
mod kubeconfig;
mod layers;
mod leaks;
#[cfg(feature = "config")]
mod manifest;
#[cfg(feature = "config")]
mod manifest_kubectl;
#[cfg(all(feature = "config", feature = "crypto"))]
mod objects;
#[cfg(feature = "host")]
mod oracle_etcd;
#[cfg(feature = "host")]
mod oracle_kubectl;
#[cfg(feature = "host")]
mod oracle_openssl;
#[cfg(all(feature = "config", feature = "crypto"))]
mod oracle_validate;
#[cfg(all(feature = "config", feature = "crypto"))]
mod pki;
#[cfg(feature = "api")]
mod pod_cidrs;
#[cfg(feature = "api")]
mod renew_running;
mod support;
#[cfg(all(feature = "config", feature = "crypto"))]
mod token;
#[cfg(feature = "host")]
mod tree;
#[cfg(all(feature = "config", feature = "crypto"))]
mod upload;
