//! Stored results on this machine: which attachments completed their ADD.

use std::path::{Path, PathBuf};

use crate::{
    cni::{CacheEntry, CniError},
    exec::{CniFileError, list_names, read_file},
};

/// A stored result with its file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CachedResult {
    /// The file.
    pub path: PathBuf,
    /// What it says.
    pub entry: CacheEntry,
}

/// What is stored, and what could not be read of it.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct CachedResults {
    /// The results, in the order of directories, then names.
    pub results: Vec<CachedResult>,
    /// Files that hold no result, each with the reason: cut off by a crash, for example.
    pub broken: Vec<(PathBuf, CniError)>,
}

/// Reads every stored result below the given cache directories; see [`CACHE_DIRS`](crate::cni::CACHE_DIRS).
///
/// A directory that is not there holds nothing; a file that vanishes meanwhile is left out.
///
/// # Errors
///
/// [`CniFileError`] for a directory or file that is there and cannot be read: what it would have told must not be taken
/// for nothing.
pub fn cached_results(directories: &[impl AsRef<Path>]) -> Result<CachedResults, CniFileError> {
    let mut all = CachedResults::default();
    for directory in directories {
        let results = directory.as_ref().join("results");
        for name in list_names(&results)?.unwrap_or_default() {
            // A write in flight, or one that was cut off before it had its name.
            if name.starts_with('.') {
                continue;
            }
            let path = results.join(&name);
            let Some(bytes) = read_file(&path)? else { continue };
            match CacheEntry::parse(&bytes, &name) {
                Ok(entry) => all.results.push(CachedResult { path, entry }),
                Err(error) => all.broken.push((path, error)),
            }
        }
    }
    Ok(all)
}
