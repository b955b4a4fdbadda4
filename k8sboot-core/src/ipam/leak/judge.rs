//! The rules, in their order.

use std::collections::{HashMap, HashSet};

use super::{
    containers::{Containers, Listed},
    evidence::{SeenAddress, StoredResult, Testimony, WitnessKind},
    policy::{Policy, Runtimes},
    report::{LeakReport, Reason, Rule, State, Verdict, free_runs, key},
};
use crate::ipam::{Boot, Holder, Ranges, Record};

/// Says of each record whether it is leaked. `records` were read before any of the witnesses was asked.
///
/// The rules are those of the [module](super). `ranges` only serve to report what is free and what is used without a
/// record; [`Ranges::none`] judges as well.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::ipam::{Holder, Ranges, Record, leak::{Policy, Runtimes, State, Testimony, judge}};
/// # use std::time::Duration;
/// let record = |address: &str, container: &str| {
///     let holder = Holder::parse(format!("{container}\r\neth0").as_bytes());
///     let mut record = Record::new(address, address.parse().ok(), holder);
///     record.age = Some(Duration::from_secs(3600));
///     record
/// };
/// let records = [record("10.244.1.2", "2312b4416713"), record("10.244.1.3", "c0b37018aea9")];
/// let docker = Testimony::containers("docker", ["c0b37018aea9"]);
/// let report = judge(&records, &[docker], &Policy::default().runtimes(Runtimes::All), &Ranges::none());
/// assert_eq!(report.verdicts[0].state, State::Leaked);
/// assert_eq!(report.verdicts[1].state, State::Live);
/// assert_eq!(report.to_free().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["10.244.1.2"]);
/// ```
#[must_use]
pub fn judge(records: &[Record], testimonies: &[Testimony], policy: &Policy, ranges: &Ranges) -> LeakReport {
    let court = Court::new(records, testimonies, policy);
    let mut verdicts: Vec<Verdict> = records.iter().map(|record| court.verdict(record)).collect();
    verdicts.sort_by(|a, b| {
        let order = |v: &Verdict| (v.record.address.is_none(), v.record.address.map(key));
        order(a).cmp(&order(b)).then_with(|| a.record.name.cmp(&b.record.name))
    });
    let held: Vec<_> = verdicts.iter().filter_map(|verdict| verdict.record.address.map(key)).collect();
    let unrecorded = unrecorded(testimonies, ranges, &held);
    LeakReport {
        policy: *policy,
        testimonies: testimonies.to_vec(),
        free: free_runs(ranges, &held),
        unrecorded,
        verdicts,
    }
}

/// The evidence, by what it is about.
struct Court<'a> {
    policy: &'a Policy,
    containers: Containers<'a>,
    addresses: HashMap<(bool, u128), Vec<(&'a str, &'a str)>>,
    results: HashMap<&'a str, Vec<(&'a str, &'a StoredResult)>>,
    namespaces: HashMap<(bool, u128), Vec<(&'a str, &'a str)>>,
    in_flight: HashMap<&'a str, HashSet<&'a str>>,
    /// Why nothing may be freed.
    failures: Vec<Reason>,
    /// Why nothing of this boot may be freed.
    doubts: Vec<Reason>,
}

impl<'a> Court<'a> {
    fn new(records: &'a [Record], testimonies: &'a [Testimony], policy: &'a Policy) -> Self {
        let mut court = Self {
            policy,
            containers: Containers::new(
                records.iter().filter_map(|record| record.holder.container()),
                testimonies.iter(),
            ),
            addresses: HashMap::new(),
            results: HashMap::new(),
            namespaces: HashMap::new(),
            in_flight: HashMap::new(),
            failures: failures(testimonies),
            doubts: doubts(testimonies, policy),
        };
        for testimony in testimonies {
            let witness = testimony.witness.as_str();
            for seen in &testimony.addresses {
                court
                    .addresses
                    .entry(key(seen.address.to_canonical()))
                    .or_default()
                    .push((witness, &seen.place));
            }
            for result in &testimony.results {
                let owner = result.owner.as_owner().container();
                court.results.entry(owner).or_default().push((witness, result));
                for address in result.namespace.iter().flat_map(|_| &result.addresses) {
                    court
                        .namespaces
                        .entry(key(address.to_canonical()))
                        .or_default()
                        .push((witness, result.namespace.as_deref().unwrap_or_default()));
                }
            }
            for owner in &testimony.in_flight {
                let owner = owner.as_owner();
                court.in_flight.entry(owner.container()).or_default().insert(owner.interface());
            }
        }
        court
    }

    fn verdict(&self, record: &Record) -> Verdict {
        let (state, free, reasons) = self.decide(record);
        let stored_result = self
            .results_of(&record.holder)
            .find(|(_, result)| result.namespace.is_none())
            .map(|(_, result)| result.source.clone());
        Verdict { record: record.clone(), state, free, reasons, stored_result }
    }

    fn decide(&self, record: &Record) -> (State, bool, Vec<Reason>) {
        let live = self.keeps(record);
        if !live.is_empty() {
            return (State::Live, false, live);
        }
        if record.address.is_none() {
            let text = format!("the name {:?} is no address", record.name);
            return (State::Foreign, false, vec![Reason::new(Rule::NoOwner, "", text)]);
        }
        let settled = match &record.holder {
            Holder::Foreign { found } => {
                let text = format!("expected a container ID and an interface name, found {found:?}");
                return (State::Foreign, false, vec![Reason::new(Rule::NoOwner, "", text)]);
            }
            Holder::Empty => {
                (State::Broken, Reason::new(Rule::Empty, "", "the record is empty: its writer died"))
            }
            Holder::Attachment { .. } | Holder::Container { .. } => {
                if let Some(young) = self.young(record) {
                    return (State::Young, false, vec![young]);
                }
                if let Some(reasons) = self.unsettled(record) {
                    return (State::Unknown, false, reasons);
                }
                if record.boot == Boot::Earlier {
                    (State::Leaked, Reason::new(Rule::EarlierBoot, "", "it is from before this boot"))
                } else {
                    (State::Leaked, Reason::new(Rule::Unclaimed, "", "no witness knows its container"))
                }
            }
        };
        let (state, reason) = settled;
        if self.failures.is_empty() {
            return (state, true, vec![reason]);
        }
        let state = if state == State::Leaked { State::Unknown } else { state };
        (state, false, self.failures.iter().cloned().chain([reason]).collect())
    }

    /// Rules 1 to 3.
    fn keeps(&self, record: &Record) -> Vec<Reason> {
        let mut reasons = Vec::new();
        let address = record.address.map(|address| key(address.to_canonical()));
        for (witness, place) in address.and_then(|a| self.addresses.get(&a)).into_iter().flatten() {
            let text = format!("its address is configured on {place}");
            reasons.push(Reason::new(Rule::AddressConfigured, witness, text));
        }
        for listed in record.holder.container().map_or(&[][..], |id| self.containers.of(id)) {
            if let Listed::Yes(witness, container) = listed {
                let text = format!("its container is listed: {}", container.what);
                reasons.push(Reason::new(Rule::ContainerListed, witness, text));
            }
        }
        let mut namespace = |witness: &str, path: &str| {
            let text = format!("the network namespace of its stored result exists: {path}");
            let reason = Reason::new(Rule::NamespaceExists, witness, text);
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        };
        for (witness, result) in self.results_of(&record.holder) {
            if let Some(path) = &result.namespace {
                namespace(witness, path);
            }
        }
        for (witness, path) in address.and_then(|a| self.namespaces.get(&a)).into_iter().flatten() {
            namespace(witness, path);
        }
        reasons
    }

    /// Rule 4.
    fn young(&self, record: &Record) -> Option<Reason> {
        let running = match &record.holder {
            Holder::Attachment { container, interface } => {
                self.in_flight.get(container.as_str()).is_some_and(|all| all.contains(interface.as_str()))
            }
            Holder::Container { container } => self.in_flight.contains_key(container.as_str()),
            _ => false,
        };
        if running {
            return Some(Reason::new(Rule::AddRunning, "", "its ADD is running"));
        }
        let age = record.age.filter(|age| record.boot != Boot::Earlier && *age < self.policy.grace)?;
        let text = format!(
            "it is {} seconds old: younger than the grace period of {} seconds",
            age.as_secs(),
            self.policy.grace.as_secs()
        );
        Some(Reason::new(Rule::Grace, "", text))
    }

    /// What forbids to call a record of this boot leaked.
    fn unsettled(&self, record: &Record) -> Option<Vec<Reason>> {
        let mut reasons = Vec::new();
        for listed in record.holder.container().map_or(&[][..], |id| self.containers.of(id)) {
            if let Listed::Perhaps(witness, container) = listed {
                let text = format!("the short ID {} matches more than one container", container.id);
                reasons.push(Reason::new(Rule::AmbiguousId, witness, text));
            }
        }
        if record.boot != Boot::Earlier {
            reasons.extend(self.doubts.iter().cloned());
            if record.age.is_none() && !self.policy.grace.is_zero() {
                let text =
                    "its age is not known: tell which ADDs are running and set the grace period to zero";
                reasons.push(Reason::new(Rule::AgeUnknown, "", text));
            }
        }
        if reasons.is_empty() {
            return None;
        }
        Some(self.failures.iter().cloned().chain(reasons).collect())
    }

    fn results_of(&self, holder: &Holder) -> impl Iterator<Item = (&'a str, &'a StoredResult)> {
        let interface = match holder {
            Holder::Attachment { interface, .. } => Some(interface.clone()),
            _ => None,
        };
        let all = holder.container().and_then(|id| self.results.get(id)).into_iter().flatten().copied();
        all.filter(move |(_, result)| {
            interface.as_deref().is_none_or(|name| name == result.owner.as_owner().interface())
        })
    }
}

fn failures(testimonies: &[Testimony]) -> Vec<Reason> {
    let each = |t: &Testimony| {
        let witness = t.witness.clone();
        t.failures
            .iter()
            .map(move |f| {
                Reason::new(Rule::WitnessFailed, &witness, format!("nothing is freed: {}", f.message))
            })
            .collect::<Vec<_>>()
    };
    testimonies.iter().flat_map(each).collect()
}

fn doubts(testimonies: &[Testimony], policy: &Policy) -> Vec<Reason> {
    let mut doubts = Vec::new();
    let of = |kind| testimonies.iter().filter(move |testimony| testimony.kind == kind);
    for empty in of(WitnessKind::Runtime).filter(|t| t.containers.is_empty() && !t.known_empty) {
        let text = "it lists no container at all: it may be starting; say that it is known to be empty";
        doubts.push(Reason::new(Rule::EmptyListing, &empty.witness, text));
    }
    if policy.runtimes == Runtimes::Some {
        if of(WitnessKind::Runtime).next().is_none() {
            let text = "no runtime was asked: ask one, or say that there is no other";
            doubts.push(Reason::new(Rule::NoRuntime, "", text));
        }
        if of(WitnessKind::Namespaces).next().is_none() {
            let text = "another runtime may own it: read the network namespaces, or say that all runtimes were asked";
            doubts.push(Reason::new(Rule::OthersPossible, "", text));
        }
    } else if of(WitnessKind::Runtime).next().is_none() && of(WitnessKind::Namespaces).next().is_none() {
        let text = "neither a runtime nor the network namespaces were asked";
        doubts.push(Reason::new(Rule::NoRuntime, "", text));
    }
    doubts
}

fn unrecorded(testimonies: &[Testimony], ranges: &Ranges, held: &[(bool, u128)]) -> Vec<SeenAddress> {
    let strange = |seen: &&SeenAddress| {
        let address = seen.address.to_canonical();
        ranges.find(address).is_some_and(|(_, range)| range.gateway() != address)
            && held.binary_search(&key(address)).is_err()
    };
    let mut seen: Vec<SeenAddress> =
        testimonies.iter().flat_map(|testimony| &testimony.addresses).filter(strange).cloned().collect();
    seen.sort_by(|a, b| (key(a.address), &a.place).cmp(&(key(b.address), &b.place)));
    seen.dedup();
    seen
}
