//! What speaks to a cluster: against a real control plane, and without one the ways in which it fails.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    control_plane::ControlPlane,
    support::{CONFIG, Scratch, TOKEN_SECRET, assert_no_secret, init_args, k8sboot, prepared, run},
};

const PIN: &str = "sha256:6c5eaacb6bbeee5cbcdb62e35fd0cffc305e8372337a6861e9e4000f926f61ad";
const TOKEN: &str = "abcdef.9f8e7d6c5b4a3f2e";

/// A port of this machine where nobody listens.
fn closed() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

fn name(ran: &crate::support::Ran) -> String {
    ran.json()["errors"][0]["name"].as_str().unwrap().to_owned()
}

#[test]
fn tokens_need_a_kubeconfig_that_leads_to_a_cluster() {
    let scratch = prepared("tokens-offline", true);
    let admin = scratch.read("root/etc/kubernetes/admin.conf").replace("192.0.2.10:6443", &closed());
    let down = scratch.write("down.conf", &admin);
    let garbage = scratch.write("garbage.conf", "clusters: 7\n");
    let empty = scratch.write("empty.conf", "apiVersion: v1\nkind: Config\n");
    for command in [&["create"][..], &["create", "--print-join-command"], &["list"], &["delete", "abcdef"]] {
        for (kubeconfig, wanted) in [
            (&scratch.arg("missing.conf"), "FILE_IO"),
            (&garbage, "KUBECONFIG_SHAPE"),
            (&down, "API_UNREACHABLE"),
        ] {
            let ran = run([&["token"], command, &["--kubeconfig", kubeconfig, "-o", "json"]].concat());
            assert_eq!((ran.code, name(&ran).as_str()), (1, wanted), "{command:?} {}", ran.out);
            assert_no_secret(&scratch, &[&ran.out, &ran.err]);
        }
        let ran = run([&["token"], command, &["--kubeconfig", &empty]].concat());
        assert!(ran.code == 1 && ran.err.contains("current"), "{}", ran.err);
    }
}

#[test]
fn tokens_that_cannot_be_are_refused_without_asking_anybody() {
    let missing = ["--kubeconfig", "/nowhere/admin.conf", "-o", "json"];
    for (wrong, wanted, code) in [
        (&["create", "abcdef"][..], "TOKEN_SHAPE", 1),
        (&["create", "--usages", "sining"], "TOKEN_USAGE", 1),
        (&["create", "--groups", "admins"], "TOKEN_GROUP", 1),
        (&["create", "--ttl", "-1h"], "USAGE", 2),
        (&["create", "--ttl=-1h"], "TOKEN_LIFETIME", 1),
        (&["create", "--ttl", "soon"], "USAGE", 2),
        (&["delete"], "USAGE", 2),
    ] {
        let ran = run([&["token"], wrong, &missing].concat());
        assert_eq!((ran.code, name(&ran).as_str()), (code, wanted), "{wrong:?} {}", ran.out);
    }
    let ran = run(["token", "create", "abcdef.0123456789ABCDEF", "-o", "json"]);
    assert!(ran.code == 1 && !ran.out.contains("0123456789ABCDEF"), "{}", ran.out);
}

#[test]
fn a_join_that_finds_no_cluster_says_why_for_each_endpoint_and_leaves_nothing() {
    let scratch = Scratch::new("join-offline");
    let (one, other, root) = (closed(), closed(), scratch.arg("deep/root"));
    for more in [&[][..], &["--dry-run"], &["--diff"], &["--until", "kubelet"]] {
        let known = ["--token", TOKEN, "--discovery-token-ca-cert-hash", PIN, "--root", &root];
        let ran = run([&["join", &one, &other, "-o", "json"], &known[..], more].concat());
        assert_eq!(ran.code, 1, "{}", ran.out);
        assert!(name(&ran).starts_with("DISCOVERY_"), "{}", ran.out);
        for endpoint in [&one, &other] {
            assert!(ran.out.contains(endpoint.as_str()), "{endpoint}: {}", ran.out);
        }
        assert!(!ran.out.contains(TOKEN_SECRET) && !ran.err.contains(TOKEN_SECRET));
        assert!(scratch.snapshot().is_empty(), "not even the root is left");
    }
    // A root that was there stays as it was.
    fs::create_dir(scratch.path("there")).unwrap();
    let config = json!({
        "apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "JoinConfiguration",
        "discovery": {"bootstrapToken": {"token": TOKEN, "apiServerEndpoint": one, "caCertHashes": [PIN]}},
    });
    let config = scratch.write("join.yaml", config.to_string());
    let before = scratch.snapshot();
    let ran = run(["join", "--config", &config, "--root", &scratch.arg("there")]);
    assert!(ran.code == 1 && ran.err.contains(&one) && !ran.err.contains(TOKEN_SECRET), "{}", ran.err);
    let mut after = scratch.snapshot();
    after.retain(|name, _| !name.ends_with(".lock"));
    assert_eq!(after, before);
}

#[test]
fn servers_that_are_no_cluster_end_a_join_within_seconds() {
    let scratch = Scratch::new("join-hostile");
    let garbage = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let [answers, hangs] = [&garbage, &silent].map(|listener| listener.local_addr().unwrap().to_string());
    // Ends with the test's process.
    thread::spawn(move || {
        for stream in garbage.incoming() {
            let _ = stream
                .unwrap()
                .write_all(b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 3\r\n\r\nno\n");
        }
    });
    let began = Instant::now();
    let http = format!("http://{answers}");
    let known = ["--token", TOKEN, "--discovery-token-ca-cert-hash", PIN, "--root", &scratch.arg("root")];
    let ran = run([&["join", &answers, &hangs, &http], &known[..]].concat());
    assert!(ran.code == 1 && began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    for endpoint in [&answers, &hangs, &http] {
        assert!(ran.err.contains(endpoint.as_str()), "{endpoint}: {}", ran.err);
    }
    assert!(!ran.err.contains(TOKEN_SECRET), "{}", ran.err);
    assert!(scratch.snapshot().is_empty());
}

#[test]
fn a_bundle_that_cannot_be_opened_is_told_apart() {
    let scratch = Scratch::new("bundle");
    let (bundle, word) = (scratch.write("join.bundle", "no bundle"), scratch.write("word", "long enough\n"));
    let short = scratch.write("short", "short\n");
    let missing = scratch.arg("missing");
    for (wrong, wanted, code) in [
        (&["bundle", "show", &missing][..], "FILE_IO", 1),
        (&["bundle", "show", &bundle], "BUNDLE_", 1),
        (&["bundle", "show", &bundle, "--passphrase-file", &short], "BUNDLE_", 1),
        (&["bundle", "create", &bundle], "USAGE", 2),
        (&["bundle", "create", &bundle, "--passphrase-file", &short], "BUNDLE_", 1),
        (&["bundle", "create", &bundle, "--passphrase-file", &word, "--kubeconfig", &missing], "FILE_IO", 1),
        (&["join", "--bundle", &bundle], "USAGE", 2),
        (&["join", "--bundle", &bundle, "--passphrase-file", &word], "BUNDLE_", 1),
    ] {
        let ran = run([wrong, &["-o", "json"]].concat());
        assert!(ran.code == code && name(&ran).contains(wanted), "{wrong:?} {}", ran.out);
        assert!(!ran.out.contains("long enough"), "{}", ran.out);
    }
    assert_eq!(scratch.read("join.bundle"), "no bundle");
}

#[test]
fn a_tree_serves_the_tokens_of_its_configuration_and_no_others() {
    let scratch = prepared("serve-tree", true);
    let (config, root) = (scratch.arg("config.yaml"), scratch.arg("root"));
    let serve = ["discovery", "serve", "--listen", "127.0.0.1:0", "--config", &config, "--root"];
    let mut serving =
        k8sboot().args(serve).arg(&root).args(["-o", "json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(serving.stdout.take().unwrap()).lines();
    let address = lines.by_ref().find_map(|line| {
        let line = line.unwrap();
        Some(line.trim().strip_prefix("\"address\": \"")?.trim_end_matches(['"', ',']).to_owned())
    });
    let ask = |id: &str| {
        let mut stream = TcpStream::connect(address.as_deref().unwrap()).unwrap();
        write!(stream, "GET /cluster-info/v1/?token-id={id} HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let (known, unknown) = (ask("abcdef"), ask("zzzzzz"));
    serving.kill().unwrap();
    serving.wait().unwrap();
    assert!(known.starts_with("HTTP/1.1 200 ") && known.contains("jws-kubeconfig-abcdef"), "{known}");
    assert!(unknown.starts_with("HTTP/1.1 404 "), "{unknown}");
    assert!(!known.contains(TOKEN_SECRET) && !known.contains("PRIVATE KEY"));
    // What is missing is said before anybody is served.
    let nameless: String = CONFIG
        .lines()
        .filter(|line| !line.contains("okens:") && !line.contains("token:"))
        .map(|line| format!("{line}\n"))
        .collect();
    let nameless = scratch.write("nameless.yaml", nameless);
    let empty = scratch.arg("empty");
    fs::create_dir(&empty).unwrap();
    for (config, root, wanted) in [(&nameless, &root, "bootstrapTokens"), (&config, &empty, "ca.crt")] {
        let ran = run(["discovery", "serve", "--listen", "127.0.0.1:0", "--config", config, "--root", root]);
        assert!(ran.code == 1 && ran.err.contains(wanted), "{wanted}: {}", ran.err);
    }
}

#[test]
fn a_join_says_what_it_lacks() {
    let hash = ["--discovery-token-ca-cert-hash", PIN];
    for (wrong, wanted, code) in [
        (&["join"][..], "USAGE", 2),
        (&["join", "--config", "x", "192.0.2.10:6443"], "USAGE", 2),
        (&["join", "--config", "/nowhere/join.yaml"], "FILE_IO", 1),
        (&["join", "not an endpoint", "--token", TOKEN], "USAGE", 2),
        (
            &["join", "192.0.2.10:6443", "--token", TOKEN, "--discovery-token-ca-cert-hash", "md5:00"],
            "USAGE",
            2,
        ),
        (&["join", "192.0.2.10:6443"], "CONFIG_MISSING", 1),
        (&["join", "192.0.2.10:6443", "--token", TOKEN], "DISCOVERY_OPTIONS", 1),
        (
            &["join", "192.0.2.10:6443", "--token", TOKEN, "--until", "pki", hash[0], hash[1]],
            "FLOW_UNKNOWN_STAGE",
            2,
        ),
        (&["cluster", "status", "--kubeconfig", "/nowhere/admin.conf"], "FILE_IO", 1),
        (&["discovery", "show"], "USAGE", 2),
        (&["discovery", "serve", "--listen", "nowhere"], "USAGE", 2),
        (&["discovery", "serve", "--kubeconfig", "/nowhere/admin.conf"], "FILE_IO", 1),
    ] {
        let ran = run([wrong, &["-o", "json"]].concat());
        assert_eq!((ran.code, name(&ran).as_str()), (code, wanted), "{wrong:?} {}", ran.out);
    }
    let scratch = prepared("join-init", false);
    let ran = run(["join", "--config", &scratch.arg("config.yaml")]);
    assert!(ran.code == 1 && ran.err.contains("JoinConfiguration"), "{}", ran.err);
}

#[test]
fn later_stages_of_init_say_what_they_wait_for_and_what_they_lack() {
    let scratch = prepared("later", false);
    // Nothing was made yet: nothing is made.
    let ran = run(init_args(&scratch, &["--from", "upload-config"]));
    assert!(ran.code == 1 && ran.err.contains("/etc/kubernetes/pki/ca.crt"), "{}", ran.err);
    assert!(!scratch.path("root").exists());
    // Nobody answers at the address of the configuration.
    let hasty = "timeouts: {kubernetesAPICall: 1s, controlPlaneComponentHealthCheck: 1s, kubeletHealthCheck: 1s}\n---";
    scratch.write("config.yaml", CONFIG.replacen("---", hasty, 1));
    run(init_args(&scratch, &[])).ok();
    let before = scratch.snapshot();
    let ran = run(init_args(&scratch, &["--from", "wait-control-plane"]));
    assert!(ran.code == 1 && ran.err.contains("[wait-control-plane] "), "{}", ran.err);
    assert!(ran.err.contains("not within 1.0 s"), "{}", ran.err);
    let json = run(init_args(&scratch, &["--from", "upload-config", "-o", "json"]));
    assert!(json.code == 1 && name(&json).starts_with("API_"), "{}", json.out);
    assert_no_secret(&scratch, &[&ran.out, &ran.err, &json.out, &json.err]);
    let mut after = scratch.snapshot();
    after.retain(|name, _| before.contains_key(name));
    assert_eq!(after, before);
    // Without a key there is nothing to seal with; without a place it goes nowhere.
    let ran = run(init_args(&scratch, &["--upload-certs"]));
    assert!(ran.code == 1 && ran.err.contains("--objects-dir"), "{}", ran.err);
}

#[test]
fn the_rest_of_init_and_tokens_in_a_real_cluster() {
    let Some(cluster) = ControlPlane::start("cli-init") else { return };
    let (config, root) = (cluster.config(), cluster.root());
    let node = json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": "node-1", "labels": {"kubernetes.io/hostname": "node-1"}},
    });
    cluster.kubectl(&["create", "--validate=false", "-f", "-"], &node.to_string());
    let later = ["init", "--config", &config, "--root", &root, "--from", "upload-config"];
    let ran = cluster.k8sboot(&later).ok();
    assert!(ran.out.starts_with("kubeadm join 192.0.2.10:6443 --token abcdef."), "{}", ran.out);
    assert!(
        ran.err.contains("The control plane is set up") && !ran.err.contains(TOKEN_SECRET),
        "{}",
        ran.err
    );
    let labels = cluster.kubectl(&["get", "node", "node-1", "--show-labels"], "");
    assert!(labels.contains("node-role.kubernetes.io/control-plane="), "{labels}");
    let addons =
        cluster.kubectl(&["get", "--namespace=kube-system", "daemonset/kube-proxy", "deploy/coredns"], "");
    assert!(addons.contains("kube-proxy") && addons.contains("coredns"), "{addons}");
    let again = cluster.k8sboot(&[&later[..], &["-o", "json"]].concat()).ok().json();
    let steps =
        again["stages"].as_array().unwrap().iter().flat_map(|stage| stage["steps"].as_array().unwrap());
    let changed: Vec<&str> =
        steps.filter(|step| step["outcome"] == "changed").map(|step| step["id"].as_str().unwrap()).collect();
    // Its life begins anew.
    assert_eq!(changed, ["bootstrap-token/v1 Secret kube-system/bootstrap-token-abcdef"]);

    // Tokens, as admin.conf may handle them by now.
    let admin = cluster.scratch.arg("root/etc/kubernetes/admin.conf");
    let token = |more: &[&str]| cluster.k8sboot(&[&["token"], more, &["--kubeconfig", &admin]].concat());
    let made = token(&["create", "--ttl", "2h", "--description", "for a test"]).ok().out;
    let id = made.split('.').next().unwrap();
    let listed = token(&["list"]).ok().out;
    let line = listed.lines().find(|line| line.starts_with(id)).unwrap();
    assert!(line.contains("for a test") && line.contains("signing,authentication"), "{listed}");
    assert!(!listed.contains(made.trim()), "{listed}");
    assert!(token(&["list", "--show-secrets"]).ok().out.contains(made.trim()));
    let join = token(&["create", "bcdefa.0123456789abcdef", "--ttl", "0", "--print-join-command"]).ok().out;
    let begin =
        "kubeadm join 192.0.2.10:6443 --token bcdefa.0123456789abcdef --discovery-token-ca-cert-hash sha256:";
    assert!(join.starts_with(begin), "{join}");
    let twice = token(&["create", "bcdefa.0123456789abcdef", "-o", "json"]);
    assert_eq!((twice.code, name(&twice).as_str()), (1, "TOKENS_EXISTS"));
    let useless = token(&["create", "--usages", "authentication", "-o", "json"]).ok().json();
    let json = token(&["list", "-o", "json"]).ok().json();
    let of =
        |id: &str| json["tokens"].as_array().unwrap().iter().find(|token| token["id"] == id).unwrap().clone();
    assert_eq!(of("bcdefa")["expires"], json!(null));
    assert_eq!(of(useless["id"].as_str().unwrap())["problems"][0]["name"], "notSigning");
    let deleted = token(&["delete", id, "zzzzzz", "bcdefa.0123456789abcdef", "-o", "json"]);
    assert_eq!(deleted.code, 1);
    assert_eq!(deleted.json()["deleted"], json!([id, "bcdefa"]));
    assert_eq!(name(&deleted), "TOKENS_NOT_FOUND");
    assert!(!token(&["list"]).ok().out.contains("bcdefa"));
    let part = |status: &Value, name: &str| {
        let all = status["controlPlane"].as_array().unwrap().clone();
        all.into_iter().find(|part| part["name"] == name).unwrap()
    };
    // A controller manager leads, and an API server has registered itself, some time after their start.
    let deadline = Instant::now() + Duration::from_secs(60);
    let status = loop {
        let status =
            cluster.k8sboot(&["cluster", "status", "--kubeconfig", &admin, "-o", "json"]).ok().json();
        let late = Instant::now() > deadline;
        let ready = |name| part(&status, name)["ready"] == true;
        let shown = status["certificates"].get(0).is_some();
        if late || (shown && ready("kube-apiserver") && ready("kube-controller-manager")) {
            assert!(!late, "{status:#}");
            break status;
        }
        thread::sleep(Duration::from_millis(250));
    };
    // The state of all that: kube-scheduler was not started.
    let text = cluster.k8sboot(&["cluster", "status", "--kubeconfig", &admin]).ok();
    for told in [
        "Kubernetes v1.",
        "has never led",
        "CN=kube-apiserver",
        "its kubelet has not reported yet",
        "lacks usage signing",
    ] {
        assert!(text.out.contains(told), "{told}: {}", text.out);
    }
    assert_eq!(part(&status, "kube-scheduler")["reason"], "has never led: no Lease in kube-system");
    assert_eq!(status["nodes"][0]["roles"], "control-plane");
    let served = &status["certificates"][0];
    assert_eq!((&served["at"], &served["subject"]), (&json!("192.0.2.10:6443"), &json!("CN=kube-apiserver")));
    let file = cluster.k8sboot(&["certs", "list", "--root", &root, "-o", "json"]).ok().json();
    let listed =
        file["certificates"].as_array().unwrap().iter().find(|one| one["name"] == "apiserver").unwrap();
    assert!(listed.to_string().contains(served["expires"].as_str().unwrap()), "{listed} {served}");
    assert!(!status.to_string().contains(TOKEN_SECRET));
    // Whoever may not is told so: the kubelet of the node.
    let kubelet = cluster.scratch.arg("root/etc/kubernetes/kubelet.conf");
    let refused = cluster.k8sboot(&["token", "list", "--kubeconfig", &kubelet, "-o", "json"]);
    assert_eq!((refused.code, name(&refused).as_str()), (1, "API_FORBIDDEN"));
}

#[test]
fn workers_find_and_join_a_real_cluster() {
    let Some(cluster) = ControlPlane::start("cli-join") else { return };
    let (config, root) = (cluster.config(), cluster.root());
    let later = ["init", "--config", &config, "--root", &root, "--from", "upload-config"];
    let out = cluster.k8sboot(&[&later[..], &["--skip", "mark-control-plane"]].concat()).ok().out;
    let hash = out.split_whitespace().find(|word| word.starts_with("sha256:")).unwrap();
    let known = ["--token", TOKEN, "--discovery-token-ca-cert-hash", hash];

    // What a node finds, asked at the API server and at an endpoint of ours.
    let show = cluster
        .k8sboot(&[&["discovery", "show", "192.0.2.10:6443", "192.0.2.10:1"], &known[..]].concat())
        .ok();
    assert!(show.out.contains("https://192.0.2.10:6443") && show.out.contains(hash), "{}", show.out);
    let (mut serving, line) = cluster.background(&[
        "discovery",
        "serve",
        "--listen",
        "192.0.2.10:9898",
        "--kubeconfig",
        &cluster.super_admin(),
    ]);
    let show = cluster
        .k8sboot(&[&["discovery", "show", "http://192.0.2.10:9898", "-o", "json"], &known[..]].concat());
    let wrong = cluster.k8sboot(&[
        "discovery",
        "show",
        "http://192.0.2.10:9898",
        "--token",
        "zzzzzz.9f8e7d6c5b4a3f2e",
        known[2],
        known[3],
    ]);
    serving.kill().unwrap();
    serving.wait().unwrap();
    assert_eq!(line, "serving cluster-info of https://192.0.2.10:6443 at http://192.0.2.10:9898\n");
    assert_eq!(show.ok().json()["caCertHashes"], json!([hash]));
    assert!(wrong.code == 1 && wrong.err.contains("zzzzzz"), "{}", wrong.err);

    // The same endpoint by the tree alone.
    let (mut serving, line) = cluster.background(&[
        "discovery",
        "serve",
        "--listen",
        "192.0.2.10:9899",
        "--config",
        &config,
        "--root",
        &root,
    ]);
    let show = cluster.k8sboot(&[&["discovery", "show", "http://192.0.2.10:9899"], &known[..]].concat());
    serving.kill().unwrap();
    serving.wait().unwrap();
    assert_eq!(line, "serving cluster-info of https://192.0.2.10:6443 at http://192.0.2.10:9899\n");
    assert!(show.ok().out.contains(hash));

    // A wrong hash: nothing is written.
    let worker = cluster.scratch.arg("worker");
    let join = ["join", "192.0.2.10:6443", "--node-name", "worker-1", "--root", &worker];
    let forged = cluster.k8sboot(&[&join[..], &["--token", TOKEN, known[2], PIN, "-o", "json"]].concat());
    assert!(forged.code == 1 && name(&forged).starts_with("DISCOVERY_"), "{}", forged.out);
    assert!(!cluster.scratch.path("worker").exists());

    let join = [&join[..], &known[..]].concat();
    for more in ["--dry-run", "--diff"] {
        let ran = cluster.k8sboot(&[&join[..], &[more]].concat()).ok();
        assert!(
            ran.out.contains("/var/lib/kubelet/config.yaml") && !ran.out.contains(TOKEN_SECRET),
            "{}",
            ran.out
        );
        assert!(!cluster.scratch.path("worker").exists(), "{more}");
    }
    let ran = cluster.k8sboot(&[&join[..], &["--until", "kubelet"]].concat()).ok();
    assert!(ran.err.contains("systemctl restart kubelet"), "{}", ran.err);
    assert!(cluster.scratch.read("worker/etc/kubernetes/bootstrap-kubelet.conf").contains(TOKEN));
    let library = ["--tls-bootstrap", "library", "--skip", "wait-kubelet", "--register-node"];
    let ran = cluster.k8sboot(&[&join[..], &library].concat()).ok();
    assert!(ran.err.contains("Node worker-1 has joined"), "{}", ran.err);
    assert!(!cluster.scratch.path("worker/etc/kubernetes/bootstrap-kubelet.conf").exists());
    assert!(cluster.kubectl(&["get", "nodes"], "").contains("worker-1"));
    assert!(!ran.err.contains(TOKEN_SECRET) && !ran.out.contains(TOKEN_SECRET));

    // By a bundle, where the cluster answers no strangers.
    cluster.kubectl(
        &["delete", "--namespace=kube-public", "rolebinding", "kubeadm:bootstrap-signer-clusterinfo"],
        "",
    );
    let word = cluster.scratch.write("word", "a passphrase\n");
    let (file, other) = (cluster.scratch.arg("join.bundle"), cluster.scratch.arg("worker-2"));
    let sealed = ["--passphrase-file", &word];
    let made = cluster.admin(&[&["bundle", "create", &file], &sealed[..]].concat()).ok();
    assert!(made.out.contains("holds token"), "{}", made.out);
    let shown =
        cluster.k8sboot(&[&["bundle", "show", &file, "-o", "json"], &sealed[..]].concat()).ok().json();
    assert_eq!(
        (&shown["server"], &shown["caCertHashes"]),
        (&json!("https://192.0.2.10:6443"), &json!([hash]))
    );
    let unopened = cluster.k8sboot(&["bundle", "show", &file, "-o", "json"]).ok().json();
    assert_eq!(unopened["expires"], shown["expires"]);
    let join = ["join", "--bundle", &file, "--node-name", "worker-2", "--root", &other];
    cluster.k8sboot(&[&join[..], &sealed, &library].concat()).ok();
    assert!(cluster.kubectl(&["get", "nodes"], "").contains("worker-2"));
    // Nowhere to write: the token does not stay.
    let nowhere = cluster.scratch.arg("missing/join.bundle");
    let before = cluster.admin(&["token", "list"]).ok().out;
    assert_eq!(cluster.admin(&[&["bundle", "create", &nowhere], &sealed[..]].concat()).code, 1);
    assert_eq!(cluster.admin(&["token", "list"]).ok().out, before);
}
