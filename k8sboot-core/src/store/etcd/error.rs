//! What hinders the work with etcd.

use std::{fmt, time::Duration};

use crate::{
    error::{Code, Details, Problem},
    ipam::flannel::FlannelError,
};

/// What hinders the work with etcd.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EtcdError {
    /// An option of the client or the store is not usable.
    #[error("etcd: {option}: expected {expected}, found {found:?}")]
    #[non_exhaustive]
    Options {
        /// The option.
        option: &'static str,
        /// What would have been right.
        expected: &'static str,
        /// What was given; never a secret.
        found: String,
    },
    /// No endpoint can be reached.
    #[error(
        "etcd: no endpoint can be reached: {}: check the addresses, the ports and that etcd runs",
        list(failures)
    )]
    #[non_exhaustive]
    Unreachable {
        /// Each endpoint with what hindered.
        failures: Vec<(String, String)>,
    },
    /// The TLS connection fails.
    #[error("etcd: {endpoint}: {problem}")]
    #[non_exhaustive]
    Tls {
        /// The endpoint.
        endpoint: String,
        /// What is wrong.
        problem: TlsProblem,
    },
    /// The user, the password or the permission is refused.
    #[error("etcd: {endpoint}: {problem}: check the user, the password and the role")]
    #[non_exhaustive]
    Auth {
        /// The endpoint.
        endpoint: String,
        /// What etcd says.
        problem: String,
    },
    /// No answer in time.
    #[error("etcd: {endpoint}: no answer to {operation} within {} ms", limit.as_millis())]
    #[non_exhaustive]
    Timeout {
        /// The endpoint.
        endpoint: String,
        /// The request.
        operation: &'static str,
        /// How long was waited.
        limit: Duration,
    },
    /// The connection broke after a change was sent: whether it was carried out is not known.
    #[error(
        "etcd: {endpoint}: the connection broke during {operation}, which may have been carried out: {problem}: \
         repeat the call"
    )]
    #[non_exhaustive]
    Unanswered {
        /// The endpoint.
        endpoint: String,
        /// The request.
        operation: &'static str,
        /// What hindered.
        problem: String,
    },
    /// etcd refuses a request.
    #[error("etcd: {endpoint}: {operation} is refused: {problem}")]
    #[non_exhaustive]
    Refused {
        /// The endpoint.
        endpoint: String,
        /// The request.
        operation: &'static str,
        /// What etcd says.
        problem: String,
    },
    /// A revision that is needed was compacted away.
    #[error("etcd: revision {revision} was compacted away: read the current state again")]
    #[non_exhaustive]
    Compacted {
        /// The revision wanted; 0 if it is not known.
        revision: i64,
    },
    /// A value is not what belongs there.
    #[error("etcd: {key:?}: expected {expected}, found {found:?}: repair or delete the key")]
    #[non_exhaustive]
    Damaged {
        /// The key.
        key: String,
        /// What belongs there.
        expected: &'static str,
        /// What is there, cut to 256 characters.
        found: String,
    },
    /// A key or value of flannel's is not what flanneld reads.
    #[error("etcd: {key:?}: {problem}")]
    #[non_exhaustive]
    Flannel {
        /// The key.
        key: String,
        /// What is wrong with it.
        problem: FlannelError,
    },
    /// An etcd lease, or the record that hung on it, is gone.
    #[error("etcd: {what} is gone: it expired, was revoked or was given to another node")]
    #[non_exhaustive]
    LeaseLost {
        /// The lease or the record.
        what: String,
    },
    /// Others were faster each time.
    #[error("etcd: {what}: others were faster in each of {attempts} attempts: try again later")]
    #[non_exhaustive]
    Contended {
        /// What was attempted.
        what: String,
        /// How often.
        attempts: u32,
    },
    /// The client's thread cannot be started, or has ended.
    #[error("etcd: the client's thread: {problem}: connect again")]
    #[non_exhaustive]
    Runtime {
        /// What hindered.
        problem: String,
    },
    /// The network's configuration is not there.
    #[error("etcd: {key:?} is missing: write the network's configuration there")]
    #[non_exhaustive]
    NoNetwork {
        /// The key.
        key: String,
    },
    /// Every subnet is leased or reserved.
    #[error(
        "etcd: every subnet from {first} to {last} is leased or reserved: release one or widen the network"
    )]
    #[non_exhaustive]
    NoSubnet {
        /// The first subnet of the network's configuration.
        first: String,
        /// The last one.
        last: String,
    },
    /// The subnet, or a part of it, is leased or reserved.
    #[error("etcd: subnet {subnet} is taken by {other}: release that or reserve another subnet")]
    #[non_exhaustive]
    SubnetTaken {
        /// The subnet wanted.
        subnet: String,
        /// The one that is leased or reserved.
        other: String,
    },
}

/// Why a TLS connection fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsProblem {
    /// The CA, the client certificate or the key given cannot be used.
    #[error("the TLS files cannot be used: {found}: expected certificates and an unencrypted key in PEM")]
    #[non_exhaustive]
    Material {
        /// What the TLS library says; no part of the key.
        found: String,
    },
    /// The server's certificate is not trusted, or not for this name.
    #[error("the server's certificate is refused: {found}: check the CA and the name in the endpoint")]
    #[non_exhaustive]
    Server {
        /// What the TLS library says.
        found: String,
    },
    /// The server refuses the client certificate, or misses one.
    #[error("the server refuses this client: {found}: give a client certificate of the CA that etcd trusts")]
    #[non_exhaustive]
    Client {
        /// The alert of the server.
        found: String,
    },
    /// The other side does not speak TLS with HTTP/2.
    #[error("no TLS connection: {found}: check that the endpoint is etcd's client port and serves https")]
    #[non_exhaustive]
    Handshake {
        /// What the TLS library says.
        found: String,
    },
}

impl EtcdError {
    /// Whether a change may have been carried out although this error came back.
    #[must_use]
    pub const fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Timeout { .. } | Self::Unanswered { .. })
    }

    pub(super) fn damaged(key: &[u8], expected: &'static str, found: &[u8]) -> Self {
        let found = String::from_utf8_lossy(found).chars().take(256).collect();
        Self::Damaged { key: String::from_utf8_lossy(key).into_owned(), expected, found }
    }
}

impl Problem for EtcdError {
    fn code(&self) -> Code {
        match self {
            Self::Options { .. } => Code::ETCD_OPTIONS,
            Self::Unreachable { .. } => Code::ETCD_UNREACHABLE,
            Self::Tls { .. } => Code::ETCD_TLS,
            Self::Auth { .. } => Code::ETCD_AUTH,
            Self::Timeout { .. } => Code::ETCD_TIMEOUT,
            Self::Unanswered { .. } => Code::ETCD_UNANSWERED,
            Self::Refused { .. } => Code::ETCD_REFUSED,
            Self::Compacted { .. } => Code::ETCD_COMPACTED,
            Self::Damaged { .. } => Code::ETCD_DAMAGED,
            Self::Flannel { problem, .. } => problem.code(),
            Self::LeaseLost { .. } => Code::ETCD_LEASE_LOST,
            Self::Contended { .. } => Code::ETCD_CONTENDED,
            Self::Runtime { .. } => Code::ETCD_RUNTIME,
            Self::NoNetwork { .. } => Code::ETCD_NO_NETWORK,
            Self::NoSubnet { .. } => Code::ETCD_NO_SUBNET,
            Self::SubnetTaken { .. } => Code::ETCD_SUBNET_TAKEN,
        }
    }

    fn details(&self) -> Details {
        let mut details = match self {
            Self::Flannel { problem, .. } => problem.details(),
            _ => Details::default(),
        };
        match self {
            Self::Options { option, expected, found } => {
                details.field = Some((*option).to_owned());
                details.expected = Some((*expected).to_owned());
                details.found = Some(found.clone());
            }
            Self::Damaged { key, expected, found } => {
                details.path = Some(key.clone());
                details.expected = Some((*expected).to_owned());
                details.found = Some(found.clone());
            }
            Self::Flannel { key, .. } | Self::NoNetwork { key } => details.path = Some(key.clone()),
            Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::Unanswered { .. }
            | Self::Compacted { .. }
            | Self::Contended { .. } => details.retryable = true,
            _ => {}
        }
        details
    }
}

fn list(failures: &[(String, String)]) -> impl fmt::Display {
    failures.iter().map(|(endpoint, why)| format!("{endpoint} ({why})")).collect::<Vec<_>>().join(", ")
}
