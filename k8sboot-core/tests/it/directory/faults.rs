//! Each operation of a call fails once, in turn: nothing is lost or doubled, no file is empty, the next call heals.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use k8sboot_core::store::{DirectoryOptions, DirectoryStore, Store, StoreError, StoreHook, StoreOp};

use super::scratch::{Data, add, del, ranges};

const SUBNETS: [&str; 2] = ["10.1.2.0/24", "2001:db8:1::/64"];

/// Lets the operation with a certain number fail.
#[derive(Default)]
struct At {
    number: usize,
    seen: AtomicUsize,
    hit: Mutex<Option<(StoreOp, String)>>,
}

impl StoreHook for At {
    fn before(&self, op: StoreOp, path: &str) -> io::Result<()> {
        if self.seen.fetch_add(1, Ordering::Relaxed) != self.number {
            return Ok(());
        }
        *self.hit.lock().unwrap() = Some((op, path.to_owned()));
        Err(io::Error::from(io::ErrorKind::StorageFull))
    }
}

/// What is done while an operation fails, each with what must be there before.
const CALLS: [(&str, &str); 6] = [
    ("add", ""),
    ("add where there is nothing", "nothing"),
    ("add, the marker gets shorter", "long marker"),
    ("add, somebody changed the directory", "stranger"),
    ("del", "held"),
    ("del of two", "held twice"),
];

fn prepare(data: &Data, how: &str) {
    if how == "nothing" {
        return;
    }
    let store = data.open(&SUBNETS);
    add(&store, "other", &[]).unwrap();
    match how {
        "long marker" => {
            data.put("last_reserved_ip.0", "10.1.2.254");
            data.put("last_reserved_ip.1", "2001:db8:1::ffff");
        }
        "held" => drop(add(&store, "a", &[]).unwrap()),
        "held twice" => {
            add(&store, "a", &[]).unwrap();
            add(&store, "a", &["10.1.2.77", "2001:db8:1::77"]).unwrap();
        }
        "stranger" => data.put("10.1.2.200", "stranger\r\neth0"),
        _ => {}
    }
}

fn run(what: &str, store: &DirectoryStore) -> Result<(), StoreError> {
    if what.starts_with("del") {
        return store.release(super::scratch::owner("a"), &mut Vec::new());
    }
    add(store, "a", &[]).map(drop)
}

fn records_of(data: &Data, container: &str) -> Vec<String> {
    let record = format!("{container}\r\neth0");
    data.state().into_iter().filter(|(_, content)| *content == record).map(|(name, _)| name).collect()
}

/// Whether a store without hooks, with and without an index, sees exactly what is there and can work on.
fn heals(data: &Data, at: &str) {
    for (name, content) in data.state() {
        assert!(name == "lock" || !content.is_empty(), "{at}: {name} is empty");
    }
    for index in [true, false] {
        let options = DirectoryOptions::new().index(index);
        let store = DirectoryStore::open(data.path(), "mynet", ranges(&SUBNETS), options).unwrap();
        let container = format!("next-{index}");
        add(&store, &container, &[]).unwrap();
        assert_eq!(records_of(data, &container).len(), 2, "{at}");
        let held = records_of(data, "a");
        assert_eq!(del(&store, &container).len(), 2, "{at}");
        let mut found = Vec::new();
        store.find(super::scratch::owner("a"), &mut found).unwrap();
        assert_eq!(found.len(), held.len(), "{at}: {held:?}");
    }
    assert!(!data.network().join(".k8sboot/tmp").exists(), "{at}: a temporary file is left");
}

#[test]
fn each_operation_fails_once() {
    for resident in [false, true] {
        for (what, how) in CALLS {
            for number in 0.. {
                let data = Data::quick();
                prepare(&data, how);
                let hook = Arc::new(At { number, ..At::default() });
                let options =
                    DirectoryOptions::new().resident(resident).hook(Arc::clone(&hook) as Arc<dyn StoreHook>);
                let opened = DirectoryStore::open(data.path(), "mynet", ranges(&SUBNETS), options);
                let done = opened.and_then(|store| run(what, &store).map(|()| store));
                let Some((op, path)) = hook.hit.lock().unwrap().take() else {
                    done.unwrap();
                    assert!(number >= 7, "{what}: only {number} operations");
                    break;
                };
                let at = format!("{what}, resident {resident}: {op:?} of {path} failed (number {number})");
                let held = records_of(&data, "a");
                match (&done, what.starts_with("del")) {
                    (Ok(_), false) => assert_eq!(held.len(), 2, "{at}: acknowledged and not there"),
                    (Err(StoreError::NotUndone { .. }), _) => assert_eq!(op, StoreOp::Unlink, "{at}"),
                    (Err(_), false) => assert_eq!(held.len(), 0, "{at}: refused and there"),
                    (Ok(_), true) => assert_eq!(held.len(), 0, "{at}: freed and there"),
                    (Err(_), true) => assert!(!held.is_empty(), "{at}: not freed and gone"),
                }
                if let Err(error) = &done {
                    let text = k8sboot_core::error::chain(error);
                    assert!(text.contains(data.path().to_str().unwrap()), "{at}: no path in {text}");
                }
                // The same store goes on where there is one.
                if let Ok(store) = done {
                    let container = "again";
                    add(&store, container, &[]).unwrap();
                    assert_eq!(records_of(&data, container).len(), 2, "{at}");
                    assert_eq!(del(&store, container).len(), 2, "{at}");
                }
                heals(&data, &at);
            }
        }
    }
}

#[test]
fn each_operation_fails_once_in_a_store_with_files_made_before() {
    const ASLEEP: usize = 1 << 40;
    for number in 0.. {
        let data = Data::quick();
        let hook = Arc::new(At { number, seen: AtomicUsize::new(ASLEEP), ..At::default() });
        let options = DirectoryOptions::new().resident(true).hook(Arc::clone(&hook) as Arc<dyn StoreHook>);
        let store = DirectoryStore::open(data.path(), "mynet", ranges(&SUBNETS), options).unwrap();
        add(&store, "other", &[]).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        hook.seen.store(0, Ordering::Relaxed);
        let done = run("add", &store);
        hook.seen.store(ASLEEP, Ordering::Relaxed);
        let Some((op, path)) = hook.hit.lock().unwrap().take() else {
            done.unwrap();
            assert!(number >= 7, "only {number} operations");
            break;
        };
        let at = format!("{op:?} of {path} failed (number {number})");
        assert_eq!(records_of(&data, "a").len(), if done.is_ok() { 2 } else { 0 }, "{at}");
        add(&store, "again", &[]).unwrap();
        assert_eq!(records_of(&data, "again").len(), 2, "{at}");
        assert_eq!(del(&store, "again").len(), 2, "{at}");
        heals(&data, &at);
    }
}
