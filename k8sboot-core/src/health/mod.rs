//! Why a component of the control plane is not healthy yet: evidence in, one reason out.
//!
//! Pure: what was seen comes in as [`Evidence`], [`judge`] gives `None` for healthy or the [`Reason`] that explains most.
//! `probe` gathers the evidence, `exec::Cluster` waits and tells each change.

mod codes;
mod error;
mod evidence;
mod http_date;
mod judge;
mod log;
mod reason;

pub(crate) use codes::CODES;
pub use error::WaitError;
pub use evidence::{Answered, Check, ContainerLog, Evidence, KubeletSigns, Process, TlsFailure};
pub use http_date::http_date;
pub use judge::{judge, largest_skew};
pub use log::{last_message, telling_line};
pub use reason::Reason;
