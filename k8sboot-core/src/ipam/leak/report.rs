//! The report: a verdict for each record, with its reasons.

use std::net::IpAddr;

use super::{evidence::SeenAddress, evidence::Testimony, policy::Policy};
use crate::{
    cidr::{from_number, to_number},
    ipam::{Ranges, Record},
};

/// What is said of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum State {
    /// Nobody holds it.
    Free,
    /// A witness keeps it.
    Live,
    /// Its ADD is running, or may be.
    Young,
    /// No witness keeps it and everything was asked.
    Leaked,
    /// The record is empty: its writer died.
    Broken,
    /// The entry is not of host-local's kind: its name is no address, or its content no owner.
    Foreign,
    /// No witness keeps it, but not everything could be asked.
    Unknown,
}

impl State {
    /// Every state, in the order of reports.
    pub const ALL: [Self; 7] =
        [Self::Free, Self::Live, Self::Young, Self::Leaked, Self::Broken, Self::Foreign, Self::Unknown];

    /// For reports, for example `leaked`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Live => "live",
            Self::Young => "young",
            Self::Leaked => "leaked",
            Self::Broken => "broken",
            Self::Foreign => "foreign",
            Self::Unknown => "unknown",
        }
    }
}

/// Which rule gives a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Rule {
    /// The address is on an interface: keep.
    AddressConfigured,
    /// The container is listed: keep.
    ContainerListed,
    /// The network namespace of the stored result exists: keep.
    NamespaceExists,
    /// The ADD is running: keep.
    AddRunning,
    /// The record is younger than the grace period: keep.
    Grace,
    /// The record is from before this boot: free.
    EarlierBoot,
    /// Nobody claims the record: free.
    Unclaimed,
    /// The record is empty: free under the lock, which its writer would hold.
    Empty,
    /// The entry has no owner: keep, and report.
    NoOwner,
    /// A witness failed: free nothing.
    WitnessFailed,
    /// A runtime lists nothing: free nothing of this boot.
    EmptyListing,
    /// No runtime was asked.
    NoRuntime,
    /// Others may own addresses of the network, and the namespaces were not read.
    OthersPossible,
    /// The store cannot tell how old the record is.
    AgeUnknown,
    /// A short ID matches more than one container.
    AmbiguousId,
}

impl Rule {
    /// For reports, for example `container-listed`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AddressConfigured => "address-configured",
            Self::ContainerListed => "container-listed",
            Self::NamespaceExists => "namespace-exists",
            Self::AddRunning => "add-running",
            Self::Grace => "grace",
            Self::EarlierBoot => "earlier-boot",
            Self::Unclaimed => "unclaimed",
            Self::Empty => "empty",
            Self::NoOwner => "no-owner",
            Self::WitnessFailed => "witness-failed",
            Self::EmptyListing => "empty-listing",
            Self::NoRuntime => "no-runtime",
            Self::OthersPossible => "others-possible",
            Self::AgeUnknown => "age-unknown",
            Self::AmbiguousId => "ambiguous-id",
        }
    }
}

/// Why a verdict is what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reason {
    /// The rule.
    pub rule: Rule,
    /// Whose evidence it is; empty if the record itself tells.
    pub witness: String,
    /// In words.
    pub text: String,
}

impl Reason {
    pub(super) fn new(rule: Rule, witness: &str, text: impl Into<String>) -> Self {
        Self { rule, witness: witness.to_owned(), text: text.into() }
    }
}

/// What is said of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict {
    /// The record as it was read.
    pub record: Record,
    /// What it is.
    pub state: State,
    /// Whether a collection frees it.
    pub free: bool,
    /// Why; the first decided.
    pub reasons: Vec<Reason>,
    /// Where a CNI result of its attachment is stored. Such a leak is better undone by a DEL of the whole chain, which
    /// also removes port mappings and traffic rules.
    pub stored_result: Option<String>,
}

/// Addresses from a first to a last one that nobody holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FreeRun {
    /// The index of the range set.
    pub set: usize,
    /// The first address.
    pub first: IpAddr,
    /// The last address.
    pub last: IpAddr,
}

impl FreeRun {
    /// How many addresses.
    #[must_use]
    pub fn count(&self) -> u128 {
        (to_number(self.last) - to_number(self.first)).saturating_add(1)
    }
}

/// How many addresses are in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// The state.
    pub state: State,
    /// How many: records, or for [`State::Free`] addresses of the ranges.
    pub count: u128,
}

/// A verdict for each record. The same records, testimonies and policy give the same report.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeakReport {
    /// What the caller knew.
    pub policy: Policy,
    /// What the witnesses said.
    pub testimonies: Vec<Testimony>,
    /// A verdict for each record, in the order of addresses, then names; entries without an address come last.
    pub verdicts: Vec<Verdict>,
    /// The addresses of the ranges that nobody holds, in order, gateways left out. Empty if no ranges were given.
    pub free: Vec<FreeRun>,
    /// Addresses of the ranges that are configured somewhere although no record holds them, gateways left out: they
    /// may be given twice. Empty if no ranges were given.
    pub unrecorded: Vec<SeenAddress>,
}

impl LeakReport {
    /// The records that a collection frees.
    pub fn to_free(&self) -> impl Iterator<Item = &Record> {
        self.verdicts.iter().filter(|verdict| verdict.free).map(|verdict| &verdict.record)
    }

    /// The addresses of one state that records hold.
    pub fn addresses(&self, state: State) -> impl Iterator<Item = IpAddr> {
        let of = move |verdict: &&Verdict| verdict.state == state;
        self.verdicts.iter().filter(of).filter_map(|verdict| verdict.record.address)
    }

    /// How many addresses are in each state, in the order of [`State::ALL`].
    #[must_use]
    pub fn tally(&self) -> [Tally; 7] {
        State::ALL.map(|state| {
            let count = if state == State::Free {
                self.free.iter().map(FreeRun::count).fold(0, u128::saturating_add)
            } else {
                self.verdicts.iter().filter(|verdict| verdict.state == state).map(|_| 1).sum()
            };
            Tally { state, count }
        })
    }

    /// How many addresses are in a state.
    #[must_use]
    pub fn count(&self, state: State) -> u128 {
        self.tally().into_iter().find(|tally| tally.state == state).map_or(0, |tally| tally.count)
    }

    /// The state of an address; `None` if no record holds it and no range contains it.
    #[must_use]
    pub fn state_of(&self, address: IpAddr) -> Option<State> {
        let at = |verdict: &Verdict| verdict.record.address.map(key);
        let first = self.verdicts.partition_point(|verdict| at(verdict).is_some_and(|a| a < key(address)));
        if let Some(verdict) = self.verdicts.get(first).filter(|verdict| at(verdict) == Some(key(address))) {
            return Some(verdict.state);
        }
        let after = self.free.partition_point(|run| key(run.first) <= key(address));
        let run = self.free.get(after.checked_sub(1)?)?;
        (key(address) <= key(run.last)).then_some(State::Free)
    }
}

/// Addresses in order: IPv4 first.
pub(super) fn key(address: IpAddr) -> (bool, u128) {
    (address.is_ipv6(), to_number(address))
}

/// The runs of each range between what is held; `held` is in order.
pub(super) fn free_runs(ranges: &Ranges, held: &[(bool, u128)]) -> Vec<FreeRun> {
    let mut runs = Vec::new();
    for (set, range) in
        ranges.sets().iter().enumerate().flat_map(|(set, r)| r.ranges().iter().map(move |r| (set, r)))
    {
        let family = range.subnet().family();
        let (start, end) = (key(range.start()), key(range.end()));
        let from = held.partition_point(|held| *held < start);
        let mut taken: Vec<u128> =
            held.iter().skip(from).take_while(|held| **held <= end).map(|held| held.1).collect();
        if range.contains(range.gateway()) {
            taken.push(to_number(range.gateway()));
            taken.sort_unstable();
        }
        let mut next = Some(start.1);
        let mut run = |first: Option<u128>, last: Option<u128>| {
            if let (Some(first), Some(last)) = (first, last)
                && first <= last
            {
                let (first, last) = (from_number(family, first), from_number(family, last));
                runs.push(FreeRun { set, first, last });
            }
        };
        for number in taken {
            run(next, number.checked_sub(1));
            next = number.checked_add(1);
        }
        run(next, Some(end.1));
    }
    runs.sort_by_key(|run| key(run.first));
    runs
}
