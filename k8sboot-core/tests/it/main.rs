//! One integration binary: a module per family, so that there is one link.

mod support;
mod token;
