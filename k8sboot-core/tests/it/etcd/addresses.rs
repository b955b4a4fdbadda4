//! One process: what an address store promises, and what etcd's failures do to it.

use std::{net::IpAddr, time::Duration};

use k8sboot_core::{
    error::{Code, Problem},
    ipam::{Allocation, Holder, IpamError, Owner, Policy, Ranges, Repeat, Request, Rest},
    store::{
        Store, StoreError,
        etcd::{EtcdClient, EtcdError, EtcdOptions, EtcdStore, EtcdStoreOptions, StoreLease},
    },
};
use serde_json::json;

use super::server::{Etcd, etcd, free_port, until};

pub(super) fn open(etcd: &Etcd, subnets: &[&str]) -> EtcdStore {
    open_with(&etcd.client(), subnets, &EtcdStoreOptions::default())
}

fn open_with(client: &EtcdClient, subnets: &[&str], options: &EtcdStoreOptions) -> EtcdStore {
    let subnets: Vec<_> = subnets.iter().map(|subnet| subnet.parse().unwrap()).collect();
    EtcdStore::open(client, "pods", Ranges::of_subnets(&subnets).unwrap(), options).unwrap()
}

pub(super) fn owner(container: &str) -> Owner<'_> {
    Owner::new(container, "eth0").unwrap()
}

pub(super) fn allocate(store: &EtcdStore, container: &str) -> Result<Vec<String>, StoreError> {
    let mut out = Allocation::new();
    store.allocate(&Request::new(owner(container)), &mut out)?;
    Ok(out.iter().map(|given| given.address.to_string()).collect())
}

fn release(store: &EtcdStore, container: &str) -> Vec<String> {
    let mut freed = Vec::new();
    store.release(owner(container), &mut freed).unwrap();
    freed.iter().map(IpAddr::to_string).collect()
}

fn find(store: &EtcdStore, container: &str) -> Vec<String> {
    let mut found = Vec::new();
    store.find(owner(container), &mut found).unwrap();
    found.iter().map(IpAddr::to_string).collect()
}

#[test]
fn addresses_are_given_repeated_refused_and_released() {
    let Some(etcd) = etcd() else { return };
    let store = open(&etcd, &["10.1.2.0/29"]);
    // .1 is the gateway, .7 the broadcast address.
    let given: Vec<_> = ["a", "b", "c", "d", "e"].map(|c| allocate(&store, c).unwrap().remove(0)).to_vec();
    assert_eq!(given, ["10.1.2.2", "10.1.2.3", "10.1.2.4", "10.1.2.5", "10.1.2.6"]);
    assert_eq!(allocate(&store, "b").unwrap(), ["10.1.2.3"], "the same again");
    let full = allocate(&store, "f").unwrap_err();
    assert!(
        matches!(full, StoreError::Ipam(IpamError::Exhausted { set: 0, held: 5, size: 5, .. })),
        "{full}"
    );
    let again = Request::new(owner("b")).repeat(Repeat::Refuse);
    assert_eq!(
        store.allocate(&again, &mut Allocation::new()).unwrap_err().code(),
        Code::IPAM_DUPLICATE,
        "as host-local"
    );
    assert_eq!((find(&store, "b"), find(&store, "f").len()), (vec!["10.1.2.3".to_owned()], 0));
    assert_eq!(release(&store, "b"), ["10.1.2.3"]);
    assert!(release(&store, "b").is_empty(), "holding nothing is success");
    assert_eq!(allocate(&store, "f").unwrap(), ["10.1.2.3"]);
    assert_eq!(store.usage().unwrap()[0].held, 5);

    // The keys, seen by other eyes.
    let text = |key: &str, value: &str| (format!("/k8sboot/ipam/pods/{key}"), value.to_owned());
    let all = etcd.all("/k8sboot/ipam/pods/");
    assert!(all.contains(&text("a/10.1.2.3", "f\r\neth0")) && all.contains(&text("o/f/eth0/10.1.2.3", "")));
    assert!(all.contains(&text("m/0", "10.1.2.3")) && all.len() == 11, "{all:?}");
}

#[test]
fn every_set_gives_or_none_and_wanted_addresses_are_honoured() {
    let Some(etcd) = etcd() else { return };
    let store = open(&etcd, &["10.1.0.0/24", "fd00:1::/126"]);
    assert_eq!(allocate(&store, "a").unwrap(), ["10.1.0.2", "fd00:1::2"]);
    assert_eq!(allocate(&store, "b").unwrap(), ["10.1.0.3", "fd00:1::3"]);
    let error = allocate(&store, "c").unwrap_err();
    assert!(matches!(error, StoreError::Ipam(IpamError::Exhausted { set: 1, .. })), "{error}");
    assert!(find(&store, "c").is_empty() && store.records().unwrap().len() == 4);
    release(&store, "b");
    let wanted = ["10.1.0.77".parse().unwrap()];
    let mut out = Allocation::new();
    store.allocate(&Request::new(owner("c")).addresses(&wanted), &mut out).unwrap();
    assert_eq!(out.first().unwrap().address, wanted[0]);
    let other = Request::new(owner("d")).addresses(&wanted);
    assert_eq!(store.allocate(&other, &mut out).unwrap_err().code(), Code::IPAM_TAKEN);
    assert!(out.is_empty());

    // A store with one more set gives the owner what it lacks.
    let wide = open(&etcd, &["10.1.0.0/24", "fd00:1::/126", "10.9.0.0/24"]);
    assert_eq!(allocate(&wide, "c").unwrap(), ["10.1.0.77", "fd00:1::3", "10.9.0.2"]);
    assert_eq!(release(&store, "c").len(), 3, "whatever the ranges are");
}

#[test]
fn stores_of_several_nodes_see_each_other() {
    let Some(etcd) = etcd() else { return };
    let mut lowest = EtcdStoreOptions::default();
    lowest.pool.policy = Policy::Lowest;
    let (one, two) = (
        open_with(&etcd.client(), &["10.1.2.0/29"], &lowest),
        open_with(&etcd.client(), &["10.1.2.0/29"], &lowest),
    );
    assert_eq!(allocate(&one, "a").unwrap(), ["10.1.2.2"]);
    assert_eq!(allocate(&two, "b").unwrap(), ["10.1.2.3"]);
    assert_eq!(allocate(&two, "a").unwrap(), ["10.1.2.2"], "the same owner on another node");
    assert_eq!(release(&two, "a"), ["10.1.2.2"]);
    assert!(find(&one, "a").is_empty());
    for container in ["c", "d", "e", "f"] {
        allocate(&one, container).unwrap();
    }
    // Freed by one, given by the other at once: nobody is refused what is free.
    assert_eq!(allocate(&two, "g").unwrap_err().code(), Code::IPAM_EXHAUSTED);
    assert_eq!(release(&one, "d"), allocate(&two, "g").unwrap());
}

#[test]
fn a_call_is_one_round_trip_at_any_fill() {
    let Some(etcd) = etcd() else { return };
    let store = open(&etcd, &["10.1.0.0/24", "fd00:1::/64"]);
    let mut given = 0;
    for fill in [0, 1, 200] {
        while given < fill {
            allocate(&store, &format!("c{given}")).unwrap();
            given += 1;
        }
        let before = etcd.requests();
        allocate(&store, "x").unwrap();
        release(&store, "x");
        assert!(find(&store, "x").is_empty());
        assert_eq!(etcd.requests() - before, 3, "{fill} held");
    }
    // Another store goes on where this one was, not at the first free address.
    release(&store, "c0");
    assert_eq!(allocate(&open(&etcd, &["10.1.0.0/24"]), "next").unwrap(), ["10.1.0.205"]);
}

#[test]
fn collectors_free_only_what_is_unchanged() {
    let Some(etcd) = etcd() else { return };
    let store = open(&etcd, &["10.1.0.0/24", "fd00:1::/64"]);
    for n in 0..40 {
        allocate(&store, &format!("c{n}")).unwrap();
    }
    etcd.put("/k8sboot/ipam/pods/a/10.1.0.200", "not an owner\n", 0);
    etcd.put("/k8sboot/ipam/pods/a/readme", "of somebody", 0);
    let seen = store.records().unwrap();
    assert_eq!(seen.len(), 82);
    let last = seen.last().unwrap();
    assert_eq!((last.name.as_str(), last.address), ("readme", None));
    let damaged = seen.iter().find(|record| record.name == "10.1.0.200").unwrap();
    assert_eq!(damaged.holder, Holder::Foreign { found: "not an owner\n".to_owned() });
    let wanted = [damaged.address.unwrap()];
    let request = Request::new(owner("z")).addresses(&wanted);
    let taken = store.allocate(&request, &mut Allocation::new()).unwrap_err();
    assert_eq!(taken.code(), Code::IPAM_TAKEN, "a damaged record is not given away");

    // One owner comes again in between.
    let before = find(&store, "c7");
    release(&store, "c7");
    let request: Vec<IpAddr> = before.iter().map(|address| address.parse().unwrap()).collect();
    store.allocate(&Request::new(owner("c7")).addresses(&request), &mut Allocation::new()).unwrap();
    let freed = store.free_unchanged(&seen).unwrap();
    assert_eq!(freed.len(), 80);
    assert_eq!(find(&store, "c7"), before);
    let left = etcd.all("/k8sboot/ipam/pods/");
    assert_eq!(left.iter().filter(|(key, _)| !key.contains("/m/")).count(), 4, "{left:?}");
    assert!(store.free_unchanged(&seen).unwrap().is_empty());
}

#[test]
fn a_restart_and_a_compaction_lose_nothing() {
    let Some(mut etcd) = etcd() else { return };
    let options = etcd.options().timeouts(Duration::from_millis(500), Duration::from_secs(2));
    let store =
        open_with(&EtcdClient::connect(&options).unwrap(), &["10.1.2.0/29"], &EtcdStoreOptions::default());
    let first = allocate(&store, "a").unwrap();
    etcd.down();
    let error = allocate(&store, "b").unwrap_err();
    let unreachable =
        matches!(&error, StoreError::Etcd(EtcdError::Unreachable { failures, .. }) if failures.len() == 1);
    assert!(unreachable, "{error}");
    assert!(error.details().retryable && error.to_string().contains(&etcd.url()), "{error}");
    etcd.up();
    until("the restarted etcd gives addresses", || allocate(&store, "b").is_ok());
    assert_eq!((find(&store, "a"), find(&store, "b").len()), (first, 1));

    // While the connection is away, another store goes on and what it did is compacted away.
    etcd.down();
    etcd.up();
    let other = open(&etcd, &["10.1.2.0/29"]);
    for container in ["c", "d", "e"] {
        allocate(&other, container).unwrap();
    }
    release(&other, "d");
    etcd.compact();
    until("the first store gives the freed address", || allocate(&store, "f").is_ok());
    assert_eq!(allocate(&store, "g").unwrap_err().code(), Code::IPAM_EXHAUSTED);
    until("changes are followed again", || {
        release(&other, "e");
        let freed = allocate(&store, "h");
        release(&store, "h");
        freed.is_ok() && allocate(&other, "e").is_ok()
    });
}

#[test]
fn another_endpoint_is_taken_when_one_is_dead() {
    let Some(etcd) = etcd() else { return };
    let dead = format!("http://127.0.0.1:{}", free_port());
    let options = EtcdOptions::new([dead.clone(), etcd.url()]);
    let store =
        open_with(&EtcdClient::connect(&options).unwrap(), &["10.1.2.0/29"], &EtcdStoreOptions::default());
    assert_eq!(allocate(&store, "a").unwrap(), ["10.1.2.2"]);
    let error = EtcdClient::connect(&EtcdOptions::new([dead.clone(), dead.clone()])).unwrap_err();
    assert!(matches!(&error, EtcdError::Unreachable { failures, .. } if failures.len() == 2), "{error}");
    assert!(error.to_string().contains("Connection refused"), "{error}");
}

#[test]
fn a_silent_endpoint_is_a_timeout() {
    // Takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let options =
        EtcdOptions::new([endpoint]).timeouts(Duration::from_millis(300), Duration::from_millis(300));
    let error = EtcdClient::connect(&options).unwrap_err();
    let expected = [Code::ETCD_TIMEOUT, Code::ETCD_UNREACHABLE];
    assert!(expected.contains(&error.code()) && error.details().retryable, "{error}");
}

#[test]
fn records_on_a_lease_vanish_with_their_node() {
    let Some(etcd) = etcd() else { return };
    let mut options = EtcdStoreOptions::default();
    options.lease = Some(StoreLease::new(Duration::from_secs(4)).id(77));
    let watcher = open(&etcd, &["10.1.2.0/29"]);
    let node = open_with(&etcd.client(), &["10.1.2.0/29"], &options);
    assert_eq!(node.lease(), Some(77));
    allocate(&node, "a").unwrap();
    allocate(&watcher, "b").unwrap();
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!(watcher.records().unwrap().len(), 2, "renewed meanwhile");
    drop(node);
    // The node comes again in time, with the same ID: nothing is lost.
    let node = open_with(&etcd.client(), &["10.1.2.0/29"], &options);
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(find(&watcher, "a"), ["10.1.2.2"]);
    drop(node);
    until("the dead node's record vanishes", || watcher.records().unwrap().len() == 1);
    assert!(find(&watcher, "a").is_empty() && !find(&watcher, "b").is_empty());
}

#[test]
fn what_etcd_cannot_keep_is_refused() {
    let Some(etcd) = etcd() else { return };
    let mut resting = EtcdStoreOptions::default();
    resting.pool.policy = Policy::Rest(Rest::releases(1));
    let mut no_prefix = EtcdStoreOptions::default();
    no_prefix.prefix = "/".to_owned();
    let mut short = EtcdStoreOptions::default();
    short.lease = Some(StoreLease::new(Duration::from_secs(1)));
    for (network, options) in
        [("pods", resting), ("pods", no_prefix), ("pods", short), ("a/b", EtcdStoreOptions::default())]
    {
        let refused = EtcdStore::open(&etcd.client(), network, Ranges::none(), &options).unwrap_err();
        assert_eq!(refused.code(), Code::ETCD_OPTIONS, "{refused}");
    }
}

#[test]
fn a_revoked_lease_is_told() {
    let Some(etcd) = etcd() else { return };
    let mut options = EtcdStoreOptions::default();
    options.lease = Some(StoreLease::new(Duration::from_secs(600)).id(78));
    let store = open_with(&etcd.client(), &["10.1.2.0/29"], &options);
    allocate(&store, "a").unwrap();
    etcd.json("lease/revoke", &json!({"ID": "78"}));
    let error = allocate(&store, "b").unwrap_err();
    assert_eq!(error.code(), Code::ETCD_LEASE_LOST, "{error}");
    assert!(store.records().unwrap().is_empty());
}

#[test]
fn half_a_record_is_told() {
    let Some(etcd) = etcd() else { return };
    let store = open(&etcd, &["10.1.2.0/29"]);
    allocate(&store, "a").unwrap();
    etcd.delete("/k8sboot/ipam/pods/a/10.1.2.2");
    let error = store.release(owner("a"), &mut Vec::new()).and_then(|()| allocate(&store, "a").map(drop));
    let error = error.unwrap_err();
    assert_eq!(error.code(), Code::ETCD_DAMAGED, "{error}");
    assert!(error.to_string().contains("/k8sboot/ipam/pods/o/a/eth0/10.1.2.2"), "{error}");
}
