//! Undoing leaks by a DEL of the whole chain.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
};

use super::{chain::Cni, chain_error::ChainError, file::read_file, watch::CniRun};
use crate::{
    cni::{Attachment, CacheEntry, CniError, Json, NetworkList},
    ipam::{Holder, leak::LeakReport},
};

/// What became of the DEL of one leaked attachment.
#[derive(Debug)]
#[non_exhaustive]
pub struct LeakDelete {
    /// The container ID.
    pub container: String,
    /// The interface name.
    pub interface: String,
    /// The file of the stored result.
    pub source: String,
    /// Whether every plugin of the chain succeeded.
    pub outcome: Result<(), ChainError>,
}

impl Cni {
    /// Runs the chain DEL of every leak of a report that a stored result is known of, with the configuration and
    /// arguments that were stored at its ADD and without a network namespace.
    ///
    /// That undoes port mappings and traffic rules as well, which freeing an address alone leaves behind. Call it before
    /// [`collect`](crate::store::collect), which frees what a failed DEL or one without IPAM has left; what DEL freed is
    /// then among [`Collected::changed`](crate::store::Collected::changed). An attachment of which any record is kept is
    /// left alone.
    ///
    /// # Errors
    ///
    /// None of its own: each [`LeakDelete`] has its outcome.
    #[must_use]
    pub fn delete_leaks(&self, report: &LeakReport, run: &CniRun) -> Vec<LeakDelete> {
        let mut leaks: BTreeMap<(&str, &str), &str> = BTreeMap::new();
        for verdict in report.verdicts.iter().filter(|verdict| verdict.free) {
            if let (Holder::Attachment { container, interface }, Some(source)) =
                (&verdict.record.holder, &verdict.stored_result)
            {
                leaks.insert((container, interface), source);
            }
        }
        // A DEL goes by container, also for records without an interface.
        let kept: HashSet<&str> = report
            .verdicts
            .iter()
            .filter(|verdict| !verdict.free)
            .filter_map(|verdict| verdict.record.holder.container())
            .collect();
        leaks.retain(|(container, _), _| !kept.contains(container));
        let delete = |((container, interface), source): ((&str, &str), &str)| LeakDelete {
            container: container.to_owned(),
            interface: interface.to_owned(),
            source: source.to_owned(),
            outcome: self.delete_stored(Path::new(source), container, interface, run),
        };
        leaks.into_iter().map(delete).collect()
    }

    fn delete_stored(
        &self,
        source: &Path,
        container: &str,
        interface: &str,
        run: &CniRun,
    ) -> Result<(), ChainError> {
        let name = source.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        // Somebody's DEL came first.
        let Some(bytes) = read_file(source)? else { return Ok(()) };
        let entry = CacheEntry::parse(&bytes, &name)?;
        let list = NetworkList::parse(&entry.config).or_else(|error| {
            // A stored configuration is a list, or that of a single plugin.
            NetworkList::parse_conf(&entry.config).map_err(|_| error)
        })?;
        if (entry.container.as_str(), entry.interface.as_str()) != (container, interface) {
            return Err(ChainError::Cni(CniError::Field {
                field: "containerId".to_owned(),
                expected: format!("{container} and {interface}"),
                found: format!("{} and {}", entry.container, entry.interface),
            }));
        }
        let mut attachment = Attachment::new(container, interface, "")?.args(entry.cni_args());
        if let Some(Json::Object(members)) = &entry.capability_args {
            for (name, value) in members {
                attachment = attachment.capability(name, value.clone());
            }
        }
        let cache = source.parent().and_then(Path::parent).unwrap_or(source);
        self.clone().cache(cache).del(&list, &attachment, run)
    }
}
