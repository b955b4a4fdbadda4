//! What the tests share: runs of the binary, directories, snapshots of trees.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::Value;

/// A directory of its own for a test, removed at the end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let unique =
            format!("k8sboot-cli-{name}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(unique);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.0.join(below)
    }

    /// The path as an argument of a command.
    pub(crate) fn arg(&self, below: &str) -> String {
        self.path(below).display().to_string()
    }

    pub(crate) fn write(&self, below: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self.arg(below)
    }

    pub(crate) fn read(&self, below: &str) -> String {
        let path = self.path(below);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub(crate) fn snapshot(&self) -> BTreeMap<String, (u32, Vec<u8>)> {
        let mut found = BTreeMap::new();
        collect(&self.0, &self.0, &mut found);
        found
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn collect(root: &Path, at: &Path, found: &mut BTreeMap<String, (u32, Vec<u8>)>) {
    for entry in fs::read_dir(at).unwrap() {
        let path = entry.unwrap().path();
        let meta = fs::symlink_metadata(&path).unwrap();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        let bytes = match (meta.is_dir(), meta.is_symlink(), meta.is_file()) {
            (true, ..) | (_, _, false) if !meta.is_symlink() => Vec::new(),
            (_, true, _) => fs::read_link(&path).unwrap().display().to_string().into_bytes(),
            _ => fs::read(&path).unwrap(),
        };
        found.insert(name, (meta.permissions().mode(), bytes));
        if meta.is_dir() {
            collect(root, &path, found);
        }
    }
}

/// The binary, without this machine's environment (proxies appear in manifests).
pub(crate) fn k8sboot() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_k8sboot"));
    command.env_clear();
    command
}

/// What a run gave.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let ran = Self {
            code: output.status.code().unwrap_or(-1),
            out: text(output.stdout),
            err: text(output.stderr),
        };
        assert!(!ran.err.contains("panicked"), "{}", ran.err);
        ran
    }
}

impl Ran {
    /// Standard output, which must be exactly one JSON document.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }

    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}\n{}", self.out, self.err);
        self
    }
}

pub(crate) fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ran {
    k8sboot().args(arguments).stdin(Stdio::null()).output().unwrap().into()
}

pub(crate) fn run_with_input(arguments: &[&str], input: &str) -> Ran {
    let mut child = k8sboot()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub(crate) fn fixtures() -> PathBuf {
    repository().join("k8sboot-core/tests/fixtures")
}

/// A file of a recorded case.
pub(crate) fn case_file(case: &str, file: &str) -> String {
    let path = fixtures().join("kubeadm-1.36/cases").join(case).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) const CASES: [&str; 6] = ["dualstack", "ecdsa", "external-etcd", "ha", "minimal", "seed"];

/// A small configuration with quick keys; its token's secret half is [`TOKEN_SECRET`].
pub(crate) const CONFIG: &str = "\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
bootstrapTokens:
- token: abcdef.9f8e7d6c5b4a3f2e
localAPIEndpoint:
  advertiseAddress: 192.0.2.10
nodeRegistration:
  name: node-1
certificateKey: 8c3f0e5d7a1b49628c3f0e5d7a1b49628c3f0e5d7a1b49628c3f0e5d7a1b4962
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
encryptionAlgorithm: ECDSA-P256
networking:
  podSubnet: 10.244.0.0/16
";

pub(crate) const TOKEN_SECRET: &str = "9f8e7d6c5b4a3f2e";
pub(crate) const CERTIFICATE_KEY: &str = "8c3f0e5d7a1b4962";

/// A directory with `config.yaml` ([`CONFIG`]) and, if `done`, a whole node tree in `root`.
pub(crate) fn prepared(name: &str, done: bool) -> Scratch {
    let scratch = Scratch::new(name);
    let config = scratch.write("config.yaml", CONFIG);
    if done {
        run(["init", "--config", &config, "--root", &scratch.arg("root")]).ok();
    }
    scratch
}

/// Arguments of init with the configuration and root of [`prepared`], and more.
pub(crate) fn init_args(scratch: &Scratch, more: &[&str]) -> Vec<String> {
    let mut all = vec![
        "init".into(),
        "--config".into(),
        scratch.arg("config.yaml"),
        "--root".into(),
        scratch.arg("root"),
    ];
    all.extend(more.iter().map(|argument| (*argument).to_owned()));
    all
}

/// No secret half of a token, no certificate key, no line of a private key of the tree.
pub(crate) fn assert_no_secret(scratch: &Scratch, texts: &[&str]) {
    let mut secrets = vec![TOKEN_SECRET.to_owned(), CERTIFICATE_KEY.to_owned(), "PRIVATE KEY".to_owned()];
    for (name, (_, bytes)) in scratch.snapshot() {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if name.ends_with(".key") {
            secrets.extend(text.lines().nth(1).map(str::to_owned));
        }
        secrets.extend(
            text.lines().filter_map(|line| line.trim().strip_prefix("client-key-data: ").map(str::to_owned)),
        );
    }
    for text in texts {
        for secret in secrets.iter().filter(|secret| secret.len() > 8) {
            assert!(!text.contains(secret.as_str()), "{secret} in {text}");
        }
    }
}
