//! What speaks to the API server of a cluster: tokens, join, discovery, status.

pub(crate) mod args;
pub(crate) mod bundle;
mod connect;
pub(crate) mod discovery;
pub(crate) mod join;
mod node_root;
pub(crate) mod status;
pub(crate) mod token;
