//! `k8sboot join`.

use std::{process::ExitCode, time::SystemTime};

use k8sboot_core::{
    api::DiscoverOptions,
    blocking::wait,
    config::JoinConfig,
    exec::{self, Run, Tree},
    flow::{self, Flow, JoinOptions, Report, Selection, TlsBootstrap},
    pki::KeyAlgorithm,
    probe::{self, Cluster},
    time::Timestamp,
};

use super::{
    args::{FirstCertificate, JoinArgs},
    connect,
    node_root::NodeRoot,
};
use crate::{
    args::Output,
    init::show,
    output::{Failure, choice, print_json, problem, say},
    progress, summary,
};

pub(crate) fn run(args: &JoinArgs, output: Output) -> Result<ExitCode, Failure> {
    let stages = selection(args)?;
    let there = match args.root.symlink_metadata() {
        Ok(_) => Some(Tree::open(&args.root).map_err(problem)?),
        Err(_) => None,
    };
    let (config, discovery) =
        connect::join_config(args.config.as_deref(), &args.find, args.node_name.as_deref(), there.as_ref())?;
    let mut options = JoinOptions::at(Timestamp::from(SystemTime::now())).register_node(args.register_node);
    options = options.patches(probe::read_join_patches(there.as_ref(), &config).map_err(problem)?);
    if args.tls_bootstrap == FirstCertificate::Library {
        options = options.tls_bootstrap(TlsBootstrap::Library { algorithm: KeyAlgorithm::EcdsaP256 });
    }
    let dry = args.dry_run || args.diff || config.join().dry_run;
    let flow = flow::join(config.clone(), options).select(stages).map_err(choice)?;
    let root = NodeRoot::open(&args.root)?;
    let progress = progress::run(output);
    let host = probe::Host::new(root.tree().clone());
    let mut probe = Cluster::by(host, discovery, DiscoverOptions::of(&config), &progress);
    if dry {
        return show(args.diff, output, flow, &mut probe);
    }
    apply(args, output, &config, flow, &root, (&mut probe, &progress))
}

fn selection(args: &JoinArgs) -> Result<Selection, Failure> {
    let mut selection = Selection::of(&flow::JOIN_STAGES).until(&args.until).map_err(choice)?;
    if let Some(from) = &args.from {
        selection = selection.from(from).map_err(choice)?;
    }
    for stage in &args.skip {
        selection = selection.skip(stage).map_err(choice)?;
    }
    selection.stages().map_err(choice)?;
    Ok(selection)
}

fn apply(
    args: &JoinArgs,
    output: Output,
    config: &JoinConfig,
    flow: Flow,
    root: &NodeRoot,
    (probe, progress): (&mut Cluster, &Run),
) -> Result<ExitCode, Failure> {
    let lock = root.tree().lock().map_err(problem)?;
    let mut on = exec::Joining::new(exec::Host::new(root.tree().clone()));
    let report = wait(flow.run(probe, &mut on, progress)).map_err(problem)?;
    drop(lock);
    match output {
        Output::Json => print_json(&report.to_json())?,
        Output::Text => {
            say(summary::changes(&args.root, &report).trim_end());
            next(args, config.node_name(), &report);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn next(args: &JoinArgs, node: &str, report: &Report) {
    match report.stages.last().map(|last| last.stage) {
        Some("kubelet") => {
            say("\nNext, on the node as root:");
            if let Some(copy) = summary::copy(&args.root) {
                say(&format!("  copy the tree:       {copy}"));
            }
            say(
                "  start the kubelet:   systemctl restart kubelet   (it asks for its certificate and registers the node)",
            );
        }
        Some("wait-kubelet" | "register-node") => {
            say(&format!("\nNode {node} has joined: kubectl get nodes"));
        }
        _ => {}
    }
}
