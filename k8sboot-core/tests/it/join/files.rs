//! The files of a worker, byte for byte as kubeadm wrote them.

use std::{fs, os::unix::fs::PermissionsExt};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use k8sboot_core::{
    config::Documents, facts::NodeFacts, flow::JoinOptions, join::kubelet_conf, manifest::PatchSet,
    plan::Plan,
};

use super::world::{Scripted, authority, config, join, recorded_text, seen};
use crate::{
    faults::At,
    support::fixture,
    tree::{Scratch, now, snapshot},
};

#[test]
fn a_worker_gets_the_files_that_kubeadm_gives_it() {
    let scratch = Scratch::new("join-files");
    let config = config(&recorded_text(), "worker-1");
    let ca = authority().certificate().to_pem();
    join(&config, JoinOptions::at(now()), Some(seen(&ca, &config)), scratch.path(), None).unwrap();
    let data = STANDARD.encode(&ca);
    for (path, recorded, mode) in [
        ("etc/kubernetes/bootstrap-kubelet.conf", Some("bootstrap-kubelet.conf"), 0o600),
        ("etc/kubernetes/pki/ca.crt", None, 0o644),
        ("var/lib/kubelet/instance-config.yaml", Some("instance-config.yaml"), 0o644),
        ("var/lib/kubelet/config.yaml", Some("kubelet-config.yaml"), 0o644),
        ("var/lib/kubelet/kubeadm-flags.env", Some("kubeadm-flags.env"), 0o644),
    ] {
        let file = scratch.path().join(path);
        let text = fs::read_to_string(&file).unwrap().replace(&data, "<CA_DATA>");
        let expected = recorded.map_or_else(|| ca.clone(), |name| fixture(&format!("join/worker/{name}")));
        assert_eq!(text, expected, "{path}");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, mode, "{path}");
    }
    let directory = fs::metadata(scratch.path().join("var/lib/kubelet")).unwrap();
    assert_eq!(directory.permissions().mode() & 0o7777, 0o700);
    let server = "https://api.join.example.internal:6443";
    let text = kubelet_conf(server, &ca).to_yaml().expose_str().unwrap().replace(&data, "<CA_DATA>");
    assert_eq!(text, fixture("join/worker/kubelet.conf"));
}

fn plans(root: &std::path::Path) -> Vec<Plan> {
    let config = config(&recorded_text(), "worker-1");
    let cluster = Some(seen(&authority().certificate().to_pem(), &config));
    let tree = k8sboot_core::exec::Tree::open(root).unwrap();
    let mut probe = Scripted { host: k8sboot_core::probe::Host::new(tree), cluster };
    let mut flow = k8sboot_core::flow::join(config, JoinOptions::at(now()).register_node(true));
    let mut plans = Vec::new();
    while let Some(plan) = k8sboot_core::blocking::wait(flow.next_plan(&mut probe)).unwrap() {
        plans.push(plan);
    }
    plans
}

#[test]
fn plans_write_in_the_order_of_kubeadm_and_show_no_secret() {
    let scratch = Scratch::new("join-plans");
    let plans = plans(scratch.path());
    let ids: Vec<&str> = plans.iter().flat_map(Plan::steps).map(|step| step.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "kubelet/bootstrap-kubelet.conf",
            "kubelet/ca",
            "kubelet/directory",
            "kubelet/instance-config",
            "kubelet/config",
            "kubelet/flags",
            "tls-bootstrap/kubelet.conf",
            "wait-kubelet/health",
            "register-node/v1 Node worker-1"
        ]
    );
    for plan in &plans {
        for text in [plan.to_text(), plan.to_json().to_string(), format!("{plan:?}")] {
            assert!(!text.contains("7fc5668ff26430c7"), "{}: {text}", plan.stage);
        }
    }
    assert!(snapshot(scratch.path()).is_empty());
}

#[test]
fn a_second_run_changes_nothing() {
    let scratch = Scratch::new("join-twice");
    let config = config(&recorded_text(), "worker-1");
    let cluster = seen(&authority().certificate().to_pem(), &config);
    let run = || join(&config, JoinOptions::at(now()), Some(cluster.clone()), scratch.path(), None).unwrap();
    assert_eq!(run().changed(), 6);
    let before = snapshot(scratch.path());
    assert_eq!(run().changed(), 0);
    assert_eq!(snapshot(scratch.path()), before);
}

#[test]
fn a_run_that_fails_at_any_file_operation_is_gone_on_with() {
    let whole = Scratch::in_memory("join-whole");
    let config = config(&recorded_text(), "worker-1");
    let cluster = seen(&authority().certificate().to_pem(), &config);
    let counting = At::new(usize::MAX, false);
    let run = |root: &std::path::Path, hook| {
        join(&config, JoinOptions::at(now()), Some(cluster.clone()), root, hook)
    };
    run(whole.path(), Some(counting.clone())).unwrap();
    let expected = snapshot(whole.path());
    let changing = counting.changing();
    assert!(changing.len() > 20);
    for number in changing {
        let scratch = Scratch::in_memory("join-fails");
        run(scratch.path(), Some(At::new(number, false))).unwrap_err();
        run(scratch.path(), None).unwrap();
        assert_eq!(snapshot(scratch.path()), expected, "operation {number}");
    }
}

#[test]
fn patches_and_the_host_change_what_they_should() {
    let scratch = Scratch::new("join-patched");
    let text =
        recorded_text().replace("  name: worker-1\n", "  name: worker-a\n  criSocket: unix:///run/x.sock\n");
    let config = Documents::parse(&text).unwrap();
    let mut host = NodeFacts::named("Host-B");
    host.systemd_resolved = true;
    let config = config.into_join(&host).unwrap();
    let patch = ("kubeletconfiguration.yaml".to_owned(), b"maxPods: 17\n".to_vec());
    let options = JoinOptions::at(now()).patches(PatchSet::from_files([patch]).unwrap());
    let cluster = seen(&authority().certificate().to_pem(), &config);
    let report = join(&config, options, Some(cluster), scratch.path(), None).unwrap();
    assert!(
        report
            .stages
            .iter()
            .any(|stage| stage.notes.iter().any(|note| note.contains("kubeletconfiguration")))
    );
    let read = |name: &str| fs::read_to_string(scratch.path().join("var/lib/kubelet").join(name)).unwrap();
    let kubelet = read("config.yaml");
    for line in [
        "maxPods: 17\n",
        "containerRuntimeEndpoint: unix:///run/x.sock\n",
        "resolvConf: /run/systemd/resolve/resolv.conf\n",
    ] {
        assert!(kubelet.contains(line), "{line}: {kubelet}");
    }
    assert!(
        read("kubeadm-flags.env")
            .contains("\"--hostname-override=worker-a --register-with-taints=dedicated=batch:NoSchedule")
    );
    assert_eq!(read("instance-config.yaml"), "containerRuntimeEndpoint: \"unix:///run/x.sock\"\n");
}
