//! The executor for a node that joins: a node tree, and the cluster with the credentials that lie in it.

use super::{
    BoxFuture, Check, ExecError, Executor, FileError, Host, Outcome, Run, Tree, first_certificate,
    kubeconfig_file::read_kubeconfig, kubelet_wait, waiting::Waiting,
};
use crate::{
    api::{Client, ClientOptions, Resource},
    exec::CancelToken,
    join::JoinError,
    kubeconfig::Kubeconfig,
    manifest::Object,
    plan::{Action, BootstrapAction, BootstrapBy, Plan, Step},
    time::GoDuration,
};

/// How long the API server may take to accept the Node.
const REGISTER: GoDuration = GoDuration::from_seconds(60);

/// Carries out the steps of a join: files as [`Host`], and what needs the cluster with the credentials of the tree.
pub struct Joining {
    host: Host,
}

impl Joining {
    /// An executor for the tree of `host`.
    #[must_use]
    pub const fn new(host: Host) -> Self {
        Self { host }
    }

    /// Whether executors of this kind can do a step.
    ///
    /// # Errors
    ///
    /// [`ExecError::Unsupported`].
    pub fn check_step(step: &Step) -> Result<(), ExecError> {
        match step.action {
            Action::BootstrapKubelet(_) | Action::WaitForKubelet { .. } | Action::RegisterNode { .. } => {
                Ok(())
            }
            _ => Host::check_step(step),
        }
    }

    fn bootstrap(&mut self, action: &BootstrapAction, stage: &str, run: &Run) -> Result<Outcome, ExecError> {
        let done = match &action.by {
            BootstrapBy::Library { algorithm } => {
                first_certificate::get(&self.host, action, *algorithm, stage, run)
            }
            BootstrapBy::Kubelet { health } => {
                kubelet_wait::for_certificate(self.host.tree(), action, health.as_deref(), stage, run)
            }
        };
        // As kubeadm: the token does not stay, whether it was of use or not.
        let removed = self.host.tree().remove_file(&action.bootstrap);
        done?;
        removed?;
        Ok(Outcome::Changed)
    }

    fn register(&self, object: &Object, path: &str, stage: &str, run: &Run) -> Result<Outcome, ExecError> {
        let (client, _) = client_of(self.host.tree(), path, &run.cancel)?;
        let name = &object.key().name;
        let mut waiting = Waiting::new(run, stage, "registering the node", REGISTER);
        loop {
            match client.create(&Resource::NODES, object) {
                Ok(_) => return Ok(Outcome::Changed),
                Err(error) if error.is_already_exists() => return Ok(Outcome::AlreadySo),
                Err(error) if error.is_retryable() && !waiting.is_over() => waiting.tell(error.to_string()),
                Err(error) => return Err(JoinError::api(format!("register node {name}"))(error).into()),
            }
            waiting.pause()?;
        }
    }
}

/// A client with the credentials of a kubeconfig of the tree.
pub(super) fn client_of(
    tree: &Tree,
    path: &str,
    cancel: &CancelToken,
) -> Result<(Client, Kubeconfig), ExecError> {
    let unusable = |found: String| JoinError::BootstrapFile {
        path: path.to_owned(),
        expected: "a kubeconfig with credentials",
        found,
    };
    let read: Result<_, FileError> = read_kubeconfig(tree, path);
    let kubeconfig = read?.ok_or_else(|| unusable("nothing".to_owned()))?.map_err(unusable)?;
    let options = ClientOptions::from_kubeconfig(&kubeconfig).map_err(|error| unusable(error.to_string()))?;
    let client = Client::new(&options).map_err(|error| unusable(error.to_string()))?;
    Ok((client.cancelled_by(cancel.clone()), kubeconfig))
}

impl Executor for Joining {
    fn check(&self) -> Check {
        Self::check_step
    }

    fn prepare<'a>(&'a mut self, plan: &'a Plan, run: &'a Run) -> BoxFuture<'a, Result<(), ExecError>> {
        self.host.prepare(plan, run)
    }

    fn run<'a>(&'a mut self, step: &'a Step, run: &'a Run) -> BoxFuture<'a, Result<Outcome, ExecError>> {
        let stage = step.id.split('/').next().unwrap_or_default();
        let outcome = match &step.action {
            Action::BootstrapKubelet(action) => self.bootstrap(action, stage, run),
            Action::WaitForKubelet { url, timeout } => kubelet_wait::for_health(url, *timeout, stage, run),
            Action::RegisterNode { object, kubeconfig } => self.register(object, kubeconfig, stage, run),
            _ => return self.host.run(step, run),
        };
        Box::pin(std::future::ready(outcome))
    }

    fn finish<'a>(&'a mut self, run: &'a Run) -> BoxFuture<'a, Result<(), ExecError>> {
        self.host.finish(run)
    }
}
