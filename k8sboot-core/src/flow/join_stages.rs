//! The stages of join, each as a plan.
//!
//! Source: kubeadm 1.36, join, phases preflight, kubelet-start and kubelet-wait-bootstrap. Unlike kubeadm, what stands
//! against joining is known before anything is written, and files of an earlier run of ours are gone on with.

use super::{
    FlowError, files,
    join::{JoinFlow, TlsBootstrap},
};
use crate::{
    config::JoinConfig,
    facts::{Content, Facts, FileFact, SeenCluster, SeenKubeconfig, Want, Wanted},
    join::{
        self, ClusterView, JoinError, KUBELET_CLIENT_KEY, NodeIdentity, kubelet_health_url, node_identity,
    },
    manifest::ManifestError,
    pki::Certificate,
    plan::{Action, BootstrapAction, BootstrapBy, Guard, Plan, PlanError, Step},
    time::GoDuration,
};

const KUBELET_CONF: &str = "/etc/kubernetes/kubelet.conf";
const BOOTSTRAP_CONF: &str = "/etc/kubernetes/bootstrap-kubelet.conf";
const DIRECTORY: &str = "/var/lib/kubelet";
const INSTANCE: &str = "/var/lib/kubelet/instance-config.yaml";
const CONFIG: &str = "/var/lib/kubelet/config.yaml";
const FLAGS: &str = "/var/lib/kubelet/kubeadm-flags.env";
/// How long kubeadm waits for the kubelet's health and for its certificate, in seconds.
const HEALTH_SECONDS: i64 = 240;
const BOOTSTRAP_SECONDS: i64 = 300;

/// What a stage runs into.
pub(super) enum Problem {
    Join(JoinError),
    Plan(PlanError),
    Manifest(ManifestError),
}

impl Problem {
    pub(super) fn at(self, stage: &'static str) -> FlowError {
        match self {
            Self::Join(source) => FlowError::Join { stage, source: Box::new(source) },
            Self::Plan(source) => FlowError::Plan { stage, source: Box::new(source) },
            Self::Manifest(source) => FlowError::Objects { stage, source },
        }
    }
}

impl From<JoinError> for Problem {
    fn from(source: JoinError) -> Self {
        Self::Join(source)
    }
}

impl From<PlanError> for Problem {
    fn from(source: PlanError) -> Self {
        Self::Plan(source)
    }
}

impl From<ManifestError> for Problem {
    fn from(source: ManifestError) -> Self {
        Self::Manifest(source)
    }
}

/// kubeadm's phases of a worker's join and the stage of ours that each is.
const PHASES: [(&str, &str); 3] =
    [("preflight", "preflight"), ("kubelet-start", "kubelet"), ("kubelet-wait-bootstrap", "tls-bootstrap")];
/// Phases that only control planes have: nothing to leave out.
const OTHERS: [&str; 5] =
    ["control-plane-prepare", "check-etcd", "etcd-join", "control-plane-join", "wait-control-plane"];

/// The stages that `skipPhases` leaves out.
pub(super) fn skipped(config: &JoinConfig) -> Result<Vec<&'static str>, FlowError> {
    let mut stages = Vec::new();
    for name in &config.join().skip_phases {
        let wanted = name.trim().to_lowercase();
        let whole = wanted.split('/').next().unwrap_or_default();
        match PHASES.iter().find(|(phase, _)| *phase == wanted) {
            Some((_, stage)) => stages.push(*stage),
            None if OTHERS.contains(&whole) => {}
            None => {
                return Err(FlowError::UnknownPhase { flow: "join", found: name.chars().take(64).collect() });
            }
        }
    }
    if stages.contains(&"tls-bootstrap") {
        stages.push("wait-kubelet");
    }
    Ok(stages)
}

/// The files that the stages look at.
pub(super) fn files(config: &JoinConfig) -> Wanted {
    let ca = config.join().ca_cert_path.as_str();
    files::want([
        (KUBELET_CONF, Want::Kubeconfig),
        (BOOTSTRAP_CONF, Want::Kubeconfig),
        (ca, Want::Text),
        (INSTANCE, Want::Text),
        (CONFIG, Want::Text),
        (FLAGS, Want::Text),
        (KUBELET_CLIENT_KEY, Want::Kind),
    ])
    .file(DIRECTORY, Want::Kind)
}

pub(super) fn preflight(flow: &JoinFlow, seen: &Facts) -> Result<Plan, Problem> {
    let mut notes: Vec<String> = flow.config.warnings().iter().map(ToString::to_string).collect();
    let ignored = flow.options.patches.ignored().iter();
    notes.extend(
        ignored.map(|file| {
            format!("patch file {file} is ignored: it is empty, or its name begins with no target")
        }),
    );
    match identity(flow, seen)? {
        Some(NodeIdentity::Usable) => notes.push(format!("{KUBELET_CONF} is usable: the node has joined")),
        Some(NodeIdentity::Expired) => {
            notes.push(format!("the certificate of {KUBELET_CONF} has expired: the node gets a new one"));
        }
        Some(NodeIdentity::Missing) | None => {}
    }
    Ok(Plan::new("preflight", Vec::new(), notes))
}

pub(super) fn discover(flow: &JoinFlow, seen: &Facts) -> Result<Plan, Problem> {
    let (cluster, view) = cluster(flow, seen)?;
    let mut notes = cluster.warnings.clone();
    notes.push(format!("cluster {} at {}, version {}", view.name(), cluster.server, view.version()));
    notes.extend(view.notes());
    Ok(Plan::new("discover", Vec::new(), notes))
}

pub(super) fn kubelet(flow: &JoinFlow, seen: &Facts) -> Result<Plan, Problem> {
    const STAGE: &str = "kubelet";
    let (cluster, view) = cluster(flow, seen)?;
    let join = flow.config.join();
    let registration = &join.node_registration;
    let mut steps = files::remove_leftovers(STAGE, seen, &[]);
    if identity(flow, seen)? != Some(NodeIdentity::Usable) {
        let guard = match seen.file(BOOTSTRAP_CONF) {
            FileFact::Missing => Guard::Absent,
            FileFact::File { sha256, .. } => Guard::Unchanged { sha256: *sha256 },
            other => return Err(files::kind_error(BOOTSTRAP_CONF, "a regular file", other).into()),
        };
        let action = Action::WriteCredentials {
            path: BOOTSTRAP_CONF.to_owned(),
            kubeconfig: Box::new(cluster.bootstrap.clone()),
        };
        let why = "credentials for the first certificate";
        steps.push(Step::new("kubelet/bootstrap-kubelet.conf", why, action, guard));
    }
    let mut write = |name: &str, why: &str, path: &str, content: String| -> Result<(), Problem> {
        steps.extend(files::write(format!("{STAGE}/{name}"), why, path, 0o644, content, seen)?);
        Ok(())
    };
    if matches!(seen.file(&join.ca_cert_path), FileFact::Missing) {
        write("ca", "by which the kubelet knows its clients", &join.ca_cert_path, cluster.ca_pem.clone())?;
    }
    let directory = "kubelet/directory".to_owned();
    let made = files::make_directory(directory, "the kubelet's own directory", DIRECTORY, 0o700, seen)?;
    steps.extend(made);
    let mut write = |name: &str, why: &str, path: &str, content: String| -> Result<(), Problem> {
        steps.extend(files::write(format!("{STAGE}/{name}"), why, path, 0o644, content, seen)?);
        Ok(())
    };
    if let Some(instance) = view.instance_yaml(registration) {
        write("instance-config", "what is particular to this node", INSTANCE, instance)?;
    }
    let host = flow.config.host();
    let (config, applied) = view.config_yaml(registration, &flow.options.patches, host.systemd_resolved)?;
    write("config", "the kubelet's configuration, from the cluster", CONFIG, config)?;
    let flags = view.flags_env(registration, &host.hostname, true);
    write("flags", "flags that are not in the configuration file", FLAGS, flags)?;
    Ok(Plan::new(STAGE, steps, applied.iter().map(ToString::to_string).collect()))
}

pub(super) fn tls_bootstrap(flow: &JoinFlow, seen: &Facts) -> Result<Plan, Problem> {
    const STAGE: &str = "tls-bootstrap";
    let mut steps = Vec::new();
    if identity(flow, seen)? == Some(NodeIdentity::Usable) {
        for (name, path) in [("bootstrap", BOOTSTRAP_CONF), ("key", KUBELET_CLIENT_KEY)] {
            if !seen.file(path).is_missing() {
                let action = Action::RemovePath { path: path.to_owned() };
                let why = "the node has its own credentials";
                steps.push(Step::new(format!("{STAGE}/remove-{name}"), why, action, Guard::None));
            }
        }
        let note = format!("{KUBELET_CONF} is usable already");
        return Ok(Plan::new(STAGE, steps, vec![note]));
    }
    let timeouts = flow.config.join().timeouts.as_ref();
    let by = match flow.options.tls_bootstrap {
        TlsBootstrap::Kubelet => BootstrapBy::Kubelet { health: health(seen) },
        TlsBootstrap::Library { algorithm } => BootstrapBy::Library { algorithm },
    };
    let action = BootstrapAction {
        node: flow.config.node_name().to_owned(),
        bootstrap: BOOTSTRAP_CONF.to_owned(),
        kubeconfig: KUBELET_CONF.to_owned(),
        by,
        timeout: timeouts
            .and_then(|timeouts| timeouts.tls_bootstrap)
            .unwrap_or(GoDuration::from_seconds(BOOTSTRAP_SECONDS)),
    };
    let why = "the kubelet's first client certificate";
    let action = Action::BootstrapKubelet(Box::new(action));
    steps.push(Step::new("tls-bootstrap/kubelet.conf", why, action, Guard::None));
    Ok(Plan::new(STAGE, steps, Vec::new()))
}

pub(super) fn wait_kubelet(flow: &JoinFlow, seen: &Facts) -> Plan {
    const STAGE: &str = "wait-kubelet";
    let timeouts = flow.config.join().timeouts.as_ref();
    let timeout = timeouts
        .and_then(|timeouts| timeouts.kubelet_health_check)
        .unwrap_or(GoDuration::from_seconds(HEALTH_SECONDS));
    let Some(url) = health(seen) else {
        let note = "the kubelet's health port is 0: it cannot be asked".to_owned();
        return Plan::new(STAGE, Vec::new(), vec![note]);
    };
    let action = Action::WaitForKubelet { url, timeout };
    let step = Step::new("wait-kubelet/health", "it registers the node", action, Guard::None);
    Plan::new(STAGE, vec![step], Vec::new())
}

pub(super) fn register_node(flow: &JoinFlow) -> Result<Plan, Problem> {
    const STAGE: &str = "register-node";
    if !flow.options.register_node {
        return Ok(Plan::new(STAGE, Vec::new(), vec!["left to the kubelet".to_owned()]));
    }
    let registration = &flow.config.join().node_registration;
    let object = join::node_object(registration, &flow.config.host().default_addresses)?;
    let id = format!("{STAGE}/{}", object.key());
    let action = Action::RegisterNode { object: Box::new(object), kubeconfig: KUBELET_CONF.to_owned() };
    let step = Step::new(id, "no kubelet does", action, Guard::None);
    Ok(Plan::new(STAGE, vec![step], Vec::new()))
}

/// The cluster as the probe saw it, and what of its configuration counts; everything that stands against joining it.
fn cluster<'a>(flow: &JoinFlow, seen: &'a Facts) -> Result<(&'a SeenCluster, ClusterView), JoinError> {
    let cluster = seen.cluster.as_deref().ok_or(JoinError::NotDiscovered {})?;
    let view = ClusterView::read(&cluster.kubeadm_config, &cluster.kubelet_config)?;
    if let Some(kubelet) = &flow.options.kubelet_version {
        view.check_kubelet(kubelet, cluster.server_version.as_ref())?;
    }
    let ca = flow.config.join().ca_cert_path.as_str();
    if let Some(there) = seen.text(ca) {
        same_authority(ca, there, &cluster.ca_pem)?;
    }
    if let Some(there) = kubelet_conf(seen) {
        same_authority(KUBELET_CONF, &there.ca_pem, &cluster.ca_pem)?;
    }
    let joined = identity(flow, seen)?.is_some_and(|identity| identity != NodeIdentity::Missing);
    if cluster.node_ready == Some(true) && !joined {
        return Err(JoinError::NodeExists { name: flow.config.node_name().to_owned() });
    }
    Ok((cluster, view))
}

/// What the kubelet.conf that is there is good for; `None` if there is none.
fn identity(flow: &JoinFlow, seen: &Facts) -> Result<Option<NodeIdentity>, JoinError> {
    match seen.file(KUBELET_CONF) {
        FileFact::Missing => Ok(None),
        FileFact::File { content: Content::Kubeconfig(there), .. } => {
            let certificate = &there.client_certificate_pem;
            node_identity(KUBELET_CONF, certificate, flow.config.node_name(), flow.options.now).map(Some)
        }
        FileFact::File { content: Content::Unusable(why), .. } => Err(JoinError::OtherCluster {
            path: KUBELET_CONF.to_owned(),
            expected: "a kubeconfig of this node, or none",
            found: why.clone(),
        }),
        _ => Err(JoinError::OtherCluster {
            path: KUBELET_CONF.to_owned(),
            expected: "a regular file, or none",
            found: "something else".to_owned(),
        }),
    }
}

fn kubelet_conf(seen: &Facts) -> Option<&SeenKubeconfig> {
    match seen.file(KUBELET_CONF) {
        FileFact::File { content: Content::Kubeconfig(there), .. } => Some(there),
        _ => None,
    }
}

/// The two have a certificate authority in common.
fn same_authority(path: &str, there: &str, cluster: &str) -> Result<(), JoinError> {
    let ders = |pem: &str| -> Vec<Vec<u8>> {
        Certificate::all_from_pem(pem).unwrap_or_default().iter().map(|c| c.der().to_vec()).collect()
    };
    let (there, wanted) = (ders(there), ders(cluster));
    if there.iter().any(|certificate| wanted.contains(certificate)) {
        return Ok(());
    }
    let found = if there.is_empty() { "no certificate" } else { "another one" };
    Err(JoinError::OtherCluster {
        path: path.to_owned(),
        expected: "the certificate authority of the cluster that is joined",
        found: found.to_owned(),
    })
}

/// Where the kubelet says whether it is healthy, by the configuration that is there.
fn health(seen: &Facts) -> Option<String> {
    kubelet_health_url(seen.text(CONFIG).unwrap_or_default())
}
