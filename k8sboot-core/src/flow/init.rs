//! The flow that makes a node the first control plane of a cluster.

use super::{
    Flow, FlowError, INIT_STAGES, control_plane, finalize, kubeconfigs, kubelet, objects, phases::Skipped,
    pki, preflight, runner::Stages, wait,
};
use crate::{
    config::InitConfig,
    facts::{Facts, Wanted},
    manifest::{PatchSet, RenderOptions, cluster::UploadedCerts},
    pki::Policy,
    plan::Plan,
    time::Timestamp,
};

/// What init needs beside the configuration.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InitOptions {
    /// The present time: lifetimes of bootstrap tokens begin here, and existing certificates are judged by it.
    pub now: Timestamp,
    /// Patches of manifests. Default: none.
    pub patches: PatchSet,
    /// Kind of key and lifetime per class of certificate. Default: as the configuration says.
    pub policy: Policy,
    /// The sealed certificates for joining control planes. Default: none are uploaded.
    pub uploaded_certs: Option<UploadedCerts>,
    /// Whether stage upload-certs seals and uploads the shared files of the tree, with the certificate key of the
    /// executor. Default: no. Without effect beside [`uploaded_certs`](Self::uploaded_certs).
    pub upload_certs: bool,
    /// Whether stage wait-control-plane waits for the kubelet's health. Default: yes; no is for machines where something
    /// else runs the static pods.
    pub wait_for_kubelet: bool,
}

impl InitOptions {
    /// No patches, the configuration's own kinds of keys and lifetimes.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self {
            now,
            patches: PatchSet::none(),
            policy: Policy::default(),
            uploaded_certs: None,
            upload_certs: false,
            wait_for_kubelet: true,
        }
    }

    /// Sets [`patches`](Self::patches).
    #[must_use]
    pub fn patches(mut self, patches: PatchSet) -> Self {
        self.patches = patches;
        self
    }

    /// Sets [`uploaded_certs`](Self::uploaded_certs).
    #[must_use]
    pub fn uploaded_certs(mut self, uploaded: UploadedCerts) -> Self {
        self.uploaded_certs = Some(uploaded);
        self
    }

    /// Sets [`upload_certs`](Self::upload_certs).
    #[must_use]
    pub const fn upload_certs(mut self, upload: bool) -> Self {
        self.upload_certs = upload;
        self
    }

    /// Sets [`wait_for_kubelet`](Self::wait_for_kubelet).
    #[must_use]
    pub const fn wait_for_kubelet(mut self, wait: bool) -> Self {
        self.wait_for_kubelet = wait;
        self
    }

    /// Sets [`policy`](Self::policy).
    #[must_use]
    pub const fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }
}

/// A flow that makes a node the first control plane of a cluster.
///
/// Stages: see [`super::INIT_STAGES`]. Up to `kubelet` they only touch files; the later ones need an executor that talks
/// to the API server (`exec::Cluster`, feature `api`).
#[must_use]
pub fn init(config: InitConfig, options: InitOptions) -> Flow {
    Flow::new(InitFlow { config, options, external_ca: false, makes_pki: true, grants_admin: None })
}

/// The stages that speak to the API server as admin.conf once it answers.
const SPEAKING: [&str; 5] =
    ["upload-config", "upload-certs", "mark-control-plane", "bootstrap-token", "addons"];

struct InitFlow {
    config: InitConfig,
    options: InitOptions,
    external_ca: bool,
    makes_pki: bool,
    /// The stage that gives admin.conf its rights, if it is not `wait-control-plane`.
    grants_admin: Option<&'static str>,
}

impl Stages for InitFlow {
    fn table(&self) -> &'static [&'static str] {
        &INIT_STAGES
    }

    fn select(&mut self, stages: &[&str]) {
        self.makes_pki = stages.contains(&"pki");
        // A run that begins later speaks as admin.conf too.
        let speaks = |stage: &&&str| stages.contains(*stage) && SPEAKING.contains(*stage);
        self.grants_admin = INIT_STAGES.iter().find(speaks).copied();
        if stages.contains(&"wait-control-plane") {
            self.grants_admin = None;
        }
    }

    fn wanted(&self, stage: &'static str) -> Result<Wanted, FlowError> {
        let at = |source| FlowError::Plan { stage, source: Box::new(source) };
        let config = &self.config;
        Ok(match stage {
            "preflight" => preflight::wanted(config),
            "pki" => pki::wanted(config, &self.options).map_err(at)?,
            "kubeconfig" => kubeconfigs::wanted(config, &self.options).map_err(at)?,
            // Whether the cluster CA is external decides flags of the controller manager.
            "etcd" | "control-plane" => pki::with_authority(control_plane::wanted(stage, config), config),
            "kubelet" => kubelet::wanted(),
            "wait-control-plane" => wait::wanted(pki::with_authority(Wanted::default(), config)),
            "kubelet-finalize" => finalize::wanted(config),
            _ => pki::with_authority(Wanted::default(), config),
        })
    }

    fn plan(&mut self, stage: &'static str, seen: &Facts) -> Result<Plan, FlowError> {
        let at = |source| FlowError::Plan { stage, source: Box::new(source) };
        let (config, options) = (&self.config, &self.options);
        let skipped = Skipped::of(config)?;
        if skipped.stage(stage) {
            return Ok(Plan::new(stage, Vec::new(), vec!["left out by skipPhases".to_owned()]));
        }
        let makes_pki = self.makes_pki && !skipped.stage("pki");
        let mut plan = match stage {
            "preflight" => preflight::plan(config, &options.patches, seen).map_err(at),
            "pki" => pki::plan(config, options, seen).map_err(at),
            "kubeconfig" => kubeconfigs::plan(config, options, makes_pki, seen).map_err(at),
            "etcd" | "control-plane" => {
                self.external_ca = pki::is_external(config, seen);
                let render = RenderOptions { external_ca: self.external_ca, ..RenderOptions::default() };
                control_plane::plan(stage, config, &options.patches, &render, seen).map_err(at)
            }
            "kubelet" => kubelet::plan(config, &options.patches, seen).map_err(at),
            "kubelet-finalize" => Ok(finalize::plan(config, seen)),
            _ => objects::plan(stage, &objects::Context { config, options, skipped: &skipped, seen }),
        }?;
        if self.grants_admin == Some(stage) {
            plan.steps.splice(..0, objects::admin_rights(stage)?);
        }
        plan.steps.retain(|step| !skipped.step(stage, step));
        Ok(plan)
    }

    fn may_change(&self) -> Result<(), FlowError> {
        if self.config.init().dry_run { Err(FlowError::DryRun {}) } else { Ok(()) }
    }
}
