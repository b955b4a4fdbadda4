//! What a wait says while it waits, and how it ends.

use std::{
    fs,
    io::Write as _,
    net::TcpListener,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use k8sboot_core::{
    entropy::System,
    error::{Code, Problem, chain},
    kubeconfig::{Kubeconfig, Source},
    pki::{self, Ca, Issuing, RandomKeys},
    secret::SecretBytes,
};

use super::{Ends, Init, SHORT, text};
use crate::cluster::{COMPONENTS, ControlPlane, real_now};

const WAIT: &str = "wait-control-plane";
/// A change is told at all; how soon (alone it is less than 250 ms) is printed, and no reason to fail.
const SOON: Duration = Duration::from_secs(30);

#[test]
fn each_reason_is_told_when_it_changes() {
    let Some(control_plane) = ControlPlane::installed(&text(""), None) else { return };
    let init = Init::new(&control_plane, real_now());
    thread::scope(|scope| {
        let _ends = Ends(&init.cancel);
        let run = scope.spawn(|| init.stages(WAIT, WAIT));
        init.told.when("waits for kube-apiserver: kubeletNotRunning");

        // Another program gets the port before the API server does.
        let stop = AtomicBool::new(false);
        let listener = control_plane.inside(|| TcpListener::bind("192.0.2.10:6443").unwrap());
        listener.set_nonblocking(true).unwrap();
        let since = Instant::now();
        let told = thread::scope(|other| {
            other.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    if let Ok((mut stream, _)) = listener.accept() {
                        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2 and nothing of TLS\r\n");
                    }
                    thread::sleep(Duration::from_millis(5));
                }
            });
            let told =
                init.told.when("waits for kube-apiserver: portTaken: port 6443 is another program's (");
            stop.store(true, Ordering::Relaxed);
            told
        });
        eprintln!("a taken port was told after {} ms", (told - since).as_millis());
        assert!(told - since < SOON, "{:?}", told - since);
        drop(listener);

        // The container has run and ended.
        let logs = "/var/log/pods/kube-system_kube-apiserver-node-1_1/kube-apiserver";
        let logs = control_plane.machine().path(logs);
        fs::create_dir_all(&logs).unwrap();
        let last = "2026-11-23T03:07:02.1Z stderr F E1123 03:07:02.1 1 run.go:72] \"command failed\" err=\"bad flag\"\n";
        fs::write(logs.join("4.log"), last).unwrap();
        let since = Instant::now();
        let told =
            init.told.when("waits for kube-apiserver: exited: its container exited, 4 restarts so far");
        assert!(told - since < SOON, "{:?}", told - since);
        assert!(init.told.lines().iter().any(|line| line.contains("bad flag")));

        control_plane.up(&COMPONENTS);
        let lines = run.join().unwrap();
        lines.unwrap_or_else(|error| panic!("{}: {:#?}", chain(&error), init.told.lines()));
    });
    init.told.when("waits for kube-apiserver: starting");
    init.told.when("well: kube-scheduler");
}

#[test]
fn a_component_that_recovers_is_seen_at_once() {
    let Some(control_plane) = ControlPlane::start(&text("")) else { return };
    for component in ["kube-apiserver", "kube-scheduler"] {
        control_plane.pause(component);
        let init = Init::new(&control_plane, real_now());
        thread::scope(|scope| {
            let _ends = Ends(&init.cancel);
            let run = scope.spawn(|| init.stages(WAIT, WAIT).unwrap());
            init.told.when(&format!("waits for {component}: noAnswer"));
            control_plane.resume(component);
            let since = Instant::now();
            let told = init.told.when(&format!("well: {component}"));
            eprintln!(
                "{component} was told well after {} ms",
                told.saturating_duration_since(since).as_millis()
            );
            assert!(told.saturating_duration_since(since) < SOON, "{component}: {:?}", told - since);
            run.join().unwrap();
        });
    }
    // Another program answers as if all were well.
    control_plane.stop("kube-scheduler");
    let refused = Init::new(&control_plane, real_now());
    thread::scope(|scope| {
        let _ends = Ends(&refused.cancel);
        let run = scope.spawn(|| refused.stages(WAIT, WAIT));
        refused.told.when("waits for kube-scheduler: kubeletNotRunning");
        let since = Instant::now();
        control_plane.start_component("kube-scheduler");
        control_plane.wait_ready("kube-scheduler");
        let ready = Instant::now();
        let told = refused.told.when("well: kube-scheduler");
        assert!(told.saturating_duration_since(ready) < SOON, "{:?} {:?}", told - ready, ready - since);
        run.join().unwrap().unwrap();
    });
}

#[test]
fn wrong_states_end_with_their_reason_at_the_deadline() {
    let Some(control_plane) = ControlPlane::start(&text(SHORT)) else { return };
    let fails = |code: Code, said: &str| {
        let init = Init::new(&control_plane, real_now());
        let began = Instant::now();
        let error = init.stages(WAIT, WAIT).unwrap_err();
        let took = began.elapsed();
        assert_eq!(error.code(), code, "{}", chain(&error));
        assert!(chain(&error).contains(said), "{said}: {}", chain(&error));
        assert!(
            chain(&error).contains("kube-apiserver at https://192.0.2.10:6443/livez"),
            "{}",
            chain(&error)
        );
        assert!(error.details().remedy.is_some());
        assert!(took > Duration::from_secs(5) && took < Duration::from_secs(60), "{took:?}");
    };
    let admin = control_plane.machine().path("/etc/kubernetes/admin.conf");
    let whole = fs::read_to_string(&admin).unwrap();
    let edited = |edit: &dyn Fn(&mut Kubeconfig)| {
        let mut kubeconfig = Kubeconfig::parse(&whole).unwrap();
        edit(&mut kubeconfig);
        fs::write(&admin, kubeconfig.to_yaml().expose()).unwrap();
    };
    let pem = |name: &str| control_plane.read(&format!("/etc/kubernetes/pki/{name}")).into_bytes();
    edited(&|kubeconfig| {
        let other = Source::Inline(pem("front-proxy-ca.crt"));
        kubeconfig
            .clusters
            .values_mut()
            .for_each(|cluster| cluster.certificate_authority = Some(other.clone()));
    });
    fails(Code::WAIT_OTHER_AUTHORITY, "certificate of another authority");
    edited(&|kubeconfig| {
        for user in kubeconfig.users.values_mut() {
            user.client_certificate = Some(Source::Inline(pem("front-proxy-client.crt")));
            user.client_key = Some(Source::Inline(SecretBytes::new(pem("front-proxy-client.key"))));
        }
    });
    fails(Code::WAIT_UNAUTHORIZED, "does not accept our identity");
    fs::write(&admin, &whole).unwrap();
    control_plane.pause("kube-apiserver");
    fails(Code::WAIT_NO_ANSWER, "no answer within");
    control_plane.resume("kube-apiserver");
    control_plane.stop("etcd");
    fails(Code::WAIT_STARTING, "not ready: etcd");
    control_plane.stop("kube-apiserver");
    fails(Code::WAIT_KUBELET, "the kubelet does not run");
}

#[test]
fn a_certificate_that_is_not_valid_now_is_named_with_what_to_do() {
    let Some(control_plane) = ControlPlane::start(&text(SHORT)) else { return };
    let file = |path: &str| control_plane.machine().path(&format!("/etc/kubernetes/pki/{path}"));
    let key = SecretBytes::new(fs::read(file("ca.key")).unwrap());
    let ca = Ca::from_pem(&fs::read_to_string(file("ca.crt")).unwrap(), &key).unwrap();
    let specs = pki::control_plane(control_plane.config()).unwrap();
    let spec = specs.iter().find(|spec| spec.name == "apiserver").unwrap();
    let keys = RandomKeys::new(&System);
    for (days, code) in [(-400, Code::WAIT_CERTIFICATE_EXPIRED), (2, Code::WAIT_NOT_YET_VALID)] {
        let now = real_now().plus_seconds(days * 86_400);
        let issued = ca.issue(spec, &Issuing { keys: &keys, entropy: &System, now }).unwrap();
        fs::write(file("apiserver.key"), issued.key.to_pem().expose()).unwrap();
        fs::write(file("apiserver.crt"), issued.certificate.to_pem()).unwrap();
        control_plane.restart("kube-apiserver");
        control_plane.wait_ready("kube-apiserver");
        let init = Init::new(&control_plane, real_now());
        let error = init.stages(WAIT, WAIT).unwrap_err();
        assert_eq!(error.code(), code, "{}", chain(&error));
        assert!(error.details().remedy.unwrap().contains("clock"), "{}", chain(&error));
    }
}

#[test]
fn the_kubelet_is_waited_for_until_the_wait_is_cancelled() {
    let Some(control_plane) = ControlPlane::installed(&text(""), None) else { return };
    let mut init = Init::new(&control_plane, real_now());
    init.options = init.options.wait_for_kubelet(true);
    let init = init;
    thread::scope(|scope| {
        let _ends = Ends(&init.cancel);
        let run = scope.spawn(|| init.stages(WAIT, WAIT).unwrap_err());
        init.told.when("waits for kubelet: kubeletNotRunning");
        let log = control_plane.machine().path("/var/log/kubelet.log");
        fs::create_dir_all(log.parent().unwrap()).unwrap();
        let said =
            "misconfiguration: kubelet cgroup driver: \"systemd\" is different from docker cgroup driver";
        fs::write(&log, format!("F1123 03:07:02.1 1 server.go:302] {said}\n")).unwrap();
        init.told.when("waits for kubelet: cgroupDriver");
        init.cancel.trigger();
        let since = Instant::now();
        let error = run.join().unwrap();
        assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
        assert_eq!(error.code(), Code::WAIT_CANCELLED, "{}", chain(&error));
        assert!(chain(&error).contains("cgroup"), "{}", chain(&error));
    });
}
