//! The containers in containerd's own store, of every client that uses it.

use std::{path::PathBuf, time::Duration};

use super::{
    WitnessError,
    containerd_messages::{ListContainersResponse, ListNamespacesResponse, ListRequest},
    grpc::{Client, is_unknown},
    socket::Server,
};
use crate::ipam::leak::{SeenContainer, Testimony, Witness, WitnessKind};

const NAMESPACES: &str = "containerd.services.namespaces.v1.Namespaces";
const CONTAINERS: &str = "containerd.services.containers.v1.Containers";

/// Lists the containers of every namespace of containerd: of kubelet (`k8s.io`), Docker (`moby`), nerdctl (`default` and
/// others).
///
/// It sees owners of a shared network that neither CRI nor one Docker engine tells. nerdctl gives plugins
/// `NAMESPACE-ID`, so a container counts under both names. Default time limit: 30 seconds for everything.
#[derive(Clone, Debug)]
pub struct Containerd {
    socket: PathBuf,
    limit: Duration,
}

/// A container of containerd.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContainerdContainer {
    /// The namespace, for example `k8s.io`.
    pub namespace: String,
    /// The ID, unique in its namespace.
    pub id: String,
}

impl Containerd {
    /// The containerd that listens on a socket, for example `/run/containerd/containerd.sock`.
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

    /// All containers, whether they run or not. May be called from inside an event loop.
    ///
    /// # Errors
    ///
    /// [`WitnessError::Socket`] if the socket is missing or refuses, [`WitnessError::Timeout`],
    /// [`WitnessError::Protocol`] if the server is no containerd, [`WitnessError::Answer`] if it answers with an error.
    pub fn containers(&self) -> Result<Vec<ContainerdContainer>, WitnessError> {
        let server = Server { runtime: "containerd", path: &self.socket, limit: self.limit };
        server.ask(async {
            let mut client = Client::connect(server).await?;
            let namespaces = client.call(NAMESPACES, "List", None, ListRequest {}).await;
            let namespaces: ListNamespacesResponse = namespaces.map_err(|status| {
                if is_unknown(&status) {
                    client.unknown("containerd's namespaces nor containers")
                } else {
                    client.refused("the list of namespaces", &status)
                }
            })?;
            let mut all = Vec::new();
            for namespace in namespaces.namespaces {
                let listed = client.call(CONTAINERS, "List", Some(&namespace.name), ListRequest {}).await;
                let listed: ListContainersResponse =
                    listed.map_err(|status| client.refused("the list of containers", &status))?;
                all.extend(listed.containers.into_iter().map(|container| ContainerdContainer {
                    namespace: namespace.name.clone(),
                    id: container.id,
                }));
            }
            all.sort_by(|a, b| (&a.namespace, &a.id).cmp(&(&b.namespace, &b.id)));
            Ok(all)
        })
    }
}

impl Witness for Containerd {
    fn kind(&self) -> WitnessKind {
        WitnessKind::Runtime
    }

    fn testify(&self) -> Testimony {
        let name = format!("containerd {}", self.socket.display());
        match self.containers() {
            Ok(containers) => {
                let mut testimony = Testimony::new(name, WitnessKind::Runtime);
                for container in &containers {
                    let what = format!("in the namespace {}", container.namespace);
                    let long = format!("{}-{}", container.namespace, container.id);
                    testimony.containers.push(SeenContainer::new(&container.id, &what));
                    testimony.containers.push(SeenContainer::new(long, &what));
                }
                testimony
            }
            Err(error) => Testimony::failed(name, WitnessKind::Runtime, &error),
        }
    }
}
