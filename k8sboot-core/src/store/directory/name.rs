//! The names in host-local's directory.

use std::{
    fmt::{self, Write as _},
    net::IpAddr,
    ops::Deref,
};

use crate::store::StoreError;

/// The file whose `flock` excludes host-local since 0.7.0.
pub(super) const LOCK: &str = "lock";
/// The directory of this library's own files. Names with a dot are no addresses and no networks.
pub(super) const OWN: &str = ".k8sboot";
/// What the names of markers begin with: `last_reserved_ip.0`; host-local before 0.6.0 had no number.
const MARKER: &str = "last_reserved_ip";

/// What a name in the directory stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// The lock, a marker, or a name with a dot: nobody's record.
    Furniture,
    /// An address, spelt as the store spells it.
    Address(IpAddr),
    /// An address in another spelling, for example `2001:DB8::1`; it does not stand in the way of giving the address.
    OtherSpelling(IpAddr),
    /// Anything else.
    Foreign,
}

impl Named {
    pub(super) fn of(name: &str) -> Self {
        match name.parse::<IpAddr>() {
            Ok(address) => {
                let address = address.to_canonical();
                if *file_name(address) == *name {
                    Self::Address(address)
                } else {
                    Self::OtherSpelling(address)
                }
            }
            Err(_) if name == LOCK || name.starts_with('.') || is_marker(name) => Self::Furniture,
            Err(_) => Self::Foreign,
        }
    }

    pub(super) const fn address(self) -> Option<IpAddr> {
        match self {
            Self::Address(address) | Self::OtherSpelling(address) => Some(address),
            Self::Furniture | Self::Foreign => None,
        }
    }
}

/// The name of an address's file, without a heap allocation.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileName {
    bytes: [u8; LONGEST],
    length: usize,
}

/// The longest address as text has 39 bytes.
const LONGEST: usize = 48;

impl FileName {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }
}

impl fmt::Write for FileName {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        let place = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

impl Deref for FileName {
    type Target = str;

    fn deref(&self) -> &str {
        self.bytes.get(..self.length).and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

/// The name of an address's file: dotted decimal, or RFC 5952; an IPv4-mapped address is the IPv4 address.
pub(super) fn file_name(address: IpAddr) -> FileName {
    let mut name = FileName { bytes: [0; LONGEST], length: 0 };
    match address.to_canonical() {
        IpAddr::V4(address) => {
            for (place, octet) in address.octets().into_iter().enumerate() {
                if place > 0 {
                    name.push(b'.');
                }
                if octet >= 100 {
                    name.push(b'0' + octet / 100);
                }
                if octet >= 10 {
                    name.push(b'0' + octet / 10 % 10);
                }
                name.push(b'0' + octet % 10);
            }
        }
        // Every address fits.
        address @ IpAddr::V6(_) => drop(write!(name, "{address}")),
    }
    name
}

/// The name of the marker of a range set.
pub(super) fn marker_name(set: usize) -> String {
    format!("{MARKER}.{set}")
}

/// Whether a name is a marker's.
pub(super) fn is_marker(name: &str) -> bool {
    name.strip_prefix(MARKER).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Proves that a network's name is one by the CNI specification, and so one part of a path.
pub(super) fn check_network(name: &str) -> Result<(), StoreError> {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_alphanumeric());
    if first && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-')) {
        return Ok(());
    }
    Err(StoreError::NetworkName { found: name.chars().take(64).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_host_local_reads_them() {
        let address = |text: &str| text.parse().unwrap();
        assert_eq!(Named::of("10.1.2.3"), Named::Address(address("10.1.2.3")));
        assert_eq!(Named::of("2001:db8:1::a0"), Named::Address(address("2001:db8:1::a0")));
        assert_eq!(Named::of("2001:DB8:1::a0"), Named::OtherSpelling(address("2001:db8:1::a0")));
        assert_eq!(Named::of("::ffff:10.1.2.3"), Named::OtherSpelling(address("10.1.2.3")));
        for name in ["lock", "last_reserved_ip.0", "last_reserved_ip", ".k8sboot"] {
            assert_eq!(Named::of(name), Named::Furniture, "{name}");
        }
        for name in ["10.1.2.03", "10.1.2.3.bak", "locks", "last_reserved_ipv6"] {
            assert_eq!(Named::of(name), Named::Foreign, "{name}");
        }
    }

    #[test]
    fn networks_are_one_part_of_a_path() {
        for name in ["cbr0", "k8s-pod-network", "a.b_c"] {
            check_network(name).unwrap();
        }
        for name in ["", "..", ".", "a/b", "../x", "-a", "ä"] {
            assert!(matches!(check_network(name), Err(StoreError::NetworkName { .. })), "{name}");
        }
    }

    #[test]
    fn names_are_spelt_as_addresses_are() {
        for octet in 0..=u8::MAX {
            let address = IpAddr::from([octet, 255 - octet, 0, octet]);
            assert_eq!(*file_name(address), address.to_string());
        }
        for text in ["2001:db8:1::a0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"] {
            assert_eq!(*file_name(text.parse().unwrap()), *text);
        }
    }
}
