//! Facts about the cluster that a node is to join.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::{Host, Probe, ProbeError};
use crate::{
    api::{ApiError, Client, ClientOptions, DiscoverOptions, Method, Resource, discover},
    config::JoinConfig,
    discovery::{Discovered, Discovery},
    exec::{BoxFuture, Run},
    facts::{Facts, SeenCluster, Wanted},
    join::{JoinError, approval::is_ready},
    version::Version,
};

/// How long what may pass is waited out.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often is asked again.
const AGAIN: Duration = Duration::from_millis(200);

/// Looks at the files of a node tree and at the cluster that the node is to join.
///
/// The cluster is looked for when the first stage wants it, and once: a flow plans with one and the same answer.
pub struct Cluster {
    host: Host,
    discovery: Discovery,
    options: DiscoverOptions,
    run: Run,
    seen: Option<Box<SeenCluster>>,
}

impl Cluster {
    /// Finds the cluster as the configuration says.
    #[must_use]
    pub fn new(host: Host, config: &JoinConfig, run: &Run) -> Self {
        Self::by(host, config.discovery().into(), DiscoverOptions::of(config), run)
    }

    /// Finds the cluster in another way: at several endpoints, by a kubeconfig or a join bundle at hand.
    #[must_use]
    pub fn by(host: Host, discovery: Discovery, options: DiscoverOptions, run: &Run) -> Self {
        Self { host, discovery, options, run: run.clone(), seen: None }
    }

    /// Tells what it waits for to another run from now on, and stops with it.
    pub fn follow(&mut self, run: &Run) {
        self.run = run.clone();
    }

    fn cluster(&mut self, node: &str) -> Result<Box<SeenCluster>, ProbeError> {
        if let Some(seen) = &self.seen {
            return Ok(seen.clone());
        }
        let found = discover(&self.discovery, &self.options, &self.run)
            .map_err(|source| ProbeError::Discovery { source: Box::new(source) })?;
        let seen =
            look(&found, node, &self.run).map_err(|source| ProbeError::Join { source: Box::new(source) })?;
        Ok(self.seen.insert(Box::new(seen)).clone())
    }
}

impl Probe for Cluster {
    fn gather<'a>(&'a mut self, wanted: &'a Wanted) -> BoxFuture<'a, Result<Facts, ProbeError>> {
        let facts = self.host.look(wanted).and_then(|mut facts| {
            if let Some(node) = &wanted.cluster {
                facts.cluster = Some(self.cluster(node)?);
            }
            Ok(facts)
        });
        Box::pin(std::future::ready(facts))
    }
}

/// Reads what a cluster keeps for joining nodes, with the credentials of the TLS bootstrap.
///
/// # Errors
///
/// [`JoinError::Cluster`] for what is not there, [`JoinError::Api`], [`JoinError::Cancelled`].
fn look(found: &Discovered, node: &str, run: &Run) -> Result<SeenCluster, JoinError> {
    let bootstrap = found.bootstrap_kubeconfig(found.server());
    let client = ClientOptions::from_kubeconfig(&bootstrap)
        .and_then(|options| Client::new(&options))
        .map_err(JoinError::api("use the discovered credentials"))?
        .cancelled_by(run.cancel.clone());
    let kubeadm_config = text_of(&client, "kubeadm-config", "ClusterConfiguration")?;
    let kubelet_config = text_of(&client, "kubelet-config", "kubelet")?;
    let there = patiently(|| client.get(&Resource::NODES, None, node))
        .map_err(JoinError::api(format!("read node {node}")))?;
    // Who may not ask for it goes without: the configured version is compared then.
    let version = client.call(Method::Get, "/version", None).ok();
    Ok(SeenCluster {
        server: found.server().to_owned(),
        ca_pem: found.ca_pem().to_owned(),
        bootstrap,
        kubeadm_config,
        kubelet_config,
        server_version: version.and_then(|body| version_of(&body)),
        node_ready: there.as_ref().map(is_ready),
        warnings: found.warnings().to_vec(),
    })
}

fn text_of(client: &Client, name: &str, key: &str) -> Result<String, JoinError> {
    let object = format!("ConfigMap kube-system/{name}");
    let map = patiently(|| client.get(&Resource::CONFIG_MAPS, Some("kube-system"), name))
        .map_err(JoinError::api(format!("read {object}")))?;
    let missing = |object: String| JoinError::Cluster {
        object,
        expected: "what kubeadm keeps there for joining nodes".to_owned(),
        found: "nothing".to_owned(),
        remedy: "upload the configuration on a control plane: init, stage upload-config",
    };
    let map = map.ok_or_else(|| missing(object.clone()))?;
    let text = map.as_value().pointer(&format!("/data/{key}")).and_then(|text| text.as_str());
    text.map(str::to_owned).ok_or_else(|| missing(format!("{object}, {key}")))
}

fn version_of(body: &[u8]) -> Option<Version> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    value.get("gitVersion")?.as_str()?.parse().ok()
}

/// Asks again for some seconds if the server is down or busy.
fn patiently<T>(ask: impl Fn() -> Result<T, ApiError>) -> Result<T, ApiError> {
    let begun = Instant::now();
    loop {
        match ask() {
            Err(error) if error.is_retryable() && begun.elapsed() < PATIENCE => thread::sleep(AGAIN),
            answer => return answer,
        }
    }
}
