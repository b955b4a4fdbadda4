//! What the directory does for its durable mode: it tells the journal of each change and puts itself right after a power
//! loss. See [`crate::store::journal`] for the guarantee.

use std::{
    collections::BTreeSet,
    io, mem,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rustix::fs::{FileType, Mode, OFlags, Stat};

use super::{
    DirectoryStore,
    allocate::View,
    boot,
    files::Files,
    listing::record,
    name::{Named, OWN, file_name},
    options::DirectoryOptions,
};
use crate::{
    ipam::{Allocation, Owner},
    store::{
        StoreError, StoreOp,
        journal::{Change, Entry, Home, Journal, JournalOptions, Outcome, Ticket},
    },
};

/// Between two tries to open a journal that is open elsewhere.
const PAUSE: Duration = Duration::from_millis(1);

/// What an acknowledged operation outlives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// The end of its process, in whatever way. After a power loss it may be undone, as host-local's may.
    #[default]
    Process,
    /// A power loss, too: it is acknowledged when its entry in a journal is on the disk. For owners that come back after a
    /// reboot; one process at a time may have the journal open.
    Durable(JournalOptions),
}

/// Where a directory tells its changes.
#[derive(Default)]
pub(super) struct Log {
    journal: Option<Arc<Journal>>,
    /// Whether the journal of the directory, if there is one, needs nothing done.
    ready: bool,
    /// The records made by the allocation under way.
    made: Vec<(String, Vec<u8>)>,
}

/// What an operation has to wait for before it is acknowledged.
#[must_use]
pub(super) struct Promise {
    journal: Option<(Arc<Journal>, Ticket)>,
    made: Vec<(String, Vec<u8>)>,
}

impl Promise {
    /// Waits until the operation is on the disk; called without the locks.
    pub(super) fn keep(&self) -> Result<(), StoreError> {
        self.journal.as_ref().map_or(Ok(()), |(journal, ticket)| journal.wait(*ticket))
    }

    /// Removes what an allocation made that cannot be promised.
    pub(super) fn take_back(&self, files: &Files, view: &mut dyn View) -> Result<(), StoreError> {
        for (name, record) in &self.made {
            if files.look(name)?.is_some_and(|seen| seen.content == *record) && files.unlink(name)? {
                view.removed(files, name, record);
            }
        }
        Ok(())
    }
}

impl Log {
    /// Whether changes are told at all.
    pub(super) const fn is_on(&self) -> bool {
        self.journal.is_some()
    }

    /// A file was made or replaced.
    pub(super) fn put(&self, name: &str, record: &[u8]) {
        match Named::of(name) {
            Named::Address(_) => self.append(&Entry::Held { name, record }),
            Named::Furniture if !name.starts_with('.') => self.append(&Entry::Marker { name, record }),
            _ => {}
        }
    }

    /// A file was made that was not there.
    pub(super) fn made(&mut self, name: &str, record: &[u8]) {
        self.put(name, record);
        if self.is_on() && matches!(Named::of(name), Named::Address(_)) {
            self.made.push((name.to_owned(), record.to_vec()));
        }
    }

    /// A file was removed.
    pub(super) fn removed(&self, name: &str, record: &[u8]) {
        if !name.starts_with('.') {
            self.append(&Entry::Freed { name, record });
        }
    }

    /// An owner was released. Told even if it held nothing: what a killed call removed before, or somebody else, may come
    /// back.
    pub(super) fn released(&self, owner: Owner<'_>) -> Promise {
        self.append(&Entry::Released { record: record(owner).as_bytes() });
        self.promise()
    }

    /// An allocation begins. Nothing is changed if it could not be promised.
    pub(super) fn begin(&mut self, owner: Owner<'_>) -> Result<(), StoreError> {
        self.made.clear();
        let Some(journal) = &self.journal else { return Ok(()) };
        journal.check(owner.container().len() + owner.interface().len() + 2)
    }

    /// What an operation that ends now has to wait for.
    pub(super) fn promise(&self) -> Promise {
        Promise {
            journal: self.journal.as_ref().map(|journal| (journal.clone(), journal.queued())),
            made: Vec::new(),
        }
    }

    fn append(&self, entry: &Entry<'_>) {
        if let Some(journal) = &self.journal {
            // The operation waits for all of its entries at once, see `promise`.
            let _ = journal.append(entry);
        }
    }
}

/// Opens the journal that the options ask for, or replays one that an earlier boot left. To be called under the locks;
/// returns the state of the directory then.
pub(super) fn prepare(
    files: &mut Files,
    options: &DirectoryOptions,
    stat: &Stat,
) -> Result<Stat, StoreError> {
    if files.log.ready {
        return Ok(*stat);
    }
    // An unknown boot is like no other.
    let boot = boot::text(options).unwrap_or_default();
    let mut log = Log { ready: true, ..Log::default() };
    match options.durability {
        Durability::Durable(journal) => {
            files.make_own()?;
            let home = home(files).map_err(|source| files.error(StoreOp::OpenDirectory, OWN, source))?;
            let restore = |entries: &[Entry<'_>]| restore(files, entries);
            log.journal = Some(Arc::new(Journal::open(home, &boot, journal, restore)?));
        }
        Durability::Process => {
            let begun = Instant::now();
            // Without a directory of its own there is no journal in it.
            while let Ok(home) = home(files)
                && !boot.is_empty()
                && Journal::waits_for_replay(&home, &boot)?
            {
                let restore = |entries: &[Entry<'_>]| restore(files, entries);
                match Journal::open(home, &boot, JournalOptions::default(), restore) {
                    // Nobody works with it before its replay: it was closed, but by a process that is being forked.
                    Err(StoreError::JournalBusy { .. }) if begun.elapsed() < options.lock_timeout => {
                        thread::sleep(PAUSE);
                    }
                    done => drop(done?),
                }
            }
        }
    }
    files.log = log;
    files.stat()
}

/// What an allocation has to wait for. What its owner held before is told as well: somebody else may have made it, who
/// promises nothing.
pub(super) fn confirm(files: &mut Files, given: &Allocation) -> Result<Promise, StoreError> {
    let made = mem::take(&mut files.log.made);
    if files.log.is_on() {
        for assigned in given.iter() {
            let name = file_name(assigned.address);
            if !made.iter().any(|(made, _)| *made == *name)
                && let Some(seen) = files.look(&name)?
            {
                files.log.put(&name, &seen.content);
            }
        }
    }
    Ok(Promise { made, ..files.log.promise() })
}

impl DirectoryStore {
    /// Opens or replays the journal, if there is anything to do about one, before the first call.
    pub(super) fn open_journal(&self) -> Result<(), StoreError> {
        let begun = Instant::now();
        loop {
            let done = match self.options.durability {
                Durability::Durable(_) => self.locked(|_, _| Ok(())),
                Durability::Process => return Ok(()),
            };
            match done {
                // Another call of a plugin, for a moment; or a process that keeps it.
                Err(StoreError::JournalBusy { .. }) if begun.elapsed() < self.options.lock_timeout => {
                    thread::sleep(PAUSE);
                }
                done => return done,
            }
        }
    }
}

/// Puts the directory right after a power loss.
fn restore(files: &mut Files, entries: &[Entry<'_>]) -> Result<(), StoreError> {
    let outcome = Outcome::of(entries);
    let listed = files.list(".")?;
    let names: BTreeSet<&str> = listed.iter().map(String::as_str).chain(outcome.names()).collect();
    for name in names {
        let own = name.starts_with('.') || name.starts_with('/') || name.split('/').any(|part| part == "..");
        let address = matches!(Named::of(name), Named::Address(_));
        if own || !(address || outcome.names_file(name)) {
            continue;
        }
        let seen = files.look(name)?;
        // A directory, pipe or what cannot be read is somebody else's.
        if seen.as_ref().is_some_and(|seen| seen.kind != FileType::RegularFile || seen.failure.is_some()) {
            continue;
        }
        match outcome.change(name, seen.as_ref().map(|seen| seen.content.as_slice())) {
            Change::Keep => {}
            Change::Put(record) => drop(files.replace(name, record)?),
            Change::Remove => drop(files.unlink(name)?),
        }
    }
    Ok(())
}

/// The directory of this library's own files.
fn home(files: &Files) -> io::Result<Home> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = files
        .call(StoreOp::OpenDirectory, OWN, || rustix::fs::openat(files.dir(), OWN, flags, Mode::empty()))?;
    Ok(Home { directory, path: files.path().join(OWN), name: OWN, hook: files.hook() })
}
