//! `k8sboot config`.

use std::{path::Path, process::ExitCode};

use k8sboot_core::{
    config::{self, DefaultsKind as Kind, Documents, InitConfig},
    entropy::System,
    manifest::images,
    probe::node_facts,
    token::BootstrapToken,
};
use serde_json::{Value, json};

use crate::{
    args::{ConfigArgs, ConfigCommand, DefaultsKind, Output},
    init,
    output::{Failure, config_json, print, print_json, problem, read_text, say, shown},
};

pub(crate) fn run(args: &ConfigArgs, output: Output) -> Result<ExitCode, Failure> {
    match &args.command {
        ConfigCommand::Validate { config } => validate(config, output)?,
        ConfigCommand::Migrate { config } => migrate(config, output)?,
        ConfigCommand::Images { config, kubernetes_version, image_repository } => {
            let config = match config {
                Some(path) => init::load(path, None)?,
                None => built(kubernetes_version.as_deref(), image_repository.as_deref())?,
            };
            lines(&images(&config), "images", output)?;
        }
        ConfigCommand::Defaults { kind } => {
            let kind = match kind {
                DefaultsKind::Init => Kind::Init,
                DefaultsKind::Join => Kind::Join,
                DefaultsKind::Reset => Kind::Reset,
            };
            text(&config::print_defaults(kind), output)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads and proves whatever flow the documents are for.
fn validate(path: &Path, output: Output) -> Result<(), Failure> {
    let at = |errors| Failure::Config { path: path.to_owned(), errors };
    let documents = Documents::parse(&read_text(path)?).map_err(at)?;
    let host = node_facts(None);
    let mut warnings = documents.warnings().to_vec();
    if documents.join.is_some() {
        warnings = documents.clone().into_join(&host).map_err(at)?.warnings().to_vec();
    }
    if documents.reset.is_some() {
        warnings = documents.clone().into_reset(&host).map_err(at)?.warnings().to_vec();
    }
    if documents.init.is_some() || documents.cluster.is_some() {
        warnings = documents.into_init(&host, None).map_err(at)?.warnings().to_vec();
    }
    match output {
        Output::Text => {
            for warning in &warnings {
                say(&format!("warning: {}: {warning}", shown(path)));
            }
            print("ok")
        }
        Output::Json => {
            let warnings: Vec<Value> = warnings.iter().map(config_json).collect();
            print_json(&json!({ "config": shown(path), "errors": [], "warnings": warnings }))
        }
    }
}

fn migrate(path: &Path, output: Output) -> Result<(), Failure> {
    let at = |errors| Failure::Config { path: path.to_owned(), errors };
    let fresh = BootstrapToken::generate(&System).map_err(problem)?;
    let migrated = config::migrate(&read_text(path)?, &node_facts(None), Some(fresh)).map_err(at)?;
    for warning in &migrated.warnings {
        say(&format!("warning: {}: {warning}", shown(path)));
    }
    text(migrated.yaml.expose(), output)
}

/// A configuration of nothing but a version and a repository.
fn built(version: Option<&str>, repository: Option<&str>) -> Result<InitConfig, Failure> {
    let at = |errors| Failure::Config { path: "command line".into(), errors };
    let mut builder = InitConfig::builder(version.unwrap_or("stable-1"));
    if let Some(repository) = repository {
        builder = builder.image_repository(repository);
    }
    // Neither name nor address appears in an image.
    builder.node_name("node").advertise_address([192, 0, 2, 1].into()).build(&node_facts(None)).map_err(at)
}

fn lines(lines: &[String], name: &str, output: Output) -> Result<(), Failure> {
    match output {
        Output::Text => print(&lines.join("\n")),
        Output::Json => print_json(&json!({ name: lines })),
    }
}

/// YAML documents as they are, or as a JSON list of documents.
fn text(yaml: &str, output: Output) -> Result<(), Failure> {
    match output {
        Output::Text => print(yaml),
        Output::Json => {
            let documents = k8sboot_core::manifest::yaml::parse_all(yaml).map_err(problem)?;
            print_json(&Value::Array(documents))
        }
    }
}
