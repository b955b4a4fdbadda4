//! The bytes of the index: all of them in memory, or the few blocks that a call needs.

use std::os::fd::OwnedFd;

use rustix::{
    fs::{Mode, OFlags, Stat, Timespec, Timestamps},
    io::Errno,
};

use super::{
    super::files::Files,
    header::{BLOCK, Change, DIRTY, Header, LENGTH, Stamp, time_of},
};
use crate::store::{StoreError, StoreOp};

/// The file, in the directory of this library's own files.
const INDEX: &str = ".k8sboot/index";
/// The unit of reading; no entry of the index crosses it.
pub(super) const UNIT: usize = 512;
/// How many units of a file are kept.
const KEPT: usize = 8;
const PAGE_ENTRY: u64 = 32;
const PAGE: u64 = 512;
const SLOT: u64 = 64;

/// The index file, in memory or not.
#[derive(Debug)]
pub(super) struct Image {
    file: OwnedFd,
    pub(super) header: Header,
    /// Everything, for a store that stays open and right after a rebuild.
    bytes: Option<Vec<u8>>,
    /// Otherwise the last units read.
    units: Vec<(u64, [u8; UNIT])>,
    next_unit: usize,
    /// Something was changed since the file was declared good.
    touched: bool,
    /// The mark of an unfinished change is set.
    dirty: bool,
    /// A write failed: the file must not be declared good.
    broken: bool,
}

/// Where the parts of an index are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) entries: u64,
    pub(super) pages: u64,
    pub(super) slots: u64,
    pub(super) end: u64,
}

impl Layout {
    pub(super) const fn of(header: &Header) -> Self {
        let entries = BLOCK;
        let pages = entries + header.pages * PAGE_ENTRY;
        let slots = pages + header.pages * PAGE;
        Self { entries, pages, slots, end: slots + header.slots * SLOT }
    }
}

impl Image {
    /// Opens the index; `None` if there is none of this layout. Says whether a change was left unfinished.
    pub(super) fn open(files: &Files) -> Option<(Self, bool)> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = rustix::fs::openat(files.dir(), INDEX, flags, Mode::empty()).ok()?;
        let (header, dirty) = Self::read_header(&file)?;
        let image = Self {
            file,
            header,
            bytes: None,
            units: Vec::new(),
            next_unit: 0,
            touched: false,
            dirty: false,
            broken: false,
        };
        Some((image, dirty))
    }

    /// A new, empty one in memory, to be filled and then written by [`write_all`](Self::write_all).
    pub(super) fn create(files: &Files, header: Header) -> Result<Self, StoreError> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let open = || {
            files.call(StoreOp::Create, INDEX, || {
                rustix::fs::openat(files.dir(), INDEX, flags, Mode::from_raw_mode(0o600))
            })
        };
        let file = match open() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                files.make_own()?;
                open()
            }
            other => other,
        };
        let file = file.map_err(|e| files.error(StoreOp::Create, INDEX, e))?;
        Ok(Self::of_memory(file, header))
    }

    fn of_memory(file: OwnedFd, header: Header) -> Self {
        let length = usize::try_from(Layout::of(&header).end).unwrap_or(0);
        let bytes = Some(vec![0; length]);
        Self {
            file,
            header,
            bytes,
            units: Vec::new(),
            next_unit: 0,
            touched: true,
            dirty: true,
            broken: false,
        }
    }

    /// An empty one of another size in place of this one; in memory until it is written.
    pub(super) fn resized(&self, header: Header) -> Option<Self> {
        Some(Self::of_memory(rustix::io::dup(&self.file).ok()?, header))
    }

    /// Reads the header of the file again.
    pub(super) fn current_header(&self) -> Option<(Header, bool)> {
        Self::read_header(&self.file)
    }

    fn read_header(file: &OwnedFd) -> Option<(Header, bool)> {
        let mut bytes = [0; LENGTH];
        pread(file, &mut bytes, 0).ok()?;
        Header::decode(&bytes)
    }

    pub(super) const fn is_in_memory(&self) -> bool {
        self.bytes.is_some()
    }

    /// Whether a change was begun and not declared good.
    pub(super) const fn is_touched(&self) -> bool {
        self.touched
    }

    /// Whether a write failed or the content is wrong.
    pub(super) const fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether the file was removed.
    pub(super) fn is_gone(&self) -> bool {
        rustix::fs::fstat(&self.file).map_or(true, |stat| stat.st_nlink == 0)
    }

    /// Sees to it that the file is not declared good.
    pub(super) const fn distrust(&mut self) {
        self.broken = true;
    }

    /// Reads everything into memory.
    pub(super) fn load(&mut self) -> rustix::io::Result<()> {
        let length = usize::try_from(Layout::of(&self.header).end).map_err(|_| Errno::FBIG)?;
        let mut bytes = vec![0; length];
        pread(&self.file, &mut bytes, 0)?;
        for change in &self.header.changes {
            lay_over(&mut bytes, 0, change);
        }
        self.bytes = Some(bytes);
        self.units.clear();
        Ok(())
    }

    /// Takes over into memory a change that somebody else wrote; the part as it was before.
    pub(super) fn take_over(&mut self, change: &Change) -> rustix::io::Result<Vec<u8>> {
        let at = to_usize(change.offset)?;
        let part = self.bytes.as_mut().and_then(|bytes| bytes.get_mut(at..at + change.data().len()));
        let part = part.ok_or(Errno::FBIG)?;
        let old = part.to_vec();
        part.copy_from_slice(change.data());
        Ok(old)
    }

    /// The unit of [`UNIT`] bytes at an offset, a multiple of it.
    pub(super) fn unit(&mut self, offset: u64) -> rustix::io::Result<&[u8]> {
        let at = to_usize(offset)?;
        if self.bytes.is_some() {
            let unit = self.bytes.as_ref().and_then(|bytes| bytes.get(at..at + UNIT));
            return unit.ok_or(Errno::FBIG);
        }
        let place = match self.units.iter().position(|(place, _)| *place == offset) {
            Some(place) => place,
            None => {
                let mut unit = [0; UNIT];
                pread(&self.file, &mut unit, offset)?;
                for change in &self.header.changes {
                    lay_over(&mut unit, offset, change);
                }
                if self.units.len() < KEPT {
                    self.units.push((offset, unit));
                    self.units.len() - 1
                } else {
                    self.next_unit = (self.next_unit + 1) % KEPT;
                    if let Some(place) = self.units.get_mut(self.next_unit) {
                        *place = (offset, unit);
                    }
                    self.next_unit
                }
            }
        };
        self.units.get(place).map(|(_, unit)| unit.as_slice()).ok_or(Errno::FBIG)
    }

    /// Changes bytes within one unit: in memory, and in the file with the next [`commit`](Self::commit).
    ///
    /// That the file cannot be written hinders nobody: it is then not declared good.
    pub(super) fn change(&mut self, files: &Files, offset: u64, new: &[u8]) {
        let unit = offset - offset % UNIT as u64;
        let (Ok(at), Ok(within)) = (to_usize(offset), to_usize(offset - unit)) else {
            self.broken = true;
            return;
        };
        let kept = match &mut self.bytes {
            Some(bytes) => bytes.get_mut(at..at + new.len()),
            None => self
                .units
                .iter_mut()
                .find(|(place, _)| *place == unit)
                .and_then(|(_, bytes)| bytes.get_mut(within..within + new.len())),
        };
        let mut blank = false;
        if let Some(kept) = kept {
            blank = kept.iter().all(|byte| *byte == 0);
            kept.copy_from_slice(new);
        }
        self.touched = true;
        if let Some(oldest) = self.header.note(offset, new, blank).filter(|oldest| oldest.pending) {
            if oldest.sequence > self.header.sequence {
                // Not declared good yet: until then the file is unfinished.
                self.begin(files);
            }
            self.write(files, oldest.offset, oldest.data());
        }
    }

    /// Changes bytes in memory only, before [`write_all`](Self::write_all).
    pub(super) fn fill(&mut self, offset: u64, new: &[u8]) {
        let part = to_usize(offset)
            .ok()
            .and_then(|at| self.bytes.as_mut().and_then(|bytes| bytes.get_mut(at..at + new.len())));
        match part {
            Some(part) => part.copy_from_slice(new),
            None => self.broken = true,
        }
    }

    /// Marks the file as unfinished before something is changed that the directory's times do not show.
    pub(super) fn begin(&mut self, files: &Files) {
        self.touched = true;
        if !self.dirty {
            self.write(files, DIRTY, &1_u64.to_le_bytes());
            self.dirty = true;
        }
    }

    /// Writes everything that is in memory but the header; blocks of zeros become holes.
    pub(super) fn write_all(&mut self, files: &Files) {
        let Some(bytes) = self.bytes.take() else { return };
        self.header.forgotten = self.header.sequence + 1;
        self.header.changes.clear();
        self.write(files, 0, &[0; LENGTH]);
        for length in [BLOCK, bytes.len() as u64] {
            let cut = files.call(StoreOp::Truncate, INDEX, || rustix::fs::ftruncate(&self.file, length));
            self.broken |= cut.is_err();
        }
        // Long runs in few writes; holes where nothing is.
        let chunk = 1 << 16;
        for (number, part) in bytes.chunks(chunk).enumerate().filter(|(_, part)| part.iter().any(|b| *b != 0))
        {
            if !self.broken {
                self.write(files, (number * chunk) as u64, part);
            }
        }
        self.bytes = Some(bytes);
        (self.touched, self.dirty) = (true, true);
        self.units.clear();
    }

    /// Declares the file good for the directory as it is now; false if this file system gives no proof of that.
    ///
    /// Must be called under the locks after the last change of the directory.
    pub(super) fn commit(&mut self, files: &Files) -> bool {
        if self.broken {
            return false;
        }
        self.header.nonce = self.header.nonce.wrapping_add(1);
        let wanted = time_of(self.header.nonce);
        let times = Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT },
            last_modification: Timespec { tv_sec: wanted.0, tv_nsec: wanted.1 },
        };
        let set = files.call(StoreOp::SetTimes, ".", || rustix::fs::futimens(files.dir(), &times));
        let Ok(stat) = set.map_err(|_| Errno::IO).and_then(|()| rustix::fs::fstat(files.dir())) else {
            return false;
        };
        let stamp = Stamp::of(&stat);
        // Coarser times than asked for cannot tell one change from another.
        if stamp.modified() != wanted {
            return false;
        }
        self.header.stamp = stamp;
        self.header.sequence += 1;
        let header = self.header.encode();
        self.write(files, 0, &header);
        (self.touched, self.dirty) = (false, false);
        !self.broken
    }

    fn write(&mut self, files: &Files, offset: u64, bytes: &[u8]) {
        if self.broken {
            return;
        }
        let written = files.call(StoreOp::Write, INDEX, || rustix::io::pwrite(&self.file, bytes, offset));
        self.broken = !written.is_ok_and(|written| written == bytes.len());
    }
}

/// Whether an index that was written for `stamp` may be believed for the directory as `stat` shows it.
pub(super) fn proves(header: &Header, boot: u64, stat: &Stat) -> bool {
    header.boot == boot && header.stamp == Stamp::of(stat)
}

/// Puts a change in its place among bytes of the file that begin at `begin`.
fn lay_over(bytes: &mut [u8], begin: u64, change: &Change) {
    let at = change.offset.checked_sub(begin).and_then(|at| usize::try_from(at).ok());
    let part = at.and_then(|at| bytes.get_mut(at..at.checked_add(change.data().len())?));
    if let Some(part) = part {
        part.copy_from_slice(change.data());
    }
}

fn pread(file: &OwnedFd, buffer: &mut [u8], offset: u64) -> rustix::io::Result<()> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match rustix::io::pread(file, rest, offset + done as u64) {
            Ok(0) => return Err(Errno::NODATA),
            Ok(read) => done += read,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn to_usize(number: u64) -> rustix::io::Result<usize> {
    usize::try_from(number).map_err(|_| Errno::FBIG)
}
