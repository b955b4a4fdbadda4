//! `k8sboot ipam show` and `gc`: who holds each address, and is it alive?

use std::{env, io::IsTerminal, path::Path, process::ExitCode};

use k8sboot_core::{
    cidr::Cidr,
    exec::{Kind, Tree},
    ipam::{
        Ranges,
        leak::{LeakReport, Policy, Runtimes, Witness},
    },
    plan::Guard,
    probe::witness::{Namespaces, StoredResults},
    store::{Store, Survey, collect},
};
use serde_json::{Value, json};

use super::{
    args::{Network, WitnessArgs},
    open,
    picture::{self, Picture},
    svg,
    terminal::{self, Look},
};
use crate::{
    args::Output,
    output::{Failure, print, print_json, problem, say},
};

pub(super) fn show(
    network: &Network,
    subnets: &[Cidr],
    witnesses: &WitnessArgs,
    svg: Option<&Path>,
    output: Output,
) -> Result<ExitCode, Failure> {
    let store = open(network, Ranges::none(), false)?;
    let (ranges, guessed) = match subnets {
        [] => (guess(network, &store)?, true),
        given => (Ranges::of_subnets(given).map_err(problem)?, false),
    };
    let report = ask(&store, ranges.clone(), witnesses)?;
    let title = format!("{} in {}", network.name, network.data_dir.display());
    if let Some(path) = svg {
        let picture = Picture::new(&title, &ranges, guessed, &report, svg::MOST_CELLS);
        write(path, &svg::draw(&picture))?;
    }
    match output {
        Output::Text => {
            let look = look();
            let picture = Picture::new(&title, &ranges, guessed, &report, look.most_cells());
            print(&terminal::draw(&picture, look))?;
        }
        Output::Json => print_json(&report.to_json())?,
    }
    Ok(exit_code(&report))
}

pub(super) fn gc(
    network: &Network,
    subnets: &[Cidr],
    witnesses: &WitnessArgs,
    yes: bool,
    output: Output,
) -> Result<ExitCode, Failure> {
    let store = open(network, Ranges::none(), false)?;
    let report = ask(&store, ranges_of(subnets)?, witnesses)?;
    let mut json = report.to_json();
    if output == Output::Text {
        print(&report.to_text())?;
    }
    if yes {
        let done = collect(&store, &report).map_err(problem)?;
        match output {
            Output::Text => {
                let changed = match done.changed.len() {
                    0 => String::new(),
                    count => format!(", {count} had changed and stay"),
                };
                print(&format!("freed {}{changed}; {} entries are left", done.freed.len(), done.after))?;
            }
            Output::Json => {
                let names = |records: &[k8sboot_core::ipam::Record]| -> Value {
                    records.iter().map(|record| record.name.clone()).collect()
                };
                put(&mut json, "freed", names(&done.freed));
                put(&mut json, "changed", names(&done.changed));
            }
        }
    } else if output == Output::Text && report.to_free().next().is_some() {
        say("nothing was changed: add --yes to free them");
    }
    if output == Output::Json {
        put(&mut json, "dryRun", json!(!yes));
        print_json(&json)?;
    }
    Ok(exit_code(&report))
}

/// The range sets, or none if no subnet was given.
pub(super) fn ranges_of(subnets: &[Cidr]) -> Result<Ranges, Failure> {
    match subnets {
        [] => Ok(Ranges::none()),
        given => Ranges::of_subnets(given).map_err(problem),
    }
}

fn put(json: &mut Value, key: &str, value: Value) {
    if let Value::Object(map) = json {
        map.insert(key.to_owned(), value);
    }
}

/// A witness that could not see is a failure: what it would have kept is not known.
pub(super) fn exit_code(report: &LeakReport) -> ExitCode {
    let mut failed = false;
    for testimony in &report.testimonies {
        for failure in &testimony.failures {
            say(&format!("error: {}: {}", testimony.witness, failure.message));
            failed = true;
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Reads the records, asks the witnesses and judges.
pub(super) fn ask(store: &dyn Store, ranges: Ranges, args: &WitnessArgs) -> Result<LeakReport, Failure> {
    let mut witnesses: Vec<Box<dyn Witness>> = Vec::new();
    #[cfg(feature = "docker")]
    witnesses.extend(
        args.docker.iter().map(|socket| -> Box<dyn Witness> {
            Box::new(k8sboot_core::probe::witness::Docker::new(socket))
        }),
    );
    #[cfg(feature = "cri")]
    witnesses.extend(
        args.cri
            .iter()
            .map(|socket| -> Box<dyn Witness> { Box::new(k8sboot_core::probe::witness::Cri::new(socket)) }),
    );
    if args.netns {
        witnesses.push(Box::new(Namespaces::new()));
    }
    if !args.cni_cache.is_empty() {
        witnesses.push(Box::new(StoredResults::new(&args.cni_cache)));
    }
    let runtimes = if args.all_runtimes { Runtimes::All } else { Runtimes::Some };
    let policy = Policy::default().grace(args.grace).runtimes(runtimes);
    let mut survey = Survey::new(store).policy(policy).ranges(ranges);
    for witness in &witnesses {
        survey = match args.believe_empty {
            true => survey.witness_known_empty(&**witness),
            false => survey.witness(&**witness),
        };
    }
    survey.plan().map_err(problem)
}

fn guess(network: &Network, store: &dyn Store) -> Result<Ranges, Failure> {
    let subnets = picture::guess(&store.records().map_err(problem)?);
    if subnets.is_empty() {
        return Err(Failure::Missing {
            what: "--subnet",
            expected: format!("the subnets of {}, which holds no address to guess them from", network.name),
            remedy: "give --subnet CIDR".into(),
        });
    }
    Ranges::of_subnets(&subnets).map_err(problem)
}

fn look() -> Look {
    let out = std::io::stdout();
    let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let colour =
        out.is_terminal() && !set("NO_COLOR") && env::var_os("TERM").is_none_or(|term| term != "dumb");
    let columns = || env::var("COLUMNS").ok()?.parse().ok();
    let terminal = || console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns));
    Look { width: columns().or_else(terminal).unwrap_or(80), colour }
}

/// Replaces the file in one step: who looks sees the old picture or the new one.
fn write(path: &Path, content: &str) -> Result<(), Failure> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| Failure::Missing {
        what: "--svg",
        expected: "the name of a file".into(),
        remedy: "give --svg FILE".into(),
    })?;
    let (tree, node_path) = (Tree::open(directory).map_err(problem)?, format!("/{name}"));
    if tree.inspect(&node_path).map_err(problem)?.is_some_and(|seen| seen.kind != Kind::File) {
        return Err(Failure::Kind { path: path.to_owned() });
    }
    tree.write(&node_path, content.as_bytes(), 0o644, Guard::None).map(|_| ()).map_err(problem)
}
