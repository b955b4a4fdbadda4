//! Renewal in a control plane that runs. No kubelet can run here: a thread of the test stands in for it, which restarts a
//! component when its manifest has changed or when it ends.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, SystemTime},
};

use k8sboot_core::{
    api::ClientOptions,
    entropy::System,
    error::{Code, Problem},
    exec::{self, CancelToken, Event, Observer, Run, Tree},
    flow::{CertsScope, RenewChoice, RenewedRunning, RestartError, RunningRenewal},
    kubeconfig::Kubeconfig,
    pki::{Certificate, RandomKeys},
    probe::{self, served_certificate},
    time::Timestamp,
};

use crate::{
    cluster::{COMPONENTS, ControlPlane},
    tree::quick_text,
};

/// Stands in for the kubelet until it is dropped; which components it restarted, in order.
struct StandIn {
    stop: Arc<AtomicBool>,
    restarted: Arc<Mutex<Vec<String>>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl StandIn {
    /// `before` is called with the component before it is started again.
    fn start(
        control_plane: &Arc<ControlPlane>,
        before: impl Fn(&ControlPlane, &str) + Send + 'static,
    ) -> Self {
        let (stop, restarted) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let mut known = manifests(control_plane);
        let (control_plane, over, list) =
            (Arc::clone(control_plane), Arc::clone(&stop), Arc::clone(&restarted));
        let thread = thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                for (component, text) in manifests(&control_plane) {
                    if known.get(&component) != Some(&text) {
                        known.insert(component.clone(), text);
                        before(&control_plane, &component);
                        control_plane.restart(&component);
                        list.lock().unwrap().push(component);
                    }
                }
                // What ends by itself is started again: controller manager and scheduler do without an API server.
                for component in COMPONENTS {
                    if control_plane.ended(component).is_some_and(|how| how != "was not started") {
                        control_plane.restart(component);
                    }
                }
                thread::sleep(Duration::from_millis(20));
            }
        });
        Self { stop, restarted, thread: Some(thread) }
    }

    fn restarted(&self) -> Vec<String> {
        std::mem::take(&mut *self.restarted.lock().unwrap())
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || thread::panicking());
    }
}

fn manifests(control_plane: &ControlPlane) -> BTreeMap<String, String> {
    let text = |component: &&str| control_plane.read(&format!("/etc/kubernetes/manifests/{component}.yaml"));
    COMPONENTS.iter().map(|component| ((*component).to_owned(), text(component))).collect()
}

/// Every file below /etc/kubernetes.
fn files(control_plane: &ControlPlane) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut open) = (BTreeMap::new(), vec![control_plane.root().join("etc/kubernetes")]);
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false => drop(found.insert(path.clone(), fs::read(&path).unwrap())),
            }
        }
    }
    found
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp::from_seconds(i64::try_from(since.as_secs()).unwrap())
}

fn named(names: &[&str]) -> RenewChoice {
    RenewChoice::Named(names.iter().map(|name| (*name).to_owned()).collect())
}

fn renewal(control_plane: &ControlPlane, choice: RenewChoice) -> RunningRenewal<'_> {
    let admin = control_plane.read("/etc/kubernetes/super-admin.conf");
    let admin = ClientOptions::from_kubeconfig(&Kubeconfig::parse(&admin).unwrap()).unwrap();
    let scope = CertsScope { config: control_plane.config(), authoritative: false, now: now() };
    RunningRenewal::new(scope, choice, admin).within(Duration::from_secs(60))
}

fn run(
    control_plane: &ControlPlane,
    renewal: &RunningRenewal<'_>,
    run: &Run,
) -> Result<RenewedRunning, RestartError> {
    let tree = Tree::open(control_plane.root()).unwrap();
    let keys = Arc::new(RandomKeys::new(&System));
    let mut host = exec::Host::new(tree.clone()).with_sources(now(), Arc::new(System), keys);
    control_plane.inside(|| renewal.run(&probe::Host::new(tree.clone()), &mut host, run))
}

fn served(control_plane: &ControlPlane, address: &str) -> Certificate {
    let address: SocketAddr = address.parse().unwrap();
    let limit = Duration::from_secs(5);
    control_plane.inside(|| served_certificate(address.ip(), address.port(), limit)).unwrap()
}

fn of_file(control_plane: &ControlPlane, path: &str) -> Certificate {
    Certificate::from_pem(&control_plane.read(path)).unwrap()
}

/// The notes of a run.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Observer for Notes {
    fn event(&self, event: &Event<'_>) {
        if let Event::Note { text, .. } = event {
            self.0.lock().unwrap().push((*text).to_owned());
        }
    }
}

/// Cancels when the waiting begins.
struct Impatient(CancelToken);

impl Observer for Impatient {
    fn event(&self, event: &Event<'_>) {
        if matches!(event, Event::Note { text, .. } if text.starts_with("waiting for etcd")) {
            self.0.trigger();
        }
    }
}

#[test]
fn renewing_restarts_exactly_the_readers_and_what_is_served_is_new() {
    let Some(control_plane) = ControlPlane::start(&quick_text("minimal")) else { return };
    let control_plane = Arc::new(control_plane);
    let stand_in = StandIn::start(&control_plane, |_, _| {});
    let host = control_plane.config().advertise_address();
    let (api, client, peer) = (format!("{host}:6443"), "127.0.0.1:2379", format!("{host}:2380"));
    let pki = "/etc/kubernetes/pki";

    // Planned first, nothing is changed by that.
    let before = files(&control_plane);
    let tree = Tree::open(control_plane.root()).unwrap();
    let plans = renewal(&control_plane, RenewChoice::All).plans(&probe::Host::new(tree)).unwrap();
    let steps: Vec<&str> = plans[1].steps().iter().map(|step| step.id.as_str()).collect();
    assert_eq!(steps, COMPONENTS.map(|component| format!("restart/{component}")));
    assert!(plans[1].steps()[1].why.contains("--tls-cert-file reads /etc/kubernetes/pki/apiserver.crt"));
    assert_eq!(files(&control_plane), before);

    // Nobody reads these.
    let report = run(
        &control_plane,
        &renewal(&control_plane, named(&["etcd-healthcheck-client", "admin.conf", "super-admin.conf"])),
        &Run::default(),
    )
    .unwrap();
    assert_eq!((report.renewed.steps.len(), report.restarted.len()), (3, 0));

    // A client of the API server: it restarts, and serves what it served.
    let old = served(&control_plane, &api);
    let report =
        run(&control_plane, &renewal(&control_plane, named(&["apiserver-etcd-client"])), &Run::default())
            .unwrap();
    assert_eq!(stand_in.restarted(), ["kube-apiserver"]);
    assert_eq!(report.restarted[0].served[0].1, old);
    assert!(report.restarted[0].verified);

    // All: each reader once, in order, and each serves the new file.
    let notes = Arc::new(Notes::default());
    let with_notes = Run { observer: Arc::<Notes>::clone(&notes), ..Run::default() };
    control_plane.wait_ready("kube-controller-manager");
    control_plane.wait_ready("kube-scheduler");
    let own = ["127.0.0.1:10257", "127.0.0.1:10259"].map(|at| served(&control_plane, at));
    let report = run(&control_plane, &renewal(&control_plane, RenewChoice::All), &with_notes).unwrap();
    for pod in &report.restarted {
        eprintln!("{} restarted and verified in {} ms", pod.pod, pod.took.as_millis());
    }
    assert_eq!(stand_in.restarted(), COMPONENTS);
    assert_eq!(report.restarted.iter().map(|pod| pod.pod.as_str()).collect::<Vec<_>>(), COMPONENTS);
    assert!(notes.0.lock().unwrap().iter().any(|note| note == "waiting for etcd to restart"));
    for (address, file) in [(&*api, "apiserver"), (client, "etcd/server"), (&*peer, "etcd/peer")] {
        let new = served(&control_plane, address);
        let path = format!("{pki}/{file}.crt");
        assert_eq!(new, of_file(&control_plane, &path), "{address}");
        let old = before.get(&control_plane.root().join(&path[1..])).unwrap();
        assert_ne!(new, Certificate::from_pem(std::str::from_utf8(old).unwrap()).unwrap(), "{address}");
    }
    let now = ["127.0.0.1:10257", "127.0.0.1:10259"].map(|at| served(&control_plane, at));
    assert!(own.iter().zip(&now).all(|(old, new)| old != new), "other processes");
    // The cluster works with the new clients.
    control_plane.wait_ready("kube-controller-manager");
    control_plane.wait_ready("kube-scheduler");
    assert_eq!(control_plane.caller("admin.conf").get(&["get", "--raw", "/readyz"]), "ok");
    assert_eq!(control_plane.kubectl(&["get", "--raw", "/readyz"]), "ok");
}

#[test]
fn what_does_not_restart_or_serves_something_else_is_told() {
    let Some(control_plane) = ControlPlane::start_some(&quick_text("minimal"), &["etcd", "kube-apiserver"])
    else {
        return;
    };
    let control_plane = Arc::new(control_plane);
    let manifest = |component: &str| manifests(&control_plane).remove(component).unwrap();
    let (etcd, api) = (manifest("etcd"), manifest("kube-apiserver"));

    // No kubelet.
    let short = renewal(&control_plane, named(&["etcd-server", "apiserver"])).within(Duration::from_secs(1));
    let error = run(&control_plane, &short, &Run::default()).unwrap_err();
    assert_eq!(error.code(), Code::RENEW_NOT_RESTARTED, "{error}");
    assert!(
        error.to_string().starts_with("renew: etcd was not seen to restart within 1 s: the old process runs")
    );
    assert!(manifest("etcd") != etcd && manifest("kube-apiserver") == api, "the next pod is not touched");

    // Cancelled while it waits.
    let cancel = CancelToken::default();
    let run_to_cancel = Run { observer: Arc::new(Impatient(cancel.clone())), cancel };
    let error =
        run(&control_plane, &renewal(&control_plane, named(&["etcd-server"])), &run_to_cancel).unwrap_err();
    assert_eq!(error.code(), Code::RENEW_CANCELLED, "{error}");

    // Restarted with something else than the file that was renewed.
    let path = control_plane.root().join("etc/kubernetes/pki/etcd");
    let old: Vec<Vec<u8>> =
        ["server.crt", "server.key"].map(|name| fs::read(path.join(name)).unwrap()).to_vec();
    {
        let _stand_in = StandIn::start(&control_plane, move |_, _| {
            fs::write(path.join("server.crt"), &old[0]).unwrap();
            fs::write(path.join("server.key"), &old[1]).unwrap();
        });
        let wrong = renewal(&control_plane, named(&["etcd-server"])).within(Duration::from_secs(15));
        let error = run(&control_plane, &wrong, &Run::default()).unwrap_err();
        assert_eq!(error.code(), Code::RENEW_NOT_SERVED, "{error}");
        assert!(
            error.to_string().starts_with("renew: etcd at 127.0.0.1:2379 serves the certificate serial ")
        );
    }

    // Running it again makes everything right.
    let stand_in = StandIn::start(&control_plane, |_, _| {});
    let again = renewal(&control_plane, named(&["etcd-server", "apiserver"]));
    run(&control_plane, &again, &Run::default()).unwrap();
    assert_eq!(stand_in.restarted(), ["etcd", "kube-apiserver"]);
    drop(stand_in);

    // A manifest that cannot be read: nothing is changed.
    let before = files(&control_plane);
    fs::write(control_plane.root().join("etc/kubernetes/manifests/other.yaml"), "kind: [").unwrap();
    let error = run(&control_plane, &renewal(&control_plane, RenewChoice::All), &Run::default()).unwrap_err();
    assert_eq!(error.code(), Code::RENEW_MANIFEST, "{error}");
    fs::remove_file(control_plane.root().join("etc/kubernetes/manifests/other.yaml")).unwrap();
    assert_eq!(files(&control_plane), before);
}
