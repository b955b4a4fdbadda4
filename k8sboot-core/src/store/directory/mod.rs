//! host-local's own directory as a store: `<data directory>/<network>/`, one file an address.
//!
//! What is on disk is exactly what host-local reads and writes (records `<container ID> CR LF <interface>`, markers
//! `last_reserved_ip.N`, `lock`), so that both may work one directory at the same time. What differs: a record appears
//! complete or not at all; an allocation that fails removes what it made and nothing else; a marker is never empty; a
//! lock that cannot be had is an error and not ignored. This library's own files are in `.k8sboot`, which host-local
//! takes for no address.
//!
//! The data directory may be a symbolic link. A link in the place of the network's directory is refused unless the
//! options allow it: host-local itself does not find its records behind one.

mod allocate;
mod durable;
mod files;
mod findings;
mod gate;
mod hash;
mod listing;
mod lock;
mod marker;
mod name;
mod options;
mod repair;

use std::{
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use rustix::fs::FileType;

use self::{
    allocate::View,
    files::{Files, Identity},
    gate::Gate,
    listing::{Held, Listing},
    lock::Patience,
    name::Named,
};
pub use self::{
    durable::Durability,
    options::DirectoryOptions,
    repair::{Defect, Finding, Outcome, REPAIR_SCHEMA, Remedy, RepairOptions, repair_json, repair_text},
};
use super::{Store, StoreError};
use crate::ipam::{Allocation, Owner, Range, Ranges, Record, Request, Usage};

/// host-local's directory of one network.
///
/// Open it for one call, as a plugin does, or keep it open; any number of processes and host-local itself may use the
/// directory at the same time.
///
/// # Examples
///
/// ```
/// # let data = std::env::temp_dir().join(format!("k8sboot-doc-{}", std::process::id()));
/// use k8sboot_core::{
///     ipam::{Allocation, Owner, Ranges, Request},
///     store::{DirectoryOptions, DirectoryStore, Store},
/// };
///
/// let ranges = Ranges::of_subnets(&["10.244.1.0/24".parse()?])?;
/// let store = DirectoryStore::open(&data, "cbr0", ranges, DirectoryOptions::new())?;
/// let mut out = Allocation::new();
/// store.allocate(&Request::new(Owner::new("3f2a", "eth0")?), &mut out)?;
/// assert_eq!(out.first().map(|a| a.address.to_string()).as_deref(), Some("10.244.1.2"));
/// assert_eq!(std::fs::read(data.join("cbr0/10.244.1.2"))?, b"3f2a\r\neth0");
/// # std::fs::remove_dir_all(&data)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct DirectoryStore {
    data_dir: PathBuf,
    ranges: Ranges,
    options: DirectoryOptions,
    gate: Gate,
    files: Mutex<Files>,
}

impl DirectoryStore {
    /// Opens the directory of `network` below `data_dir` and its lock; makes both if they are missing, as host-local does
    /// for every verb. Takes no lock.
    ///
    /// host-local's data directory is `/var/lib/cni/networks` by default. With [`Ranges::none`] the store looks and
    /// releases only.
    ///
    /// # Errors
    ///
    /// [`StoreError::NetworkName`], [`StoreError::Kind`] if a file is in the way, [`StoreError::Link`],
    /// [`StoreError::Missing`] if it is not to be made, [`StoreError::Io`].
    pub fn open(
        data_dir: impl AsRef<Path>,
        network: &str,
        ranges: Ranges,
        options: DirectoryOptions,
    ) -> Result<Self, StoreError> {
        let data_dir = data_dir.as_ref().to_path_buf();
        let files = Files::open(&data_dir, network, &options)?;
        let store = Self { data_dir, ranges, options, gate: Gate::default(), files: Mutex::new(files) };
        store.prepare()?;
        Ok(store)
    }

    /// The directory of the network.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).path().to_path_buf()
    }

    /// The range sets it gives addresses of.
    #[must_use]
    pub const fn ranges(&self) -> &Ranges {
        &self.ranges
    }

    /// Runs something under all locks, on the directory that the name stands for now.
    fn locked<T>(
        &self,
        run: impl FnOnce(&mut Files, &mut Listing) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut patience = Patience::new(self.options.lock_timeout);
        let _pass = self.gate.pass(&patience).ok_or_else(|| StoreError::Locked {
            path: self.path().display().to_string(),
            holder: Some(std::process::id()),
            waited: patience.waited(),
        })?;
        // A panic leaves no state behind that is not read again.
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            lock::take(&files, &mut patience)?;
            match files.is_current() {
                Ok(true) => break,
                Ok(false) => {
                    lock::release(&files);
                    files.reopen(&self.data_dir, &self.options)?;
                }
                Err(error) => {
                    lock::release(&files);
                    return Err(error);
                }
            }
        }
        let ready = durable::prepare(&mut files, &self.options);
        let listing = ready.and_then(|()| files.clean()).and_then(|()| Listing::read(&files));
        let done = listing.and_then(|mut listing| run(&mut files, &mut listing));
        lock::release(&files);
        done
    }
}

impl Store for DirectoryStore {
    fn allocate(&self, request: &Request<'_>, out: &mut Allocation) -> Result<(), StoreError> {
        out.clear();
        let promise = self.locked(|files, listing| {
            files.log.begin(request.owner)?;
            allocate::allocate(files, listing, &self.ranges, request, out)?;
            durable::confirm(files, out)
        })?;
        promise.keep().or_else(|error| {
            out.clear();
            self.locked(|files, _| promise.take_back(files)).and(Err(error))
        })
    }

    fn release(&self, owner: Owner<'_>, freed: &mut Vec<IpAddr>) -> Result<(), StoreError> {
        let promise = self.locked(|files, listing| {
            let mut failed = None;
            for held in View::held(listing, files, owner)? {
                match files.unlink(&held.name) {
                    Ok(true) => freed.push(held.address),
                    Ok(false) => {}
                    // The others are freed all the same.
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
            failed.map_or_else(|| Ok(files.log.released(owner)), Err)
        })?;
        promise.keep()
    }

    fn find(&self, owner: Owner<'_>, out: &mut Vec<IpAddr>) -> Result<(), StoreError> {
        self.locked(|files, listing| {
            out.extend(View::held(listing, files, owner)?.into_iter().map(|held| held.address));
            Ok(())
        })
    }

    fn records(&self) -> Result<Vec<Record>, StoreError> {
        self.locked(|_, listing| {
            let mut records: Vec<Record> = listing.entries().iter().map(listing::Entry::record).collect();
            records.sort_by(|a, b| {
                (a.address.is_none(), a.address, &a.name).cmp(&(b.address.is_none(), b.address, &b.name))
            });
            Ok(records)
        })
    }

    fn free_unchanged(&self, seen: &[Record]) -> Result<Vec<Record>, StoreError> {
        let (freed, promise) = self.locked(|files, _| {
            let mut freed = Vec::new();
            for old in seen.iter().filter(|old| is_record_name(&old.name)) {
                let unchanged = files
                    .look(&old.name)?
                    .is_some_and(|now| now.kind != FileType::Directory && now.version() == old.version);
                if unchanged && files.unlink(&old.name)? {
                    freed.push(old.clone());
                }
            }
            Ok((freed, files.log.promise()))
        })?;
        promise.keep().map(|()| freed)
    }

    fn usage(&self) -> Result<Vec<Usage>, StoreError> {
        self.locked(|_, listing| {
            let usage = |set: &crate::ipam::RangeSet| {
                let counts = |a: IpAddr| set.range_of(a).is_some_and(|range| range.gateway() != a);
                Usage::new(listing.count(counts), 0, set.size())
            };
            Ok(self.ranges.sets().iter().map(usage).collect())
        })
    }
}

impl fmt::Debug for DirectoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectoryStore")
            .field("data_dir", &self.data_dir)
            .field("ranges", &self.ranges)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl View for Listing {
    fn held(&mut self, _: &Files, owner: Owner<'_>) -> Result<Vec<Held>, StoreError> {
        Ok(Listing::held(self, owner))
    }

    fn is_taken(&mut self, _: &Files, address: IpAddr) -> Result<bool, StoreError> {
        Ok(Listing::is_taken(self, address))
    }

    fn next_free(
        &mut self,
        _: &Files,
        range: &Range,
        from: u128,
        to: u128,
    ) -> Result<Option<IpAddr>, StoreError> {
        Ok(Listing::next_free(self, from, to, |number| allocate::address_in(range, number)))
    }

    fn made(&mut self, files: &Files, address: IpAddr, _: Owner<'_>, _: Identity) -> Result<(), StoreError> {
        self.met(files, address)
    }

    fn met(&mut self, _: &Files, address: IpAddr) -> Result<(), StoreError> {
        self.note_taken(address);
        Ok(())
    }

    fn removed(&mut self, _: &Files, name: &str) -> Result<(), StoreError> {
        self.note_removed(name);
        Ok(())
    }
}

/// Whether a name, from a listing, may be freed: not the lock, a marker or a file of this library, and not outside.
fn is_record_name(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    Named::of(last) != Named::Furniture
        && !name.starts_with('/')
        && name.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}
