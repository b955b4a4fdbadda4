//! The cni family against recorded output of the reference library and of host-local.

#[cfg(feature = "node")]
mod bridge;
#[cfg(feature = "node")]
mod cache;
mod calls;
#[cfg(feature = "node")]
mod chain;
mod results;
