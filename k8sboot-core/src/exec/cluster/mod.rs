//! The executor for a node and its cluster: files as [`Host`] does them, and what the API server is given.

mod apply;
mod connection;
mod node;
mod upload;
mod wait;

use std::time::Duration;

use super::{BoxFuture, Check, ExecError, Executor, Host, Outcome, Run, cluster::connection::Connection};
use crate::{
    api::Client,
    config::InitConfig,
    pki::CertificateKey,
    plan::{Action, Condition, Plan, Step},
    time::GoDuration,
};

const API_CALL: GoDuration = GoDuration::from_seconds(60);

/// Carries out every step of init: files as [`Host`], and everything that talks to the API server.
///
/// It speaks as admin.conf of the tree, at the node's own address `https://ADVERTISE:BINDPORT`, so that a load balancer
/// need not be there yet; only what gives admin.conf its rights is written as super-admin.conf if need be. Kubeconfigs are
/// read when they are first needed. A call that fails for a reason that may pass is repeated until
/// `timeouts.kubernetesAPICall` (1 minute) is over.
///
/// # Examples
///
/// ```no_run
/// use k8sboot_core::{blocking::wait, config::Documents, exec::{Cluster, Host, Run, Tree}, flow, probe, time::Timestamp};
///
/// let config = Documents::parse(&std::fs::read_to_string("kubeadm.yaml")?)?.into_init(&probe::node_facts(None), None)?;
/// let tree = Tree::open("/")?;
/// let mut on = Cluster::new(Host::new(tree.clone()), &config);
/// let now = Timestamp::from(std::time::SystemTime::now());
/// let flow = flow::init(config, flow::InitOptions::at(now));
/// let report = wait(flow.run(&mut probe::Host::new(tree), &mut on, &Run::default()))?;
/// println!("{} changed", report.changed());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Cluster {
    host: Host,
    connection: Connection,
    patience: Duration,
    certificate_key: Option<CertificateKey>,
    stage: &'static str,
    notes: Vec<String>,
}

impl Cluster {
    /// An executor for a node that a configuration describes.
    #[must_use]
    pub fn new(host: Host, config: &InitConfig) -> Self {
        let timeouts = config.init().timeouts.as_ref();
        let patience = timeouts.and_then(|timeouts| timeouts.kubernetes_api_call).unwrap_or(API_CALL);
        let key = &config.init().certificate_key;
        Self {
            connection: Connection::new(config.local_api_server()),
            host,
            patience: duration(patience),
            certificate_key: (!key.is_empty()).then(|| key.expose().parse().ok()).flatten(),
            stage: "",
            notes: Vec::new(),
        }
    }

    /// Seals uploaded certificates with this key. Default: `certificateKey` of the configuration.
    #[must_use]
    pub fn with_certificate_key(mut self, key: CertificateKey) -> Self {
        self.certificate_key = Some(key);
        self
    }

    /// Talks to the API server by a client of the caller's instead of one made from admin.conf.
    #[must_use]
    pub fn with_client(mut self, client: Client) -> Self {
        self.connection.use_client(client);
        self
    }

    /// The client that it speaks by: admin.conf's, at the node's own address.
    ///
    /// # Errors
    ///
    /// [`ExecError::Credentials`] if admin.conf cannot be used, [`ExecError::Api`].
    pub fn client(&mut self) -> Result<Client, ExecError> {
        self.connection.admin(self.host.tree())
    }

    /// The executor for the files.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }

    fn carry_out(&mut self, step: &Step, run: &Run) -> Result<Outcome, ExecError> {
        match &step.action {
            Action::WaitFor { condition: Condition::Healthy(checks), timeout } => {
                self.healthy(checks, duration(*timeout), step, run)
            }
            Action::WaitFor { condition: Condition::Node { name }, timeout } => {
                self.registered(name, duration(*timeout), step, run)
            }
            Action::ApplyObject { object, how } => self.apply(object, how, step, run),
            Action::MarkNode(mark) => self.mark(mark, step, run),
            Action::UploadCertificates { entries } => self.upload(entries, step, run),
            _ => self.host.carry_out(step),
        }
    }
}

impl Executor for Cluster {
    fn check(&self) -> Check {
        |_| Ok(())
    }

    fn prepare<'a>(&'a mut self, plan: &'a Plan, run: &'a Run) -> BoxFuture<'a, Result<(), ExecError>> {
        self.stage = plan.stage;
        self.host.prepare(plan, run)
    }

    fn run<'a>(&'a mut self, step: &'a Step, run: &'a Run) -> BoxFuture<'a, Result<Outcome, ExecError>> {
        let outcome = self.carry_out(step, run);
        Box::pin(std::future::ready(outcome))
    }

    fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    fn finish<'a>(&'a mut self, run: &'a Run) -> BoxFuture<'a, Result<(), ExecError>> {
        self.host.finish(run)
    }
}

fn duration(duration: GoDuration) -> Duration {
    Duration::from_nanos(u64::try_from(duration.nanoseconds()).unwrap_or_default())
}
