//! Stored results on disk: read, written whole, removed.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use super::{
    error::{CniFileError, CniFileOp, at},
    file::{list_names, read_file},
};
use crate::cni::{CacheEntry, CniError};

/// The directory `results` below a cache directory.
#[derive(Clone, Debug)]
pub(super) struct Results {
    directory: PathBuf,
}

impl Results {
    pub(super) fn below(cache: &Path) -> Self {
        Self { directory: cache.join("results") }
    }

    /// The stored result of that name; `None` if there is none, an inner error if it is broken.
    pub(super) fn read(&self, name: &str) -> Result<Option<Result<CacheEntry, CniError>>, CniFileError> {
        let bytes = read_file(&self.directory.join(name))?;
        Ok(bytes.map(|bytes| CacheEntry::parse(&bytes, name)))
    }

    /// All that can be read and that tell their attachment.
    pub(super) fn of_network(&self, network: &str) -> Result<Vec<CacheEntry>, CniFileError> {
        let mut found = Vec::new();
        for name in list_names(&self.directory)?.unwrap_or_default() {
            if name.starts_with('.') || !name.starts_with(network) {
                continue;
            }
            if let Some(Ok(entry)) = self.read(&name)?
                && entry.network == network
                && !entry.container.is_empty()
                && !entry.interface.is_empty()
            {
                found.push(entry);
            }
        }
        Ok(found)
    }

    /// Writes it with mode 0600 and gives it its name when it is whole.
    ///
    /// It is not flushed to the disk: no container outlives the machine's end.
    pub(super) fn write(&self, name: &str, entry: &CacheEntry) -> Result<(), CniFileError> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory)
            .map_err(at(CniFileOp::MakeDirectory, &self.directory))?;
        let path = self.directory.join(name);
        // Not the name with something added, which could be longer than a name may be.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let temporary = self.directory.join(format!(".k8sboot-{}-{number}.tmp", std::process::id()));
        let written = write_new(&temporary, entry.render().as_bytes())
            .and_then(|()| std::fs::rename(&temporary, &path));
        if let Err(error) = written {
            let _left = std::fs::remove_file(&temporary);
            return Err(at(CniFileOp::Write, &path)(error));
        }
        Ok(())
    }

    /// Removes it. Nothing there is success.
    pub(super) fn remove(&self, name: &str) -> Result<(), CniFileError> {
        let path = self.directory.join(name);
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(at(CniFileOp::Remove, &path)(error)),
        }
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let open = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file: File = match open() {
        // Left by a process that died and had the same number.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            std::fs::remove_file(path)?;
            open()?
        }
        other => other?,
    };
    file.write_all(bytes)
}
