//! What the integration tests share.
#![allow(dead_code, reason = "not every set of features uses all of it")]

use std::{os::unix::fs::MetadataExt, path::PathBuf, process::Command};

/// The path of a golden file of real kubeadm, below `tests/fixtures/kubeadm-1.36`.
pub(crate) fn fixture_path(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kubeadm-1.36").join(path)
}

/// The text of a golden file of real kubeadm.
pub(crate) fn fixture(path: &str) -> String {
    let path = fixture_path(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A golden JSON file of real kubeadm.
pub(crate) fn fixture_json(path: &str) -> serde_json::Value {
    serde_json::from_str(&fixture(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of the golden cases of `kubeadm init`.
pub(crate) const CASES: [&str; 6] = ["dualstack", "ecdsa", "external-etcd", "ha", "minimal", "seed"];

/// Whether the programs that a test needs are on `PATH`. If not, says so, and fails under `CI=true`.
pub(crate) fn tools(names: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = |name: &str| std::env::split_paths(&path).any(|directory| directory.join(name).is_file());
    let Some(missing) = names.iter().find(|name| !there(name)) else { return true };
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{missing} is not on PATH");
    eprintln!("skipped: {missing} is not on PATH");
    false
}

/// Whether this process may make namespaces and mount there. If not, says so.
pub(crate) fn privileged(why: &str) -> bool {
    let root = std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0);
    let may = || {
        let probe = ["--mount", "--net", "--pid", "--fork", "mount", "-t", "tmpfs", "none", "/mnt"];
        Command::new("unshare").args(probe).output().is_ok_and(|out| out.status.success())
    };
    let privileged = root && may();
    if !privileged {
        eprintln!("skipped: {why}: needs root and namespaces");
    }
    privileged
}
