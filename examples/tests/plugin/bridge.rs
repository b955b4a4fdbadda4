//! The real bridge plugin with this one as its IPAM, in network namespaces.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::{Value, json};

use crate::{
    conversation::{Ran, call, plugin},
    scratch::Scratch,
};

/// Where Debian's containernetworking-plugins are.
const DEBIAN: &str = "/usr/lib/cni";

#[test]
fn pods_reach_each_other_and_give_their_addresses_back() {
    if !possible() {
        return;
    }
    for ipam in ["k8sboot-ipam", "host-local"] {
        let site = Site::new(ipam);
        let pods = [site.pod(), site.pod()];
        let added = pods.each_ref().map(|pod| site.add(pod));
        assert_eq!(addresses(&added[1]), ["10.88.1.3", "fd00:88::3"], "{ipam}");
        for target in addresses(&added[1]) {
            ip(&["netns", "exec", &pods[0].name, "ping", "-c", "1", "-W", "5", &target]);
        }
        for target in addresses(&added[0]) {
            ip(&["netns", "exec", &pods[1].name, "ping", "-c", "1", "-W", "5", &target]);
        }
        for (pod, result) in pods.iter().zip(&added) {
            assert_eq!(site.run("CHECK", pod, Some(result)).ok().out, "");
        }
        assert_eq!(site.scratch.held("pods").len(), 4);
        site.run("DEL", &pods[0], Some(&added[0])).ok();
        assert_eq!(site.scratch.held("pods"), ["10.88.1.3", "fd00:88::3"]);
        let refused = site.run("CHECK", &pods[0], Some(&added[0]));
        assert_eq!(refused.code, 1, "{refused:?}");
        site.run("DEL", &pods[0], Some(&added[0])).ok();
        site.run("DEL", &pods[1], Some(&added[1])).ok();
        assert_eq!(site.scratch.held("pods"), Vec::<String>::new());
    }
}

/// GC does not reach an IPAM plugin through the bridge plugin, so a runtime calls it itself.
#[test]
fn gc_frees_exactly_what_leaked() {
    if !possible() {
        return;
    }
    let site = Site::new("k8sboot-ipam");
    let live = site.pod();
    site.add(&live);
    let mut leaked = Vec::new();
    for _ in 0..3 {
        // Its namespace goes, and nobody calls DEL.
        let pod = site.pod();
        leaked.extend(addresses(&site.add(&pod)));
    }
    assert_eq!(site.scratch.held("pods").len(), 8);
    let mut config = site.config();
    config["cniVersion"] = "1.1.0".into();
    config["cni.dev/valid-attachments"] = json!([{"containerID": live.container, "ifname": "eth0"}]);
    let env = [("CNI_COMMAND", "GC"), ("CNI_PATH", DEBIAN)].map(|(name, value)| (name.into(), value.into()));
    call(&plugin(), env, config.to_string().as_bytes()).ok();
    assert_eq!(site.scratch.held("pods"), ["10.88.1.2", "fd00:88::2"]);
    assert_eq!(leaked.len(), 6);
}

/// The files are host-local's: either goes on where the other stopped, and frees what the other gave.
#[test]
fn host_local_and_this_plugin_take_turns() {
    if !possible() {
        return;
    }
    let site = Site::new("k8sboot-ipam");
    let theirs = Path::new(DEBIAN).join("host-local");
    let ours = plugin();
    let turn = |binary: &Path, command: &str, container: &str| {
        let env = environment(command, container, "/run/netns/none", DEBIAN);
        call(binary, env, site.config().to_string().as_bytes()).ok().out
    };
    let given = |out: String| addresses(&serde_json::from_str(&out).unwrap())[0].clone();
    assert_eq!(given(turn(&theirs, "ADD", "a")), "10.88.1.2");
    assert_eq!(given(turn(&ours, "ADD", "b")), "10.88.1.3");
    assert_eq!(given(turn(&theirs, "ADD", "c")), "10.88.1.4");
    turn(&ours, "CHECK", "a");
    turn(&theirs, "CHECK", "b");
    turn(&ours, "DEL", "a");
    turn(&theirs, "DEL", "b");
    assert_eq!(site.scratch.held("pods"), ["10.88.1.4", "fd00:88::4"]);
    assert_eq!(given(turn(&ours, "ADD", "d")), "10.88.1.5");
    assert_eq!(given(turn(&theirs, "ADD", "e")), "10.88.1.6");
    for container in ["c", "d", "e"] {
        turn(if container == "d" { &theirs } else { &ours }, "DEL", container);
    }
    assert_eq!(site.scratch.held("pods"), Vec::<String>::new());
}

/// A namespace that stands for the host, with a bridge of its own, and pods beside it.
struct Site {
    host: Namespace,
    scratch: Scratch,
    ipam: String,
}

/// A pod's namespace.
struct Namespace {
    name: String,
    container: String,
}

impl Site {
    fn new(ipam: &str) -> Self {
        let scratch = Scratch::new("bridge");
        scratch.directory("bin");
        fs::copy(plugin(), scratch.path("bin").join(ipam)).unwrap();
        Self { host: Namespace::new(), scratch, ipam: ipam.to_owned() }
    }

    fn pod(&self) -> Namespace {
        Namespace::new()
    }

    fn config(&self) -> Value {
        self.scratch.placed(&json!({
            "cniVersion": "1.0.0", "name": "pods", "type": "bridge", "bridge": "cni0", "isGateway": true,
            "ipam": {
                "type": self.ipam, "dataDir": "{{ROOT}}/networks",
                "ranges": [[{"subnet": "10.88.1.0/24"}], [{"subnet": "fd00:88::/64"}]],
                "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
            },
        }))
    }

    fn add(&self, pod: &Namespace) -> Value {
        self.run("ADD", pod, None).ok().document()
    }

    /// Runs the bridge plugin in the host's namespace.
    fn run(&self, command: &str, pod: &Namespace, previous: Option<&Value>) -> Ran {
        let mut config = self.config();
        if let Some(previous) = previous {
            config["prevResult"] = previous.clone();
        }
        // `ip netns exec` takes a program and leaves the environment alone.
        let script = self.scratch.path("bridge");
        if !script.exists() {
            let text = format!(
                "#!/bin/sh\nexec {} netns exec {} {DEBIAN}/bridge\n",
                which("ip").display(),
                self.host.name
            );
            self.scratch.write("bridge", text, 0o755);
        }
        let path = format!("{}:{DEBIAN}", self.scratch.path("bin").display());
        let netns = format!("/run/netns/{}", pod.name);
        let env = environment(command, &pod.container, &netns, &path);
        call(&script, env, config.to_string().as_bytes())
    }
}

impl Namespace {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("k8sboot-{}-{number}", std::process::id());
        ip(&["netns", "add", &name]);
        ip(&["-n", &name, "link", "set", "lo", "up"]);
        Self {
            container: format!("{:064x}", (u64::from(std::process::id()) << 32) + u64::from(number)),
            name,
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "delete", &self.name]).status();
    }
}

fn environment(command: &str, container: &str, netns: &str, path: &str) -> Vec<(String, String)> {
    [
        ("CNI_COMMAND", command),
        ("CNI_CONTAINERID", container),
        ("CNI_NETNS", netns),
        ("CNI_IFNAME", "eth0"),
        ("CNI_PATH", path),
        ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// The addresses of a result, without prefix lengths.
fn addresses(result: &Value) -> Vec<String> {
    let ips = result["ips"].as_array().unwrap();
    ips.iter().map(|ip| ip["address"].as_str().unwrap().split('/').next().unwrap().to_owned()).collect()
}

fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments:?}: {said}{}", String::from_utf8_lossy(&output.stdout));
}

fn which(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|file| file.is_file()).unwrap()
}

/// Whether programs and rights are there. If not, says so, and fails under `CI=true` for what packages provide.
fn possible() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = |name: &str| std::env::split_paths(&path).any(|directory| directory.join(name).is_file());
    let missing = ["ip", "ping", "unshare"].into_iter().find(|name| !on_path(name)).map(str::to_owned);
    let there = |name: &&str| !Path::new(DEBIAN).join(name).is_file();
    let missing =
        missing.or(["bridge", "host-local"].iter().find(|n| there(n)).map(|n| format!("{DEBIAN}/{n}")));
    if let Some(missing) = missing {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{missing} is missing");
        eprintln!("skipped: {missing} is missing");
        return false;
    }
    let may = Command::new("unshare").args(["--net", "--mount", "true"]).output();
    if !may.is_ok_and(|output| output.status.success()) || fs::create_dir_all("/run/netns").is_err() {
        eprintln!("skipped: the bridge plugin: needs root and namespaces");
        return false;
    }
    true
}
