//! host-local's directory: a store that stays open, one that is opened for each call, and what the file system itself
//! takes for the same file.

use std::{
    fs,
    io::Write as _,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::Duration,
};

use k8sboot_benches::{Cases, Failure, Scratch, Timing};
use k8sboot_core::{
    ipam::{Allocation, IpamError, Owner, Ranges, Repeat, Request},
    store::{DirectoryOptions, DirectoryStore, Store, StoreError},
};

use crate::pool::container;

/// What a call may cost in a store that stays open.
const ADD: Duration = Duration::from_micros(15);
const DEL: Duration = Duration::from_micros(10);
/// What a refusal may cost.
const REFUSAL: Duration = Duration::from_micros(1);
/// How many records there are before.
const FILLS: [u32; 4] = [0, 250, 10_000, 60_000];
const SUBNET: &str = "10.244.0.0/16";
/// The first address that is given of it.
const FIRST: u32 = 0x0af4_0002;

/// Every case of the directory store.
pub(crate) fn cases(b: &mut Cases) -> Result<(), Failure> {
    let memory = Scratch::in_memory()?;
    let disk = Scratch::below(std::env::temp_dir())?;
    let (memory_name, disk_name) = (file_system(memory.path())?, file_system(disk.path())?);
    on(b, &memory, &memory_name)?;
    if disk_name == memory_name {
        b.skip("directory/disk", "the directory for temporary files is in memory");
        return Ok(());
    }
    on(b, &disk, &disk_name)
}

fn on(b: &mut Cases, scratch: &Scratch, name: &str) -> Result<(), Failure> {
    let fills: &[u32] = if b.measures() { &FILLS } else { &[0, 100] };
    for fill in fills {
        let data = scratch.path().join(fill.to_string());
        fill_directory(&data, *fill)?;
        for (kind, keeps) in [("one-shot", false), ("resident", true)] {
            let options = || DirectoryOptions::new().resident(keeps);
            let store = open(&data, options())?;
            // Makes the index and reads it.
            add_and_del(&store, 0)?;
            let run = |deletes: bool| {
                let (store, data) = (&store, &data);
                let mut number = 0;
                move || {
                    number += 1;
                    let id = container(number);
                    let (owner, mut out, mut freed) =
                        (Owner::new(&id, "eth0")?, Allocation::new(), Vec::new());
                    let request = Request::new(owner).repeat(Repeat::Refuse);
                    let mut add = || {
                        if keeps {
                            return Ok(store.allocate(&request, &mut out)?);
                        }
                        Ok(open(data, options())?.allocate(&request, &mut out)?)
                    };
                    let mut del = || {
                        if keeps {
                            return Ok(store.release(owner, &mut freed)?);
                        }
                        Ok(open(data, options())?.release(owner, &mut freed)?)
                    };
                    let timings = (Timing::of(&mut add)?, Timing::of(&mut del)?);
                    Ok(if deletes { timings.1 } else { timings.0 })
                }
            };
            for (verb, target) in [("add", ADD), ("del", DEL)] {
                let case = b.case(format!("directory/{name}/{kind}-{verb}/{fill}"));
                let case = if keeps { case.at_most(target) } else { case };
                let series = format!("directory on {name}, {kind} {verb}");
                case.point(series, f64::from(*fill)).run_timed(run(verb == "del"));
            }
        }
        raw(b, &data, name, *fill);
        fs::remove_dir_all(&data)?;
    }
    refusal(b, scratch, name)
}

/// What the file system takes to make one file with a record, and to remove it.
fn raw(b: &mut Cases, data: &Path, name: &str, fill: u32) {
    let path = data.join("bench/10.245.0.1");
    let record = format!("{}\r\neth0", container(7));
    let make = || -> Result<(), Failure> {
        let mut file = fs::File::create_new(&path)?;
        Ok(file.write_all(record.as_bytes())?)
    };
    b.case(format!("directory/{name}/raw-create/{fill}")).run_timed(|| {
        let timing = Timing::of(make)?;
        fs::remove_file(&path)?;
        Ok(timing)
    });
    b.case(format!("directory/{name}/raw-remove/{fill}")).run_timed(|| {
        make()?;
        Timing::of(|| Ok(fs::remove_file(&path)?))
    });
}

fn refusal(b: &mut Cases, scratch: &Scratch, name: &str) -> Result<(), Failure> {
    let data = scratch.path().join("full");
    let (subnet, size) = if b.measures() { (SUBNET, 65_533) } else { ("10.244.0.0/24", 253) };
    fill_directory(&data, size)?;
    for (kind, keeps) in [("one-shot", false), ("resident", true)] {
        let open = || -> Result<DirectoryStore, Failure> {
            let ranges = Ranges::of_subnets(&[subnet.parse()?])?;
            Ok(DirectoryStore::open(&data, "bench", ranges, DirectoryOptions::new().resident(keeps))?)
        };
        let store = open()?;
        let (id, mut out) = (container(u32::MAX), Allocation::new());
        let request = Request::new(Owner::new(&id, "eth0")?);
        let mut refuse = |store: &DirectoryStore| match store.allocate(&request, &mut out) {
            Err(StoreError::Ipam(IpamError::Exhausted { .. })) => Ok(()),
            other => Err(format!("expected a full range set, found {other:?}").into()),
        };
        refuse(&store)?;
        let case = b.case(format!("directory/{name}/{kind}-refusal/full-16"));
        if keeps {
            case.at_most(REFUSAL).run(|| refuse(&store));
        } else {
            case.run(|| refuse(&open()?));
        }
    }
    Ok(fs::remove_dir_all(&data)?)
}

fn open(data: &Path, options: DirectoryOptions) -> Result<DirectoryStore, Failure> {
    Ok(DirectoryStore::open(data, "bench", Ranges::of_subnets(&[SUBNET.parse()?])?, options)?)
}

fn add_and_del(store: &DirectoryStore, number: u32) -> Result<(), Failure> {
    let id = container(number.wrapping_sub(1));
    let owner = Owner::new(&id, "eth0")?;
    store.allocate(&Request::new(owner), &mut Allocation::new())?;
    Ok(store.release(owner, &mut Vec::new())?)
}

/// A network with so many records, as host-local would have written them.
fn fill_directory(data: &Path, records: u32) -> Result<(), Failure> {
    let network: PathBuf = data.join("bench");
    fs::create_dir_all(&network)?;
    for number in 0..records {
        let address = Ipv4Addr::from(FIRST + number).to_string();
        fs::write(network.join(address), format!("{}\r\neth0", container(1_000_000 + number)))?;
    }
    if records > 0 {
        fs::write(network.join("last_reserved_ip.0"), Ipv4Addr::from(FIRST + records - 1).to_string())?;
    }
    Ok(())
}

/// The name of the file system at a path, as the mount table gives it.
fn file_system(path: &Path) -> Result<String, Failure> {
    let path = path.canonicalize()?;
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let at = |line: &str| {
        let mut words = line.split(' ').skip(1).map(str::to_owned);
        Some((PathBuf::from(words.next()?), words.next()?))
    };
    let longest = mounts
        .lines()
        .filter_map(at)
        .filter(|(place, _)| path.starts_with(place))
        .max_by_key(|(place, _)| place.as_os_str().len());
    Ok(longest.map_or_else(|| "unknown".to_owned(), |(_, kind)| kind))
}
