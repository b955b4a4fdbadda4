//! Leaks: verdicts, the races of collectors, witnesses and collection.

#[cfg(feature = "node")]
mod chain;
#[cfg(feature = "cri")]
mod cri;
#[cfg(any(feature = "cri", feature = "docker"))]
mod daemons;
#[cfg(feature = "node")]
mod directory;
#[cfg(feature = "docker")]
mod docker;
mod fixtures;
#[cfg(feature = "node")]
mod namespaces;
mod properties;
mod races;
#[cfg(feature = "node")]
mod repair;
mod report;
mod threads;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use k8sboot_core::{
    ipam::{
        Allocation, Boot, Holder, Owner, Ranges, Record, Request,
        leak::{LeakReport, Policy, Runtimes, SeenAddress, State, Testimony, Witness, WitnessKind, judge},
    },
    store::Store,
};

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// A record of an unknown boot, written an hour ago.
pub(crate) fn record(address: &str, content: &str) -> Record {
    let mut record = Record::new(address, address.parse().ok(), Holder::parse(content.as_bytes()));
    record.age = Some(HOUR);
    record
}

/// As [`record`], of a boot and age.
pub(crate) fn record_of(address: &str, content: &str, boot: Boot, age: Option<Duration>) -> Record {
    let mut record = record(address, content);
    (record.boot, record.age) = (boot, age);
    record
}

/// What the namespaces say that hold nothing of interest.
pub(crate) fn namespaces(addresses: &[&str]) -> Testimony {
    let mut testimony = Testimony::new("namespaces", WitnessKind::Namespaces);
    let seen = |address: &&str| SeenAddress::new(address.parse().unwrap(), "eth0 in /run/netns/cni-1");
    testimony.addresses = addresses.iter().map(seen).collect();
    testimony
}

/// A verdict on one record with a careful policy.
pub(crate) fn verdict(record: Record, testimonies: &[Testimony]) -> LeakReport {
    judge(&[record], testimonies, &Policy::default(), &Ranges::none())
}

/// The state of the only record, and whether it is freed.
pub(crate) fn only(report: &LeakReport) -> (State, bool) {
    assert_eq!(report.verdicts.len(), 1);
    (report.verdicts[0].state, report.verdicts[0].free)
}

/// Every ADD runs in this process, and there is one runtime.
pub(crate) fn all_known() -> Policy {
    Policy::default().grace(Duration::ZERO).runtimes(Runtimes::All)
}

/// A runtime that keeps its containers in memory; clones share them.
#[derive(Clone, Default)]
pub(crate) struct FakeRuntime {
    pub(crate) containers: Arc<Mutex<BTreeSet<String>>>,
}

impl FakeRuntime {
    pub(crate) fn with(containers: &[&str]) -> Self {
        let fake = Self::default();
        containers.iter().for_each(|id| fake.start(id));
        fake
    }

    pub(crate) fn start(&self, id: &str) {
        self.containers.lock().unwrap().insert(id.to_owned());
    }

    pub(crate) fn remove(&self, id: &str) {
        self.containers.lock().unwrap().remove(id);
    }
}

impl Witness for FakeRuntime {
    fn kind(&self) -> WitnessKind {
        WitnessKind::Runtime
    }

    fn testify(&self) -> Testimony {
        Testimony::containers("fake runtime", self.containers.lock().unwrap().iter().cloned())
    }
}

/// A witness that does something when it is asked.
pub(crate) struct Meanwhile<F: Fn() -> Testimony + Send + Sync>(pub(crate) WitnessKind, pub(crate) F);

impl<F: Fn() -> Testimony + Send + Sync> Witness for Meanwhile<F> {
    fn kind(&self) -> WitnessKind {
        self.0
    }

    fn testify(&self) -> Testimony {
        self.1()
    }
}

/// ADD as far as the store sees it; gives the address.
pub(crate) fn add(store: &dyn Store, container: &str) -> String {
    let mut out = Allocation::new();
    store.allocate(&Request::new(Owner::new(container, "eth0").unwrap()), &mut out).unwrap();
    out.first().unwrap().address.to_string()
}

/// The addresses that a container holds.
pub(crate) fn held(store: &dyn Store, container: &str) -> Vec<String> {
    let mut out = Vec::new();
    store.find(Owner::new(container, "eth0").unwrap(), &mut out).unwrap();
    out.iter().map(ToString::to_string).collect()
}
