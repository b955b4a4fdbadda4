//! What can be seen of a component from outside, without a container runtime.

use std::time::Duration;

use crate::time::Timestamp;

/// Where a component tells whether it is healthy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// For example `kube-apiserver` or `kubelet`.
    pub component: String,
    /// For example `https://127.0.0.1:10257`.
    pub server: String,
    /// For example `/healthz`.
    pub path: String,
    /// Whether it is asked with the identity of admin.conf and its certificate is checked.
    pub authenticated: bool,
}

impl Check {
    /// Server and path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}{}", self.server, self.path)
    }

    /// The port that the component listens at.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.server.rsplit_once(':')?.1.parse().ok()
    }
}

/// What is seen of a component at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// What came back from the health check.
    pub answered: Answered,
    /// The present time here.
    pub now: Timestamp,
    /// The server's clock, if it told.
    pub server_time: Option<Timestamp>,
    /// The process that listens at the port, if that can be seen.
    pub listener: Option<Process>,
    /// Whether a process of the component's name runs; `None` if that cannot be seen.
    pub running: Option<bool>,
    /// The newest log of the component's container, if there is one.
    pub log: Option<ContainerLog>,
    /// What the kubelet says and whether it runs.
    pub kubelet: KubeletSigns,
}

/// What a health check brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answered {
    /// Not asked, or no connection for a reason that says nothing.
    #[default]
    Nothing,
    /// Nobody listens.
    Refused,
    /// The connection fails otherwise; what the network says.
    Unreachable(String),
    /// Connected, and no answer within this time.
    Silent(Duration),
    /// What answers speaks another protocol; what came.
    Strange(String),
    /// The TLS connection fails.
    Tls(TlsFailure),
    /// An HTTP answer.
    Http {
        /// The status.
        code: u16,
        /// The beginning of the body.
        body: String,
    },
}

/// Why a TLS connection fails.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsFailure {
    /// The certificate is of another authority.
    OtherAuthority,
    /// The certificate is for other names; what the verifier says.
    Name(String),
    /// The certificate has expired; what the verifier says.
    Expired(String),
    /// The certificate is not valid yet; what the verifier says.
    NotYetValid(String),
    /// The server refuses the client's certificate; what it says.
    ClientRefused(String),
}

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its name as the kernel has it, at most 15 bytes.
    pub name: String,
}

/// The log of a static pod's container, below `/var/log/pods`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerLog {
    /// How often the container was started before.
    pub restarts: u32,
    /// Its end: the last lines, as they stand in the file.
    pub tail: String,
}

/// What is known of the kubelet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KubeletSigns {
    /// Whether it runs; `None` if that cannot be seen.
    pub running: Option<bool>,
    /// The end of its log, if it writes one to a file.
    pub log_tail: String,
}
