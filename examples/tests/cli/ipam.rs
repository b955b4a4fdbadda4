//! `ipam`: addresses given and freed, pools drawn, leaks found, files repaired; on directories that host-local made.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    thread,
};

use crate::support::{Ran, Scratch, fixtures, k8sboot, run};

/// A directory of networks of its own, as a recorded case left it.
fn networks(case: &str) -> Scratch {
    let scratch = Scratch::new("ipam");
    copy(&fixtures().join("cni").join(case).join("networks"), &scratch.path("networks"));
    scratch
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

fn ipam(scratch: &Scratch, command: &str, network: &str, more: &[&str]) -> Ran {
    let data = scratch.arg("networks");
    run([&["ipam", command, "--data-dir", &data, "--network", network], more].concat())
}

fn records(scratch: &Scratch, network: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(scratch.path("networks").join(network))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.parse::<std::net::IpAddr>().is_ok())
        .collect();
    names.sort_unstable();
    names
}

/// An engine that lists containers in Docker's words; it ends with the test's process.
fn engine(scratch: &Scratch, ids: &[String]) -> String {
    let path: PathBuf = scratch.path("docker.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let list: Vec<_> = ids.iter().map(|id| serde_json::json!({ "Id": id, "State": "running" })).collect();
    let list = serde_json::Value::from(list).to_string();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let list = list.clone();
            thread::spawn(move || serve(stream, &list));
        }
    });
    path.display().to_string()
}

fn serve(mut stream: UnixStream, list: &str) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    while let Some(Ok(request)) = lines.next() {
        while lines.next().and_then(Result::ok).is_some_and(|line| !line.is_empty()) {}
        let (status, body) = match request.split(' ').nth(1).unwrap_or_default() {
            path if path.ends_with("/version") => ("200 OK", r#"{"ApiVersion":"1.41","Version":"20.10"}"#),
            path if path.contains("/containers/json") => ("200 OK", list),
            _ => ("404 Not Found", r#"{"message":"no such container"}"#),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        if stream.write_all(format!("{head}{body}").as_bytes()).is_err() {
            return;
        }
    }
}

/// The sandboxes that live, of an exhausted directory.
fn living(case: &str) -> Vec<String> {
    let text = fs::read_to_string(fixtures().join("cni").join(case).join("live-containers.txt")).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn addresses_are_given_found_again_and_freed() {
    let scratch = Scratch::new("ipam-add");
    let subnets = ["--subnet", "10.244.1.0/29", "--subnet", "fd00::/64"];
    let add = |more: &[&str]| ipam(&scratch, "add", "cbr0", &[&subnets[..], more].concat());
    let text = add(&["--container", "3f2a"]).ok();
    assert_eq!(text.out, "10.244.1.2/29 gateway 10.244.1.1\nfd00::2/64 gateway fd00::1\n");
    assert_eq!(fs::read(scratch.path("networks/cbr0/10.244.1.2")).unwrap(), b"3f2a\r\neth0");
    let json = add(&["--container", "3f2a", "-o", "json"]).ok().json();
    assert_eq!(json["ips"][1], serde_json::json!({"address": "fd00::2/64", "gateway": "fd00::1", "set": 1}));
    let wanted = add(&["--container", "77b0", "--ifname", "net1", "--ip", "10.244.1.6"]).ok();
    assert!(wanted.out.starts_with("10.244.1.6/29 "), "{}", wanted.out);
    let taken = add(&["--container", "88c1", "--ip", "10.244.1.6", "-o", "json"]);
    assert_eq!((taken.code, taken.json()["errors"][0]["name"].as_str()), (1, Some("IPAM_TAKEN")));
    let del = |more: &[&str]| ipam(&scratch, "del", "cbr0", more).ok();
    assert_eq!(del(&["--container", "3f2a"]).out, "released 10.244.1.2 fd00::2\n");
    assert_eq!(del(&["--container", "3f2a"]).out, "3f2a/eth0 holds nothing\n");
    let json = del(&["--container", "77b0", "--ifname", "net1", "-o", "json"]).json();
    assert_eq!(json["released"].as_array().unwrap().len(), 2);
    assert!(records(&scratch, "cbr0").is_empty());
}

#[test]
fn mistakes_are_named() {
    let scratch = networks("exhausted-cbr0-today");
    let before = scratch.snapshot();
    for (command, network, more, code, part) in [
        ("add", "cbr0", &["--container", "a"][..], 2, "--subnet"),
        ("add", "cbr0", &["--container", "a", "--subnet", "10.244.1.0"], 2, "ADDRESS/LENGTH"),
        ("add", "cbr0", &["--container", "a", "--subnet", "10.244.1.0/24"], 1, "253 of 253"),
        ("add", "cbr0", &["--container", "a/b", "--subnet", "10.244.1.0/24"], 1, "a/b"),
        ("add", "cbr0", &["--container", "a", "--subnet", "10.244.1.1/24"], 1, "host bits"),
        ("del", "cbr1", &["--container", "a"], 1, "no such directory"),
        ("del", "../cbr0", &["--container", "a"], 1, "network name"),
        ("show", "cbr1", &[], 1, "no such directory"),
        ("gc", "cbr0", &["--grace", "soon"], 2, "soon"),
        ("gc", "cbr0", &["--docker", "/nonexistent/docker.sock", "--yes"], 1, "/nonexistent/docker.sock"),
    ] {
        let ran = ipam(&scratch, command, network, more);
        assert_eq!(ran.code, code, "{command} {more:?}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(part), "{command} {more:?}: {}", ran.err);
    }
    let kept = |all: std::collections::BTreeMap<String, (u32, Vec<u8>)>| {
        all.into_iter().filter(|(name, _)| !name.contains("/.")).collect::<Vec<_>>()
    };
    assert_eq!(kept(scratch.snapshot()), kept(before), "nothing was changed");
    fs::create_dir(scratch.path("networks/empty")).unwrap();
    let ran = ipam(&scratch, "show", "empty", &[]);
    assert!(ran.code == 1 && ran.err.contains("give --subnet CIDR"), "{}", ran.err);
}

#[test]
fn a_pool_is_drawn_in_the_terminal() {
    let scratch = networks("exhausted-cbr0-2016");
    let show = |columns: &str| {
        let data = scratch.arg("networks");
        let arguments = ["ipam", "show", "--data-dir", &data, "--network", "cbr0", "--grace", "0s"];
        Ran::from(k8sboot().args(arguments).env("COLUMNS", columns).output().unwrap()).ok().out
    };
    let wide = show("80");
    assert!(wide.contains("\n10.244.1.0   - - H H"), "{wide}");
    assert_eq!(wide.lines().filter(|line| line.starts_with("10.244.1.")).count(), 1 + 8, "{wide}");
    assert_eq!(wide.matches("H ").count() + wide.matches("H\n").count(), 253 + 1, "all cells and the legend");
    assert!(wide.contains("H    253 held") && wide.contains("subnets guessed"), "{wide}");
    let narrow = show("40");
    assert_eq!(narrow.lines().filter(|line| line.starts_with("10.244.1.")).count(), 1 + 32, "{narrow}");
    assert!(
        narrow
            .lines()
            .take_while(|line| !line.is_empty() || !line.contains("held"))
            .all(|line| !line.contains('\x1b'))
    );
    let report =
        ipam(&scratch, "show", "cbr0", &["--subnet", "10.244.0.0/16", "-o", "json", "--grace", "0s"])
            .ok()
            .json();
    assert_eq!(report["summary"]["unknown"], 253);
    let large = ipam(&scratch, "show", "cbr0", &["--subnet", "10.244.0.0/16"]).ok().out;
    assert!(large.contains("10.244.0.0/16, a cell is 64 addresses"), "{large}");
}

#[test]
fn a_pool_is_drawn_as_svg() {
    let scratch = networks("dual-stack");
    let svg = scratch.arg("pool.svg");
    let subnets =
        ["--subnet", "10.244.2.0/24", "--subnet", "fd00:10:244:2::/64", "--grace", "0s", "--svg", &svg];
    for _ in 0..2 {
        ipam(&scratch, "show", "k8s-pod-network", &subnets).ok();
    }
    let drawn = scratch.read("pool.svg");
    assert!(drawn.starts_with("<svg xmlns=") && drawn.ends_with("</svg>\n"));
    assert_eq!(drawn.matches("<g><title>").count(), 256 + 256, "a cell for each address drawn");
    assert_eq!(drawn.matches("<g>").count(), drawn.matches("</g>").count());
    assert!(drawn.contains("<title>10.244.2.2 held, "), "who holds it is told");
    assert!(
        drawn.contains("10.244.2.1 reserved, the gateway") && drawn.contains("drawn fd00:10:244:2::/120")
    );
    assert!(
        !drawn.contains("http") || drawn.matches("http").count() == 1,
        "nothing is loaded from elsewhere"
    );
    let left: Vec<_> =
        fs::read_dir(scratch.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    fs::create_dir(scratch.path("in-the-way.svg")).unwrap();
    let ran = ipam(&scratch, "show", "k8s-pod-network", &["--svg", &scratch.arg("in-the-way.svg")]);
    assert!(ran.code == 1 && ran.err.contains("in-the-way.svg"), "{}", ran.err);
}

#[test]
#[cfg(feature = "docker")]
fn an_exhausted_directory_keeps_its_three_living_containers() {
    for case in ["exhausted-cbr0-today", "exhausted-cbr0-2016"] {
        let scratch = networks(case);
        let socket = engine(&scratch, &living(case));
        let witness = ["--docker", &socket, "--grace", "0s", "--all-runtimes"];
        let gc = |more: &[&str]| ipam(&scratch, "gc", "cbr0", &[&witness[..], more].concat()).ok();
        let dry = gc(&["-o", "json"]).json();
        assert_eq!((&dry["summary"]["leaked"], &dry["dryRun"]), (&250.into(), &true.into()), "{case}");
        assert_eq!(records(&scratch, "cbr0").len(), 253, "{case}: a dry run frees nothing");
        assert!(gc(&[]).err.contains("add --yes"));
        let shown = ipam(&scratch, "show", "cbr0", &witness).ok().out;
        assert!(shown.contains("X    250 leaked") && shown.contains("L      3 live"), "{shown}");
        let done = gc(&["--yes"]).out;
        assert!(done.contains("freed 250; 3 entries are left"), "{done}");
        assert_eq!(records(&scratch, "cbr0").len(), 3, "{case}");
        let free = fs::read_to_string(fixtures().join("cni").join(case).join("expected-free.txt")).unwrap();
        assert!(free.lines().all(|address| !scratch.path("networks/cbr0").join(address).exists()), "{case}");
        let next = ipam(&scratch, "add", "cbr0", &["--subnet", "10.244.1.0/24", "--container", "new"]).ok();
        assert!(next.out.ends_with("/24 gateway 10.244.1.1\n"), "{}", next.out);
        assert_eq!(gc(&["--yes", "-o", "json"]).json()["freed"].as_array().unwrap().len(), 1, "the new one");
    }
}

#[test]
fn broken_files_are_told_and_repaired() {
    let scratch = networks("crash/killed-before-record");
    let empty: Vec<String> = records(&scratch, "mynet")
        .into_iter()
        .filter(|name| fs::read(scratch.path("networks/mynet").join(name)).unwrap().is_empty())
        .collect();
    assert_eq!(empty.len(), 1);
    let repair = |more: &[&str]| ipam(&scratch, "repair", "mynet", more).ok();
    let told = repair(&[]);
    assert!(told.out.contains(&empty[0]) && told.err.contains("add --yes"), "{}{}", told.out, told.err);
    assert_eq!(records(&scratch, "mynet").len(), 3);
    let json = repair(&["--yes", "-o", "json"]).json();
    assert_eq!(
        (&json["findings"][0]["name"], &json["findings"][0]["outcome"]),
        (&empty[0].clone().into(), &"repaired".into())
    );
    assert_eq!(records(&scratch, "mynet").len(), 2);
    assert_eq!(repair(&["--yes"]).out, "everything is as it should be\n");
}
