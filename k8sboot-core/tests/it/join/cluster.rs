//! Real clusters to join: one with our objects, one with those that kubeadm made.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use k8sboot_core::{
    api::{ApplyOptions, Resource},
    blocking::wait,
    config::{Documents, JoinConfig},
    exec::{self, Event, FileHook, Observer, Run, Tree},
    facts::NodeFacts,
    flow::{
        self, FlowError, InitOptions, JOIN_STAGES, JoinOptions, Report, Selection, TlsBootstrap,
        cluster_objects,
    },
    manifest::{Object, yaml},
    pki::KeyAlgorithm,
    probe,
    time::Timestamp,
    token::CaPin,
};

use crate::{
    cluster::{ControlPlane, Lan, real_now},
    support::fixture_path,
    tree::quick_text,
};

pub(crate) const TOKEN: &str = "abcdef.0123456789abcdef";
pub(crate) const SECRET: &str = "0123456789abcdef";

/// A control plane with the objects that our init gives it.
pub(crate) fn ours(lan: Option<&Lan>) -> Option<ControlPlane> {
    let control_plane = started(lan)?;
    let ca = control_plane.read("/etc/kubernetes/pki/ca.crt");
    let objects = cluster_objects(control_plane.config(), &InitOptions::at(real_now()), &ca).unwrap();
    load(&control_plane, objects.into_iter().map(|(_, object)| object));
    Some(control_plane)
}

/// A control plane with the objects that kubeadm 1.36.2 was recorded to make.
pub(crate) fn of_kubeadm() -> Option<ControlPlane> {
    let control_plane = started(None)?;
    let ca = STANDARD.encode(control_plane.read("/etc/kubernetes/pki/ca.crt"));
    let end = STANDARD.encode(real_now().plus_seconds(86_400).to_string());
    let mut files: Vec<_> = fs::read_dir(fixture_path("cases/minimal/objects"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    let objects = files.iter().map(|path| {
        let text = fs::read_to_string(path).unwrap().replace("<CA_DATA>", &ca);
        let text = text.replace("<EXPIRATION:now+24h0m0s RFC3339 UTC, base64>", &end);
        Object::from_value(yaml::parse_all(&text).unwrap().remove(0)).unwrap()
    });
    load(&control_plane, objects);
    Some(control_plane)
}

fn started(lan: Option<&Lan>) -> Option<ControlPlane> {
    let control_plane = ControlPlane::installed(&quick_text("minimal"), lan)?;
    control_plane.up(&["etcd", "kube-apiserver", "kube-controller-manager"]);
    Some(control_plane)
}

fn load(control_plane: &ControlPlane, objects: impl Iterator<Item = Object>) {
    let client = control_plane.client();
    for object in objects {
        // Some of these are of kinds that no worker needs.
        if let Some(resource) = Resource::of(object.key()) {
            client.apply(resource, &object, &ApplyOptions::new("test").force(true)).unwrap();
        }
    }
    wait_signed(control_plane, "abcdef");
}

/// Waits until the controller manager has signed cluster-info with a token.
pub(crate) fn wait_signed(control_plane: &ControlPlane, id: &str) {
    let client = control_plane.client();
    let signed = || {
        let map = client.get(&Resource::CONFIG_MAPS, Some("kube-public"), "cluster-info").unwrap().unwrap();
        map.as_value()["data"].get(format!("jws-kubeconfig-{id}")).is_some()
    };
    while !signed() {
        assert!(control_plane.age() < Duration::from_secs(120), "cluster-info is not signed");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A join configuration for the control plane; `more` has further fields.
pub(crate) fn join_text(control_plane: &ControlPlane, node: &str, more: &str) -> String {
    let pin = CaPin::of_certificate_pem(&control_plane.read("/etc/kubernetes/pki/ca.crt")).unwrap().remove(0);
    format!(
        "apiVersion: kubeadm.k8s.io/v1beta4
kind: JoinConfiguration
discovery:
  bootstrapToken:
    token: {TOKEN}
    apiServerEndpoint: 192.0.2.10:6443
    caCertHashes: [\"{pin}\"]
nodeRegistration:
  name: {node}
  taints: [{{key: dedicated, value: batch, effect: NoSchedule}}]
{more}"
    )
}

pub(crate) fn join_config(text: &str) -> JoinConfig {
    Documents::parse(text).unwrap().into_join(&NodeFacts::named("worker-1")).unwrap()
}

/// Our own request for the certificate, and a registered Node.
pub(crate) fn library() -> JoinOptions {
    JoinOptions::at(real_now())
        .tls_bootstrap(TlsBootstrap::Library { algorithm: KeyAlgorithm::EcdsaP256 })
        .register_node(true)
}

/// What was told, and when.
pub(crate) struct Told {
    begun: Instant,
    notes: Mutex<Vec<(Duration, String)>>,
}

impl Told {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { begun: Instant::now(), notes: Mutex::default() })
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// When something was told that contains a text.
    pub(crate) fn when(&self, part: &str) -> Option<Duration> {
        self.notes.lock().unwrap().iter().find(|(_, text)| text.contains(part)).map(|(at, _)| *at)
    }

    pub(crate) fn all(&self) -> String {
        let notes = self.notes.lock().unwrap();
        notes.iter().map(|(at, text)| format!("{:.3} {text}\n", at.as_secs_f64())).collect()
    }

    pub(crate) fn run(self: &Arc<Self>) -> Run {
        Run { observer: self.clone(), ..Run::default() }
    }
}

impl Observer for Told {
    fn event(&self, event: &Event<'_>) {
        if let Event::Note { text, .. } = event {
            self.notes.lock().unwrap().push((self.begun.elapsed(), (*text).to_owned()));
        }
    }
}

/// The whole join into a root, without waiting for a kubelet's health. Call it inside.
pub(crate) fn join(
    config: &JoinConfig,
    options: JoinOptions,
    root: &Path,
    run: &Run,
    hook: Option<Arc<dyn FileHook>>,
) -> Result<Report, FlowError> {
    let mut tree = Tree::create(root).unwrap();
    if let Some(hook) = hook {
        tree = tree.with_hook(hook);
    }
    let selection = Selection::of(&JOIN_STAGES).skip("wait-kubelet").unwrap();
    let flow = flow::join(config.clone(), options).select(selection).unwrap();
    let mut probe = probe::Cluster::new(probe::Host::new(tree.clone()), config, run);
    let mut executor = exec::Joining::new(exec::Host::new(tree));
    wait(flow.run(&mut probe, &mut executor, run))
}

/// A bootstrap token in the cluster.
pub(crate) fn add_token(control_plane: &ControlPlane, id: &str, end: Timestamp) {
    let text = |text: &str| STANDARD.encode(text);
    let secret = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "bootstrap.kubernetes.io/token",
        "metadata": {"name": format!("bootstrap-token-{id}"), "namespace": "kube-system"},
        "data": {
            "token-id": text(id),
            "token-secret": text(SECRET),
            "expiration": text(&end.to_string()),
            "usage-bootstrap-signing": text("true"),
            "usage-bootstrap-authentication": text("true"),
            "auth-extra-groups": text("system:bootstrappers:kubeadm:default-node-token"),
        },
    });
    let object = Object::from_value(secret).unwrap();
    control_plane.client().create(&Resource::SECRETS, &object).unwrap();
}
