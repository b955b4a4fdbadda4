//! IP address management: ranges, owners, pools and leases, as values.
//!
//! Everything here is pure: no files, clock or randomness. [`crate::store`] keeps what a pool hands out.

mod address_set;
mod allocation;
mod bitmap;
mod error;
pub mod flannel;
pub mod leak;
mod name;
mod node_subnets;
mod owner;
mod policy;
mod pool;
mod range;
mod record;
mod slab;
mod split;
mod state;

pub use address_set::AddressSet;
pub use allocation::{Allocation, Assigned, Repeat, Request, Usage};
pub(crate) use error::CODES;
pub use error::{IpamError, OwnerProblem, RangeProblem, SplitProblem, StateProblem};
pub use node_subnets::{ClusterCidr, NodeSubnets, SubnetFinding};
pub use owner::{Owner, OwnerBuf};
pub(crate) use owner::{is_container_id, is_interface_name};
pub use policy::{Policy, PoolOptions, Rest};
pub use pool::Pool;
pub use range::{Range, RangeSet, RangeSpec, Ranges, Strictness};
pub use record::{Boot, Holder, Record};
pub use split::{Split, split};
pub use state::PoolState;
