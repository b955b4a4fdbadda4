//! A small harness for benchmarks, and the inputs that they share.
//!
//! A bench is a program that names cases; [`Bench::run`] reads the command line, measures each case and prints one line
//! per case: times, CPU time, and beside them the project's target and kubeadm's recorded figure where there is one.
//! A missed target is shown, never a failure: machines differ. A case that returns an error does fail the bench.
//!
//! ```no_run
//! # use k8sboot_benches::{Bench, ms};
//! # use k8sboot_core::{entropy::System, token::BootstrapToken};
//! fn main() -> std::process::ExitCode {
//!     Bench::new("token").run(|b| {
//!         b.case("generate").at_most(ms(1)).run(|| Ok(BootstrapToken::generate(&System)?));
//!         Ok(())
//!     })
//! }
//! ```

mod bench;
mod callgrind;
mod figure;
pub mod inputs;
mod measure;
mod options;
mod plot;
mod program;
mod report;
mod scratch;

pub use bench::{Bench, Case, Cases, Failure};
pub use figure::{Bound, Recorded, Target, Unit};
pub use measure::{Sample, Timing};
pub use plot::Plot;
pub use program::{cargo, succeed};
pub use scratch::Scratch;

use std::time::Duration;

/// A number of milliseconds.
#[must_use]
pub const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
