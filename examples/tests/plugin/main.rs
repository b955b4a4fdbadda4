//! The IPAM plugin as runtimes and main plugins use it: the real binary, one process a call.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "helpers of tests"
)]

mod better;
mod bridge;
mod conversation;
mod recorded;
mod scratch;
