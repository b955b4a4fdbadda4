//! A data directory for one test, its files as values, and the operations that are interrupted.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use k8sboot_core::{
    ipam::{Allocation, Owner, Ranges, Request},
    store::{DirectoryOptions, DirectoryStore, Durability, JournalOptions, Store, StoreError},
};

/// The files of a network's directory with their content; those of the library's own directory are `.k8sboot/<name>`.
pub(crate) type Image = BTreeMap<String, Vec<u8>>;

/// The smallest journal there is.
pub(crate) const SMALL: u32 = 64 * 1024;

/// A data directory with the network `mynet`, removed at the end.
pub(crate) struct World(PathBuf);

impl World {
    /// In memory if possible: what is on the disk is simulated, so that flushes need not be real.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("k8sboot-durable-{}-{number}", std::process::id()));
        fs::create_dir_all(path.join("mynet")).unwrap();
        Self(path)
    }

    /// One that holds these files.
    pub(crate) fn of(image: &Image) -> Self {
        let world = Self::new();
        for (name, content) in image {
            world.write(name, content);
        }
        world
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        let path = self.0.join("mynet").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.0.join("mynet").join(name)).unwrap();
    }

    pub(crate) fn image(&self) -> Image {
        image(&self.0.join("mynet"))
    }

    pub(crate) fn open(&self, options: DirectoryOptions) -> DirectoryStore {
        self.try_open(options).unwrap()
    }

    pub(crate) fn try_open(&self, options: DirectoryOptions) -> Result<DirectoryStore, StoreError> {
        DirectoryStore::open(&self.0, "mynet", ranges(), options)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Everything in a directory; names with a dot in front are the library's own.
pub(crate) fn image(directory: &Path) -> Image {
    let mut image = Image::new();
    for below in ["", ".k8sboot/"] {
        for entry in fs::read_dir(directory.join(below)).into_iter().flatten() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                let name = format!("{below}{}", entry.file_name().into_string().unwrap());
                image.insert(name, fs::read(entry.path()).unwrap());
            }
        }
    }
    image
}

/// Who holds what, as the files say it.
pub(crate) fn leases(image: &Image) -> BTreeMap<String, String> {
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    let is_address = |name: &&String| name.parse::<std::net::IpAddr>().is_ok();
    let names = image.keys().filter(is_address);
    names.map(|name| (name.clone(), text(&image[name]))).collect()
}

/// What a killed call left besides leases, markers, lock, journal and index.
pub(crate) fn leftovers(image: &Image) -> Vec<&String> {
    image.keys().filter(|name| name.contains("tmp") || name.ends_with(".new")).collect()
}

/// Two sets: a small one of IPv4, which is soon full, and one of IPv6.
pub(crate) fn ranges() -> Ranges {
    Ranges::of_subnets(&["10.1.2.0/28".parse().unwrap(), "2001:db8::/124".parse().unwrap()]).unwrap()
}

pub(crate) fn durable(boot: &str) -> DirectoryOptions {
    let journal = JournalOptions::default().segment(SMALL);
    DirectoryOptions::new().durability(Durability::Durable(journal)).boot_id(boot)
}

pub(crate) fn owner(container: &str) -> Owner<'_> {
    Owner::new(container, "eth0").unwrap()
}

/// The addresses given, as text.
pub(crate) fn add(store: &dyn Store, container: &str) -> Result<Vec<String>, StoreError> {
    let mut out = Allocation::new();
    store.allocate(&Request::new(owner(container)), &mut out)?;
    Ok(out.iter().map(|given| given.address.to_string()).collect())
}

/// The addresses freed, as text.
pub(crate) fn del(store: &dyn Store, container: &str) -> Result<Vec<String>, StoreError> {
    let mut freed = Vec::new();
    store.release(owner(container), &mut freed)?;
    Ok(freed.iter().map(ToString::to_string).collect())
}

pub(crate) fn record(container: &str) -> String {
    format!("{container}\r\neth0")
}
