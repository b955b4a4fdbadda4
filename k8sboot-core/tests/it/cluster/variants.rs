//! Init from nothing to a cluster for other configurations than the plainest: RSA, two families, IPv6 alone, external etcd.

use std::fs;

use serde_json::{Value, json};

use super::{ControlPlane, Lan};
use crate::tree::{case_file, quick_text};

/// The seed's own configuration: RSA keys, a foreign name for the API server.
#[test]
fn the_seeds_cluster() {
    let Some(control_plane) = ControlPlane::bare(&case_file("seed", "config.yaml"), None) else { return };
    control_plane.init();
    eprintln!("from nothing to a cluster with RSA keys in {:.1} s", control_plane.age().as_secs_f64());
    assert_eq!(control_plane.kubectl(&["get", "nodes", "--output=name"]), "node/master-1\n");
    served(&control_plane, "10.47.217.91:6443", &["123.56.200.187", "10.47.217.91", "10.96.0.1", "master-1"]);
    pod_networks(&control_plane, "master-1", &["10.244.0.0/24"]);
}

#[test]
fn a_cluster_of_two_families() {
    let second = "2001:db8:20::1".parse().unwrap();
    let Some(control_plane) = ControlPlane::at(&quick_text("dualstack"), None, &[second]) else { return };
    control_plane.init();
    let sans = ["192.0.2.20", "2001:db8:20::1", "10.96.0.1", "dual-1"];
    served(&control_plane, "192.0.2.20:6443", &sans);
    pod_networks(&control_plane, "dual-1", &["10.244.0.0/24", "fd00:10:244::/64"]);
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "both"},
        "spec": {"ipFamilyPolicy": "RequireDualStack", "ports": [{"port": 80}]},
    });
    let admin = control_plane.caller("admin.conf");
    admin.create(&service).unwrap();
    let addresses = admin.json(&["get", "service/both"])["spec"]["clusterIPs"].clone();
    let [first, second] = [&addresses[0], &addresses[1]].map(|address| address.as_str().unwrap());
    assert!(first.starts_with("10.96.") && second.starts_with("fd00:10:96::"), "{addresses}");
}

#[test]
fn a_cluster_of_ipv6_alone() {
    let text = quick_text("minimal").replace("192.0.2.10", "2001:db8::10").replace(
        "kind: ClusterConfiguration\n",
        "kind: ClusterConfiguration\nnetworking: {serviceSubnet: 'fd00:10:96::/112', podSubnet: 'fd00:10:244::/56'}\n",
    );
    let Some(control_plane) = ControlPlane::bare(&text, None) else { return };
    control_plane.init();
    served(&control_plane, "[2001:db8::10]:6443", &["2001:db8::10", "fd00:10:96::1", "node-1"]);
    pod_networks(&control_plane, "node-1", &["fd00:10:244::/64"]);
    let admin = control_plane.caller("admin.conf");
    let dns = admin.json(&["get", "service/kube-dns", "--namespace=kube-system"]);
    assert_eq!(dns["spec"]["clusterIP"], "fd00:10:96::a");
    let slice = admin.json(&["get", "endpointslice/kubernetes"]);
    assert_eq!(slice["endpoints"][0]["addresses"], json!(["2001:db8::10"]));
}

#[test]
fn a_cluster_whose_etcd_is_elsewhere() {
    let lan = Lan::new();
    let elsewhere = quick_text("minimal").replace("192.0.2.10", "192.0.2.31").replace("node-1", "etcd-1");
    let Some(store) = ControlPlane::installed(&elsewhere, Some(&lan)) else { return };
    store.up(&["etcd"]);
    let text = quick_text("external-etcd")
        .replace("    - https://192.0.2.32:2379\n    - https://192.0.2.33:2379\n", "")
        .replace("controlPlaneEndpoint: api.ext.example.internal\n", "");
    let control_plane = ControlPlane::bare(&text, Some(&lan)).unwrap();
    let pki = control_plane.machine().path("/etc/etcd/pki");
    fs::create_dir_all(&pki).unwrap();
    for (from, to) in [
        ("etcd/ca.crt", "ca.crt"),
        ("apiserver-etcd-client.crt", "apiserver-etcd-client.crt"),
        ("apiserver-etcd-client.key", "apiserver-etcd-client.key"),
    ] {
        fs::write(pki.join(to), store.read(&format!("/etc/kubernetes/pki/{from}"))).unwrap();
    }
    control_plane.init();
    assert!(!control_plane.machine().path("/etc/kubernetes/manifests/etcd.yaml").exists());
    assert_eq!(control_plane.kubectl(&["get", "nodes", "--output=name"]), "node/cp-ext\n");
    pod_networks(&control_plane, "cp-ext", &["10.244.0.0/24"]);
    // It is that etcd, and no other, that has the cluster.
    store.stop("etcd");
    assert!(!control_plane.is_ready("kube-apiserver"));
}

/// By openssl: the API server's certificate holds for each of these names.
fn served(control_plane: &ControlPlane, at: &str, names: &[&str]) {
    for name in names {
        let option = if name.parse::<std::net::IpAddr>().is_ok() { "-verify_ip" } else { "-verify_hostname" };
        let mut command = control_plane.machine().command("openssl");
        let authority = "/etc/kubernetes/pki/ca.crt";
        command.args([
            "s_client",
            "-connect",
            at,
            "-CAfile",
            authority,
            "-verify_return_error",
            option,
            name,
        ]);
        let out = command.output().unwrap();
        assert!(out.status.success(), "{name}: {}", String::from_utf8_lossy(&out.stderr));
    }
}

/// The controller manager gives the node its share of the pod network.
fn pod_networks(control_plane: &ControlPlane, node: &str, expected: &[&str]) {
    let admin = control_plane.caller("admin.conf");
    let networks = || admin.json(&["get", "node", node])["spec"]["podCIDRs"].take();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while networks() == Value::Null && std::time::Instant::now() < deadline {
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    assert_eq!(networks(), json!(expected), "{node}");
}
