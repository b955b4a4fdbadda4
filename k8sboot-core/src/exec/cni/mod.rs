//! Runs chains of CNI plugins and keeps their results.

mod chain;
mod chain_error;
mod error;
mod file;
mod plugin;
mod process;
mod results;

pub use chain::{Cni, CniRun};
pub use chain_error::{ChainError, Said};
pub(crate) use error::CODES;
pub use error::{CniFileError, CniFileOp};
pub(crate) use file::{list_names, read_file};
pub use plugin::Executables;
