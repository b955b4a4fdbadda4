//! Addresses and CIDRs, parsed as strictly as Go does.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use ipnetwork::IpNetwork;

/// The two address families.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    #[must_use]
    pub const fn of(address: &IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// The number of bits of an address: 32 or 128.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

/// Reads an address as kubeadm reads addresses in its configuration: leading zeros do not count.
///
/// Source: Kubernetes `ParseIPSloppy`, Go's parser before version 1.17; decimal, never octal.
#[cfg(any(feature = "config", feature = "crypto"))]
pub(crate) fn parse_leniently(text: &str) -> Option<IpAddr> {
    if text.len() > 64 {
        return None;
    }
    let mut plain = String::with_capacity(text.len());
    for part in text.split_inclusive([':', '.']) {
        let digits = part.trim_end_matches([':', '.']);
        let trimmed = digits.trim_start_matches('0');
        let all_zero = trimmed.is_empty() && !digits.is_empty();
        plain.push_str(if all_zero { "0" } else { trimmed });
        plain.push_str(part.get(digits.len()..)?);
    }
    plain.parse().ok()
}

/// A CIDR: `ADDRESS/LENGTH`. Host bits are accepted and kept in the printed form, as kubeadm keeps them.
///
/// Strict like Go's `net.ParseCIDR`: a length is required, decimal and without sign or leading zero; IPv4 octets have
/// no leading zeros. (`ipnetwork` alone accepts `10.0.0.1`, `10.0.0.0/08` and `10.0.0.0/255.0.0.0`.)
///
/// # Examples
///
/// ```
/// # use k8sboot_core::cidr::Cidr;
/// let services: Cidr = "10.96.0.0/12".parse()?;
/// assert_eq!(services.nth(10).map(|a| a.to_string()).as_deref(), Some("10.96.0.10"));
/// assert!("10.96.0.0/012".parse::<Cidr>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    length: u8,
}

/// A text is not a CIDR.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected ADDRESS/LENGTH like 10.244.0.0/16 or fd00::/56, found {found:?}")]
#[non_exhaustive]
pub struct CidrError {
    /// The text as given.
    pub found: String,
}

impl Cidr {
    /// An address and a prefix length; `None` if the length is more than the address has bits.
    #[must_use]
    pub const fn new(address: IpAddr, length: u8) -> Option<Self> {
        if length > Family::of(&address).bits() { None } else { Some(Self { address, length }) }
    }

    /// The address as given, host bits included.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// The number of leading bits that are fixed.
    #[must_use]
    pub const fn length(&self) -> u8 {
        self.length
    }

    /// The family.
    #[must_use]
    pub const fn family(&self) -> Family {
        Family::of(&self.address)
    }

    /// The first address: all host bits zero.
    #[must_use]
    pub fn first(&self) -> IpAddr {
        from_number(self.family(), self.first_number())
    }

    /// The last address: all host bits one.
    #[must_use]
    pub fn last(&self) -> IpAddr {
        from_number(self.family(), self.first_number() | self.host_mask())
    }

    /// The number of addresses, `u128::MAX` for `::/0` (one short).
    #[must_use]
    pub fn size(&self) -> u128 {
        self.host_mask().saturating_add(1)
    }

    /// The address `index` places after the first, if it is inside.
    #[must_use]
    pub fn nth(&self, index: u128) -> Option<IpAddr> {
        (index <= self.host_mask()).then(|| from_number(self.family(), self.first_number() + index))
    }

    /// Whether an address is inside.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        Family::of(&address) == self.family() && to_number(address) & !self.host_mask() == self.first_number()
    }

    /// Whether two CIDRs share an address.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.contains(other.first()) || other.contains(self.first())
    }

    /// As an `ipnetwork` value, host bits cleared.
    #[must_use]
    pub fn network(&self) -> Option<IpNetwork> {
        IpNetwork::new(self.first(), self.length).ok()
    }

    fn host_mask(&self) -> u128 {
        let host_bits = u32::from(self.family().bits().saturating_sub(self.length));
        1u128.checked_shl(host_bits).map_or(u128::MAX, |size| size - 1)
    }

    fn first_number(&self) -> u128 {
        to_number(self.address) & !self.host_mask()
    }
}

pub(crate) fn to_number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

pub(crate) fn from_number(family: Family, number: u128) -> IpAddr {
    match family {
        // The caller stays within the family's width; the mask only satisfies the type.
        Family::V4 => IpAddr::V4(Ipv4Addr::from(u32::try_from(number & 0xffff_ffff).unwrap_or(u32::MAX))),
        Family::V6 => IpAddr::V6(Ipv6Addr::from(number)),
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        parse(text).ok_or_else(|| CidrError { found: text.chars().take(64).collect() })
    }
}

fn parse(text: &str) -> Option<Cidr> {
    let (address, length) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let plain = length.len() <= 3 && !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit());
    if !plain || (length.len() > 1 && length.starts_with('0')) {
        return None;
    }
    let length: u8 = length.parse().ok()?;
    Cidr::new(address, length)
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_only_what_go_reads() {
        for text in ["10.0.0.0/8", "10.1.2.3/8", "::/0", "fd00::/56", "0.0.0.0/0", "1.2.3.4/32"] {
            assert!(text.parse::<Cidr>().is_ok(), "{text}");
        }
        for text in [
            "10.0.0.0",
            "10.0.0.0/08",
            "10.0.0.0/+8",
            "10.0.0.0/33",
            "10.0.0.0/255.0.0.0",
            "010.0.0.0/8",
            "fd00::/129",
            "/8",
            "10.0.0.0/",
            " 10.0.0.0/8",
            "fe80::1%eth0/64",
        ] {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
    }

    #[test]
    fn counts_from_the_first_address() {
        let cidr: Cidr = "10.96.3.7/30".parse().unwrap();
        assert_eq!(cidr.first().to_string(), "10.96.3.4");
        assert_eq!(cidr.last().to_string(), "10.96.3.7");
        assert_eq!(cidr.size(), 4);
        assert_eq!(cidr.nth(3).unwrap().to_string(), "10.96.3.7");
        assert!(cidr.nth(4).is_none());
        let all: Cidr = "::/0".parse().unwrap();
        assert!(all.contains("ff::1".parse().unwrap()) && !all.contains("1.2.3.4".parse().unwrap()));
    }

    #[test]
    fn overlap_is_symmetric() {
        let (wide, narrow): (Cidr, Cidr) = ("10.0.0.0/8".parse().unwrap(), "10.9.0.0/16".parse().unwrap());
        let other: Cidr = "11.0.0.0/16".parse().unwrap();
        assert!(wide.overlaps(&narrow) && narrow.overlaps(&wide) && !wide.overlaps(&other));
    }
}
