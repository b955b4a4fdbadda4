//! A collector in a loop beside threads that add and delete: nothing live is ever freed, every leak is.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use k8sboot_core::{
    ipam::{
        Allocation, IpamError, Owner, Pool, PoolOptions, Ranges, Record, Request, Usage,
        leak::{Policy, Runtimes},
    },
    store::{InFlight, MemoryStore, Store, StoreError, Survey},
};

use super::{FakeRuntime, held};

const THREADS: usize = 8;

/// A store in memory that knows when it gave each address.
struct Aged {
    inner: MemoryStore,
    given: Mutex<HashMap<IpAddr, Instant>>,
}

impl Store for Aged {
    fn allocate(&self, request: &Request<'_>, out: &mut Allocation) -> Result<(), StoreError> {
        let mut given = self.given.lock().unwrap();
        self.inner.allocate(request, out)?;
        given.extend(out.iter().map(|assigned| (assigned.address, Instant::now())));
        Ok(())
    }

    fn release(&self, owner: Owner<'_>, freed: &mut Vec<IpAddr>) -> Result<(), StoreError> {
        let _given = self.given.lock().unwrap();
        self.inner.release(owner, freed)
    }

    fn find(&self, owner: Owner<'_>, out: &mut Vec<IpAddr>) -> Result<(), StoreError> {
        self.inner.find(owner, out)
    }

    fn records(&self) -> Result<Vec<Record>, StoreError> {
        let given = self.given.lock().unwrap();
        let mut records = self.inner.records()?;
        for record in &mut records {
            record.age = record.address.and_then(|address| Some(given.get(&address)?.elapsed()));
        }
        Ok(records)
    }

    fn free_unchanged(&self, seen: &[Record]) -> Result<Vec<Record>, StoreError> {
        let _given = self.given.lock().unwrap();
        self.inner.free_unchanged(seen)
    }

    fn usage(&self) -> Result<Vec<Usage>, StoreError> {
        self.inner.usage()
    }
}

pub(crate) fn ranges() -> Ranges {
    Ranges::of_subnets(&["10.244.1.0/27".parse().unwrap()]).unwrap()
}

fn memory() -> MemoryStore {
    MemoryStore::new(Pool::new(ranges(), PoolOptions::default()))
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn pause(&mut self) {
        thread::sleep(Duration::from_micros(self.roll(800)));
    }
}

/// ADD, live, DEL; every fifth container goes without a DEL. Gives how many leaked.
///
/// `grace` is what an ADD may take at most; one that took longer on a busy machine was promised nothing.
fn containers(
    store: &dyn Store,
    runtime: &FakeRuntime,
    adds: &InFlight,
    grace: Option<Duration>,
    thread: usize,
    rounds: usize,
) -> usize {
    let mut dice = Dice(thread as u64 + 1);
    let mut leaks = 0;
    let mut out = Allocation::new();
    for round in 0..rounds {
        let id = format!("container-{thread}-{round}");
        let owner = Owner::new(&id, "eth0").unwrap();
        let running = adds.announce(owner);
        let began = loop {
            let began = Instant::now();
            match store.allocate(&Request::new(owner), &mut out) {
                Ok(()) => break began,
                // The collector has not come by yet.
                Err(StoreError::Ipam(IpamError::Exhausted { .. })) => dice.pause(),
                Err(error) => panic!("{id}: {error}"),
            }
        };
        let address = out.first().unwrap().address.to_string();
        dice.pause();
        let after_add = held(store, &id);
        runtime.start(&id);
        let in_time = grace.is_none_or(|grace| began.elapsed() < grace);
        assert!(!in_time || after_add == [address.clone()], "{id}: freed while its ADD ran");
        drop(running);
        dice.pause();
        assert!(!in_time || held(store, &id) == [address], "{id}: freed while it lived");
        runtime.remove(&id);
        if dice.roll(5) == 0 {
            leaks += 1;
            continue;
        }
        store.release(owner, &mut Vec::new()).unwrap();
    }
    leaks
}

/// Runs the threads with a collector beside them, then collects what is left.
///
/// Without a grace period the threads tell which ADDs are running.
pub(crate) fn run(store: &dyn Store, grace: Option<Duration>, rounds: usize) {
    let policy = Policy::default().grace(grace.unwrap_or_default());
    let runtime = FakeRuntime::with(&["always"]);
    let adds = InFlight::new();
    let mut survey = Survey::new(store).witness(&runtime).policy(policy.runtimes(Runtimes::All));
    if grace.is_none() {
        survey = survey.witness(&adds);
    }
    let left = AtomicUsize::new(THREADS);
    let (leaked, mut freed) = thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (runtime, adds, left) = (&runtime, &adds, &left);
                scope.spawn(move || {
                    /// Counts down, also when the thread fails.
                    struct Done<'a>(&'a AtomicUsize);
                    impl Drop for Done<'_> {
                        fn drop(&mut self) {
                            self.0.fetch_sub(1, Ordering::SeqCst);
                        }
                    }
                    let _done = Done(left);
                    containers(store, runtime, adds, grace, thread, rounds)
                })
            })
            .collect();
        let mut freed = 0;
        while left.load(Ordering::SeqCst) > 0 {
            freed += survey.collect().unwrap().freed.len();
            thread::sleep(Duration::from_micros(200));
        }
        (workers.into_iter().map(|worker| worker.join().unwrap()).sum::<usize>(), freed)
    });
    // Nothing is added any more: what is left has leaked, and grows old.
    let began = Instant::now();
    let mut last = survey.collect().unwrap();
    freed += last.freed.len();
    while last.after > 0 && began.elapsed() < policy.grace + Duration::from_secs(30) {
        thread::sleep(Duration::from_millis(20));
        last = survey.collect().unwrap();
        freed += last.freed.len();
    }
    assert_eq!(last.after, 0, "every leak is found");
    // A container that is gone and not yet deleted may be freed by the collector before its DEL.
    assert!(leaked > 0 && freed >= leaked, "{freed} freed of {leaked} leaked");
}

#[test]
fn with_the_grace_period_nothing_live_is_freed() {
    let store = Aged { inner: memory(), given: Mutex::default() };
    run(&store, Some(Duration::from_millis(500)), 60);
}

#[test]
fn with_knowledge_of_running_adds_no_grace_period_is_needed() {
    run(&memory(), None, 400);
}
