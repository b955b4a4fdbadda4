//! The command line as users run it: the real binary, one integration binary with a module per topic.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "helpers of tests"
)]

mod bad_config;
mod bad_tree;
#[cfg(feature = "api")]
mod cluster;
mod cni;
mod commands;
#[cfg(feature = "api")]
mod control_plane;
mod golden;
mod init;
mod ipam;
mod programs;
mod support;
mod usage;
