//! Runs chains of CNI plugins and keeps their results.

mod chain;
mod chain_error;
mod error;
mod file;
mod leaks;
mod plugin;
mod process;
mod results;
mod watch;

pub use chain::Cni;
pub use chain_error::{ChainError, Said};
pub(crate) use error::CODES;
pub use error::{CniFileError, CniFileOp};
pub(crate) use file::{list_names, read_file};
pub use leaks::LeakDelete;
pub use plugin::Executables;
pub use watch::{CniEvent, CniRun, CniStep, CniWatch};
