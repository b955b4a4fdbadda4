//! A real kubelet does the TLS bootstrap, as with kubeadm, or goes on with the certificate that this library got.

use std::{fs, os::unix::net::UnixListener, time::Duration};

use k8sboot_core::{error::chain, flow::JoinOptions, manifest::PatchSet};

use super::cluster::{Told, join, join_config, join_text, library, ours};
use crate::cluster::{Lan, Machine, programs, real_now};

/// A container runtime that accepts and never answers: a kubelet waits for it, and meanwhile gets its certificate.
fn silent_runtime(machine: &Machine) -> (UnixListener, String) {
    let path = machine.root().join("cri.sock");
    let listener = UnixListener::bind(&path).unwrap();
    (listener, format!("  criSocket: unix://{}\ntimeouts: {{tlsBootstrap: 60s}}\n", path.display()))
}

/// Starts a kubelet on a machine as the packages' unit does.
fn kubelet(machine: &Machine) -> crate::cluster::Daemon {
    let flags = fs::read_to_string(machine.path("/var/lib/kubelet/kubeadm-flags.env")).unwrap_or_default();
    let flags = flags.trim().trim_start_matches("KUBELET_KUBEADM_ARGS=").trim_matches('"').to_owned();
    let mut command: Vec<String> = [
        "kubelet",
        "--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf",
        "--kubeconfig=/etc/kubernetes/kubelet.conf",
        "--config=/var/lib/kubelet/config.yaml",
        "--fail-swap-on=false",
        "--v=2",
    ]
    .map(str::to_owned)
    .into();
    command.extend(flags.split_whitespace().map(str::to_owned));
    machine.daemon("kubelet", &command, &[])
}

/// The machine of these tests may still have the first version of control groups.
fn any_cgroups() -> PatchSet {
    let patch = b"failCgroupV1: false\ncgroupDriver: cgroupfs\n".to_vec();
    PatchSet::from_files([("kubeletconfiguration.yaml".to_owned(), patch)]).unwrap()
}

#[test]
fn a_real_kubelet_gets_its_certificate() {
    if !programs(&["kubelet"]) {
        return;
    }
    let lan = Lan::new();
    let Some(control_plane) = ours(Some(&lan)) else { return };
    let worker = Machine::new("worker-1", &["192.0.2.11".parse().unwrap()], Some(&lan));
    for directory in ["/etc/kubernetes", "/var/lib/kubelet"] {
        worker.show(directory);
    }
    let (_runtime, more) = silent_runtime(&worker);
    let config = join_config(&join_text(&control_plane, "worker-1", &more));
    let told = Told::new();
    let done = std::sync::atomic::AtomicBool::new(false);
    let joined = std::thread::scope(|scope| {
        // systemd's part: a kubelet that ends is started again, and has its configuration once join has written it.
        scope.spawn(|| {
            let mut running = None;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let ready = worker.path("/var/lib/kubelet/kubeadm-flags.env").exists();
                let ended = running
                    .as_mut()
                    .is_none_or(|kubelet: &mut crate::cluster::Daemon| kubelet.ended().is_some());
                if ready && ended {
                    running = Some(kubelet(&worker));
                }
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        let options = JoinOptions::at(real_now()).patches(any_cgroups());
        let joined = worker.inside(|| join(&config, options, &worker.root(), &told.run(), None));
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        joined
    });
    let log = fs::read_to_string(worker.log("kubelet")).unwrap_or_default();
    joined.unwrap_or_else(|error| panic!("{}\n{}\n{log}", chain(&error), told.all()));
    eprintln!("a kubelet has its certificate after {:.1} s", told.elapsed().as_secs_f64());
    assert!(!worker.path("/etc/kubernetes/bootstrap-kubelet.conf").exists());
    let link = fs::read_link(worker.path("/var/lib/kubelet/pki/kubelet-client-current.pem")).unwrap();
    assert!(link.to_str().unwrap().contains("kubelet-client-2"), "{link:?}");
    assert!(control_plane.kubectl(&["get", "csr"]).contains("Approved,Issued"));
}

#[test]
fn a_real_kubelet_goes_on_with_the_certificate_that_this_library_got() {
    if !programs(&["kubelet"]) {
        return;
    }
    let lan = Lan::new();
    let Some(control_plane) = ours(Some(&lan)) else { return };
    let worker = Machine::new("worker-1", &["192.0.2.11".parse().unwrap()], Some(&lan));
    for directory in ["/etc/kubernetes", "/var/lib/kubelet"] {
        worker.show(directory);
    }
    let (_runtime, more) = silent_runtime(&worker);
    let config = join_config(&join_text(&control_plane, "worker-1", &more));
    let options = library().register_node(false).patches(any_cgroups());
    worker.inside(|| join(&config, options, &worker.root(), &Told::new().run(), None)).unwrap();
    let running = kubelet(&worker);
    let used = (0..150).find(|_| {
        std::thread::sleep(Duration::from_millis(200));
        let log = fs::read_to_string(worker.log("kubelet")).unwrap_or_default();
        log.contains("/var/lib/kubelet/pki/kubelet-client-current.pem")
            || log.contains("Certificate expiration")
    });
    let log = fs::read_to_string(worker.log("kubelet")).unwrap();
    drop(running);
    assert!(used.is_some(), "{log}");
    // It asked for nothing new.
    assert_eq!(control_plane.kubectl(&["get", "csr", "--output=name"]).lines().count(), 1, "{log}");
}
