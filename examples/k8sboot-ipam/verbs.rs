//! ADD, DEL, CHECK and STATUS.

use std::{fs, net::IpAddr, path::Path, time::Duration};

use k8sboot_core::{
    cidr::Cidr,
    cni::{
        CniResult, Dns, Environment, ErrorCode, ErrorObject, IpConfig, IpamConfig, IpamConfigError,
        IpamPlace, Json, Layout, Version,
    },
    ipam::{Allocation, IpamError, Owner, RangeSet, Ranges, Record, Repeat, Request, Usage},
    store::{DirectoryOptions, DirectoryStore, Store, StoreError},
};

use crate::{Answer, netns, stranded, words};

/// Where host-local keeps its networks.
pub(crate) const DATA_DIR: &str = "/var/lib/cni/networks";

/// How long to wait for the lock: longer than any crowd of callers takes, shorter than runtimes wait for a plugin.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// Gives one address of each range set, or none at all.
pub(crate) fn add(environment: &Environment, document: &Json) -> Answer {
    let config = read(environment, document)?;
    let dns = match &config.resolv_conf {
        Some(path) => {
            let bytes = fs::read(path).map_err(|error| words::unreadable(path, &error))?;
            Dns::from_resolv_conf(&String::from_utf8_lossy(&bytes))
        }
        None => Dns::default(),
    };
    // Before anything is reserved: host-local looks afterwards, and the address stays reserved.
    netns::refuse_own(environment)?;
    let store = open(document, &config.ranges)?;
    let owner = owner(environment)?;
    let request = Request::new(owner).addresses(&config.requested).repeat(Repeat::Refuse);
    let mut given = Allocation::new();
    let mut served = store.allocate(&request, &mut given);
    if let Err(StoreError::Ipam(IpamError::Exhausted { .. } | IpamError::Taken { .. })) = served
        && !recover_empty(&store).map_err(|error| words::store(&error, &config.ranges))?.is_empty()
    {
        served = store.allocate(&request, &mut given);
    }
    served.map_err(|error| words::store(&error, &config.ranges))?;
    let mut result = CniResult::new(Version::LATEST);
    for one in given.iter() {
        let address =
            Cidr::new(one.address, one.prefix).ok_or_else(|| words::internal("a prefix is too long"))?;
        result.ips.push(IpConfig::new(address).gateway(Some(one.gateway)));
    }
    result.routes = config.routes;
    result.dns = dns;
    let result = result.converted(words::version_of_answer(document));
    Ok(result.map_err(|error| words::internal(error.to_string()))?.render(Layout::Indented))
}

/// Frees what the attachment holds, whatever the configured ranges are.
pub(crate) fn del(environment: &Environment, document: &Json) -> Answer {
    let config = match IpamConfig::read(document, &environment.args) {
        Ok(config) => config,
        Err(error) => {
            // Arguments that are not understood come from the caller with this very call, and it can correct them; a
            // configuration that is broken now was not when the address was given.
            if !matches!(error, IpamConfigError::Args(_)) {
                stranded::free_stranded(environment, Some(document));
            }
            return Err(words::config(&error));
        }
    };
    let mut freed = Vec::new();
    let store = open(document, &config.ranges)?;
    store.release(owner(environment)?, &mut freed).map_err(|error| words::store(&error, &config.ranges))?;
    netns::refuse_own(environment)?;
    Ok(String::new())
}

/// Looks whether the attachment holds an address.
pub(crate) fn check(environment: &Environment, document: &Json) -> Answer {
    let config = read(environment, document)?;
    let mut held: Vec<IpAddr> = Vec::new();
    let store = open(document, &config.ranges)?;
    store.find(owner(environment)?, &mut held).map_err(|error| words::store(&error, &config.ranges))?;
    if held.is_empty() {
        let text = format!("host-local: Failed to find address added by container {}", environment.container);
        return Err(words::internal(text));
    }
    Ok(String::new())
}

/// Says whether an ADD could be served: the configuration is usable and no range set is full.
pub(crate) fn status(document: &Json) -> Answer {
    // The arguments are those of an ADD to come.
    let config = IpamConfig::read(document, "").map_err(|error| words::config(&error))?;
    let place = IpamPlace::read(document);
    let Some(store) = open_existing(&place, &config.ranges)? else { return Ok(String::new()) };
    let refused = |error| words::store(&error, &config.ranges);
    let usage = store.usage().map_err(refused)?;
    let full = |usage: &Usage| usage.held.saturating_add(usage.resting) >= usage.size;
    if !usage.iter().any(full) {
        return Ok(String::new());
    }
    // ADD would recover them.
    let empty = store.empty_records().map_err(refused)?;
    let recovers =
        |set: &RangeSet| empty.iter().filter_map(|one| one.address).any(|a| set.range_of(a).is_some());
    let mut sets = usage.iter().zip(config.ranges.sets()).enumerate();
    match sets.find(|(_, (usage, set))| full(usage) && !recovers(set)) {
        Some((index, (_, set))) => {
            let text = format!("no IP addresses available in range set: {}", words::range_set(set));
            let network = place.network.unwrap_or_default();
            let details =
                format!("range set {index} of network {network} is full: release an address or add a range");
            Err(ErrorObject::new(ErrorCode::NOT_AVAILABLE, text).with_details(details))
        }
        None => Ok(String::new()),
    }
}

/// Who the call is about; the environment was proven before.
pub(crate) fn owner(environment: &Environment) -> Result<Owner<'_>, ErrorObject> {
    Owner::new(&environment.container, &environment.interface)
        .map_err(|error| words::internal(error.to_string()))
}

/// The store of a network if it is there; nothing is made.
pub(crate) fn open_existing(
    place: &IpamPlace,
    ranges: &Ranges,
) -> Result<Option<DirectoryStore>, ErrorObject> {
    let Some(network) = &place.network else { return Ok(None) };
    let data_dir = place.data_dir.as_deref().unwrap_or(DATA_DIR);
    let options = DirectoryOptions::new().create(false).lock_timeout(LOCK_TIMEOUT);
    match DirectoryStore::open(Path::new(data_dir), network, ranges.clone(), options) {
        Ok(store) => Ok(Some(store)),
        Err(StoreError::Missing { .. }) => Ok(None),
        Err(error) => Err(words::store(&error, ranges)),
    }
}

/// Frees records that an ADD left empty when it died, once they are needed.
///
/// host-local keeps them for ever. They are freed under the locks, which a living ADD holds until its record is complete.
fn recover_empty(store: &DirectoryStore) -> Result<Vec<Record>, StoreError> {
    let empty = store.empty_records()?;
    if empty.is_empty() { Ok(empty) } else { store.free_unchanged(&empty) }
}

fn read(environment: &Environment, document: &Json) -> Result<IpamConfig, ErrorObject> {
    IpamConfig::read(document, &environment.args).map_err(|error| words::config(&error))
}

/// The store of a network; it is made if it is missing.
pub(crate) fn open(document: &Json, ranges: &Ranges) -> Result<DirectoryStore, ErrorObject> {
    let place = IpamPlace::read(document);
    let (network, data_dir) = (place.network.unwrap_or_default(), place.data_dir);
    let data_dir = data_dir.as_deref().unwrap_or(DATA_DIR);
    let options = DirectoryOptions::new().lock_timeout(LOCK_TIMEOUT);
    DirectoryStore::open(Path::new(data_dir), &network, ranges.clone(), options)
        .map_err(|error| words::store(&error, ranges))
}
