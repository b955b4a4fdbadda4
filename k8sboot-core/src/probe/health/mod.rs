//! What can be seen of a component from outside: its answer, the port, the process, the log.

mod logs;
mod look;
mod processes;

pub use look::Look;
