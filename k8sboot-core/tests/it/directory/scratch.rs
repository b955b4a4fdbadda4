//! A data directory for one test, and what tests ask of it.

use std::{
    collections::BTreeMap,
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use k8sboot_core::{
    ipam::{Allocation, Owner, Ranges, Repeat, Request},
    store::{DirectoryOptions, DirectoryStore, Store, StoreError},
};

/// A temporary data directory with the network `mynet`, removed at the end.
pub(crate) struct Data(PathBuf);

impl Data {
    pub(crate) fn new() -> Self {
        Self::below(&std::env::temp_dir())
    }

    /// On tmpfs if there is one, for tests that do much.
    pub(crate) fn quick() -> Self {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { Self::below(memory) } else { Self::new() }
    }

    fn below(parent: &Path) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("k8sboot-directory-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn network(&self) -> PathBuf {
        self.0.join("mynet")
    }

    pub(crate) fn open(&self, subnets: &[&str]) -> DirectoryStore {
        self.open_with(subnets, DirectoryOptions::new()).unwrap()
    }

    pub(crate) fn open_with(
        &self,
        subnets: &[&str],
        options: DirectoryOptions,
    ) -> Result<DirectoryStore, StoreError> {
        DirectoryStore::open(&self.0, "mynet", ranges(subnets), options)
    }

    /// Makes a file of the network, with its directories.
    pub(crate) fn put(&self, name: &str, content: &str) {
        let path = self.network().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.network().join(name)).ok()
    }

    /// Every file with its content; names with a dot are the library's own.
    pub(crate) fn state(&self) -> BTreeMap<String, String> {
        let Ok(entries) = fs::read_dir(self.network()) else { return BTreeMap::new() };
        entries
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
            .filter(|(name, path)| !name.starts_with('.') && path.is_file())
            .map(|(name, path)| (name, fs::read_to_string(path).unwrap()))
            .collect()
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn ranges(subnets: &[&str]) -> Ranges {
    if subnets.is_empty() {
        return Ranges::none();
    }
    Ranges::of_subnets(&subnets.iter().map(|s| s.parse().unwrap()).collect::<Vec<_>>()).unwrap()
}

/// One range set of one range, with its first and last address.
pub(crate) fn bounded(subnet: &str, start: &str, end: &str) -> Ranges {
    use k8sboot_core::ipam::{Range, RangeSet, RangeSpec, Strictness};
    let spec = RangeSpec::new(subnet.parse().unwrap())
        .start(Some(start.parse().unwrap()))
        .end(Some(end.parse().unwrap()));
    let range = Range::new(&spec, Strictness::HostLocal).unwrap();
    Ranges::new(vec![RangeSet::new(vec![range]).unwrap()]).unwrap()
}

pub(crate) fn owner(container: &str) -> Owner<'_> {
    Owner::new(container, "eth0").unwrap()
}

/// Adds as host-local does; the addresses as text.
pub(crate) fn add(store: &dyn Store, container: &str, wanted: &[&str]) -> Result<Vec<String>, StoreError> {
    let wanted: Vec<IpAddr> = wanted.iter().map(|a| a.parse().unwrap()).collect();
    let mut out = Allocation::new();
    let request = Request::new(owner(container)).addresses(&wanted).repeat(Repeat::Refuse);
    store.allocate(&request, &mut out)?;
    Ok(out.iter().map(|given| given.address.to_string()).collect())
}

pub(crate) fn del(store: &dyn Store, container: &str) -> Vec<String> {
    let mut freed = Vec::new();
    store.release(owner(container), &mut freed).unwrap();
    freed.iter().map(IpAddr::to_string).collect()
}
