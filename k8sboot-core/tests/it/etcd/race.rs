//! Several processes at once: nothing is held twice, and what a killed one held comes back.

use std::{
    collections::HashSet,
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use k8sboot_core::{
    error::{Code, Problem},
    ipam::{
        Ranges,
        flannel::{NodeAttributes, overlap},
    },
    store::{
        Store, StoreError,
        etcd::{
            EtcdClient, EtcdError, EtcdOptions, EtcdStore, EtcdStoreOptions, FlannelSubnets, SubnetRequest,
        },
    },
};

use super::{
    addresses::{allocate, open, owner},
    server::{etcd, until},
};
use crate::tree::Scratch;

const THREADS: usize = 4;
const ROUNDS: usize = 30;

/// Starts this test binary again with one test that works for another; it dies with `Racer`.
struct Racer(Child);

impl Racer {
    fn start(test: &str, work: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", test, "--nocapture", "--test-threads", "1"])
            .env("K8SBOOT_TEST_RACER", work)
            .stdout(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    fn lines(&mut self) -> impl Iterator<Item = String> + use<> {
        BufReader::new(self.0.stdout.take().unwrap()).lines().map_while(Result::ok)
    }
}

impl Drop for Racer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the process is to do, if it is a racer: the parts of its work.
fn work() -> Option<Vec<String>> {
    let work = std::env::var("K8SBOOT_TEST_RACER").ok()?;
    Some(work.split('|').map(str::to_owned).collect())
}

#[test]
fn processes_and_threads_never_hold_an_address_twice() {
    let Some(etcd) = etcd() else { return };
    let claims = Scratch::new("claims");
    // 13 addresses for 3 processes of 4 threads that hold up to two each: full most of the time.
    let racers: Vec<Racer> = (0..3)
        .map(|n| {
            let work = format!("{}|{}|p{n}", etcd.url(), claims.path().display());
            Racer::start("etcd::race::address_racer", &work)
        })
        .collect();
    let (mut given, mut refused) = (0, 0);
    for mut racer in racers {
        let lines: Vec<String> = racer.lines().collect();
        assert!(racer.0.wait().unwrap().success(), "{lines:?}");
        let count = |word: &str| lines.iter().filter(|line| line.contains(word)).count();
        given += count("given ");
        refused += count("refused");
    }
    assert_eq!(given + refused, 3 * THREADS * ROUNDS, "{given} given, {refused} refused");
    assert!(given > 13, "addresses went from hand to hand: {given} given, {refused} refused");
    let store = open(&etcd, &["10.1.2.0/28"]);
    assert!(store.records().unwrap().is_empty(), "everything was released");
    let left = etcd.all("/k8sboot/ipam/pods/");
    assert!(left.iter().all(|(key, _)| key.contains("/m/")), "{left:?}");
}

/// A racer: claims what it is given by a file that must not exist yet.
#[test]
fn address_racer() {
    let Some(work) = work() else { return };
    let client = EtcdClient::connect(&EtcdOptions::new([work[0].clone()])).unwrap();
    let ranges = Ranges::of_subnets(&["10.1.2.0/28".parse().unwrap()]).unwrap();
    let store = EtcdStore::open(&client, "pods", ranges, &EtcdStoreOptions::default()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (store, claims, name) = (&store, Path::new(&work[1]), &work[2]);
            scope.spawn(move || race_for_addresses(store, claims, &format!("{name}t{thread}")));
        }
    });
}

fn race_for_addresses(store: &EtcdStore, claims: &Path, name: &str) {
    let mut held: Vec<(String, PathBuf)> = Vec::new();
    for round in 0..ROUNDS {
        let container = format!("{name}r{round}");
        match allocate(store, &container) {
            Ok(given) => {
                let claim = claims.join(&given[0]);
                let file = fs::OpenOptions::new().write(true).create_new(true).open(&claim);
                let mut file = file.unwrap_or_else(|error| panic!("{} is held twice: {error}", given[0]));
                file.write_all(container.as_bytes()).unwrap();
                say(&format!("given {}", given[0]));
                held.push((container, claim));
            }
            Err(StoreError::Etcd(error)) => panic!("{error}"),
            Err(error) => {
                assert_eq!(error.code(), Code::IPAM_EXHAUSTED, "{error}");
                say("refused");
            }
        }
        if held.len() > 1 {
            let_go(store, held.remove(0));
        }
    }
    held.into_iter().for_each(|claim| let_go(store, claim));
}

/// To the process that started this one.
fn say(line: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "{line}").unwrap();
}

fn let_go(store: &EtcdStore, (container, claim): (String, PathBuf)) {
    fs::remove_file(claim).unwrap();
    let mut freed = Vec::new();
    store.release(owner(&container), &mut freed).unwrap();
    assert_eq!(freed.len(), 1, "{container}");
}

#[test]
fn an_etcd_that_is_killed_again_and_again_gives_nothing_twice_and_leaks_nothing() {
    let Some(mut etcd) = etcd() else { return };
    let options = etcd.options().timeouts(Duration::from_millis(500), Duration::from_secs(1));
    let client = EtcdClient::connect(&options).unwrap();
    let ranges = Ranges::of_subnets(&["10.1.2.0/28".parse().unwrap()]).unwrap();
    let store = EtcdStore::open(&client, "pods", ranges, &EtcdStoreOptions::default()).unwrap();
    let (claims, over) = (Mutex::new(HashSet::new()), AtomicBool::new(false));
    let (mut given, mut failed) = (0, 0);
    std::thread::scope(|scope| {
        let racers: Vec<_> = (0..4)
            .map(|thread| {
                let (store, claims, over) = (&store, &claims, &over);
                scope.spawn(move || race_through_failures(store, claims, over, thread))
            })
            .collect();
        for _ in 0..4 {
            std::thread::sleep(Duration::from_millis(150));
            etcd.kill();
            etcd.up();
        }
        std::thread::sleep(Duration::from_millis(300));
        over.store(true, Ordering::Relaxed);
        for racer in racers {
            let (ok, errors) = racer.join().unwrap();
            given += ok;
            failed += errors;
        }
    });
    assert!(given > 0 && failed > 0, "{given} given, {failed} failed");
    let left = etcd.all("/k8sboot/ipam/pods/");
    assert!(left.iter().all(|(key, _)| key.contains("/m/")), "{left:?}");
}

fn race_through_failures(
    store: &EtcdStore,
    claims: &Mutex<HashSet<String>>,
    over: &AtomicBool,
    thread: usize,
) -> (usize, usize) {
    let (mut given, mut failed) = (0, 0);
    for round in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let container = format!("t{thread}r{round}");
        let claim = match allocate(store, &container) {
            Ok(mut addresses) => {
                let address = addresses.remove(0);
                assert!(claims.lock().unwrap().insert(address.clone()), "{address} is held twice");
                given += 1;
                Some(address)
            }
            Err(StoreError::Etcd(_)) => {
                failed += 1;
                None
            }
            Err(error) => panic!("{error}"),
        };
        if let Some(address) = claim {
            claims.lock().unwrap().remove(&address);
        }
        // Whatever became of the call, a release that succeeds leaves nothing.
        until("it is released", || store.release(owner(&container), &mut Vec::new()).is_ok());
    }
    (given, failed)
}

#[test]
fn a_killed_node_loses_its_subnet_and_nobody_shares_one() {
    let Some(etcd) = etcd() else { return };
    // Three subnets, dual stack, where flanneld's own condition would not be enough.
    let config =
        r#"{"Network":"10.244.0.0/22","SubnetLen":24,"EnableIPv6":true,"IPv6Network":"fd00:10::/62"}"#;
    etcd.put("/coreos.com/network/config", config, 0);
    let subnets = FlannelSubnets::new(&etcd.client(), FlannelSubnets::DEFAULT_PREFIX).unwrap();
    let racers: Vec<Racer> = (1..=3)
        .map(|n| {
            // Only the one that is to die has a lease that expires soon.
            let ttl = if n == 2 { 2 } else { 600 };
            Racer::start("etcd::race::subnet_racer", &format!("{}|192.0.2.{n}|{ttl}", etcd.url()))
        })
        .collect();
    until("all three hold a subnet", || subnets.list().unwrap().leases.len() == 3);
    let before = subnets.list().unwrap();
    let keys: Vec<_> = before.leases.iter().map(|lease| lease.subnet.clone()).collect();
    assert_eq!(overlap(&keys), None);
    let late = SubnetRequest::new(NodeAttributes::new("192.0.2.9".parse().unwrap(), "host-gw"));
    let full = subnets.acquire(&late).unwrap_err();
    assert!(matches!(full, EtcdError::NoSubnet { .. }), "{full}");

    // Racers acquire and renew without a pause: SIGKILL hits one in the middle of that.
    let mut racers = racers;
    let mut killed = racers.remove(1);
    killed.0.kill().unwrap();
    killed.0.wait().unwrap();
    let mut won = None;
    until("its subnet comes back", || {
        won = subnets.acquire(&late).ok();
        won.is_some()
    });
    let won = won.unwrap();
    let victim = before.leases.iter().find(|lease| lease.node.public_ip.octets()[3] == 2).unwrap();
    assert_eq!(won.subnet.ipv4(), victim.subnet.ipv4(), "the only one that was free");
    let after = subnets.list().unwrap();
    let keys: Vec<_> = after.leases.iter().map(|lease| lease.subnet.clone()).collect();
    assert_eq!((overlap(&keys), after.leases.len()), (None, 3));
    for lease in &after.leases {
        let old = before.leases.iter().find(|old| old.node.public_ip == lease.node.public_ip);
        assert!(old.is_none_or(|old| old.subnet == lease.subnet), "the living keep theirs: {lease:?}");
    }
}

#[test]
fn many_nodes_at_once_get_subnets_of_their_own() {
    let Some(etcd) = etcd() else { return };
    // 15 subnets for 12 nodes that begin at the same moment, each in dual stack.
    let config = r#"{"Network":"10.244.0.0/20","EnableIPv6":true,"IPv6Network":"fd00:10::/60"}"#;
    etcd.put("/coreos.com/network/config", config, 0);
    let client = etcd.client();
    std::thread::scope(|scope| {
        for n in 0..12u8 {
            let client = &client;
            scope.spawn(move || {
                let subnets = FlannelSubnets::new(client, FlannelSubnets::DEFAULT_PREFIX).unwrap();
                let node = NodeAttributes::new([192, 0, 2, n].into(), "vxlan");
                let lease = subnets.acquire(&SubnetRequest::new(node.clone())).unwrap();
                assert_eq!(subnets.acquire(&SubnetRequest::new(node)).unwrap().subnet, lease.subnet);
            });
        }
    });
    let all = FlannelSubnets::new(&client, FlannelSubnets::DEFAULT_PREFIX).unwrap().list().unwrap();
    let keys: Vec<_> = all.leases.iter().map(|lease| lease.subnet.clone()).collect();
    assert_eq!((keys.len(), overlap(&keys)), (12, None));
}

/// A racer: asks for its subnet and renews it for ever.
#[test]
fn subnet_racer() {
    let Some(work) = work() else { return };
    let client = EtcdClient::connect(&EtcdOptions::new([work[0].clone()])).unwrap();
    let subnets = FlannelSubnets::new(&client, FlannelSubnets::DEFAULT_PREFIX).unwrap();
    let ttl = Duration::from_secs(work[2].parse().unwrap());
    let request = SubnetRequest::new(NodeAttributes::new(work[1].parse().unwrap(), "host-gw")).ttl(ttl);
    loop {
        let Ok(mut lease) = subnets.acquire(&request) else { continue };
        for _ in 0..5 {
            if subnets.renew(&mut lease, ttl).is_err() {
                break;
            }
        }
    }
}
