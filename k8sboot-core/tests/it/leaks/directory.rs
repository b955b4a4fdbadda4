//! Collection from host-local's directory.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use k8sboot_core::{
    ipam::{
        Pool, PoolOptions, Ranges,
        leak::{Policy, Runtimes, State},
    },
    store::{DirectoryOptions, DirectoryStore, Store, Survey},
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
    let open = |name: &str| {
        let path = std::env::temp_dir().join(format!("k8sboot-leaks-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        let store = DirectoryStore::open(&path, "cbr0", threads::ranges(), DirectoryOptions::new()).unwrap();
        (Copied(path), store)
    };
    let (_data, store) = open("threads-known");
    threads::run(&store, None, 40);
    let (_data, store) = open("threads-grace");
    threads::run(&store, Some(Duration::from_millis(500)), 25);
    // The same in memory, so that a difference is the directory's.
    let memory = k8sboot_core::store::MemoryStore::new(Pool::new(threads::ranges(), PoolOptions::default()));
    threads::run(&memory, None, 40);
}
