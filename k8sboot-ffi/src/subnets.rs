//! Node subnets: a cluster CIDR split among nodes.

use std::{collections::BTreeMap, ffi::c_char};

use k8sboot_core::{
    cidr::Cidr,
    ipam::{ClusterCidr, NodeSubnets, SubnetFinding},
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    error::{Failure, k8sboot_code_t, k8sboot_error_t},
    guard::{guard, guard_void},
    handle::{Slot, exclusive, give, out, read, release, write},
    ip::{empty, k8sboot_ip_t},
    ipam::{Answer, Array, Scratch, k8sboot_usage_t, write_usage},
    json,
    text::{k8sboot_buf_t, plain, text},
};

/// A subnet of a node: the first address with the prefix length. Its layout is frozen.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct k8sboot_subnet_t {
    /// The first address.
    pub address: k8sboot_ip_t,
    /// The prefix length.
    pub prefix: u8,
}

/// Hands out one subnet of each cluster CIDR to each node. Freed with `k8sboot_subnets_free`.
pub struct k8sboot_subnets_t(Slot<Subnets>);

exclusive!(k8sboot_subnets_t, Subnets);

pub(crate) struct Subnets {
    subnets: NodeSubnets,
    clusters: usize,
}

/// Makes the subnets of a cluster, all free. `options` is a JSON object: `clusters` (list of one or two objects with
/// `cidr` and `nodePrefix`, 24 or 64 if it is left out), `excluded` (list of CIDRs that no node gets, for example the
/// services') and `unlimited` (true: more than 65,536 subnets, which kube-controller-manager refuses).
///
/// # Safety
///
/// `options` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_subnets_new(
    options: *const c_char,
    out: *mut *mut k8sboot_subnets_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let options: Options = json::object(text(options, "options")?, "options")?;
            *out = give(options.subnets()?);
            Ok(())
        })
    }
}

/// Gives a node one subnet of each cluster CIDR, or none at all; a node that has some keeps them.
///
/// They go to `given`, in the order of the cluster CIDRs; `capacity` must be at least their number, and `count`, which may
/// be NULL, gets it.
///
/// # Safety
///
/// `subnets` is NULL or live; `node` is NULL or NUL-terminated; `given` has room for `capacity`; `count` and `err` are
/// NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_subnets_allocate(
    subnets: *mut k8sboot_subnets_t,
    node: *const c_char,
    given: *mut k8sboot_subnet_t,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = Array::new(given, capacity, count, "given")?;
            let mut subnets = write(subnets, "subnets")?;
            let node = node_name(node)?;
            out.needs(subnets.clusters)?;
            Scratch::with(|scratch| {
                subnets.subnets.allocate(node, &mut scratch.subnets)?;
                out.fill(scratch.subnets.iter().map(k8sboot_subnet_t::from));
                Ok(())
            })
        })
    }
}

/// Notes which subnets existing nodes have, instead of any noted for them before. `nodes` is a JSON object with a list of
/// pod CIDRs for each name. Writes what is odd about them to `findings` as a JSON list of texts; they are taken all the
/// same.
///
/// # Safety
///
/// `subnets` is NULL or live; `nodes` is NULL or NUL-terminated; `findings` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_subnets_occupy(
    subnets: *mut k8sboot_subnets_t,
    nodes: *const c_char,
    findings: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let findings = out(findings, "findings")?;
            let mut subnets = write(subnets, "subnets")?;
            let nodes: BTreeMap<String, Vec<String>> = json::object(text(nodes, "nodes")?, "nodes")?;
            let mut parsed = Vec::with_capacity(nodes.len());
            for (node, cidrs) in &nodes {
                parsed.push((node, cidrs_of(cidrs, "nodes")?));
            }
            let mut found: Vec<String> = Vec::new();
            for (node, cidrs) in parsed {
                found.extend(subnets.subnets.occupy(node, &cidrs).iter().map(SubnetFinding::to_string));
            }
            *findings = plain(json!(found).to_string());
            Ok(())
        })
    }
}

/// Frees what a node has; `had_any`, which may be NULL, gets 1 if it had anything and else 0.
///
/// # Safety
///
/// `subnets` is NULL or live; `node` is NULL or NUL-terminated; `had_any` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_subnets_release(
    subnets: *mut k8sboot_subnets_t,
    node: *const c_char,
    had_any: *mut u32,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let answer = Answer::new(had_any);
            let mut subnets = write(subnets, "subnets")?;
            answer.give(subnets.subnets.release(node_name(node)?));
            Ok(())
        })
    }
}

/// Writes the subnets that a node has to `found`, as many as it has room for; `count` gets how many there are.
///
/// # Safety
///
/// `subnets` is NULL or live; `node` is NULL or NUL-terminated; `found` has room for `capacity`; `count` and `err` are
/// NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_subnets_find(
    subnets: *const k8sboot_subnets_t,
    node: *const c_char,
    found: *mut k8sboot_subnet_t,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = Array::new(found, capacity, count, "found")?;
            let subnets = read(subnets, "subnets")?;
            let node = node_name(node)?;
            Scratch::with(|scratch| {
                subnets.subnets.find(node, &mut scratch.subnets);
                out.fill(scratch.subnets.iter().map(k8sboot_subnet_t::from));
                Ok(())
            })
        })
    }
}

/// Writes how many subnets of a cluster CIDR are taken and how many there are to `out`. `cluster` counts from 0.
///
/// # Safety
///
/// `subnets` is NULL or live; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_subnets_usage(
    subnets: *const k8sboot_subnets_t,
    cluster: usize,
    out: *mut k8sboot_usage_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = empty(out, "out")?;
            let subnets = read(subnets, "subnets")?;
            write_usage(out, cluster, subnets.clusters, subnets.subnets.usage(cluster))
        })
    }
}

/// Frees the subnets of a cluster. NULL is allowed.
///
/// # Safety
///
/// `subnets` is NULL or came from this library, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_subnets_free(subnets: *mut k8sboot_subnets_t) {
    // SAFETY: exactly the caller's promise.
    guard_void(|| unsafe { release(subnets) });
}

impl From<&Cidr> for k8sboot_subnet_t {
    fn from(cidr: &Cidr) -> Self {
        Self { address: cidr.first().into(), prefix: cidr.length() }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Options {
    clusters: Vec<Cluster>,
    #[serde(default)]
    excluded: Vec<String>,
    #[serde(default)]
    unlimited: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Cluster {
    cidr: String,
    node_prefix: Option<u8>,
}

impl Options {
    fn subnets(&self) -> Result<Subnets, Failure> {
        let cluster = |cluster: &Cluster| {
            let of = ClusterCidr::new(cidr(&cluster.cidr, "options")?);
            Ok(cluster.node_prefix.map_or(of.clone(), |prefix| of.node_prefix(prefix)))
        };
        let clusters = self.clusters.iter().map(cluster).collect::<Result<Vec<_>, Failure>>()?;
        let mut subnets = match self.unlimited {
            true => NodeSubnets::unlimited(&clusters)?,
            false => NodeSubnets::new(&clusters)?,
        };
        for excluded in cidrs_of(&self.excluded, "options")? {
            subnets.exclude(&excluded);
        }
        Ok(Subnets { subnets, clusters: clusters.len() })
    }
}

fn cidrs_of(texts: &[String], argument: &'static str) -> Result<Vec<Cidr>, Failure> {
    texts.iter().map(|text| cidr(text, argument)).collect()
}

fn cidr(text: &str, argument: &'static str) -> Result<Cidr, Failure> {
    text.parse().map_err(|error: k8sboot_core::cidr::CidrError| Failure::json(argument, &error))
}

/// The name of a node.
///
/// # Safety
///
/// `node` is NULL or NUL-terminated, and lives for `'a`.
unsafe fn node_name<'a>(node: *const c_char) -> Result<&'a str, Failure> {
    // SAFETY: exactly the caller's promise.
    let node = unsafe { text(node, "node") }?;
    if node.is_empty() {
        return Err(Failure::misuse("node", "expected the name of a node, found nothing"));
    }
    Ok(node)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_frozen() {
        assert_eq!(size_of::<k8sboot_subnet_t>(), 18);
    }
}
