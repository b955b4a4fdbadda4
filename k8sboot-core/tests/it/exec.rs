//! The tree under hard conditions: umask, full and read-only disks, strangers' rights, kernels without `openat2`, files
//! that are not what they should be. And the promise that the same input gives the same bytes.
//!
//! What a process cannot do to itself is done to a child: this binary again, which runs init and reports.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
};

use k8sboot_core::{
    config::{Documents, InitConfig},
    entropy::{Seeded, System},
    error::{Code, Problem, chain},
    exec::{FileHook, FileOp, temporary_name},
    facts::NodeFacts,
    pki::{self, FixedKeys, KeyAlgorithm, KeySource, RandomKeys},
};

use crate::{
    faults::{assert_whole, names},
    support::{privileged, tools},
    tree::{Scratch, case_file, init, init_with, now, quick_config, quick_text, recorded_host, snapshot},
};

const ROOT: &str = "K8SBOOT_TEST_ROOT";
const CONFIG: &str = "K8SBOOT_TEST_CONFIG";

/// Does nothing unless a test below runs it as a process of its own.
#[test]
fn child_that_runs_init() {
    let Ok(root) = std::env::var(ROOT) else { return };
    let (config, root) = (child_config(&std::env::var(CONFIG).unwrap()), Path::new(&root));
    match init(&config, root, None) {
        Ok(report) => eprintln!("outcome: done {}", report.changed()),
        Err(error) => {
            let path = error.details().path.unwrap_or_default();
            eprintln!("outcome: {} {path} {}", error.code().name(), chain(&error));
            if error.code() == Code::FILE_PERMISSION {
                // What init may not read, this process may not either: the parent looks.
                return;
            }
        }
    }
    assert_whole(root, true, 0);
}

fn child_config(text: &str) -> InitConfig {
    Documents::parse(text).unwrap().into_init(&NodeFacts::named("node"), None).unwrap()
}

/// Runs init in a child below `wrapper` (a program and its arguments) and gives the outcomes it reports.
fn in_child(wrapper: &[&str], binary: &Path, root: &Path) -> Vec<String> {
    let own = [binary.to_str().unwrap(), "--exact", "exec::child_that_runs_init", "--nocapture"];
    let words: Vec<&str> = wrapper.iter().copied().chain(own).collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env(ROOT, root).env(CONFIG, quick_text("seed")).current_dir("/");
    let out = command.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{words:?}: {said}");
    let outcomes: Vec<String> =
        said.lines().filter_map(|line| Some(line.split_once("outcome: ")?.1.to_owned())).collect();
    assert!(!outcomes.is_empty(), "{words:?}: {said}");
    outcomes
}

fn binary() -> PathBuf {
    std::env::current_exe().unwrap()
}

/// The seed's tree as init makes it without any hardship.
fn whole() -> Vec<(String, u32)> {
    let scratch = Scratch::new("whole");
    init(&child_config(&quick_text("seed")), scratch.path(), None).unwrap();
    names(scratch.path())
}

#[test]
fn modes_do_not_depend_on_the_umask() {
    let expected = whole();
    for umask in ["000", "027", "077"] {
        let scratch = Scratch::new("umask");
        let script = format!("umask {umask}; exec \"$@\"");
        in_child(&["sh", "-c", &script, "sh"], &binary(), scratch.path());
        assert_eq!(names(scratch.path()), expected, "umask {umask}");
    }
}

/// Looks at the temporary file right before its first byte is written.
struct FirstByte {
    root: PathBuf,
    seen: Mutex<BTreeMap<String, u32>>,
}

impl FileHook for FirstByte {
    fn before(&self, op: FileOp, path: &str) -> io::Result<()> {
        if op == FileOp::Write {
            let path = self.root.join(path.trim_start_matches('/'));
            let name = path.file_name().unwrap().to_str().unwrap();
            let meta = fs::metadata(path.with_file_name(temporary_name(name)))?;
            assert_eq!(meta.len(), 0, "{}", path.display());
            self.seen.lock().unwrap().insert(path.display().to_string(), meta.permissions().mode() & 0o7777);
        }
        Ok(())
    }
}

#[test]
fn a_file_has_its_final_mode_before_its_first_byte() {
    let scratch = Scratch::new("first-byte");
    let hook = Arc::new(FirstByte { root: scratch.path().to_path_buf(), seen: Mutex::default() });
    init(&quick_config("ha"), scratch.path(), Some(hook.clone())).unwrap();
    let seen = hook.seen.lock().unwrap();
    assert!(seen.len() > 30, "{}", seen.len());
    for (path, before) in seen.iter() {
        let after = fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(*before, after, "{path}");
        if path.ends_with(".key") || path.ends_with(".conf") {
            assert_eq!(after, 0o600, "{path}");
        }
    }
}

/// Wraps a command so that system call 437 (openat2, everywhere) does not exist for it, as on kernels before 5.6.
const WITHOUT_OPENAT2: &str = r#"
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
steps = [(0x20, 0, 0, 0), (0x15, 0, 1, 437), (0x06, 0, 0, 0x50000 | 38), (0x06, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
program = ctypes.create_string_buffer(struct.pack("@HP", len(steps), ctypes.addressof(code)))
for option, a, b in [(38, 1, 0), (22, 2, ctypes.addressof(program))]:
    if libc.prctl(option, *[ctypes.c_ulong(value) for value in (a, b, 0, 0)]):
        sys.exit("prctl: " + os.strerror(ctypes.get_errno()))
os.execvp(sys.argv[1], sys.argv[1:])
"#;

#[test]
fn without_openat2_the_tree_is_the_same_and_no_link_is_followed() {
    if !tools(&["python3"]) {
        return;
    }
    let wrapper = ["python3", "-c", WITHOUT_OPENAT2];
    let scratch = Scratch::new("walk");
    let root = scratch.path().join("root");
    fs::create_dir(&root).unwrap();
    assert!(in_child(&wrapper, &binary(), &root)[0].starts_with("done "));
    assert_eq!(names(&root), whole());
    // Links are told from directories only by looking: even one inside the tree is refused.
    for (planted, target) in
        [("etc", "../outside"), ("etc/kubernetes/pki", "../../data"), ("var/lib/kubelet", "/nowhere")]
    {
        let scratch = Scratch::new("walk");
        let root = scratch.path().join("root");
        for directory in [scratch.path().join("outside"), root.join("data")] {
            fs::create_dir_all(directory).unwrap();
        }
        let link = root.join(planted);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, &link).unwrap();
        let outcome = in_child(&wrapper, &binary(), &root).remove(0);
        assert!(outcome.starts_with("FILE_LINK /") && outcome.contains(&format!("/{planted}")), "{outcome}");
        for empty in [scratch.path().join("outside"), root.join("data")] {
            assert_eq!(fs::read_dir(empty).unwrap().count(), 0, "{planted}");
        }
    }
}

/// In a mount namespace: a full disk of each of these sizes, then the same disk with room.
const FULL: &str = r#"
set -eu
for size in 4k 16k 40k 60k 80k 100k 120k; do
    mount -t tmpfs -o size=$size,mode=0755 tmpfs "$K8SBOOT_TEST_ROOT"
    "$@"
    mount -o remount,size=64m "$K8SBOOT_TEST_ROOT"
    "$@"
    umount "$K8SBOOT_TEST_ROOT"
done
"#;

#[test]
fn a_full_disk_is_named_leaves_nothing_half_written_and_the_next_run_finishes() {
    if !privileged("full disk") {
        return;
    }
    let scratch = Scratch::new("full");
    let outcomes = in_child(&["unshare", "--mount", "sh", "-c", FULL, "sh"], &binary(), scratch.path());
    assert_eq!(outcomes.len(), 14, "{outcomes:?}");
    for pair in outcomes.chunks(2) {
        assert!(pair[0].starts_with("FILE_NO_SPACE /"), "{outcomes:?}");
        assert!(pair[0].contains("free some space"), "{outcomes:?}");
        assert!(pair[1].starts_with("done "), "{outcomes:?}");
    }
}

const READ_ONLY: &str = r#"
set -eu
mount --bind "$K8SBOOT_TEST_ROOT" "$K8SBOOT_TEST_ROOT"
mount -o remount,bind,ro "$K8SBOOT_TEST_ROOT"
exec "$@"
"#;

const READ_ONLY_OUTSIDE: &str = r#"
set -eu
mount -o bind "$K8SBOOT_TEST_ROOT" "$K8SBOOT_TEST_ROOT"
mount -o remount,bind,ro /
if touch /k8sboot-test 2>/dev/null; then echo "/ is writable"; exit 1; fi
exec "$@"
"#;

#[test]
fn a_read_only_root_is_named_and_a_read_only_system_outside_it_does_not_matter() {
    if !privileged("read-only root") {
        return;
    }
    let unshare = |script| ["unshare", "--mount", "sh", "-c", script, "sh"];
    let scratch = Scratch::new("read-only");
    let outcome = in_child(&unshare(READ_ONLY), &binary(), scratch.path()).remove(0);
    assert!(outcome.starts_with("FILE_READ_ONLY /") && outcome.contains("remount"), "{outcome}");
    assert!(snapshot(scratch.path()).is_empty());
    let outcome = in_child(&unshare(READ_ONLY_OUTSIDE), &binary(), scratch.path()).remove(0);
    assert!(outcome.starts_with("done "), "{outcome}");
    assert_eq!(names(scratch.path()), whole());
}

#[test]
fn a_user_without_rights_makes_a_tree_and_is_told_where_rights_are_missing() {
    const NOBODY: u32 = 65534;
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        eprintln!("skipped: another user: needs root");
        return;
    }
    if !tools(&["setpriv"]) {
        return;
    }
    let wrapper = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let scratch = Scratch::new("nobody");
    let (root, copy) = (scratch.path().join("root"), scratch.path().join("it"));
    fs::create_dir(&root).unwrap();
    // The build directory may be closed to others.
    fs::copy(binary(), &copy).unwrap();
    let outcome = in_child(&wrapper, &copy, &root).remove(0);
    assert!(outcome.starts_with("FILE_PERMISSION /etc") && outcome.contains("run as the owner"), "{outcome}");
    assert!(snapshot(&root).is_empty());
    std::os::unix::fs::chown(&root, Some(NOBODY), Some(NOBODY)).unwrap();
    assert!(in_child(&wrapper, &copy, &root).remove(0).starts_with("done "));
    assert_eq!(names(&root), whole());
    // A key that only root may read stops the run before anything is done.
    let key = root.join("etc/kubernetes/pki/ca.key");
    std::os::unix::fs::chown(&key, Some(0), Some(0)).unwrap();
    fs::remove_file(root.join("etc/kubernetes/pki/apiserver.crt")).unwrap();
    let before = snapshot(&root);
    let outcome = in_child(&wrapper, &copy, &root).remove(0);
    assert!(outcome.starts_with("FILE_PERMISSION /etc/kubernetes/pki/ca.key"), "{outcome}");
    assert_eq!(snapshot(&root), before);
}

#[test]
fn files_that_are_not_what_they_should_be_are_named_and_nothing_changes() {
    const GARBAGE: &str = "-----BEGIN GARBAGE-----\nnot what it should be\n";
    let config = quick_config("seed");
    let (own, other) = (Scratch::new("own"), Scratch::new("other"));
    init(&config, own.path(), None).unwrap();
    init(&config, other.path(), None).unwrap();
    let theirs = |path: &str| fs::read(other.path().join("etc/kubernetes").join(path)).unwrap();
    let garbage = || Some(GARBAGE.as_bytes().to_vec());
    let cut = |path: &str| {
        let mut bytes = fs::read(own.path().join("etc/kubernetes").join(path)).unwrap();
        bytes.truncate(bytes.len() / 2);
        Some(bytes)
    };
    // What is put where (nothing: removed), the code, and the path that the error names.
    type Put = (&'static str, Option<Vec<u8>>);
    let put = |path: &'static str| -> Put { (path, Some(theirs(path))) };
    let cases: Vec<(Vec<Put>, Code, &str)> = vec![
        (vec![("pki/ca.crt", garbage())], Code::PKI_PEM, "pki/ca.crt"),
        (vec![("pki/ca.crt", Some(Vec::new()))], Code::PKI_PEM, "pki/ca.crt"),
        (vec![("pki/ca.crt", cut("pki/ca.crt"))], Code::PKI_PEM, "pki/ca.crt"),
        (vec![("pki/ca.key", garbage())], Code::PLAN_UNUSABLE, "pki/ca.key"),
        (vec![("pki/apiserver.crt", garbage())], Code::PKI_PEM, "pki/apiserver.crt"),
        (vec![("pki/apiserver.key", cut("pki/apiserver.key"))], Code::PLAN_UNUSABLE, "pki/apiserver.key"),
        (vec![("pki/sa.key", garbage())], Code::PLAN_UNUSABLE, "pki/sa.key"),
        (vec![("pki/sa.pub", garbage())], Code::PKI_PEM, "pki/sa.pub"),
        (vec![("admin.conf", garbage())], Code::PLAN_UNUSABLE, "admin.conf"),
        (vec![("admin.conf", Some(Vec::new()))], Code::PLAN_UNUSABLE, "admin.conf"),
        (vec![("admin.conf", cut("admin.conf"))], Code::PLAN_UNUSABLE, "admin.conf"),
        // Another cluster's authority, alone and with its key.
        (vec![put("pki/ca.crt")], Code::PKI_CERTIFICATE_KEY_MISMATCH, "pki/ca.crt"),
        (vec![put("pki/ca.crt"), put("pki/ca.key")], Code::PKI_WRONG_CA, "pki/apiserver.crt"),
        (vec![put("pki/etcd/ca.crt"), put("pki/etcd/ca.key")], Code::PKI_WRONG_CA, "pki/etcd/server.crt"),
        (
            vec![
                ("pki/ca.crt", Some(theirs("pki/apiserver.crt"))),
                ("pki/ca.key", Some(theirs("pki/apiserver.key"))),
            ],
            Code::PKI_NOT_A_CA,
            "pki/ca.crt",
        ),
        (vec![put("pki/apiserver.crt"), put("pki/apiserver.key")], Code::PKI_WRONG_CA, "pki/apiserver.crt"),
        (vec![put("pki/apiserver.key")], Code::PKI_CERTIFICATE_KEY_MISMATCH, "pki/apiserver.crt"),
        (vec![put("pki/etcd/peer.crt")], Code::PKI_WRONG_CA, "pki/etcd/peer.crt"),
        (vec![put("pki/sa.pub")], Code::PKI_CERTIFICATE_KEY_MISMATCH, "pki/sa.key"),
        (vec![put("admin.conf")], Code::PLAN_UNUSABLE, "admin.conf"),
        // Halves that are gone.
        (vec![("pki/apiserver.key", None)], Code::PKI_KEY_MISSING, "pki/apiserver.crt"),
        (vec![("pki/sa.key", None)], Code::PKI_KEY_MISSING, "pki/sa.key"),
        (vec![("pki/ca.key", None), ("pki/apiserver.crt", None)], Code::PLAN_UNUSABLE, "pki/apiserver.crt"),
        (vec![("pki/ca.key", None), ("scheduler.conf", None)], Code::PLAN_UNUSABLE, "scheduler.conf"),
    ];
    let kept = snapshot(own.path());
    let theirs = snapshot(other.path());
    let keys = kept.iter().chain(&theirs).filter(|(name, _)| name.ends_with(".key"));
    let second_line = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().nth(1).unwrap()[..40].to_owned();
    let secrets: Vec<String> = keys.map(|(_, (_, bytes))| second_line(bytes)).collect();
    for (puts, code, path) in cases {
        let what: Vec<&str> = puts.iter().map(|(path, _)| *path).collect();
        for (path, bytes) in &puts {
            let path = own.path().join("etc/kubernetes").join(path);
            match bytes {
                Some(bytes) => fs::write(path, bytes).unwrap(),
                None => fs::remove_file(path).unwrap(),
            }
        }
        let before = snapshot(own.path());
        let error = init(&config, own.path(), None).expect_err(&what.join(", "));
        let told = chain(&error);
        assert_eq!(error.code(), code, "{what:?}: {} {told}", error.code().name());
        let details = error.details();
        assert_eq!(details.path, Some(format!("/etc/kubernetes/{path}")), "{what:?}: {told}");
        for (part, value) in
            [("expected", &details.expected), ("found", &details.found), ("remedy", &details.remedy)]
        {
            assert!(value.as_ref().is_some_and(|value| !value.is_empty()), "{what:?}: no {part}: {told}");
        }
        let all = format!("{told} {error:?} {details:?}");
        assert!(!secrets.iter().any(|secret| all.contains(secret.as_str())), "{what:?}: {all}");
        assert_eq!(snapshot(own.path()), before, "{what:?}");
        for (path, _) in &puts {
            let path = format!("etc/kubernetes/{path}");
            fs::write(own.path().join(&path), &kept[&path].1).unwrap();
            let mode = fs::Permissions::from_mode(kept[&path].0 & 0o7777);
            fs::set_permissions(own.path().join(&path), mode).unwrap();
        }
    }
    assert_eq!(init(&config, own.path(), None).unwrap().changed(), 0);
}

/// Two inits with the same sources, side by side.
fn twice(config: &InitConfig, keys: &Arc<dyn KeySource>) {
    let entropy = Arc::new(Seeded::new(b"determinism"));
    let (first, second) = (Scratch::new("first"), Scratch::new("second"));
    for root in [first.path(), second.path()] {
        init_with(config, root, None, (now(), entropy.clone(), keys.clone())).unwrap();
    }
    let (first, second) = (snapshot(first.path()), snapshot(second.path()));
    assert_eq!(first.keys().collect::<Vec<_>>(), second.keys().collect::<Vec<_>>());
    for (name, entry) in &first {
        assert!(entry == &second[name], "{name} differs");
    }
    assert!(first.len() > 40, "{}", first.len());
}

#[test]
fn clock_entropy_and_fixed_keys_injected_give_the_same_bytes() {
    let text = case_file("seed", "config.yaml");
    let config = Documents::parse(&text).unwrap().into_init(&recorded_host("seed"), None).unwrap();
    // RSA signs reproducibly. One key serves for all: making more would only take longer.
    let pem = RandomKeys::new(&System).generate(KeyAlgorithm::Rsa2048, "all").unwrap().to_pem();
    let specs = pki::control_plane(&config).unwrap().into_iter().map(|spec| spec.name);
    let clients = pki::kubeconfigs(&config).into_iter().map(|spec| spec.client.name);
    let names = specs.chain(clients).chain(["sa".to_owned()]);
    let keys = names.fold(FixedKeys::new(), |keys, name| keys.with(&name, pem.clone()));
    twice(&config, &(Arc::new(keys) as Arc<dyn KeySource>));
}

#[cfg(feature = "deterministic")]
#[test]
fn clock_and_entropy_alone_give_the_same_bytes_with_deterministic_keys() {
    let entropy: &'static Seeded = Box::leak(Box::new(Seeded::new(b"keys")));
    let keys: Arc<dyn KeySource> = Arc::new(pki::DeterministicKeys::new(entropy));
    twice(&quick_config("seed"), &keys);
    twice(&quick_config("ha"), &keys);
}
