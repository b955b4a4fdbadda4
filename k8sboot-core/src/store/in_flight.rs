//! Which ADDs are running in this process.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::ipam::{
    Owner, OwnerBuf,
    leak::{Testimony, Witness, WitnessKind},
};

/// Which ADDs are running in this process: the witness that a cron job cannot have.
///
/// A process that embeds the library announces an ADD before it asks the store for an address, and lets go when the
/// container is in the runtime's listing or the address is released. If every ADD of the network runs in this process,
/// a grace period of zero is right. Clones share the set.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::{ipam::{Owner, leak::Witness}, store::InFlight};
/// let adds = InFlight::new();
/// let running = adds.announce(Owner::new("3f2a", "eth0")?);
/// assert_eq!(adds.testify().in_flight.len(), 1);
/// drop(running);
/// assert!(adds.testify().in_flight.is_empty());
/// # Ok::<(), k8sboot_core::ipam::IpamError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct InFlight {
    owners: Arc<Mutex<BTreeMap<OwnerBuf, usize>>>,
}

/// The ADD counts as running until this is dropped.
#[derive(Debug)]
pub struct Running {
    adds: InFlight,
    owner: OwnerBuf,
}

impl InFlight {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says that an ADD of this owner is about to ask for an address.
    #[must_use = "the ADD counts as running until the value is dropped"]
    pub fn announce(&self, owner: Owner<'_>) -> Running {
        let owner = OwnerBuf::from(owner);
        *self.owners().entry(owner.clone()).or_insert(0) += 1;
        Running { adds: self.clone(), owner }
    }

    /// The set is whole after every step, so a panic elsewhere does not spoil it.
    fn owners(&self) -> MutexGuard<'_, BTreeMap<OwnerBuf, usize>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut owners = self.adds.owners();
        if let Some(count) = owners.get_mut(&self.owner) {
            *count -= 1;
            if *count == 0 {
                owners.remove(&self.owner);
            }
        }
    }
}

impl Witness for InFlight {
    fn kind(&self) -> WitnessKind {
        WitnessKind::InFlight
    }

    fn testify(&self) -> Testimony {
        let owners = self.owners();
        Testimony::in_flight("this process", owners.keys().map(OwnerBuf::as_owner))
    }
}
