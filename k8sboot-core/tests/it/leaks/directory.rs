//! Collection from host-local's directory.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use k8sboot_core::{
    ipam::{
        Boot, Pool, PoolOptions, Ranges,
        leak::{Policy, Runtimes, State},
    },
    store::{DirectoryOptions, DirectoryStore, Store, StoreError, Survey, collect},
};

use super::{
    FakeRuntime, HOUR, add,
    fixtures::{exhausted, lines},
    threads,
};

/// A copy of a recorded data directory; its files were last written an hour ago, as far as their times tell.
pub(crate) struct Copied(PathBuf);

impl Copied {
    pub(crate) fn of(recorded: &Path, name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("k8sboot-leaks-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        copy(&recorded.join("networks"), &path);
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file of the network, as of an hour ago.
    #[cfg(feature = "docker")]
    pub(crate) fn put(&self, name: &str, content: &str) {
        let path = self.0.join("cbr0").join(name);
        fs::write(&path, content).unwrap();
        age(&path);
    }

    pub(crate) fn store(&self) -> DirectoryStore {
        let ranges = Ranges::of_subnets(&["10.244.1.0/24".parse().unwrap()]).unwrap();
        DirectoryStore::open(&self.0, "cbr0", ranges, DirectoryOptions::new().create(false)).unwrap()
    }

    /// Names and contents.
    pub(crate) fn state(&self) -> BTreeSet<(String, Vec<u8>)> {
        let files = fs::read_dir(self.0.join("cbr0")).unwrap().map(Result::unwrap);
        let files = files.filter(|file| file.path().is_file() && file.file_name() != "lock");
        files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::write(&target, fs::read(entry.path()).unwrap()).unwrap();
            age(&target);
        }
    }
}

fn age(path: &Path) {
    File::options().write(true).open(path).unwrap().set_modified(SystemTime::now() - HOUR).unwrap();
}

#[test]
fn the_exhausted_directory_gets_its_addresses_back() {
    for format in ["today", "2016"] {
        let data = Copied::of(&exhausted(format), &format!("exhausted-{format}"));
        let store = data.store();
        let full = store.allocate(
            &k8sboot_core::ipam::Request::new(k8sboot_core::ipam::Owner::new("next", "eth0").unwrap()),
            &mut k8sboot_core::ipam::Allocation::new(),
        );
        assert!(full.unwrap_err().to_string().contains("full"), "{format}");
        let before = data.state();
        let runtime = FakeRuntime::default();
        lines(exhausted(format).join("live-containers.txt")).iter().for_each(|id| runtime.start(id));
        let survey = Survey::new(&store).witness(&runtime).policy(Policy::default().runtimes(Runtimes::All));

        let dry = survey.plan().unwrap();
        let want: BTreeSet<String> = lines(exhausted(format).join("expected-free.txt")).into_iter().collect();
        assert_eq!(dry.to_free().map(|r| r.name.clone()).collect::<BTreeSet<_>>(), want, "{format}");
        assert_eq!(data.state(), before, "a dry run changes nothing");

        let collected = survey.collect().unwrap();
        assert_eq!((collected.freed.len(), collected.before, collected.after), (250, 253, 3), "{format}");
        assert_eq!(add(&store, "next"), "10.244.1.2", "{format}");
        assert_eq!(survey.plan().unwrap().count(State::Young), 1);
        assert!(survey.collect().unwrap().freed.is_empty());
    }
}

#[test]
fn what_was_just_written_is_kept_whatever_the_listing_says() {
    let data = Copied::of(&exhausted("today"), "young");
    fs::write(data.path().join("cbr0/10.244.1.77"), "new\r\neth0").unwrap();
    let runtime = FakeRuntime::with(&["other"]);
    let store = data.store();
    let survey = Survey::new(&store).witness(&runtime).policy(Policy::default().runtimes(Runtimes::All));
    assert_eq!(survey.collect().unwrap().freed.len(), 252);
    assert_eq!(store.records().unwrap()[0].name, "10.244.1.77");
}

#[test]
fn empty_records_of_killed_adds_are_freed() {
    let crash = exhausted("today").join("../crash/killed-before-record");
    let data = Copied::of(&crash, "killed");
    let name = fs::read_dir(data.path()).unwrap().next().unwrap().unwrap().file_name();
    let store =
        DirectoryStore::open(data.path(), name.to_str().unwrap(), Ranges::none(), DirectoryOptions::new())
            .unwrap();
    let runtime = FakeRuntime::with(&["other"]);
    let survey = Survey::new(&store).witness(&runtime).policy(Policy::default().runtimes(Runtimes::All));
    let report = survey.plan().unwrap();
    assert_eq!(report.count(State::Broken), 1);
    let broken: Vec<_> = report.verdicts.iter().filter(|v| v.state == State::Broken).collect();
    let collected = survey.collect().unwrap();
    assert!(collected.freed.iter().any(|freed| freed.name == broken[0].record.name));
    assert!(!data.path().join(&name).join(&broken[0].record.name).exists());
}

#[test]
fn threads_on_a_directory_lose_nothing_live_and_nothing_leaked_stays() {
    let open = |name: &str, resident: bool| {
        let path = std::env::temp_dir().join(format!("k8sboot-leaks-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        let store = DirectoryStore::open(
            &path,
            "cbr0",
            threads::ranges(),
            DirectoryOptions::new().resident(resident),
        )
        .unwrap();
        (Copied(path), store)
    };
    let (_data, store) = open("threads-known", true);
    threads::run(&store, None, 40);
    let (_data, store) = open("threads-grace", false);
    threads::run(&store, Some(Duration::from_millis(500)), 25);
    // The same in memory, so that a difference is the directory's.
    let memory = k8sboot_core::store::MemoryStore::new(Pool::new(threads::ranges(), PoolOptions::default()));
    threads::run(&memory, None, 40);
}

/// A network's directory below a new data directory, with options.
fn opened(name: &str, options: DirectoryOptions) -> (Copied, DirectoryStore) {
    let path = std::env::temp_dir().join(format!("k8sboot-leaks-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    let store = DirectoryStore::open(&path, "cbr0", threads::ranges(), options).unwrap();
    (Copied(path), store)
}

#[test]
fn r6_a_record_that_is_given_again_under_the_collectors_eyes_stays() {
    let (data, store) = opened("r6", DirectoryOptions::new());
    let name = add(&store, "gone");
    let runtime = FakeRuntime::with(&["other"]);
    let policy = Policy::default().grace(Duration::ZERO).runtimes(Runtimes::All);
    let survey = Survey::new(&store).witness(&runtime).policy(policy);
    let report = survey.plan().unwrap();
    assert_eq!(report.to_free().count(), 1);
    // Another process, host-local for example, frees it and gives it to the same container again.
    let path = data.path().join("cbr0").join(&name);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "gone\r\neth0").unwrap();
    let collected = collect(&store, &report).unwrap();
    assert_eq!((collected.freed.len(), collected.changed.len(), collected.after), (0, 1, 1));
}

#[test]
fn r7_whoever_holds_either_lock_keeps_the_collector_out() {
    let options = || DirectoryOptions::new().lock_timeout(Duration::from_millis(50));
    let (data, store) = opened("r7", options());
    add(&store, "gone");
    let runtime = FakeRuntime::with(&["other"]);
    let policy = Policy::default().grace(Duration::ZERO).runtimes(Runtimes::All);
    let survey = Survey::new(&store).witness(&runtime).policy(policy);
    let report = survey.plan().unwrap();
    // Releases before 0.7.0 lock the directory, later ones the file.
    for path in ["cbr0", "cbr0/lock"] {
        let held = File::open(data.path().join(path)).unwrap();
        rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
        let error = collect(&store, &report).unwrap_err();
        assert!(matches!(error, StoreError::Locked { .. }), "{path}: {error}");
        drop(held);
    }
    assert_eq!(collect(&store, &report).unwrap().freed.len(), 1);
}

#[test]
fn r12_after_a_reboot_the_directory_tells_what_is_from_before_it() {
    let (data, store) = opened("r12", DirectoryOptions::new().boot_id("one"));
    let gone = add(&store, "gone");
    add(&store, "kept-by-its-runtime");
    drop(store);
    let store =
        DirectoryStore::open(data.path(), "cbr0", threads::ranges(), DirectoryOptions::new().boot_id("two"))
            .unwrap();
    let new = add(&store, "new");
    // The runtime has just started; nobody is known but a container that outlived the reboot in its list.
    let runtime = FakeRuntime::with(&["kept-by-its-runtime"]);
    let survey = Survey::new(&store).witness(&runtime);
    let report = survey.plan().unwrap();
    assert_eq!((report.count(State::Live), report.count(State::Young)), (1, 1), "{}", report.to_text());
    assert_eq!(report.state_of(new.parse().unwrap()), Some(State::Young));
    let collected = survey.collect().unwrap();
    assert_eq!(collected.freed.iter().map(|record| &record.name).collect::<Vec<_>>(), [&gone]);
    assert_eq!(collected.freed[0].boot, Boot::Earlier);
}

#[test]
fn ages_in_this_boot_are_those_of_a_clock_that_nobody_sets() {
    let since_boot = Arc::new(AtomicU64::new(1000));
    let clock = {
        let since_boot = Arc::clone(&since_boot);
        move || Duration::from_secs(since_boot.load(Ordering::Relaxed))
    };
    let (_data, store) = opened("clock", DirectoryOptions::new().clock(clock));
    add(&store, "new");
    let runtime = FakeRuntime::with(&["other"]);
    let survey = Survey::new(&store).witness(&runtime).policy(Policy::default().runtimes(Runtimes::All));
    // The file's own time is now, all along.
    for (seconds, want) in [(0, State::Young), (600, State::Young), (602, State::Leaked)] {
        since_boot.store(1000 + seconds, Ordering::Relaxed);
        let report = survey.plan().unwrap();
        assert_eq!(report.verdicts[0].state, want, "after {seconds} s: {}", report.to_text());
        assert_eq!(report.verdicts[0].record.boot, Boot::This);
    }
}
