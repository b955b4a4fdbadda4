//! Addresses inside network namespaces, against iproute2.

use std::{collections::BTreeSet, process::Command, time::Duration};

use k8sboot_core::{
    ipam::{
        Allocation, Owner, Pool, PoolOptions, Ranges, Request,
        leak::{Policy, State, Witness},
    },
    probe::witness::Namespaces,
    store::{MemoryStore, Store, Survey},
};

use super::FakeRuntime;
use crate::support::{privileged, tools};

/// A network namespace made by `ip netns`, removed at the end.
pub(crate) struct Pod(String);

impl Pod {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("k8sboot-{}-{name}", std::process::id());
        ip(&["netns", "add", &name]);
        Self(name)
    }

    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    fn give(&self, address: &str) {
        let nodad: &[&str] = if address.contains(':') { &["nodad"] } else { &[] };
        ip(&["-n", &self.0, "link", "add", "eth0", "type", "veth", "peer", "name", "peer0"]);
        ip(&[&["-n", &*self.0, "addr", "add", address, "dev", "eth0"], nodad].concat());
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).output();
    }
}

fn ip(arguments: &[&str]) -> String {
    let out = Command::new("ip").args(arguments).output().unwrap();
    assert!(out.status.success(), "ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

pub(crate) fn may() -> bool {
    tools(&["ip"]) && privileged("network namespaces")
}

#[test]
fn the_addresses_are_those_that_iproute2_shows() {
    if !may() {
        return;
    }
    let pod = Pod::new("show");
    pod.give("198.18.70.7/24");
    ip(&["-n", &pod.0, "link", "set", "lo", "up"]);
    ip(&["-n", &pod.0, "addr", "add", "2001:db8:70::7/64", "dev", "eth0", "nodad"]);
    ip(&["-n", &pod.0, "addr", "add", "198.18.70.8", "peer", "198.18.70.9", "dev", "peer0"]);
    let shown: serde_json::Value = serde_json::from_str(&ip(&["-n", &pod.0, "-j", "addr"])).unwrap();
    let want: BTreeSet<(String, String)> = shown
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|link| {
            let name = link["ifname"].as_str().unwrap().to_owned();
            let addresses = link["addr_info"].as_array().unwrap();
            addresses.iter().map(move |address| (name.clone(), address["local"].as_str().unwrap().to_owned()))
        })
        .collect();
    let testimony = Namespaces::new().testify();
    assert!(testimony.failures.is_empty(), "{:?}", testimony.failures);
    let place = format!(" in /run/netns/{}", pod.0);
    let seen: BTreeSet<(String, String)> = testimony
        .addresses
        .iter()
        .filter_map(|seen| Some((seen.place.strip_suffix(&place)?.to_owned(), seen.address.to_string())))
        .collect();
    assert_eq!(seen, want);
    assert!(want.len() >= 5, "{want:?}");
}

#[test]
fn the_callers_thread_stays_in_its_namespace() {
    if !may() {
        return;
    }
    let pod = Pod::new("stay");
    pod.give("198.18.71.7/24");
    let before = std::fs::read_link("/proc/thread-self/ns/net").unwrap();
    assert!(Namespaces::new().testify().addresses.iter().any(|a| a.address.to_string() == "198.18.71.7"));
    assert_eq!(std::fs::read_link("/proc/thread-self/ns/net").unwrap(), before);
}

#[test]
fn a_namespace_that_only_a_process_holds_is_seen() {
    if !may() || !tools(&["unshare", "nsenter", "sleep"]) {
        return;
    }
    let mut child = Command::new("unshare").args(["--net", "sleep", "100"]).spawn().unwrap();
    let id = child.id().to_string();
    let own = std::fs::read_link("/proc/self/ns/net").unwrap();
    while std::fs::read_link(format!("/proc/{id}/ns/net")).is_ok_and(|its| its == own) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let inside = |arguments: &[&str]| {
        let enter = ["-t", &id, "-n", "ip"];
        assert!(Command::new("nsenter").args([&enter, arguments].concat()).status().unwrap().success());
    };
    inside(&["link", "add", "eth0", "type", "veth", "peer", "name", "peer0"]);
    inside(&["addr", "add", "198.18.72.7/24", "dev", "eth0"]);
    let testimony = Namespaces::new().testify();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(testimony.addresses.iter().any(|seen| seen.address.to_string() == "198.18.72.7"
        && seen.place == format!("eth0 in /proc/{id}/ns/net")));
}

#[test]
fn pods_are_kept_and_pods_that_are_gone_have_leaked() {
    if !may() {
        return;
    }
    let ranges =
        Ranges::of_subnets(&["198.18.73.0/24".parse().unwrap(), "2001:db8:73::/64".parse().unwrap()]);
    let store = MemoryStore::new(Pool::new(ranges.unwrap(), PoolOptions::default()));
    let mut pods: Vec<(Pod, Vec<String>)> = ["a", "b", "c"]
        .map(|name| {
            let mut out = Allocation::new();
            store.allocate(&Request::new(Owner::new(name, "eth0").unwrap()), &mut out).unwrap();
            let pod = Pod::new(name);
            let given: Vec<String> = out.iter().map(|given| given.address.to_string()).collect();
            pod.give(&format!("{}/24", given[0]));
            ip(&["-n", &pod.0, "addr", "add", &format!("{}/64", given[1]), "dev", "eth0", "nodad"]);
            (pod, given)
        })
        .into();
    // The runtime lost all three; only their namespaces tell that they live.
    let runtime = FakeRuntime::with(&["other"]);
    let namespaces = Namespaces::new();
    let survey = Survey::new(&store)
        .witness(&runtime)
        .witness(&namespaces)
        .policy(Policy::default().grace(Duration::ZERO));
    assert_eq!(survey.plan().unwrap().count(State::Live), 6);
    let (gone, addresses) = pods.remove(1);
    drop(gone);
    let report = survey.plan().unwrap();
    assert_eq!((report.count(State::Live), report.count(State::Leaked)), (4, 2), "{}", report.to_text());
    let freed: Vec<String> = survey.collect().unwrap().freed.into_iter().map(|record| record.name).collect();
    assert_eq!(freed, addresses);
}
