//! The index: what a call has to know of the directory, at a cost that does not grow with it.
//!
//! It is believed only if it is proven to be of this very state of the directory (see [`header::Stamp`]) and of this boot
//! of the machine; otherwise it is made anew from the records. What it says of an owner is compared with the record.

mod build;
mod header;
mod image;
mod pages;
mod slots;
mod view;

use std::{collections::HashMap, hash::BuildHasherDefault, net::IpAddr, sync::Arc};

use rustix::{fs::Stat, io::Errno};

use self::{
    header::{Header, UNSURE},
    image::{Image, Layout},
    slots::{Keys, Slot},
};
use super::{
    boot::ThisBoot,
    files::{Files, Seen},
    hash::Hash,
    listing::trimmed,
    marker::Marker,
    name::{Named, OWN, file_name},
    watch::Watch,
};
use crate::{
    ipam::Boot,
    store::{StoreError, StoreOp},
};

/// No index is kept for more pages of addresses than these.
const MOST_PAGES: u64 = 1 << 16;

/// The index of a directory, open.
#[derive(Debug)]
pub(super) struct Index {
    image: Image,
    boot: ThisBoot,
    boot_id: u64,
    resident: Option<Resident>,
    /// Whether the last search of the first range set found nothing and nothing was freed since.
    first_set_full: bool,
}

/// Whether the index is kept in memory from call to call.
#[derive(Debug, Default)]
pub(super) struct Keep {
    pub(super) open: bool,
    /// To end a watch takes the kernel milliseconds: it outlives the index.
    pub(super) watch: Option<Arc<Watch>>,
}

/// What a store that stays open knows beside the image.
#[derive(Debug)]
struct Resident {
    watch: Option<Arc<Watch>>,
    /// Every record of the index.
    known: HashMap<IpAddr, Known, BuildHasherDefault<Hash>>,
    markers: HashMap<usize, Marker>,
    /// Changes of this store since the watch was drained.
    undrained: u32,
}

/// What is kept of one record.
#[derive(Debug)]
struct Known {
    /// Where its slot is to be searched.
    container: u64,
    /// The record, once it was read or written.
    content: Option<Box<[u8]>>,
}

impl Index {
    /// Opens the index of the directory, if it is proven fresh. `stat` was found under the locks.
    pub(super) fn open(files: &Files, stat: &Stat, boot: &ThisBoot, keep: &Keep) -> Option<Self> {
        let boot_id = boot.id?;
        // The queue was emptied before: what happens after shows in the times that are read next, or in the queue.
        let now = if keep.open { files.stat().ok()? } else { *stat };
        let (mut image, dirty) = Image::open(files)?;
        if dirty || !image::proves(&image.header, boot_id, &now) {
            return None;
        }
        let mut resident = keep.open.then(|| Resident::new(keep.watch.clone()));
        if let Some(resident) = &mut resident {
            image.load().ok()?;
            resident.learn_all(&mut image).ok()?;
        }
        Some(Self::with(image, boot, boot_id, resident))
    }

    fn with(image: Image, boot: &ThisBoot, boot_id: u64, resident: Option<Resident>) -> Self {
        Self { image, boot: boot.clone(), boot_id, resident, first_set_full: false }
    }

    /// Whether what is in memory is of this state of the directory.
    pub(super) fn is_fresh(&self, stat: &Stat) -> bool {
        image::proves(&self.image.header, self.boot_id, stat)
    }

    /// Brings what is in memory up to date with what others did; false if it must be made anew.
    pub(super) fn refresh(&mut self, files: &mut Files) -> Result<bool, StoreError> {
        self.first_set_full = false;
        // Who is killed leaves changes in their places, whether or not the header tells.
        self.image.header.forget_blanks();
        let Some(resident) = &mut self.resident else { return Ok(false) };
        resident.markers.clear();
        resident.undrained = 0;
        // What happens after the queue was emptied shows in the times that are read next.
        let names = resident.watch.as_ref().and_then(|watch| watch.drain());
        let stat = files.stat()?;
        if self.image.is_gone() {
            return Ok(false);
        }
        let current = self.image.current_header();
        let (mut rewrite, mut fresh) = (false, false);
        match current {
            Some((header, false)) => {
                fresh = image::proves(&header, self.boot_id, &stat);
                if (header.sequence, header.generation)
                    != (self.image.header.sequence, self.image.header.generation)
                    && self.catch_up(header).is_err()
                {
                    return Ok(false);
                }
            }
            // Somebody died within a change: the file is not what is in memory.
            _ => rewrite = true,
        }
        if fresh {
            return Ok(true);
        }
        let Some(names) = names.filter(|names| !names.is_empty()) else { return Ok(false) };
        if rewrite {
            files.clean()?;
        }
        for name in &names {
            if !self.reconcile(files, name)? {
                return Ok(false);
            }
        }
        if rewrite {
            self.image.header.generation = self.image.header.generation.wrapping_add(1);
            self.image.write_all(files);
        }
        Ok(self.image.commit(files))
    }

    /// Keeps the queue of changes short. What it holds is this store's own work, if the directory is unchanged after.
    pub(super) fn tidy(&mut self, files: &Files) -> Result<bool, StoreError> {
        let Some(resident) = self.resident.as_mut().filter(|resident| resident.undrained >= 256) else {
            return Ok(true);
        };
        resident.undrained = 0;
        let complete = resident.watch.as_ref().is_none_or(|watch| watch.drain().is_some());
        Ok(complete && self.is_fresh(&files.stat()?))
    }

    /// Declares the index good after the changes of a call; false if it cannot be.
    pub(super) fn commit(&mut self, files: &Files) -> bool {
        if let Some(resident) = &mut self.resident {
            resident.undrained += 1;
        }
        self.image.commit(files)
    }

    /// Sees to it that the next call makes a new one.
    pub(super) fn distrust(&mut self) {
        self.image.distrust();
    }

    pub(super) const fn is_changed(&self) -> bool {
        self.image.is_touched()
    }

    /// Whether it was found to be wrong, or could not be read or written.
    pub(super) const fn is_unusable(&self) -> bool {
        self.image.is_broken()
    }

    pub(super) const fn first_set_full(&self) -> bool {
        self.first_set_full
    }

    pub(super) const fn note_first_set_full(&mut self) {
        self.first_set_full = true;
    }

    /// Addresses whose record was empty when it was read; there are no other empty records.
    pub(super) fn unsure(&self) -> &[IpAddr] {
        &self.image.header.unsure
    }

    /// How many addresses of those that `counts` have a file.
    pub(super) fn count(&mut self, mut counts: impl FnMut(IpAddr) -> bool) -> Result<u128, StoreError> {
        let mut count = 0;
        let counted = pages::all(&mut self.image, |address| count += u128::from(counts(address)));
        counted.map_err(unusable).map(|()| count)
    }

    /// In which boot the file with this content and version was written, and how long ago at least.
    pub(super) fn boot_of(
        &mut self,
        address: IpAddr,
        content: &[u8],
        version: u64,
    ) -> Result<(Boot, Option<std::time::Duration>), StoreError> {
        let mut found = None;
        slots::of_container(&mut self.image, Keys::of(content).container, |slot| {
            if slot.address == address && slot.version == version {
                found = Some(*slot);
            }
        })
        .map_err(unusable)?;
        let Some(slot) = found else { return Ok((Boot::Unknown, None)) };
        if slot.boot != self.boot_id {
            return Ok((Boot::Earlier, None));
        }
        // Both are whole seconds, cut: a second more could be too much.
        let age = self.boot.seconds().saturating_sub(slot.seconds.saturating_add(1));
        let age = std::time::Duration::from_secs(u64::from(age));
        Ok((if slot.made { Boot::This } else { Boot::Unknown }, Some(age)))
    }

    /// Takes over what another process wrote to the file.
    fn catch_up(&mut self, header: Header) -> Result<(), Errno> {
        let resident = self.resident.as_mut().ok_or(Errno::INVAL)?;
        let layout = Layout::of(&header);
        let Header { generation, sequence, .. } = self.image.header;
        let Some(changes) = header.since(generation, sequence) else {
            self.image.header = header;
            self.image.load()?;
            return resident.learn_all(&mut self.image);
        };
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for change in changes {
            let before = self.image.take_over(change)?;
            if change.offset >= layout.slots {
                old.extend(Slot::decode(&before));
                new.extend(Slot::decode(change.data()));
            }
        }
        // Slots move: what went and what came are told apart only when all are seen.
        for slot in old {
            resident.known.remove(&slot.address);
        }
        for slot in new {
            resident.known.insert(slot.address, Known { container: slot.keys.container, content: None });
        }
        self.image.header = header;
        Ok(())
    }

    /// Looks at a name again; false if the index cannot stand for what is there.
    fn reconcile(&mut self, files: &Files, name: &str) -> Result<bool, StoreError> {
        let named = Named::of(name);
        let seen = files.look(name)?;
        let Named::Address(address) = named else {
            let directory = seen.is_some_and(|seen| seen.kind == rustix::fs::FileType::Directory);
            return Ok(!matches!(named, Named::OtherSpelling(_)) && (!directory || name == OWN));
        };
        let known = self.is_set(address)?;
        let Some(seen) = seen else {
            if known {
                self.forget_address(files, address)?;
            }
            return Ok(true);
        };
        let Content::Plain(content) = Content::of(&seen) else { return Ok(false) };
        let version = seen.version();
        if known {
            if !content.is_empty() && self.knows_version(address, content, version)? {
                return Ok(true);
            }
            self.forget_address(files, address)?;
        }
        self.learn(files, address, content, version, true)
    }

    fn knows_version(&mut self, address: IpAddr, content: &[u8], version: u64) -> Result<bool, StoreError> {
        let mut known = false;
        slots::of_container(&mut self.image, Keys::of(content).container, |slot| {
            known |= slot.address == address && slot.version == version;
        })
        .map_err(unusable)?;
        Ok(known)
    }

    /// Adds a record; false if there is no room for it in an index.
    fn learn(
        &mut self,
        files: &Files,
        address: IpAddr,
        content: &[u8],
        version: u64,
        made: bool,
    ) -> Result<bool, StoreError> {
        if !self.make_room(files)? {
            return Ok(false);
        }
        let keys = Keys::of(content);
        if content.is_empty() {
            if self.image.header.unsure.len() >= UNSURE {
                return Ok(false);
            }
            self.image.begin(files);
            self.image.header.unsure.push(address);
        } else {
            let slot =
                Slot { keys, address, version, boot: self.boot_id, made, seconds: self.boot.seconds() };
            slots::insert(&mut self.image, Some(files), &slot).map_err(unusable)?;
        }
        pages::set(&mut self.image, Some(files), address, true).map_err(unusable)?;
        if let Some(resident) = &mut self.resident {
            resident.keep(address, content, keys);
        }
        Ok(true)
    }

    fn forget_address(&mut self, files: &Files, address: IpAddr) -> Result<(), StoreError> {
        let known = self.resident.as_ref().and_then(|resident| resident.known.get(&address));
        let container = known.map_or(0, |known| known.container);
        self.forget(files, address, container)
    }

    fn forget(&mut self, files: &Files, address: IpAddr, container: u64) -> Result<(), StoreError> {
        self.first_set_full = false;
        if let Some(resident) = &mut self.resident {
            resident.known.remove(&address);
        }
        pages::set(&mut self.image, Some(files), address, false).map_err(unusable)?;
        let before = self.image.header.unsure.len();
        self.image.header.unsure.retain(|unsure| *unsure != address);
        if self.image.header.unsure.len() != before {
            return Ok(());
        }
        match slots::remove(&mut self.image, files, container, address) {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(unusable(Errno::ILSEQ)),
            Err(errno) => Err(unusable(errno)),
        }
    }

    fn is_set(&mut self, address: IpAddr) -> Result<bool, StoreError> {
        pages::is_set(&mut self.image, address).map_err(unusable)
    }

    /// Sees to it that a slot and a page can be added; false if an index would be too large.
    fn make_room(&mut self, files: &Files) -> Result<bool, StoreError> {
        let header = &self.image.header;
        if header.used_slots * 2 < header.slots && header.used_pages * 2 < header.pages {
            return Ok(true);
        }
        let mut larger = Header {
            slots: room(header.used_slots + 1, 128),
            pages: room(header.used_pages + 1, 16),
            generation: header.generation.wrapping_add(1),
            used_slots: 0,
            used_pages: 0,
            ..header.clone()
        };
        // Twice what is needed, so that the next time is far.
        larger.slots = larger.slots.max(header.slots);
        if larger.pages > MOST_PAGES {
            return Ok(false);
        }
        if !self.image.is_in_memory() {
            self.image.load().map_err(unusable)?;
        }
        let slots = slots::all(&mut self.image).map_err(unusable)?;
        let mut addresses = Vec::new();
        pages::all(&mut self.image, |address| addresses.push(address)).map_err(unusable)?;
        let Some(mut image) = self.image.resized(larger) else { return Ok(false) };
        fill(&mut image, &slots, &addresses).map_err(unusable)?;
        image.write_all(files);
        self.image = image;
        Ok(true)
    }

    /// The content of a record that the index points to: as it is kept, or read. `None` if there is none.
    fn content(&mut self, files: &Files, address: IpAddr) -> Result<Option<Vec<u8>>, StoreError> {
        let known = self.resident.as_mut().and_then(|resident| resident.known.get_mut(&address));
        if let Some(content) = known.as_ref().and_then(|known| known.content.as_ref()) {
            return Ok(Some(content.to_vec()));
        }
        let name = file_name(address);
        let Some(Seen { content, failure, .. }) = files.look(&name)? else { return Ok(None) };
        // It may be the owner's: to say that there is none would be wrong.
        if let Some(failure) = failure {
            return Err(files.error(StoreOp::Read, &name, failure));
        }
        if let Some(known) = known
            && known.container == Keys::of(&content).container
        {
            known.content = Some(content.as_slice().into());
        }
        Ok(Some(content))
    }
}

impl Resident {
    fn new(watch: Option<Arc<Watch>>) -> Self {
        Self { watch, known: HashMap::default(), markers: HashMap::new(), undrained: 0 }
    }

    /// Keeps what a record holds. One that is empty may be completed any time and is read again when it matters.
    fn keep(&mut self, address: IpAddr, content: &[u8], keys: Keys) {
        let content = (!content.is_empty()).then(|| content.into());
        self.known.insert(address, Known { container: keys.container, content });
    }

    fn learn_all(&mut self, image: &mut Image) -> rustix::io::Result<()> {
        let known = |slot: Slot| (slot.address, Known { container: slot.keys.container, content: None });
        self.known = slots::all(image)?.into_iter().map(known).collect();
        Ok(())
    }
}

/// What an index can stand for.
enum Content<'a> {
    /// A regular file that was read; empty if it has white space only.
    Plain(&'a [u8]),
    /// A directory, link, device or what cannot be read: it may change without the directory showing it.
    Other,
}

impl<'a> Content<'a> {
    fn of(seen: &'a Seen) -> Self {
        if seen.linked || seen.failure.is_some() {
            return Self::Other;
        }
        let blank = trimmed(&seen.content).is_some_and(str::is_empty);
        Self::Plain(if blank { &[] } else { &seen.content })
    }
}

/// A power of two of at least twice so many, and at least the least.
fn room(needed: u64, least: u64) -> u64 {
    (needed * 2 + 2).next_power_of_two().max(least)
}

fn fill(image: &mut Image, slots: &[Slot], addresses: &[IpAddr]) -> rustix::io::Result<()> {
    for slot in slots {
        slots::insert(image, None, slot)?;
    }
    for address in addresses {
        pages::set(image, None, *address, true)?;
    }
    Ok(())
}

fn unusable(errno: Errno) -> StoreError {
    StoreError::Io { op: StoreOp::Read, path: format!("{OWN}/index"), source: errno.into() }
}
