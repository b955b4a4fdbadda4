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
            crate::api::RENEW_CODES,
            crate::api::TOKEN_CODES,
            crate::health::CODES,
            crate::discovery::CODES,
            crate::join::CODES,
            crate::token::CODES,
            crate::ipam::CODES,
            crate::ipam::flannel::CODES,
            crate::cni::CODES,
            crate::cni::IPAM_CODES,
            crate::store::CODES,
            #[cfg(feature = "node")]
            crate::probe::witness::CODES,
            crate::store::ETCD_CODES,
            crate::store::KUBERNETES_CODES,
            #[cfg(feature = "crypto")]
            crate::pki::CODES,
            #[cfg(feature = "config")]
            crate::kubeconfig::CODES,
            #[cfg(feature = "config")]
            crate::manifest::CODES,
            #[cfg(all(feature = "config", feature = "crypto"))]
            crate::exec::CODES,
            #[cfg(feature = "node")]
            crate::exec::CNI_CODES,
            #[cfg(all(feature = "config", feature = "crypto"))]
            crate::plan::CODES,
            #[cfg(all(feature = "config", feature = "crypto"))]
            crate::flow::CODES,
        ]
        .into_iter()
        .flatten()
        .copied()
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name, self.number)
    }
}

/// Declares the codes of one family: constants on [`Code`] and the family's list.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        impl $crate::error::Code {
            $($(#[$doc])* pub const $name: Self = Self::new($number, stringify!($name));)*
        }
        pub(crate) const CODES: &[$crate::error::Code] = &[$($crate::error::Code::$name),*];
    };
}
pub(crate) use codes;

/// What a machine may want to know about an error, beside its code and message.
///
/// Empty members are left out of the JSON form. No member ever holds a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Details {
    /// The file or directory concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The field of a configuration, for example `networking.podSubnet`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The line of the input, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The column of the input, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// What would have been right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What was there instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The operating system's error number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errno: Option<i32>,
    /// Whether the same call may succeed later without any change.
    pub retryable: bool,
}

/// An error with a stable [`Code`] and [`Details`]; every error enum of this crate implements it.
pub trait Problem: StdError {
    /// The stable code.
    fn code(&self) -> Code;

    /// Path, field, expected, found and remedy, as far as they apply.
    fn details(&self) -> Details {
        Details::default()
    }
}

/// The whole cause chain on one line, joined with `: `.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::error::chain;
/// let error = "abc".parse::<k8sboot_core::token::BootstrapToken>().unwrap_err();
/// assert!(chain(&error).starts_with("token:"));
/// ```
#[must_use]
pub fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text.replace('\n', "; ")
}
