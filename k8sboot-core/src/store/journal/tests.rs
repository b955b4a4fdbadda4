//! The journal on real files: group commit, generations, damage, failures.

use std::{
    io,
    net::IpAddr,
    path::PathBuf,
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use super::*;
use crate::store::{StoreHook, StoreOp};

const SEGMENT: usize = 64 * 1024;

struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("k8sboot-journal-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Counts operations, slows flushes down, and fails one operation.
#[derive(Default)]
struct Spy {
    syncs: AtomicUsize,
    sync_alls: AtomicUsize,
    slow: bool,
    fail: Mutex<Option<StoreOp>>,
}

impl StoreHook for Spy {
    fn before(&self, op: StoreOp, _: &str) -> io::Result<()> {
        match op {
            StoreOp::SyncFile => {
                if self.slow {
                    thread::sleep(Duration::from_millis(2));
                }
                self.syncs.fetch_add(1, Ordering::Relaxed)
            }
            StoreOp::SyncAll => self.sync_alls.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
        let mut fail = self.fail.lock().unwrap();
        if *fail == Some(op) {
            *fail = None;
            return Err(io::Error::from_raw_os_error(5));
        }
        Ok(())
    }
}

fn options() -> JournalOptions {
    JournalOptions::default().segment(u32::try_from(SEGMENT).unwrap())
}

fn home(dir: &Dir, spy: Option<&Arc<Spy>>) -> Home {
    let hook = spy.map(|spy| Arc::clone(spy) as Arc<dyn StoreHook>);
    let directory = std::fs::File::open(&dir.0).unwrap().into();
    Home { directory, path: dir.0.clone(), name: "own", hook }
}

fn open(dir: &Dir, boot: &str, spy: &Arc<Spy>) -> (Journal, Vec<(IpAddr, bool)>) {
    let mut replayed = Vec::new();
    let journal = Journal::open(home(dir, Some(spy)), boot, options(), |entries| {
        replayed = entries.iter().map(seen).collect();
        Ok(())
    });
    (journal.unwrap(), replayed)
}

fn seen(entry: &Entry<'_>) -> (IpAddr, bool) {
    match entry {
        Entry::Held { name, .. } => (name.parse().unwrap(), true),
        Entry::Freed { name, .. } => (name.parse().unwrap(), false),
        Entry::Marker { .. } | Entry::Released { .. } | Entry::Checkpoint { .. } => {
            panic!("{entry:?} is no lease")
        }
    }
}

fn address(number: usize) -> IpAddr {
    let [.., a, b, c] = u32::try_from(number).unwrap().to_be_bytes();
    IpAddr::from([10, a, b, c])
}

fn hold(journal: &Journal, number: usize) -> Ticket {
    journal.append(&Entry::Held { name: &address(number).to_string(), record: &[b'a'; 70] })
}

#[test]
fn what_was_waited_for_is_replayed_in_another_boot_only() {
    let (dir, spy) = (Dir::new("replay"), Arc::new(Spy::default()));
    let (journal, replayed) = open(&dir, "boot 1", &spy);
    assert!(replayed.is_empty());
    journal.wait(hold(&journal, 1)).unwrap();
    let freed = journal.append(&Entry::Freed { name: &address(1).to_string(), record: b"a" });
    journal.wait(freed).unwrap();
    assert!(!Journal::waits_for_replay(&home(&dir, None), "boot 1").unwrap());
    assert!(Journal::waits_for_replay(&home(&dir, None), "boot 2").unwrap());
    assert!(Journal::waits_for_replay(&home(&dir, None), "").unwrap(), "an unknown boot is another one");
    drop(journal);
    let (journal, replayed) = open(&dir, "boot 1", &spy);
    assert!(replayed.is_empty(), "the same boot: the directory is the truth");
    journal.wait(hold(&journal, 2)).unwrap();
    drop(journal);
    let (_journal, replayed) = open(&dir, "boot 2", &spy);
    assert_eq!(replayed, [(address(1), true), (address(1), false), (address(2), true)]);
    drop(_journal);
    let (_journal, replayed) = open(&dir, "boot 3", &spy);
    assert!(replayed.is_empty(), "the replay was a checkpoint");
}

#[test]
fn a_second_process_is_told_that_it_is_busy() {
    let (dir, spy) = (Dir::new("busy"), Arc::new(Spy::default()));
    let (_journal, _) = open(&dir, "boot", &spy);
    let second = Journal::open(home(&dir, None), "boot", options(), |_| Ok(()));
    assert!(matches!(second, Err(StoreError::JournalBusy { .. })));
}

#[test]
fn many_callers_share_a_flush() {
    let (dir, spy) = (Dir::new("group"), Arc::new(Spy { slow: true, ..Spy::default() }));
    let (journal, _) = open(&dir, "boot 1", &spy);
    let before = spy.syncs.load(Ordering::Relaxed);
    let (threads, each) = (32, 10);
    let start = Barrier::new(threads);
    thread::scope(|scope| {
        for thread in 0..threads {
            let (journal, start) = (&journal, &start);
            scope.spawn(move || {
                start.wait();
                for call in 0..each {
                    journal.wait(hold(journal, thread * each + call)).unwrap();
                }
            });
        }
    });
    let syncs = spy.syncs.load(Ordering::Relaxed) - before;
    assert!(syncs >= each, "nobody is served before a flush of his own: {syncs}");
    assert!(syncs < threads * each / 2, "{syncs} flushes for {} entries", threads * each);
    drop(journal);
    let (_journal, mut replayed) = open(&dir, "boot 2", &spy);
    replayed.sort();
    let all: Vec<_> = (0..threads * each).map(|number| (address(number), true)).collect();
    assert_eq!(replayed, all);
}

#[test]
fn a_full_segment_is_checkpointed_and_used_again() {
    let (dir, spy) = (Dir::new("turn"), Arc::new(Spy::default()));
    let (journal, _) = open(&dir, "boot 1", &spy);
    let before = spy.sync_alls.load(Ordering::Relaxed);
    // An entry takes 96 bytes: five segments and a bit.
    let count = 5 * SEGMENT / 96 + 50;
    for number in 0..count {
        let ticket = hold(&journal, number);
        if number % 10 == 9 {
            journal.wait(ticket).unwrap();
        }
    }
    journal.wait(journal.queued()).unwrap();
    assert_eq!(spy.sync_alls.load(Ordering::Relaxed) - before, 5, "one checkpoint a segment");
    let size = std::fs::metadata(dir.0.join("journal")).unwrap().len();
    assert_eq!(size, 2 * SEGMENT as u64);
    drop(journal);
    let (_journal, replayed) = open(&dir, "boot 2", &spy);
    assert!(replayed.len() < SEGMENT / 96, "{} entries: only those since the checkpoint", replayed.len());
    assert_eq!(replayed.last(), Some(&(address(count - 1), true)));
}

#[test]
fn more_than_both_segments_hold_goes_in_one_wait() {
    let (dir, spy) = (Dir::new("huge"), Arc::new(Spy::default()));
    let (journal, _) = open(&dir, "boot 1", &spy);
    let count = 4 * SEGMENT / 96;
    for number in 0..count {
        let _ = hold(&journal, number);
    }
    journal.wait(journal.queued()).unwrap();
    drop(journal);
    let (_journal, replayed) = open(&dir, "boot 2", &spy);
    assert_eq!(replayed.last(), Some(&(address(count - 1), true)));
}

#[test]
fn a_generation_that_waits_for_its_checkpoint_is_replayed_too() {
    let (dir, spy) = (Dir::new("waiting"), Arc::new(Spy::default()));
    let (journal, _) = open(&dir, "boot 1", &spy);
    let count = SEGMENT / 96 + 5;
    for number in 0..count - 1 {
        journal.wait(hold(&journal, number)).unwrap();
        // The process ends in the flush of the file system.
        if number == SEGMENT / 96 - 10 {
            *spy.fail.lock().unwrap() = Some(StoreOp::SyncAll);
        }
        if journal.check(0).is_err() {
            drop(journal);
            let (_journal, replayed) = open(&dir, "boot 2", &spy);
            let all: Vec<_> = (0..=number).map(|number| (address(number), true)).collect();
            assert_eq!(replayed, all);
            return;
        }
    }
    panic!("the segment was never full");
}

#[test]
fn a_failed_flush_fails_all_who_wait_and_all_who_come() {
    for op in [StoreOp::Write, StoreOp::SyncFile] {
        let (dir, spy) = (Dir::new("failed"), Arc::new(Spy { slow: true, ..Spy::default() }));
        let (journal, _) = open(&dir, "boot 1", &spy);
        journal.wait(hold(&journal, 0)).unwrap();
        *spy.fail.lock().unwrap() = Some(op);
        let failed = AtomicUsize::new(0);
        thread::scope(|scope| {
            for number in 1..9 {
                let (journal, failed) = (&journal, &failed);
                scope.spawn(move || {
                    if journal.wait(hold(journal, number)).is_err() {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(failed.load(Ordering::Relaxed), 8, "{op:?}");
        let later = journal.check(0);
        assert!(
            matches!(&later, Err(StoreError::JournalFailed { why, .. }) if why.contains("os error 5")),
            "{later:?}"
        );
        drop(journal);
        let (journal, _) = open(&dir, "boot 1", &spy);
        journal.wait(hold(&journal, 20)).unwrap();
        drop(journal);
        let (_journal, replayed) = open(&dir, "boot 2", &spy);
        assert_eq!(replayed.first(), Some(&(address(0), true)));
        assert_eq!(replayed.last(), Some(&(address(20), true)));
    }
}

#[test]
fn damage_is_an_error_and_salvage_keeps_what_can_be_read() {
    let (dir, spy) = (Dir::new("damage"), Arc::new(Spy::default()));
    let (journal, _) = open(&dir, "boot 1", &spy);
    for number in 0..5 {
        journal.wait(hold(&journal, number)).unwrap();
    }
    drop(journal);
    let path = dir.0.join("journal");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[HEADER + 96 + 20] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let refused = Journal::open(home(&dir, None), "boot 2", options(), |_| panic!("nothing is changed"));
    let Err(StoreError::JournalDamaged { offset, length, readable, .. }) = refused else {
        panic!("expected damage");
    };
    assert_eq!((offset, length, readable), (HEADER as u64 + 96, 96, 4));
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    let mut replayed = Vec::new();
    let journal = Journal::open(home(&dir, None), "boot 2", options().salvage(true), |entries| {
        replayed = entries.iter().map(seen).collect();
        Ok(())
    })
    .unwrap();
    assert_eq!(replayed, [0, 2, 3, 4].map(|number| (address(number), true)));
    assert_eq!(std::fs::read(dir.0.join("journal.damaged.1")).unwrap(), bytes);
    journal.wait(hold(&journal, 9)).unwrap();
    drop(journal);
    let (_journal, replayed) = open(&dir, "boot 3", &spy);
    assert_eq!(replayed, [(address(9), true)]);
}

#[test]
fn something_else_in_the_journals_place_is_damage() {
    let (dir, spy) = (Dir::new("else"), Arc::new(Spy::default()));
    std::fs::write(dir.0.join("journal"), "hello").unwrap();
    let refused = Journal::open(home(&dir, None), "boot", options(), |_| Ok(()));
    assert!(matches!(refused, Err(StoreError::JournalDamaged { readable: 0, .. })));
    drop(Journal::open(home(&dir, None), "boot", options().salvage(true), |_| Ok(())).unwrap());
    let (_journal, replayed) = open(&dir, "boot", &spy);
    assert!(replayed.is_empty());
}

#[test]
fn owners_that_fit_no_record_are_refused_before_anything_happens() {
    let (dir, spy) = (Dir::new("long"), Arc::new(Spy::default()));
    let (journal, _) = open(&dir, "boot", &spy);
    assert!(journal.check(300).is_ok());
    assert!(matches!(journal.check(20_000), Err(StoreError::TooLong { found: 20_000, .. })));
}
