//! A durable store after a reboot, case by case, and many callers at once.

use std::{
    collections::BTreeSet,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use k8sboot_core::{
    error::{Code, Problem},
    ipam::Boot,
    store::{DirectoryOptions, Durability, JournalOptions, Store, StoreError, StoreHook, StoreOp},
};

use super::world::{SMALL, World, add, del, durable, leases, record};

#[test]
fn what_was_acknowledged_is_there_after_a_power_loss() {
    let world = World::new();
    let store = world.open(durable("one"));
    let a = add(&store, "a").unwrap();
    let b = add(&store, "b").unwrap();
    let c = add(&store, "c").unwrap();
    assert_eq!(del(&store, "c").unwrap(), c);
    drop(store);
    // What a disk may hold: a's files are missing, one of b's is empty and one full of zeros, c's are back, and the
    // marker is an old one.
    for name in &a {
        world.remove(name);
    }
    world.write(&b[0], b"");
    world.write(&b[1], &[0; 7]);
    for name in &c {
        world.write(name, record("c").as_bytes());
    }
    world.write("last_reserved_ip.0", b"10.1.2.2");
    let store = world.open(durable("two"));
    let held = leases(&world.image());
    let of = |names: &[String], container: &str| {
        names.iter().map(|name| (name.clone(), record(container))).collect::<Vec<_>>()
    };
    assert_eq!(
        held.into_iter().collect::<BTreeSet<_>>(),
        [of(&a, "a"), of(&b, "b")].concat().into_iter().collect()
    );
    assert_eq!(world.image()["last_reserved_ip.0"], c[0].as_bytes());
    assert_eq!(add(&store, "a").unwrap(), a, "the owner still holds it");
    assert!(store.records().unwrap().iter().all(|record| record.boot != Boot::Earlier));
}

#[test]
fn whoever_opens_the_directory_first_replays_the_journal() {
    let world = World::new();
    let a = add(&world.open(durable("one")), "a").unwrap();
    for name in &a {
        world.remove(name);
    }
    let plain = world.open(DirectoryOptions::new().boot_id("two"));
    let b = add(&plain, "b").unwrap();
    assert!(a.iter().all(|name| !b.contains(name)), "{a:?} {b:?}");
    assert_eq!(leases(&world.image())[&a[0]], record("a"));
}

#[test]
fn in_the_same_boot_the_directory_is_the_truth() {
    let world = World::new();
    let a = add(&world.open(durable("one")), "a").unwrap();
    for name in &a {
        world.remove(name);
    }
    let store = world.open(durable("one"));
    assert!(leases(&world.image()).is_empty(), "somebody freed it beside the journal");
    assert!(del(&store, "a").unwrap().is_empty());
}

#[test]
fn somebody_elses_file_wins_over_the_journal() {
    let world = World::new();
    let store = world.open(durable("one"));
    let a = add(&store, "a").unwrap();
    let b = add(&store, "b").unwrap();
    del(&store, "b").unwrap();
    drop(store);
    world.write(&a[0], record("x").as_bytes());
    world.write(&b[0], record("y").as_bytes());
    world.remove(&a[1]);
    let _store = world.open(durable("two"));
    let held = leases(&world.image());
    assert_eq!(held[&a[0]], record("x"));
    assert_eq!(held[&b[0]], record("y"));
    assert_eq!(held[&a[1]], record("a"));
}

#[test]
fn what_somebody_else_made_is_promised_once_it_was_given() {
    let world = World::new();
    let a = add(&world.open(DirectoryOptions::new()), "a").unwrap();
    assert_eq!(add(&world.open(durable("one")), "a").unwrap(), a);
    for name in &a {
        world.remove(name);
    }
    let _store = world.open(durable("two"));
    assert_eq!(leases(&world.image()).len(), 2);
}

#[test]
fn an_owner_too_long_for_the_journal_changes_nothing() {
    let world = World::new();
    let store = world.open(durable("one"));
    let before = world.image();
    let refused = add(&store, &"a".repeat(20_000));
    assert!(matches!(&refused, Err(StoreError::TooLong { found: 20_006, .. })), "{refused:?}");
    assert_eq!(world.image(), before);
    add(&store, &"a".repeat(300)).unwrap();
}

#[test]
fn a_second_durable_process_waits_and_is_then_told() {
    let world = World::new();
    let _store = world.open(durable("one"));
    let soon = durable("one").lock_timeout(std::time::Duration::from_millis(50));
    let refused = world.try_open(soon).map(drop).unwrap_err();
    assert_eq!(refused.code(), Code::STORE_JOURNAL_BUSY);
    assert!(refused.details().retryable);
    // Others may work in the directory all the same.
    add(&world.open(DirectoryOptions::new().boot_id("one")), "b").unwrap();
}

/// Lets the flushes of the journal fail.
struct Broken {
    broken: AtomicBool,
}

impl StoreHook for Broken {
    fn before(&self, op: StoreOp, path: &str) -> io::Result<()> {
        if op == StoreOp::SyncFile && path.ends_with("/journal") && self.broken.load(Ordering::Relaxed) {
            return Err(io::Error::from_raw_os_error(5));
        }
        Ok(())
    }
}

#[test]
fn a_disk_that_fails_takes_allocations_back_and_stops_the_store() {
    let world = World::new();
    let hook = Arc::new(Broken { broken: AtomicBool::new(false) });
    let store = world.open(durable("one").hook(hook.clone()));
    let a = add(&store, "a").unwrap();
    hook.broken.store(true, Ordering::Relaxed);
    let before = leases(&world.image());
    let refused = add(&store, "b").unwrap_err();
    assert_eq!(refused.code(), Code::STORE_JOURNAL_FAILED);
    assert!(refused.to_string().contains("os error 5"), "{refused}");
    assert_eq!(leases(&world.image()), before, "nothing is held that was not before");
    hook.broken.store(false, Ordering::Relaxed);
    assert_eq!(add(&store, "b").unwrap_err().code(), Code::STORE_JOURNAL_FAILED, "until it is opened anew");
    assert_eq!(del(&store, "a").unwrap_err().code(), Code::STORE_JOURNAL_FAILED);
    drop(store);
    let store = world.open(durable("one"));
    assert!(del(&store, "a").unwrap().is_empty(), "freed, but it could not be promised");
    assert_eq!(add(&store, "b").unwrap().len(), a.len());
}

#[test]
fn a_damaged_journal_stops_whoever_needs_it_until_it_is_salvaged() {
    let world = World::new();
    let store = world.open(durable("one"));
    let given: Vec<_> = ["a", "b", "c"].map(|container| add(&store, container).unwrap()).into();
    drop(store);
    let mut journal = world.image()[".k8sboot/journal"].clone();
    let at = journal.windows(7).position(|bytes| bytes == b"b\r\neth0").unwrap();
    journal[at] = b'?';
    world.write(".k8sboot/journal", &journal);
    for name in given.iter().flatten() {
        world.remove(name);
    }
    for options in [durable("two"), DirectoryOptions::new().boot_id("two")] {
        let refused = world.try_open(options).and_then(|store| store.records()).unwrap_err();
        assert_eq!(refused.code(), Code::STORE_JOURNAL_DAMAGED);
    }
    assert!(leases(&world.image()).is_empty());
    let salvage = JournalOptions::default().salvage(true);
    let store = world.open(durable("two").durability(Durability::Durable(salvage)));
    let held = leases(&world.image());
    assert_eq!(held[&given[0][0]], record("a"));
    assert_eq!(held[&given[2][1]], record("c"));
    assert_eq!(world.image()[".k8sboot/journal.damaged.1"], journal);
    drop(store);
    world.open(durable("three"));
    assert_eq!(leases(&world.image()), held);
}

#[test]
fn many_callers_and_many_checkpoints_lose_nothing() {
    let world = World::new();
    let syncs = Arc::new(Counter::default());
    let store = world.open(durable("one").hook(syncs.clone()));
    let threads = 6;
    thread::scope(|scope| {
        for number in 0..threads {
            let store = &store;
            scope.spawn(move || {
                let container = format!("{number:064}");
                for _ in 0..60 {
                    let given = add(store, &container).unwrap();
                    assert_eq!(given.len(), 2);
                    assert_eq!(del(store, &container).unwrap().len(), 2);
                }
                add(store, &container).unwrap();
            });
        }
    });
    drop(store);
    assert!(syncs.0.load(Ordering::Relaxed) > 2, "the journal is of {SMALL} bytes");
    let before = leases(&world.image());
    assert_eq!(before.len(), threads * 2);
    let _store = world.open(durable("two"));
    assert_eq!(leases(&world.image()), before);
}

/// Counts the checkpoints.
#[derive(Default)]
struct Counter(AtomicUsize);

impl StoreHook for Counter {
    fn before(&self, op: StoreOp, _: &str) -> io::Result<()> {
        self.0.fetch_add(usize::from(op == StoreOp::SyncAll), Ordering::Relaxed);
        Ok(())
    }
}
