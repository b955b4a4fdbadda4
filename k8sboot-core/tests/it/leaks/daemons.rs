//! Daemons of a test's own: private directories and sockets; ended by their process IDs, also when a test fails.

use std::{
    fs::{self, File},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::support::{privileged, tools};

/// Whether daemons can be started here. If not, says so.
pub(crate) fn may_start(programs: &[&str]) -> bool {
    tools(programs) && privileged("container runtimes")
}

/// A directory for daemons. When it goes, so does every process whose command line names it.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // Short: the path of a socket has at most 107 bytes.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("k8sboot-{name}-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.0.join(below)
    }

    pub(crate) fn text(&self, below: &str) -> String {
        self.path(below).display().to_string()
    }

    /// A tar file of a root directory with nothing but a static busybox.
    pub(crate) fn image(&self) -> String {
        fs::create_dir_all(self.path("image/bin")).unwrap();
        let busybox =
            ["/bin/busybox", "/usr/bin/busybox"].iter().find(|path| Path::new(path).is_file()).unwrap();
        fs::copy(busybox, self.path("image/bin/busybox")).unwrap();
        run("tar", &["-C", &self.text("image"), "-cf", &self.text("image.tar"), "."]);
        self.text("image.tar")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let name = self.0.display().to_string();
        let processes = processes();
        let shims: Vec<u32> = processes.iter().filter(|p| p.command.contains(&name)).map(|p| p.id).collect();
        let children = processes.iter().filter(|p| shims.contains(&p.parent)).map(|p| p.id);
        for id in children.chain(shims.iter().copied()).filter(|id| *id != std::process::id()) {
            let _ = Command::new("kill").args(["-KILL", &id.to_string()]).stderr(Stdio::null()).status();
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let mut points: Vec<&str> = mounts
            .lines()
            .filter_map(|line| line.split(' ').nth(4))
            .filter(|p| p.starts_with(&name))
            .collect();
        points.sort_unstable();
        for point in points.iter().rev() {
            let _ = Command::new("umount").args(["-l", point]).stderr(Stdio::null()).status();
        }
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Process {
    id: u32,
    parent: u32,
    command: String,
}

fn processes() -> Vec<Process> {
    let process = |id: u32| {
        let command = fs::read(format!("/proc/{id}/cmdline")).ok()?;
        let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()?;
        Some(Process { id, parent, command: String::from_utf8_lossy(&command).replace('\0', " ") })
    };
    let names = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter_map(|name| process(name.parse().ok()?)).collect()
}

/// A daemon that listens on a socket.
pub(crate) struct Daemon {
    child: Child,
}

impl Daemon {
    /// Starts it and waits until its socket answers.
    fn start(program: &str, arguments: &[&str], socket: &Path, log: &Path) -> Self {
        let out = File::create(log).unwrap();
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        let mut daemon = Self { child };
        let begun = Instant::now();
        while UnixStream::connect(socket).is_err() {
            let ended = daemon.child.try_wait().unwrap();
            if ended.is_some() || begun.elapsed() > Duration::from_secs(60) {
                panic!("{program} {ended:?}:\n{}", fs::read_to_string(log).unwrap());
            }
            thread::sleep(Duration::from_millis(50));
        }
        daemon
    }

    fn stop(&mut self) {
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let begun = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if begun.elapsed() > Duration::from_secs(20) {
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop();
    }
}

/// containerd with its CRI plugin; `cni` is a configuration of the network for sandboxes.
pub(crate) fn containerd(scratch: &Scratch, cni: Option<&str>) -> Daemon {
    fs::create_dir_all(scratch.path("net.d")).unwrap();
    if let Some(cni) = cni {
        fs::write(scratch.path("net.d/10-test.conflist"), cni).unwrap();
    }
    let text = |below| scratch.text(below);
    let config = format!(
        r#"version = 2
root = "{}"
state = "{}"
[grpc]
  address = "{}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "k8sboot.test/pause:1"
  disable_tcp_service = true
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{}"
"#,
        text("croot"),
        text("cstate"),
        text("c.sock"),
        text("net.d"),
    );
    fs::write(scratch.path("c.toml"), config).unwrap();
    restart_containerd(scratch)
}

/// containerd with the configuration that was written before.
pub(crate) fn restart_containerd(scratch: &Scratch) -> Daemon {
    let arguments = ["--config", &scratch.text("c.toml"), "--log-level", "warn"];
    Daemon::start("containerd", &arguments, &scratch.path("c.sock"), &scratch.path("c.log"))
}

/// Docker on the test's own containerd, without a network.
pub(crate) fn dockerd(scratch: &Scratch) -> Daemon {
    let text = |below| scratch.text(below);
    let socket = format!("unix://{}", text("d.sock"));
    let arguments = [
        ["--data-root", &text("droot")],
        ["--exec-root", &text("dexec")],
        ["-H", &socket],
        ["--pidfile", &text("d.pid")],
        ["--containerd", &text("c.sock")],
        ["--storage-driver", "vfs"],
    ];
    let flags = ["--iptables=false", "--ip6tables=false", "--bridge=none", "--ip-forward=false"];
    let arguments: Vec<&str> = arguments.iter().flatten().copied().chain(flags).collect();
    Daemon::start("dockerd", &arguments, &scratch.path("d.sock"), &scratch.path("d.log"))
}

/// Runs Docker's client against the test's own engine; gives what it prints.
pub(crate) fn docker(scratch: &Scratch, arguments: &[&str]) -> String {
    let host = format!("unix://{}", scratch.text("d.sock"));
    run("docker", &[&["-H", &*host], arguments].concat())
}

/// Runs a program that must succeed; gives what it prints.
pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    let out = Command::new(program).args(arguments).output().unwrap_or_else(|e| panic!("{program}: {e}"));
    let text = String::from_utf8_lossy(&out.stdout).trim().to_owned();
    assert!(
        out.status.success(),
        "{program} {}: {text}{}",
        arguments.join(" "),
        String::from_utf8_lossy(&out.stderr)
    );
    text
}
