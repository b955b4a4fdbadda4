//! Making the index anew from the records, and keeping what an older one knew of them.

use std::{collections::HashMap, net::IpAddr};

use super::{
    super::{boot::ThisBoot, files::Files, listing::Listing, name::Named},
    Content, Index, Keep, MOST_PAGES, Resident, fill,
    header::{Header, UNSURE},
    image::Image,
    pages, room, slots,
    slots::{Keys, Slot},
};

impl Index {
    /// Makes the index of what was listed. `None` if the directory has something that an index cannot stand for, or the
    /// file system gives no proof of freshness.
    pub(in super::super) fn build(
        files: &Files,
        listing: &Listing,
        boot: &ThisBoot,
        keep: &Keep,
    ) -> Option<Self> {
        let boot_id = boot.id?;
        let (known, complete) = known_before(files, boot_id);
        let (mut slots, mut addresses, mut unsure) = (Vec::new(), Vec::new(), Vec::new());
        let seconds = boot.seconds();
        for entry in listing.entries() {
            match Content::of(&entry.seen) {
                _ if entry.nested => return None,
                _ if entry.named == Named::Foreign => continue,
                Content::Plain(content) if matches!(entry.named, Named::Address(_)) => {
                    let address = entry.named.address()?;
                    addresses.push(address);
                    if content.is_empty() {
                        unsure.push(address);
                        continue;
                    }
                    let version = entry.seen.version();
                    // Not in a complete index of this boot: made since then.
                    let (keys, made) = (Keys::of(content), complete);
                    let new = Slot { keys, address, version, boot: boot_id, made, seconds };
                    // Still the same file in the same state: what was known of it holds.
                    let old = known.get(&address).filter(|old| old.version == version && old.keys == keys);
                    slots.push(old.copied().unwrap_or(new));
                }
                _ => return None,
            }
        }
        if unsure.len() > UNSURE || listing.has_directories() {
            return None;
        }
        let mut header = Header { boot: boot_id, unsure, ..Header::default() };
        header.generation = boot.elapsed().as_nanos().try_into().unwrap_or(u64::MAX);
        header.nonce = header.generation.rotate_left(20) ^ u64::from(std::process::id()) << 40;
        let pages = pages::count(&addresses);
        header.slots = room(slots.len() as u64, 128);
        header.pages = room(pages, 16);
        if header.pages > MOST_PAGES {
            return None;
        }
        let mut image = Image::create(files, header).ok()?;
        fill(&mut image, &slots, &addresses).ok()?;
        image.write_all(files);
        image.commit(files).then_some(())?;
        let mut resident = keep.open.then(|| Resident::new(keep.watch.clone()));
        if let Some(resident) = &mut resident {
            for entry in listing.entries() {
                if let (Named::Address(address), Content::Plain(content)) =
                    (entry.named, Content::of(&entry.seen))
                {
                    resident.keep(address, content, Keys::of(content));
                }
            }
        }
        Some(Self::with(image, boot, boot_id, resident))
    }
}

/// What an older index knew of each address, whatever the directory is now: each slot proves itself by the version. And
/// whether it is of this boot and knew every record of its time.
fn known_before(files: &Files, boot: u64) -> (HashMap<IpAddr, Slot>, bool) {
    let Some((mut image, dirty)) = Image::open(files) else { return (HashMap::new(), false) };
    let complete = !dirty && image.header.boot == boot && image.header.unsure.is_empty();
    if image.load().is_err() {
        return (HashMap::new(), false);
    }
    let slots = slots::sound(&mut image);
    (slots.into_iter().map(|slot| (slot.address, slot)).collect(), complete)
}
