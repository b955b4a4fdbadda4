//! Beside the real kube-controller-manager, which gives pod CIDRs and makes no claims.

use std::thread;

use k8sboot_core::{
    error::{Code, Problem},
    ipam::SubnetFinding,
    store::kubernetes::{Origin, PodCidrs},
};

use super::{clusters, delete, register, texts, until};
use crate::{cluster::ControlPlane, tree::quick_text};

const NODES: usize = 40;

#[test]
fn a_controller_manager_at_work_is_agreed_with_or_told_of() {
    let components = ["etcd", "kube-apiserver", "kube-controller-manager"];
    let Some(control_plane) = ControlPlane::start_some(&quick_text("dualstack"), &components) else { return };
    let client = control_plane.client();
    // Its own cluster CIDRs and sizes: 256 subnets of each family.
    let options = || clusters(&[("10.244.0.0/16", 24), ("fd00:10:244::/56", 64)]);
    let allocators: Vec<PodCidrs> = (0..3).map(|_| PodCidrs::open(&client, options()).unwrap()).collect();
    register(&client, "first");
    until("the controller manager gives pod CIDRs", || allocators[0].list().unwrap().len() == 1);
    // It sleeps while the nodes come and this library serves the first ten, and wakes up when all are at work.
    control_plane.pause("kube-controller-manager");
    let names: Vec<String> = (0..NODES).map(|n| format!("node-{n:02}")).collect();
    names.iter().for_each(|name| register(&client, name));
    let mut outcomes = allocators[0].allocate_all(&names[..10]).unwrap();
    assert!(outcomes.iter().all(|(_, result)| result.is_ok()), "{outcomes:?}");
    thread::scope(|scope| {
        let threads: Vec<_> = allocators
            .iter()
            .enumerate()
            .map(|(number, allocator)| {
                let names = &names;
                scope.spawn(move || {
                    let mut outcomes = Vec::new();
                    for at in 0..NODES {
                        let name = &names[(at + number * 13) % NODES];
                        outcomes.push((name.clone(), allocator.allocate(name)));
                    }
                    outcomes
                })
            })
            .collect();
        control_plane.resume("kube-controller-manager");
        outcomes.extend(threads.into_iter().flat_map(|thread| thread.join().unwrap()));
    });
    until("every node has pod CIDRs", || allocators[0].list().unwrap().len() == NODES + 1);
    let ours = |origin| {
        let of = |(_, outcome): &&(_, Result<k8sboot_core::store::kubernetes::Assignment, _>)| {
            outcome.as_ref().is_ok_and(|assignment| assignment.origin == origin)
        };
        outcomes.iter().filter(of).count()
    };
    eprintln!(
        "of {NODES} nodes {} by this library; {} times another was faster in the middle of a call",
        ours(Origin::Allocated),
        ours(Origin::Another)
    );
    let now = allocators[0].list().unwrap();
    for (name, outcome) in &outcomes {
        match outcome {
            Ok(told) => {
                let has = now.iter().find(|node| node.node == *name).unwrap();
                assert_eq!(has.pod_cidrs, told.pod_cidrs, "what was told is what the node has");
            }
            Err(error) => assert_eq!(error.code(), Code::POD_CIDR_SHARED, "{error}"),
        }
    }
    // What the two gave twice in the same moment is told, to whoever asks for either node.
    for finding in allocators[0].check().unwrap() {
        let SubnetFinding::Overlap { node, other: Some(other), .. } = finding else { panic!("{finding}") };
        for node in [node, other] {
            assert_eq!(allocators[0].allocate(&node).unwrap_err().code(), Code::POD_CIDR_SHARED);
        }
    }

    // Its garbage collector deletes the claims of a node that is deleted.
    let claims = || allocators[0].claims().unwrap();
    let name = names[0].clone();
    assert!(claims().iter().any(|claim| claim.node == name));
    delete(&client, &name);
    until("the claims are collected", || claims().iter().all(|claim| claim.node != name));

    // Where it is stopped, this library goes on from what it gave.
    control_plane.stop("kube-controller-manager");
    register(&client, "late");
    let late = allocators[0].allocate("late").unwrap();
    assert_eq!((late.origin, late.pod_cidrs.len()), (Origin::Allocated, 2));
    assert!(
        now.iter()
            .filter(|node| node.node != name)
            .all(|node| { texts(node).iter().all(|cidr| !texts(&late).contains(cidr)) })
    );
}
