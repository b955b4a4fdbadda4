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
    let mut flow = flow::init(config.clone(), options.clone()).select(stages).map_err(choice)?;
    if args.dry_run || args.diff {
        return match tree {
            Some(tree) => show(args, output, flow, &mut probe::Host::new(tree)),
            None => show(args, output, flow, &mut probe::EmptyTree),
        };
    }
    if let Some(directory) = &args.objects_dir {
        open(directory)?;
        needs_authority(&config, &flow, tree.as_ref())?;
        objects::rehearse(&config, &options, uploads(args, &config))?;
    }
    let tree = match tree {
        Some(tree) => tree,
        None => {
            // Not even the root is made for a run that cannot begin.
            wait(flow.rehearse(&mut probe::EmptyTree, exec::Host::check_step)).map_err(problem)?;
            Tree::create(&args.root).map_err(problem)?
        }
    };
    apply(args, output, &config, &options, flow, &tree)
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
    let mut selection = Selection::default().until(&args.until).map_err(choice)?;
    if let Some(from) = &args.from {
        selection = selection.from(from).map_err(choice)?;
    }
    for stage in &args.skip {
        selection = selection.skip(stage).map_err(choice)?;
    }
    selection.stages().map_err(choice)?;
    Ok(selection)
}

/// Whether certificates are sealed for joining control planes: asked for, or a key for it is in the configuration.
fn uploads(args: &InitArgs, config: &InitConfig) -> bool {
    args.objects_dir.is_some() && (args.upload_certs || !config.init().certificate_key.is_empty())
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

fn show(args: &InitArgs, output: Output, mut flow: Flow, probe: &mut dyn Probe) -> Result<ExitCode, Failure> {
    let mut shown = Vec::new();
    while let Some(plan) = wait(flow.next_plan(probe)).map_err(problem)? {
        match (output, args.diff) {
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
    options: &InitOptions,
    flow: Flow,
    tree: &Tree,
) -> Result<ExitCode, Failure> {
    let lock = tree.lock().map_err(problem)?;
    let mut host = exec::Host::new(tree.clone());
    let mut probe = probe::Host::new(tree.clone());
    let report = wait(flow.run(&mut probe, &mut host, &progress::run(output))).map_err(problem)?;
    let authority = format!("{}/ca.crt", config.certificates_dir());
    let ca_pem =
        tree.read(&authority).map_err(problem)?.map(|pem| String::from_utf8_lossy(&pem).into_owned());
    let mut written = None;
    if let (Some(directory), Some(ca_pem)) = (&args.objects_dir, &ca_pem) {
        written = Some(objects::write(directory, tree, config, options, ca_pem, uploads(args, config))?);
    }
    drop(lock);
    let joins = match &ca_pem {
        Some(ca_pem) => joins(args, config, ca_pem)?,
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
                say("\nOnce the API server has the objects, other nodes join with:\n");
            }
            for join in joins {
                print(&join)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The join commands. The certificate key is of use only if the certificates were sealed with it.
fn joins(args: &InitArgs, config: &InitConfig, ca_pem: &str) -> Result<Vec<String>, Failure> {
    let mut texts = Vec::new();
    for mut join in flow::join_commands(config, ca_pem).map_err(problem)? {
        if !uploads(args, config) && matches!(join.role(), JoinRole::ControlPlane { .. }) {
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
