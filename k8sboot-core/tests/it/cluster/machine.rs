//! Machines: a network, a host name and mounts of their own, and a root directory that init writes to.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::IpAddr,
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rustix::{
    process::{Pid, Signal},
    thread::{LinkNameSpaceType, move_into_link_name_space},
};

use super::programs::{search_path, spawn};
use crate::tree::Scratch;

/// Makes a directory inside without making it on the host: what hides its parent is a tmpfs with links to what was there.
const PLACE: &str = r#"
set -e
stage=$1 target=$2 source=$3
place() {
    if [ -d "$1" ]; then return; fi
    up=$(dirname "$1")
    if [ "$up" = / ]; then echo "$1 is not on this host" >&2; exit 1; fi
    place "$up"
    up=$(dirname "$1")
    if ! grep -qxF "$up" "$stage/ours"; then
        mkdir -p "$stage$up"
        mount --rbind "$up" "$stage$up"
        mount -t tmpfs -o mode=755 tmpfs "$up"
        for old in "$stage$up"/* "$stage$up"/.[!.]*; do
            if [ -e "$old" ] || [ -L "$old" ]; then ln -s "$old" "$up/"; fi
        done
        echo "$up" >> "$stage/ours"
    fi
    mkdir "$1"
    echo "$1" >> "$stage/ours"
}
place "$target"
if [ "$source" = tmpfs ]; then mount -t tmpfs tmpfs "$target"
elif ! mountpoint -q "$target" || ! [ "$target" -ef "$source" ]; then mount --bind "$source" "$target"
fi
"#;

/// What keeps the namespaces of a machine: it sleeps in them.
struct Holder(Child);

impl Holder {
    /// Runs a script in new namespaces and waits until it says that it is done.
    fn start(kinds: &[&str], script: &str) -> Self {
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "unshare"])
            .args(kinds)
            .args(["--", "sh", "-c", &format!("set -e\n{script}\necho ready\nexec sleep infinity")])
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = spawn(command).unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "ready\n", "namespaces: {script}");
        Self(child)
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A network that machines are plugged into; it is there when the first one is.
pub(crate) struct Lan {
    holder: OnceLock<Holder>,
    ports: AtomicUsize,
}

impl Lan {
    pub(crate) const fn new() -> Self {
        Self { holder: OnceLock::new(), ports: AtomicUsize::new(0) }
    }

    fn holder(&self) -> &Holder {
        let script = "ip link set lo up; ip link add br0 type bridge; ip link set br0 up";
        self.holder.get_or_init(|| Holder::start(&["--net"], script))
    }
}

/// A machine; it ends with this value, with all that runs in it.
pub(crate) struct Machine {
    name: String,
    holder: Holder,
    scratch: Scratch,
}

impl Machine {
    /// A machine with addresses, alone or in a network.
    pub(crate) fn new(name: &str, addresses: &[IpAddr], lan: Option<&Lan>) -> Self {
        let scratch = Scratch::in_memory("machine");
        for directory in ["root", "stage", "logs", "home"] {
            fs::create_dir(scratch.path().join(directory)).unwrap();
        }
        fs::write(scratch.path().join("stage/ours"), "").unwrap();
        let mut script = format!("echo {name} > /proc/sys/kernel/hostname\nip link set lo up\n");
        match lan {
            None => script.push_str("ip link add eth0 type veth peer name plug\nip link set plug up\n"),
            Some(lan) => {
                let (pid, port) = (lan.holder().pid(), lan.ports.fetch_add(1, Ordering::Relaxed));
                script.push_str(&format!(
                    "ip link add eth0 type veth peer name port{port} netns {pid}\n\
                     nsenter --net=/proc/{pid}/ns/net ip link set port{port} master br0 up\n"
                ));
            }
        }
        script.push_str("ip link set eth0 up\n");
        for address in addresses {
            let (length, nodad) = if address.is_ipv4() { (24, "") } else { (64, "nodad") };
            script.push_str(&format!("ip addr add {address}/{length} dev eth0 {nodad}\n"));
        }
        let kinds = ["--net", "--mount", "--uts", "--propagation", "private"];
        let machine = Self { name: name.to_owned(), holder: Holder::start(&kinds, &script), scratch };
        // The host's are not this machine's; what daemons write there goes nowhere.
        for directory in ["/run", "/var/log", "/usr/libexec/kubernetes"] {
            machine.place(directory, Path::new("tmpfs"));
        }
        machine
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The directory that init writes to.
    pub(crate) fn root(&self) -> PathBuf {
        self.scratch.path().join("root")
    }

    /// Where the output of a daemon is kept.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.scratch.path().join("logs").join(format!("{name}.log"))
    }

    /// A path of the machine as this process has it: in the root, if it is there.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.root().join(inside.trim_start_matches('/'))
    }

    /// A file outside of the root that has the same path inside, each time another one.
    pub(crate) fn scratch_file(&self, name: &str, text: &str) -> String {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = self.scratch.path().join("home").join(format!("{number}-{name}"));
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Shows a directory of the root at its own path inside; made if it is missing.
    pub(crate) fn show(&self, directory: &str) {
        let source = self.path(directory);
        fs::create_dir_all(&source).unwrap();
        self.place(directory, &source);
    }

    fn place(&self, directory: &str, source: &Path) {
        let mut command = self.command("sh");
        command.args(["-c", PLACE, "place"]).arg(self.scratch.path().join("stage")).arg(directory);
        let out = command.arg(source).output().unwrap();
        assert!(out.status.success(), "{directory}: {}", String::from_utf8_lossy(&out.stderr));
    }

    /// A command that runs inside; its process is the program's own.
    pub(crate) fn command(&self, program: &str) -> Command {
        let pid = self.holder.pid();
        let mut command = Command::new("nsenter");
        command
            .args(["net", "mnt", "uts"].map(|kind| {
                let option = if kind == "mnt" { "mount" } else { kind };
                format!("--{option}=/proc/{pid}/ns/{kind}")
            }))
            .args(["--", program])
            .current_dir("/")
            .env("PATH", search_path())
            .env("HOME", self.scratch.path().join("home"))
            .env_remove("KUBECONFIG")
            .stdin(Stdio::null());
        command
    }

    /// Starts a daemon inside, with its output in [`log`](Self::log); it ends with this process.
    pub(crate) fn daemon(&self, name: &str, command: &[String], environment: &[(String, String)]) -> Daemon {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log(name)).unwrap();
        let inside = self.command(&command[0]);
        let mut outside = Command::new("setpriv");
        outside
            .args(["--pdeathsig", "KILL"])
            .arg(inside.get_program())
            .args(inside.get_args())
            .args(&command[1..])
            .current_dir("/")
            .env_clear()
            .env("PATH", search_path())
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        Daemon(spawn(outside).unwrap())
    }

    /// Runs a closure on a thread whose network is the machine's; clients of an API server that are made there work there,
    /// wherever they are used afterwards. Files are this process' own.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let namespace = fs::File::open(format!("/proc/{}/ns/net", self.holder.pid())).unwrap();
        let name = thread::current().name().unwrap_or("inside").to_owned();
        thread::scope(|scope| {
            let enter = move || {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                work()
            };
            let thread = thread::Builder::new().name(name).spawn_scoped(scope, enter).unwrap();
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

/// A running daemon; it ends with this value.
pub(crate) struct Daemon(Child);

impl Daemon {
    /// Whether it has ended, and how.
    pub(crate) fn ended(&mut self) -> Option<String> {
        self.0.try_wait().unwrap().map(|status| status.to_string())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
