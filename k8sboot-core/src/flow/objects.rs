//! The stages after `kubelet`: what the API server is to be given, and the join commands.

use super::{FlowError, InitOptions, phases::Skipped};
use crate::{
    config::InitConfig,
    facts::Facts,
    manifest::{
        Object,
        cluster::{self, ObjectInputs},
    },
    plan::{Action, Guard, Plan, Step},
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

pub(super) fn plan(
    stage: &'static str,
    config: &InitConfig,
    options: &InitOptions,
    seen: &Facts,
) -> Result<Plan, FlowError> {
    let ca_pem = seen.text(&format!("{}/ca.crt", config.certificates_dir())).unwrap_or(KNOWN_AFTER_PKI);
    let mut steps = Vec::new();
    let mut notes = Vec::new();
    if stage == "wait-control-plane" {
        let timeout = config.init().timeouts.as_ref().and_then(|t| t.control_plane_component_health_check);
        steps.push(Step::new(
            "wait-control-plane/api-server",
            "the later stages talk to it",
            Action::WaitForApiServer {
                server: config.local_api_server(),
                timeout: timeout.unwrap_or(GoDuration::from_seconds(240)),
            },
            Guard::None,
        ));
    }
    if ca_pem == KNOWN_AFTER_PKI {
        notes.push("the cluster CA is known after stage pki: cluster-info is shown without it".to_owned());
    }
    for (of, object) in cluster_objects(config, options, ca_pem)? {
        if of == stage || (of == "upload-certs" && stage == "upload-config") {
            let id = format!("{stage}/{}", object.key());
            let action = Action::ApplyObject { object: Box::new(object) };
            steps.push(Step::new(id, "object of the cluster", action, Guard::None));
        }
    }
    Ok(Plan::new(stage, steps, notes))
}
