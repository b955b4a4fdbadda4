//! host-local's directory as a store.

mod format;
mod input;
mod model;
pub(crate) mod scratch;
