//! Helpers of the flow tests: configurations, runs, snapshots of trees.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use k8sboot_core::{
    blocking::wait,
    config::{Documents, InitConfig},
    entropy::{Entropy, System},
    exec::{self, FileHook, Run, Tree},
    facts::NodeFacts,
    flow::{self, FlowError, InitOptions, Report, Selection},
    pki::{KeySource, RandomKeys},
    probe,
    time::Timestamp,
};

use crate::support::fixture;

/// A directory of its own for a test, removed at the end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        Self::below(&std::env::temp_dir(), name)
    }

    /// In memory if that is possible: flushing costs nothing there, which tests of hundreds of runs need.
    pub(crate) fn in_memory(name: &str) -> Self {
        let memory = Path::new("/dev/shm");
        match fs::metadata(memory).is_ok_and(|meta| meta.permissions().mode() & 0o002 != 0) {
            true => Self::below(memory, name),
            false => Self::new(name),
        }
    }

    fn below(base: &Path, name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let unique =
            format!("k8sboot-{name}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = base.join(unique);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A file of a recorded case.
pub(crate) fn case_file(case: &str, file: &str) -> String {
    fixture(&format!("cases/{case}/{file}"))
}

/// The host that the recorded cases were made on.
pub(crate) fn recorded_host(case: &str) -> NodeFacts {
    let env = case_file(case, "host.env");
    let name = env.lines().find_map(|line| line.strip_prefix("HOST_NAME=")).unwrap();
    let mut host = NodeFacts::named(name);
    host.ca_directories =
        ["/etc/ca-certificates", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates"]
            .map(String::from)
            .into();
    host
}

/// The configuration of a recorded case, with P-256 keys where the test is not about keys.
pub(crate) fn quick_text(case: &str) -> String {
    let text = case_file(case, "config.yaml");
    match text.contains("encryptionAlgorithm") {
        true => text,
        false => text.replace(
            "kind: ClusterConfiguration\n",
            "kind: ClusterConfiguration\nencryptionAlgorithm: ECDSA-P256\n",
        ),
    }
}

/// [`quick_text`], read on the recorded host.
pub(crate) fn quick_config(case: &str) -> InitConfig {
    Documents::parse(&quick_text(case)).unwrap().into_init(&recorded_host(case), None).unwrap()
}

pub(crate) fn now() -> Timestamp {
    "2026-11-23T03:07:02Z".parse().unwrap()
}

/// Init up to the kubelet stage, as an embedder runs it, at [`now`].
pub(crate) fn init(
    config: &InitConfig,
    root: &Path,
    hook: Option<Arc<dyn FileHook>>,
) -> Result<Report, FlowError> {
    let keys = Arc::new(RandomKeys::new(&System));
    init_with(config, root, hook, (now(), Arc::new(System), keys))
}

/// Clock, randomness and keys of a run.
pub(crate) type Sources = (Timestamp, Arc<dyn Entropy>, Arc<dyn KeySource>);

/// [`init`] with its sources injected.
pub(crate) fn init_with(
    config: &InitConfig,
    root: &Path,
    hook: Option<Arc<dyn FileHook>>,
    (now, entropy, keys): Sources,
) -> Result<Report, FlowError> {
    let mut tree = Tree::create(root).unwrap();
    if let Some(hook) = hook {
        tree = tree.with_hook(hook);
    }
    let selection = Selection::default().until("kubelet").unwrap();
    let flow = flow::init(config.clone(), InitOptions::at(now)).select(selection).unwrap();
    let mut host = exec::Host::new(tree.clone()).with_sources(now, entropy, keys);
    wait(flow.run(&mut probe::Host::new(tree), &mut host, &Run::default()))
}

/// Every path below a root with its mode and bytes; directories and links too.
pub(crate) fn snapshot(root: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    collect(root, root, &mut found);
    found
}

fn collect(root: &Path, at: &Path, found: &mut BTreeMap<String, (u32, Vec<u8>)>) {
    for entry in fs::read_dir(at).unwrap() {
        let path = entry.unwrap().path();
        let meta = fs::symlink_metadata(&path).unwrap();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        let bytes = match (meta.is_dir(), meta.is_symlink()) {
            (true, _) => Vec::new(),
            (_, true) => fs::read_link(&path).unwrap().display().to_string().into_bytes(),
            _ => fs::read(&path).unwrap(),
        };
        found.insert(name, (meta.permissions().mode(), bytes));
        if meta.is_dir() {
            collect(root, &path, found);
        }
    }
}
