//! The store that forgets with its process.

use std::{
    net::IpAddr,
    sync::{Mutex, MutexGuard},
};

use super::{Store, StoreError};
use crate::ipam::{Allocation, Holder, Owner, Pool, Record, Request, Usage};

/// A [`Pool`] for many threads.
#[derive(Debug)]
pub struct MemoryStore {
    pool: Mutex<Pool>,
}

impl MemoryStore {
    /// A store around a pool.
    #[must_use]
    pub const fn new(pool: Pool) -> Self {
        Self { pool: Mutex::new(pool) }
    }

    fn pool(&self) -> Result<MutexGuard<'_, Pool>, StoreError> {
        self.pool.lock().map_err(|_| StoreError::Poisoned)
    }
}

impl Store for MemoryStore {
    fn allocate(&self, request: &Request<'_>, out: &mut Allocation) -> Result<(), StoreError> {
        Ok(self.pool()?.allocate(request, out)?)
    }

    fn release(&self, owner: Owner<'_>, freed: &mut Vec<IpAddr>) -> Result<(), StoreError> {
        self.pool()?.release_into(owner, freed);
        Ok(())
    }

    fn find(&self, owner: Owner<'_>, out: &mut Vec<IpAddr>) -> Result<(), StoreError> {
        out.extend(self.pool()?.find(owner));
        Ok(())
    }

    fn records(&self) -> Result<Vec<Record>, StoreError> {
        Ok(self.pool()?.held().map(|(address, owner)| record(address, owner)).collect())
    }

    fn free_unchanged(&self, seen: &[Record]) -> Result<Vec<Record>, StoreError> {
        let mut pool = self.pool()?;
        let mut freed = Vec::new();
        for old in seen {
            let Some(address) = old.address else { continue };
            if pool.owner_of(address).is_some_and(|owner| record(address, owner).holder == old.holder)
                && pool.release_address(address)
            {
                freed.push(old.clone());
            }
        }
        Ok(freed)
    }

    fn usage(&self) -> Result<Vec<Usage>, StoreError> {
        let pool = self.pool()?;
        Ok((0..pool.ranges().sets().len()).filter_map(|set| pool.usage(set)).collect())
    }
}

fn record(address: IpAddr, owner: Owner<'_>) -> Record {
    let container = owner.container().to_owned();
    let holder = match owner.is_whole_container() {
        true => Holder::Container { container },
        false => Holder::Attachment { container, interface: owner.interface().to_owned() },
    };
    Record::new(address.to_string(), Some(address), holder)
}
