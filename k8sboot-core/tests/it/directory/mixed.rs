//! The real host-local, stores opened for one call and stores that stay open work one directory, 16 processes at a time.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use k8sboot_core::{
    ipam::IpamError,
    store::{DirectoryOptions, DirectoryStore, Store, StoreError},
};

use super::{
    model::Random,
    scratch::{Data, add, del, ranges},
};

/// Debian's package containernetworking-plugins.
const HOST_LOCAL: &str = "/usr/lib/cni/host-local";
/// Few enough addresses that they run out all the time.
const SUBNET: &str = "10.1.2.0/26";
const WORKERS: usize = 16;
/// How many addresses one process holds at most: more than its share.
const MOST: usize = 6;
/// Tells a process of this test that it is a worker: its number, the data directory and the seconds.
const WORKER: &str = "K8SBOOT_MIXED_WORKER";
/// How long it goes on, in seconds; 10 by default.
const SECONDS: &str = "K8SBOOT_MIXED_SECONDS";

/// Kills the workers that still run.
struct Workers(Vec<Child>);

impl Drop for Workers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn host_local_and_both_kinds_of_stores_share_a_directory() {
    if let Ok(worker) = std::env::var(WORKER) {
        return work(&worker);
    }
    if !Path::new(HOST_LOCAL).is_file() {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{HOST_LOCAL} is missing");
        eprintln!("skipped: {HOST_LOCAL} is missing");
        return;
    }
    let data = Data::quick();
    let seconds = std::env::var(SECONDS).ok().and_then(|s| s.parse().ok()).unwrap_or(10_u64);
    fs::create_dir(data.path().join("claims")).unwrap();
    let start = |number: usize| {
        Command::new(std::env::current_exe().unwrap())
            .args([
                "directory::mixed::host_local_and_both_kinds_of_stores_share_a_directory",
                "--exact",
                "--nocapture",
            ])
            .env(WORKER, format!("{number} {seconds} {}", data.path().display()))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let mut workers = Workers((0..WORKERS).map(start).collect());
    let mut told = String::new();
    for child in workers.0.drain(..) {
        let out = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success(), "{text}");
        told.push_str(text.lines().find(|line| line.starts_with("worker ")).unwrap());
        told.push('\n');
    }
    eprint!("{told}");
    // What the workers still claim is exactly what is there.
    let claims = fs::read_dir(data.path().join("claims")).unwrap().map(|entry| entry.unwrap().path());
    let mut claimed: Vec<(String, String)> = claims
        .map(|path| {
            let owner = fs::read_to_string(&path).unwrap();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), format!("{owner}\r\neth0"))
        })
        .collect();
    claimed.sort();
    let is_address = |name: &str| name.parse::<std::net::IpAddr>().is_ok();
    let held: Vec<_> = data.state().into_iter().filter(|(name, _)| is_address(name)).collect();
    assert_eq!(held, claimed);
    assert!(!held.is_empty());
}

/// Adds and deletes until the time is up. What it holds it claims in a directory of its own, so that an address held
/// twice is seen at once.
fn work(told: &str) {
    let mut words = told.splitn(3, ' ');
    let number: usize = words.next().unwrap().parse().unwrap();
    let seconds = words.next().unwrap().parse().unwrap();
    let data = PathBuf::from(words.next().unwrap());
    let kind = ["host-local", "one-shot", "resident", "one-shot"][number % 4];
    let open = || {
        let options = DirectoryOptions::new().resident(kind == "resident");
        DirectoryStore::open(&data, "mynet", ranges(&[SUBNET]), options).unwrap()
    };
    let resident = open();
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut random = Random(number as u64 + 1);
    let (mut held, mut adds, mut refused) = (Vec::<(String, String)>::new(), 0, 0);
    for call in 0.. {
        if Instant::now() > end {
            break;
        }
        if held.is_empty() || held.len() < MOST && random.below(2) == 0 {
            let container = format!("w{number}-{call}");
            let given = match kind {
                "host-local" => host_local(&data, "ADD", &container),
                "resident" => with_store(&resident, &container),
                _ => with_store(&open(), &container),
            };
            let Some(address) = given else {
                refused += 1;
                continue;
            };
            let claim = fs::File::create_new(data.join("claims").join(&address));
            let mut claim =
                claim.unwrap_or_else(|_| panic!("worker {number}, {kind}: {address} is held twice"));
            claim.write_all(container.as_bytes()).unwrap();
            held.push((container, address));
            adds += 1;
        } else {
            let (container, address) = held.swap_remove(random.below(held.len()));
            let record = fs::read_to_string(data.join("mynet").join(&address)).unwrap_or_default();
            assert_eq!(record, format!("{container}\r\neth0"), "worker {number}, {kind}: {address} is lost");
            fs::remove_file(data.join("claims").join(&address)).unwrap();
            let freed = match kind {
                "host-local" => {
                    host_local(&data, "DEL", &container).map_or_else(|| vec![address.clone()], |o| vec![o])
                }
                "resident" => del(&resident, &container),
                _ => del(&open(), &container),
            };
            assert_eq!(freed, [address], "worker {number}, {kind}: of {container}");
        }
    }
    eprintln!("worker {number}, {kind}: {adds} given, {refused} refused");
}

fn with_store(store: &dyn Store, container: &str) -> Option<String> {
    match add(store, container, &[]) {
        Ok(given) => Some(given.into_iter().next().unwrap()),
        Err(StoreError::Ipam(IpamError::Exhausted { .. })) => None,
        Err(other) => panic!("{other}"),
    }
}

/// Runs the real plugin; the address of an ADD, nothing for a refusal and for a DEL that succeeds.
fn host_local(data: &Path, command: &str, container: &str) -> Option<String> {
    let config = serde_json::json!({
        "cniVersion": "0.4.0", "name": "mynet", "type": "bridge",
        "ipam": { "type": "host-local", "dataDir": data, "ranges": [[{ "subnet": SUBNET }]] },
    });
    let mut child = Command::new(HOST_LOCAL)
        .env_clear()
        .envs([("CNI_COMMAND", command), ("CNI_CONTAINERID", container), ("CNI_IFNAME", "eth0")])
        .envs([("CNI_NETNS", "/none"), ("CNI_PATH", "/usr/lib/cni")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(config.to_string().as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    if out.status.success() {
        let result: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let address = result["ips"][0]["address"].as_str()?;
        return Some(address.split('/').next().unwrap().to_owned());
    }
    assert!(text.contains("no IP addresses available"), "{command}: {text}");
    None
}
