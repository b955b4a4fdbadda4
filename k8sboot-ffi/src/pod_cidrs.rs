//! Pod CIDRs of a cluster's nodes, and flannel's annotations on them.

use std::ffi::c_char;

use crate::{
    cluster::k8sboot_cluster_t,
    error::{k8sboot_code_t, k8sboot_error_t},
    event::{Run, k8sboot_run_t},
    guard::{guard, needs},
    handle::{out, shared},
    text::{k8sboot_buf_t, optional_text, plain, text, texts},
};

/// Gives nodes of a cluster their pod CIDRs, on the Node objects. Any number of allocators may be at work; one that has
/// pod CIDRs keeps them.
///
/// `options` is a JSON object: `clusters` (list of `cidr` and, as wanted, `nodePrefix`; at most one a family, the same for
/// every allocator of the cluster) and, as wanted, `reserved` (list of CIDRs that no node gets), `namespace` (of the
/// claims; `kube-system`) and `lowestFirst` (false). `nodes` are `nodes_len` names; with `NULL, 0` every node that has no
/// pod CIDRs is served. `run` may be NULL; this call has no events.
///
/// Writes to `out` a JSON object: `schemaVersion` (1) and `nodes`, each with `node` and either `podCIDRs` and `origin`
/// (`kept`, `allocated`, `another`) or `error` (`kind`, `code`, `message`).
///
/// # Safety
///
/// `cluster` is NULL or live; `options` is NULL or NUL-terminated; `nodes` has `nodes_len` texts; `run` is NULL or a sized
/// struct whose members are what they should be; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_cluster_pod_cidrs_allocate(
    cluster: *const k8sboot_cluster_t,
    options: *const c_char,
    nodes: *const *const c_char,
    nodes_len: usize,
    run: *const k8sboot_run_t,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let options = text(options, "options")?;
            let nodes = texts(nodes, nodes_len, "nodes")?;
            let run = Run::new(run, "run")?;
            needs!("api", {
                *out = plain(imp::allocate(shared(cluster, "cluster")?, options, &nodes, run)?);
                Ok(())
            })
        })
    }
}

/// Looks at the pod CIDRs of all nodes and writes a JSON object to `out`: `schemaVersion` (1), `nodes` (`node` and
/// `podCIDRs` of those that have some), `findings` (texts: what is shared, outside or of another size), `claims` (`cidr`,
/// `node`, `state`: `pending`, `inUse`, `stale`) and `controllerManagers` (pods that give pod CIDRs too). Changes no node.
///
/// `options` and `run` as for `k8sboot_cluster_pod_cidrs_allocate`.
///
/// # Safety
///
/// `cluster` is NULL or live; `options` is NULL or NUL-terminated; `run` is NULL or a sized struct whose members are what
/// they should be; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_cluster_pod_cidrs_check(
    cluster: *const k8sboot_cluster_t,
    options: *const c_char,
    run: *const k8sboot_run_t,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let options = text(options, "options")?;
            let run = Run::new(run, "run")?;
            needs!("api", {
                *out = plain(imp::check(shared(cluster, "cluster")?, options, run)?);
                Ok(())
            })
        })
    }
}

/// Compares flannel's annotations of all nodes with their pod CIDRs and writes a JSON object to `out`: `schemaVersion` (1),
/// `nodes` (`node`, `podCIDRs`, and `managed`, `backendType`, `publicIP`, `publicIPv6`, or `problem` if an annotation
/// cannot be read) and `findings` (texts). Changes nothing.
///
/// `network` is flannel's configuration, the JSON text of `net-conf.json`. `prefix` is NULL or that of the annotations
/// (`flannel.alpha.coreos.com`). `run` may be NULL; this call has no events.
///
/// # Safety
///
/// `cluster` is NULL or live; the texts are NULL or NUL-terminated; `run` is NULL or a sized struct whose members are what
/// they should be; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_cluster_flannel_check(
    cluster: *const k8sboot_cluster_t,
    network: *const c_char,
    prefix: *const c_char,
    run: *const k8sboot_run_t,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let network = text(network, "network")?;
            let prefix = optional_text(prefix, "prefix")?;
            let run = Run::new(run, "run")?;
            needs!("api", {
                *out = plain(imp::check_flannel(shared(cluster, "cluster")?, network, prefix, run)?);
                Ok(())
            })
        })
    }
}

/// Writes the annotations that flanneld writes of a node, in one patch. `attributes` is flannel's own JSON (`PublicIP`,
/// `PublicIPv6`, `BackendType`, `BackendData`, `BackendV6Data`); with NULL what flanneld wrote is removed. The
/// administrator's annotations stay.
///
/// `prefix` and `run` as for `k8sboot_cluster_flannel_check`.
///
/// # Safety
///
/// `cluster` is NULL or live; the texts are NULL or NUL-terminated; `run` is NULL or a sized struct whose members are what
/// they should be; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_cluster_flannel_write(
    cluster: *const k8sboot_cluster_t,
    node: *const c_char,
    attributes: *const c_char,
    prefix: *const c_char,
    run: *const k8sboot_run_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let node = text(node, "node")?;
            let attributes = optional_text(attributes, "attributes")?;
            let prefix = optional_text(prefix, "prefix")?;
            let run = Run::new(run, "run")?;
            needs!("api", { imp::write_flannel(shared(cluster, "cluster")?, node, attributes, prefix, run) })
        })
    }
}

#[cfg(feature = "api")]
mod imp {
    use k8sboot_core::{
        cidr::{Cidr, CidrError},
        error::{Problem, chain},
        ipam::{
            ClusterCidr,
            flannel::{
                AnnotationKeys, FlannelNode, NetworkConfig, NodeAnnotations, NodeAttributes, check_nodes,
            },
        },
        store::kubernetes::{
            Assignment, Claim, ClaimState, FlannelNodes, Origin, Outcome, PodCidrError, PodCidrOptions,
            PodCidrs,
        },
    };
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::{Run, k8sboot_cluster_t};
    use crate::{cluster::asked, error::Failure, json::object};

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Options {
        clusters: Vec<Cluster>,
        #[serde(default)]
        reserved: Vec<String>,
        #[serde(default)]
        namespace: Option<String>,
        #[serde(default)]
        lowest_first: bool,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Cluster {
        cidr: String,
        node_prefix: Option<u8>,
    }

    fn options(text: &str) -> Result<PodCidrOptions, Failure> {
        let given: Options = object(text, "options")?;
        let cidr = |text: &String| -> Result<Cidr, Failure> {
            text.parse().map_err(|error: CidrError| Failure::json("options", &error))
        };
        let cluster = |cluster: &Cluster| {
            let of = ClusterCidr::new(cidr(&cluster.cidr)?);
            Ok(cluster.node_prefix.map_or(of.clone(), |prefix| of.node_prefix(prefix)))
        };
        let clusters = given.clusters.iter().map(cluster).collect::<Result<Vec<_>, Failure>>()?;
        let reserved = given.reserved.iter().map(cidr).collect::<Result<Vec<_>, Failure>>()?;
        let options = PodCidrOptions::new(clusters).reserved(reserved).lowest_first(given.lowest_first);
        Ok(match given.namespace {
            Some(namespace) => options.namespace(namespace),
            None => options,
        })
    }

    fn texts(cidrs: &[Cidr]) -> Vec<String> {
        cidrs.iter().map(ToString::to_string).collect()
    }

    pub(super) fn allocate(
        cluster: &k8sboot_cluster_t,
        options: &str,
        nodes: &[&str],
        run: Run,
    ) -> Result<String, Failure> {
        let options = self::options(options)?;
        let nodes: Vec<String> = nodes.iter().map(|node| (*node).to_owned()).collect();
        let outcomes = asked(cluster, run, |client| {
            let pod_cidrs = PodCidrs::open(client, options)?;
            if nodes.is_empty() { pod_cidrs.allocate_missing() } else { pod_cidrs.allocate_all(&nodes) }
        })?;
        let outcomes: Vec<Value> = outcomes.iter().map(became).collect();
        Ok(json!({ "schemaVersion": 1, "nodes": outcomes }).to_string())
    }

    fn became((node, outcome): &Outcome) -> Value {
        match outcome {
            Ok(Assignment { pod_cidrs, origin, .. }) => {
                let origin = match origin {
                    Origin::Allocated => "allocated",
                    Origin::Another => "another",
                    _ => "kept",
                };
                json!({ "node": node, "podCIDRs": texts(pod_cidrs), "origin": origin })
            }
            Err(error) => {
                let (kind, code) = (error.code().name(), error.code().number());
                json!({ "node": node, "error": { "kind": kind, "code": code, "message": chain(error) } })
            }
        }
    }

    pub(super) fn check(cluster: &k8sboot_cluster_t, options: &str, run: Run) -> Result<String, Failure> {
        let options = self::options(options)?;
        let (nodes, findings, claims, others) = asked::<_, PodCidrError>(cluster, run, |client| {
            let all = PodCidrs::open(client, options)?;
            Ok((all.list()?, all.check()?, all.claims()?, all.controller_managers()?))
        })?;
        let node = |node: &Assignment| json!({ "node": node.node, "podCIDRs": texts(&node.pod_cidrs) });
        let claim = |claim: &Claim| {
            let state = match claim.state {
                ClaimState::Pending => "pending",
                ClaimState::InUse => "inUse",
                _ => "stale",
            };
            json!({ "cidr": claim.cidr.to_string(), "node": claim.node, "state": state })
        };
        Ok(json!({
            "schemaVersion": 1,
            "nodes": nodes.iter().map(node).collect::<Vec<_>>(),
            "findings": findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "claims": claims.iter().map(claim).collect::<Vec<_>>(),
            "controllerManagers": others,
        })
        .to_string())
    }

    fn keys(prefix: Option<&str>) -> Result<AnnotationKeys, Failure> {
        Ok(prefix.map(AnnotationKeys::new).transpose()?.unwrap_or_default())
    }

    pub(super) fn check_flannel(
        cluster: &k8sboot_cluster_t,
        network: &str,
        prefix: Option<&str>,
        run: Run,
    ) -> Result<String, Failure> {
        let (network, keys) = (NetworkConfig::from_json(network.as_bytes())?, keys(prefix)?);
        let nodes = asked(cluster, run, |client| FlannelNodes::new(client, keys).list())?;
        let findings: Vec<String> = check_nodes(&network, &nodes).iter().map(ToString::to_string).collect();
        let nodes: Vec<Value> = nodes.iter().map(told).collect();
        Ok(json!({ "schemaVersion": 1, "nodes": nodes, "findings": findings }).to_string())
    }

    fn told(node: &FlannelNode) -> Value {
        let cidrs = texts(&node.pod_cidrs);
        match &node.annotations {
            Ok(said) => json!({
                "node": node.name,
                "podCIDRs": cidrs,
                "managed": said.managed,
                "backendType": said.backend_type,
                "publicIP": said.public_ip,
                "publicIPv6": said.public_ipv6,
            }),
            Err(problem) => json!({ "node": node.name, "podCIDRs": cidrs, "problem": chain(problem) }),
        }
    }

    pub(super) fn write_flannel(
        cluster: &k8sboot_cluster_t,
        node: &str,
        attributes: Option<&str>,
        prefix: Option<&str>,
        run: Run,
    ) -> Result<(), Failure> {
        let attributes = attributes.map(|text| NodeAttributes::from_json(text.as_bytes())).transpose()?;
        let keys = keys(prefix)?;
        asked(cluster, run, |client| {
            let nodes = FlannelNodes::new(client, keys);
            match &attributes {
                Some(attributes) => nodes.write(node, &NodeAnnotations::of(attributes)),
                None => nodes.clear(node),
            }
        })
    }
}
