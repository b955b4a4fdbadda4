//! The journal of a durable store: what makes an operation on files outlive a power loss at the price of one flush for
//! all who wait.
//!
//! What is promised, in which mode:
//!
//! 1. Without a journal (`Durability::Process`) an acknowledged operation outlives the end of its process, `kill -9`
//!    included, because the directory's files are complete or absent at every moment; after a power loss it may be undone.
//! 2. With one (`Durability::Durable`) an operation is first done in the directory, then its entry is queued, and it is
//!    acknowledged only when the entry is on the disk; so it outlives a power loss, too.
//! 3. After a power loss whoever opens the directory first replays the journal: what was acknowledged as held is held by
//!    the same owner, what was acknowledged as freed is free, and files that the cut left empty or torn are put right.
//! 4. A file that belongs to another owner wins over the journal, since host-local and stores without a journal may have
//!    worked in the directory as well; what they did is not in the journal and promised by nobody.
//! 5. If a write or a flush fails, everybody who waits fails and so does every later call until the store is opened anew:
//!    the kernel takes pages that it could not write for written ones, so a second flush proves nothing.
//!
//! One file (see [`format`]) of two segments. When the segment in use is full, the other one begins a new generation at
//! once, and the caller who finds it so flushes the file system (`syncfs`), which makes the directory itself durable,
//! while the others go on; then the full segment may be written again. After an end of the process without a power loss
//! the directory is the truth and the journal just goes on.

mod crc;
mod file;
mod format;
mod group;
mod replay;
mod scan;

use std::hash::{BuildHasher, Hasher, RandomState};

pub(crate) use file::Home;
pub(crate) use format::Entry;
pub(crate) use group::{Journal, Ticket};
pub(crate) use replay::{Change, Outcome};

use self::{
    file::JournalFile,
    format::{HEADER, Header},
    group::Writer,
    scan::{Damage, Scan, scan},
};
use super::StoreError;

/// Options of the journal of a durable store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalOptions {
    /// Bytes of one of the two segments, at least 64 KiB; an entry takes about 90. A journal that is there keeps its own.
    /// Default: 1 MiB.
    pub segment: u32,
    /// Whether a damaged journal is set aside as `.k8sboot/journal.damaged.<generation>`, after what can be read of it
    /// was restored. Default: no, it is [`StoreError::JournalDamaged`].
    pub salvage: bool,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self { segment: 1024 * 1024, salvage: false }
    }
}

impl JournalOptions {
    /// Sets [`segment`](Self::segment).
    #[must_use]
    pub const fn segment(mut self, bytes: u32) -> Self {
        self.segment = bytes;
        self
    }

    /// Sets [`salvage`](Self::salvage).
    #[must_use]
    pub const fn salvage(mut self, salvage: bool) -> Self {
        self.salvage = salvage;
        self
    }
}

impl Journal {
    /// Opens the journal in the store's own directory, or makes it. The caller holds the lock of the store.
    ///
    /// After a power loss (the boot is another one than the journal's) `restore` gets every entry that may not be in
    /// the directory on the disk, oldest first, and puts the directory right.
    ///
    /// # Errors
    ///
    /// What hinders the journal, and what `restore` returns; then nothing in the journal was changed.
    pub(crate) fn open(
        home: Home,
        boot: &str,
        options: JournalOptions,
        restore: impl FnOnce(&[Entry<'_>]) -> Result<(), StoreError>,
    ) -> Result<Self, StoreError> {
        let fresh = |generation| Header {
            segment: options.segment.max(64 * 1024).next_multiple_of(4096),
            generation,
            salt: salt(),
            before: 0,
            boot: boot.to_owned(),
        };
        let create = |home, header: Header| {
            let file = JournalFile::create(home, &header)?;
            Ok(Self::new(file, Writer::begun(0, header, HEADER), None))
        };
        let file = match JournalFile::open(home)? {
            Ok(file) => file,
            Err(home) => return create(home, fresh(1)),
        };
        let bytes = file.read()?;
        let found = scan(&bytes);
        let damage = match &found {
            Some(found) => found.damage,
            None => Some(Damage { offset: 0, length: bytes.len() }),
        };
        if let (Some(damage), false) = (damage, options.salvage) {
            return Err(damaged(&file, damage, found.as_ref()));
        }
        let Some(found) = found else { return create(file.set_aside(0)?, fresh(1)) };
        let (at, header) = (found.newest.0, &found.newest.1);
        let same_boot = !boot.is_empty() && header.boot == boot;
        if !same_boot {
            restore(&found.entries)?;
            file.sync_all()?;
        }
        let next = header.generation + 1;
        if damage.is_some() {
            let generation = header.generation;
            return create(file.set_aside(generation)?, fresh(next));
        }
        if same_boot {
            // Written by a process that ended before its flush, perhaps: once more, with the next batch.
            let mut writer = Writer::resumed(at, header.clone(), found.synced);
            writer.again(&bytes, found.end);
            return Ok(Self::new(file, writer, found.waiting));
        }
        let header = Header { segment: header.segment, ..fresh(next) };
        let writer = Writer::begun(1 - at, header, HEADER);
        file.write(&writer.header().encode(), writer.base())?;
        Ok(Self::new(file, writer, None))
    }

    /// Whether there is a journal that another boot left, so that the directory may lack what it promises.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`].
    pub(crate) fn waits_for_replay(home: &Home, boot: &str) -> Result<bool, StoreError> {
        Ok(home.boot()?.is_some_and(|found| boot.is_empty() || found != boot))
    }
}

fn damaged(file: &JournalFile, damage: Damage, found: Option<&Scan<'_>>) -> StoreError {
    StoreError::JournalDamaged {
        path: file.path(),
        offset: u64::try_from(damage.offset).unwrap_or(u64::MAX),
        length: u64::try_from(damage.length).unwrap_or(u64::MAX),
        readable: found.map_or(0, |found| found.entries.len()),
    }
}

/// Random enough to tell a segment from what was in its place: the standard library seeds its hash maps so.
fn salt() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests;
