//! The index as what an allocation asks.

use std::net::IpAddr;

use super::{
    super::{
        allocate::View,
        files::{Files, Identity},
        listing::{Held, Owned, trimmed},
        marker::Marker,
        name::{Named, file_name},
    },
    Index, pages, slots,
    slots::Keys,
    unusable,
};
use crate::{
    cidr::{Family, from_number},
    ipam::{Boot, Owner, Range},
    store::StoreError,
};

impl View for Index {
    fn held(&mut self, files: &Files, owner: Owner<'_>, record: &str) -> Result<Owned, StoreError> {
        let keys = Keys::of(record.as_bytes());
        let mut candidates = self.image.header.unsure.clone();
        slots::of_container(&mut self.image, keys.container, |slot| {
            if slot.keys.interface == keys.interface || slot.keys.interface == 0 {
                candidates.push(slot.address);
            }
        })
        .map_err(unusable)?;
        let mut owned = Owned::default();
        for address in candidates {
            let content = self.content(files, address)?;
            let text = content.as_deref().and_then(trimmed);
            let held = || Held { name: (*file_name(address)).to_owned(), address };
            if text == Some(record) {
                owned.exact.push(held());
            } else if text == Some(owner.container()) {
                owned.legacy.push(held());
            }
        }
        for held in [&mut owned.exact, &mut owned.legacy] {
            held.sort_by(|a, b| a.name.cmp(&b.name));
        }
        Ok(owned)
    }

    fn is_taken(&mut self, _: &Files, address: IpAddr) -> Result<bool, StoreError> {
        self.is_set(address)
    }

    fn next_free(
        &mut self,
        _: &Files,
        range: &Range,
        from: u128,
        to: u128,
    ) -> Result<Option<IpAddr>, StoreError> {
        let family: Family = range.subnet().family();
        let found = pages::next_clear(&mut self.image, family, from, to).map_err(unusable)?;
        Ok(found.map(|number| from_number(family, number)))
    }

    fn begin(&mut self, files: &Files) {
        self.image.begin(files);
    }

    fn made(&mut self, files: &Files, address: IpAddr, content: &[u8], identity: Identity) {
        // That the index has no room, or cannot be read, is no reason to fail: it is made anew by the next call.
        if !self.learn(files, address, content, identity.version(content), true).unwrap_or(false) {
            self.image.distrust();
        }
    }

    fn met(&mut self, files: &Files, address: IpAddr) {
        // Somebody works without the locks: what the index says of this address is wrong.
        self.image.distrust();
        let _ = pages::set(&mut self.image, Some(files), address, true);
    }

    fn removed(&mut self, files: &Files, name: &str, content: &[u8]) {
        if let Named::Address(address) = Named::of(name)
            && self.forget(files, address, Keys::of(content).container).is_err()
        {
            self.image.distrust();
        }
    }

    fn earlier(&mut self, files: &Files, address: IpAddr) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(seen) = files.look(&file_name(address))? else { return Ok(None) };
        let (boot, _) = self.boot_of(address, &seen.content, seen.version())?;
        Ok((boot == Boot::Earlier).then_some(seen.content))
    }

    fn all_earlier(&mut self) -> Result<Vec<IpAddr>, StoreError> {
        if !self.image.is_in_memory() {
            self.image.load().map_err(unusable)?;
        }
        let slots = slots::all(&mut self.image).map_err(unusable)?;
        Ok(slots.into_iter().filter(|slot| slot.boot != self.boot_id).map(|slot| slot.address).collect())
    }

    fn marker(&mut self, files: &Files, set: usize) -> Marker {
        match self.resident.as_mut().and_then(|resident| resident.markers.remove(&set)) {
            Some(mut marker) => {
                marker.refresh();
                marker
            }
            None => Marker::read(files, set),
        }
    }

    fn keep_marker(&mut self, set: usize, marker: Marker) {
        if let Some(resident) = self.resident.as_mut().filter(|_| marker.is_open()) {
            resident.markers.insert(set, marker);
        }
    }
}
