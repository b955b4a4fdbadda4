//! The example programs run and do what they say.

use std::{path::Path, process::Command};

use crate::support::{Ran, Scratch, repository};

/// Runs an example program, which `cargo test` builds beside the binary.
fn example(name: &str, arguments: &[&str]) -> Ran {
    let built = Path::new(env!("CARGO_BIN_EXE_k8sboot")).with_file_name("examples").join(name);
    if !built.exists() {
        let build = ["build", "--quiet", "--package", "k8sboot-examples", "--example", name];
        let status = Command::new(env!("CARGO")).args(build).current_dir(repository()).status().unwrap();
        assert!(status.success(), "{name}");
    }
    Command::new(built).args(arguments).env_clear().output().unwrap().into()
}

fn seed() -> String {
    repository().join("examples/seed-cluster.yaml").display().to_string()
}

#[test]
fn plan_init_shows_plans_and_differences_and_writes_nothing() {
    let scratch = Scratch::new("plan-init");
    let ran = example("plan_init", &[&seed(), &scratch.arg("")]).ok();
    assert!(
        ran.out.contains("kube-apiserver.yaml")
            && ran.out.contains("+    - --advertise-address=10.47.217.91"),
        "{}",
        ran.out
    );
    assert!(scratch.snapshot().is_empty());
}

#[test]
fn pki_only_makes_a_tree_of_certificates() {
    let ran = example("pki_only", &[&seed()]).ok();
    for name in ["ca", "apiserver", "etcd-server", "front-proxy-client"] {
        assert!(ran.out.lines().any(|line| line.starts_with(&format!("{name}: "))), "{name}: {}", ran.out);
    }
    assert!(!ran.out.contains("PRIVATE KEY"));
}

#[test]
fn tokens_signs_and_verifies_cluster_info() {
    let ran = example("tokens", &[]).ok();
    assert!(ran.out.contains("signature is good") && ran.out.contains("refused"), "{}", ran.out);
}

#[test]
fn kubeconfig_user_makes_a_kubeconfig() {
    let ran = example("kubeconfig_user", &[]).ok();
    assert!(
        ran.out.contains("client-certificate-data: ") && ran.out.contains("namespace: web"),
        "{}",
        ran.out
    );
}
