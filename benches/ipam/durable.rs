//! The durable mode of the directory store, beside what the disk itself takes to flush one new file and its directory.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Barrier,
    thread,
    time::Duration,
};

use k8sboot_benches::{Bound, Cases, Failure, Scratch, Target, Timing, Unit};
use k8sboot_core::{
    ipam::{Allocation, Owner, Ranges, Request},
    store::{DirectoryOptions, DirectoryStore, Durability, JournalOptions, Store},
};

use crate::{directory::file_system, pool::container};

/// What a record may cost when 64 callers wait on a quiet disk.
const RECORD: Duration = Duration::from_micros(20);
/// What a single operation may cost, in percent of a flush of one file and its directory.
const SINGLE: f64 = 150.0;
/// How many calls each of many callers makes.
const CALLS: u32 = 40;
/// How many operations are compared with flushes, one of each in turn.
const PAIRS: usize = 400;

/// Every case of the durable mode.
pub(crate) fn cases(b: &mut Cases) -> Result<(), Failure> {
    let disk = Scratch::below(std::env::temp_dir())?;
    let name = file_system(disk.path())?;
    if name == "tmpfs" {
        b.skip("durable", "the directory for temporary files is in memory");
        return Ok(());
    }
    single(b, &disk, &name)?;
    many(b, &disk, &name)?;
    recovery(b, &disk, &name)
}

fn single(b: &mut Cases, disk: &Scratch, name: &str) -> Result<(), Failure> {
    let data = disk.path().join("single");
    let store = open(&data, "one", 1)?;
    let mut raw = Raw::new(disk.path().join("raw"))?;
    let mut number = 0;
    let mut operation = |deletes: bool| {
        number += 1;
        let id = container(number);
        let owner = Owner::new(&id, "eth0")?;
        let add = Timing::of(|| Ok(store.allocate(&Request::new(owner), &mut Allocation::new())?))?;
        let del = Timing::of(|| Ok(store.release(owner, &mut Vec::new())?))?;
        Ok(if deletes { del } else { add })
    };
    b.case(format!("durable/{name}/file-and-directory-sync")).run_timed(|| Timing::of(|| raw.sync()));
    b.case(format!("durable/{name}/add/1-caller")).run_timed(|| operation(false));
    b.case(format!("durable/{name}/del/1-caller")).run_timed(|| operation(true));
    let pairs = if b.measures() { PAIRS } else { 3 };
    for (verb, deletes) in [("add", false), ("del", true)] {
        let target = Target { bound: Bound::AtMost, value: SINGLE, unit: Unit::Count };
        let case = b.case(format!("durable/{name}/{verb}/percent-of-sync")).target(target);
        case.figure(Unit::Count, || {
            let (mut flushes, mut operations) = (Vec::new(), Vec::new());
            for _ in 0..pairs {
                flushes.push(Timing::of(|| raw.sync())?.time);
                operations.push(operation(deletes)?.time);
            }
            let (flush, operation) = (median(&mut flushes), median(&mut operations));
            let percent = operation.as_nanos() * 100 / flush.as_nanos().max(1);
            Ok(u64::try_from(percent)?)
        });
    }
    Ok(())
}

fn many(b: &mut Cases, disk: &Scratch, name: &str) -> Result<(), Failure> {
    for callers in [32_u32, 64] {
        let store = open(&disk.path().join(callers.to_string()), "one", 1)?;
        let calls = if b.measures() { CALLS } else { 1 };
        let case = b.case(format!("durable/{name}/record/{callers}-callers"));
        let case = if callers == 64 { case.at_most(RECORD) } else { case };
        case.run_timed(|| {
            let timing = callers_at_once(&store, callers, calls)?;
            let records = callers * calls * 2;
            Ok(Timing { time: timing.time / records, cpu: timing.cpu / records })
        });
    }
    Ok(())
}

/// So many threads that add and delete, each an owner of its own, all beginning at once.
fn callers_at_once(store: &DirectoryStore, callers: u32, calls: u32) -> Result<Timing, Failure> {
    let start = Barrier::new(usize::try_from(callers)? + 1);
    Timing::of(|| {
        thread::scope(|scope| {
            let work = |number: u32| {
                let start = &start;
                scope.spawn(move || -> Result<(), String> {
                    let id = container(number);
                    let owner = Owner::new(&id, "eth0").map_err(|error| error.to_string())?;
                    let (mut out, mut freed) = (Allocation::new(), Vec::new());
                    start.wait();
                    for _ in 0..calls {
                        store.allocate(&Request::new(owner), &mut out).map_err(|error| error.to_string())?;
                        store.release(owner, &mut freed).map_err(|error| error.to_string())?;
                    }
                    Ok(())
                })
            };
            let threads: Vec<_> = (0..callers).map(work).collect();
            start.wait();
            for thread in threads {
                thread.join().map_err(|_| "a caller panicked")??;
            }
            Ok(())
        })
    })
}

/// What the first opening after a power loss takes: nothing was lost, and every file was.
fn recovery(b: &mut Cases, disk: &Scratch, name: &str) -> Result<(), Failure> {
    let entries: u32 = if b.measures() { 60_000 } else { 100 };
    let data = disk.path().join("recovery");
    let store = open(&data, "one", 16)?;
    let threads = 50;
    thread::scope(|scope| {
        for thread in 0..threads {
            let store = &store;
            scope.spawn(move || {
                let mut out = Allocation::new();
                for number in (0..entries).filter(|number| number % threads == thread) {
                    let id = container(number);
                    let given = Owner::new(&id, "eth0")
                        .map(|owner| store.allocate(&Request::new(owner), &mut out).is_ok());
                    if !given.unwrap_or(false) {
                        return;
                    }
                }
            });
        }
    });
    drop(store);
    let network = data.join("bench");
    let held = |network: &Path| -> Result<Vec<PathBuf>, Failure> {
        let files =
            fs::read_dir(network)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, Failure>>()?;
        Ok(files.into_iter().filter(|path| path.to_string_lossy().contains("/10.")).collect())
    };
    let count = held(&network)?.len();
    if count != usize::try_from(entries)? {
        return Err(format!("expected {entries} records, found {count}").into());
    }
    let journal = fs::read(network.join(".k8sboot/journal"))?;
    let mut boot = 1;
    for (what, lost) in [("nothing-lost", false), ("all-files-lost", true)] {
        b.case(format!("durable/{name}/recovery/{what}/{entries}")).run_timed(|| {
            boot += 1;
            fs::write(network.join(".k8sboot/journal"), &journal)?;
            if lost {
                held(&network)?.into_iter().try_for_each(fs::remove_file)?;
            }
            let timing = Timing::of(|| open(&data, &format!("boot {boot}"), 16))?;
            let found = held(&network)?.len();
            (found == count).then_some(timing).ok_or_else(|| format!("{found} of {count} records").into())
        });
    }
    Ok(())
}

/// One new file and its directory, flushed.
struct Raw {
    directory: PathBuf,
    handle: fs::File,
    number: u32,
}

impl Raw {
    fn new(directory: PathBuf) -> Result<Self, Failure> {
        fs::create_dir_all(&directory)?;
        let handle = fs::File::open(&directory)?;
        Ok(Self { directory, handle, number: 0 })
    }

    fn sync(&mut self) -> Result<(), Failure> {
        self.number += 1;
        let mut file = fs::File::create_new(self.directory.join(self.number.to_string()))?;
        file.write_all(format!("{}\r\neth0", container(self.number)).as_bytes())?;
        file.sync_all()?;
        Ok(self.handle.sync_all()?)
    }
}

fn open(data: &Path, boot: &str, mebibytes: u32) -> Result<DirectoryStore, Failure> {
    let journal = JournalOptions::default().segment(mebibytes * 1024 * 1024);
    let options =
        DirectoryOptions::new().resident(true).boot_id(boot).durability(Durability::Durable(journal));
    Ok(DirectoryStore::open(data, "bench", Ranges::of_subnets(&["10.244.0.0/16".parse()?])?, options)?)
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
