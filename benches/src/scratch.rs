//! Directories for runs that write files.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use crate::Failure;

/// A file system in memory, where kubeadm's figures were recorded too.
const IN_MEMORY: &str = "/dev/shm";

/// A directory of its own, removed at the end.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A directory below `place`.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    pub fn below(place: impl AsRef<Path>) -> Result<Self, Failure> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("k8sboot-bench-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = place.as_ref().join(name);
        fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }

    /// A directory on a file system in memory; where there is none, in the system's directory for temporary files.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    pub fn in_memory() -> Result<Self, Failure> {
        let memory = Path::new(IN_MEMORY);
        if memory.is_dir() { Self::below(memory) } else { Self::below(std::env::temp_dir()) }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
