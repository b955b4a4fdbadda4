//! Freeing what an attachment holds although the configuration is broken or gone.

use std::{fs, io::Write};

use k8sboot_core::{
    cni::{Environment, IpamPlace, Json},
    ipam::{Holder, Owner, Ranges},
    store::{DirectoryStore, Store},
};

use crate::verbs;

/// Frees by owner, as far as the records can be found; nothing is made, and the call fails as host-local's does.
///
/// With the name of the network its directory is looked into, else every directory below the data directory: container IDs
/// are unique, and a container has an interface name once.
pub(crate) fn free_stranded(environment: &Environment, document: Option<&Json>) {
    let place = document.map(IpamPlace::read).unwrap_or_default();
    let Ok(owner) = verbs::owner(environment) else { return };
    let mut freed = Vec::new();
    if place.network.is_some() {
        if let Ok(Some(store)) = verbs::open_existing(&place, &Ranges::none()) {
            // What hinders it now hindered the answer already; the runtime calls again.
            let _ = store.release(owner, &mut freed);
        }
    } else {
        let data_dir = place.data_dir.as_deref().unwrap_or(verbs::DATA_DIR);
        for entry in fs::read_dir(data_dir).into_iter().flatten().flatten() {
            let mut place = place.clone();
            place.network = entry.file_name().into_string().ok();
            if let Ok(Some(store)) = verbs::open_existing(&place, &Ranges::none()) {
                freed.extend(free_exactly(&store, owner));
            }
        }
    }
    if !freed.is_empty() {
        let addresses: Vec<_> = freed.iter().map(ToString::to_string).collect();
        let text = format!(
            "k8sboot-ipam: freed {} of {owner} with a configuration that cannot be used\n",
            addresses.join(" ")
        );
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

/// Without the network's name only records with the interface count: one of an ID alone may be of another interface.
fn free_exactly(store: &DirectoryStore, owner: Owner<'_>) -> Vec<std::net::IpAddr> {
    let mut mine = store.records().unwrap_or_default();
    mine.retain(|record| {
        matches!(&record.holder, Holder::Attachment { container, interface }
            if (container.as_str(), interface.as_str()) == (owner.container(), owner.interface()))
    });
    if mine.is_empty() {
        return Vec::new();
    }
    let freed = store.free_unchanged(&mine).unwrap_or_default();
    freed.iter().filter_map(|record| record.address).collect()
}
