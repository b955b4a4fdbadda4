//! Why a witness cannot see.

use std::{io, path::PathBuf, time::Duration};

use super::netlink::NetlinkProblem;
use crate::error::{Code, Details, Problem, codes};

codes! {
    /// The socket of a runtime is missing or refuses.
    WITNESS_SOCKET = 4301,
    /// A runtime did not answer in time.
    WITNESS_TIMEOUT = 4302,
    /// A runtime answered with an error, or with something else than asked for.
    WITNESS_ANSWER = 4303,
    /// A runtime speaks no version of the protocol that this library does.
    WITNESS_PROTOCOL = 4304,
    /// A network namespace cannot be opened or entered.
    WITNESS_NAMESPACE = 4305,
    /// The kernel's list of addresses cannot be read.
    WITNESS_NETLINK = 4306,
    /// A file or directory cannot be read.
    WITNESS_FILE = 4307,
    /// No thread or event loop can be started.
    WITNESS_START = 4308,
}

/// Why a witness cannot see.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// The socket of a runtime is missing or refuses.
    #[error("{runtime}: connect to {}: is the runtime running, and is this its socket?", path.display())]
    #[non_exhaustive]
    Socket {
        /// The runtime.
        runtime: &'static str,
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A runtime did not answer in time.
    #[error("{runtime}: {} did not answer within {} seconds: ask again when the runtime is less busy", path.display(), after.as_secs_f32())]
    #[non_exhaustive]
    Timeout {
        /// The runtime.
        runtime: &'static str,
        /// The socket.
        path: PathBuf,
        /// How long it was waited.
        after: Duration,
    },
    /// A runtime answered with an error, or with something else than asked for.
    #[error("{runtime}: {} answered {request} with {answer}", path.display())]
    #[non_exhaustive]
    Answer {
        /// The runtime.
        runtime: &'static str,
        /// The socket.
        path: PathBuf,
        /// What was asked.
        request: &'static str,
        /// The status and message.
        answer: String,
    },
    /// A runtime speaks no version of the protocol that this library does.
    #[error("{runtime}: {} speaks neither {expected}: is this a CRI socket, and is its CRI plugin enabled?", path.display())]
    #[non_exhaustive]
    Protocol {
        /// The runtime.
        runtime: &'static str,
        /// The socket.
        path: PathBuf,
        /// The versions tried.
        expected: &'static str,
    },
    /// A network namespace cannot be opened or entered.
    #[error("{op} network namespace {}: expected root in the host's namespaces (CAP_SYS_ADMIN, CAP_SYS_PTRACE)", path.display())]
    #[non_exhaustive]
    Namespace {
        /// `open`, `look at` or `enter`.
        op: &'static str,
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The kernel's list of addresses cannot be read.
    #[error("read the addresses in {}", path.display())]
    #[non_exhaustive]
    Netlink {
        /// The namespace.
        path: PathBuf,
        /// Why.
        #[source]
        source: NetlinkProblem,
    },
    /// A file or directory cannot be read.
    #[error("read {}", path.display())]
    #[non_exhaustive]
    File {
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No thread or event loop can be started.
    #[error("start {what} to ask a witness")]
    #[non_exhaustive]
    Start {
        /// `a thread` or `an event loop`.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Problem for WitnessError {
    fn code(&self) -> Code {
        match self {
            Self::Socket { .. } => Code::WITNESS_SOCKET,
            Self::Timeout { .. } => Code::WITNESS_TIMEOUT,
            Self::Answer { .. } => Code::WITNESS_ANSWER,
            Self::Protocol { .. } => Code::WITNESS_PROTOCOL,
            Self::Namespace { .. } => Code::WITNESS_NAMESPACE,
            Self::Netlink { .. } => Code::WITNESS_NETLINK,
            Self::File { .. } => Code::WITNESS_FILE,
            Self::Start { .. } => Code::WITNESS_START,
        }
    }

    fn details(&self) -> Details {
        let mut details = Details::default();
        match self {
            Self::Socket { path, source, .. }
            | Self::Namespace { path, source, .. }
            | Self::File { path, source } => {
                details.path = Some(path.display().to_string());
                details.errno = source.raw_os_error();
                details.retryable = source.kind() == io::ErrorKind::ConnectionRefused;
            }
            Self::Timeout { path, .. } => {
                details.path = Some(path.display().to_string());
                details.retryable = true;
            }
            Self::Answer { path, answer, .. } => {
                details.path = Some(path.display().to_string());
                details.found = Some(answer.clone());
            }
            Self::Protocol { path, expected, .. } => {
                details.path = Some(path.display().to_string());
                details.expected = Some((*expected).to_owned());
            }
            Self::Netlink { path, .. } => details.path = Some(path.display().to_string()),
            Self::Start { source, .. } => {
                details.errno = source.raw_os_error();
                details.retryable = true;
            }
        }
        details
    }
}
