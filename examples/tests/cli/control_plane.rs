//! A real control plane for the command line: etcd, kube-apiserver and kube-controller-manager as the static pods of a tree
//! say, in a network of its own. No package brings kube-apiserver: where it is missing, tests say so and pass.

use std::{
    env,
    ffi::OsString,
    fs,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use k8sboot_core::manifest::yaml;
use serde_json::Value;

use crate::support::{CONFIG, Ran, Scratch, run};

const PATIENCE: Duration = Duration::from_secs(90);
const NETWORK: &str = "set -e
ip link set lo up
ip link add eth0 type veth peer name plug
ip link set plug up
ip link set eth0 up
ip addr add 192.0.2.10/24 dev eth0
echo ready
exec sleep infinity";

/// A running control plane; it ends with this value, and with the thread that started it.
pub(crate) struct ControlPlane {
    pub(crate) scratch: Scratch,
    network: Child,
    daemons: Vec<(String, Child)>,
}

impl ControlPlane {
    /// Starts the control plane of a tree that `init` has just made in `root` from `config.yaml`, by [`CONFIG`] without its
    /// certificate key. `None`, said loudly, where it cannot run.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let programs = ["kube-apiserver", "kube-controller-manager", "etcd", "kubectl"];
        if let Some(missing) = programs.iter().find(|program| !found(program)) {
            eprintln!("skipped: {test}: {missing} is not on PATH");
            return None;
        }
        let mut unshare = Command::new("setpriv");
        unshare.args(["--pdeathsig", "KILL", "unshare", "--net", "--", "sh", "-c", NETWORK]);
        let network = unshare.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let Some(network) = network.ok().and_then(ready) else {
            eprintln!("skipped: {test}: needs root and namespaces");
            return None;
        };
        let scratch = Scratch::new(test);
        let mut config: String = CONFIG
            .lines()
            .filter(|line| !line.starts_with("certificateKey"))
            .map(|line| format!("{line}\n"))
            .collect();
        if let Some(tag) = old_etcd() {
            config.push_str(&format!("etcd: {{local: {{imageTag: {tag}}}}}\n"));
        }
        scratch.write("config.yaml", config);
        let mut control_plane = Self { scratch, network, daemons: Vec::new() };
        run(["init", "--config", &control_plane.config(), "--root", &control_plane.root()]).ok();
        for component in ["etcd", "kube-apiserver", "kube-controller-manager"] {
            control_plane.daemon(component);
            if component == "kube-apiserver" {
                control_plane.wait_ready();
            }
        }
        Some(control_plane)
    }

    pub(crate) fn config(&self) -> String {
        self.scratch.arg("config.yaml")
    }

    pub(crate) fn root(&self) -> String {
        self.scratch.arg("root")
    }

    /// The kubeconfig that RBAC does not hold up.
    pub(crate) fn super_admin(&self) -> String {
        self.scratch.arg("root/etc/kubernetes/super-admin.conf")
    }

    /// Runs the binary in the network.
    pub(crate) fn k8sboot(&self, arguments: &[&str]) -> Ran {
        self.inside(env!("CARGO_BIN_EXE_k8sboot")).args(arguments).env_clear().output().unwrap().into()
    }

    /// The same, with the kubeconfig of the super-admin.
    pub(crate) fn admin(&self, arguments: &[&str]) -> Ran {
        self.k8sboot(&[arguments, &["--kubeconfig", &self.super_admin()]].concat())
    }

    /// Starts the binary in the network and gives it with its first line; the caller ends it.
    pub(crate) fn background(&self, arguments: &[&str]) -> (Child, String) {
        let mut command = self.inside(env!("CARGO_BIN_EXE_k8sboot"));
        let mut child = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (child, line)
    }

    /// kubectl in the network as super-admin.
    pub(crate) fn kubectl(&self, arguments: &[&str], input: &str) -> String {
        let mut command = self.inside("kubectl");
        command.args(["--kubeconfig", &self.super_admin()]).args(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success(), "kubectl {arguments:?}");
        String::from_utf8(out.stdout).unwrap()
    }

    fn inside(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.network.id())).args(["--", program]);
        command.env("PATH", search_path()).env("HOME", self.scratch.path("")).stdin(Stdio::null());
        command
    }

    /// Runs a component as its static pod says, with the paths of the tree.
    fn daemon(&mut self, component: &str) {
        let manifest = self.scratch.read(&format!("root/etc/kubernetes/manifests/{component}.yaml"));
        let pod: Value = yaml::parse_all(&manifest).unwrap().remove(0);
        let root = self.root();
        let words = pod["spec"]["containers"][0]["command"].as_array().unwrap().iter().map(|word| {
            let word = word.as_str().unwrap();
            word.replace("/etc/kubernetes", &format!("{root}/etc/kubernetes"))
                .replace("/var/lib/etcd", &format!("{root}/var/lib/etcd"))
        });
        let log = fs::File::create(self.scratch.path(&format!("{component}.log"))).unwrap();
        let inside = self.inside("setpriv");
        let mut command = Command::new(inside.get_program());
        command.args(inside.get_args()).args(["--pdeathsig", "KILL"]).args(words);
        command.env("PATH", search_path()).current_dir(self.scratch.path(""));
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.daemons.push((component.to_owned(), command.spawn().unwrap()));
    }

    /// Waits until the API server says that it is ready.
    fn wait_ready(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut kubectl = self.inside("kubectl");
            let said =
                kubectl.args(["--kubeconfig", &self.super_admin(), "get", "--raw", "/readyz"]).output();
            let said = said.unwrap();
            if said.status.success() {
                return;
            }
            let ended = self
                .daemons
                .iter_mut()
                .find_map(|(name, daemon)| daemon.try_wait().unwrap().map(|how| (name.clone(), how)));
            if ended.is_some() || Instant::now() > deadline {
                let log = self.scratch.read("kube-apiserver.log");
                let tail: Vec<&str> = log.lines().rev().take(20).collect();
                panic!(
                    "kube-apiserver: {}\n{ended:?}\n{}",
                    String::from_utf8_lossy(&said.stderr),
                    tail.join("\n")
                );
            }
            thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        // The API server before etcd, whose end would only make it complain.
        for child in self.daemons.iter_mut().rev().map(|(_, daemon)| daemon).chain([&mut self.network]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn ready(mut network: Child) -> Option<Child> {
    let mut said = String::new();
    BufReader::new(network.stdout.take()?).read_line(&mut said).ok()?;
    if said == "ready\n" {
        return Some(network);
    }
    let _ = network.wait();
    None
}

/// Directories with programs: that of Kubernetes' envtest before those of `PATH`.
fn search_path() -> OsString {
    let assets = env::var_os("KUBEBUILDER_ASSETS").filter(|path| !path.is_empty()).map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    env::join_paths(assets.into_iter().chain(env::split_paths(&path))).unwrap()
}

fn found(program: &str) -> bool {
    env::split_paths(&search_path()).any(|directory| directory.join(program).is_file())
}

/// The tag of an image with the etcd that is there, if that does not know the flags of etcd 3.6.
fn old_etcd() -> Option<String> {
    let out = Command::new("etcd").arg("--version").env("PATH", search_path()).output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let version = text.split_whitespace().nth(2).unwrap_or_else(|| panic!("etcd --version: {text}"));
    let numbers: Vec<u32> = version.split('.').take(2).map(|number| number.parse().unwrap()).collect();
    ((numbers[0], numbers[1]) < (3, 6)).then(|| format!("{}.{}.0-0", numbers[0], numbers[1]))
}
