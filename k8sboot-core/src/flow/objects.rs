//! The stages after `kubelet`: what the API server is to be given, and the join commands.

use super::{FlowError, InitOptions, phases::Skipped, pki, wait};
use crate::{
    config::InitConfig,
    facts::Facts,
    manifest::{
        Object,
        cluster::{self, ObjectInputs},
        node,
    },
    pki::upload,
    plan::{Action, ApplyHow, Condition, Guard, Plan, PlanError, Step},
    time::GoDuration,
    token::{BootstrapToken, CaPin, JoinCommand, TokenError},
};

/// A CA certificate that does not exist yet: what a dry run has in its place.
const KNOWN_AFTER_PKI: &str = "<known after stage pki>\n";

/// The objects of a fresh cluster with the stage that applies each, in order.
///
/// # Errors
///
/// [`FlowError::Objects`] if one cannot be rendered.
pub fn cluster_objects(
    config: &InitConfig,
    options: &InitOptions,
    ca_pem: &str,
) -> Result<Vec<(&'static str, Object)>, FlowError> {
    let mut inputs = ObjectInputs::new(ca_pem, options.now).patches(&options.patches);
    if let Some(uploaded) = &options.uploaded_certs {
        inputs = inputs.uploaded_certs(uploaded);
    }
    let objects = cluster::objects(config, &inputs)
        .map_err(|source| FlowError::Objects { stage: "upload-config", source })?;
    let skipped = Skipped::of(config)?;
    let wanted = objects.into_iter().filter(|staged| !skipped.object(staged.stage, &staged.object));
    Ok(wanted.map(|staged| (staged.stage, staged.object)).collect())
}

/// The join commands: for each bootstrap token one for workers, and before it one for control planes if the cluster has a
/// common endpoint (without one, kubeadm refuses further control planes).
///
/// # Errors
///
/// [`TokenError`] if the CA certificate cannot be read.
pub fn join_commands(config: &InitConfig, ca_pem: &str) -> Result<Vec<JoinCommand>, TokenError> {
    let pins = CaPin::of_certificate_pem(ca_pem)?;
    let endpoint = config.api_server_host_port();
    let mut commands = Vec::new();
    for entry in &config.init().bootstrap_tokens {
        let token: BootstrapToken = entry.token.expose().parse()?;
        if config.control_plane_endpoint().is_some() {
            let key = &config.init().certificate_key;
            let key = (!key.is_empty()).then(|| key.expose().parse().ok()).flatten();
            commands.push(JoinCommand::control_plane(&endpoint, token.clone(), pins.clone(), key)?);
        }
        commands.push(JoinCommand::worker(&endpoint, token, pins.clone())?);
    }
    Ok(commands)
}

/// What the owner of a plan of objects has beside the configuration.
pub(super) struct Context<'a> {
    pub(super) config: &'a InitConfig,
    pub(super) options: &'a InitOptions,
    pub(super) skipped: &'a Skipped,
    pub(super) seen: &'a Facts,
}

pub(super) fn plan(stage: &'static str, with: &Context<'_>) -> Result<Plan, FlowError> {
    let (config, options) = (with.config, with.options);
    let ca_pem = with.seen.text(&format!("{}/ca.crt", config.certificates_dir())).unwrap_or(KNOWN_AFTER_PKI);
    let mut steps = Vec::new();
    let mut notes = Vec::new();
    match stage {
        "wait-control-plane" => {
            steps.extend(wait::steps(config, options, with.skipped, with.seen, &mut notes)?);
        }
        "upload-certs" => return upload_certs(with, notes),
        "mark-control-plane" => return Ok(mark(config)),
        _ => {}
    }
    if stage == "bootstrap-token" && ca_pem == KNOWN_AFTER_PKI {
        notes.push("the cluster CA is known after stage pki: cluster-info is shown without it".to_owned());
    }
    for (of, object) in cluster_objects(config, options, ca_pem)? {
        if of == stage {
            let how = how(&object);
            steps.push(apply(stage, object, how));
        }
    }
    Ok(Plan::new(stage, steps, notes))
}

/// What gives admin.conf its rights, for runs that begin after `wait-control-plane`.
pub(super) fn admin_rights(stage: &'static str) -> Result<Vec<Step>, FlowError> {
    let objects = cluster::rbac::CLUSTER_ADMINS.objects();
    let objects = objects.map_err(|source| FlowError::Objects { stage, source })?;
    let step = |object| {
        let how = how(&object);
        apply(stage, object, how)
    };
    Ok(objects.into_iter().map(step).collect())
}

/// What kubeadm keeps of an object that is there, and whose rights a step needs.
fn how(object: &Object) -> ApplyHow {
    let key = object.key();
    let keep: &'static [&'static str] = match (key.kind.as_str(), key.name.as_str()) {
        ("ConfigMap", "coredns") => &["data.Corefile"],
        ("Deployment", "coredns") => &["spec.replicas"],
        _ => &[],
    };
    let grants_admin = key.kind == "ClusterRoleBinding" && key.name == cluster::rbac::CLUSTER_ADMINS.name;
    ApplyHow { keep, owner: None, grants_admin }
}

fn apply(stage: &str, object: Object, how: ApplyHow) -> Step {
    let id = format!("{stage}/{}", object.key());
    let action = Action::ApplyObject { object: Box::new(object), how };
    Step::new(id, "object of the cluster", action, Guard::None)
}

/// Stage `upload-certs`: the files that further control planes share, sealed, for two hours.
fn upload_certs(with: &Context<'_>, mut notes: Vec<String>) -> Result<Plan, FlowError> {
    const STAGE: &str = "upload-certs";
    let (config, options) = (with.config, with.options);
    if !options.upload_certs && options.uploaded_certs.is_none() {
        notes.push("not asked for: further control planes get the shared files by other means".to_owned());
        return Ok(Plan::new(STAGE, Vec::new(), notes));
    }
    if pki::is_external(config, with.seen) {
        return Err(FlowError::Plan {
            stage: STAGE,
            source: Box::new(PlanError::Unusable {
                path: format!("{}/ca.key", config.certificates_dir()),
                expected: "the key of the cluster CA, which is uploaded".to_owned(),
                found: "nothing: the CA is external".to_owned(),
                remedy: "leave the upload out and bring the files to further control planes yourself"
                    .to_owned(),
            }),
        });
    }
    let mut steps = Vec::new();
    match &options.uploaded_certs {
        Some(uploaded) => {
            let owner = uploaded.owner.key().clone();
            steps.push(apply(STAGE, uploaded.owner.clone(), ApplyHow::default()));
            let how = ApplyHow { owner: Some(owner), ..ApplyHow::default() };
            steps.push(apply(STAGE, uploaded.certs.clone(), how));
        }
        None => {
            let action = Action::UploadCertificates { entries: upload::entries(config.cluster()) };
            let why = "further control planes fetch them with the certificate key";
            steps.push(Step::new(format!("{STAGE}/kubeadm-certs"), why, action, Guard::None));
        }
    }
    let grants = cluster::rbac::UPLOADED_CERTS.objects();
    let grants = grants.map_err(|source| FlowError::Objects { stage: STAGE, source })?;
    steps.extend(grants.into_iter().map(|object| apply(STAGE, object, ApplyHow::default())));
    Ok(Plan::new(STAGE, steps, notes))
}

/// Stage `mark-control-plane`: labels and taints, once the kubelet has registered the Node.
fn mark(config: &InitConfig) -> Plan {
    const STAGE: &str = "mark-control-plane";
    let timeout = config.init().timeouts.as_ref().and_then(|timeouts| timeouts.kubernetes_api_call);
    let wait = Action::WaitFor {
        condition: Condition::Node { name: config.node_name().to_owned() },
        timeout: timeout.unwrap_or(GoDuration::from_seconds(60)),
    };
    let mark = Action::MarkNode(Box::new(node::control_plane_mark(config)));
    let steps = vec![
        Step::new(format!("{STAGE}/node"), "the kubelet registers it", wait, Guard::None),
        Step::new(format!("{STAGE}/mark"), "only what tolerates it runs there", mark, Guard::None),
    ];
    Plan::new(STAGE, steps, Vec::new())
}
