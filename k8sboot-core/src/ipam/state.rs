//! A pool as data: what is saved and restored.

use std::{net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    error::{IpamError, StateProblem},
    policy::Policy,
};

/// Everything a [`Pool`](super::Pool) knows: ranges, policy, who holds what, what rests, what was given last.
///
/// One pool has one state: leases are in the order of addresses. As JSON it begins with `"version":1`; fields that are not
/// known are refused, so that nothing is lost unseen.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::ipam::{Owner, Pool, PoolOptions, PoolState, Ranges};
/// let mut pool = Pool::new(Ranges::of_subnets(&["10.244.1.0/24".parse()?])?, PoolOptions::default());
/// pool.hold("10.244.1.7".parse()?, Owner::new("3f2a", "eth0")?);
/// let json = pool.state().to_json();
/// let again = Pool::restore(&PoolState::from_json(json.as_bytes())?)?;
/// assert_eq!(again.state(), pool.state());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PoolState {
    pub(super) version: u32,
    pub(super) policy: Policy,
    pub(super) now: Duration,
    pub(super) sets: Vec<SetState>,
    pub(super) leases: Vec<LeaseState>,
}

/// A range set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SetState {
    pub(super) ranges: Vec<RangeState>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last_given: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) releases: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) resting: Vec<RestingState>,
}

/// A range with everything that a configuration may leave out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RangeState {
    pub(super) subnet: String,
    pub(super) start: IpAddr,
    pub(super) end: IpAddr,
    pub(super) gateway: IpAddr,
}

/// An address that rests: since when, and as which of the releases of its set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RestingState {
    pub(super) address: IpAddr,
    pub(super) released: Duration,
    pub(super) release: u64,
}

/// An address that is held; by a whole container if there is no interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct LeaseState {
    pub(super) address: IpAddr,
    pub(super) container: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) interface: String,
}

impl PoolState {
    /// The version of the format.
    pub(super) const VERSION: u32 = 1;

    /// Reads JSON; [`Pool::restore`](super::Pool::restore) looks at what it says.
    ///
    /// # Errors
    ///
    /// [`IpamError::State`] with line and column.
    pub fn from_json(json: &[u8]) -> Result<Self, IpamError> {
        serde_json::from_slice(json).map_err(|error| {
            let at = format!("line {} column {}", error.line(), error.column());
            IpamError::State { at, problem: StateProblem::Shape { message: error.to_string() } }
        })
    }

    /// As JSON on one line.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Texts, numbers and lists of them always become JSON.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}
