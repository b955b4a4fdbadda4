//! Docker's containers.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use bollard::{
    API_DEFAULT_VERSION, Docker as Client,
    errors::Error,
    models::{ContainerInspectResponse, ContainerSummary},
    query_parameters::{InspectContainerOptions, ListContainersOptionsBuilder},
};

use super::{WitnessError, socket::Server};
use crate::ipam::leak::{SeenContainer, Testimony, Witness, WitnessKind};

/// Where Docker listens if nobody says otherwise.
pub const DOCKER_SOCKET: &str = "/var/run/docker.sock";

/// What the name of a pod's container begins with that holds the network namespace (dockershim, cri-dockerd).
const PAUSE_PREFIX: &str = "k8s_POD_";

/// Lists the containers of a Docker engine, in every state.
///
/// A container keeps its address until it is removed, also when it has exited. So does one whose network namespace
/// another container uses. Of a pod only the pause container (`k8s_POD_…`) owns an address; the others own none and do
/// no harm. Default time limit: 30 seconds for everything.
#[derive(Clone, Debug)]
pub struct Docker {
    socket: PathBuf,
    limit: Duration,
}

/// A container of Docker.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DockerContainer {
    /// The whole ID, 64 hexadecimal digits.
    pub id: String,
    /// Its first name, without the leading `/`.
    pub name: String,
    /// Docker's word for its state: `created`, `running`, `paused`, `restarting`, `removing`, `exited` or `dead`.
    pub state: String,
    /// Its network mode, for example `none`, `host`, `bridge` or `container:ID`.
    pub network_mode: String,
    /// Its process, if it runs.
    pub pid: Option<u32>,
    /// The path of its network namespace, if it has one.
    pub sandbox_key: Option<String>,
}

impl DockerContainer {
    /// Whether it holds the network namespace of a Kubernetes pod.
    #[must_use]
    pub fn is_pause(&self) -> bool {
        self.name.starts_with(PAUSE_PREFIX)
    }

    /// The container whose network namespace this one uses.
    #[must_use]
    pub fn uses_network_of(&self) -> Option<&str> {
        self.network_mode.strip_prefix("container:")
    }

    fn what(&self) -> String {
        let mut what = format!("{} {}", self.state, self.name);
        if let Some(pid) = self.pid {
            what.push_str(&format!(", process {pid}"));
        }
        if let Some(path) = &self.sandbox_key {
            what.push_str(&format!(", namespace {path}"));
        }
        what
    }
}

impl Docker {
    /// The engine that listens on a socket, for example [`DOCKER_SOCKET`].
    #[must_use]
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into(), limit: Duration::from_secs(30) }
    }

    /// Sets how long all questions together may take.
    #[must_use]
    pub const fn time_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// All containers, in every state, in the order of their IDs. May be called from inside an event loop.
    ///
    /// # Errors
    ///
    /// [`WitnessError::Socket`] if the socket is missing or refuses, [`WitnessError::Timeout`],
    /// [`WitnessError::Answer`] if Docker answers with an error or a container has no whole ID.
    pub fn containers(&self) -> Result<Vec<DockerContainer>, WitnessError> {
        let server = Server { runtime: "docker", path: &self.socket, limit: self.limit };
        server.ask(list(server))
    }
}

impl Witness for Docker {
    fn kind(&self) -> WitnessKind {
        WitnessKind::Runtime
    }

    fn testify(&self) -> Testimony {
        let name = format!("docker {}", self.socket.display());
        match self.containers() {
            Ok(containers) => {
                let mut testimony = Testimony::new(name, WitnessKind::Runtime);
                for container in &containers {
                    testimony.containers.push(SeenContainer::new(&container.id, container.what()));
                    if let Some(other) = container.uses_network_of() {
                        let what = format!("its network is used by {}", container.what());
                        testimony.containers.push(SeenContainer::new(other, what));
                    }
                }
                testimony
            }
            Err(error) => Testimony::failed(name, WitnessKind::Runtime, &error),
        }
    }
}

async fn list(server: Server<'_>) -> Result<Vec<DockerContainer>, WitnessError> {
    let client = connect(server)?;
    let client =
        client.negotiate_version().await.map_err(|error| server.answer("the version", text(&error)))?;
    let options = ListContainersOptionsBuilder::default().all(true).build();
    let listed = client
        .list_containers(Some(options))
        .await
        .map_err(|error| server.answer("the list of containers", text(&error)))?;
    let mut containers = Vec::with_capacity(listed.len());
    for summary in listed {
        let mut container = container(summary).map_err(|found| {
            server.answer("the list of containers", format!("a container with the ID {found:?}"))
        })?;
        match client.inspect_container(&container.id, None::<InspectContainerOptions>).await {
            Ok(details) => inspected(&mut container, details),
            // Removed since the list was made. It was alive when the list was, and that keeps.
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => {}
            Err(error) => return Err(server.answer("the details of a container", text(&error))),
        }
        containers.push(container);
    }
    containers.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(containers)
}

fn connect(server: Server<'_>) -> Result<Client, WitnessError> {
    let path = |path: &Path| path.to_str().map(|path| format!("unix://{path}"));
    let address = path(server.path).ok_or_else(|| WitnessError::Socket {
        runtime: server.runtime,
        path: server.path.to_owned(),
        source: std::io::Error::new(std::io::ErrorKind::InvalidInput, "the path is not UTF-8"),
    })?;
    Client::connect_with_unix(&address, server.limit.as_secs().max(1), API_DEFAULT_VERSION)
        .map_err(|error| server.answer("the connection", text(&error)))
}

/// What the list says; an ID that is not whole is an error.
fn container(summary: ContainerSummary) -> Result<DockerContainer, String> {
    let id = summary.id.unwrap_or_default();
    if id.len() != 64 || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(id);
    }
    let name = summary.names.and_then(|names| names.into_iter().next()).unwrap_or_default();
    Ok(DockerContainer {
        id,
        name: name.trim_start_matches('/').to_owned(),
        state: summary.state.map(|state| state.to_string()).unwrap_or_default(),
        network_mode: summary.host_config.and_then(|config| config.network_mode).unwrap_or_default(),
        pid: None,
        sandbox_key: None,
    })
}

fn inspected(container: &mut DockerContainer, details: ContainerInspectResponse) {
    let pid = details.state.and_then(|state| state.pid);
    container.pid = pid.and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid != 0);
    container.sandbox_key =
        details.network_settings.and_then(|network| network.sandbox_key).filter(|path| !path.is_empty());
}

fn text(error: &Error) -> String {
    crate::error::chain(error)
}
