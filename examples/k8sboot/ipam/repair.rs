//! `k8sboot ipam repair`: files of the directory that are not as they should be.

use std::process::ExitCode;

use k8sboot_core::{
    cidr::Cidr,
    ipam::leak::State,
    store::directory::{Outcome, RepairOptions, repair_json, repair_text},
};

use super::{
    args::{Network, WitnessArgs},
    open, survey,
};
use crate::{
    args::Output,
    output::{Failure, print, print_json, problem, say},
};

/// What may be done.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) remove_foreign: bool,
    pub(super) yes: bool,
}

pub(super) fn run(
    network: &Network,
    subnets: &[Cidr],
    witnesses: &WitnessArgs,
    wanted: Wanted,
    output: Output,
) -> Result<ExitCode, Failure> {
    let ranges = survey::ranges_of(subnets)?;
    let store = open(network, ranges.clone(), false)?;
    let report = survey::ask(&store, ranges, witnesses)?;
    // An address that somebody uses is not made free, however broken its record is.
    let used = report.verdicts.iter().filter(|verdict| matches!(verdict.state, State::Live | State::Young));
    let used = used.filter_map(|verdict| verdict.record.address);
    let configured = report.testimonies.iter().flat_map(|testimony| &testimony.addresses);
    let options = RepairOptions::default()
        .remove_foreign(wanted.remove_foreign)
        .live(used.chain(configured.map(|seen| seen.address)));
    let findings = store.findings(&options).map_err(problem)?;
    let outcomes = if wanted.yes { store.repair(&findings).map_err(problem)? } else { Vec::new() };
    match output {
        Output::Text if findings.is_empty() => print("everything is as it should be")?,
        Output::Text => {
            print(&repair_text(&findings, &outcomes))?;
            if !wanted.yes {
                say("nothing was changed: add --yes to repair");
            }
        }
        Output::Json => print_json(&repair_json(&findings, &outcomes))?,
    }
    let failed = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Failed { .. }));
    Ok(if failed { ExitCode::FAILURE } else { survey::exit_code(&report) })
}
