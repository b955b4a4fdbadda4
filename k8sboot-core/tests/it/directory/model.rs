//! Random operations against a plain model of host-local, with several stores and a stranger on one directory.

use std::{collections::BTreeMap, fs, net::IpAddr};

use k8sboot_core::{
    ipam::{Allocation, IpamError, Owner, Ranges, Repeat, Request},
    store::{DirectoryOptions, DirectoryStore, Store, StoreError},
};

use super::scratch::{Data, ranges};

/// Small enough to fill up, large enough to go round; the second set has two ranges.
const SUBNETS: [&str; 2] = ["10.1.2.0/27", "2001:db8::/122"];

/// xorshift: the same run every time.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// host-local's rules, as plainly as they can be said.
#[derive(Default)]
struct Model {
    files: BTreeMap<IpAddr, String>,
    markers: [Option<IpAddr>; 2],
}

impl Model {
    fn with(&self, record: &[&str]) -> Vec<IpAddr> {
        let held = self.files.iter().filter(|(_, content)| record.contains(&content.trim()));
        let mut found: Vec<_> = held.map(|(address, _)| *address).collect();
        found.sort_by_key(IpAddr::to_string);
        found
    }

    /// What a release frees: records of before 0.8.0 only if there is no other.
    fn held(&self, container: &str, interface: &str) -> Vec<IpAddr> {
        let exact = self.with(&[&format!("{container}\r\n{interface}")]);
        if exact.is_empty() { self.with(&[container]) } else { exact }
    }

    fn allocate(
        &mut self,
        ranges: &Ranges,
        owner: (&str, &str),
        wanted: &[IpAddr],
        repeat: Repeat,
    ) -> Result<Vec<IpAddr>, (&'static str, usize)> {
        let (mut wanted, mut fresh, mut given) = (wanted.to_vec(), Vec::new(), Vec::new());
        let result = (|| {
            for (set, one) in ranges.sets().iter().enumerate() {
                let range = &one.ranges()[0];
                let all: Vec<IpAddr> = every(range.start(), range.end());
                let mine = self.with(&[&format!("{}\r\n{}", owner.0, owner.1), owner.0]);
                let chosen = if let Some(at) = wanted.iter().position(|a| all.contains(a)) {
                    let address = wanted.remove(at);
                    if address == range.gateway() {
                        return Err(("gateway", set));
                    }
                    match self.files.contains_key(&address) {
                        true if repeat == Repeat::Same && mine.contains(&address) => {}
                        true => return Err(("taken", set)),
                        false => fresh.push(address),
                    }
                    self.markers[set] = Some(address);
                    address
                } else if let Some(address) = mine.into_iter().find(|a| all.contains(a)) {
                    if repeat == Repeat::Refuse {
                        return Err(("duplicate", set));
                    }
                    given.push(address);
                    continue;
                } else {
                    let first = self.markers[set]
                        .and_then(|m| all.iter().position(|a| *a == m))
                        .map_or(0, |at| at + 1);
                    let free = |a: &&IpAddr| **a != range.gateway() && !self.files.contains_key(*a);
                    let Some(address) = all[first..].iter().chain(&all[..first]).find(free) else {
                        return Err(("exhausted", set));
                    };
                    fresh.push(*address);
                    self.markers[set] = Some(*address);
                    *address
                };
                self.files.entry(chosen).or_insert_with(|| format!("{}\r\n{}", owner.0, owner.1));
                given.push(chosen);
            }
            if wanted.is_empty() { Ok(()) } else { Err(("unplaced", 0)) }
        })();
        if result.is_err() {
            for address in fresh {
                self.files.remove(&address);
            }
        }
        result.map(|()| given)
    }

    /// The directory, as `Data::state` shows it.
    fn state(&self) -> BTreeMap<String, String> {
        let marker = |(set, marker): (usize, &Option<IpAddr>)| {
            Some((format!("last_reserved_ip.{set}"), marker.as_ref()?.to_string()))
        };
        let files = self.files.iter().map(|(address, content)| (address.to_string(), content.clone()));
        let markers = self.markers.iter().enumerate().filter_map(marker);
        files.chain(markers).chain([("lock".to_owned(), String::new())]).collect()
    }
}

fn why(error: &StoreError) -> (&'static str, usize) {
    match error {
        StoreError::Ipam(IpamError::Gateway { set, .. }) => ("gateway", *set),
        StoreError::Ipam(IpamError::Taken { set, .. }) => ("taken", *set),
        StoreError::Ipam(IpamError::Duplicate { set, .. }) => ("duplicate", *set),
        StoreError::Ipam(IpamError::Exhausted { set, .. }) => ("exhausted", *set),
        StoreError::Ipam(IpamError::Unplaced { .. }) => ("unplaced", 0),
        other => panic!("{other}"),
    }
}

fn every(start: IpAddr, end: IpAddr) -> Vec<IpAddr> {
    let mut at = start;
    let mut all = vec![start];
    while at != end {
        at = match at {
            IpAddr::V4(v4) => IpAddr::from((u32::from(v4) + 1).to_be_bytes()),
            IpAddr::V6(v6) => IpAddr::from((u128::from(v6) + 1).to_be_bytes()),
        };
        all.push(at);
    }
    all
}

/// One store that stays open and others that are opened for one call, in turn or mixed.
struct Stores<'a> {
    data: &'a Data,
    resident: Vec<DirectoryStore>,
}

impl Stores<'_> {
    fn with<T>(&self, which: usize, run: impl FnOnce(&dyn Store) -> T) -> T {
        match self.resident.get(which) {
            Some(store) => run(store),
            // The last one reads everything every time.
            None => run(&self.data.open_with(&SUBNETS, DirectoryOptions::new().index(which < 4)).unwrap()),
        }
    }
}

/// Runs random operations; `stores` tells which take part: 0 and 1 stay open, 2 and 3 are opened for one call, 4 walks.
fn check(seed: u64, operations: usize, stores: &[usize], strange: bool) {
    let data = Data::quick();
    let subnets = ranges(&SUBNETS);
    let open = || data.open_with(&SUBNETS, DirectoryOptions::new().resident(true)).unwrap();
    let all = Stores { data: &data, resident: vec![open(), open()] };
    let mut model = Model::default();
    let mut random = Random(seed);
    let containers: Vec<String> = (0..40).map(|n| format!("c{n}")).collect();
    let addresses: Vec<IpAddr> = subnets
        .sets()
        .iter()
        .flat_map(|set| every(set.ranges()[0].start(), set.ranges()[0].end()))
        .chain(["10.9.9.9".parse().unwrap()])
        .collect();
    for number in 0..operations {
        let container = random.pick(&containers).clone();
        let interface = *random.pick(&["eth0", "eth0", "net1"]);
        let owner = Owner::new(&container, interface).unwrap();
        let which = *random.pick(stores);
        let what = random.below(if strange { 24 } else { 20 });
        match what {
            0..10 => {
                let count = [0, 0, 0, 0, 1, 2][random.below(6)];
                let mut wanted: Vec<_> = (0..count).map(|_| *random.pick(&addresses)).collect();
                wanted.dedup();
                let repeat = *random.pick(&[Repeat::Same, Repeat::Refuse, Repeat::Refuse]);
                let expected = model.allocate(&subnets, (&container, interface), &wanted, repeat);
                let mut out = Allocation::new();
                let request = Request::new(owner).addresses(&wanted).repeat(repeat);
                let found = all
                    .with(which, |store| store.allocate(&request, &mut out))
                    .map(|()| out.iter().map(|given| given.address).collect::<Vec<_>>());
                assert_eq!(
                    found.map_err(|e| why(&e)),
                    expected,
                    "operation {number}, store {which}: {request:?}"
                );
            }
            10..17 => {
                let expected = model.held(&container, interface);
                let mut freed = Vec::new();
                all.with(which, |store| store.release(owner, &mut freed)).unwrap();
                assert_eq!(freed, expected, "operation {number}, store {which}: {owner}");
                model.files.retain(|address, _| !expected.contains(address));
            }
            17..19 => {
                let mut found = Vec::new();
                all.with(which, |store| store.find(owner, &mut found)).unwrap();
                assert_eq!(found, model.held(&container, interface), "operation {number}, store {which}");
            }
            19 => {
                let usage = all.with(which, |store| store.usage()).unwrap();
                let held = |set: usize| {
                    let range = &subnets.sets()[set].ranges()[0];
                    model.files.keys().filter(|a| range.contains(**a) && **a != range.gateway()).count()
                        as u128
                };
                assert_eq!([usage[0].held, usage[1].held], [held(0), held(1)], "operation {number}");
            }
            _ => stranger(&data, &mut model, &mut random, &addresses, &container),
        }
        if number % 16 == 0 || number + 1 == operations {
            assert_eq!(data.state(), model.state(), "after operation {number}, store {which}");
        }
    }
}

/// Somebody who knows nothing of this library changes the directory.
fn stranger(data: &Data, model: &mut Model, random: &mut Random, addresses: &[IpAddr], container: &str) {
    let address = *random.pick(addresses);
    let path = data.network().join(address.to_string());
    match random.below(4) {
        0 => {
            let _ = fs::remove_file(path);
            model.files.remove(&address);
        }
        1 => {
            let set = random.below(2);
            let marker = *random.pick(addresses);
            data.put(&format!("last_reserved_ip.{set}"), &marker.to_string());
            model.markers[set] = Some(marker);
        }
        _ => {
            let content = match random.below(4) {
                0 => container.to_owned(),
                1 => String::new(),
                2 => format!(" {container}\r\neth0\n"),
                _ => format!("{container}\r\neth0"),
            };
            // Another file in its place, as a tool makes it that removes and creates.
            let _ = fs::remove_file(&path);
            fs::write(path, &content).unwrap();
            model.files.insert(address, content);
        }
    }
}

#[test]
fn a_store_opened_for_each_call_does_what_the_model_does() {
    check(1, 5_000, &[2, 3], false);
    check(2, 5_000, &[2, 3], true);
}

#[test]
fn a_store_that_stays_open_does_what_the_model_does() {
    check(3, 5_000, &[0], false);
    check(4, 5_000, &[0, 1], true);
}

#[test]
fn all_kinds_of_stores_and_a_stranger_agree_on_one_directory() {
    check(5, 5_000, &[0, 1, 2, 3, 4], false);
    check(6, 5_000, &[0, 1, 2, 3, 4], true);
}

#[test]
fn a_store_that_walks_does_what_the_model_does() {
    check(7, 2_000, &[4], true);
}
