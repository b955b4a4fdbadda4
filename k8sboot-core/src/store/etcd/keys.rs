//! The keys of a network's addresses.

use std::net::IpAddr;

use super::error::EtcdError;
use crate::ipam::Owner;

/// What a key below the network's prefix is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key<'a> {
    /// `a/<address>`: who holds it.
    Address(&'a str),
    /// `m/<set>`: the address given last in a range set.
    Marker(usize),
    /// Anything else.
    Other,
}

/// The keys of one network.
///
/// Each address is held by two keys that are made and deleted in one transaction: `a/<address>` with host-local's text
/// as its value, and `o/<container>/<interface>/<address>`, so that what an owner holds is found, and guarded, without
/// looking at the others.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    root: String,
}

impl Keys {
    /// Below `<prefix>/<network>/`.
    pub(super) fn new(prefix: &str, network: &str) -> Result<Self, EtcdError> {
        let problem = |option, expected, found: &str| EtcdError::Options {
            option,
            expected,
            found: found.chars().take(256).collect(),
        };
        let prefix = prefix.trim_end_matches('/');
        if prefix.is_empty() || prefix.contains('\0') {
            return Err(problem("prefix", "a prefix like /k8sboot/ipam", prefix));
        }
        // Networks and container IDs have the same characters in CNI.
        if Owner::new(network, "eth0").is_err() {
            return Err(problem(
                "network",
                "letters, digits, '_', '.' and '-', a letter or digit first",
                network,
            ));
        }
        Ok(Self { root: format!("{prefix}/{network}/") })
    }

    pub(super) fn root(&self) -> &str {
        &self.root
    }

    pub(super) fn addresses(&self) -> String {
        format!("{}a/", self.root)
    }

    /// The key of an address, or of a foreign entry, by its name.
    pub(super) fn named(&self, name: &str) -> String {
        format!("{}a/{name}", self.root)
    }

    pub(super) fn address(&self, address: IpAddr) -> String {
        format!("{}a/{address}", self.root)
    }

    pub(super) fn owner(&self, owner: Owner<'_>) -> String {
        format!("{}o/{}/{}/", self.root, owner.container(), owner.interface())
    }

    pub(super) fn owned(&self, owner: Owner<'_>, address: IpAddr) -> String {
        format!("{}{address}", self.owner(owner))
    }

    pub(super) fn markers(&self) -> String {
        format!("{}m/", self.root)
    }

    pub(super) fn marker(&self, set: usize) -> String {
        format!("{}m/{set}", self.root)
    }

    pub(super) fn read<'a>(&self, key: &'a [u8]) -> Key<'a> {
        let rest = std::str::from_utf8(key).ok().and_then(|key| key.strip_prefix(&self.root));
        match rest.and_then(|rest| rest.split_once('/')) {
            Some(("a", name)) => Key::Address(name),
            Some(("m", set)) => set.parse().map_or(Key::Other, Key::Marker),
            _ => Key::Other,
        }
    }
}

/// The value of an address: host-local's record.
pub(super) fn record_of(owner: Owner<'_>) -> String {
    format!("{}\r\n{}", owner.container(), owner.interface())
}

/// The address of a name, if the store itself would spell it so.
pub(super) fn address_of(name: &str) -> Option<IpAddr> {
    name.parse::<IpAddr>().ok().filter(|address| address.to_string() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_made() {
        let keys = Keys::new("/k8sboot/ipam/", "pods").unwrap();
        let (owner, address) = (Owner::new("c1", "eth0").unwrap(), "10.1.0.5".parse().unwrap());
        assert_eq!(keys.owned(owner, address), "/k8sboot/ipam/pods/o/c1/eth0/10.1.0.5");
        assert_eq!(keys.read(keys.address(address).as_bytes()), Key::Address("10.1.0.5"));
        assert_eq!(keys.read(keys.marker(3).as_bytes()), Key::Marker(3));
        for other in ["/k8sboot/ipam/pods/o/c1/eth0/10.1.0.5", "/k8sboot/ipam/pods/m/x", "/other/a/b"] {
            assert_eq!(keys.read(other.as_bytes()), Key::Other, "{other}");
        }
        assert_eq!(keys.read(b"\xff"), Key::Other);
        assert_eq!((address_of("10.1.0.5"), address_of("fd00:0::1")), (Some(address), None));
    }

    #[test]
    fn names_that_would_leave_the_prefix_are_refused() {
        for (prefix, network) in [("", "pods"), ("/", "pods"), ("/p", ""), ("/p", "a/b"), ("/p", "../x")] {
            assert!(Keys::new(prefix, network).is_err(), "{prefix} {network}");
        }
    }
}
