//! The store in etcd: a real one on the loopback address, its files in memory.

use std::{
    fs::File,
    net::TcpListener,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use k8sboot_benches::{Cases, Failure, Scratch};
use k8sboot_core::{
    ipam::{Allocation, Owner, Ranges, Repeat, Request},
    store::{
        Store,
        etcd::{EtcdClient, EtcdOptions, EtcdStore, EtcdStoreOptions},
    },
};

/// Every case of the store in etcd.
pub(crate) fn cases(b: &mut Cases) -> Result<(), Failure> {
    if Command::new("etcd").arg("--version").stdout(Stdio::null()).status().is_err() {
        b.skip("etcd", "etcd is not on PATH");
        return Ok(());
    }
    let etcd = Etcd::start()?;
    let client = EtcdClient::connect(&EtcdOptions::new([etcd.url.clone()]))?;
    for held in if b.measures() { [0, 250, 4000] } else { [0, 1, 2] } {
        let ranges = Ranges::of_subnets(&["10.244.0.0/16".parse()?])?;
        let store = EtcdStore::open(&client, &format!("held-{held}"), ranges, &EtcdStoreOptions::default())?;
        fill(&store, held)?;
        give_and_release(b, &store, held)?;
    }
    Ok(())
}

fn give_and_release(b: &mut Cases, store: &EtcdStore, held: u32) -> Result<(), Failure> {
    let (mut out, mut freed) = (Allocation::new(), Vec::new());
    let owner = Owner::new("c", "eth0")?;
    b.case(format!("etcd/16/{held}-held")).point("etcd / 16", f64::from(held)).run(|| {
        store.allocate(&Request::new(owner).repeat(Repeat::Refuse), &mut out)?;
        freed.clear();
        Ok(store.release(owner, &mut freed)?)
    });
    Ok(())
}

/// By several threads, so that etcd writes many at once.
fn fill(store: &EtcdStore, held: u32) -> Result<(), Failure> {
    let one = |n: u32| -> Result<(), String> {
        let id = format!("held{n}");
        let owner = Owner::new(&id, "eth0").map_err(|error| error.to_string())?;
        store.allocate(&Request::new(owner), &mut Allocation::new()).map_err(|error| error.to_string())
    };
    let failed = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..16).map(|at| scope.spawn(move || (at..held).step_by(16).try_for_each(one))).collect();
        threads.into_iter().find_map(|thread| match thread.join() {
            Ok(result) => result.err(),
            Err(_) => Some("a thread panicked".to_owned()),
        })
    });
    failed.map_or(Ok(()), |why| Err(why.into()))
}

/// A member of its own; it ends with this value.
struct Etcd {
    child: Child,
    url: String,
    _files: Scratch,
}

impl Etcd {
    fn start() -> Result<Self, Failure> {
        let files = Scratch::in_memory()?;
        let (client, peer) = (free_port()?, free_port()?);
        let (url, peer) = (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
        let log = File::create(files.path().join("log"))?;
        let child = Command::new("etcd")
            .args(["--name", "bench", "--data-dir"])
            .arg(files.path().join("data"))
            .args(["--listen-client-urls", &url, "--advertise-client-urls", &url])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("bench={peer}")])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let etcd = Self { child, url, _files: files };
        let deadline = Instant::now() + Duration::from_secs(30);
        while let Err(error) = EtcdClient::connect(&EtcdOptions::new([etcd.url.clone()])) {
            if Instant::now() > deadline {
                return Err(error.into());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(etcd)
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
