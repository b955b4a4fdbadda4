//! Why an endpoint did not lead to the cluster: one cause each.

use std::{fmt, time::Duration};

use crate::{
    error::{Code, Details, Problem},
    time::Timestamp,
    token::CaPin,
};

/// How long a cause may be waited out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Wait {
    /// Not at all: the next answer would be the same.
    Never,
    /// Some seconds: servers restart, rights and objects appear a moment after the server.
    Seconds,
    /// As long as discovery may take: the controller manager signs when it is ready.
    Timeout,
}

/// Why an endpoint did not lead to the cluster. No message holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// It cannot be reached.
    #[error(
        "cannot be reached: {problem}: check that the API server runs, the address, the port and firewalls between"
    )]
    #[non_exhaustive]
    Unreachable {
        /// What the network says.
        problem: String,
    },
    /// It accepts, and does not answer.
    #[error("no answer within {} ms: check that an API server listens there and is healthy, and firewalls between", limit.as_millis())]
    #[non_exhaustive]
    Silent {
        /// The limit.
        limit: Duration,
    },
    /// What answers is not what was asked for.
    #[error("expected {expected}, found {found}: check the address and the port")]
    #[non_exhaustive]
    Answer {
        /// What would have been right.
        expected: &'static str,
        /// What came, shortened.
        found: String,
    },
    /// It has a problem of its own.
    #[error("the server has a problem of its own: {status}")]
    #[non_exhaustive]
    Server {
        /// Status and message.
        status: String,
    },
    /// It is too busy.
    #[error("the server is too busy: {status}")]
    #[non_exhaustive]
    Busy {
        /// Status and message.
        status: String,
        /// When it wants to be asked again.
        after: Option<Duration>,
    },
    /// It does not let strangers read cluster-info.
    #[error(
        "it does not let strangers read cluster-info ({status}): anonymous access is off, or the Role \
         kubeadm:bootstrap-signer-clusterinfo is missing: allow it, or use a kubeconfig (discovery.file), a join bundle or a \
         discovery endpoint (http://HOST:9898)"
    )]
    #[non_exhaustive]
    Anonymous {
        /// 401 or 403.
        code: u16,
        /// Status and message.
        status: String,
    },
    /// There is no cluster-info.
    #[error(
        "there is no ConfigMap cluster-info in kube-public ({status}): the cluster is not initialised to its end, or was not \
         made by kubeadm or this library: run init's bootstrap-token stage"
    )]
    #[non_exhaustive]
    Missing {
        /// Status and message.
        status: String,
    },
    /// What is there is no cluster-info document.
    #[error("cluster-info: {field}: expected {expected}, found {found}")]
    #[non_exhaustive]
    ClusterInfo {
        /// The field.
        field: String,
        /// What would have been right.
        expected: String,
        /// What was there.
        found: String,
    },
    /// The document has no certificate authority.
    #[error(
        "cluster-info has no certificate authority (certificate-authority-data): expected the cluster's CA: run init's \
         bootstrap-token stage again"
    )]
    NoAuthority,
    /// Others have signed, this token has not.
    #[error(
        "cluster-info is not signed by token {id}{}{}: check it with `token list`, make another with `token create`",
        signers(others),
        standing(*accepted)
    )]
    #[non_exhaustive]
    UnknownToken {
        /// The token's id.
        id: String,
        /// The ids of the tokens that have signed; empty if that is not known.
        others: Vec<String>,
        /// Whether the cluster accepts it all the same; `None` if it could not be asked. One that is not accepted is unknown,
        /// has expired or was removed, one that is accepted lacks the usage signing or is not signed with yet.
        accepted: Option<bool>,
    },
    /// Nobody has signed yet.
    #[error(
        "cluster-info is not signed by token {id} nor by any other: the controller manager is not ready, does not run with \
         --controllers=*,bootstrapsigner,tokencleaner, or every token has expired"
    )]
    #[non_exhaustive]
    NotSigned {
        /// The token's id.
        id: String,
    },
    /// The signature is another token's, or a forgery.
    #[error(
        "the signature by token {id} does not match cluster-info: the secret half of the token is wrong, or somebody poses as \
         the cluster: do not trust this server"
    )]
    #[non_exhaustive]
    Signature {
        /// The token's id.
        id: String,
    },
    /// No CA of the cluster is pinned.
    #[error(
        "expected a CA with the pin {}, found {}: the pin is of another cluster, or somebody poses as the cluster: do not trust \
         this server",
        pins(expected),
        pins(found)
    )]
    #[non_exhaustive]
    PinMismatch {
        /// The pins that were given.
        expected: Vec<CaPin>,
        /// The pins of the CAs that the cluster shows.
        found: Vec<CaPin>,
    },
    /// The cluster is the right one, but does not know who asks.
    #[error(
        "the cluster does not accept {who} (401): expired, removed, of another cluster, or a token without the usage \
         authentication: make another with `token create`"
    )]
    #[non_exhaustive]
    Refused {
        /// `token ID`, or the user of the kubeconfig.
        who: String,
    },
    /// The clocks are too far apart.
    #[error(
        "this node's clock says {local}, the server's {server}, {} s apart, and {problem}: set the clocks right (NTP)",
        local.seconds().abs_diff(server.seconds())
    )]
    #[non_exhaustive]
    Clock {
        /// This node's time.
        local: Timestamp,
        /// The server's time, as it says; not verified.
        server: Timestamp,
        /// What does not work because of it.
        problem: String,
    },
    /// The server's certificate is not one that the CA vouches for, or is out of its time.
    #[error("the server's certificate: {problem}")]
    #[non_exhaustive]
    Certificate {
        /// What is wrong with it.
        problem: String,
    },
    /// cluster-info is another over the verified connection.
    #[error(
        "cluster-info over the verified connection is another than before: CA {} before, {} then: servers of two clusters \
         answer here, or somebody poses as the cluster",
        pins(first),
        pins(second)
    )]
    #[non_exhaustive]
    Changed {
        /// The pins of the first.
        first: Vec<CaPin>,
        /// The pins of the second.
        second: Vec<CaPin>,
    },
    /// Another status than success.
    #[error("expected status 200, found {status}")]
    #[non_exhaustive]
    Status {
        /// Status and message, or the address it points to.
        status: String,
    },
    /// This process cannot ask.
    #[error("this process cannot ask: {problem}")]
    #[non_exhaustive]
    Runtime {
        /// Why.
        problem: String,
    },
    /// It was not waited for any more.
    #[error("cancelled")]
    Cancelled,
}

/// An endpoint, and why it did not lead to the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointFailure {
    /// Its URL.
    pub endpoint: String,
    /// Why.
    pub cause: Cause,
}

impl EndpointFailure {
    /// Of an endpoint.
    #[must_use]
    pub fn new(endpoint: impl Into<String>, cause: Cause) -> Self {
        Self { endpoint: endpoint.into(), cause }
    }
}

impl fmt::Display for EndpointFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.endpoint, self.cause)
    }
}

impl Cause {
    /// How long it may be waited out.
    #[must_use]
    pub const fn wait(&self) -> Wait {
        match self {
            Self::NotSigned { .. } => Wait::Timeout,
            Self::Unreachable { .. }
            | Self::Silent { .. }
            | Self::Server { .. }
            | Self::Busy { .. }
            | Self::Missing { .. }
            | Self::UnknownToken { .. }
            | Self::Refused { .. }
            | Self::Anonymous { code: 403, .. } => Wait::Seconds,
            _ => Wait::Never,
        }
    }

    /// How much it tells of several failures, the most telling first: what warns of a forgery, then what a person must mend,
    /// then what may pass.
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Self::Signature { .. } | Self::PinMismatch { .. } | Self::Changed { .. } => 0,
            Self::Clock { .. } | Self::Certificate { .. } | Self::Refused { .. } => 1,
            Self::UnknownToken { .. } | Self::NotSigned { .. } | Self::NoAuthority => 2,
            Self::ClusterInfo { .. } | Self::Anonymous { .. } | Self::Missing { .. } => 3,
            Self::Busy { .. } | Self::Server { .. } | Self::Answer { .. } | Self::Status { .. } => 4,
            Self::Silent { .. } | Self::Unreachable { .. } => 5,
            Self::Runtime { .. } => 6,
            Self::Cancelled => 7,
        }
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Unreachable { .. } => Code::DISCOVERY_UNREACHABLE,
            Self::Silent { .. } => Code::DISCOVERY_SILENT,
            Self::Answer { .. } => Code::DISCOVERY_ANSWER,
            Self::Server { .. } => Code::DISCOVERY_SERVER,
            Self::Busy { .. } => Code::DISCOVERY_BUSY,
            Self::Anonymous { .. } => Code::DISCOVERY_ANONYMOUS,
            Self::Missing { .. } => Code::DISCOVERY_MISSING,
            Self::ClusterInfo { .. } => Code::DISCOVERY_CLUSTER_INFO,
            Self::NoAuthority => Code::DISCOVERY_NO_AUTHORITY,
            Self::UnknownToken { .. } => Code::DISCOVERY_UNKNOWN_TOKEN,
            Self::NotSigned { .. } => Code::DISCOVERY_NOT_SIGNED,
            Self::Signature { .. } => Code::DISCOVERY_SIGNATURE,
            Self::PinMismatch { .. } => Code::DISCOVERY_PIN_MISMATCH,
            Self::Refused { .. } => Code::DISCOVERY_REFUSED,
            Self::Clock { .. } => Code::DISCOVERY_CLOCK,
            Self::Certificate { .. } => Code::DISCOVERY_CERTIFICATE,
            Self::Changed { .. } => Code::DISCOVERY_CHANGED,
            Self::Status { .. } => Code::DISCOVERY_STATUS,
            Self::Runtime { .. } => Code::DISCOVERY_RUNTIME,
            Self::Cancelled => Code::DISCOVERY_CANCELLED,
        }
    }
}

impl Problem for Cause {
    fn code(&self) -> Code {
        Self::code(self)
    }

    fn details(&self) -> Details {
        let mut details = Details { retryable: self.wait() != Wait::Never, ..Details::default() };
        match self {
            Self::Answer { expected, found } => {
                details.expected = Some((*expected).to_owned());
                details.found = Some(found.clone());
            }
            Self::ClusterInfo { field, expected, found } => {
                details.field = Some(field.clone());
                details.expected = Some(expected.clone());
                details.found = Some(found.clone());
            }
            Self::PinMismatch { expected, found } | Self::Changed { first: expected, second: found } => {
                details.expected = Some(pins(expected));
                details.found = Some(pins(found));
            }
            Self::Clock { local, server, .. } => {
                details.expected = Some(server.to_string());
                details.found = Some(local.to_string());
            }
            Self::UnknownToken { id, others, .. } => {
                details.expected = Some(id.clone());
                details.found = Some(others.join(", "));
            }
            Self::Unreachable { problem: found }
            | Self::Certificate { problem: found }
            | Self::Server { status: found }
            | Self::Busy { status: found, .. }
            | Self::Anonymous { status: found, .. }
            | Self::Missing { status: found }
            | Self::Status { status: found } => details.found = Some(found.clone()),
            _ => {}
        }
        details
    }
}

fn signers(others: &[String]) -> String {
    if others.is_empty() { String::new() } else { format!(", but by others ({})", others.join(", ")) }
}

const fn standing(accepted: Option<bool>) -> &'static str {
    match accepted {
        None => ": it is unknown there, has expired or lacks the usage signing",
        Some(false) => {
            ", and the cluster does not accept it (401): it is unknown there, has expired or was removed"
        }
        Some(true) => {
            ", although the cluster accepts it: it lacks the usage signing, or is not signed with yet"
        }
    }
}

fn pins(pins: &[CaPin]) -> String {
    if pins.is_empty() {
        return "none".to_owned();
    }
    pins.iter().map(CaPin::to_string).collect::<Vec<_>>().join(", ")
}
