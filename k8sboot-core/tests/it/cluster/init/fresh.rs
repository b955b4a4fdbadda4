//! From an empty root to a cluster, in one run.

use std::{thread, time::Instant};

use k8sboot_core::exec::Outcome;

use super::{Ends, Init, register, text, until};
use crate::cluster::{COMPONENTS, ControlPlane, real_now};

const KEY: &str = "abababababababababababababababababababababababababababababababab";

#[test]
fn an_empty_root_becomes_a_cluster_and_a_second_run_changes_nothing() {
    let more = format!("certificateKey: {KEY}");
    let Some(control_plane) = ControlPlane::bare(&text(&more), None) else { return };
    let now = real_now();
    let mut init = Init::new(&control_plane, now);
    init.options = init.options.upload_certs(true);
    let report = thread::scope(|scope| {
        let _ends = Ends(&init.cancel);
        let run = scope.spawn(|| init.stages("preflight", "addons").unwrap());
        // What the kubelet does: it runs the static pods once they are there, and registers the Node.
        until("the files", || control_plane.root().join("var/lib/kubelet/config.yaml").exists());
        control_plane.up(&COMPONENTS);
        init.told.when("waits for node node-1: noObject: node node-1: it is not registered");
        register(&control_plane);
        run.join().unwrap()
    });
    let lines = init.told.lines();
    for line in [
        "waits for kube-apiserver: ",
        "well: kube-apiserver",
        "well: kube-controller-manager",
        "well: kube-scheduler",
        "note the wait for the kubelet is left out, as asked",
    ] {
        assert!(lines.iter().any(|told| told.starts_with(line)), "{line}: {lines:#?}");
    }
    assert_eq!(report.stages.len(), 13);

    let admin = control_plane.caller("admin.conf");
    let node = || admin.json(&["get", "node", control_plane.config().node_name()]);
    // The controller manager sets its own sooner or later.
    until("the taint of a node that is not ready", || {
        node()["spec"]["taints"].to_string().contains("node.kubernetes.io/not-ready")
    });
    let node = node();
    assert_eq!(node["metadata"]["labels"]["node-role.kubernetes.io/control-plane"], "");
    let taints: Vec<&str> =
        node["spec"]["taints"].as_array().unwrap().iter().filter_map(|taint| taint["key"].as_str()).collect();
    assert!(taints.starts_with(&["node-role.kubernetes.io/control-plane"]), "{taints:?}");
    let certs = admin.json(&["get", "secret", "kubeadm-certs", "-n", "kube-system"]);
    let owner = &certs["metadata"]["ownerReferences"][0];
    assert!(owner["name"].as_str().unwrap().starts_with("bootstrap-token-"), "{owner}");
    assert_eq!(certs["data"].as_object().unwrap().len(), 8);
    until("the signature of the token", || {
        admin.get(&["get", "configmap", "cluster-info", "-n", "kube-public"]);
        admin.json(&["get", "configmap", "cluster-info", "-n", "kube-public"])["data"]["jws-kubeconfig-abcdef"]
            .is_string()
    });

    let before = admin.get(&[
        "get",
        "configmaps,secrets,deployments,daemonsets,services,roles,rolebindings",
        "-A",
        "-o",
        VERSIONS,
    ]);
    let again = Init::new(&control_plane, now);
    let began = Instant::now();
    let report = again.stages("preflight", "addons").unwrap();
    eprintln!("a run with nothing to do: {} ms", began.elapsed().as_millis());
    let changed: Vec<_> = report
        .stages
        .iter()
        .flat_map(|stage| &stage.steps)
        .filter(|step| step.outcome != Outcome::AlreadySo)
        .map(|step| &step.id)
        .collect();
    assert!(changed.is_empty(), "{changed:?} {:#?}", again.told.lines());
    let after = admin.get(&[
        "get",
        "configmaps,secrets,deployments,daemonsets,services,roles,rolebindings",
        "-A",
        "-o",
        VERSIONS,
    ]);
    assert_eq!(ours(&before), ours(&after));

    // Only the API half, on a cluster that has none of it.
    for object in
        ["deployment/coredns", "daemonset/kube-proxy", "service/kube-dns", "configmap/kubeadm-config"]
    {
        admin.get(&["delete", object, "-n", "kube-system"]);
    }
    let report = Init::new(&control_plane, now).stages("upload-config", "addons").unwrap();
    assert_eq!(report.changed(), 4);
}

const VERSIONS: &str =
    "jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.resourceVersion}{\"\\n\"}{end}";

/// The lines about objects that no controller makes or changes by itself.
fn ours(lines: &str) -> Vec<&str> {
    let controlled = ["Deployment", "DaemonSet", "ConfigMap/kube-root-ca.crt"];
    lines.lines().filter(|line| !controlled.iter().any(|start| line.starts_with(start))).collect()
}
