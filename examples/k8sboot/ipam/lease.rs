//! `k8sboot ipam add` and `del`.

use std::{net::IpAddr, process::ExitCode};

use k8sboot_core::{
    cidr::Cidr,
    ipam::{Allocation, Owner, Ranges, Request},
    store::Store,
};
use serde_json::{Value, json};

use super::{
    args::{Network, OwnerArgs},
    open,
};
use crate::{
    args::Output,
    output::{Failure, print, print_json, problem},
};

pub(super) fn add(
    network: &Network,
    subnets: &[Cidr],
    owner: &OwnerArgs,
    addresses: &[IpAddr],
    output: Output,
) -> Result<ExitCode, Failure> {
    let ranges = Ranges::of_subnets(subnets).map_err(problem)?;
    let owner = Owner::new(&owner.container, &owner.ifname).map_err(problem)?;
    let mut given = Allocation::new();
    let request = Request::new(owner).addresses(addresses);
    open(network, ranges, true)?.allocate(&request, &mut given).map_err(problem)?;
    match output {
        Output::Text => {
            let lines = given.iter().map(|a| format!("{}/{} gateway {}\n", a.address, a.prefix, a.gateway));
            print(&lines.collect::<String>())?;
        }
        Output::Json => {
            let ips = given.iter().map(|a| {
                let address = format!("{}/{}", a.address, a.prefix);
                json!({ "address": address, "gateway": a.gateway.to_string(), "set": a.set })
            });
            print_json(&json!({ "ips": ips.collect::<Vec<Value>>() }))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn del(network: &Network, owner: &OwnerArgs, output: Output) -> Result<ExitCode, Failure> {
    let owner = Owner::new(&owner.container, &owner.ifname).map_err(problem)?;
    let mut freed = Vec::new();
    open(network, Ranges::none(), false)?.release(owner, &mut freed).map_err(problem)?;
    let freed: Vec<String> = freed.iter().map(IpAddr::to_string).collect();
    match output {
        Output::Text if freed.is_empty() => print(&format!("{owner} holds nothing"))?,
        Output::Text => print(&format!("released {}", freed.join(" ")))?,
        Output::Json => print_json(&json!({ "released": freed }))?,
    }
    Ok(ExitCode::SUCCESS)
}
