//! `k8sboot init`.

use std::{path::Path, process::ExitCode, time::SystemTime};

use k8sboot_core::{
    blocking::wait,
    config::{Documents, InitConfig},
    entropy::System,
    exec::{self, Tree},
    flow::{self, Flow, InitOptions, Selection},
    probe::{self, Probe},
    time::Timestamp,
    token::{BootstrapToken, JoinCommand, JoinRole},
};
use serde_json::{Value, json};

use crate::{
    args::{InitArgs, Output},
    objects,
    output::{Failure, choice, print, print_json, problem, read_text, say},
    progress, summary,
};

pub(crate) fn run(args: &InitArgs, output: Output) -> Result<ExitCode, Failure> {
    let stages = selection(args)?;
    let tree = open(&args.root)?;
    let config = load(&args.config, tree.as_ref())?;
    let mut options = InitOptions::at(Timestamp::from(SystemTime::now()));
    options = options.patches(probe::read_patches(tree.as_ref(), &config).map_err(problem)?);
    let in_cluster = stages.stages().map_err(choice)?.into_iter().any(is_in_cluster);
    let uploads = uploads(args, &config, &stages)?;
    if uploads {
        needs_certificate_key(&config)?;
    }
    options = options.upload_certs(uploads);
    let mut flow = flow::init(config.clone(), options.clone()).select(stages).map_err(choice)?;
    // As in kubeadm, the configuration may ask for a dry run too.
    if args.dry_run || args.diff || config.init().dry_run {
        return match tree {
            Some(tree) => show(args.diff, output, flow, &mut probe::Host::new(tree)),
            None => show(args.diff, output, flow, &mut probe::EmptyTree),
        };
    }
    if args.objects_dir.is_some() || in_cluster {
        needs_authority(&config, &flow, tree.as_ref())?;
    }
    if let Some(directory) = &args.objects_dir {
        open(directory)?;
        objects::rehearse(&config, &options)?;
    }
    let tree = match tree {
        Some(tree) => tree,
        None => {
            // Not even the root is made for a run that cannot begin.
            wait(flow.rehearse(&mut probe::EmptyTree, check(in_cluster))).map_err(problem)?;
            Tree::create(&args.root).map_err(problem)?
        }
    };
    apply(args, output, &config, (&options, uploads), flow, &tree)
}

/// Reads a configuration and fills in defaults from this host and the tree.
pub(crate) fn load(path: &Path, tree: Option<&Tree>) -> Result<InitConfig, Failure> {
    let at = |errors| Failure::Config { path: path.to_owned(), errors };
    let documents = Documents::parse(&read_text(path)?).map_err(at)?;
    let fresh = match &documents.init {
        Some(init) if !init.bootstrap_tokens.is_empty() => None,
        _ => Some(BootstrapToken::generate(&System).map_err(problem)?),
    };
    documents.into_init(&probe::node_facts(tree), fresh).map_err(at)
}

fn selection(args: &InitArgs) -> Result<Selection, Failure> {
    let begins_in_cluster = args.from.as_deref().is_some_and(is_in_cluster);
    let last = if begins_in_cluster { "addons" } else { "kubelet" };
    let mut selection = Selection::default().until(args.until.as_deref().unwrap_or(last)).map_err(choice)?;
    if let Some(from) = &args.from {
        selection = selection.from(from).map_err(choice)?;
    }
    for stage in &args.skip {
        selection = selection.skip(stage).map_err(choice)?;
    }
    selection.stages().map_err(choice)?;
    Ok(selection)
}

/// Whether a stage needs the API server: those after kubelet do.
pub(crate) fn is_in_cluster(stage: &str) -> bool {
    flow::INIT_STAGES.iter().skip_while(|known| **known != "kubelet").skip(1).any(|known| *known == stage)
}

/// Which steps can be done: all, or those on files.
fn check(in_cluster: bool) -> exec::Check {
    match in_cluster && cfg!(feature = "api") {
        true => |_| Ok(()),
        false => exec::Host::check_step,
    }
}

/// Who carries out the stages.
fn executor(config: &InitConfig, tree: &Tree, stages: &[&str]) -> Box<dyn exec::Executor> {
    let host = exec::Host::new(tree.clone());
    #[cfg(feature = "api")]
    if stages.iter().any(|stage| is_in_cluster(stage)) {
        return Box::new(exec::Cluster::new(host, config));
    }
    #[cfg(not(feature = "api"))]
    let _ = (config, stages);
    Box::new(host)
}

/// Whether certificates are sealed for joining control planes: asked for, or a key for it is in the configuration.
fn uploads(args: &InitArgs, config: &InitConfig, stages: &Selection) -> Result<bool, Failure> {
    let place = args.objects_dir.is_some() || stages.stages().map_err(choice)?.contains(&"upload-certs");
    if args.upload_certs && !place {
        return Err(Failure::Missing {
            what: "--upload-certs",
            expected: "a place for the sealed certificates: --objects-dir DIR, or stage upload-certs".into(),
            remedy: "give --objects-dir DIR, or --from wait-control-plane once the kubelet runs".into(),
        });
    }
    Ok(place && (args.upload_certs || !config.init().certificate_key.is_empty()))
}

fn needs_certificate_key(config: &InitConfig) -> Result<(), Failure> {
    if config.init().certificate_key.is_empty() {
        return Err(Failure::Missing {
            what: "certificateKey",
            expected: "a certificate key of 64 hexadecimal digits to seal the certificates with".into(),
            remedy: "set certificateKey in InitConfiguration, for example to what `k8sboot certs certificate-key` prints".into(),
        });
    }
    Ok(())
}

/// Opens a directory that may not exist yet.
fn open(directory: &Path) -> Result<Option<Tree>, Failure> {
    if directory.symlink_metadata().is_ok() {
        return Tree::open(directory).map(Some).map_err(problem);
    }
    Ok(None)
}

/// The objects hold the CA certificate: it must be there already, or be made in this run.
fn needs_authority(config: &InitConfig, flow: &Flow, tree: Option<&Tree>) -> Result<(), Failure> {
    let path = format!("{}/ca.crt", config.certificates_dir());
    let there = tree.map(|tree| tree.read(&path)).transpose().map_err(problem)?.flatten();
    if there.is_some() || flow.stages().contains(&"pki") {
        return Ok(());
    }
    Err(Failure::Missing {
        what: "API objects",
        expected: format!("the cluster's CA certificate in {path}"),
        remedy: "do stage pki in this run or before, or provide the file".into(),
    })
}

/// Prints the plans of a flow, or how files would change.
pub(crate) fn show(
    diff: bool,
    output: Output,
    mut flow: Flow,
    probe: &mut dyn Probe,
) -> Result<ExitCode, Failure> {
    let mut shown = Vec::new();
    while let Some(plan) = wait(flow.next_plan(probe)).map_err(problem)? {
        match (output, diff) {
            (Output::Text, false) => print(&plan.to_text())?,
            (Output::Text, true) => print(&plan.diff(flow.facts()).to_text())?,
            (Output::Json, false) => shown.push(plan.to_json()),
            (Output::Json, true) => {
                shown.push(json!({ "stage": plan.stage, "diff": plan.diff(flow.facts()) }))
            }
        }
    }
    if output == Output::Json {
        print_json(&Value::Array(shown))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn apply(
    args: &InitArgs,
    output: Output,
    config: &InitConfig,
    (options, uploads): (&InitOptions, bool),
    flow: Flow,
    tree: &Tree,
) -> Result<ExitCode, Failure> {
    let lock = tree.lock().map_err(problem)?;
    let mut on = executor(config, tree, flow.stages());
    let mut probe = probe::Host::new(tree.clone());
    let report = wait(flow.run(&mut probe, on.as_mut(), &progress::run(output))).map_err(problem)?;
    let authority = format!("{}/ca.crt", config.certificates_dir());
    let ca_pem =
        tree.read(&authority).map_err(problem)?.map(|pem| String::from_utf8_lossy(&pem).into_owned());
    let mut written = None;
    if let (Some(directory), Some(ca_pem)) = (&args.objects_dir, &ca_pem) {
        written = Some(objects::write(directory, tree, config, options, ca_pem, uploads)?);
    }
    drop(lock);
    let did = |stage: &str| report.stages.iter().any(|done| done.stage == stage);
    // A run in the cluster prints them if it made their tokens.
    let made = did("bootstrap-token") || !report.stages.iter().any(|done| is_in_cluster(done.stage));
    let joins = match ca_pem.as_ref().filter(|_| made) {
        Some(ca_pem) => joins(args, config, ca_pem, uploads)?,
        None => Vec::new(),
    };
    match output {
        Output::Json => {
            let mut value = report.to_json();
            if let Value::Object(map) = &mut value {
                map.insert("objects".into(), json!(written.map(|(paths, _)| paths).unwrap_or_default()));
                map.insert("joinCommands".into(), json!(joins));
            }
            print_json(&value)?;
        }
        Output::Text => {
            let counts = written.map(|(paths, changed)| (paths.len(), changed));
            say(summary::text(args, config.node_name(), &report, counts).trim_end());
            if !joins.is_empty() {
                say(match did("bootstrap-token") {
                    true => "\nOther nodes join with:\n",
                    false => "\nOnce the API server has the objects, other nodes join with:\n",
                });
            }
            for join in joins {
                print(&join)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The join commands. The certificate key is of use only if the certificates were sealed with it.
fn joins(args: &InitArgs, config: &InitConfig, ca_pem: &str, uploads: bool) -> Result<Vec<String>, Failure> {
    let mut texts = Vec::new();
    for mut join in flow::join_commands(config, ca_pem).map_err(problem)? {
        if !uploads && matches!(join.role(), JoinRole::ControlPlane { .. }) {
            let (token, pins) = (join.token().clone(), join.pins().to_vec());
            join =
                JoinCommand::control_plane(join.endpoint().to_owned(), token, pins, None).map_err(problem)?;
        }
        texts.push(match args.skip_token_print {
            true => join.to_string(),
            false => join.expose().expose_str().unwrap_or_default().to_owned(),
        });
    }
    Ok(texts)
}
