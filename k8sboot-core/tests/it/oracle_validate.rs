//! Every object and static pod against the OpenAPI schemas of Kubernetes 1.33 to 1.37.
//!
//! The oracle is `kubernetes-validate` (PyPI): the program named by `K8SBOOT_VALIDATE`, else the one on `PATH`. Without
//! it the test says so and skips, except under `CI=true`, where it fails.

use std::{env, ffi::OsString, fs, path::PathBuf, process::Command};

use k8sboot_core::manifest::{RenderOptions, cluster, static_pods};

use crate::{
    objects::{config, staged},
    support::{CASES, fixture},
};

/// The oldest and the newest minor of Kubernetes that the library renders for.
const MINORS: std::ops::RangeInclusive<u32> = 33..=37;

#[test]
fn kubernetes_accepts_every_object_for_every_minor() {
    let Some(program) = validator() else {
        let skipped = "kubernetes-validate is not on PATH and K8SBOOT_VALIDATE is not set";
        assert_ne!(env::var("CI").as_deref(), Ok("true"), "{skipped}");
        eprintln!("skipped: {skipped} (pip install kubernetes-validate)");
        return;
    };
    let directory = env::temp_dir().join(format!("k8sboot-validate-{}", std::process::id()));
    for minor in MINORS {
        let files = render(&directory, minor);
        assert!(files.len() >= 6 * (29 + 3), "{}", files.len());
        let output = Command::new(&program)
            .args(["--strict", "--no-warn", "--kubernetes-version", &format!("1.{minor}.0")])
            .args(&files)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "1.{minor}, {} files: {said}", files.len());
    }
    fs::remove_dir_all(directory).unwrap();
}

/// The oracle must be able to refuse: a misspelt field is not accepted.
#[test]
fn the_oracle_refuses_a_field_that_does_not_exist() {
    let Some(program) = validator() else { return };
    let file = env::temp_dir().join(format!("k8sboot-validate-{}.yaml", std::process::id()));
    fs::write(&file, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndatas: {}\n").unwrap();
    for minor in MINORS {
        let version = format!("1.{minor}.0");
        let output =
            Command::new(&program).args(["--strict", "--kubernetes-version", &version]).arg(&file).output();
        assert!(!output.unwrap().status.success(), "1.{minor}");
    }
    fs::remove_file(file).unwrap();
}

/// Writes the objects and static pods of all cases for one minor, and gives the files.
fn render(directory: &std::path::Path, minor: u32) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for name in CASES {
        let directory = directory.join(format!("1.{minor}/{name}"));
        fs::create_dir_all(&directory).unwrap();
        let text = fixture(&format!("cases/{name}/config.yaml"));
        let config = config(&text.replace("v1.36.2", &format!("v1.{minor}.0")));
        assert_eq!(config.version().minor(), minor, "{name}");
        let objects = staged(name, &config).into_iter().map(|staged| staged.object);
        let pods = static_pods(&config, &RenderOptions::default()).unwrap().into_iter().map(|pod| pod.object);
        for object in objects.chain(pods) {
            let file = directory.join(cluster::file_name(&object));
            fs::write(&file, object.to_yaml()).unwrap();
            files.push(file);
        }
    }
    files
}

fn validator() -> Option<OsString> {
    if let Some(program) = env::var_os("K8SBOOT_VALIDATE").filter(|program| !program.is_empty()) {
        return Some(program);
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|directory| directory.join("kubernetes-validate"));
    found.filter(|program| program.is_file()).map(Into::into).next()
}
