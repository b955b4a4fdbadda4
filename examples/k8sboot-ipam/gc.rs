//! GC: frees what no valid attachment holds.

use std::collections::HashSet;

use k8sboot_core::{
    cni::{ErrorCode, ErrorObject, IpamPlace, Json, ValidAttachments},
    ipam::{Holder, Ranges, Record},
    store::Store,
};

use crate::{Answer, verbs, words};

/// Frees addresses whose holder is not among `cni.dev/valid-attachments`; an empty list frees all.
///
/// The runtime must see to it that no ADD or DEL of the network is in flight (CNI specification 1.1.0, "GC"). The `ipam`
/// section only tells where the records are.
pub(crate) fn gc(document: &Json) -> Answer {
    let wrong = |text: String| ErrorObject::new(ErrorCode::NETWORK_CONFIG, text);
    let fields = document.fields().map_err(|error| wrong(error.to_string()))?;
    let valid = ValidAttachments::read(&fields).map_err(|error| wrong(error.to_string()))?;
    let valid = match valid {
        ValidAttachments::These(list) => list,
        other => {
            let found = if other == ValidAttachments::Null { "null" } else { "nothing" };
            return Err(wrong(format!("cni.dev/valid-attachments: expected a list, found {found}")).with_details(
                "nothing was freed, because it was not said which attachments are valid: an empty list frees all",
            ));
        }
    };
    let attachments: HashSet<(&str, &str)> =
        valid.iter().map(|one| (one.container.as_str(), one.interface.as_str())).collect();
    let containers: HashSet<&str> = valid.iter().map(|one| one.container.as_str()).collect();
    let leaked = |record: &Record| {
        record.address.is_some()
            && match &record.holder {
                Holder::Attachment { container, interface } => {
                    !attachments.contains(&(container.as_str(), interface.as_str()))
                }
                // Written before 0.8.0, without an interface: any valid interface of the container keeps it.
                Holder::Container { container } => !containers.contains(container.as_str()),
                // Left by an ADD that died; none is in flight.
                Holder::Empty => true,
                _ => false,
            }
    };
    let ranges = Ranges::none();
    let Some(store) = verbs::open_existing(&IpamPlace::read(document), &ranges)? else {
        return Ok(String::new());
    };
    let mut seen = store.records().map_err(|error| words::store(&error, &ranges))?;
    seen.retain(leaked);
    if !seen.is_empty() {
        // With the lock file, whoever has not made it yet.
        let store = verbs::open(document, &ranges)?;
        store.free_unchanged(&seen).map_err(|error| words::store(&error, &ranges))?;
    }
    Ok(String::new())
}
