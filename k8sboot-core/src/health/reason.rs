//! The reasons, what they say and what to do.

use std::{fmt, time::Duration};

use super::Process;
use crate::{error::Code, time::Timestamp};

/// Why a component is not healthy at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Nothing listens at its port, and nothing more is known.
    NotListening,
    /// Another program has its port.
    PortTaken {
        /// The port.
        port: u16,
        /// Who has it, if that can be seen.
        by: Option<Process>,
        /// What came back.
        said: String,
    },
    /// Its container was never started.
    NotStarted,
    /// Its container exited.
    Exited {
        /// How often it was started before.
        restarts: u32,
        /// What it said last.
        said: String,
    },
    /// Its image cannot be had.
    Image {
        /// What the kubelet says.
        said: String,
    },
    /// A certificate is not valid yet.
    NotYetValid {
        /// What the verifier says.
        said: String,
    },
    /// A certificate has expired.
    CertificateExpired {
        /// What the verifier says.
        said: String,
    },
    /// Its certificate is of another authority.
    OtherAuthority,
    /// Its certificate is for other names.
    CertificateName {
        /// What the verifier says.
        said: String,
    },
    /// The clocks differ.
    ClockSkew {
        /// The time here.
        here: Timestamp,
        /// The time there.
        there: Timestamp,
    },
    /// It does not know who asks, or refuses.
    Unauthorized {
        /// What it says.
        said: String,
    },
    /// It is starting: these checks of its own fail still; none if it does not listen yet.
    Starting {
        /// For example `etcd`, `poststarthook/rbac/bootstrap-roles`.
        failing: Vec<String>,
    },
    /// The kubelet's cgroup driver is not the container runtime's.
    CgroupDriver {
        /// What the kubelet says.
        said: String,
    },
    /// The kubelet does not run, so nothing starts the component.
    KubeletNotRunning,
    /// It is connected to and does not answer.
    NoAnswer {
        /// Within this time.
        within: Duration,
    },
    /// It cannot be connected to.
    Unreachable {
        /// What the network says.
        said: String,
    },
    /// It says that it is not healthy.
    Unhealthy {
        /// The HTTP status.
        status: u16,
        /// What it says.
        said: String,
    },
    /// An object that others make is not there yet.
    NoObject {
        /// The object.
        object: String,
        /// What it lacks, or `it is not there`.
        lacks: String,
    },
    /// The API server does not take a request.
    Api {
        /// What it says.
        said: String,
    },
}

impl Reason {
    /// A word for machines: `notListening`, `portTaken`, …
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NotListening => "notListening",
            Self::PortTaken { .. } => "portTaken",
            Self::NotStarted => "notStarted",
            Self::Exited { .. } => "exited",
            Self::Image { .. } => "image",
            Self::NotYetValid { .. } => "notYetValid",
            Self::CertificateExpired { .. } => "certificateExpired",
            Self::OtherAuthority => "otherAuthority",
            Self::CertificateName { .. } => "certificateName",
            Self::ClockSkew { .. } => "clockSkew",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Starting { .. } => "starting",
            Self::CgroupDriver { .. } => "cgroupDriver",
            Self::KubeletNotRunning => "kubeletNotRunning",
            Self::NoAnswer { .. } => "noAnswer",
            Self::Unreachable { .. } => "unreachable",
            Self::Unhealthy { .. } => "unhealthy",
            Self::NoObject { .. } => "noObject",
            Self::Api { .. } => "api",
        }
    }

    /// The code of an error that ends with this reason.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::NotListening => Code::WAIT_NOT_LISTENING,
            Self::Unreachable { .. } => Code::WAIT_UNREACHABLE,
            Self::PortTaken { .. } => Code::WAIT_PORT_TAKEN,
            Self::NotStarted => Code::WAIT_NOT_STARTED,
            Self::Exited { .. } => Code::WAIT_EXITED,
            Self::Image { .. } => Code::WAIT_IMAGE,
            Self::NotYetValid { .. } => Code::WAIT_NOT_YET_VALID,
            Self::CertificateExpired { .. } => Code::WAIT_CERTIFICATE_EXPIRED,
            Self::OtherAuthority => Code::WAIT_OTHER_AUTHORITY,
            Self::CertificateName { .. } => Code::WAIT_CERTIFICATE_NAME,
            Self::ClockSkew { .. } => Code::WAIT_CLOCK_SKEW,
            Self::Unauthorized { .. } => Code::WAIT_UNAUTHORIZED,
            Self::Starting { .. } => Code::WAIT_STARTING,
            Self::CgroupDriver { .. } => Code::WAIT_CGROUP_DRIVER,
            Self::KubeletNotRunning => Code::WAIT_KUBELET,
            Self::NoAnswer { .. } => Code::WAIT_NO_ANSWER,
            Self::Unhealthy { .. } | Self::Api { .. } => Code::WAIT_UNHEALTHY,
            Self::NoObject { .. } => Code::WAIT_OBJECT,
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::NotListening => {
                "check that the kubelet runs and reads the directory of the manifests, and the component's log below /var/log/pods"
            }
            Self::PortTaken { .. } => "stop the other program, or configure another port",
            Self::NotStarted => {
                "check that the container runtime runs and the kubelet's log (journalctl -u kubelet)"
            }
            Self::Exited { .. } => "correct what its last words name; its log is below /var/log/pods",
            Self::Image { .. } => {
                "check the name of the image, the registry and the network, or load the image on the node"
            }
            Self::NotYetValid { .. } => "set the clock right; the certificate's beginning is in the future",
            Self::CertificateExpired { .. } => "renew the certificate, or set the clock right",
            Self::OtherAuthority => {
                "something else answers, or the tree has another cluster's ca.crt: make certificates and kubeconfigs of one authority"
            }
            Self::CertificateName { .. } => {
                "add the name or address to apiServer.certSANs and renew apiserver"
            }
            Self::ClockSkew { .. } => "set both clocks right (chrony, systemd-timesyncd)",
            Self::Unauthorized { .. } => "check that admin.conf is of this cluster and has not expired",
            Self::Starting { .. } => "wait, or look why the named checks fail in its log below /var/log/pods",
            Self::CgroupDriver { .. } => {
                "set the same driver for both: cgroupDriver of the KubeletConfiguration and the runtime's (systemd_cgroup)"
            }
            Self::KubeletNotRunning => "start it (systemctl start kubelet) and read journalctl -u kubelet",
            Self::NoAnswer { .. } => {
                "look at the load of the node and the component's log; it may be stopped"
            }
            Self::Unreachable { .. } => "check the address and firewalls",
            Self::Unhealthy { .. } => "read its log below /var/log/pods",
            Self::NoObject { .. } => "check that the kubelet runs and may register its node",
            Self::Api { .. } => "read the log of kube-apiserver below /var/log/pods",
        }
    }

    /// Whether two reasons are the same as far as a person who waits is concerned: times that pass are no news.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::ClockSkew { .. }, Self::ClockSkew { .. })
            | (Self::NoAnswer { .. }, Self::NoAnswer { .. }) => true,
            _ => self == other,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotListening => f.write_str("nothing listens at its port"),
            Self::PortTaken { port, by, said } => {
                write!(f, "port {port} is another program's")?;
                if let Some(Process { pid, name }) = by {
                    write!(f, " ({name}, process {pid})")?;
                }
                if said.is_empty() { Ok(()) } else { write!(f, ": {said}") }
            }
            Self::NotStarted => f.write_str("its container was never started"),
            Self::Exited { restarts, said } => {
                write!(f, "its container exited, {restarts} restarts so far")?;
                if said.is_empty() { Ok(()) } else { write!(f, ": {said}") }
            }
            Self::Image { said } => write!(f, "its image cannot be had: {said}"),
            Self::NotYetValid { said } => write!(f, "a certificate is not valid yet: {said}"),
            Self::CertificateExpired { said } => write!(f, "a certificate has expired: {said}"),
            Self::OtherAuthority => f.write_str("what answers has a certificate of another authority"),
            Self::CertificateName { said } => write!(f, "its certificate is for other names: {said}"),
            Self::ClockSkew { here, there } => write!(f, "the clocks differ: here {here}, there {there}"),
            Self::Unauthorized { said } => write!(f, "it does not accept our identity: {said}"),
            Self::Starting { failing } if failing.is_empty() => {
                f.write_str("it runs and does not listen yet")
            }
            Self::Starting { failing } => {
                let shown: Vec<&str> = failing.iter().take(6).map(String::as_str).collect();
                write!(f, "it is starting; not ready: {}", shown.join(", "))?;
                match failing.len().saturating_sub(shown.len()) {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
            Self::CgroupDriver { said } => write!(f, "the cgroup drivers differ: {said}"),
            Self::KubeletNotRunning => f.write_str("the kubelet does not run"),
            Self::NoAnswer { within } => write!(f, "no answer within {} ms", within.as_millis()),
            Self::Unreachable { said } => write!(f, "no connection: {said}"),
            Self::Unhealthy { status, said } if said.is_empty() => write!(f, "it answers {status}"),
            Self::Unhealthy { status, said } => write!(f, "it answers {status}: {said}"),
            Self::NoObject { object, lacks } => write!(f, "{object}: {lacks}"),
            Self::Api { said } => f.write_str(said),
        }
    }
}
