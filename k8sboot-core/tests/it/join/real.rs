//! Workers join real clusters, with the request of this library.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use k8sboot_core::{
    api::{Client, ClientOptions, Resource},
    error::chain,
    exec::{Run, Tree, read_kubeconfig},
    join::{KUBELET_SERVING_SIGNER, approval::Policy, client_spec, review, review_pending},
    manifest::Object,
    pki::{CertInfo, Certificate, KeyAlgorithm, KeySource, RandomKeys, csr},
};
use serde_json::{Value, json};

use super::cluster::{SECRET, Told, join, join_config, join_text, library, of_kubeadm, ours};
use crate::{
    cluster::ControlPlane,
    faults::{At, for_each_side_by_side},
    support::fixture_json,
    tree::{Scratch, snapshot},
};

/// The tree with what differs from run to run taken out: the time in a name, keys, certificates.
fn shape(root: &Path) -> Vec<String> {
    let files = snapshot(root);
    files
        .iter()
        .map(|(name, (mode, bytes))| {
            let name = if name.contains("kubelet-client-2") {
                "var/lib/kubelet/pki/kubelet-client-TIME.pem"
            } else {
                name
            };
            let text = String::from_utf8_lossy(bytes);
            let text = if name.ends_with(".pem") { "" } else { &text };
            format!("{name} {mode:o} {text}")
        })
        .collect()
}

fn node_client(control_plane: &ControlPlane, root: &Path) -> Client {
    let tree = Tree::open(root).unwrap();
    let kubeconfig = read_kubeconfig(&tree, "/etc/kubernetes/kubelet.conf").unwrap().unwrap().unwrap();
    control_plane.client_with(&ClientOptions::from_kubeconfig(&kubeconfig).unwrap())
}

#[test]
fn a_worker_joins_a_cluster_that_kubeadm_made() {
    let Some(control_plane) = of_kubeadm() else { return };
    let scratch = Scratch::new("join-kubeadm");
    let config = join_config(&join_text(&control_plane, "worker-1", ""));
    let told = Told::new();
    let joined = control_plane.inside(|| join(&config, library(), scratch.path(), &told.run(), None));
    joined.unwrap_or_else(|error| panic!("{}\n{}", chain(&error), told.all()));
    let submitted = told.when("submitted").unwrap();
    eprintln!(
        "request submitted after {:.3} s, joined after {:.3} s",
        submitted.as_secs_f64(),
        told.elapsed().as_secs_f64()
    );
    assert!(submitted < Duration::from_secs(60), "{}", told.all());

    // What the API server saw is what it saw of the kubelet that kubeadm started.
    let recorded = fixture_json("join/worker/tls-bootstrap.json");
    let requests = control_plane.client().list(&Resource::CERTIFICATE_SIGNING_REQUESTS, None, "").unwrap();
    let request = requests[0].as_value();
    for field in ["signerName", "usages"] {
        assert_eq!(request["spec"][field], recorded["csr_object"]["spec"][field], "{field}");
    }
    assert_eq!(request["spec"]["username"], "system:bootstrap:abcdef");
    assert_eq!(request["spec"]["groups"], recorded["seen_by_api_server"]["groups"]);
    let condition = &request["status"]["conditions"][0];
    for field in ["type", "status", "reason", "message"] {
        assert_eq!(condition[field], recorded["status_conditions"][0][field], "{field}");
    }
    let issued = STANDARD.decode(request["status"]["certificate"].as_str().unwrap()).unwrap();
    let issued = Certificate::from_pem(&String::from_utf8(issued).unwrap()).unwrap();
    let info: &CertInfo = issued.info();
    assert_eq!(info.subject.to_string(), recorded["request"]["subject"]);
    assert_eq!(info.ext_key_usage, ["clientAuth"]);

    // Laid out as the kubelet lays it out, and nothing of the bootstrap is left.
    let pki = scratch.path().join("var/lib/kubelet/pki");
    let target = fs::read_link(pki.join("kubelet-client-current.pem")).unwrap();
    let file = pki.join(target.file_name().unwrap());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
    let labels: Vec<String> = fs::read_to_string(&file)
        .unwrap()
        .lines()
        .filter(|line| line.starts_with("-----BEGIN"))
        .map(|line| line.trim_matches('-').to_owned())
        .collect();
    assert_eq!(labels, ["BEGIN CERTIFICATE", "BEGIN EC PRIVATE KEY"]);
    let names: Vec<String> = snapshot(scratch.path()).into_keys().collect();
    assert!(!names.iter().any(|name| name.contains("bootstrap") || name.contains("tmp")), "{names:?}");
    for (name, (_, bytes)) in snapshot(scratch.path()) {
        assert!(!String::from_utf8_lossy(&bytes).contains(SECRET), "{name} holds the token");
    }

    let nodes = control_plane.kubectl(&["get", "nodes", "--output=name"]);
    assert_eq!(nodes, "node/worker-1\n");
    let node = node_client(&control_plane, scratch.path()).get(&Resource::NODES, None, "worker-1").unwrap();
    assert_eq!(node.unwrap().as_value()["spec"]["taints"][0]["key"], "dedicated");

    // Again: the node has joined, and nothing changes.
    let before = snapshot(scratch.path());
    let again = control_plane.inside(|| join(&config, library(), scratch.path(), &Run::default(), None));
    assert_eq!(again.unwrap().changed(), 0);
    assert_eq!(snapshot(scratch.path()), before);
    assert_eq!(control_plane.kubectl(&["get", "csr", "--output=name"]).lines().count(), 1);
}

#[test]
fn a_join_that_fails_at_any_file_operation_is_gone_on_with() {
    let Some(control_plane) = ours(None) else { return };
    let whole = Scratch::in_memory("join-whole");
    let config = join_config(&join_text(&control_plane, "worker-1", ""));
    let counting = At::new(usize::MAX, false);
    let run =
        |root: &Path, hook| control_plane.inside(|| join(&config, library(), root, &Run::default(), hook));
    run(whole.path(), Some(counting.clone())).unwrap();
    let expected = shape(whole.path());
    let changing = counting.changing();
    assert!(changing.len() > 40, "{}", changing.len());
    for number in changing {
        let scratch = Scratch::in_memory("join-fails");
        run(scratch.path(), Some(At::new(number, false))).unwrap_err();
        run(scratch.path(), None).unwrap_or_else(|error| panic!("operation {number}: {}", chain(&error)));
        assert_eq!(shape(scratch.path()), expected, "operation {number}");
    }
}

const CHILD: &str = "K8SBOOT_TEST_JOIN_DIE_BEFORE";

/// Does nothing unless the test below runs it as a process of its own.
#[test]
fn child_that_dies() {
    let Ok(order) = std::env::var(CHILD) else { return };
    let mut words = order.splitn(3, ' ');
    let (number, root, file) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
    let config = join_config(&fs::read_to_string(file).unwrap());
    let hook = At::new(number.parse().unwrap(), true);
    join(&config, library(), Path::new(root), &Run::default(), Some(hook)).unwrap();
}

#[test]
fn killed_before_any_operation_a_further_run_reaches_the_same_end() {
    let Some(control_plane) = ours(None) else { return };
    let whole = Scratch::in_memory("join-whole");
    let text = join_text(&control_plane, "worker-1", "");
    let config = join_config(&text);
    let file = control_plane.machine().scratch_file("join.yaml", &text);
    let counting = At::new(usize::MAX, false);
    let run =
        |root: &Path, hook| control_plane.inside(|| join(&config, library(), root, &Run::default(), hook));
    run(whole.path(), Some(counting.clone())).unwrap();
    let expected = shape(whole.path());
    let child = std::env::current_exe().unwrap();
    for_each_side_by_side(&counting.changing(), |number| {
        let scratch = Scratch::in_memory("join-killed");
        let order = format!("{number} {} {file}", scratch.path().display());
        let mut command = control_plane.machine().command(child.to_str().unwrap());
        command.args(["--exact", "join::real::child_that_dies", "--test-threads=1"]).env(CHILD, order);
        assert!(!command.output().unwrap().status.success(), "operation {number}: the child lived on");
        run(scratch.path(), None).unwrap_or_else(|error| panic!("operation {number}: {}", chain(&error)));
        assert_eq!(shape(scratch.path()), expected, "operation {number}");
    });
}

/// A serving request as the node makes it.
fn serving_request(name: &str, address: &str) -> Object {
    let key =
        RandomKeys::new(&k8sboot_core::entropy::System).generate(KeyAlgorithm::EcdsaP256, "test").unwrap();
    let mut spec = client_spec("worker-1", KeyAlgorithm::EcdsaP256);
    spec.dns_names.push("worker-1".to_owned());
    spec.ip_addresses.push(address.parse().unwrap());
    Object::from_value(json!({
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": name},
        "spec": {
            "signerName": KUBELET_SERVING_SIGNER,
            "request": STANDARD.encode(csr::request(&spec, &key).unwrap()),
            "usages": ["digital signature", "server auth"],
        },
    }))
    .unwrap()
}

#[test]
fn the_approver_lets_a_node_serve_under_its_own_addresses_alone() {
    let Some(control_plane) = ours(None) else { return };
    let scratch = Scratch::new("join-serving");
    let mut host = k8sboot_core::facts::NodeFacts::named("worker-1");
    host.default_addresses = vec!["192.0.2.11".parse().unwrap()];
    let text = join_text(&control_plane, "worker-1", "");
    let config = k8sboot_core::config::Documents::parse(&text).unwrap().into_join(&host).unwrap();
    control_plane.inside(|| join(&config, library(), scratch.path(), &Run::default(), None)).unwrap();
    let node = node_client(&control_plane, scratch.path());
    let client = control_plane.client();
    let resource = &Resource::CERTIFICATE_SIGNING_REQUESTS;
    for (name, address) in [("own", "192.0.2.11"), ("foreign", "192.0.2.10")] {
        node.create(resource, &serving_request(name, address)).unwrap();
    }
    assert_eq!(review(&client, "own", &Policy::default()).unwrap().reason(), "NodeVerified");
    let rest = review_pending(&client, &Policy::default()).unwrap();
    assert_eq!(rest.len(), 1);
    assert_eq!((rest[0].name.as_str(), rest[0].verdict.reason()), ("foreign", "NamesNotOfNode"));
    let condition = |name: &str| -> Value {
        client.get(resource, None, name).unwrap().unwrap().as_value()["status"]["conditions"][0]["type"]
            .clone()
    };
    assert_eq!((condition("own"), condition("foreign")), (json!("Approved"), json!("Denied")));
    // The real signer agrees.
    let signed = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        let request = client.get(resource, None, "own").unwrap().unwrap();
        request.as_value()["status"]["certificate"].is_string()
    });
    assert!(signed);
    assert_eq!(review(&client, "own", &Policy::default()).unwrap().reason(), "Decided");
}
