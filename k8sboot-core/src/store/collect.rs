//! Asking the store and the witnesses in the right order, and freeing what leaked.

use super::{Store, StoreError};
use crate::ipam::{
    Ranges, Record,
    leak::{LeakReport, Policy, Testimony, Witness, judge},
};

/// Looks for leaks: reads the store first, then asks the witnesses, then judges.
///
/// The rule of safety and the grace period are those of [`leak`](crate::ipam::leak).
///
/// # Examples
///
/// ```
/// # use k8sboot_core::{ipam::{Owner, Pool, PoolOptions, Ranges, Request, Allocation}, store::{InFlight, MemoryStore, Store, Survey}};
/// # use k8sboot_core::ipam::leak::{Policy, Runtimes, Testimony, Witness, WitnessKind};
/// # use std::time::Duration;
/// struct MyRuntime;
/// impl Witness for MyRuntime {
///     fn kind(&self) -> WitnessKind { WitnessKind::Runtime }
///     fn testify(&self) -> Testimony { Testimony::containers("my runtime", ["alive"]) }
/// }
/// let ranges = Ranges::of_subnets(&["10.244.1.0/24".parse()?])?;
/// let store = MemoryStore::new(Pool::new(ranges.clone(), PoolOptions::default()));
/// let mut out = Allocation::new();
/// store.allocate(&Request::new(Owner::new("alive", "eth0")?), &mut out)?;
/// store.allocate(&Request::new(Owner::new("gone", "eth0")?), &mut out)?;
///
/// let adds = InFlight::new();
/// let survey = Survey::new(&store)
///     .witness(&adds)
///     .witness(&MyRuntime)
///     .policy(Policy::default().grace(Duration::ZERO).runtimes(Runtimes::All))
///     .ranges(ranges);
/// let report = survey.plan()?;
/// assert_eq!(report.to_free().count(), 1);
/// let collected = survey.collect()?;
/// assert_eq!(collected.freed[0].name, "10.244.1.3");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Survey<'a> {
    store: &'a dyn Store,
    witnesses: Vec<(&'a dyn Witness, bool)>,
    policy: Policy,
    ranges: Ranges,
}

/// What a collection did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Collected {
    /// What was freed.
    pub freed: Vec<Record>,
    /// What should have been freed and had changed since it was read: it stays, or somebody else freed it.
    pub changed: Vec<Record>,
    /// How many entries the store had when it was read.
    pub before: usize,
    /// How many entries it has now.
    pub after: usize,
}

impl<'a> Survey<'a> {
    /// A survey of a store, without witnesses and with the careful policy.
    #[must_use]
    pub fn new(store: &'a dyn Store) -> Self {
        Self { store, witnesses: Vec::new(), policy: Policy::default(), ranges: Ranges::none() }
    }

    /// Adds a witness.
    #[must_use]
    pub fn witness(mut self, witness: &'a dyn Witness) -> Self {
        self.witnesses.push((witness, false));
        self
    }

    /// Adds the witness of a runtime that the caller knows to be up, so that an empty listing is believed.
    #[must_use]
    pub fn witness_known_empty(mut self, witness: &'a dyn Witness) -> Self {
        self.witnesses.push((witness, true));
        self
    }

    /// Sets what the caller knows.
    #[must_use]
    pub const fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets the ranges, so that the report tells what is free and what is used without a record.
    #[must_use]
    pub fn ranges(mut self, ranges: Ranges) -> Self {
        self.ranges = ranges;
        self
    }

    /// Reads, asks and judges; changes nothing.
    ///
    /// # Errors
    ///
    /// What hindered the store. A witness that fails is no error: it is in the report, and nothing is freed then.
    pub fn plan(&self) -> Result<LeakReport, StoreError> {
        let records = self.store.records()?;
        Ok(judge(&records, &self.testimonies(), &self.policy, &self.ranges))
    }

    /// [`plan`](Self::plan), then [`collect`].
    ///
    /// # Errors
    ///
    /// What hindered the store.
    pub fn collect(&self) -> Result<Collected, StoreError> {
        collect(self.store, &self.plan()?)
    }

    fn testimonies(&self) -> Vec<Testimony> {
        let mut witnesses = self.witnesses.clone();
        // An ADD that ends while the witnesses are asked is then seen by the runtime.
        witnesses.sort_by_key(|(witness, _)| witness.kind());
        let ask = |(witness, known_empty): &(&dyn Witness, bool)| {
            let testimony = witness.testify();
            let known_empty = *known_empty || testimony.known_empty;
            testimony.known_empty(known_empty)
        };
        witnesses.iter().map(ask).collect()
    }
}

/// Frees what a report says, each record only if it is still what was read.
///
/// # Errors
///
/// What hindered the store.
pub fn collect(store: &dyn Store, report: &LeakReport) -> Result<Collected, StoreError> {
    let seen: Vec<Record> = report.to_free().cloned().collect();
    let freed = if seen.is_empty() { Vec::new() } else { store.free_unchanged(&seen)? };
    let gone: std::collections::HashSet<&str> = freed.iter().map(|record| record.name.as_str()).collect();
    let changed = seen.iter().filter(|record| !gone.contains(record.name.as_str())).cloned().collect();
    Ok(Collected { before: report.verdicts.len(), after: store.records()?.len(), changed, freed })
}
