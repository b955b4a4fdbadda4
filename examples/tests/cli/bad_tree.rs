//! Trees that are not what they should be: foreign certificates, links, wrong kinds, no rights, no space.

use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt, chown, symlink},
        process::CommandExt,
    },
    process::Command,
};

use crate::support::{Ran, Scratch, assert_no_secret, init_args, k8sboot, prepared, run};

const PKI: &str = "root/etc/kubernetes/pki";

/// Init must refuse the tree, name what is wrong, and leave everything as it is.
fn refused(scratch: &Scratch, names: &[&str], path: &str) -> Ran {
    let before = scratch.snapshot();
    let ran = run(init_args(scratch, &["-o", "json"]));
    let json = ran.json();
    let error = &json["errors"][0];
    assert_eq!(ran.code, 1, "{path}: {json:#}");
    assert!(names.contains(&error["name"].as_str().unwrap()), "{path}: {names:?}: {json:#}");
    let told = error["details"]["path"].as_str().unwrap_or_default();
    assert!(told.contains(path) || error["message"].as_str().unwrap().contains(path), "{path}: {error:#}");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains('(') && message.ends_with(')') || message.contains("os error"),
        "remedy: {message}"
    );
    assert!(error["details"]["remedy"].is_string(), "{path}: {error:#}");
    assert_eq!(scratch.snapshot(), before, "{path}");
    let plain = run(init_args(scratch, &[]));
    assert_eq!((plain.code, plain.out.as_str()), (1, ""), "{path}");
    assert!(plain.err.starts_with("error: "), "{path}: {}", plain.err);
    assert_eq!(scratch.snapshot(), before, "{path}");
    assert_no_secret(scratch, &[&ran.out, &plain.err]);
    ran
}

fn copy(scratch: &Scratch, from: &str, to: &str) {
    fs::copy(scratch.path(PKI).join(from), scratch.path(PKI).join(to)).unwrap();
}

#[test]
fn certificates_of_another_ca_and_keys_that_do_not_fit_are_refused() {
    let other = prepared("other", true);
    let take = |scratch: &Scratch, name: &str| {
        fs::copy(other.path(PKI).join(name), scratch.path(PKI).join(name)).unwrap();
    };
    for name in ["apiserver", "apiserver-kubelet-client", "etcd/server", "front-proxy-client"] {
        let scratch = prepared("foreign", true);
        take(&scratch, &format!("{name}.crt"));
        take(&scratch, &format!("{name}.key"));
        let ran = refused(&scratch, &["PKI_WRONG_CA"], name);
        assert!(ran.out.contains("signed"), "{}", ran.out);
    }
    for name in ["ca", "apiserver", "etcd/peer", "sa"] {
        let scratch = prepared("mismatch", true);
        take(&scratch, &format!("{name}.key"));
        refused(&scratch, &["PKI_KEY_MISMATCH", "PKI_CERTIFICATE_KEY_MISMATCH"], name);
    }
    let scratch = prepared("swapped", true);
    copy(&scratch, "front-proxy-ca.crt", "ca.crt");
    copy(&scratch, "front-proxy-ca.key", "ca.key");
    refused(&scratch, &["PKI_WRONG_CA"], "apiserver.crt");
    let scratch = prepared("kubeconfig", true);
    fs::copy(other.path("root/etc/kubernetes/admin.conf"), scratch.path("root/etc/kubernetes/admin.conf"))
        .unwrap();
    refused(&scratch, &["PLAN_UNUSABLE"], "/etc/kubernetes/admin.conf");
}

#[test]
fn an_external_ca_must_be_complete() {
    let scratch = prepared("external", true);
    fs::remove_file(scratch.path(PKI).join("ca.key")).unwrap();
    run(init_args(&scratch, &[])).ok();
    for missing in [
        "etc/kubernetes/pki/apiserver.crt",
        "etc/kubernetes/pki/apiserver-kubelet-client.key",
        "etc/kubernetes/admin.conf",
    ] {
        let scratch = prepared("external", true);
        fs::remove_file(scratch.path(PKI).join("ca.key")).unwrap();
        fs::remove_file(scratch.path("root").join(missing)).unwrap();
        let stem = missing.trim_end_matches(".crt").trim_end_matches(".key");
        let ran = refused(&scratch, &["PLAN_UNUSABLE", "PKI_KEY_MISSING"], stem);
        assert!(ran.out.contains("remedy"), "{}", ran.out);
    }
}

#[test]
fn garbage_in_place_of_certificates_keys_and_kubeconfigs_is_named() {
    let garbage: [&[u8]; 5] = [
        b"",
        b"garbage\n",
        b"\xff\xfe\x00\x01",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n",
    ];
    for path in
        ["pki/ca.crt", "pki/ca.key", "pki/apiserver.crt", "pki/etcd/server.key", "pki/sa.pub", "admin.conf"]
    {
        for bytes in garbage {
            let scratch = prepared("garbage", true);
            fs::write(scratch.path("root/etc/kubernetes").join(path), bytes).unwrap();
            let before = scratch.snapshot();
            let ran = run(init_args(&scratch, &["-o", "json"]));
            let json = ran.json();
            assert_eq!(ran.code, 1, "{path} {bytes:?}: {json:#}");
            let stem = path.rsplit_once('.').unwrap().0;
            assert!(json["errors"][0]["message"].as_str().unwrap().contains(stem), "{path}: {json:#}");
            assert_eq!(scratch.snapshot(), before, "{path}");
        }
    }
}

#[test]
fn a_certificate_that_lacks_a_configured_name_is_named() {
    let scratch = prepared("san", true);
    let config = scratch
        .read("config.yaml")
        .replace("networking:", "apiServer: {certSANs: [lb.example.internal]}\nnetworking:");
    scratch.write("config.yaml", config);
    let ran = refused(&scratch, &["PKI_SAN_MISSING"], "apiserver.crt");
    assert!(ran.out.contains("lb.example.internal"), "{}", ran.out);
}

#[test]
fn directories_files_and_links_in_the_wrong_places_are_named() {
    for path in [
        "etc/kubernetes/pki/ca.crt",
        "etc/kubernetes/admin.conf",
        "etc/kubernetes/manifests/etcd.yaml",
        "var/lib/kubelet/config.yaml",
    ] {
        let scratch = prepared("kind", false);
        fs::create_dir_all(scratch.path("root").join(path)).unwrap();
        refused(&scratch, &["PLAN_PATH_KIND", "FILE_KIND"], path);
    }
    for path in ["etc", "etc/kubernetes", "etc/kubernetes/pki", "etc/kubernetes/manifests", "var/lib/kubelet"]
    {
        let scratch = prepared("file", false);
        scratch.write(&format!("root/{path}"), "a file");
        refused(&scratch, &["PLAN_PATH_KIND", "FILE_KIND"], path);
    }
    for planted in [
        "etc",
        "etc/kubernetes",
        "etc/kubernetes/pki",
        "etc/kubernetes/pki/ca.key",
        "etc/kubernetes/manifests/etcd.yaml",
        "etc/kubernetes/admin.conf",
        "var/lib/kubelet",
    ] {
        for relative in [false, true] {
            let scratch = prepared("link", false);
            scratch.write("outside/victim", "untouched");
            let link = scratch.path("root").join(planted);
            fs::create_dir_all(link.parent().unwrap()).unwrap();
            let mut target = if relative {
                format!("{}outside", "../".repeat(planted.split('/').count()))
            } else {
                scratch.arg("outside")
            };
            if planted.contains('.') {
                target.push_str("/victim");
            }
            symlink(target, &link).unwrap();
            refused(&scratch, &["FILE_LINK", "PLAN_PATH_KIND"], planted);
        }
    }
    let scratch = prepared("objects-link", true);
    scratch.write("victim", "untouched");
    fs::create_dir(scratch.path("objects")).unwrap();
    symlink("../victim", scratch.path("objects/ClusterRole.system_coredns.yaml")).unwrap();
    let ran = run(init_args(&scratch, &["-o", "json", "--objects-dir", &scratch.arg("objects")]));
    assert_eq!(ran.json()["errors"][0]["name"], "FILE_KIND", "{}", ran.out);
    assert_eq!(scratch.read("victim"), "untouched");
}

#[test]
fn a_root_that_is_no_directory_is_named() {
    let scratch = prepared("root-file", false);
    scratch.write("root", "a file");
    refused(&scratch, &["FILE_KIND"], &scratch.arg("root"));
    let scratch = prepared("root-link", false);
    symlink("nowhere", scratch.path("root")).unwrap();
    refused(&scratch, &["FILE_IO"], &scratch.arg("root"));
    for command in ["list", "renew"] {
        let ran = run(["certs", command, "--root", &scratch.arg("missing"), "-o", "json"]);
        assert_eq!((ran.code, ran.json()["errors"][0]["name"].as_str()), (1, Some("FILE_IO")));
    }
}

/// The binary as a user without rights; `None` (and a word about it) where the tests have none to give up.
fn as_nobody(scratch: &Scratch, more: &[&str]) -> Option<Ran> {
    let mut command = k8sboot();
    command.args(init_args(scratch, more));
    if fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0) {
        command.uid(65534).gid(65534);
    }
    match command.output() {
        Ok(output) => Some(output.into()),
        Err(error) => {
            println!("skipped: another user: {error}");
            None
        }
    }
}

#[test]
fn without_rights_the_error_says_where_and_nothing_is_written() {
    let scratch = prepared("rights", false);
    fs::create_dir(scratch.path("root")).unwrap();
    fs::set_permissions(scratch.path("root"), fs::Permissions::from_mode(0o555)).unwrap();
    let before = scratch.snapshot();
    let Some(ran) = as_nobody(&scratch, &["-o", "json"]) else { return };
    let json = ran.json();
    assert_eq!(json["errors"][0]["name"], "FILE_PERMISSION", "{json:#}");
    assert_eq!(json["errors"][0]["details"]["errno"], 13);
    assert_eq!(scratch.snapshot(), before);
    // What a user may not read is not taken for missing.
    let scratch = prepared("unreadable", true);
    fs::set_permissions(scratch.path(PKI).join("ca.key"), fs::Permissions::from_mode(0o000)).unwrap();
    let before = scratch.snapshot();
    let ran = as_nobody(&scratch, &["-o", "json"]).unwrap();
    let json = ran.json();
    assert_eq!(json["errors"][0]["name"], "FILE_PERMISSION", "{json:#}");
    assert_eq!(scratch.snapshot(), before);
    fs::set_permissions(scratch.path("config.yaml"), fs::Permissions::from_mode(0o000)).unwrap();
    let ran = as_nobody(&scratch, &["-o", "json"]).unwrap();
    assert_eq!(ran.json()["errors"][0]["name"], "FILE_PERMISSION", "{}", ran.out);
}

#[test]
fn a_user_without_rights_makes_a_tree_of_his_own() {
    let scratch = prepared("own", false);
    fs::create_dir(scratch.path("root")).unwrap();
    if chown(scratch.path("root"), Some(65534), Some(65534)).is_ok() {
        as_nobody(&scratch, &[]).unwrap().ok();
        assert!(scratch.path("root/etc/kubernetes/admin.conf").is_file());
    }
}

/// Runs init on a file system mounted over the root in a mount namespace of its own.
fn on_mount(scratch: &Scratch, mount: &str) -> Option<Ran> {
    fs::create_dir_all(scratch.path("root")).unwrap();
    let root = scratch.arg("root");
    let script = format!("{} || exit 77; exec \"$0\" \"$@\"", mount.replace("ROOT", &root));
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", &script, env!("CARGO_BIN_EXE_k8sboot")])
        .args(init_args(scratch, &["-o", "json"]));
    let ran = command.output().ok().filter(|output| !output.stdout.is_empty());
    if ran.is_none() {
        println!("skipped: {mount}: no mount namespace");
    }
    ran.map(Ran::from)
}

#[test]
fn read_only_and_full_file_systems_are_named() {
    let scratch = prepared("read-only", false);
    if let Some(ran) = on_mount(&scratch, "mount -t tmpfs -o ro none ROOT") {
        let json = ran.json();
        let error = &json["errors"][0];
        assert_eq!(error["name"], "FILE_READ_ONLY", "{json:#}");
        assert!(error["details"]["remedy"].as_str().unwrap().contains("writable"), "{json:#}");
    }
    for pages in [0, 3, 8] {
        let mount = format!(
            "mount -t tmpfs -o size=128k none ROOT && head -c {} /dev/zero > ROOT/ballast",
            131_072 - pages * 4096
        );
        if let Some(ran) = on_mount(&scratch, &mount) {
            let json = ran.json();
            let error = &json["errors"][0];
            assert_eq!(error["name"], "FILE_NO_SPACE", "{json:#}");
            assert!(error["details"]["path"].as_str().unwrap().starts_with("/etc"), "{json:#}");
            assert!(error["details"]["remedy"].as_str().unwrap().contains("space"), "{json:#}");
        }
    }
}
