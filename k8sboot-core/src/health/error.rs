//! How a wait ends badly.

use std::time::Duration;

use super::Reason;
use crate::error::{Code, Details, Problem};

/// How a wait ends badly.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The deadline passed.
    #[error("wait for {what}: not within {}: {reason} ({})", seconds(*limit), reason.remedy())]
    #[non_exhaustive]
    Deadline {
        /// What was waited for, for example `kube-apiserver at https://192.0.2.10:6443/livez`.
        what: String,
        /// The deadline.
        limit: Duration,
        /// What hindered it last.
        reason: Box<Reason>,
    },
    /// The wait was cancelled.
    #[error("wait for {what}: cancelled after {}: {reason} (run again to go on)", seconds(*after))]
    #[non_exhaustive]
    Cancelled {
        /// What was waited for.
        what: String,
        /// How long.
        after: Duration,
        /// What hindered it last.
        reason: Box<Reason>,
    },
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

impl WaitError {
    /// The last reason.
    #[must_use]
    pub const fn reason(&self) -> &Reason {
        match self {
            Self::Deadline { reason, .. } | Self::Cancelled { reason, .. } => reason,
        }
    }
}

impl Problem for WaitError {
    fn code(&self) -> Code {
        match self {
            Self::Deadline { reason, .. } => reason.code(),
            Self::Cancelled { .. } => Code::WAIT_CANCELLED,
        }
    }

    fn details(&self) -> Details {
        let (Self::Deadline { what, reason, .. } | Self::Cancelled { what, reason, .. }) = self;
        Details {
            expected: Some(format!("{what} healthy")),
            found: Some(reason.to_string()),
            remedy: Some(reason.remedy().to_owned()),
            retryable: true,
            ..Details::default()
        }
    }
}
