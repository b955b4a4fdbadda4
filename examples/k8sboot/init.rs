//! `k8sboot init`.

use std::{path::Path, process::ExitCode, time::SystemTime};

use k8sboot_core::{
    blocking::wait,
    config::{Documents, InitConfig},
    entropy::System,
    exec::{self, Kind, Tree},
    flow::{self, Flow, InitOptions, Selection},
    manifest::{Object, cluster::file_name},
    plan::Guard,
    probe::{self, Probe},
    time::Timestamp,
    token::BootstrapToken,
};
use serde_json::{Value, json};

use crate::{
    args::{InitArgs, Output},
    output::{Failure, print, print_json, problem, read_text, say},
    progress,
};

pub(crate) fn run(args: &InitArgs, output: Output) -> Result<ExitCode, Failure> {
    let looks_only = args.dry_run || args.diff;
    let tree = match (looks_only, args.root.exists()) {
        // A dry run makes nothing, not even the root.
        (true, false) => None,
        _ => Some(Tree::create(&args.root).map_err(problem)?),
    };
    let config = load(&args.config, tree.as_ref())?;
    let mut options = InitOptions::at(Timestamp::from(SystemTime::now()));
    options = options.patches(probe::read_patches(tree.as_ref(), &config).map_err(problem)?);
    let flow = flow::init(config.clone(), options.clone()).select(selection(args)?).map_err(problem)?;
    match tree {
        Some(tree) if !looks_only => apply(args, output, &config, &options, flow, tree),
        Some(tree) => show(args, output, flow, &mut probe::Host::new(tree)),
        None => show(args, output, flow, &mut probe::EmptyTree),
    }
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
    let mut selection = Selection::default().until(&args.until).map_err(problem)?;
    if let Some(from) = &args.from {
        selection = selection.from(from).map_err(problem)?;
    }
    for stage in &args.skip {
        selection = selection.skip(stage).map_err(problem)?;
    }
    Ok(selection)
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
    tree: Tree,
) -> Result<ExitCode, Failure> {
    let lock = tree.lock().map_err(problem)?;
    let mut host = exec::Host::new(tree.clone());
    let mut probe = probe::Host::new(tree.clone());
    let report = wait(flow.run(&mut probe, &mut host, &progress::run(output))).map_err(problem)?;
    let authority = format!("{}/ca.crt", config.certificates_dir());
    let ca_pem =
        tree.read(&authority).map_err(problem)?.map(|pem| String::from_utf8_lossy(&pem).into_owned());
    let mut written = Vec::new();
    if let (Some(directory), Some(ca_pem)) = (&args.objects_dir, &ca_pem) {
        written = write_objects(directory, flow::cluster_objects(config, options, ca_pem).map_err(problem)?)?;
    }
    drop(lock);
    let joins = match &ca_pem {
        Some(ca_pem) => flow::join_commands(config, ca_pem).map_err(problem)?,
        None => Vec::new(),
    };
    let joins: Vec<String> = joins
        .iter()
        .map(|join| match args.skip_token_print {
            true => join.to_string(),
            false => join.expose().expose_str().unwrap_or_default().to_owned(),
        })
        .collect();
    match output {
        Output::Json => {
            let mut value = report.to_json();
            if let Value::Object(map) = &mut value {
                map.insert("objects".into(), json!(written));
                map.insert("joinCommands".into(), json!(joins));
            }
            print_json(&value)?;
        }
        Output::Text => {
            say(&format!("{} steps changed something below {}", report.changed(), args.root.display()));
            if !written.is_empty() {
                say(&format!("{} API objects written", written.len()));
            }
            if !joins.is_empty() {
                say("\nOnce the API server runs and has its objects, workers join with:\n");
            }
            for join in joins {
                print(&join)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes each object into a file of its own; Secrets are 0600.
fn write_objects(directory: &Path, objects: Vec<(&'static str, Object)>) -> Result<Vec<String>, Failure> {
    let tree = Tree::create(directory).map_err(problem)?;
    let mut written = Vec::new();
    for (_, object) in objects {
        let path = format!("/{}", file_name(&object));
        let mode = if object.key().kind == "Secret" { 0o600 } else { 0o644 };
        if let Some(seen) = tree.inspect(&path).map_err(problem)? {
            if seen.kind != Kind::File {
                return Err(Failure::Usage(format!("{}{path} is not a regular file", directory.display())));
            }
        }
        tree.write(&path, object.to_yaml().as_bytes(), mode, Guard::None).map_err(problem)?;
        written.push(directory.join(path.trim_start_matches('/')).display().to_string());
    }
    Ok(written)
}
