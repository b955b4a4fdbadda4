//! host-local's directory as a store.

mod boot;
mod faults;
mod format;
mod input;
mod mixed;
mod model;
pub(crate) mod scratch;
