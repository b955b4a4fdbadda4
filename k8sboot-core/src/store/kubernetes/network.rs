//! The records of a network as the data of one ConfigMap.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
};

use serde_json::Value;

use crate::ipam::{Holder, Owner, Pool, PoolOptions, Ranges, Record};

/// The key that counts the changes.
const COUNT: &str = "changes";
/// The keys that say which address was given last in a range set.
const LAST: &str = "last.";

/// What a ConfigMap said at one version.
#[derive(Clone, Debug)]
pub(super) struct Network {
    /// `metadata.resourceVersion`.
    pub(super) version: String,
    pub(super) data: BTreeMap<String, String>,
}

impl Network {
    pub(super) fn read(object: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let data = object.get("data").and_then(Value::as_object);
        Self {
            version: object.pointer("/metadata/resourceVersion").map(text).unwrap_or_default(),
            data: data.into_iter().flatten().map(|(key, value)| (key.clone(), text(value))).collect(),
        }
    }

    /// How often it was changed.
    pub(super) fn count(&self) -> u64 {
        self.data.get(COUNT).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// The bytes that count for a ConfigMap's limit.
    pub(super) fn size(&self) -> usize {
        self.data.iter().map(|(key, value)| key.len() + value.len()).sum()
    }

    /// Every record, in the order of addresses, then names.
    pub(super) fn records(&self) -> Vec<Record> {
        let entries = self.data.iter().filter(|(key, _)| *key != COUNT && !key.starts_with(LAST));
        let mut records: Vec<Record> = entries
            .map(|(key, value)| {
                let (holder, version) = read_value(value);
                let mut record = Record::new(key.clone(), address(key), holder);
                record.version = version;
                record
            })
            .collect();
        records.sort_by(|a, b| {
            (a.address.is_none(), a.address, &a.name).cmp(&(b.address.is_none(), b.address, &b.name))
        });
        records
    }

    /// A pool that holds what the records say.
    pub(super) fn pool(&self, ranges: &Ranges, options: PoolOptions) -> Pool {
        let mut pool = Pool::new(ranges.clone(), options);
        for record in self.records() {
            let Some(address) = record.address else { continue };
            match &record.holder {
                Holder::Attachment { container, interface } => {
                    if let Ok(owner) = Owner::new(container, interface) {
                        pool.hold(address, owner);
                    }
                }
                Holder::Container { container } => {
                    pool.hold_container(address, container);
                }
                // Held by nobody that could ask: it is not given, and only a collector frees it.
                _ => {
                    pool.hold_container(address, "");
                }
            }
        }
        for set in 0..ranges.sets().len() {
            let last = self.data.get(&format!("{LAST}{set}"));
            pool.set_last_given(set, last.and_then(|text| text.parse().ok()));
        }
        pool
    }

    /// The change that records addresses for an owner; `None` removes a key.
    pub(super) fn give(&self, owner: Owner<'_>, fresh: &[(IpAddr, usize)]) -> Vec<(String, Option<String>)> {
        let count = self.count().saturating_add(1);
        let mut change = vec![(COUNT.to_owned(), Some(count.to_string()))];
        for (address, set) in fresh {
            let value = format!("{}/{}/{count}", owner.container(), owner.interface());
            change.push((key(*address), Some(value)));
            change.push((format!("{LAST}{set}"), Some(address.to_string())));
        }
        change
    }

    /// The change that removes records.
    pub(super) fn free<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<(String, Option<String>)> {
        let count = self.count().saturating_add(1);
        let removed = names.map(|name| (name.to_owned(), None));
        std::iter::once((COUNT.to_owned(), Some(count.to_string()))).chain(removed).collect()
    }

    /// What there is after a change.
    pub(super) fn changed(&self, change: &[(String, Option<String>)]) -> Self {
        let mut new = self.clone();
        for (key, value) in change {
            match value {
                Some(value) => new.data.insert(key.clone(), value.clone()),
                None => new.data.remove(key),
            };
        }
        new
    }
}

/// The key of an address: keys of ConfigMaps have no colons.
pub(super) fn key(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => v6.to_string().replace(':', "-"),
    }
}

fn address(name: &str) -> Option<IpAddr> {
    let address = name.parse::<IpAddr>().ok().or_else(|| {
        name.contains('-').then(|| name.replace('-', ":").parse::<Ipv6Addr>().ok()).flatten().map(IpAddr::V6)
    })?;
    (key(address) == name).then_some(address)
}

/// `CONTAINER/INTERFACE/CHANGE`.
fn read_value(value: &str) -> (Holder, u64) {
    let parts: Vec<&str> = value.split('/').collect();
    let holder = match parts.as_slice() {
        [container, interface, change] if change.parse::<u64>().is_ok() => {
            Holder::parse(format!("{container}\r\n{interface}").as_bytes())
        }
        _ if value.trim().is_empty() => Holder::Empty,
        _ => Holder::Foreign { found: value.chars().take(256).collect() },
    };
    (holder, parts.last().and_then(|change| change.parse().ok()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn addresses_are_keys_and_back() {
        for text in ["10.1.2.3", "fd00:10::5", "::1", "2001:db8:1:2:3:4:5:6", "fd00::"] {
            let address: IpAddr = text.parse().unwrap();
            let key = key(address);
            assert!(key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.'), "{key}");
            assert_eq!(super::address(&key), Some(address));
        }
        for name in ["changes", "last.0", "10.1.2.03", "fd00-0-0--5", "a-b", "-"] {
            assert_eq!(address(name), None, "{name}");
        }
    }

    #[test]
    fn what_is_written_is_read_and_what_is_odd_is_held() {
        let empty = Network::read(&json!({"metadata": {"resourceVersion": "7"}}));
        let owner = Owner::new("a", "eth0").unwrap();
        let (v4, v6): (IpAddr, IpAddr) = ("10.1.2.3".parse().unwrap(), "fd00::3".parse().unwrap());
        let given = empty.changed(&empty.give(owner, &[(v4, 0), (v6, 1)]));
        assert_eq!(given.data["10.1.2.3"], "a/eth0/1");
        assert_eq!((given.data["last.1"].as_str(), given.count()), ("fd00::3", 1));
        let mut odd = given.clone();
        for (key, value) in [("10.1.2.4", ""), ("10.1.2.5", "by hand"), ("note", "x")] {
            odd.data.insert(key.to_owned(), value.to_owned());
        }
        let holders: Vec<Holder> = odd.records().into_iter().map(|record| record.holder).collect();
        assert_eq!(holders[1], Holder::Empty);
        assert!(matches!(holders[2], Holder::Foreign { .. }));
        let ranges = Ranges::of_subnets(&["10.1.2.0/29".parse().unwrap()]).unwrap();
        let pool = odd.pool(&ranges, PoolOptions::default());
        assert_eq!(pool.usage(0).unwrap().held, 3);
        assert_eq!(pool.last_given(0), Some(v4));
        let freed = given.changed(&given.free(["10.1.2.3"].into_iter()));
        assert_eq!((freed.records().len(), freed.count()), (1, 2));
        assert!(freed.size() < given.size());
    }
}
