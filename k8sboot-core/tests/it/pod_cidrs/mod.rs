//! Pod CIDRs of nodes on a real API server.

mod addresses;
mod controller_manager;
mod flannel;
mod life;
mod race;

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use k8sboot_core::{
    api::{Client, Resource},
    ipam::ClusterCidr,
    manifest::Object,
    store::kubernetes::{Assignment, PodCidrOptions},
};
use serde_json::json;

use crate::{cluster::ControlPlane, tree::quick_text};

/// etcd and an API server alone: nobody else gives pod CIDRs or collects garbage.
fn api_server() -> Option<ControlPlane> {
    ControlPlane::start_some(&quick_text("dualstack"), &["etcd", "kube-apiserver"])
}

fn register(client: &Client, node: &str) {
    let object = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}});
    client.create(&Resource::NODES, &Object::from_value(object).unwrap()).unwrap();
}

fn delete(client: &Client, node: &str) {
    assert!(client.delete(&Resource::NODES, None, node).unwrap(), "{node}");
}

fn clusters(cidrs: &[(&str, u8)]) -> PodCidrOptions {
    let cluster = |(cidr, prefix): &(&str, u8)| ClusterCidr::new(cidr.parse().unwrap()).node_prefix(*prefix);
    PodCidrOptions::new(cidrs.iter().map(cluster).collect::<Vec<_>>())
}

fn texts(assignment: &Assignment) -> Vec<String> {
    assignment.pod_cidrs.iter().map(ToString::to_string).collect()
}

/// The pod CIDRs of all nodes as kubectl tells them, each once: fails if one is there twice.
fn told_by_kubectl(control_plane: &ControlPlane) -> BTreeSet<String> {
    let told = control_plane.kubectl(&["get", "nodes", "-o", "jsonpath={.items[*].spec.podCIDRs[*]}"]);
    let mut all = BTreeSet::new();
    for cidr in told.split_whitespace() {
        assert!(all.insert(cidr.to_owned()), "{cidr} is there twice");
    }
    all
}

/// Waits until something is so.
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !so() {
        assert!(Instant::now() < deadline, "after 60 s still not: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}
