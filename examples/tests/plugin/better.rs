//! What this plugin does better than host-local, beyond the recorded conversations.

use std::{fs::File, process::Command, time::Instant};

use serde_json::{Value, json};

use crate::{
    conversation::{Ran, call, plugin},
    scratch::Scratch,
};

const ATTACHMENTS: &str = "cni.dev/valid-attachments";

/// A directory of `mynet` with records, and calls on it.
struct Network {
    scratch: Scratch,
}

impl Network {
    fn new(records: &[(&str, &str)]) -> Self {
        let scratch = Scratch::new("better");
        for (name, content) in records {
            scratch.write(&format!("networks/mynet/{name}"), content, 0o600);
        }
        Self { scratch }
    }

    fn config(&self) -> Value {
        self.scratch.placed(&json!({
            "cniVersion": "1.1.0", "name": "mynet", "type": "bridge",
            "ipam": {
                "type": "k8sboot-ipam", "dataDir": "{{ROOT}}/networks",
                "ranges": [[{"subnet": "10.1.2.0/29"}]], "routes": [],
            },
        }))
    }

    fn call(&self, command: &str, container: &str, config: &Value) -> Ran {
        self.call_with(command, container, &config.to_string())
    }

    fn call_with(&self, command: &str, container: &str, stdin: &str) -> Ran {
        call(&plugin(), environment(command, container), stdin.as_bytes())
    }

    fn gc(&self, valid: Value) -> Ran {
        let mut config = self.config();
        config[ATTACHMENTS] = valid;
        self.call("GC", "", &config)
    }

    fn names(&self) -> Vec<String> {
        self.scratch.names("networks/mynet")
    }
}

fn environment(command: &str, container: &str) -> Vec<(String, String)> {
    [
        ("CNI_COMMAND", command),
        ("CNI_CONTAINERID", container),
        ("CNI_NETNS", "/run/netns/none"),
        ("CNI_IFNAME", "eth0"),
        ("CNI_PATH", "/opt/cni/bin"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

const RECORDS: [(&str, &str); 8] = [
    ("10.1.2.2", "live\r\neth0"),
    ("10.1.2.3", "live\r\nnet1"),
    ("10.1.2.4", "gone\r\neth0"),
    ("10.1.2.5", "live"),
    ("10.1.2.6", "gone"),
    ("last_reserved_ip.0", "10.1.2.6"),
    ("notes", "gone\r\neth0"),
    ("2001:db8::7", "gone\r\neth0"),
];

#[test]
fn gc_frees_exactly_what_no_valid_attachment_holds() {
    let network = Network::new(&RECORDS);
    assert_eq!(network.gc(json!([{"containerID": "live", "ifname": "eth0"}])).ok().out, "");
    let names = network.names();
    // A record of an ID alone stays as long as any interface of the container is valid.
    assert_eq!(names, ["10.1.2.2", "10.1.2.5", "last_reserved_ip.0", "lock", "notes"]);
}

#[test]
fn gc_with_an_empty_list_frees_all() {
    let network = Network::new(&RECORDS);
    assert_eq!(network.gc(json!([])).ok().out, "");
    assert_eq!(network.names(), ["last_reserved_ip.0", "lock", "notes"]);
}

#[test]
fn gc_without_a_list_is_refused_and_frees_nothing() {
    let network = Network::new(&RECORDS);
    let before = network.scratch.state();
    for (ran, found) in
        [(network.gc(Value::Null), "null"), (network.call("GC", "", &network.config()), "nothing")]
    {
        let (code, text) = ran.error();
        assert_eq!(code, 7);
        assert!(text.contains(ATTACHMENTS) && text.ends_with(found), "{text}");
    }
    assert_eq!(network.scratch.state(), before);
}

#[test]
fn gc_needs_no_ranges_and_makes_nothing() {
    let network = Network::new(&[("10.1.2.4", "gone\r\neth0")]);
    let mut config = network.config();
    config["ipam"]["ranges"] = json!([[{"subnet": "usePodCidr"}]]);
    config[ATTACHMENTS] = json!([]);
    network.call("GC", "", &config).ok();
    assert_eq!(network.names(), ["lock"]);
    config["name"] = "other".into();
    network.call("GC", "", &config).ok();
    assert!(!network.scratch.path("networks/other").exists());
}

#[test]
fn status_tells_which_set_is_full() {
    let full: Vec<_> = (2..=6).map(|n| (format!("10.1.2.{n}"), format!("c{n}\r\neth0"))).collect();
    let full: Vec<_> = full.iter().map(|(name, content)| (name.as_str(), content.as_str())).collect();
    let network = Network::new(&full);
    let mut config = network.config();
    config["ipam"]["ranges"] = json!([[{"subnet": "2001:db8::/64"}], [{"subnet": "10.1.2.0/29"}]]);
    let before = network.scratch.state();
    let ran = network.call("STATUS", "", &config);
    assert_eq!(ran.error(), (50, "no IP addresses available in range set: 10.1.2.1-10.1.2.6".to_owned()));
    assert!(ran.document()["details"].as_str().unwrap().contains("range set 1"), "{ran:?}");
    config["ipam"]["ranges"] = json!([[{"subnet": "2001:db8::/64"}]]);
    assert_eq!(network.call("STATUS", "", &config).ok().out, "");
    assert_eq!(network.scratch.state(), before);
    // What a crash left empty is given again, so it does not count.
    network.scratch.write("networks/mynet/10.1.2.4", "", 0o600);
    assert_eq!(network.call("STATUS", "", &network.config()).ok().out, "");
    let given = network.call("ADD", "new", &network.config()).ok().document();
    assert_eq!(given["ips"][0]["address"], "10.1.2.4/29");
    // A configuration that no ADD could use is not fine either.
    config["ipam"]["ranges"] = json!([]);
    assert_eq!(network.call("STATUS", "", &config).error(), (999, "no IP ranges specified".to_owned()));
}

#[test]
fn del_frees_with_a_broken_configuration_and_then_says_what_is_broken() {
    let broken: [(&str, Value, u64); 9] = [
        ("/ipam/ranges", json!([[{"subnet": "usePodCidr"}]]), 999),
        ("/ipam/ranges", json!([[{"subnet": "10.1.2.0/31"}]]), 999),
        ("/ipam/ranges", json!([]), 999),
        ("/ipam/ranges", json!("10.1.2.0/24"), 999),
        ("/ipam/routes", json!([{"dst": 5}]), 999),
        ("/cniVersion", json!("9.9.9"), 1),
        ("/cniVersion", json!(1.1), 6),
        ("/name", json!(""), 7),
        ("/name", json!("a/b"), 7),
    ];
    for (field, value, code) in broken {
        let network = Network::new(&[("10.1.2.2", "mine\r\neth0"), ("10.1.2.3", "other\r\neth0")]);
        let mut config = network.config();
        *config.pointer_mut(field).unwrap() = value.clone();
        let ran = network.call("DEL", "mine", &config);
        assert_eq!(ran.error().0, code, "{field} {value}");
        assert!(ran.err.contains("freed 10.1.2.2 of mine/eth0"), "{ran:?}");
        assert_eq!(network.scratch.held("mynet"), ["10.1.2.3"], "{field} {value}");
        // Nothing more to free: the error alone.
        assert_eq!(network.call("DEL", "mine", &config).err, "");
    }
}

/// As recorded: the arguments come from the caller with this very call.
#[test]
fn del_with_unknown_arguments_frees_nothing() {
    let network = Network::new(&[("10.1.2.2", "mine\r\neth0")]);
    let mut env = environment("DEL", "mine");
    env.push(("CNI_ARGS".into(), "FOO=bar".into()));
    let ran = call(&plugin(), env, network.config().to_string().as_bytes());
    assert_eq!(ran.error(), (999, "ARGS: unknown args [\"FOO=bar\"]".to_owned()));
    assert_eq!(network.scratch.held("mynet"), ["10.1.2.2"]);
}

#[test]
fn errors_carry_the_version_of_the_configuration() {
    let network = Network::new(&[]);
    for (version, answered) in [("0.4.0", "0.4.0"), ("1.0.0", "1.0.0"), ("", "0.1.0"), ("9.9.9", "1.1.0")] {
        let mut config = network.config();
        config["cniVersion"] = version.into();
        config["ipam"] = Value::Null;
        let object = network.call("ADD", "a", &config).document();
        assert_eq!(object["cniVersion"], answered, "{object}");
    }
    assert_eq!(network.call_with("ADD", "a", "{").document()["cniVersion"], "1.1.0");
}

#[test]
fn a_lock_that_is_never_given_back_is_a_reason_to_try_again_later() {
    let network = Network::new(&[("lock", "")]);
    let lock = File::open(network.scratch.path("networks/mynet/lock")).unwrap();
    lock.lock().unwrap();
    let start = Instant::now();
    let ran = network.call("ADD", "a", &network.config());
    let (code, text) = ran.error();
    assert_eq!(code, 11, "{ran:?}");
    assert!(text.contains("networks/mynet/lock") && text.contains("held by"), "{text}");
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
    assert_eq!(network.scratch.held("mynet"), Vec::<String>::new());
    lock.unlock().unwrap();
    network.call("ADD", "a", &network.config()).ok();
}

#[test]
fn a_full_disk_loses_nothing() {
    let network = Network::new(&[]);
    network.scratch.directory("networks");
    network.scratch.write("config", network.config().to_string(), 0o600);
    let script = r#"
        mount -t tmpfs -o size=64k none networks || exit 77
        call() { CNI_COMMAND=$1 CNI_CONTAINERID=$2 "$PLUGIN" <config; }
        call ADD first >/dev/null || exit 1
        cat /dev/zero >networks/ballast 2>/dev/null
        call ADD second && exit 2
        ls networks/mynet
        rm networks/ballast
        call ADD second >/dev/null || exit 3
        call DEL first && call DEL second && ls networks/mynet
    "#;
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", script])
        .current_dir(network.scratch.root())
        .envs([("PLUGIN", plugin().as_os_str()), ("CNI_IFNAME", "eth0".as_ref())])
        .envs([("CNI_NETNS", "/run/netns/none"), ("CNI_PATH", "/opt/cni/bin")])
        .output();
    let output = match output {
        Ok(output) if ![Some(77), Some(1)].contains(&output.status.code()) => output,
        _ => {
            eprintln!("skipped: a full disk: needs root and namespaces");
            return;
        }
    };
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{:?}: {text}", output.status);
    let (refusal, lists) = text.split_at(text.rfind('}').unwrap() + 1);
    let refusal: Value = serde_json::from_str(refusal).unwrap();
    assert_eq!(refusal["code"], 999, "{refusal}");
    assert!(refusal["msg"].as_str().unwrap().contains("o space left"), "{refusal}");
    let held = |list: &str| list.lines().filter(|name| name.starts_with("10.")).count();
    // After the refusal the first address is held and no other; after both DELs none is.
    assert_eq!(held(lists), 1, "{lists}");
    assert!(lists.contains("10.1.2.2"), "{lists}");
}

/// Many ADDs and DELs at once: no address is held twice, none is lost.
#[test]
fn callers_at_once_do_not_meet() {
    let network = Network::new(&[]);
    let mut config = network.config();
    config["ipam"]["ranges"] = json!([[{"subnet": "10.1.2.0/24"}], [{"subnet": "2001:db8::/64"}]]);
    let add = |container: String| network.call("ADD", &container, &config).ok().document();
    let given: Vec<Value> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..8)
            .map(|caller| {
                scope.spawn(move || (0..5).map(|n| add(format!("c{caller}-{n}"))).collect::<Vec<_>>())
            })
            .collect();
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
    });
    let mut addresses: Vec<_> = given.iter().map(|result| result["ips"].to_string()).collect();
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), 40);
    assert_eq!(network.scratch.held("mynet").len(), 80);
    std::thread::scope(|scope| {
        for caller in 0..8 {
            let (network, config) = (&network, &config);
            scope.spawn(move || {
                (0..5).for_each(|n| drop(network.call("DEL", &format!("c{caller}-{n}"), config).ok()))
            });
        }
    });
    assert_eq!(network.scratch.held("mynet"), Vec::<String>::new());
}

#[test]
fn a_network_that_is_a_link_is_refused_with_what_to_do() {
    let network = Network::new(&[]);
    network.scratch.directory("elsewhere");
    network.scratch.directory("networks");
    std::os::unix::fs::symlink(network.scratch.path("elsewhere"), network.scratch.path("networks/mynet"))
        .unwrap();
    let (code, text) = network.call("ADD", "a", &network.config()).error();
    assert_eq!(code, 999);
    assert!(text.contains("symbolic link"), "{text}");
    assert_eq!(std::fs::read_dir(network.scratch.path("elsewhere")).unwrap().count(), 0);
}
