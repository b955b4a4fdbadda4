//! A directory of its own for a test, and what is in it.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::Value;

/// A directory that is removed at the end.
pub(crate) struct Scratch(PathBuf);

/// Every file and directory: path (directories end in `/`) → text, `None` for a directory, and permission bits.
pub(crate) type State = BTreeMap<String, (Option<String>, u32)>;

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let unique =
            format!("k8sboot-ipam-{name}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(unique);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.0
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.0.join(below)
    }

    /// Writes a file with host-local's mode, and the directories above it.
    pub(crate) fn write(&self, below: &str, content: impl AsRef<[u8]>, mode: u32) {
        let path = self.path(below);
        self.directory(path.parent().unwrap());
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Makes a directory with host-local's mode, and those above it.
    pub(crate) fn directory(&self, path: impl AsRef<Path>) {
        let path = self.0.join(path);
        fs::create_dir_all(&path).unwrap();
        for path in path.ancestors().take_while(|path| *path != self.0) {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    /// What is there, without names that begin with a dot: those are an implementation's own.
    pub(crate) fn state(&self) -> State {
        let mut state = State::new();
        self.collect(&self.0, &mut state);
        state
    }

    /// Names of the files in a directory, without those that begin with a dot.
    pub(crate) fn names(&self, below: &str) -> Vec<String> {
        let prefix = format!("{below}/");
        self.state()
            .into_keys()
            .filter_map(|path| Some(path.strip_prefix(&prefix)?.to_owned()))
            .filter(|p| !p.is_empty())
            .collect()
    }

    /// The addresses that have a file in a network's directory.
    pub(crate) fn held(&self, network: &str) -> Vec<String> {
        let address = |name: &String| name.parse::<std::net::IpAddr>().is_ok();
        self.names(&format!("networks/{network}")).into_iter().filter(address).collect()
    }

    /// Replaces `{{ROOT}}` everywhere in a value.
    pub(crate) fn placed(&self, value: &Value) -> Value {
        serde_json::from_str(&self.placed_text(&value.to_string())).unwrap()
    }

    /// Replaces `{{ROOT}}` in a text.
    pub(crate) fn placed_text(&self, text: &str) -> String {
        text.replace("{{ROOT}}", self.0.to_str().unwrap())
    }

    fn collect(&self, at: &Path, state: &mut State) {
        for entry in fs::read_dir(at).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            let path = entry.path();
            let meta = fs::symlink_metadata(&path).unwrap();
            let mode = meta.permissions().mode() & 0o7777;
            let name = path.strip_prefix(&self.0).unwrap().display().to_string();
            if meta.is_dir() {
                state.insert(format!("{name}/"), (None, mode));
                self.collect(&path, state);
            } else {
                let text = String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).into_owned();
                state.insert(name, (Some(text), mode));
            }
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
