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

mod guard;
#[cfg_attr(not(feature = "testing"), allow(dead_code, reason = "plans are used up"))]
mod handle;

#[cfg_attr(not(feature = "testing"), allow(dead_code, reason = "only long calls can be cancelled"))]
mod cancel;
mod config;
#[cfg_attr(not(feature = "testing"), allow(dead_code, reason = "only long calls can be cancelled"))]
mod error;
#[cfg_attr(not(feature = "testing"), allow(dead_code, reason = "only long calls have events"))]
mod event;
#[cfg(feature = "testing")]
mod testing;
mod text;
mod token;
mod token_object;
mod version;

pub use cancel::*;
pub use config::*;
pub use error::*;
pub use event::*;
#[cfg(feature = "testing")]
pub use testing::*;
pub use text::*;
pub use token::*;
pub use token_object::*;
pub use version::*;
