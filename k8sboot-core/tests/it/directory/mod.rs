//! host-local's directory as a store.

mod format;
mod input;
pub(crate) mod scratch;
