//! The flow that makes a node a worker of a cluster.

use super::{Flow, FlowError, JOIN_STAGES, join_stages as stages, runner::Stages};
use crate::{
    config::JoinConfig,
    facts::{Facts, Wanted},
    join::JoinError,
    manifest::PatchSet,
    pki::KeyAlgorithm,
    plan::Plan,
    time::Timestamp,
    version::Version,
};

/// Who asks for the kubelet's first certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsBootstrap {
    /// The kubelet, as with kubeadm: it must run, and is waited for.
    #[default]
    Kubelet,
    /// This library: the kubelet finds its certificate ready and goes on with rotating it.
    Library {
        /// Kind of key; the kubelet makes ECDSA P-256.
        algorithm: KeyAlgorithm,
    },
}

/// What join needs beside the configuration.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JoinOptions {
    /// The present time: certificates that are there are judged by it.
    pub now: Timestamp,
    /// Patches; those for `kubeletconfiguration` count. Default: none.
    pub patches: PatchSet,
    /// Who asks for the kubelet's first certificate. Default: the kubelet.
    pub tls_bootstrap: TlsBootstrap,
    /// The version of the node's kubelet, compared with the cluster's. Default: not known, not compared.
    pub kubelet_version: Option<Version>,
    /// Whether to register the Node object, where no kubelet can run that does. Default: no.
    pub register_node: bool,
}

impl JoinOptions {
    /// No patches, and the kubelet does the TLS bootstrap.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self {
            now,
            patches: PatchSet::none(),
            tls_bootstrap: TlsBootstrap::Kubelet,
            kubelet_version: None,
            register_node: false,
        }
    }

    /// Sets [`patches`](Self::patches).
    #[must_use]
    pub fn patches(mut self, patches: PatchSet) -> Self {
        self.patches = patches;
        self
    }

    /// Sets [`tls_bootstrap`](Self::tls_bootstrap).
    #[must_use]
    pub const fn tls_bootstrap(mut self, by: TlsBootstrap) -> Self {
        self.tls_bootstrap = by;
        self
    }

    /// Sets [`kubelet_version`](Self::kubelet_version).
    #[must_use]
    pub fn kubelet_version(mut self, version: Version) -> Self {
        self.kubelet_version = Some(version);
        self
    }

    /// Sets [`register_node`](Self::register_node).
    #[must_use]
    pub const fn register_node(mut self, register: bool) -> Self {
        self.register_node = register;
        self
    }
}

/// A flow that makes a node a worker of a cluster.
///
/// Stages: see [`JOIN_STAGES`]. `preflight` and `discover` look only; since every stage is planned before the first is
/// carried out, nothing is written before the cluster was found, trusted and understood. `discover` and `kubelet` need a
/// probe that reaches the cluster (`probe::Cluster`), the stages after them an executor that does (`exec::Joining`), both
/// feature `api`. Where no kubelet runs, leave `wait-kubelet` out.
///
/// # Examples
///
/// ```no_run
/// # #[cfg(feature = "api")] {
/// use k8sboot_core::{blocking::wait, config::Documents, exec, facts::NodeFacts, flow, probe};
///
/// let text = "
/// apiVersion: kubeadm.k8s.io/v1beta4
/// kind: JoinConfiguration
/// discovery:
///   bootstrapToken:
///     token: abcdef.0123456789abcdef
///     apiServerEndpoint: 192.0.2.10:6443
///     caCertHashes: [\"sha256:6c5eaacb6bbeee5cbcdb62e35fd0cffc305e8372337a6861e9e4000f926f61ad\"]
/// ";
/// let config = Documents::parse(text)?.into_join(&NodeFacts::named("worker-1"))?;
/// let run = exec::Run::default();
/// let tree = exec::Tree::open("/")?;
/// let mut probe = probe::Cluster::new(probe::Host::new(tree.clone()), &config, &run);
/// let mut executor = exec::Joining::new(exec::Host::new(tree));
/// let options = flow::JoinOptions::at(std::time::SystemTime::now().into());
/// wait(flow::join(config, options).run(&mut probe, &mut executor, &run))?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn join(config: JoinConfig, options: JoinOptions) -> Flow {
    Flow::new(JoinFlow { config, options })
}

pub(super) struct JoinFlow {
    pub(super) config: JoinConfig,
    pub(super) options: JoinOptions,
}

impl Stages for JoinFlow {
    fn table(&self) -> &'static [&'static str] {
        &JOIN_STAGES
    }

    fn select(&mut self, _stages: &[&str]) {}

    fn wanted(&self, stage: &'static str) -> Result<Wanted, FlowError> {
        let files = stages::files(&self.config);
        Ok(match stage {
            "discover" | "kubelet" => files.cluster(self.config.node_name()),
            _ => files,
        })
    }

    fn plan(&mut self, stage: &'static str, seen: &Facts) -> Result<Plan, FlowError> {
        if self.config.control_plane().is_some() {
            return Err(FlowError::Join { stage, source: Box::new(JoinError::Role {}) });
        }
        let skipped = stages::skipped(&self.config)?;
        if skipped.contains(&stage) {
            return Ok(Plan::new(stage, Vec::new(), vec!["left out by skipPhases".to_owned()]));
        }
        match stage {
            "preflight" => stages::preflight(self, seen),
            "discover" => stages::discover(self, seen),
            "kubelet" => stages::kubelet(self, seen),
            "tls-bootstrap" => stages::tls_bootstrap(self, seen),
            "wait-kubelet" => Ok(stages::wait_kubelet(self, seen)),
            _ => stages::register_node(self),
        }
        .map_err(|problem| problem.at(stage))
    }

    fn may_change(&self) -> Result<(), FlowError> {
        if self.config.join().dry_run { Err(FlowError::DryRun {}) } else { Ok(()) }
    }
}
