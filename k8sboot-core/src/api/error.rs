//! What hinders the work with an API server.

use std::{fmt, time::Duration};

use crate::error::{Code, Details, Problem};

/// What hinders the work with an API server. No message holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// An option of the client is not usable.
    #[error("API server: {option}: expected {expected}, found {found}")]
    #[non_exhaustive]
    Options {
        /// The option.
        option: &'static str,
        /// What would have been right.
        expected: &'static str,
        /// What was given; never a secret.
        found: String,
    },
    /// The server cannot be reached.
    #[error(
        "API server {server}: {problem}: check that it runs, the address, the port and firewalls between"
    )]
    #[non_exhaustive]
    Unreachable {
        /// `https://HOST:PORT`.
        server: String,
        /// What the network says.
        problem: String,
    },
    /// The TLS connection fails.
    #[error("API server {server}: {problem}")]
    #[non_exhaustive]
    Tls {
        /// `https://HOST:PORT`.
        server: String,
        /// What is wrong.
        problem: TlsProblem,
    },
    /// No answer in time.
    #[error("API server {server}: no answer to {request} within {} ms", limit.as_millis())]
    #[non_exhaustive]
    Timeout {
        /// `https://HOST:PORT`.
        server: String,
        /// Method and path.
        request: String,
        /// The limit.
        limit: Duration,
    },
    /// What answers is not an API server, or its answer is damaged.
    #[error("API server {server}: {request}: expected {expected}, found {found}")]
    #[non_exhaustive]
    Answer {
        /// `https://HOST:PORT`.
        server: String,
        /// Method and path.
        request: String,
        /// What would have been right.
        expected: &'static str,
        /// What came, shortened.
        found: String,
    },
    /// 401: the server does not know who asks.
    #[error(
        "API server {server}: {request}: not known who asks: {status}: check the token or client certificate, its expiry and that it belongs to this cluster"
    )]
    #[non_exhaustive]
    Unauthorized {
        /// `https://HOST:PORT`.
        server: String,
        /// Method and path.
        request: String,
        /// What the server says.
        status: Box<Status>,
    },
    /// 403: who asks may not do this.
    #[error("API server {server}: {request}: not allowed: {status}")]
    #[non_exhaustive]
    Forbidden {
        /// `https://HOST:PORT`.
        server: String,
        /// Method and path.
        request: String,
        /// What the server says.
        status: Box<Status>,
    },
    /// 404: the object or resource is not there.
    #[error("API server {server}: {request}: not found: {status}")]
    #[non_exhaustive]
    NotFound {
        /// `https://HOST:PORT`.
        server: String,
        /// Method and path.
        request: String,
        /// What the server says.
        status: Box<Status>,
    },
    /// 409: it is there already, was changed meanwhile, or another manager has the fields.
    #[error("API server {server}: {request}: conflict: {status}")]
    #[non_exhaustive]
    Conflict {
        /// `https://HOST:PORT`.
        server: String,
        /// Method and path.
        request: String,
        /// What the server says; `reason` tells `AlreadyExists` from `Conflict`.
        status: Box<Status>,
    },
    /// 410: a watch or a continued list is too old to go on; begin anew.
    #[error("API server {server}: {request}: too old: {status}")]
    #[non_exhaustive]
    Expired {
        /// `https://HOST:PORT`.
        server: String,
        /// Method and path.
        request: String,
        /// What the server says.
        status: Box<Status>,
    },
    /// 400, 413, 415, 422 and other refusals: what was sent is wrong.
    #[error("API server {server}: {request}: refused: {status}")]
    #[non_exhaustive]
    Invalid {
        /// `https://HOST:PORT`.
        server: String,
        /// Method and path.
        request: String,
        /// What the server says.
        status: Box<Status>,
    },
    /// 429: too many requests.
    #[error("API server {server}: {request}: too busy: {status}")]
    #[non_exhaustive]
    Busy {
        /// `https://HOST:PORT`.
        server: String,
        /// Method and path.
        request: String,
        /// What the server says.
        status: Box<Status>,
        /// When it wants to be asked again.
        after: Option<Duration>,
    },
    /// 5xx: the server has a problem of its own.
    #[error("API server {server}: {request}: it has a problem: {status}")]
    #[non_exhaustive]
    Server {
        /// `https://HOST:PORT`.
        server: String,
        /// Method and path.
        request: String,
        /// What the server says.
        status: Box<Status>,
    },
    /// The call was cancelled.
    #[error("API server {server}: {request}: cancelled")]
    #[non_exhaustive]
    Cancelled {
        /// `https://HOST:PORT`.
        server: String,
        /// Method and path.
        request: String,
    },
    /// The thread that speaks to the server cannot be started or has ended.
    #[error("API server: the thread that speaks to it: {problem}")]
    #[non_exhaustive]
    Runtime {
        /// What is wrong.
        problem: String,
    },
}

/// What is wrong with the TLS connection to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsProblem {
    /// The certificate is of no authority that is trusted.
    UnknownAuthority,
    /// The certificate is for other names.
    Name {
        /// What the verifier says of expected and found names.
        said: String,
    },
    /// The certificate has expired, or the clock of one side is wrong.
    Expired {
        /// What the verifier says of both times.
        said: String,
    },
    /// The certificate is not valid yet, or the clock of one side is wrong.
    NotYetValid {
        /// What the verifier says of both times.
        said: String,
    },
    /// The server refuses the client's certificate.
    ClientRefused {
        /// What it says.
        said: String,
    },
    /// Something else.
    Other {
        /// What the TLS library says.
        said: String,
    },
}

impl fmt::Display for TlsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownAuthority => f.write_str(
                "its certificate is of an authority that is not trusted: another cluster, or the wrong CA certificate",
            ),
            Self::Name { said } => {
                write!(f, "its certificate is not for this address: {said}: add the name or address to certSANs")
            }
            Self::Expired { said } => {
                write!(f, "its certificate has expired: {said}: renew it, or set the clocks right")
            }
            Self::NotYetValid { said } => {
                write!(f, "its certificate is not valid yet: {said}: set the clocks right")
            }
            Self::ClientRefused { said } => write!(f, "it refuses the client certificate: {said}"),
            Self::Other { said } => write!(f, "TLS fails: {said}"),
        }
    }
}

/// What an API server says of a request that it does not carry out.
///
/// Source: Kubernetes API conventions, "Response Status Kind".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The HTTP status.
    pub code: u16,
    /// For example `AlreadyExists`, `Conflict`, `Forbidden`; empty if it says none.
    pub reason: String,
    /// For people.
    pub message: String,
}

impl Status {
    /// Reads a `Status` object, or takes the beginning of what else came as the message.
    pub(super) fn read(code: u16, body: &[u8]) -> Self {
        let status = serde_json::from_slice::<serde_json::Value>(body)
            .ok()
            .filter(|value| value.get("kind").and_then(|kind| kind.as_str()) == Some("Status"));
        let text = |field: &str| {
            status.as_ref().and_then(|status| status.get(field)?.as_str()).unwrap_or_default().to_owned()
        };
        let message = if status.is_some() { text("message") } else { shortened(body) };
        Self { code, reason: text("reason"), message }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        for part in [&self.reason, &self.message] {
            if !part.is_empty() {
                write!(f, " {part}")?;
            }
        }
        Ok(())
    }
}

/// The beginning of an answer, on one line.
pub(super) fn shortened(body: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(body)
        .chars()
        .take(200)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    text.trim().to_owned()
}

impl ApiError {
    /// What the server said, if it answered with a status.
    #[must_use]
    pub const fn status(&self) -> Option<&Status> {
        match self {
            Self::Unauthorized { status, .. }
            | Self::Forbidden { status, .. }
            | Self::NotFound { status, .. }
            | Self::Conflict { status, .. }
            | Self::Expired { status, .. }
            | Self::Invalid { status, .. }
            | Self::Busy { status, .. }
            | Self::Server { status, .. } => Some(status),
            _ => None,
        }
    }

    /// Whether the object is there already (409 `AlreadyExists`).
    #[must_use]
    pub fn is_already_exists(&self) -> bool {
        matches!(self, Self::Conflict { status, .. } if status.reason == "AlreadyExists")
    }

    /// Whether the object or resource is not there.
    #[must_use]
    pub const fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// Whether the same call may succeed later without any change.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::Busy { .. } | Self::Server { .. }
        )
    }

    /// Sorts an answer that is no success.
    pub(super) fn of_status(server: &str, request: &str, status: Status, after: Option<Duration>) -> Self {
        let (server, request, status) = (server.to_owned(), request.to_owned(), Box::new(status));
        match status.code {
            401 => Self::Unauthorized { server, request, status },
            403 => Self::Forbidden { server, request, status },
            404 => Self::NotFound { server, request, status },
            409 => Self::Conflict { server, request, status },
            410 => Self::Expired { server, request, status },
            429 => Self::Busy { server, request, status, after },
            500.. => Self::Server { server, request, status },
            _ => Self::Invalid { server, request, status },
        }
    }
}

impl Problem for ApiError {
    fn code(&self) -> Code {
        match self {
            Self::Options { .. } => Code::API_OPTIONS,
            Self::Unreachable { .. } => Code::API_UNREACHABLE,
            Self::Tls { .. } => Code::API_TLS,
            Self::Timeout { .. } => Code::API_TIMEOUT,
            Self::Answer { .. } => Code::API_ANSWER,
            Self::Unauthorized { .. } => Code::API_UNAUTHORIZED,
            Self::Forbidden { .. } => Code::API_FORBIDDEN,
            Self::NotFound { .. } => Code::API_NOT_FOUND,
            Self::Conflict { .. } => Code::API_CONFLICT,
            Self::Expired { .. } => Code::API_EXPIRED,
            Self::Invalid { .. } => Code::API_INVALID,
            Self::Busy { .. } => Code::API_BUSY,
            Self::Server { .. } => Code::API_SERVER,
            Self::Cancelled { .. } => Code::API_CANCELLED,
            Self::Runtime { .. } => Code::API_RUNTIME,
        }
    }

    fn details(&self) -> Details {
        let mut details = Details { retryable: self.is_retryable(), ..Details::default() };
        match self {
            Self::Options { option, expected, found } => {
                details.field = Some((*option).to_owned());
                details.expected = Some((*expected).to_owned());
                details.found = Some(found.clone());
            }
            Self::Answer { expected, found, .. } => {
                details.expected = Some((*expected).to_owned());
                details.found = Some(found.clone());
            }
            Self::Tls { problem, .. } => details.found = Some(problem.to_string()),
            Self::Unreachable { problem, .. } | Self::Runtime { problem } => {
                details.found = Some(problem.clone());
            }
            _ => details.found = self.status().map(ToString::to_string),
        }
        details
    }
}
