//! What is to be done, as data: steps with guards, and how they differ from what is there.
//!
//! A plan is made from configuration and [`crate::facts::Facts`], can be printed, compared and turned to JSON, and holds
//! no secret: steps that make keys carry the specification, and the executor makes the key.

mod action;
mod diff;
mod error;
mod render;
mod step;

pub use action::{
    Action, ApplyHow, BootstrapAction, BootstrapBy, ClientKubeconfig, Condition, IssuerRef, KeyPairAction,
    RenewAction, RequestAction,
};
pub use diff::{Change, Diff, FileDiff};
pub(crate) use error::CODES;
pub use error::PlanError;
pub use render::PLAN_SCHEMA;
pub use step::{Guard, OnError, Plan, Step};
