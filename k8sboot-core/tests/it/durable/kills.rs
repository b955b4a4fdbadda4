//! Real kills: a process that works in a directory ends by SIGKILL before and after each of its file operations in turn.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::process::ExitStatusExt,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use k8sboot_core::store::{DirectoryOptions, DirectoryStore, Store, StoreHook, StoreOp};

use super::world::{Image, World, add, del, durable, leases, leftovers, owner, record};

/// Tells the child what to do: `<mode> <work> <moment> <data directory>`.
const TASK: &str = "K8SBOOT_TEST_KILL";
/// The child's last word, when it was not killed.
const DONE: i32 = 77;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    OneShot,
    Resident,
    Durable,
    DurableResident,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// A new owner gets an address of each set.
    Add,
    /// The same in a store that had the time to make files before.
    Ready,
    /// An owner of two addresses frees them.
    Del,
    /// A collector frees what it has seen.
    Free,
    /// The first call in a directory that does not exist.
    Begin,
    /// The first opening after a power loss.
    Recover,
    /// A call that fills a segment of the journal.
    Turn,
}

const MODES: [Mode; 4] = [Mode::OneShot, Mode::Resident, Mode::Durable, Mode::DurableResident];
const WORKS: [Work; 7] =
    [Work::Add, Work::Ready, Work::Del, Work::Free, Work::Begin, Work::Recover, Work::Turn];

#[test]
fn killed_one_shot() {
    killed(Mode::OneShot, &[Work::Add, Work::Del, Work::Free, Work::Begin]);
}

#[test]
fn killed_resident() {
    killed(Mode::Resident, &[Work::Add, Work::Del, Work::Free, Work::Begin]);
}

#[test]
fn killed_durable() {
    killed(Mode::Durable, &[Work::Add, Work::Del, Work::Free, Work::Begin]);
}

#[test]
fn killed_durable_resident() {
    killed(Mode::DurableResident, &[Work::Add, Work::Del, Work::Free, Work::Begin]);
}

#[test]
fn killed_with_files_made_before() {
    killed(Mode::Resident, &[Work::Ready]);
    killed(Mode::DurableResident, &[Work::Ready]);
}

#[test]
fn killed_in_recovery() {
    for mode in MODES {
        killed(mode, &[Work::Recover]);
    }
}

#[test]
fn killed_in_a_checkpoint() {
    killed(Mode::Durable, &[Work::Turn]);
    killed(Mode::DurableResident, &[Work::Turn]);
}

/// The child. Without a task it does all there is, untouched.
#[test]
fn child() {
    if let Ok(task) = std::env::var(TASK) {
        let mut words = task.splitn(4, ' ');
        let mut number = || words.next().unwrap().parse::<usize>().unwrap();
        let (mode, work, moment) = (MODES[number()], WORKS[number()], number());
        let data = words.next().unwrap();
        run(mode, work, data.as_ref(), Arc::new(Killer { left: AtomicUsize::new(moment) }));
        std::process::exit(DONE);
    }
    for mode in MODES {
        for work in WORKS {
            let world = World::of(&before(work));
            let untouched = Arc::new(Killer { left: AtomicUsize::new(usize::MAX) });
            run(mode, work, world.path(), untouched.clone());
            assert!(untouched.left.load(Ordering::Relaxed) < usize::MAX, "{mode:?} {work:?} asks no hook");
            prove(mode, work, &world, "untouched", true);
        }
    }
}

/// Ends the process at a moment: before an operation or after it.
struct Killer {
    left: AtomicUsize,
}

impl Killer {
    fn moment(&self) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 0 {
            let me = rustix::process::getpid();
            rustix::process::kill_process(me, rustix::process::Signal::KILL).unwrap();
        }
    }
}

impl StoreHook for Killer {
    fn before(&self, _: StoreOp, _: &str) -> io::Result<()> {
        self.moment();
        Ok(())
    }

    fn after(&self, _: StoreOp, _: &str) {
        self.moment();
    }
}

fn killed(mode: Mode, works: &[Work]) {
    for work in works {
        let before = before(*work);
        let mut moment = if *work == Work::Turn { turn_begins(&before) } else { 0 };
        loop {
            let world = World::of(&before);
            let done = spawn(mode, *work, moment, &world);
            prove(mode, *work, &world, &format!("killed at moment {moment}"), done);
            if done {
                break;
            }
            moment += 1;
            assert!(moment < 100_000, "{mode:?} {work:?} never ends");
        }
        assert!(moment > 10, "{mode:?} {work:?} has {moment} moments only");
    }
}

/// Whether the child came to its end.
fn spawn(mode: Mode, work: Work, moment: usize, world: &World) -> bool {
    let place = |found: Option<usize>| found.unwrap();
    let (mode, work) =
        (place(MODES.iter().position(|m| *m == mode)), place(WORKS.iter().position(|w| *w == work)));
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "durable::kills::child", "--nocapture", "--test-threads=1"])
        .env(TASK, format!("{mode} {work} {moment} {}", world.path().display()))
        .output()
        .unwrap();
    if output.status.code() == Some(DONE) {
        return true;
    }
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(9), "expected a kill: {:?}: {said}", output.status);
    false
}

fn run(mode: Mode, work: Work, data: &std::path::Path, killer: Arc<Killer>) {
    let options = options(mode, work).hook(killer);
    let store = DirectoryStore::open(data, "mynet", super::world::ranges(), options).unwrap();
    match work {
        Work::Add | Work::Begin | Work::Turn => drop(add(&store, "new").unwrap()),
        Work::Ready => {
            // Changes nothing.
            add(&store, "a").unwrap();
            std::thread::sleep(std::time::Duration::from_millis(20));
            add(&store, "new").unwrap();
        }
        Work::Del => drop(del(&store, "a").unwrap()),
        Work::Free => {
            let seen: Vec<_> = store.records().unwrap();
            let seen: Vec<_> = seen.into_iter().filter(|r| r.holder.container() == Some("b")).collect();
            store.free_unchanged(&seen).unwrap();
        }
        // A one-shot store does nothing before its first call.
        Work::Recover => drop(store.find(owner("a"), &mut Vec::new())),
    }
    if work == Work::Turn {
        del(&store, "new").unwrap();
        add(&store, "new").unwrap();
    }
}

fn options(mode: Mode, work: Work) -> DirectoryOptions {
    let boot = if work == Work::Recover { "two" } else { "one" };
    match mode {
        Mode::OneShot => DirectoryOptions::new().boot_id(boot),
        Mode::Resident => DirectoryOptions::new().boot_id(boot).resident(true),
        Mode::Durable => durable(boot),
        Mode::DurableResident => durable(boot).resident(true),
    }
}

/// The directory before the work: `a` and `b` hold two addresses each, promised by a journal.
fn before(work: Work) -> Image {
    let world = World::new();
    if work == Work::Begin {
        return Image::new();
    }
    let store = world.open(durable("one"));
    for container in ["a", "c", "b"] {
        add(&store, container).unwrap();
    }
    let gone = del(&store, "c").unwrap();
    if work == Work::Turn {
        while room(&world.image()[".k8sboot/journal"]) > 380 {
            add(&store, "c").unwrap();
            del(&store, "c").unwrap();
        }
    }
    drop(store);
    if work == Work::Recover {
        // One of a's files is missing and one is empty, c's first file is back, and there is another empty one.
        let held = leases(&world.image());
        let of_a: Vec<_> =
            held.iter().filter(|(_, held)| **held == record("a")).map(|(name, _)| name).collect();
        world.remove(of_a[0]);
        world.write(of_a[1], b"");
        world.write(&gone[0], record("c").as_bytes());
        world.write("10.1.2.9", b"");
    }
    world.image()
}

/// Bytes at the end of the first segment that were never written.
fn room(journal: &[u8]) -> usize {
    let segment = &journal[..journal.len() / 2];
    segment.iter().rev().take_while(|byte| **byte == 0).count()
}

/// The moment shortly before the segment turns: what goes before it is an allocation like any other.
fn turn_begins(before: &Image) -> usize {
    struct Seen {
        moments: AtomicUsize,
        turn: AtomicUsize,
    }
    impl StoreHook for Seen {
        fn before(&self, op: StoreOp, _: &str) -> io::Result<()> {
            let now = self.moments.fetch_add(1, Ordering::Relaxed);
            if op == StoreOp::SyncAll {
                self.turn.store(now, Ordering::Relaxed);
            }
            Ok(())
        }
        fn after(&self, _: StoreOp, _: &str) {
            self.moments.fetch_add(1, Ordering::Relaxed);
        }
    }
    let world = World::of(before);
    let seen = Arc::new(Seen { moments: AtomicUsize::new(0), turn: AtomicUsize::new(0) });
    let store = world.open(durable("one").hook(seen.clone()));
    add(&store, "new").unwrap();
    del(&store, "new").unwrap();
    add(&store, "new").unwrap();
    let turn = seen.turn.load(Ordering::Relaxed);
    assert!(turn > 0, "the segment does not turn");
    turn.saturating_sub(30)
}

/// What has to be true after a kill and after the recovery.
fn prove(mode: Mode, work: Work, world: &World, why: &str, done: bool) {
    let case = format!("{mode:?} {work:?} {why}");
    let before = expected(work, false);
    let after = expected(work, true);
    let found = leases(&world.image());
    if work != Work::Recover {
        for (name, content) in &found {
            let known = before.get(name) == Some(content) || after.get(name) == Some(content);
            assert!(known || *content == record("new"), "{case}: {name} holds {content:?}");
        }
    }
    for (name, content) in before.iter().filter(|(name, content)| after.get(*name) == Some(*content)) {
        if work != Work::Recover {
            assert_eq!(found.get(name), Some(content), "{case}: {name} was not concerned");
        }
    }
    // The next call of the same kind, and what it leaves.
    let store = world.open(options(mode, work));
    match work {
        Work::Add | Work::Ready | Work::Begin | Work::Turn => {
            let given = add(&store, "new").unwrap();
            assert_eq!(given.len(), 2, "{case}");
            let held = leases(&world.image());
            let of_new: Vec<_> = held.iter().filter(|(_, held)| **held == record("new")).collect();
            assert_eq!(of_new.len(), 2, "{case}: {held:?}");
            if done {
                assert!(given.iter().all(|name| found.get(name) == Some(&record("new"))), "{case}: lost");
            }
        }
        Work::Del => {
            let freed = del(&store, "a").unwrap();
            assert!(!done || freed.is_empty(), "{case}: {freed:?} was freed before");
        }
        Work::Free => drop(del(&store, "b").unwrap()),
        Work::Recover => drop(store.find(owner("a"), &mut Vec::new())),
    }
    let mut found = leases(&world.image());
    found.retain(|_, held| *held != record("new"));
    assert_eq!(found, after, "{case}");
    assert!(leftovers(&world.image()).is_empty(), "{case}: {:?}", leftovers(&world.image()));
    drop(store);
    // And once more after a power loss that took nothing: what was freed without a journal may be back.
    let kept = leases(&world.image());
    world.open(durable("three"));
    let mut later = leases(&world.image());
    if matches!(mode, Mode::OneShot | Mode::Resident) {
        later.retain(|name, _| kept.contains_key(name));
    }
    assert_eq!(later, kept, "{case}: after another boot");
    let mode = fs::metadata(world.path().join("mynet/10.1.2.2")).map(|file| file.permissions());
    if let Ok(mode) = mode {
        use std::os::unix::fs::PermissionsExt;
        assert!(mode.mode() & 0o600 == 0o600, "{case}");
    }
}

/// What is held before the work, and after it without the new owner.
fn expected(work: Work, after: bool) -> BTreeMap<String, String> {
    let mut held = BTreeMap::new();
    if work == Work::Begin {
        return held;
    }
    for (number, container) in [(2, "a"), (4, "b")] {
        if after && (work == Work::Del && container == "a" || work == Work::Free && container == "b") {
            continue;
        }
        held.insert(format!("10.1.2.{number}"), record(container));
        held.insert(format!("2001:db8::{number}"), record(container));
    }
    held
}
