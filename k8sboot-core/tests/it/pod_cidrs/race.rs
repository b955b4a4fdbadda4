//! Allocators at the same time, one of them killed: no subnet has two owners, and every node is served.

use std::{
    collections::BTreeMap,
    process::{Child, Stdio},
    sync::Mutex,
    thread,
};

use k8sboot_core::{
    api::{ApiError, Client, ClientOptions},
    exec::CancelToken,
    kubeconfig::Kubeconfig,
    store::kubernetes::{ClaimState, Origin, PodCidrError, PodCidrOptions, PodCidrs},
};

use super::{api_server, clusters, register, told_by_kubectl};
use crate::cluster::ControlPlane;

const NODES: usize = 40;
const THREADS: usize = 8;

/// 64 subnets of each family; every allocator begins at the first one, so that all want the same.
fn contended() -> PodCidrOptions {
    clusters(&[("10.244.0.0/18", 24), ("fd00:10:244::/58", 64)]).lowest_first(true)
}

/// This test binary again, on the machine of the control plane; killed with this value.
struct Racer(Child);

impl Racer {
    fn start(control_plane: &ControlPlane, how: &str) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut command = control_plane.machine().command(program.to_str().unwrap());
        command
            .args(["--exact", "pod_cidrs::race::racer", "--nocapture", "--test-threads", "1"])
            .env("K8SBOOT_TEST_POD_CIDR_RACER", how)
            .stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn runs(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Racer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn eight_threads_and_a_killed_process_serve_forty_nodes_and_share_nothing() {
    let Some(control_plane) = api_server() else { return };
    let client = control_plane.client();
    let names: Vec<String> = (0..NODES).map(|n| format!("node-{n:02}")).collect();
    names.iter().for_each(|name| register(&client, name));
    let mut racer = Racer::start(&control_plane, "each");
    let given = Mutex::new(BTreeMap::new());
    let stop = CancelToken::default();
    let began = std::time::Instant::now();
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (client, names, given, stop) = (client.clone(), &names, &given, &stop);
            // One of them is stopped in the middle of whatever it does.
            let client = if number == 0 { client.cancelled_by(stop.clone()) } else { client };
            scope.spawn(move || {
                let pod_cidrs = match PodCidrs::open(&client, contended()) {
                    Err(PodCidrError::Api(ApiError::Cancelled { .. })) => return,
                    other => other.unwrap(),
                };
                for at in 0..NODES {
                    let name = &names[(at + number * 5) % NODES];
                    let assignment = match pod_cidrs.allocate(name) {
                        Err(PodCidrError::Api(ApiError::Cancelled { .. })) => return,
                        other => other.unwrap(),
                    };
                    let mut given = given.lock().unwrap();
                    let (cidrs, allocated) =
                        given.entry(name.clone()).or_insert_with(|| (assignment.pod_cidrs.clone(), 0));
                    assert_eq!(*cidrs, assignment.pod_cidrs, "{name} has one answer");
                    *allocated += usize::from(assignment.origin == Origin::Allocated);
                }
            });
        }
        // Midway, by what the API server has.
        let count = || told_by_kubectl(&control_plane).len();
        while count() < NODES / 2 {
            thread::sleep(std::time::Duration::from_millis(10));
        }
        racer.kill();
        stop.trigger();
    });
    eprintln!("{NODES} nodes by {THREADS} threads in {:.1} s", began.elapsed().as_secs_f64());
    assert_eq!(told_by_kubectl(&control_plane).len(), 2 * NODES);
    let given = given.into_inner().unwrap();
    assert_eq!(given.len(), NODES);
    assert!(given.values().all(|(_, allocated)| *allocated <= 1), "a node is given its subnet once");
    let pod_cidrs = PodCidrs::open(&client, contended()).unwrap();
    assert!(pod_cidrs.check().unwrap().is_empty());
    assert!(pod_cidrs.allocate_missing().unwrap().is_empty(), "every node is served");
    pod_cidrs.collect().unwrap();
    let claims = pod_cidrs.claims().unwrap();
    assert_eq!(claims.len(), 2 * NODES);
    assert!(claims.iter().all(|claim| claim.state == ClaimState::InUse), "{claims:?}");
}

/// A racer: asks for every node again and again, one by one or for all in one call, until it is killed.
#[test]
fn racer() {
    let Ok(how) = std::env::var("K8SBOOT_TEST_POD_CIDR_RACER") else { return };
    let text = std::fs::read_to_string("/etc/kubernetes/super-admin.conf").unwrap();
    let options = ClientOptions::from_kubeconfig(&Kubeconfig::parse(&text).unwrap()).unwrap();
    let pod_cidrs = PodCidrs::open(&Client::new(&options).unwrap(), contended()).unwrap();
    let names: Vec<String> = (0..NODES).map(|n| format!("node-{n:02}")).collect();
    loop {
        match how.as_str() {
            "all" => drop(pod_cidrs.allocate_all(&names).unwrap()),
            _ => names.iter().for_each(|name| drop(pod_cidrs.allocate(name).unwrap())),
        }
    }
}

#[test]
fn a_killed_allocator_leaves_claims_that_the_next_one_uses() {
    let Some(control_plane) = api_server() else { return };
    let client = control_plane.client();
    let names: Vec<String> = (0..NODES).map(|n| format!("node-{n:02}")).collect();
    names.iter().for_each(|name| register(&client, name));
    let pod_cidrs = PodCidrs::open(&client, contended()).unwrap();
    // Killed where the claims are made, before any is used.
    let mut racer = Racer::start(&control_plane, "all");
    while pod_cidrs.claims().unwrap().len() < 5 {
        assert!(racer.runs(), "the process that was to be killed ended by itself");
    }
    racer.kill();
    let pending: Vec<_> =
        pod_cidrs.claims().unwrap().into_iter().filter(|claim| claim.state == ClaimState::Pending).collect();
    eprintln!("{} claims were left by the killed process", pending.len());
    assert!(!pending.is_empty(), "it was killed before it was done");
    let began = std::time::Instant::now();
    let outcomes = pod_cidrs.allocate_missing().unwrap();
    eprintln!("{} nodes by one call in {} ms", outcomes.len(), began.elapsed().as_millis());
    assert!(outcomes.iter().all(|(_, result)| result.is_ok()), "{outcomes:?}");
    assert_eq!(told_by_kubectl(&control_plane).len(), 2 * NODES);
    for claim in pending {
        let node = pod_cidrs.allocate(&claim.node).unwrap();
        assert!(node.pod_cidrs.contains(&claim.cidr), "{claim:?} was used: {node:?}");
    }
}
