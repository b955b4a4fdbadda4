//! The example programs run and do what they say.

use std::{fs, path::Path, process::Command};

use crate::support::{CONFIG, Ran, Scratch, repository};

/// Runs an example program.
fn example(name: &str, arguments: &[&str]) -> Ran {
    built(name).args(arguments).env_clear().output().unwrap().into()
}

/// An example program, which `cargo test` builds beside the binary.
fn built(name: &str) -> Command {
    let built = Path::new(env!("CARGO_BIN_EXE_k8sboot")).with_file_name("examples").join(name);
    if !built.exists() {
        let build = ["build", "--quiet", "--package", "k8sboot-examples", "--example", name];
        let status = Command::new(env!("CARGO")).args(build).current_dir(repository()).status().unwrap();
        assert!(status.success(), "{name}");
    }
    Command::new(built)
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

#[test]
fn the_readmes_rust_program_is_the_example_embed() {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let snippet = readme.split("```rust\n").nth(1).unwrap().split("```").next().unwrap();
    let program = fs::read_to_string(repository().join("examples/embed.rs")).unwrap();
    let program: Vec<&str> = program.lines().map(str::trim).collect();
    let snippet: Vec<&str> = snippet.lines().map(str::trim).collect();
    assert!(snippet.len() > 8);
    assert!(program.windows(snippet.len()).any(|lines| lines == snippet), "{snippet:#?}");
    let scratch = Scratch::new("embed");
    let config = scratch.write("config.yaml", CONFIG);
    let ran: Ran = built("embed").arg(config).current_dir(scratch.path("")).output().unwrap().into();
    assert_eq!(ran.ok().out, "26 steps changed something\n");
    assert!(scratch.path("demo-node/etc/kubernetes/admin.conf").is_file());
}

#[test]
fn the_readmes_addresses_are_the_example_ipam() {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let snippet = readme.split("```rust\n").nth(2).unwrap().split("```").next().unwrap();
    let program = fs::read_to_string(repository().join("examples/ipam.rs")).unwrap();
    let program: Vec<&str> = program.lines().map(str::trim).collect();
    let snippet: Vec<&str> = snippet.lines().map(str::trim).collect();
    assert!(snippet.len() > 8);
    assert!(program.windows(snippet.len()).any(|lines| lines == snippet), "{snippet:#?}");
    let scratch = Scratch::new("example-ipam");
    let ran: Ran = built("ipam").current_dir(scratch.path("")).output().unwrap().into();
    assert_eq!(ran.ok().out, "10.244.1.2/24 gateway 10.244.1.1\n");
    assert!(scratch.path("networks/cbr0").is_dir() && !scratch.path("networks/cbr0/10.244.1.2").exists());
}

#[test]
fn the_readme_names_the_main_job_as_it_is_tested() {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let job =
        "cargo run --release --bin k8sboot -- init --config examples/seed-cluster.yaml --root demo-node ";
    assert!(readme.contains(job));
}
