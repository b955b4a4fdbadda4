//! The direction of dependencies between the families, as ARCHITECTURE.md states it.

use std::{fs, path::Path};

/// What each family may use of the others; the foundation is free for all.
const MAY_USE: [(&str, &[&str]); 17] = [
    ("config", &["facts", "manifest", "pki", "token"]),
    ("token", &["config", "kubeconfig", "manifest", "pki"]),
    ("pki", &["config", "manifest", "token"]),
    ("kubeconfig", &["config", "manifest", "pki"]),
    ("manifest", &["config", "facts", "token"]),
    ("facts", &["kubeconfig", "pki"]),
    ("plan", &["facts", "health", "kubeconfig", "manifest", "pki"]),
    (
        "flow",
        &["api", "config", "exec", "facts", "health", "join", "manifest", "pki", "plan", "probe", "token"],
    ),
    ("health", &[]),
    ("api", &["config", "discovery", "exec", "kubeconfig", "manifest", "pki", "token"]),
    ("ipam", &[]),
    ("cni", &["ipam"]),
    ("store", &["api", "ipam", "manifest"]),
    (
        "probe",
        &[
            "api",
            "cni",
            "config",
            "discovery",
            "exec",
            "facts",
            "health",
            "ipam",
            "join",
            "kubeconfig",
            "manifest",
            "pki",
        ],
    ),
    (
        "exec",
        &[
            "api",
            "cni",
            "config",
            "discovery",
            "health",
            "ipam",
            "join",
            "kubeconfig",
            "manifest",
            "pki",
            "plan",
            "probe",
            "token",
        ],
    ),
    ("discovery", &["config", "kubeconfig", "manifest", "pki", "token"]),
    ("join", &["api", "config", "kubeconfig", "manifest", "pki"]),
];

#[test]
fn families_use_only_what_they_may() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for (family, allowed) in MAY_USE {
        for file in rust_files(&source, family) {
            let text = fs::read_to_string(&file).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            let code: String = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .map(|l| format!("{l}\n"))
                .collect();
            for (other, _) in MAY_USE {
                let named = code.lines().any(|line| uses(line.trim_start(), other));
                if named && other != family && !allowed.contains(&other) {
                    wrong.push(format!("{} uses crate::{other}", file.display()));
                }
            }
            for forbidden in
                ["std::fs", "std::net::Tcp", "std::net::Udp", "std::process", "std::env", "SystemTime::now"]
            {
                if !["api", "exec", "probe", "store"].contains(&family) && code.contains(forbidden) {
                    wrong.push(format!("{} is pure and uses {forbidden}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn uses(line: &str, family: &str) -> bool {
    let after = |prefix: &str| {
        line.match_indices(prefix).any(|(at, _)| {
            let rest = &line[at + prefix.len()..];
            rest.starts_with(family)
                && !rest[family.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
        })
    };
    // `use crate::{…}` is formatted one family a line, four spaces in, when it does not fit one line.
    after("crate::")
        || (line.starts_with(family) && line[family.len()..].starts_with("::") && line.ends_with(','))
}

fn rust_files(source: &Path, family: &str) -> Vec<std::path::PathBuf> {
    let single = source.join(format!("{family}.rs"));
    let mut files = if single.is_file() { vec![single] } else { Vec::new() };
    let mut open = vec![source.join(family)];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                files.push(path);
            }
        }
    }
    assert!(!files.is_empty(), "no files of {family}");
    files
}
