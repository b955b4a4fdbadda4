//! IP address management: ranges, owners, pools and leases, as values.
//!
//! Everything here is pure: no files, clock or randomness. [`crate::store`] keeps what a pool hands out.

mod allocation;
mod error;
pub mod leak;
mod owner;
mod pool;
mod range;
mod record;

pub use allocation::{Allocation, Assigned, Repeat, Request, Usage};
pub(crate) use error::CODES;
pub use error::{IpamError, OwnerProblem, RangeProblem};
pub use owner::{Owner, OwnerBuf};
pub(crate) use owner::{is_container_id, is_interface_name};
pub use pool::{Policy, Pool, PoolOptions};
pub use range::{Range, RangeSet, RangeSpec, Ranges, Strictness};
pub use record::{Boot, Holder, Record};
