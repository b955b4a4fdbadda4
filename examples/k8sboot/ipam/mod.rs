//! `k8sboot ipam`: the addresses of a network in host-local's directory.

pub(crate) mod args;
mod lease;
mod picture;
mod repair;
mod survey;
mod svg;
mod terminal;

use std::process::ExitCode;

use k8sboot_core::{
    ipam::Ranges,
    store::{DirectoryOptions, DirectoryStore},
};

use crate::{
    args::Output,
    output::{Failure, problem},
};
use args::{IpamArgs, IpamCommand, Network};

pub(crate) fn run(args: &IpamArgs, output: Output) -> Result<ExitCode, Failure> {
    match &args.command {
        IpamCommand::Add { network, subnets, owner, addresses } => {
            lease::add(network, subnets, owner, addresses, output)
        }
        IpamCommand::Del { network, owner } => lease::del(network, owner, output),
        IpamCommand::Show { network, subnets, witnesses, svg } => {
            survey::show(network, subnets, witnesses, svg.as_deref(), output)
        }
        IpamCommand::Gc { network, subnets, witnesses, yes } => {
            survey::gc(network, subnets, witnesses, *yes, output)
        }
        IpamCommand::Repair { network, subnets, witnesses, remove_foreign, yes } => {
            let wanted = repair::Wanted { remove_foreign: *remove_foreign, yes: *yes };
            repair::run(network, subnets, witnesses, wanted, output)
        }
    }
}

/// Opens the directory of a network. Only `add` makes it: elsewhere a directory that is missing is a mistake in a name.
fn open(network: &Network, ranges: Ranges, create: bool) -> Result<DirectoryStore, Failure> {
    let options = DirectoryOptions::new().create(create);
    DirectoryStore::open(&network.data_dir, &network.name, ranges, options).map_err(problem)
}
