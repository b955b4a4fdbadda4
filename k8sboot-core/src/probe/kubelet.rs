//! The version of the node's kubelet.

use std::{
    io::Read as _,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::version::Version;

/// How long the kubelet may take to tell its version.
const LIMIT: Duration = Duration::from_secs(5);
/// What the answer begins with.
const BEGINNING: &str = "Kubernetes ";

/// Asks a kubelet for its version (`PROGRAM --version`), `kubelet` of `PATH` unless a path is given.
///
/// `None` if there is no such program, it does not answer within 5 s, or answers something else: then nothing can be compared
/// with the cluster.
#[must_use]
pub fn kubelet_version(program: Option<&Path>) -> Option<Version> {
    let mut child = Command::new(program.unwrap_or_else(|| Path::new("kubelet")))
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let begun = Instant::now();
    let ended = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status.success(),
            Ok(None) if begun.elapsed() < LIMIT => thread::sleep(Duration::from_millis(10)),
            _ => {
                // Whatever hinders it, it must not stay.
                let _ = child.kill();
                let _ = child.wait();
                break false;
            }
        }
    };
    let mut text = String::new();
    // The answer is one line: it fits into the pipe.
    child.stdout.take()?.read_to_string(&mut text).ok().filter(|_| ended)?;
    text.trim().strip_prefix(BEGINNING)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn tells_the_version_or_nothing() {
        let directory = std::env::temp_dir().join(format!("k8sboot-kubelet-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        for (script, version) in [
            ("echo Kubernetes v1.36.2", Some("v1.36.2")),
            ("echo Kubernetes v1.36.2; exit 1", None),
            ("echo kubelet 1.36", None),
        ] {
            let program = directory.join("kubelet");
            fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            // A file that another thread's child still has open for writing cannot be run yet.
            let tries = if version.is_some() { 50 } else { 1 };
            let found = (0..tries).find_map(|_| {
                kubelet_version(Some(&program)).or_else(|| {
                    thread::sleep(Duration::from_millis(20));
                    None
                })
            });
            assert_eq!(found.map(|found| found.to_string()).as_deref(), version, "{script}");
        }
        fs::remove_dir_all(&directory).unwrap();
        assert_eq!(kubelet_version(Some(Path::new("/nonexistent/kubelet"))), None);
    }
}
