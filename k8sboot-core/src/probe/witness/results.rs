//! Stored CNI results: which attachments completed their ADD, and whether their namespaces are still there.

use std::{fs, io, path::PathBuf};

use crate::{
    cni::CACHE_DIRS,
    ipam::{
        Owner,
        leak::{Failure, StoredResult, Testimony, Witness, WitnessKind},
    },
    probe::{CachedResult, cached_results},
};

use super::WitnessError;

/// Reads the results that runtimes stored after their ADDs.
///
/// As long as the network namespace of a result exists, its addresses are kept; a result without it tells that a leak
/// is better undone by a DEL of the whole chain. Stored results go stale themselves, so one that is missing or damaged
/// proves nothing: damaged files are told in the notes. Default: [`CACHE_DIRS`].
#[derive(Clone, Debug)]
pub struct StoredResults {
    directories: Vec<PathBuf>,
}

impl Default for StoredResults {
    fn default() -> Self {
        Self::new(CACHE_DIRS)
    }
}

impl StoredResults {
    /// Those below cache directories, each of which has a directory `results`.
    #[must_use]
    pub fn new<P: Into<PathBuf>>(directories: impl IntoIterator<Item = P>) -> Self {
        Self { directories: directories.into_iter().map(Into::into).collect() }
    }
}

impl Witness for StoredResults {
    fn kind(&self) -> WitnessKind {
        WitnessKind::Results
    }

    fn testify(&self) -> Testimony {
        let mut testimony = Testimony::new("stored results", WitnessKind::Results);
        let cached = match cached_results(&self.directories) {
            Ok(cached) => cached,
            Err(error) => {
                testimony.failures.push(Failure::of(&error));
                return testimony;
            }
        };
        for (path, error) in &cached.broken {
            testimony.notes.push(format!("{} is damaged: {}", path.display(), crate::error::chain(error)));
        }
        for found in &cached.results {
            match stored(found) {
                Ok(Some(result)) => testimony.results.push(result),
                Ok(None) => testimony.notes.push(format!("{} names no attachment", found.path.display())),
                Err(error) => testimony.failures.push(Failure::of(&error)),
            }
        }
        testimony
    }
}

/// `None` if the file does not tell whose result it is.
fn stored(found: &CachedResult) -> Result<Option<StoredResult>, WitnessError> {
    let entry = &found.entry;
    let Ok(owner) = Owner::new(&entry.container, &entry.interface) else { return Ok(None) };
    let namespace = match &entry.netns {
        Some(path) if exists(path)? => Some(path.clone()),
        _ => None,
    };
    Ok(Some(StoredResult::new(owner, entry.addresses(), namespace, found.path.display().to_string())))
}

fn exists(path: &str) -> Result<bool, WitnessError> {
    match fs::metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(false)
        }
        Err(source) => Err(WitnessError::Namespace { op: "look at", path: path.into(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_keeps_while_its_namespace_exists() {
        let root = std::env::temp_dir().join(format!("k8sboot-results-{}", std::process::id()));
        fs::create_dir_all(root.join("results")).unwrap();
        let put = |name: &str, text: &str| fs::write(root.join("results").join(name), text).unwrap();
        let result = |container: &str, netns: &str| {
            format!(
                r#"{{"kind":"cniCacheV1","containerId":"{container}","ifName":"eth0","networkName":"cbr0","netns":"{netns}",
                "config":"e30=","result":{{"cniVersion":"1.0.0","ips":[{{"address":"10.244.1.7/24"}}]}}}}"#
            )
        };
        put("cbr0-a-eth0", &result("a", "/proc/self/ns/net"));
        put("cbr0-b-eth0", &result("b", "/run/netns/of-a-pod-that-is-gone"));
        put("cbr0-c-eth0", "");
        let testimony = StoredResults::new([&root]).testify();
        assert!(testimony.failures.is_empty(), "{testimony:?}");
        let seen: Vec<_> = testimony
            .results
            .iter()
            .map(|r| (r.owner.as_owner().container(), r.namespace.is_some()))
            .collect();
        assert_eq!(seen, [("a", true), ("b", false)]);
        assert_eq!(testimony.results[0].addresses, ["10.244.1.7".parse::<std::net::IpAddr>().unwrap()]);
        assert!(testimony.notes[0].contains("cbr0-c-eth0 is damaged"), "{:?}", testimony.notes);

        fs::remove_dir_all(root.join("results")).unwrap();
        assert_eq!(
            StoredResults::new([&root]).testify().failures.len(),
            0,
            "a missing directory holds nothing"
        );
        fs::write(root.join("results"), "").unwrap();
        assert_eq!(StoredResults::new([&root]).testify().failures.len(), 1, "an unreadable one is a failure");
        fs::remove_dir_all(root).unwrap();
    }
}
