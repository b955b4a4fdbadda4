//! Runs chains of CNI plugins and keeps their results.

mod error;
mod file;

pub(crate) use error::CODES;
pub use error::{CniFileError, CniFileOp};
pub(crate) use file::{list_names, read_file};
