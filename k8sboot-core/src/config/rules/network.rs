//! Subnets: shape, size, families, overlap, and the node's own address.

use std::net::IpAddr;

use super::{Report, text::subdomain};
use crate::{
    cidr::{Cidr, Family},
    config::v1beta4::{Arg, ClusterConfiguration, InitConfiguration},
};

const SERVICES: &str = "networking.serviceSubnet";
const PODS: &str = "networking.podSubnet";

/// The subnets of a cluster that keep every rule.
#[derive(Debug, Default)]
pub(in crate::config) struct Networks {
    pub(in crate::config) services: Vec<Cidr>,
    pub(in crate::config) pods: Vec<Cidr>,
}

/// The rules for `networking`, and for the node's addresses against it.
pub(in crate::config) fn network(
    report: &mut Report<'_>,
    init: &InitConfiguration,
    cluster: &ClusterConfiguration,
    advertise: Option<IpAddr>,
) -> Networks {
    report.on("ClusterConfiguration");
    subdomain(report, "networking.dnsDomain", &cluster.networking.dns_domain);
    let services = subnets(report, SERVICES, &cluster.networking.service_subnet, 10);
    let pods = subnets(report, PODS, &cluster.networking.pod_subnet, 14);
    for cidr in &services {
        service_size(report, cidr);
    }
    let manager_args = &cluster.controller_manager.extra_args;
    let allocates = last(manager_args, "allocate-node-cidrs").is_none_or(|(_, value)| value != "false");
    if allocates {
        for cidr in &pods {
            node_mask(report, cidr, manager_args);
        }
    }
    overlap(report, &services, &pods);
    families(report, cluster, &services, &pods, advertise);
    node_addresses(report, init, &services, &pods, advertise, allocates);
    Networks { services, pods }
}

/// One CIDR, or one of each family, with at least `least` addresses each.
fn subnets(report: &mut Report<'_>, field: &str, text: &str, least: u128) -> Vec<Cidr> {
    if text.is_empty() {
        return Vec::new();
    }
    let mut cidrs: Vec<Cidr> = Vec::new();
    for part in text.split(',') {
        match part.parse() {
            Ok(cidr) => cidrs.push(cidr),
            Err(_) => {
                let remedy = if part.trim() != part {
                    "write no blanks around the comma"
                } else if part.parse::<IpAddr>().is_ok() {
                    "add the length, for example /16"
                } else {
                    ""
                };
                let expected = "a CIDR like 10.244.0.0/16, or one per family joined with a comma";
                report.value(field, expected, part, remedy);
            }
        }
    }
    match cidrs.as_slice() {
        [first, second] if first.family() == second.family() => {
            let found = format!("two of the same family, {first} and {second}");
            report.value_of(field, "one CIDR per family", found, "leave one of them out");
        }
        [_, _, _, ..] => {
            let found = format!("{} CIDRs", cidrs.len());
            report.value_of(field, "one CIDR or one per family", found, "give at most one of each family");
        }
        _ => {}
    }
    for cidr in &cidrs {
        if cidr.size() < least {
            let found = format!("{cidr} with {}", cidr.size());
            report.value_of(field, &format!("at least {least} addresses"), found, "give a shorter prefix");
        }
        if site_local().is_some_and(|deprecated| deprecated.overlaps(cidr)) {
            let remedy = "fec0::/10 is deprecated; use fc00::/7";
            report.warn(field, "no site-local addresses", cidr.to_string(), remedy);
        }
    }
    cidrs
}

fn site_local() -> Option<Cidr> {
    "fec0::/10".parse().ok()
}

/// kube-apiserver keeps a bitmap of the services' addresses: at most 20 bits.
fn service_size(report: &mut Report<'_>, cidr: &Cidr) {
    let shortest = cidr.family().bits() - 20;
    if cidr.length() < shortest {
        let expected = format!("a prefix of /{shortest} or longer");
        report.value_of(
            SERVICES,
            &expected,
            format!("{cidr}"),
            "services have at most 2^20 addresses per family",
        );
    }
}

/// Each node gets a slice of the pod subnet; there can be 2^16 slices.
fn node_mask(report: &mut Report<'_>, cidr: &Cidr, args: &[Arg]) {
    let (name, usual) = match cidr.family() {
        Family::V4 => ("node-cidr-mask-size-ipv4", 24),
        Family::V6 => ("node-cidr-mask-size-ipv6", 64),
    };
    let mask = match last(args, name) {
        None => usual,
        Some((index, text)) => {
            let field = format!("controllerManager.extraArgs[{index}].value");
            match text.parse::<u8>().ok().filter(|mask| *mask <= cidr.family().bits()) {
                Some(mask) => mask,
                None => {
                    let expected = format!("the length of a prefix, at most {}", cidr.family().bits());
                    return report.value(&field, &expected, text, "");
                }
            }
        }
    };
    let arg = format!("or set controllerManager.extraArgs {name}");
    if cidr.length() > mask {
        let expected = format!("a subnet at least as large as a node's, which is a /{mask}");
        report.value_of(PODS, &expected, cidr.to_string(), &format!("give a shorter prefix, {arg}"));
    } else if mask - cidr.length() > 16 {
        let expected = format!("a prefix of /{} or longer for nodes of /{mask}", mask - 16);
        report.value_of(PODS, &expected, cidr.to_string(), &format!("give a longer prefix, {arg}"));
    }
}

fn overlap(report: &mut Report<'_>, services: &[Cidr], pods: &[Cidr]) {
    for service in services {
        for pod in pods.iter().filter(|pod| pod.overlaps(service)) {
            let field = if report.given(PODS) { PODS } else { SERVICES };
            let found = format!("pods {pod} and services {service}");
            report.conflict(field, "subnets that share no address", found, "move one of them");
        }
    }
}

/// The first family decides: kube-apiserver refuses to start when its own address is of another family than the first
/// service CIDR, and pods take their first address from the first pod CIDR.
fn families(
    report: &mut Report<'_>,
    cluster: &ClusterConfiguration,
    services: &[Cidr],
    pods: &[Cidr],
    advertise: Option<IpAddr>,
) {
    let (Some(service), pod) = (services.first(), pods.first()) else { return };
    let name = |family| if family == Family::V4 { "IPv4" } else { "IPv6" };
    if let Some(pod) = pod.filter(|pod| pod.family() != service.family()) {
        let found = format!("pods {} first, services {} first", name(pod.family()), name(service.family()));
        let remedy = "give both subnets with the families in the same order";
        report.conflict(PODS, "the same first family as the services", found, remedy);
    }
    let own = |name: &str| last(&cluster.api_server.extra_args, name).is_some();
    let reconciler = last(&cluster.api_server.extra_args, "endpoint-reconciler-type");
    let overridden = own("service-cluster-ip-range")
        || own("advertise-address")
        || reconciler.is_some_and(|(_, kind)| kind == "none");
    if let Some(address) = advertise.filter(|a| Family::of(a) != service.family() && !overridden) {
        let found = format!("services {service} first, API server {address}");
        let remedy = format!("put the {} service subnet first", name(Family::of(&address)));
        let field = if report.given(SERVICES) { SERVICES } else { "localAPIEndpoint.advertiseAddress" };
        report.on(if field == SERVICES { "ClusterConfiguration" } else { "InitConfiguration" });
        report.conflict(field, "a first service CIDR of the API server's family", found, &remedy);
        report.on("ClusterConfiguration");
    }
}

fn node_addresses(
    report: &mut Report<'_>,
    init: &InitConfiguration,
    services: &[Cidr],
    pods: &[Cidr],
    advertise: Option<IpAddr>,
    allocates: bool,
) {
    report.on("InitConfiguration");
    let mut addresses: Vec<(String, IpAddr)> = Vec::new();
    addresses.extend(advertise.map(|a| ("localAPIEndpoint.advertiseAddress".to_owned(), a)));
    if let Some((index, text)) = last(&init.node_registration.kubelet_extra_args, "node-ip") {
        let field = format!("nodeRegistration.kubeletExtraArgs[{index}].value");
        let given = text.split(',').filter_map(|part| part.parse().ok());
        addresses.extend(given.filter(|a| Some(*a) != advertise).map(|a| (field.clone(), a)));
    }
    for (field, address) in addresses {
        if let Some(cidr) = services.iter().find(|cidr| cidr.contains(address)) {
            let found = format!("{address} within services {cidr}");
            let remedy = "kube-proxy would take the address over: move the service subnet";
            report.conflict(&field, "an address outside the service subnet", found, remedy);
        }
        if let Some(cidr) = pods.iter().find(|cidr| cidr.contains(address)) {
            let found = format!("{address} within pods {cidr}");
            let expected = "an address outside the pod subnet";
            if allocates {
                report.conflict(
                    &field,
                    expected,
                    found,
                    "pods would get the node's address: move the pod subnet",
                );
            } else {
                report.warn(&field, expected, found, "the network plugin must know that nodes live there");
            }
        }
    }
    report.on("ClusterConfiguration");
}

/// The last argument of that name, as the component sees it.
pub(super) fn last<'a>(args: &'a [Arg], name: &str) -> Option<(usize, &'a str)> {
    args.iter()
        .enumerate()
        .rev()
        .find(|(_, arg)| arg.name == name)
        .map(|(index, arg)| (index, arg.value.as_str()))
}
