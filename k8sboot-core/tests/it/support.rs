//! What the integration tests share.
#![allow(dead_code, reason = "not every set of features uses all of it")]

use std::path::PathBuf;

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
