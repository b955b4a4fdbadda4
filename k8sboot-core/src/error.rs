//! Stable error codes, structured details and the one-line report of a cause chain.
//!
//! Each module family has an error enum of its own and implements [`Problem`] for it. The numbers cross the C
//! boundary and are never reused; ranges: 1000 config, 2000 token, 3000 pki and kubeconfig, 3500 manifest,
//! 4000 ipam and its stores, 4500 cni, 5000 device, 6000 files, 7000 api, 8000 runtime, 9000 plan and flow.

use std::{error::Error as StdError, fmt};

use serde::Serialize;

/// A stable error number with its name.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code {
    number: i32,
    name: &'static str,
}

impl Code {
    pub(crate) const fn new(number: i32, name: &'static str) -> Self {
        Self { number, name }
    }

    /// The number that crosses the C boundary.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.number
    }

    /// The name, for example `TOKEN_SHAPE`; in C `K8SBOOT_E_TOKEN_SHAPE`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// Every code of every family that this build contains, in ascending order within a family.
    pub fn all() -> impl Iterator<Item = Code> {
        [
            #[cfg(feature = "config")]
            crate::config::CODES,
            crate::api::CODES,
            crate::discovery::CODES,
