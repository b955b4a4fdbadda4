//! `k8sboot certs`.

use std::{process::ExitCode, time::SystemTime};

use k8sboot_core::{
    blocking::wait,
    config::InitConfig,
    entropy::System,
    exec::{self, Tree},
    flow::{self, CertsScope, RenewChoice},
    pki::CertificateKey,
    plan::Plan,
    probe,
    time::Timestamp,
};
use serde_json::{Value, json};

use crate::{
    args::{CertsArgs, CertsCommand, Output},
    init,
    output::{Failure, print, print_json, problem, say},
    progress,
};

pub(crate) fn run(args: &CertsArgs, output: Output) -> Result<ExitCode, Failure> {
    if matches!(args.command, CertsCommand::CertificateKey) {
        return certificate_key(output);
    }
    let tree = Tree::open(&args.root).map_err(problem)?;
    let config = match &args.config {
        Some(path) => init::load(path, Some(&tree))?,
        None => kubeadm_defaults()?,
    };
    let now = Timestamp::from(SystemTime::now());
    let scope = CertsScope { config: &config, authoritative: args.config.is_some(), now };
    let wanted = match &args.command {
        CertsCommand::Csr { out } => flow::requests_wanted(&config, out.as_deref()),
        _ => flow::certs_wanted(&config),
    };
    let seen = probe::Host::new(tree.clone()).look(&wanted.map_err(problem)?).map_err(problem)?;
    match &args.command {
        CertsCommand::CertificateKey => {}
        CertsCommand::List => {
            let report = flow::expiration(scope, &seen).map_err(problem)?;
            match output {
                Output::Text => print(&report.to_table())?,
                Output::Json => print_json(&report.to_json())?,
            }
        }
        CertsCommand::Renew { names, dry_run } => {
            let choice = match names.iter().any(|name| name == "all") {
                true => RenewChoice::All,
                false => RenewChoice::Named(names.clone()),
            };
            let plan = flow::plan_renewal(scope, &choice, &seen).map_err(problem)?;
            if *dry_run {
                show(&plan, output)?;
            } else {
                let changed = carry_out(&plan, tree, output)?;
                if changed > 0 && output == Output::Text {
                    say(
                        "Restart kube-apiserver, kube-controller-manager, kube-scheduler and etcd to use them.",
                    );
                }
            }
        }
        CertsCommand::Csr { .. } if args.config.is_none() => {
            return Err(Failure::Missing {
                what: "--config",
                expected: "the configuration of the cluster: requests hold its names and addresses".into(),
                remedy: "give --config FILE".into(),
            });
        }
        CertsCommand::Csr { out } => {
            let plan = flow::plan_requests(scope, out.as_deref(), &seen).map_err(problem)?;
            carry_out(&plan, tree, output)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn certificate_key(output: Output) -> Result<ExitCode, Failure> {
    let key = CertificateKey::generate(&System).map_err(problem)?.expose();
    let key = key.expose_str().unwrap_or_default();
    match output {
        Output::Text => print(key)?,
        Output::Json => print_json(&json!({ "certificateKey": key }))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// kubeadm's default places; names and addresses do not matter for them.
fn kubeadm_defaults() -> Result<InitConfig, Failure> {
    InitConfig::builder("stable-1")
        .node_name("node")
        .advertise_address([192, 0, 2, 1].into())
        .build(&probe::node_facts(None))
        .map_err(|errors| Failure::Config { path: "built-in defaults".into(), errors })
}

fn show(plan: &Plan, output: Output) -> Result<(), Failure> {
    match output {
        Output::Text => print(&plan.to_text()),
        Output::Json => print_json(&plan.to_json()),
    }
}

fn carry_out(plan: &Plan, tree: Tree, output: Output) -> Result<usize, Failure> {
    let _lock = tree.lock().map_err(problem)?;
    let mut host = exec::Host::new(tree);
    let report = wait(flow::carry_out(plan, &mut host, &progress::run(output))).map_err(problem)?;
    if output == Output::Json {
        let steps: Vec<Value> = report
            .steps
            .iter()
            .map(|step| json!({ "id": step.id, "paths": step.paths, "outcome": step.outcome.name() }))
            .collect();
        print_json(&json!({ "stage": report.stage, "steps": steps, "notes": report.notes }))?;
    }
    Ok(report.steps.len())
}
