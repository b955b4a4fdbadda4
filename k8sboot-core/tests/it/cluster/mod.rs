//! Real control planes: started from what init wrote, in namespaces of their own.

#![allow(dead_code, unused_imports, reason = "not every set of features uses all of it")]

mod facts;
mod harness;
mod init;
mod machine;
mod programs;
mod second;
mod start;
mod tend;
mod variants;

pub(crate) use harness::{COMPONENTS, Caller, ControlPlane, real_now};
pub(crate) use machine::{Daemon, Lan, Machine};
pub(crate) use programs::{found, programs};
pub(crate) use tend::node;
