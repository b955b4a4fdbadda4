//! kubectl reads what init wrote: kubeconfigs as its configuration, static pods as typed objects, both without a server.

use std::{fs, path::Path, process::Command};

use k8sboot_core::{manifest::yaml, pki};
use serde_json::Value;

use crate::{
    support::{CASES, fixture, tools},
    tree::{Scratch, init, quick_config},
};

#[test]
fn kubectl_reads_each_kubeconfig_that_init_writes() {
    if !tools(&["kubectl"]) {
        return;
    }
    for case in CASES {
        let scratch = Scratch::new("kubectl");
        let config = quick_config(case);
        init(&config, scratch.path(), None).unwrap();
        for spec in pki::kubeconfigs(&config) {
            let file = scratch.path().join("etc/kubernetes").join(spec.file);
            let view = kubectl(&["config", "view", "--raw", "-o", "json", "--kubeconfig"], &file);
            let view: Value = serde_json::from_slice(&view).unwrap();
            let context = format!("{}@{}", spec.user, spec.cluster);
            assert_eq!(view["current-context"], context.as_str(), "{case}: {}", spec.file);
            assert_eq!(view["contexts"][0]["context"]["user"], spec.user.as_str(), "{case}: {}", spec.file);
            assert_eq!(view["contexts"][0]["context"]["cluster"], spec.cluster.as_str());
            assert_eq!(view["clusters"][0]["cluster"]["server"], spec.server.as_str());
            for data in ["client-certificate-data", "client-key-data"] {
                // kubectl refuses values that are not Base64.
                assert!(
                    view["users"][0]["user"][data].as_str().is_some_and(|text| text.len() > 100),
                    "{data}"
                );
            }
        }
    }
}

/// `kubectl set image --local` decodes into Kubernetes' own types: a field that they do not have gets lost.
#[test]
fn kubectl_decodes_static_pods_without_losing_a_field() {
    if !tools(&["kubectl"]) {
        return;
    }
    for case in CASES {
        let scratch = Scratch::new("kubectl");
        init(&quick_config(case), scratch.path(), None).unwrap();
        let manifests = scratch.path().join("etc/kubernetes/manifests");
        assert_eq!(lost_in(&manifests), Vec::<String>::new(), "{case}");
    }
}

#[test]
fn the_oracle_notices_a_field_that_pods_do_not_have() {
    if !tools(&["kubectl"]) {
        return;
    }
    let scratch = Scratch::new("kubectl");
    let pod = fixture("cases/seed/manifests/kube-scheduler.yaml").replace("hostNetwork:", "hostNetworks:");
    fs::write(scratch.path().join("kube-scheduler.yaml"), pod).unwrap();
    assert_eq!(lost_in(scratch.path()), ["kube-scheduler.spec.hostNetworks"]);
}

/// What gets lost of the pods of a directory.
fn lost_in(directory: &Path) -> Vec<String> {
    let printed =
        kubectl(&["set", "image", "*=replaced:by-kubectl", "--local", "-o", "json", "-f"], directory);
    let theirs: Vec<Value> =
        serde_json::Deserializer::from_slice(&printed).into_iter().map(Result::unwrap).collect();
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), theirs.len());
    let lost = files.iter().flat_map(|file| {
        let ours = yaml::parse_all(&fs::read_to_string(file).unwrap()).unwrap().remove(0);
        let name = ours["metadata"]["name"].clone();
        let theirs = theirs.iter().find(|pod| pod["metadata"]["name"] == name).unwrap();
        lost(&ours, theirs, name.as_str().unwrap())
    });
    lost.collect()
}

/// The places where `ours` says something that `theirs` does not. Images are replaced, so they differ.
fn lost(ours: &Value, theirs: &Value, at: &str) -> Vec<String> {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => ours
            .iter()
            .filter(|(name, _)| *name != "image")
            .flat_map(|(name, value)| {
                lost(value, theirs.get(name).unwrap_or(&Value::Null), &format!("{at}.{name}"))
            })
            .collect(),
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            let pairs = ours.iter().zip(theirs).enumerate();
            pairs.flat_map(|(index, (ours, theirs))| lost(ours, theirs, &format!("{at}[{index}]"))).collect()
        }
        (ours, theirs) if ours == theirs => Vec::new(),
        _ => vec![at.to_owned()],
    }
}

fn kubectl(arguments: &[&str], file: &Path) -> Vec<u8> {
    let out = Command::new("kubectl").args(arguments).arg(file).output().unwrap();
    let errors = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "kubectl {} {}: {errors}", arguments.join(" "), file.display());
    out.stdout
}
