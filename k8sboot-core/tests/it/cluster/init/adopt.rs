//! A cluster that kubeadm made is taken over.

use super::{Init, register, text};
use crate::cluster::{ControlPlane, programs::programs, real_now};

#[test]
fn objects_of_kubeadm_are_adopted_and_that_is_told_once() {
    if !programs(&["kubeadm"]) {
        return;
    }
    let Some(control_plane) = ControlPlane::start(&text("")) else { return };
    register(&control_plane);
    let now = real_now();
    Init::new(&control_plane, now).stages("wait-control-plane", "wait-control-plane").unwrap();
    let began = std::time::Instant::now();
    let config = control_plane.machine().scratch_file("kubeadm.yaml", &text(""));
    for phase in
        [&["upload-config", "all"][..], &["mark-control-plane"], &["bootstrap-token"], &["addon", "all"]]
    {
        let mut kubeadm = control_plane.machine().command("kubeadm");
        let out = kubeadm.args(["init", "phase"]).args(phase).args(["--config", &config]).output().unwrap();
        assert!(out.status.success(), "{phase:?}: {}", String::from_utf8_lossy(&out.stderr));
    }
    eprintln!("kubeadm's API half, four processes: {} ms", began.elapsed().as_millis());
    let admin = control_plane.caller("admin.conf");
    let corefile = r#"{"data":{"Corefile":".:53 {\n    mine\n}\n"}}"#;
    admin.get(&["patch", "configmap/coredns", "-n", "kube-system", "-p", corefile]);

    let first = Init::new(&control_plane, now);
    let report = first.stages("upload-config", "addons").unwrap();
    let told = first.told.lines();
    let adopted = told.iter().filter(|line| line.contains("was made by kubeadm")).count();
    assert!(adopted > 20, "{told:#?}");
    let changed: Vec<&String> = told.iter().filter(|line| line.contains(": changed: ")).collect();
    // The token's end counts from now, and kubeadm is told nothing of an etcd older than its own.
    let expected =
        |line: &&&String| line.contains("bootstrap-token-") || line.contains("ClusterConfiguration");
    assert_eq!(changed.iter().filter(expected).count(), changed.len(), "{changed:#?}");
    assert!(report.changed() > 20);
    let live = admin.json(&["get", "configmap", "coredns", "-n", "kube-system"]);
    assert!(live["data"]["Corefile"].as_str().unwrap().contains("mine"));

    let second = Init::new(&control_plane, now);
    let report = second.stages("upload-config", "addons").unwrap();
    assert_eq!(report.changed(), 0, "{:#?}", second.told.lines());
    assert!(
        !second.told.lines().iter().any(|line| line.contains("was made by")),
        "{:#?}",
        second.told.lines()
    );
}
