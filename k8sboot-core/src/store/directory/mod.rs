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
mod boot;
mod create;
mod durable;
mod files;
mod findings;
mod gate;
mod hash;
mod index;
mod listing;
mod lock;
mod marker;
mod name;
mod open;
mod options;
mod repair;
mod stock;
mod watch;

use std::{
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rustix::fs::{FileType, Stat};

use self::{
    allocate::View,
    boot::ThisBoot,
    files::Files,
    gate::{Gate, Pass},
    index::{Index, Keep},
    listing::{Entry, Listing},
    lock::Patience,
    name::Named,
    watch::Watch,
};
pub use self::{
    durable::Durability,
    options::{DirectoryOptions, EarlierBoot},
    repair::{Defect, Finding, Outcome, REPAIR_SCHEMA, Remedy, RepairOptions, repair_json, repair_text},
};
use super::{Store, StoreError};
use crate::ipam::{Allocation, Boot, Holder, IpamError, Owner, Ranges, Record, Request, Usage};

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
    path: PathBuf,
    ranges: Ranges,
    options: DirectoryOptions,
    gate: Gate,
    state: Mutex<State>,
}

/// What a store has open.
struct State {
    files: Files,
    boot: ThisBoot,
    /// What a store that stays open keeps in memory.
    index: Option<Index>,
    keep: Keep,
    /// The index was found to be wrong by the call before.
    unusable: bool,
}

/// What one call knows of the directory.
enum Knowledge {
    Index(Box<Index>),
    Listing(Listing),
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
    /// [`StoreError::Missing`] if it is not to be made, [`StoreError::Io`]. With [`Durability::Durable`] also
    /// [`StoreError::JournalBusy`], [`StoreError::JournalDamaged`] and [`StoreError::Locked`]: the lock is taken then.
    pub fn open(
        data_dir: impl AsRef<Path>,
        network: &str,
        ranges: Ranges,
        options: DirectoryOptions,
    ) -> Result<Self, StoreError> {
        let data_dir = data_dir.as_ref().to_path_buf();
        let path = data_dir.join(network);
        let files = Files::open(&data_dir, network, &options)?;
        let boot = ThisBoot::find(&options);
        let keep = Keep { open: options.resident, watch: None };
        let state = Mutex::new(State { files, boot, index: None, keep, unusable: false });
        let store = Self { data_dir, path, ranges, options, gate: Gate::default(), state };
        store.open_journal()?;
        Ok(store)
    }

    /// The directory of the network.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The records that are empty: an ADD of host-local was killed after it had made them. With an index the cost does not
    /// grow with the number of records.
    ///
    /// A living ADD holds the lock until its record is complete, and this looks under the lock:
    /// [`free_unchanged`](Store::free_unchanged) may free them.
    ///
    /// # Errors
    ///
    /// What hindered the store.
    pub fn empty_records(&self) -> Result<Vec<Record>, StoreError> {
        self.locked(|files, knowledge| {
            let names: Vec<String> = match knowledge {
                Knowledge::Index(index) => {
                    index.unsure().iter().map(|address| String::from(&*name::file_name(*address))).collect()
                }
                Knowledge::Listing(listing) => {
                    listing.entries().iter().map(|entry| entry.name.clone()).collect()
                }
            };
            let mut empty = Vec::new();
            for name in names {
                let Some(seen) = files.look(&name)? else { continue };
                let record = Entry { named: Named::of(&name), name, nested: false, seen }.record();
                if record.address.is_some() && record.holder == Holder::Empty {
                    empty.push(record);
                }
            }
            Ok(empty)
        })
    }

    /// The range sets it gives addresses of.
    #[must_use]
    pub const fn ranges(&self) -> &Ranges {
        &self.ranges
    }

    /// Runs something under all locks, on the directory that the name stands for now.
    fn locked<T>(
        &self,
        run: impl FnMut(&mut Files, &mut Knowledge) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.locked_unless(|_| None, run)
    }

    /// As [`locked`](Self::locked), unless the answer is known before any lock is taken.
    fn locked_unless<T>(
        &self,
        known: impl FnOnce(&mut State) -> Option<StoreError>,
        mut run: impl FnMut(&mut Files, &mut Knowledge) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut patience = Patience::new(self.options.lock_timeout);
        let _pass = self.pass(&patience)?;
        // A panic leaves nothing half-done in memory: the index was taken out of the state before.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        if let Some(error) = known(state) {
            return Err(error);
        }
        let stat = self.take_locks(state, &mut patience)?;
        let stat = durable::prepare(&mut state.files, &self.options, &stat)
            .inspect_err(|_| lock::release(&state.files))?;
        let mut done = self.run_once(state, &stat, &mut run);
        if done.is_err() && state.unusable {
            // The index was wrong. It is gone now, and what was done is undone: the records themselves are asked.
            done = state.files.stat().and_then(|stat| self.run_once(state, &stat, &mut run));
        }
        lock::release(&state.files);
        done
    }

    fn pass(&self, patience: &Patience) -> Result<Pass<'_>, StoreError> {
        self.gate.pass(patience).ok_or_else(|| StoreError::Locked {
            path: self.path.display().to_string(),
            holder: Some(std::process::id()),
            waited: patience.waited(),
        })
    }

    /// Takes the locks of the directory that the name stands for; opens it again if that is another one.
    fn take_locks(&self, state: &mut State, patience: &mut Patience) -> Result<Stat, StoreError> {
        loop {
            lock::take(&state.files, patience)?;
            let current = match (&state.index, state.files.stat()) {
                // Nothing was done to the directory since: the names in it are the same, too.
                (Some(index), Ok(stat)) if index.is_fresh(&stat) => Ok(Some(stat)),
                _ => state.files.current(),
            };
            match current {
                Ok(Some(stat)) => return Ok(stat),
                Ok(None) => {
                    lock::release(&state.files);
                    (state.index, state.keep.watch) = (None, None);
                    state.files.reopen(&self.data_dir, &self.options)?;
                }
                Err(error) => {
                    lock::release(&state.files);
                    return Err(error);
                }
            }
        }
    }

    fn run_once<T>(
        &self,
        state: &mut State,
        stat: &Stat,
        run: &mut impl FnMut(&mut Files, &mut Knowledge) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut knowledge = self.prepare(state, stat)?;
        let done = run(&mut state.files, &mut knowledge);
        let changed = state.files.take_changed();
        state.unusable = false;
        if let Knowledge::Index(mut index) = knowledge {
            state.unusable = index.is_unusable();
            // After an error of the system nobody knows what was done and what not.
            let sound = matches!(done, Ok(_) | Err(StoreError::Ipam(_)));
            let written = !changed && !index.is_changed() || index.commit(&state.files);
            if sound && written && !state.unusable && self.options.resident {
                state.index = Some(*index);
            }
        }
        done
    }

    /// What is known of the directory: the index, if it is proven fresh or can be made, or else everything there is.
    fn prepare(&self, state: &mut State, stat: &Stat) -> Result<Knowledge, StoreError> {
        let State { files, index, boot, keep, .. } = state;
        files.take_changed();
        if let Some(mut index) = index.take() {
            let fresh = index.is_fresh(stat) && index.tidy(files)?;
            if fresh || index.refresh(files)? {
                return Ok(Knowledge::Index(Box::new(index)));
            }
        }
        let indexed = self.options.index && files.has_reliable_times();
        match &keep.watch {
            Some(watch) => drop(watch.drain()),
            None if indexed && keep.open => keep.watch = Watch::new(files).map(Arc::new),
            None => {}
        }
        if indexed
            && !state.unusable
            && let Some(index) = Index::open(files, stat, boot, keep)
        {
            return Ok(Knowledge::Index(Box::new(index)));
        }
        files.clean()?;
        let listing = Listing::read(files)?;
        if indexed && let Some(index) = Index::build(files, &listing, boot, keep) {
            return Ok(Knowledge::Index(Box::new(index)));
        }
        Ok(Knowledge::Listing(listing))
    }

    /// Refuses at once if it is proven that the first range set is still full. `None` if that is not so.
    ///
    /// No lock is needed: nobody changed the directory since this store saw that no address was free, so none was free
    /// when its times were read.
    fn refuse(&self, state: &mut State, request: &Request<'_>, record: &str) -> Option<StoreError> {
        let first = self.ranges.sets().first()?;
        let State { files, index, .. } = state;
        let index = index.as_mut().filter(|index| index.first_set_full() && request.addresses.is_empty())?;
        if !index.is_fresh(&files.stat().ok()?) {
            return None;
        }
        let held = View::held(index, files, request.owner, record).ok()?.both();
        if held.iter().any(|held| first.range_of(held.address).is_some()) {
            return None;
        }
        let size = first.size();
        Some(IpamError::Exhausted { set: 0, held: size, resting: 0, size }.into())
    }
}

impl Store for DirectoryStore {
    fn allocate(&self, request: &Request<'_>, out: &mut Allocation) -> Result<(), StoreError> {
        out.clear();
        let record = listing::record(request.owner);
        let prepared = |state: &mut State| {
            let refused = self.refuse(state, request, &record);
            if refused.is_none() {
                state.files.prepare(record.as_bytes());
            }
            refused
        };
        let promise = self.locked_unless(prepared, |files, knowledge| {
            files.log.begin(request.owner)?;
            let reclaim = self.options.earlier_boot == EarlierBoot::Reclaim && !files.log.outlives_boots();
            let done =
                allocate::allocate(files, knowledge.view(), &self.ranges, (request, &record), reclaim, out);
            files.prepared = None;
            if let (Err(StoreError::Ipam(IpamError::Exhausted { set: 0, .. })), Knowledge::Index(index)) =
                (&done, knowledge)
            {
                index.note_first_set_full();
            }
            done?;
            durable::confirm(files, out)
        })?;
        promise.keep().or_else(|error| {
            out.clear();
            self.locked(|files, knowledge| promise.take_back(files, knowledge.view())).and(Err(error))
        })
    }

    fn release(&self, owner: Owner<'_>, freed: &mut Vec<IpAddr>) -> Result<(), StoreError> {
        let record = listing::record(owner);
        let promise = self.locked(|files, knowledge| {
            let view = knowledge.view();
            let mut failed = None;
            let owned = view.held(files, owner, &record)?;
            // The journal is told of the owner as a whole, but of the files of all its interfaces one by one.
            let whole = !owned.exact.is_empty();
            for held in owned.released() {
                let gone = if whole { files.unlink_untold(&held.name) } else { files.unlink(&held.name) };
                match gone {
                    Ok(there) => {
                        view.removed(files, &held.name, owner.container().as_bytes());
                        freed.extend(there.then_some(held.address));
                    }
                    // The others are freed all the same.
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
            failed.map_or_else(|| Ok(files.log.released(owner)), Err)
        })?;
        promise.keep()
    }

    fn find(&self, owner: Owner<'_>, out: &mut Vec<IpAddr>) -> Result<(), StoreError> {
        let record = listing::record(owner);
        self.locked(|files, knowledge| {
            out.extend(
                knowledge.view().held(files, owner, &record)?.released().into_iter().map(|held| held.address),
            );
            Ok(())
        })
    }

    fn records(&self) -> Result<Vec<Record>, StoreError> {
        self.locked(|files, knowledge| {
            let mut records = match knowledge {
                Knowledge::Listing(listing) => listing.entries().iter().map(Entry::record).collect(),
                Knowledge::Index(index) => {
                    let listing = Listing::read(files)?;
                    let record = |entry: &Entry| {
                        let mut record = entry.record();
                        if let Some(address) = record.address {
                            let (mut boot, age) =
                                index.boot_of(address, &entry.seen.content, record.version)?;
                            // What outlives a boot on purpose is not stale for being older than it.
                            if boot == Boot::Earlier && files.log.outlives_boots() {
                                boot = Boot::Unknown;
                            }
                            // The index knows when it made a record. When it only saw one, the file's time tells more.
                            record.age = if boot == Boot::Unknown { record.age.max(age) } else { age };
                            record.boot = boot;
                        }
                        Ok(record)
                    };
                    listing.entries().iter().map(record).collect::<Result<Vec<_>, StoreError>>()?
                }
            };
            let order = |record: &Record| (record.address.is_none(), record.address);
            records.sort_by(|a, b| order(a).cmp(&order(b)).then_with(|| a.name.cmp(&b.name)));
            Ok(records)
        })
    }

    fn free_unchanged(&self, seen: &[Record]) -> Result<Vec<Record>, StoreError> {
        let (freed, promise) = self.locked(|files, knowledge| {
            let mut freed = Vec::new();
            for old in seen.iter().filter(|old| is_record_name(&old.name)) {
                let Some(now) = files.look(&old.name)? else { continue };
                let same = now.kind != FileType::Directory && now.version() == old.version;
                if same && files.unlink(&old.name)? {
                    knowledge.view().removed(files, &old.name, &now.content);
                    freed.push(old.clone());
                }
            }
            Ok((freed, files.log.promise()))
        })?;
        promise.keep().map(|()| freed)
    }

    fn usage(&self) -> Result<Vec<Usage>, StoreError> {
        self.locked(|_, knowledge| {
            let usage = |set: &crate::ipam::RangeSet| {
                let counts = |a: IpAddr| set.range_of(a).is_some_and(|range| range.gateway() != a);
                let held = match knowledge {
                    Knowledge::Listing(listing) => listing.count(counts),
                    Knowledge::Index(index) => index.count(counts)?,
                };
                Ok(Usage::new(held, 0, set.size()))
            };
            self.ranges.sets().iter().map(usage).collect()
        })
    }
}

impl Knowledge {
    fn view(&mut self) -> &mut dyn View {
        match self {
            Self::Index(index) => &mut **index,
            Self::Listing(listing) => listing,
        }
    }

    /// After changes that the index is not told of, it is not declared good again.
    fn distrust(&mut self) {
        if let Self::Index(index) = self {
            index.distrust();
        }
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

/// Whether a name, from a listing, may be freed: not the lock, a marker or a file of this library, and not outside.
fn is_record_name(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    Named::of(last) != Named::Furniture
        && !name.starts_with('/')
        && name.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}
