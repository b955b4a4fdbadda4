//! Looks at a component: asks it, and if it is not healthy, at what the node shows.

use std::{
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use super::{logs, processes};
use crate::{
    api::{ApiError, Client, ClientOptions, Method, TlsProblem, Trust},
    exec::{CancelToken, Tree},
    health::{Answered, Check, ContainerLog, Evidence, KubeletSigns, TlsFailure, http_date},
    time::Timestamp,
};

const CONNECT: Duration = Duration::from_secs(3);
/// The API server itself gives its check of etcd two seconds.
const ANSWER: Duration = Duration::from_secs(3);
/// How old what was read of logs may be.
const LOGS_KEEP: Duration = Duration::from_millis(250);
/// The kubelet's log where it does not write to the journal.
const KUBELET_LOG: &str = "/var/log/kubelet.log";

/// Looks at one component again and again, over one connection.
pub struct Look {
    check: Check,
    client: Client,
    tree: Tree,
    read: Mutex<Option<(Instant, Logs)>>,
}

#[derive(Clone)]
struct Logs {
    container: Option<ContainerLog>,
    kubelet: String,
}

impl Look {
    /// For a component. `identity` says who asks and whom to trust where the check is authenticated: the options of
    /// admin.conf. `tree` is where the node's logs are.
    ///
    /// # Errors
    ///
    /// [`ApiError::Options`], [`ApiError::Runtime`].
    pub fn new(check: Check, identity: Option<&ClientOptions>, tree: Tree) -> Result<Self, ApiError> {
        let options = match identity.filter(|_| check.authenticated) {
            Some(options) => options.clone().server(&check.server),
            None => ClientOptions::new(&check.server, Trust::Anyone),
        };
        let client = Client::new(&options.timeouts(CONNECT, ANSWER))?;
        Ok(Self { check, client, tree, read: Mutex::new(None) })
    }

    /// What it looks at.
    #[must_use]
    pub const fn check(&self) -> &Check {
        &self.check
    }

    /// What is seen now; takes six seconds at most, and ends within 20 ms when `stop` is triggered.
    #[must_use]
    pub fn look(&self, stop: &CancelToken) -> Evidence {
        let path = format!("{}?verbose", self.check.path);
        let answer = self.client.clone().cancelled_by(stop.clone()).send(Method::Get, &path, None);
        let mut seen = Evidence { now: Timestamp::from(SystemTime::now()), ..Evidence::default() };
        match answer {
            Ok(answer) => {
                seen.server_time = answer.date.as_deref().and_then(http_date);
                let body: String = String::from_utf8_lossy(&answer.body).chars().take(8 * 1024).collect();
                seen.answered = Answered::Http { code: answer.code, body };
            }
            Err(ApiError::Cancelled { .. }) => return seen,
            Err(error) => seen.answered = answered(error),
        }
        let well = matches!(seen.answered, Answered::Http { code: 200, .. });
        if well && self.check.authenticated {
            return seen;
        }
        seen.listener = self.address().and_then(processes::listener);
        if !well {
            self.look_around(&mut seen);
        }
        seen
    }

    fn look_around(&self, seen: &mut Evidence) {
        let component = self.check.component.as_str();
        let running = processes::running(&[component, "kubelet"]);
        let runs = |name: &str| running.as_ref().map(|running| running.contains(&name));
        seen.running = runs(component);
        let kubelet = runs("kubelet");
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.as_ref().is_none_or(|(at, _)| at.elapsed() > LOGS_KEEP) {
            let container = logs::of_container(&self.tree, component);
            *read = Some((Instant::now(), Logs { container, kubelet: logs::tail(&self.tree, KUBELET_LOG) }));
        }
        if let Some((_, logs)) = read.clone() {
            seen.log = logs.container;
            seen.kubelet = KubeletSigns { running: kubelet, log_tail: logs.kubelet };
        }
    }

    fn address(&self) -> Option<SocketAddr> {
        self.check.server.split_once("://")?.1.parse().ok()
    }
}

fn answered(error: ApiError) -> Answered {
    match error {
        ApiError::Unreachable { problem, .. } if problem.contains("refused") => Answered::Refused,
        ApiError::Unreachable { problem, .. } if problem.contains("deadline has elapsed") => {
            Answered::Silent(CONNECT)
        }
        ApiError::Unreachable { problem, .. } => {
            let cut = ["handshake eof", "reset by peer", "Broken pipe"];
            match cut.iter().any(|mark| problem.contains(mark)) {
                true => Answered::Strange("it closes the connection".to_owned()),
                false => Answered::Unreachable(problem),
            }
        }
        ApiError::Timeout { limit, .. } => Answered::Silent(limit),
        ApiError::Answer { found, .. } => Answered::Strange(found),
        ApiError::Tls { problem, .. } => match problem {
            TlsProblem::UnknownAuthority => Answered::Tls(TlsFailure::OtherAuthority),
            TlsProblem::Name { said } => Answered::Tls(TlsFailure::Name(said)),
            TlsProblem::Expired { said } => Answered::Tls(TlsFailure::Expired(said)),
            TlsProblem::NotYetValid { said } => Answered::Tls(TlsFailure::NotYetValid(said)),
            TlsProblem::ClientRefused { said } => Answered::Tls(TlsFailure::ClientRefused(said)),
            TlsProblem::Other { said } => Answered::Strange(said),
        },
        other => Answered::Unreachable(crate::error::chain(&other)),
    }
}
