//! kubeadm joins a second control plane to a cluster of ours: it opens the certificates that we sealed, its etcd becomes a
//! member beside the one that we started, and its API server serves the same cluster.

use std::path::PathBuf;

use k8sboot_core::{api::Method, entropy::System, pki::CertificateKey};
use serde_json::{Value, json};

use super::{
    COMPONENTS, ControlPlane, Lan, Machine, node,
    programs::{etcd_version, found},
};
use crate::tree::quick_text;

const TOKEN: &str = "abcdef.0123456789abcdef";

#[test]
fn kubeadm_joins_a_second_control_plane() {
    if !found("kubeadm") {
        eprintln!("skipped: kubeadm is not on PATH");
        return;
    }
    let lan = Lan::new();
    let text = quick_text("minimal").replace(
        "kind: ClusterConfiguration\n",
        "kind: ClusterConfiguration\ncontrolPlaneEndpoint: 192.0.2.10:6443\n",
    );
    let Some(first) = ControlPlane::bare(&text, Some(&lan)) else { return };
    let key = CertificateKey::generate(&System).unwrap();
    first.init_with(|options| options.upload_certs(true), Some(key.clone()));
    first.caller("admin.conf").create(&node("node-2")).unwrap();

    let text = text
        .replace("advertiseAddress: 192.0.2.10", "advertiseAddress: 192.0.2.12")
        .replace("node-1", "node-2");
    let second = ControlPlane::bare(&text, Some(&lan)).unwrap();
    for directory in ["/etc/kubernetes", "/var/lib/kubelet", "/var/lib/etcd"] {
        second.machine().show(directory);
    }
    let key = key.expose();
    let key = key.expose_str().unwrap();
    let mut kubeadm = second.machine().command("kubeadm");
    kubeadm.args(["join", "192.0.2.10:6443", "--control-plane", "--token", TOKEN, "--node-name=node-2"]);
    kubeadm.args(["--discovery-token-ca-cert-hash", &pin(&first), "--certificate-key", key]);
    kubeadm.args(["--apiserver-advertise-address=192.0.2.12", "--ignore-preflight-errors=all"]);
    kubeadm.arg("--skip-phases=kubelet-wait-bootstrap");
    if etcd_version() < (3, 6) {
        kubeadm.arg("--patches").arg(older_etcd(second.machine()));
    }
    let out = second.tended(|| kubeadm.output().unwrap());
    let said = String::from_utf8_lossy(&out.stdout) + String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{said}");

    for component in COMPONENTS {
        second.wait_ready(component);
    }
    for file in ["ca.key", "sa.key", "front-proxy-ca.key", "etcd/ca.key"] {
        let path = format!("/etc/kubernetes/pki/{file}");
        assert_eq!(first.read(&path), second.read(&path), "{file}");
    }
    let members = members(&first);
    assert_eq!(members, ["node-1", "node-2"], "both are members, and none is a learner");
    let marked = second.caller("admin.conf").json(&["get", "node", "node-2"]);
    assert_eq!(marked["metadata"]["labels"]["node-role.kubernetes.io/control-plane"], "");
    // What one API server is told, the other knows.
    first.kubectl(&["create", "namespace", "told-to-the-first"]);
    let server = format!("--server={}", second.config().local_api_server());
    assert_eq!(server, "--server=https://192.0.2.12:6443");
    let told = ["get", "namespace/told-to-the-first", "--output=name", &server];
    assert_eq!(second.caller("admin.conf").get(&told), "namespace/told-to-the-first\n");
}

/// A directory with a patch that takes the flags away that etcd has had since 3.6.
fn older_etcd(machine: &Machine) -> PathBuf {
    let flags =
        [(20, "--watch-progress-notify-interval=5s"), (5, "--feature-gates=InitialCorruptCheck=true")];
    let patch = flags.map(|(index, flag)| {
        // kubeadm's own order, with the one more flag of a member that joins.
        let path = format!("/spec/containers/0/command/{index}");
        [json!({"op": "test", "path": path, "value": flag}), json!({"op": "remove", "path": path})]
    });
    let directory = PathBuf::from(machine.scratch_file("patches", "")).with_extension("d");
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(directory.join("etcd+json.json"), json!(patch.concat()).to_string()).unwrap();
    directory
}

fn pin(control_plane: &ControlPlane) -> String {
    let ca = control_plane.read("/etc/kubernetes/pki/ca.crt");
    k8sboot_core::token::CaPin::of_certificate_pem(&ca).unwrap()[0].to_string()
}

/// The names of the voting members of etcd, by its own JSON gateway.
fn members(control_plane: &ControlPlane) -> Vec<String> {
    let pki = "/etc/kubernetes/pki/etcd";
    let mut curl = control_plane.machine().command("curl");
    curl.args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "10", "--data", "{}"])
        .args(["--cacert", &format!("{pki}/ca.crt"), "--cert", &format!("{pki}/healthcheck-client.crt")])
        .args([
            "--key",
            &format!("{pki}/healthcheck-client.key"),
            "https://127.0.0.1:2379/v3/cluster/member/list",
        ]);
    let out = curl.output().unwrap();
    let answer: Value =
        serde_json::from_slice(&out.stdout).unwrap_or_else(|error| panic!("{error}: {out:?}"));
    let voting = answer["members"].as_array().unwrap().iter().filter(|member| member["isLearner"] != true);
    let mut names: Vec<String> =
        voting.map(|member| member["name"].as_str().unwrap_or_default().to_owned()).collect();
    names.sort();
    names
}
