//! The pod sandboxes of containerd and CRI-O.

use std::{path::PathBuf, time::Duration};

use tonic::Status;

use super::{
    WitnessError,
    cri_messages::{
        ListContainersResponse, ListPodSandboxResponse, ListRequest, PodSandbox, VersionRequest,
        VersionResponse,
    },
    grpc::{Client, is_unknown},
    socket::Server,
};
use crate::ipam::leak::{SeenContainer, Testimony, Witness, WitnessKind};

/// Where containerd, CRI-O and cri-dockerd listen if nobody says otherwise.
pub const CRI_SOCKETS: [&str; 3] =
    ["/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/cri-dockerd.sock"];

/// Lists the pod sandboxes of a runtime that speaks CRI, in every state.
///
/// Speaks `runtime.v1`, and `runtime.v1alpha2` with runtimes that know no other. A sandbox that is not ready is still
/// owed a DEL and keeps its address. containerd runs ADD before it lists the sandbox: that is what the grace period is
/// for. Default time limit: 30 seconds for everything.
#[derive(Clone, Debug)]
pub struct Cri {
    socket: PathBuf,
    limit: Duration,
    only: Option<CriProtocol>,
}

/// A version of the Container Runtime Interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CriProtocol {
    /// `runtime.v1`: containerd from 1.6, CRI-O from 1.20.
    V1,
    /// `runtime.v1alpha2`: older ones, to containerd 1.7.
    V1Alpha2,
}

impl CriProtocol {
    const fn service(self) -> &'static str {
        match self {
            Self::V1 => "runtime.v1.RuntimeService",
            Self::V1Alpha2 => "runtime.v1alpha2.RuntimeService",
        }
    }
}

/// A pod sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CriSandbox {
    /// The whole ID, which is the container ID that CNI plugins are given.
    pub id: String,
    /// The pod, as `NAMESPACE/NAME`; empty for a sandbox that only a container names.
    pub pod: String,
    /// The pod's UID.
    pub uid: String,
    /// Whether it is ready.
    pub ready: bool,
}

impl CriSandbox {
    fn what(&self) -> String {
        match (self.pod.is_empty(), self.ready) {
            (true, _) => "a container's sandbox".to_owned(),
            (false, true) => format!("ready sandbox of {}", self.pod),
            (false, false) => format!("sandbox of {}, not ready", self.pod),
        }
    }
}

impl Cri {
    /// The runtime that listens on a socket, for example one of [`CRI_SOCKETS`]; `unix://` before it is passed over.
    #[must_use]
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        let socket = socket.into();
        let plain = socket.to_str().and_then(|text| text.strip_prefix("unix://")).map(PathBuf::from);
        Self { socket: plain.unwrap_or(socket), limit: Duration::from_secs(30), only: None }
    }

    /// Speaks this version alone. Default: the newest that the runtime knows.
    #[must_use]
    pub const fn only(mut self, protocol: CriProtocol) -> Self {
        self.only = Some(protocol);
        self
    }

    /// Sets how long all questions together may take.
    #[must_use]
    pub const fn time_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// All sandboxes, in every state, with those that only a container names, in the order of their IDs. May be called
    /// from inside an event loop.
    ///
    /// # Errors
    ///
    /// [`WitnessError::Socket`] if the socket is missing or refuses, [`WitnessError::Timeout`],
    /// [`WitnessError::Protocol`] if the server knows no CRI, [`WitnessError::Answer`] if it answers with an error.
    pub fn sandboxes(&self) -> Result<Vec<CriSandbox>, WitnessError> {
        self.look().map(|(_, sandboxes)| sandboxes)
    }

    /// The runtime's name and version, and the sandboxes.
    fn look(&self) -> Result<(String, Vec<CriSandbox>), WitnessError> {
        let server = Server { runtime: "cri", path: &self.socket, limit: self.limit };
        server.ask(async {
            let mut client = Client::connect(server).await?;
            let (service, version) = version(&mut client, self.only).await?;
            // Containers first: a sandbox is listed longer than its containers.
            let containers: ListContainersResponse = client
                .call(service, "ListContainers", None, ListRequest {})
                .await
                .map_err(|s| client.refused("the list of containers", &s))?;
            let sandboxes: ListPodSandboxResponse = client
                .call(service, "ListPodSandbox", None, ListRequest {})
                .await
                .map_err(|s| client.refused("the list of sandboxes", &s))?;
            let mut listed: Vec<CriSandbox> = sandboxes.items.into_iter().map(sandbox).collect();
            if let Some(nameless) = listed.iter().find(|sandbox| sandbox.id.is_empty()) {
                return Err(
                    server.answer("the list of sandboxes", format!("a sandbox without an ID: {nameless:?}"))
                );
            }
            for container in containers.containers {
                let id = container.pod_sandbox_id;
                if !id.is_empty() && listed.iter().all(|sandbox| sandbox.id != id) {
                    listed.push(CriSandbox { id, pod: String::new(), uid: String::new(), ready: false });
                }
            }
            // Runtimes list in no order.
            listed.sort_by(|a, b| a.id.cmp(&b.id));
            Ok((version, listed))
        })
    }
}

impl Witness for Cri {
    fn kind(&self) -> WitnessKind {
        WitnessKind::Runtime
    }

    fn testify(&self) -> Testimony {
        let name = format!("cri {}", self.socket.display());
        match self.look() {
            Ok((version, sandboxes)) => {
                let mut testimony = Testimony::new(name, WitnessKind::Runtime);
                testimony.notes.push(version);
                let seen = |sandbox: CriSandbox| SeenContainer::new(&sandbox.id, sandbox.what());
                testimony.containers = sandboxes.into_iter().map(seen).collect();
                testimony
            }
            Err(error) => Testimony::failed(name, WitnessKind::Runtime, &error),
        }
    }
}

/// Asks for the version, and settles which version of the protocol is spoken: its service and the runtime's words.
async fn version(
    client: &mut Client<'_>,
    only: Option<CriProtocol>,
) -> Result<(&'static str, String), WitnessError> {
    let all = [CriProtocol::V1, CriProtocol::V1Alpha2];
    for protocol in all.into_iter().filter(|protocol| only.is_none_or(|only| only == *protocol)) {
        let service = protocol.service();
        let question = VersionRequest { version: "0.1.0".to_owned() };
        let answer: Result<VersionResponse, Status> = client.call(service, "Version", None, question).await;
        match answer {
            Ok(version) => {
                return Ok((service, format!("{} {}", version.runtime_name, version.runtime_version)));
            }
            Err(status) if is_unknown(&status) => {}
            Err(status) => return Err(client.refused("the version", &status)),
        }
    }
    Err(client.unknown("runtime.v1 nor runtime.v1alpha2"))
}

fn sandbox(listed: PodSandbox) -> CriSandbox {
    let metadata = listed.metadata.unwrap_or_default();
    CriSandbox {
        id: listed.id,
        pod: format!("{}/{}", metadata.namespace, metadata.name),
        uid: metadata.uid,
        ready: listed.state == 0,
    }
}
