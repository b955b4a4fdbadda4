//! What stands against joining is a typed error before anything is written.

use std::fs;

use k8sboot_core::{
    error::{Code, Problem, chain},
    facts::SeenCluster,
    flow::JoinOptions,
    join::{client_spec, kubelet_conf},
    pki::{Ca, Issuing, KeyAlgorithm, KeySource, RandomKeys},
};
use serde_json::json;

use super::world::{authority, config, join, recorded_text, seen, with};
use crate::tree::{Scratch, now, snapshot};

/// A join of the recorded worker to a changed cluster: fails with this code and leaves the tree as it was.
fn refused(
    case: &str,
    change: impl FnOnce(&mut SeenCluster),
    options: JoinOptions,
    prepare: impl FnOnce(&std::path::Path, &Ca),
) -> (Code, String) {
    let scratch = Scratch::new("join-refused");
    let config = config(&recorded_text(), "worker-1");
    let ca = authority();
    let mut cluster = seen(&ca.certificate().to_pem(), &config);
    change(&mut cluster);
    prepare(scratch.path(), &ca);
    let before = snapshot(scratch.path());
    let error = join(&config, options, Some(cluster), scratch.path(), None).expect_err(case);
    assert_eq!(snapshot(scratch.path()), before, "{case}");
    let text = chain(&error);
    assert!(!text.contains("7fc5668ff26430c7"), "{case}: {text}");
    (error.code(), text)
}

fn put(root: &std::path::Path, path: &str, text: &str) {
    let file = root.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

#[test]
fn clusters_that_do_not_fit_are_refused() {
    let options = || JoinOptions::at(now());
    let version = |version: &str| {
        let text = version.to_owned();
        move |cluster: &mut SeenCluster| {
            cluster.kubeadm_config = with(&cluster.kubeadm_config, "/kubernetesVersion", json!(text));
        }
    };
    assert_eq!(refused("old", version("v1.31.0"), options(), |_, _| {}).0, Code::JOIN_VERSION);
    assert_eq!(refused("new", version("v1.39.0"), options(), |_, _| {}).0, Code::JOIN_VERSION);
    let kubelet = options().kubelet_version("v1.37.0".parse().unwrap());
    let (code, text) = refused("kubelet", |_| {}, kubelet, |_, _| {});
    assert_eq!(code, Code::JOIN_KUBELET_SKEW);
    assert!(text.contains("v1.37.0") && text.contains("v1.36.2"), "{text}");
    let (code, text) =
        refused("damaged", |cluster| cluster.kubelet_config = "a: [".to_owned(), options(), |_, _| {});
    assert_eq!(code, Code::JOIN_CLUSTER);
    assert!(text.contains("kubelet-config"), "{text}");
    let (code, text) = refused("ready", |cluster| cluster.node_ready = Some(true), options(), |_, _| {});
    assert_eq!(code, Code::JOIN_NODE_EXISTS);
    assert!(text.contains("worker-1"), "{text}");
}

#[test]
fn files_of_another_cluster_are_refused() {
    let options = || JoinOptions::at(now());
    let other = authority().certificate().to_pem();
    let place = |root: &std::path::Path, _: &Ca| put(root, "etc/kubernetes/pki/ca.crt", &other);
    let (code, text) = refused("ca.crt", |_| {}, options(), place);
    assert_eq!(code, Code::JOIN_OTHER_CLUSTER);
    assert!(text.contains("/etc/kubernetes/pki/ca.crt"), "{text}");
    let place = |root: &std::path::Path, _: &Ca| {
        let text = kubelet_conf("https://192.0.2.1:6443", &other).to_yaml();
        put(root, "etc/kubernetes/kubelet.conf", text.expose_str().unwrap());
    };
    assert_eq!(refused("kubelet.conf", |_| {}, options(), place).0, Code::JOIN_OTHER_CLUSTER);
    let place = |root: &std::path::Path, _: &Ca| put(root, "etc/kubernetes/kubelet.conf", "a: [");
    assert_eq!(refused("damaged kubelet.conf", |_| {}, options(), place).0, Code::JOIN_OTHER_CLUSTER);
    let place = |root: &std::path::Path, ca: &Ca| joined(root, ca, "worker-2");
    let (code, text) = refused("another node", |_| {}, options(), place);
    assert_eq!(code, Code::JOIN_OTHER_CLUSTER);
    assert!(text.contains("system:node:worker-2"), "{text}");
    let place = |root: &std::path::Path, _: &Ca| put(root, "var/lib/kubelet", "a file");
    assert_eq!(refused("a file", |_| {}, options(), place).0, Code::FILE_KIND);
}

/// The files of a node that has joined.
fn joined(root: &std::path::Path, ca: &Ca, node: &str) {
    let keys = RandomKeys::new(&k8sboot_core::entropy::System);
    let issuing = Issuing { keys: &keys, entropy: &k8sboot_core::entropy::System, now: now() };
    let key = keys.generate(KeyAlgorithm::EcdsaP256, "kubelet-client").unwrap();
    let spec = client_spec(node, KeyAlgorithm::EcdsaP256);
    let certificate = ca.issue_for_key(&spec, k8sboot_core::pki::Signer::public_key(&key), &issuing).unwrap();
    let pem = format!("{}{}", certificate.to_pem(), key.to_pem().expose_str().unwrap());
    put(root, "var/lib/kubelet/pki/kubelet-client-1.pem", &pem);
    let link = root.join("var/lib/kubelet/pki/kubelet-client-current.pem");
    std::os::unix::fs::symlink("/var/lib/kubelet/pki/kubelet-client-1.pem", link).unwrap();
    let text = kubelet_conf("https://192.0.2.1:6443", &ca.certificate().to_pem()).to_yaml();
    put(root, "etc/kubernetes/kubelet.conf", text.expose_str().unwrap());
}

#[test]
fn a_node_that_has_joined_gets_no_new_credentials() {
    let scratch = Scratch::new("join-joined");
    let config = config(&recorded_text(), "worker-1");
    let ca = authority();
    joined(scratch.path(), &ca, "worker-1");
    let mut cluster = seen(&ca.certificate().to_pem(), &config);
    cluster.node_ready = Some(true);
    join(&config, JoinOptions::at(now()), Some(cluster), scratch.path(), None).unwrap();
    assert!(!scratch.path().join("etc/kubernetes/bootstrap-kubelet.conf").exists());
    assert!(scratch.path().join("var/lib/kubelet/config.yaml").exists());
}

#[test]
fn other_roles_dry_runs_and_unknown_phases_are_refused() {
    let ca = authority().certificate().to_pem();
    for (text, code) in [
        (
            format!(
                "{}controlPlane: {{localAPIEndpoint: {{advertiseAddress: 192.0.2.1}}}}\n",
                recorded_text()
            ),
            Code::JOIN_ROLE,
        ),
        (format!("{}dryRun: true\n", recorded_text()), Code::FLOW_DRY_RUN),
        (format!("{}skipPhases: [certs]\n", recorded_text()), Code::FLOW_UNKNOWN_PHASE),
    ] {
        let scratch = Scratch::new("join-role");
        let config = config(&text, "worker-1");
        let cluster = Some(seen(&ca, &config));
        let error = join(&config, JoinOptions::at(now()), cluster, scratch.path(), None).unwrap_err();
        assert_eq!(error.code(), code, "{}", chain(&error));
        assert!(snapshot(scratch.path()).is_empty());
    }
    let config = config(&recorded_text(), "worker-1");
    let scratch = Scratch::new("join-blind");
    let error = join(&config, JoinOptions::at(now()), None, scratch.path(), None).unwrap_err();
    assert_eq!(error.code(), Code::JOIN_NOT_DISCOVERED);
}
