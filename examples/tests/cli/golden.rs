//! Every recorded case of real kubeadm through the command line.

use std::{collections::BTreeSet, fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use crate::support::{CASES, Scratch, case_file, fixtures, run};

/// A root directory that looks like the host the case was recorded on. RSA keys are there already, from fixtures, so
/// that the time of this test does not go into primes.
fn host(case: &str) -> Scratch {
    let scratch = Scratch::new(case);
    let env = case_file(case, "host.env");
    let name = env.lines().find_map(|line| line.strip_prefix("HOST_NAME=")).unwrap();
    scratch.write("root/etc/hostname", format!("{name}\n"));
    for directory in ["etc/ca-certificates", "usr/share/ca-certificates", "usr/local/share/ca-certificates"] {
        fs::create_dir_all(scratch.path("root").join(directory)).unwrap();
    }
    if case_file(case, "config.yaml").contains("ECDSA") {
        return scratch;
    }
    let pki = [
        ("ca", "rsa-ca"),
        ("front-proxy-ca", "rsa-front-proxy-ca"),
        ("etcd/ca", "rsa-etcd-ca"),
        ("apiserver", "rsa-leaf"),
        ("apiserver-kubelet-client", "rsa-leaf"),
        ("front-proxy-client", "rsa-leaf"),
        ("etcd/server", "rsa-leaf"),
        ("etcd/peer", "rsa-leaf"),
        ("etcd/healthcheck-client", "rsa-leaf"),
        ("apiserver-etcd-client", "rsa-leaf"),
        ("sa", "rsa-leaf"),
    ];
    for (name, key) in pki {
        if case == "external-etcd" && name.contains("etcd") {
            continue;
        }
        let key = fs::read(fixtures().join("keys").join(format!("{key}.pem"))).unwrap();
        scratch.write(&format!("root/etc/kubernetes/pki/{name}.key"), key);
    }
    scratch
}

fn config(case: &str) -> String {
    fixtures().join("kubeadm-1.36/cases").join(case).join("config.yaml").display().to_string()
}

#[test]
fn init_writes_kubeadms_manifests_kubelet_files_and_objects() {
    for case in CASES {
        let scratch = host(case);
        let (root, objects) = (scratch.arg("root"), scratch.arg("objects"));
        let uploads = case_file(case, "host.env").contains("--upload-certs");
        let mut arguments = vec!["init", "--root", &root, "--objects-dir", &objects, "--config"];
        let config = config(case);
        arguments.push(&config);
        if uploads {
            arguments.push("--upload-certs");
        }
        let ran = run(&arguments).ok();
        for name in ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"] {
            let path = format!("root/etc/kubernetes/manifests/{name}.yaml");
            if name == "etcd" && case == "external-etcd" {
                assert!(!scratch.path(&path).exists());
            } else {
                assert_eq!(
                    scratch.read(&path),
                    case_file(case, &format!("manifests/{name}.yaml")),
                    "{case}: {name}"
                );
            }
        }
        for (ours, theirs) in [
            ("config.yaml", "kubelet-config.yaml"),
            ("kubeadm-flags.env", "kubeadm-flags.env"),
            ("instance-config.yaml", "instance-config.yaml"),
        ] {
            let ours = scratch.read(&format!("root/var/lib/kubelet/{ours}"));
            assert_eq!(ours, case_file(case, theirs), "{case}: {theirs}");
        }
        compare_objects(case, &scratch);
        compare_joins(case, &scratch, &ran.out);
    }
}

fn compare_objects(case: &str, scratch: &Scratch) {
    let golden = fixtures().join("kubeadm-1.36/cases").join(case).join("objects");
    let mut theirs = names(&golden);
    for name in names(&scratch.path("objects")) {
        let ours = scratch.read(&format!("objects/{name}"));
        if name == "node.patch" {
            assert!(theirs.remove("node-patch.json"));
            let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            let mut golden = parse(&case_file(case, "objects/node-patch.json"))["body"].take();
            // The recorded Node had a foreign taint already, which kubeadm keeps after its own.
            let taints = golden["spec"]["taints"].as_array_mut().unwrap();
            taints.retain(|taint| taint["key"] != "node.kubernetes.io/not-ready");
            assert_eq!(parse(&ours), golden, "{case}");
            continue;
        }
        let mut their_name = name.clone();
        if !theirs.contains(&name) {
            // The Secret of the token that ends the upload has a random name.
            assert!(
                name.starts_with("Secret.kube-system.bootstrap-token-"),
                "{case}: {name} is not kubeadm's"
            );
            their_name = "Secret.kube-system.bootstrap-token-RANDOM_ID.yaml".to_owned();
        }
        assert!(theirs.remove(&their_name), "{case}: {their_name}");
        let golden = case_file(case, &format!("objects/{their_name}"));
        if name == "Secret.kube-system.kubeadm-certs.yaml" {
            // Without an API server there is no uid of an owner; the entries are the same.
            let entries = |text: &str| -> BTreeSet<String> {
                let lines = text.lines().filter(|line| {
                    line.starts_with("  ") && line.contains(".crt:") || line.contains(".key:")
                });
                lines.map(|line| line.trim().split(':').next().unwrap().to_owned()).collect()
            };
            assert_eq!(entries(&ours), entries(&golden), "{case}");
            assert!(entries(&ours).len() >= 6, "{case}: {ours}");
            continue;
        }
        assert_eq!(ours.lines().count(), golden.lines().count(), "{case}: {name}\n{ours}");
        for (our_line, golden_line) in ours.lines().zip(golden.lines()) {
            assert!(
                same(scratch, our_line, golden_line),
                "{case}: {name}\n kubeadm: {golden_line}\n    ours: {our_line}"
            );
        }
    }
    assert!(theirs.is_empty(), "{case}: missing {theirs:?}");
}

/// Whether a line equals a recorded one, in which a placeholder stands for what differs per run.
fn same(scratch: &Scratch, ours: &str, golden: &str) -> bool {
    let Some((before, rest)) = golden.split_once('<') else { return ours == golden };
    let (placeholder, after) = rest.split_once('>').unwrap();
    let (before, after) = (before.replace('"', ""), after.replace('"', ""));
    let Some(value) = ours.strip_prefix(&before).and_then(|ours| ours.strip_suffix(&after)) else {
        return false;
    };
    let decoded = || BASE64.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match placeholder.split(':').next().unwrap() {
        "CA_DATA" => decoded() == Some(scratch.read("root/etc/kubernetes/pki/ca.crt")),
        "CA_HASH" => value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "EXPIRATION" => {
            decoded().is_some_and(|time| time.len() == 20 && time.starts_with("20") && time.ends_with('Z'))
        }
        "RANDOM_ID" => value.len() == 6 || decoded().is_some_and(|id| id.len() == 6),
        "RANDOM_SECRET" => decoded().is_some_and(|secret| secret.len() == 16),
        other => panic!("unknown placeholder {other}"),
    }
}

fn compare_joins(case: &str, scratch: &Scratch, printed: &str) {
    let output = case_file(case, "output.txt");
    let mut theirs = Vec::new();
    let mut lines = output.lines().peekable();
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with("kubeadm join ") {
            theirs.push(line.trim_start());
            while lines.peek().is_some_and(|next| next.starts_with('\t')) {
                theirs.extend(lines.next());
            }
        }
    }
    let ours: Vec<&str> = printed.lines().collect();
    assert_eq!(ours.len(), theirs.len(), "{case}: {printed}");
    assert!(ours.len() >= 2, "{case}");
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert!(same(scratch, ours.trim_end(), theirs.trim_end()), "{case}: {theirs:?} {ours:?}");
    }
}

fn names(directory: &Path) -> BTreeSet<String> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn images_are_kubeadms() {
    for case in CASES {
        let images = run(["config", "images", "--config", &config(case)]).ok();
        assert_eq!(images.out, case_file(case, "images.txt"), "{case}");
        let json = run(["config", "images", "-o", "json", "--config", &config(case)]).ok().json();
        let list: Vec<&str> =
            json["images"].as_array().unwrap().iter().map(|image| image.as_str().unwrap()).collect();
        assert_eq!(list.join("\n") + "\n", images.out, "{case}");
    }
}

#[test]
fn migrated_configurations_are_kubeadms_byte_for_byte() {
    for case in CASES {
        let ran = run(["config", "migrate", "--config", &config(case)]).ok();
        assert_eq!(ran.out, case_file(case, "defaulted-config.yaml"), "{case}");
        let documents = run(["config", "migrate", "-o", "json", "--config", &config(case)]).ok().json();
        assert!(documents.as_array().unwrap().len() >= 2, "{case}");
    }
}
