//! `k8sboot init`: the main job, choices of stages, dry runs, what it prints.

use std::{fs, process::Stdio};

use crate::support::{
    CERTIFICATE_KEY, CONFIG, Scratch, TOKEN_SECRET, assert_no_secret, init_args, k8sboot, prepared,
    repository, run, run_with_input,
};

const STAGES: [&str; 6] = ["preflight", "pki", "kubeconfig", "etcd", "control-plane", "kubelet"];

#[test]
fn the_main_job_makes_the_whole_tree_and_ends_with_the_join_command() {
    let scratch = Scratch::new("main-job");
    let config = repository().join("examples/seed-cluster.yaml").display().to_string();
    let ran = run(["init", "--config", &config, "--root", &scratch.arg("demo-node")]).ok();
    for path in [
        "etc/kubernetes/pki/ca.crt",
        "etc/kubernetes/pki/sa.key",
        "etc/kubernetes/admin.conf",
        "etc/kubernetes/manifests/kube-apiserver.yaml",
        "var/lib/kubelet/config.yaml",
    ] {
        assert!(scratch.path("demo-node").join(path).is_file(), "{path}");
    }
    assert!(
        scratch.read("demo-node/etc/kubernetes/pki/ca.key").starts_with("-----BEGIN RSA PRIVATE KEY-----")
    );
    let lines: Vec<&str> = ran.out.lines().collect();
    assert!(lines[0].starts_with("kubeadm join 10.47.217.91:6443 --token "), "{}", ran.out);
    assert!(lines[1].trim_start().starts_with("--discovery-token-ca-cert-hash sha256:"), "{}", ran.out);
    assert_eq!(lines.len(), 2);
    for told in ["/etc/kubernetes/pki: 14 files", "systemctl restart kubelet", "admin.conf", "--objects-dir"]
    {
        assert!(ran.err.contains(told), "{told}: {}", ran.err);
    }
    let token = lines[0].split_whitespace().nth(4).unwrap();
    assert!(
        !ran.err.contains(token.split_once('.').unwrap().1),
        "the token belongs to standard output alone"
    );
    assert_no_secret(&scratch, &[&ran.out, &ran.err]);
}

#[test]
fn the_next_steps_are_commands_that_work() {
    let scratch = prepared("next", false);
    fs::rename(scratch.path("config.yaml"), scratch.path("it's config.yaml")).unwrap();
    let (root, objects) = (scratch.arg("a root"), scratch.arg("objects"));
    let config = scratch.arg("it's config.yaml");
    let ran = run(["init", "--config", &config, "--root", &root, "--objects-dir", &objects]).ok();
    let apply = format!("kubectl --kubeconfig /etc/kubernetes/super-admin.conf apply -f {objects}\n");
    assert!(ran.err.contains(&apply) && ran.err.contains("patch node node-1 --patch-file"), "{}", ran.err);
    let copy = ran.err.lines().find_map(|line| line.trim().strip_prefix("copy the tree:")).unwrap();
    // The same command into another directory than `/`.
    let node = scratch.arg("node");
    fs::create_dir(&node).unwrap();
    let status = std::process::Command::new("sh")
        .args(["-c", &copy.replace("-C / ", &format!("-C {node} "))])
        .status();
    assert!(status.unwrap().success(), "{copy}");
    assert_eq!(
        scratch.read("node/etc/kubernetes/admin.conf"),
        scratch.read("a root/etc/kubernetes/admin.conf")
    );
    // Where stages are missing there is nothing to do next yet.
    let part = run(["init", "--config", &config, "--root", &scratch.arg("part"), "--until", "pki"]).ok();
    assert!(!part.err.contains("Next"), "{}", part.err);
}

#[test]
fn a_second_run_changes_nothing_and_says_so() {
    let scratch = prepared("second", true);
    let before = scratch.snapshot();
    let ran = run(init_args(&scratch, &[])).ok();
    assert!(ran.err.contains("Nothing to change"), "{}", ran.err);
    assert!(ran.out.contains(TOKEN_SECRET), "the join command is printed again");
    assert_eq!(run(init_args(&scratch, &["-o", "json"])).ok().json()["changed"], 0);
    assert_eq!(scratch.snapshot(), before);
}

#[test]
fn from_until_and_skip_do_the_stages_they_say() {
    let scratch = prepared("stages", true);
    for (first, from) in STAGES.iter().enumerate() {
        for (last, until) in STAGES.iter().enumerate() {
            for skip in [None, Some(first), Some(last)] {
                let mut more = vec!["--dry-run", "-o", "json", "--from", from, "--until", until];
                more.extend(skip.iter().flat_map(|skip| ["--skip", STAGES[*skip]]));
                let ran = run(init_args(&scratch, &more));
                let wanted: Vec<&str> =
                    (first..=last).filter(|n| Some(*n) != skip).map(|n| STAGES[n]).collect();
                let json = ran.json();
                if wanted.is_empty() {
                    assert_eq!(
                        (ran.code, json["errors"][0]["name"].as_str()),
                        (2, Some("FLOW_EMPTY_SELECTION"))
                    );
                } else {
                    let done: Vec<&str> =
                        json.as_array().unwrap().iter().map(|p| p["stage"].as_str().unwrap()).collect();
                    assert_eq!(done, wanted, "{more:?}");
                }
            }
        }
    }
}

#[test]
fn stages_one_by_one_make_the_whole_tree() {
    let (whole, single) = (prepared("whole", true), prepared("single", false));
    for stage in STAGES {
        run(init_args(&single, &["--from", stage, "--until", stage])).ok();
    }
    let names = |scratch: &Scratch| {
        scratch.snapshot().into_iter().map(|(name, (mode, _))| (name, mode)).collect::<Vec<_>>()
    };
    assert_eq!(names(&single), names(&whole));
}

#[test]
fn skipped_stages_leave_their_files_out() {
    let scratch = prepared("skip", false);
    let ran = run(init_args(&scratch, &["--skip", "pki", "--skip", "kubeconfig", "--skip", "etcd"])).ok();
    assert_eq!(ran.out, "", "without a CA there is no join command");
    assert!(!scratch.path("root/etc/kubernetes/pki").exists());
    assert!(!scratch.path("root/etc/kubernetes/manifests/etcd.yaml").exists());
    assert!(scratch.path("root/etc/kubernetes/manifests/kube-scheduler.yaml").is_file());
}

#[test]
fn dry_runs_and_diffs_write_nothing_not_even_the_root() {
    let scratch = prepared("dry", false);
    let before = scratch.snapshot();
    for more in [&["--dry-run"][..], &["--diff"], &["--dry-run", "-o", "json"], &["--diff", "-o", "json"]] {
        let ran = run(init_args(&scratch, more)).ok();
        assert!(ran.out.contains("/etc/kubernetes/manifests/kube-apiserver.yaml"), "{}", ran.out);
        assert_no_secret(&scratch, &[&ran.out, &ran.err]);
        assert_eq!(scratch.snapshot(), before, "{more:?}");
    }
    // Later stages cannot be done here, but planned.
    let ran = run(init_args(&scratch, &["--dry-run", "--until", "addons"])).ok();
    assert!(ran.out.contains("DaemonSet"), "{}", ran.out);
    assert_eq!(scratch.snapshot(), before);
}

#[test]
fn a_diff_shows_what_would_change_and_hides_secrets() {
    let scratch = prepared("diff", true);
    let manifest = "root/etc/kubernetes/manifests/kube-scheduler.yaml";
    let changed = scratch.read(manifest).replace("--leader-elect=true", "--leader-elect=false");
    scratch.write(manifest, &changed);
    fs::remove_file(scratch.path("root/etc/kubernetes/scheduler.conf")).unwrap();
    let before = scratch.snapshot();
    let ran = run(init_args(&scratch, &["--diff"])).ok();
    for line in [
        "~ /etc/kubernetes/manifests/kube-scheduler.yaml",
        "--- /etc/kubernetes/manifests/kube-scheduler.yaml",
        "+++ /etc/kubernetes/manifests/kube-scheduler.yaml",
        "-    - --leader-elect=false",
        "+    - --leader-elect=true",
        "+ /etc/kubernetes/scheduler.conf",
    ] {
        assert!(ran.out.lines().any(|printed| printed.starts_with(line)), "{line}: {}", ran.out);
    }
    assert!(!ran.out.contains("kube-apiserver"), "what stays is not shown: {}", ran.out);
    let json = run(init_args(&scratch, &["--diff", "-o", "json"])).ok().json();
    assert_eq!(json[4]["diff"]["files"][0]["change"], "replace", "{json}");
    assert_eq!(scratch.snapshot(), before);
}

#[cfg(not(feature = "api"))]
#[test]
fn stages_that_need_an_api_server_are_refused_before_anything_is_written() {
    for stage in ["wait-control-plane", "upload-config", "bootstrap-token", "addons"] {
        for there in [false, true] {
            let scratch = prepared("api", there);
            let before = scratch.snapshot();
            let ran = run(init_args(&scratch, &["--until", stage, "-o", "json"]));
            assert_eq!(
                (ran.code, ran.json()["errors"][0]["name"].as_str()),
                (1, Some("EXEC_UNSUPPORTED")),
                "{stage}"
            );
            assert!(ran.out.contains("API server"), "{}", ran.out);
            assert_eq!(scratch.snapshot(), before, "{stage}");
        }
    }
}

#[test]
fn an_error_in_a_later_stage_is_found_before_an_earlier_one_writes() {
    let scratch = prepared("rehearsal", false);
    fs::create_dir_all(scratch.path("root/var/lib/kubelet/config.yaml")).unwrap();
    let before = scratch.snapshot();
    let ran = run(init_args(&scratch, &["-o", "json"]));
    let json = ran.json();
    assert_eq!(json["errors"][0]["details"]["path"], "/var/lib/kubelet/config.yaml", "{json}");
    assert_eq!(scratch.snapshot(), before);
}

#[test]
fn what_needs_the_ca_says_so_when_there_is_none() {
    for more in [
        &["--from", "kubelet", "--objects-dir", "objects"][..],
        &["--from", "kubeconfig"],
        &["--skip", "pki"],
    ] {
        for there in [false, true] {
            let scratch = prepared("no-ca", false);
            if there {
                fs::create_dir(scratch.path("root")).unwrap();
            }
            let before = scratch.snapshot();
            let ran = run(init_args(&scratch, more));
            assert_eq!(ran.code, 1);
            assert!(
                ran.err.contains("/etc/kubernetes/pki/ca.crt") && ran.err.contains("stage pki"),
                "{}",
                ran.err
            );
            assert_eq!(scratch.snapshot(), before);
        }
    }
    let scratch = prepared("ca-there", true);
    let objects = scratch.arg("objects");
    run(init_args(&scratch, &["--from", "kubelet", "--objects-dir", &objects])).ok();
    assert!(scratch.path("objects/ConfigMap.kube-public.cluster-info.yaml").is_file());
}

#[test]
fn secrets_among_the_objects_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = prepared("objects", false);
    let objects = scratch.arg("objects");
    let json =
        run(init_args(&scratch, &["--objects-dir", &objects, "--upload-certs", "-o", "json"])).ok().json();
    assert!(json["objects"].as_array().unwrap().len() > 30);
    for (name, (mode, _)) in scratch.snapshot().iter().filter(|(name, _)| name.starts_with("objects/")) {
        assert_eq!(mode & 0o777, if name.contains("/Secret.") { 0o600 } else { 0o644 }, "{name}");
    }
    assert!(fs::metadata(scratch.path("objects")).unwrap().permissions().mode() & 0o022 == 0);
    assert!(!scratch.read("objects/Secret.kube-system.kubeadm-certs.yaml").contains("PRIVATE"));
}

#[test]
fn the_join_commands_keep_secrets_back_on_demand() {
    let endpoint = "controlPlaneEndpoint: api.example.internal:6443\nencryptionAlgorithm";
    let scratch = prepared("join", false);
    scratch.write("config.yaml", CONFIG.replace("encryptionAlgorithm", endpoint));
    let objects = scratch.arg("objects");
    let plain = run(init_args(&scratch, &[])).ok();
    assert_eq!(plain.out.matches("kubeadm join api.example.internal:6443").count(), 2, "{}", plain.out);
    assert!(
        plain.out.contains("--control-plane") && !plain.out.contains(CERTIFICATE_KEY),
        "nothing was uploaded"
    );
    let uploaded = ["--objects-dir", &objects, "--upload-certs"];
    assert!(run(init_args(&scratch, &uploaded)).ok().out.contains(CERTIFICATE_KEY));
    let withheld = run(init_args(&scratch, &[&uploaded[..], &["--skip-token-print"]].concat())).ok();
    assert!(withheld.out.contains("--token <value withheld>"), "{}", withheld.out);
    assert_no_secret(&scratch, &[&withheld.out, &withheld.err]);
    let json = run(init_args(&scratch, &["-o", "json", "--skip-token-print"])).ok();
    assert_eq!(json.json()["joinCommands"].as_array().unwrap().len(), 2);
    assert_no_secret(&scratch, &[&json.out, &json.err]);
}

#[test]
fn a_configuration_comes_from_standard_input_too() {
    let scratch = Scratch::new("stdin");
    let root = scratch.arg("root");
    let ran = run_with_input(&["init", "--config", "-", "--root", &root, "-o", "json"], CONFIG).ok();
    assert_eq!(ran.json()["stages"].as_array().unwrap().len(), 6);
    assert_eq!(ran.err, "", "JSON output leaves standard error alone");
    assert_no_secret(&scratch, &[&ran.out.replace(&format!("abcdef.{TOKEN_SECRET}"), "")]);
}

#[test]
fn a_closed_standard_output_is_no_reason_to_panic() {
    let scratch = prepared("pipe", true);
    let config = scratch.arg("config.yaml");
    let dry = init_args(&scratch, &["--diff", "--until", "addons"]);
    let dry: Vec<&str> = dry.iter().map(String::as_str).collect();
    let root = scratch.arg("root");
    for arguments in [
        &dry[..],
        &["config", "migrate", "--config", &config],
        &["certs", "list", "--root", &root],
        &["--help"],
    ] {
        let mut child =
            k8sboot().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), err.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn a_terminal_gets_a_bar_and_anything_else_plain_lines() {
    let scratch = prepared("terminal", false);
    let plain = run(init_args(&scratch, &[])).ok();
    assert!(
        plain.err.lines().any(|line| line.starts_with("[pki] make key and certificate")),
        "{}",
        plain.err
    );
    assert!(!plain.err.contains('\u{1b}'), "no escape sequences: {}", plain.err);
    fs::remove_dir_all(scratch.path("root")).unwrap();
    let command: Vec<String> =
        std::iter::once(env!("CARGO_BIN_EXE_k8sboot").to_owned()).chain(init_args(&scratch, &[])).collect();
    let mut script = std::process::Command::new("script");
    script.args(["-qec", &command.join(" "), "/dev/null"]).env("TERM", "xterm").stdin(Stdio::null());
    let Ok(output) = script.output() else {
        println!("skipped: the progress bar: script is not installed");
        return;
    };
    let screen = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{screen}");
    assert!(screen.contains('\u{1b}') && screen.contains("[kubelet]"), "{screen}");
    assert!(screen.contains("kubeadm join"), "{screen}");
}
