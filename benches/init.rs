//! Whole init: in memory, on a file system in memory, on a disk with fsync, and once more.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    process::ExitCode,
};

use k8sboot_benches::{Bench, Cases, Failure, Recorded, Scratch, Timing, inputs, ms};
use k8sboot_core::{
    blocking::wait,
    config::InitConfig,
    exec::{self, Run, Tree},
    flow::{self, InitOptions, Report, Selection},
    pki::KeyAlgorithm::{self, EcdsaP256, Rsa2048},
    probe,
};

/// Below the build's directory, where a disk is.
const ON_DISK: &str = env!("CARGO_TARGET_TMPDIR");

fn main() -> ExitCode {
    Bench::new("init").run(|b| {
        for algorithm in [EcdsaP256, Rsa2048] {
            in_memory(b, algorithm);
            let config = inputs::seed(algorithm)?;
            on_files(b, &config, algorithm, false);
            on_files(b, &config, algorithm, true);
        }
        disk_itself(b)?;
        again(b)
    })
}

/// From the text of the configuration to the contents of all files and objects.
fn in_memory(b: &mut Cases, algorithm: KeyAlgorithm) {
    let text = inputs::seed_text(algorithm);
    let keys = inputs::Series::new();
    b.case(format!("no files/{algorithm}")).kubeadm(kubeadm(algorithm)).run(|| {
        let config = inputs::read(&text)?;
        let tree = inputs::whole_tree(&config, &keys, inputs::threads())?;
        let ca = tree.iter().find(|(path, _)| path == "ca.crt").ok_or("no ca.crt")?;
        let manifests = inputs::whole_manifests(&config, ca.1.expose_str().unwrap_or_default())?;
        Ok((tree, manifests))
    });
}

fn on_files(b: &mut Cases, config: &InitConfig, algorithm: KeyAlgorithm, disk: bool) {
    let name = if disk { "disk with fsync" } else { "files in memory" };
    let fresh = |until| {
        let scratch = if disk { Scratch::below(ON_DISK)? } else { Scratch::in_memory()? };
        Timing::of(|| init(config, scratch.path(), until))
    };
    let tree = b.case(format!("{name}/{algorithm}, certificates and kubeconfigs"));
    let tree = if disk && algorithm == EcdsaP256 { tree.at_most(ms(30)) } else { tree };
    tree.run_timed(|| fresh("kubeconfig"));
    b.case(format!("{name}/{algorithm}, until kubelet"))
        .kubeadm(kubeadm(algorithm))
        .run_timed(|| fresh("kubelet"));
}

/// What the disk takes for one file as init writes each: the measure of the figures with fsync.
fn disk_itself(b: &mut Cases) -> Result<(), Failure> {
    let scratch = Scratch::below(ON_DISK)?;
    let (temporary, path) = (scratch.path().join("temporary"), scratch.path().join("file"));
    b.case("disk itself/one file, it and its directory synced").units(1.0, "files").run(|| {
        let mut file = File::create_new(&temporary)?;
        file.write_all(&[b'x'; 1500])?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        Ok(File::open(scratch.path())?.sync_all()?)
    });
    Ok(())
}

/// On a tree that is complete.
fn again(b: &mut Cases) -> Result<(), Failure> {
    let config = inputs::seed(EcdsaP256)?;
    let scratch = Scratch::below(ON_DISK)?;
    init(&config, scratch.path(), "kubelet")?;
    b.case("again/ECDSA-P256").run(|| match init(&config, scratch.path(), "kubelet")?.changed() {
        0 => Ok(()),
        n => Err(format!("expected nothing to do, found {n} changes").into()),
    });
    b.case("dry run/ECDSA-P256").run(|| {
        let mut flow = flow(&config, "kubelet")?;
        let mut plans = Vec::new();
        while let Some(plan) = wait(flow.next_plan(&mut probe::EmptyTree))? {
            plans.push(plan.to_text());
        }
        Ok(plans)
    });
    Ok(())
}

fn init(config: &InitConfig, root: &Path, until: &str) -> Result<Report, Failure> {
    let tree = Tree::create(root)?;
    let mut host = exec::Host::new(tree.clone());
    Ok(wait(flow(config, until)?.run(&mut probe::Host::new(tree), &mut host, &Run::default()))?)
}

fn flow(config: &InitConfig, until: &str) -> Result<flow::Flow, Failure> {
    let selection = Selection::default().until(until)?;
    Ok(flow::init(config.clone(), InitOptions::at(inputs::now())).select(selection)?)
}

/// `certs all`, `kubeconfig all`, `control-plane all` and `etcd local`, on a file system in memory.
fn kubeadm(algorithm: KeyAlgorithm) -> Recorded {
    let keys = if algorithm == EcdsaP256 { 44 + 33 } else { 693 + 374 };
    Recorded::work("certs + kubeconfig + control-plane + etcd", ms(keys + 41 + 33), 4)
}
