//! Real control planes: started from what init wrote, in namespaces of their own.

#![allow(dead_code, reason = "not every set of features uses all of it")]

mod facts;
mod harness;
mod init;
mod machine;
mod programs;
mod start;
mod tend;
mod variants;

#[allow(unused_imports, reason = "not every set of features uses all of it")]
pub(crate) use harness::{COMPONENTS, Caller, ControlPlane, real_now};
#[allow(unused_imports, reason = "not every set of features uses all of it")]
pub(crate) use machine::{Daemon, Lan, Machine};
#[allow(unused_imports, reason = "not every set of features uses all of it")]
pub(crate) use programs::{found, programs};
#[allow(unused_imports, reason = "not every set of features uses all of it")]
pub(crate) use tend::node;
