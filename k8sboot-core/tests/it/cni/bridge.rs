//! A chain of Debian's real plugins in network namespaces: bridge with host-local, portmap; loopback.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use k8sboot_core::{
    cni::{Attachment, Json, Layout, NetworkList, Version},
    error::{Code, Problem},
    exec::{Cni, CniRun},
    probe::cached_results,
};

use super::cache::Scratch;
use crate::support::{privileged, tools};

/// Where Debian's package has them.
const PLUGINS: &str = "/usr/lib/cni";

/// Set in the copy of this test program that runs in namespaces of its own.
const INSIDE: &str = "K8SBOOT_TEST_CNI_BRIDGE";

#[test]
fn a_real_chain_attaches_checks_and_detaches() {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    if !tools(&["ip", "iptables", "unshare"]) || !privileged("a chain of real plugins") || !plugins() {
        return;
    }
    let this = std::env::current_exe().unwrap();
    let out = Command::new("unshare")
        .args(["--net", "--mount", "--"])
        .arg(this)
        .args(["--exact", "cni::bridge::a_real_chain_attaches_checks_and_detaches", "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success() && stdout.contains("1 passed"), "{stdout}\n{stderr}");
}

fn plugins() -> bool {
    let there = ["bridge", "host-local", "portmap", "loopback"];
    let Some(missing) = there.iter().find(|name| !Path::new(PLUGINS).join(name).is_file()) else {
        return true;
    };
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{PLUGINS}/{missing} is not there");
    eprintln!("skipped: {PLUGINS}/{missing} is not there");
    false
}

fn sh(command: &str) -> String {
    let out = Command::new("sh").args(["-c", command]).output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{command}: {text}{}", String::from_utf8_lossy(&out.stderr));
    text
}

fn inside() {
    // Own /run, so that neither names of namespaces nor the lock of iptables are this machine's.
    sh(
        "mount -t tmpfs none /run && mkdir /run/netns && ip link set lo up && ip netns add pod && ip netns add other",
    );
    let scratch = Scratch::new("bridge");
    let (cache, addresses) = (scratch.0.join("cache"), scratch.0.join("networks"));
    let list = format!(
        r#"{{"cniVersion":"1.0.0","name":"realnet","plugins":[
            {{"type":"bridge","bridge":"cni-test","isGateway":true,"ipMasq":false,"ipam":{{"type":"host-local","dataDir":"{}",
              "ranges":[[{{"subnet":"10.77.0.0/24"}}]],"routes":[{{"dst":"0.0.0.0/0"}}]}}}},
            {{"type":"portmap","capabilities":{{"portMappings":true}},"snat":true}}]}}"#,
        addresses.display()
    );
    let list = NetworkList::parse(list.as_bytes()).unwrap();
    let cni = Cni::new(vec![PathBuf::from(PLUGINS)]).cache(&cache);
    let run = CniRun::default();
    for program in list.binaries() {
        assert!(cni.version(program, &run).unwrap().contains(Version::V1_0_0), "{program}");
    }

    let ports = Json::parse(br#"[{"hostPort":8077,"containerPort":80,"protocol":"tcp"}]"#).unwrap();
    let attachment =
        Attachment::new("3f2a", "eth0", "/run/netns/pod").unwrap().capability("portMappings", ports);
    let result = cni.add(&list, &attachment, &run).unwrap();
    let got: Vec<_> = result.ips.iter().map(|ip| ip.address.to_string()).collect();
    assert_eq!(got, ["10.77.0.2/24"]);
    let seen = sh("ip netns exec pod ip -o addr show eth0");
    assert!(got.iter().all(|address| seen.contains(address)), "{seen}");
    assert!(sh("iptables -t nat -S").contains("8077"));
    assert!(addresses.join("realnet/10.77.0.2").is_file());
    let stored = cached_results(&[&cache]).unwrap();
    assert_eq!(
        stored.results[0].entry.addresses(),
        result.ips.iter().map(|ip| ip.address.address()).collect::<Vec<_>>()
    );

    // A second ADD is host-local's to refuse; the first attachment stays.
    let error = cni.add(&list, &attachment, &run).unwrap_err();
    assert_eq!(error.code(), Code::CNI_PLUGIN_FAILED, "{error}");
    assert!(addresses.join("realnet/10.77.0.2").is_file());

    cni.del(&list, &attachment, &run).unwrap();
    assert!(!sh("ip netns exec pod ip -o link").contains("eth0"));
    assert!(!sh("iptables -t nat -S").contains("8077"));
    assert!(!addresses.join("realnet/10.77.0.2").exists());
    assert!(cached_results(&[&cache]).unwrap().results.is_empty());
    cni.del(&list, &attachment, &run).unwrap();

    // Dual stack; and the namespace is gone before DEL comes: the addresses are freed all the same.
    let list = list.render(Layout::Compact).replace("realnet", "duonet").replace("cni-test", "cni-duo");
    let list = list.replace(
        r#"[[{"subnet":"10.77.0.0/24"}]]"#,
        r#"[[{"subnet":"10.78.0.0/24"}],[{"subnet":"fd00:78::/64"}]]"#,
    );
    let list = NetworkList::parse(list.as_bytes()).unwrap();
    let other = Attachment::new("77aa", "eth0", "/run/netns/other").unwrap();
    let result = cni.add(&list, &other, &run).unwrap();
    assert_eq!(result.ips.len(), 2);
    let files = [addresses.join("duonet/10.78.0.2"), addresses.join("duonet/fd00:78::2")];
    assert!(files.iter().all(|file| file.is_file()));
    // Not with a port: portmap 1.1.1 looks for the rules of both families there.
    cni.check(&list, &other, &run).unwrap();
    sh("ip netns exec other ip addr del 10.78.0.2/24 dev eth0");
    assert_eq!(cni.check(&list, &other, &run).unwrap_err().code(), Code::CNI_PLUGIN_FAILED);
    sh("ip netns del other");
    cni.del(&list, &other, &run).unwrap();
    assert!(!files.iter().any(|file| file.exists()));

    let lo = NetworkList::parse_conf(br#"{"cniVersion":"0.4.0","name":"lo","type":"loopback"}"#).unwrap();
    let attachment = Attachment::new("3f2a", "lo", "/run/netns/pod").unwrap();
    cni.add(&lo, &attachment, &run).unwrap();
    assert!(sh("ip netns exec pod ip -o addr show lo").contains("127.0.0.1"));
    cni.check(&lo, &attachment, &run).unwrap();
    cni.del(&lo, &attachment, &run).unwrap();
    let _gone = fs::remove_dir_all(&scratch.0);
}
