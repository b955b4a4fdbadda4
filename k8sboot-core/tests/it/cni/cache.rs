//! Stored results on disk.

use std::{fs, os::unix::fs::symlink, path::PathBuf};

use k8sboot_core::{error::Problem, probe::cached_results};

/// A directory that is removed when the value is dropped.
pub(super) struct Scratch(pub(super) PathBuf);

impl Scratch {
    pub(super) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("k8sboot-cni-{name}-{}", std::process::id()));
        let _gone = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _left = fs::remove_dir_all(&self.0);
    }
}

const ENTRY: &str = r#"{"kind":"cniCacheV1","containerId":"ID","config":"e30=","ifName":"eth0","networkName":"NET","result":{"cniVersion":"1.0.0","ips":[{"address":"10.1.2.2/24"}]}}"#;

fn entry(network: &str, id: &str) -> String {
    ENTRY.replace("ID", id).replace("NET", network)
}

#[test]
fn lists_what_completed_and_says_what_is_broken() {
    let scratch = Scratch::new("listing");
    let (first, second) = (scratch.0.join("cni"), scratch.0.join("cni/cache"));
    for directory in [&first, &second] {
        fs::create_dir_all(directory.join("results/directory")).unwrap();
    }
    fs::write(first.join("results/mynet-b-eth0"), entry("mynet", "b")).unwrap();
    fs::write(first.join("results/mynet-a-eth0"), entry("mynet", "a")).unwrap();
    fs::write(first.join("results/.mynet-c-eth0.tmp"), "{").unwrap();
    fs::write(first.join("results/mynet-cut-eth0"), &entry("mynet", "cut")[..80]).unwrap();
    fs::write(first.join("results/empty"), "").unwrap();
    let id = "5".repeat(64);
    fs::write(second.join(format!("results/cbr0-{id}-eth0")), r#"{"ip4":{"ip":"10.244.1.9/24"}}"#).unwrap();
    symlink("nowhere", second.join("results/dangling")).unwrap();

    let all = cached_results(&[first, second, scratch.0.join("none")]).unwrap();
    let seen: Vec<_> = all
        .results
        .iter()
        .map(|one| {
            (one.entry.network.as_str(), one.entry.container.as_str(), one.entry.addresses()[0].to_string())
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("mynet", "a", "10.1.2.2".to_owned()),
            ("mynet", "b", "10.1.2.2".to_owned()),
            ("cbr0", id.as_str(), "10.244.1.9".to_owned())
        ]
    );
    let broken: Vec<_> =
        all.broken.iter().map(|(path, _)| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(broken, ["empty", "mynet-cut-eth0"]);
}

#[test]
fn what_cannot_be_read_is_not_taken_for_nothing() {
    let scratch = Scratch::new("unreadable");
    fs::write(scratch.0.join("results"), "a file").unwrap();
    let error = cached_results(&[&scratch.0]).unwrap_err();
    assert!(error.details().errno.is_some() && error.path().ends_with("results"), "{error}");

    let other = Scratch::new("pipe");
    fs::create_dir(other.0.join("results")).unwrap();
    let pipe = other.0.join("results/mynet-a-eth0");
    make_pipe(&pipe);
    let error = cached_results(&[&other.0]).unwrap_err();
    assert!(error.to_string().contains("expected a regular file"), "{error}");
}

fn make_pipe(path: &std::path::Path) {
    let done = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(done.success());
}
