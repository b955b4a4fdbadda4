//! What a kubelet does for a control plane, where no kubelet can run: it has no container runtime here.

use std::{
    collections::BTreeMap,
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use k8sboot_core::{
    api::{ApiError, Client, ClientOptions, Resource},
    blocking::wait,
    entropy::System,
    exec::{self, Event, Observer, Run, Tree},
    flow::{self, InitOptions, Report},
    kubeconfig::Kubeconfig,
    manifest::{Object, yaml},
    pki::CertificateKey,
    plan::Action,
    probe,
};
use serde_json::{Map, Value, json};

use super::{COMPONENTS, ControlPlane, real_now};
use crate::pki::Keys;

/// How often it looks at the manifests.
const LOOK: Duration = Duration::from_millis(50);
/// How long a static pod that has ended waits for its next start.
const PAUSE: Duration = Duration::from_millis(500);

impl ControlPlane {
    /// Does the whole of init on the machine, from whatever is there, as an embedder does.
    pub(crate) fn init(&self) -> Report {
        self.init_with(|options| options, None)
    }

    /// As [`init`](Self::init), with other options, and a key that seals what is uploaded.
    pub(crate) fn init_with(
        &self,
        set: impl FnOnce(InitOptions) -> InitOptions,
        key: Option<CertificateKey>,
    ) -> Report {
        let options = set(InitOptions::at(real_now()).wait_for_kubelet(false));
        let run = || {
            let tree = Tree::open(self.root()).unwrap();
            let host = exec::Host::new(tree.clone());
            let host = host.with_sources(real_now(), Arc::new(System), Arc::new(Keys));
            let mut cluster = exec::Cluster::new(host, self.config());
            if let Some(key) = key {
                cluster = cluster.with_certificate_key(key);
            }
            let flow = flow::init(self.config().clone(), options);
            let observer = Arc::new(Waits::default());
            let run = Run { observer: observer.clone(), ..Run::default() };
            let began = Instant::now();
            let report = wait(flow.run(&mut probe::Host::new(tree), &mut cluster, &run)).unwrap();
            let (whole, waited) = (began.elapsed(), observer.waited());
            let (all, own) = (whole.as_secs_f64(), (whole - waited).as_secs_f64());
            eprintln!("init of {}: {all:.2} s, {own:.2} s of it not waiting", self.config().node_name());
            report
        };
        self.tended(|| self.inside(run))
    }

    /// Does something while a stand-in for the kubelet runs: static pods are started when their manifests appear, started
    /// anew when these change and when they end, and the node registers itself. What runs at the end goes on.
    pub(crate) fn tended<T>(&self, work: impl FnOnce() -> T) -> T {
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| self.tend(&done));
            // However the work ends, the stand-in does too.
            let _guard = Done(&done);
            work()
        })
    }

    fn tend(&self, done: &AtomicBool) {
        let mut started: BTreeMap<&str, (String, Instant)> = BTreeMap::new();
        let (mut registered, mut mirrored) = (false, Vec::new());
        loop {
            // Once more after the work, so that nothing of it is missed.
            let last = done.load(Ordering::Relaxed);
            for component in COMPONENTS {
                let path = self.machine().path(&format!("/etc/kubernetes/manifests/{component}.yaml"));
                let Ok(manifest) = fs::read_to_string(path) else { continue };
                let ended = self.ended(component).is_some();
                match started.get(component) {
                    Some((same, _)) if *same == manifest && !ended => continue,
                    Some((same, since)) if *same == manifest && since.elapsed() < PAUSE => continue,
                    Some(_) if !ended => self.stop(component),
                    _ => {}
                }
                self.start_component(component);
                started.insert(component, (manifest, Instant::now()));
            }
            registered = registered || self.register().is_some();
            for (component, (manifest, _)) in &started {
                if registered && !mirrored.contains(component) && self.mirror(component, manifest).is_some() {
                    mirrored.push(*component);
                }
            }
            if last {
                return;
            }
            thread::sleep(LOOK);
        }
    }

    /// Registers the node with its own kubeconfig; nothing while that is not there or nobody answers.
    fn register(&self) -> Option<()> {
        let node = Object::from_value(node(self.config().node_name())).unwrap();
        made(self.kubelet()?.create(&Resource::NODES, &node))
    }

    /// Tells the API server of a static pod, as kubelets do.
    fn mirror(&self, component: &str, manifest: &str) -> Option<()> {
        let (client, name) = (self.kubelet()?, self.config().node_name());
        let node = client.get(&Resource::NODES, None, name).ok()??;
        let mut pod = yaml::parse_all(manifest).unwrap().remove(0);
        let annotations = pod["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
        let own = [("source", "file"), ("hash", "0"), ("mirror", "0")];
        let own = own.map(|(key, value)| (format!("kubernetes.io/config.{key}"), json!(value)));
        pod["metadata"]["annotations"] = annotations.into_iter().chain(own).collect::<Map<_, _>>().into();
        pod["metadata"]["name"] = json!(format!("{component}-{name}"));
        let uid = &node.as_value()["metadata"]["uid"];
        pod["metadata"]["ownerReferences"] =
            json!([{"apiVersion": "v1", "kind": "Node", "name": name, "uid": uid, "controller": true}]);
        pod["spec"]["nodeName"] = json!(name);
        pod["spec"]["tolerations"] = json!([{"operator": "Exists", "effect": "NoExecute"}]);
        made(client.create(&Resource::PODS, &Object::from_value(pod).unwrap()))
    }

    fn kubelet(&self) -> Option<Client> {
        let text = fs::read_to_string(self.machine().path("/etc/kubernetes/kubelet.conf")).ok()?;
        let options = ClientOptions::from_kubeconfig(&Kubeconfig::parse(&text).ok()?).ok()?;
        let options = options.timeouts(Duration::from_millis(500), Duration::from_secs(2));
        Some(self.client_with(&options))
    }
}

/// Whether an object is there, made now or before.
fn made(created: Result<Object, ApiError>) -> Option<()> {
    match created {
        Ok(_) => Some(()),
        Err(error) if error.is_already_exists() => Some(()),
        Err(_) => None,
    }
}

/// How long the steps took that wait.
#[derive(Default)]
struct Waits(Mutex<(Option<Instant>, Duration)>);

impl Waits {
    fn waited(&self) -> Duration {
        self.0.lock().unwrap().1
    }
}

impl Observer for Waits {
    fn event(&self, event: &Event<'_>) {
        let waits = &mut *self.0.lock().unwrap();
        match event {
            Event::StepStarted { step, .. } if matches!(step.action, Action::WaitFor { .. }) => {
                waits.0 = Some(Instant::now());
            }
            Event::StepDone { .. } => {
                waits.1 += waits.0.take().map_or(Duration::ZERO, |since| since.elapsed())
            }
            _ => {}
        }
    }
}

struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A node as its kubelet registers it: with room for pods, and not ready yet.
pub(crate) fn node(name: &str) -> Value {
    let room = json!({"cpu": "8", "memory": "16Gi", "pods": "110"});
    let ready = json!({"type": "Ready", "status": "False", "reason": "KubeletNotReady"});
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}},
        "status": {"capacity": room, "allocatable": room, "conditions": [ready]},
    })
}
