//! host-local's directory as a store.

mod boot;
mod faults;
mod format;
mod input;
mod model;
pub(crate) mod scratch;
