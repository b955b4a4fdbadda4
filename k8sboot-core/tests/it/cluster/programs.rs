//! Where Kubernetes' programs are, and processes that end with this one.

use std::{
    env,
    ffi::OsString,
    io,
    path::PathBuf,
    process::{Child, Command},
    sync::{
        LazyLock, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use crate::support::{privileged, tools};

/// Directories with programs: that of Kubernetes' envtest before those of `PATH`.
pub(crate) fn search_path() -> OsString {
    let assets = env::var_os("KUBEBUILDER_ASSETS").filter(|path| !path.is_empty()).map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    env::join_paths(assets.into_iter().chain(env::split_paths(&path))).unwrap()
}

pub(crate) fn found(program: &str) -> bool {
    env::split_paths(&search_path()).any(|directory| directory.join(program).is_file())
}

/// Whether a test with these of Kubernetes' programs can run here. If not, says so with the test's name, and how many have
/// said so. No package brings kube-apiserver, so that its absence is no failure anywhere.
pub(crate) fn programs(names: &[&str]) -> bool {
    static SKIPPED: AtomicUsize = AtomicUsize::new(0);
    let missing = names.iter().find(|name| **name != "etcd" && !found(name));
    let why = match missing {
        Some(name) => format!("{name} is not on PATH"),
        None if names.contains(&"etcd") && !found("etcd") && !tools(&["etcd"]) => return false,
        None if !tools(&["ip", "kubectl", "mountpoint", "nsenter", "setpriv", "unshare"]) => return false,
        None if !privileged("a control plane") => "needs root and namespaces".to_owned(),
        None => return true,
    };
    let count = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
    eprintln!("skipped: {}: {why} ({count} skipped so far)", thread::current().name().unwrap_or("test"));
    false
}

/// The version of etcd as major and minor.
pub(crate) fn etcd_version() -> (u32, u32) {
    static VERSION: LazyLock<(u32, u32)> = LazyLock::new(|| {
        let out = Command::new("etcd").arg("--version").env("PATH", search_path()).output().unwrap();
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let version = text.split_whitespace().nth(2).unwrap_or_else(|| panic!("etcd --version: {text}"));
        let mut numbers = version.split('.').map(|number| number.parse().unwrap());
        (numbers.next().unwrap(), numbers.next().unwrap())
    });
    *VERSION
}

/// Starts a program that ends with this process, however this process ends.
///
/// The kernel ends it with the thread that started it, so that a thread does so which never ends.
pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    type Order = (Command, mpsc::Sender<io::Result<Child>>);
    static STARTER: LazyLock<Mutex<mpsc::Sender<Order>>> = LazyLock::new(|| {
        let (orders, waiting) = mpsc::channel::<Order>();
        let work = move || {
            for (mut command, answer) in waiting {
                let _ = answer.send(command.spawn());
            }
        };
        thread::Builder::new().name("starter".to_owned()).spawn(work).unwrap();
        Mutex::new(orders)
    });
    let (answer, wait) = mpsc::channel();
    STARTER.lock().unwrap().send((command, answer)).unwrap();
    wait.recv().unwrap()
}
