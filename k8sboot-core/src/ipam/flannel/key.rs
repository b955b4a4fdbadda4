//! The key of a node subnet: the subnet itself.

use std::{fmt, net::Ipv6Addr, str::FromStr};

use super::error::{FlannelError, cut};
use crate::cidr::{Cidr, Family};

/// The subnet of a node, and in dual stack its IPv6 subnet, as flannel names it in etcd.
///
/// Printed as flanneld writes it. Host bits are kept as flanneld keeps them.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::ipam::flannel::SubnetKey;
/// let key: SubnetKey = "10.244.1.0-24&fd00:10:244:1::-64".parse()?;
/// assert_eq!(key.ipv4().to_string(), "10.244.1.0/24");
/// assert_eq!(key.ipv6().map(ToString::to_string).as_deref(), Some("fd00:10:244:1::/64"));
/// assert_eq!(key.to_string(), "10.244.1.0-24&fd00:10:244:1::-64");
/// # Ok::<(), k8sboot_core::ipam::flannel::FlannelError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetKey {
    ipv4: Cidr,
    ipv6: Option<Cidr>,
}

impl SubnetKey {
    /// The key of a subnet.
    ///
    /// # Errors
    ///
    /// [`FlannelError::Key`] if the families are not IPv4 and IPv6, or a length is beyond what flanneld reads (31 and
    /// 127).
    pub fn new(ipv4: Cidr, ipv6: Option<Cidr>) -> Result<Self, FlannelError> {
        let fits = ipv4.family() == Family::V4
            && ipv4.length() <= 31
            && ipv6.as_ref().is_none_or(|cidr| cidr.family() == Family::V6 && cidr.length() <= 127);
        let key = Self { ipv4, ipv6 };
        if fits { Ok(key) } else { Err(FlannelError::Key { found: key.to_string() }) }
    }

    /// The IPv4 subnet.
    #[must_use]
    pub const fn ipv4(&self) -> &Cidr {
        &self.ipv4
    }

    /// The IPv6 subnet, in dual stack.
    #[must_use]
    pub const fn ipv6(&self) -> Option<&Cidr> {
        self.ipv6.as_ref()
    }

    /// Whether the two share an address.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let both = self.ipv6.as_ref().zip(other.ipv6.as_ref());
        self.ipv4.overlaps(&other.ipv4) || both.is_some_and(|(one, other)| one.overlaps(other))
    }
}

impl fmt::Display for SubnetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ipv4.address(), self.ipv4.length())?;
        match &self.ipv6 {
            Some(cidr) => write!(f, "&{}-{}", cidr.address(), cidr.length()),
            None => Ok(()),
        }
    }
}

impl FromStr for SubnetKey {
    type Err = FlannelError;

    /// Reads a key, or the last part of one. Text before the subnet is ignored, as flanneld ignores it.
    fn from_str(text: &str) -> Result<Self, FlannelError> {
        parse(text).ok_or_else(|| FlannelError::Key { found: cut(text) })
    }
}

fn parse(text: &str) -> Option<SubnetKey> {
    let (ipv4, ipv6) = match text.rsplit_once('&') {
        Some((ipv4, ipv6)) => (ipv4, Some(ipv6)),
        None => (text, None),
    };
    let (address, length) = ipv4.rsplit_once('-')?;
    let start = address.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').len();
    let ipv4 = cidr(address.get(start..)?, length, 31)?;
    let ipv6 = match ipv6 {
        Some(text) => {
            let (address, length) = text.rsplit_once('-')?;
            let plain = |c: char| c == ':' || c.is_ascii_digit() || matches!(c, 'a'..='f');
            if !address.chars().all(plain) || address.parse::<Ipv6Addr>().is_err() {
                return None;
            }
            Some(cidr(address, length, 127)?)
        }
        None => None,
    };
    SubnetKey::new(ipv4, ipv6).ok()
}

fn cidr(address: &str, length: &str, longest: u8) -> Option<Cidr> {
    let digits = !length.is_empty() && length.len() <= 8 && length.bytes().all(|b| b.is_ascii_digit());
    let length = length.parse::<u8>().ok().filter(|n| digits && *n <= longest)?;
    Cidr::new(address.parse().ok()?, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_flanneld_read_and_print_the_same() {
        for text in ["10.5.52.0-24", "10.5.52.0-24&fd00:5:52::-64", "172.16.0.0-30", "10.0.0.7-24"] {
            assert_eq!(text.parse::<SubnetKey>().unwrap().to_string(), text);
        }
        let whole: SubnetKey = "/coreos.com/network/subnets/10.5.52.0-24".parse().unwrap();
        assert_eq!(whole.to_string(), "10.5.52.0-24");
    }

    #[test]
    fn what_flanneld_skips_is_refused() {
        for text in [
            "",
            "10.5.52.0",
            "10.5.52.0-",
            "10.5.52.0-32",
            "10.5.52.0-+4",
            "10.5.52-24",
            "10.5.052.0-24",
            "10.5.52.0-24&",
            "10.5.52.0-24&fd00::-128",
            "10.5.52.0-24&FD00::-64",
            "10.5.52.0-24&10.0.0.0-8",
            "10.5.52.0-24 ",
            "config",
        ] {
            assert!(text.parse::<SubnetKey>().is_err(), "{text}");
        }
        let (v4, v6): (Cidr, Cidr) = ("10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap());
        assert!(SubnetKey::new(v6.clone(), None).is_err());
        assert!(SubnetKey::new(v4.clone(), Some(v4.clone())).is_err());
        assert!(SubnetKey::new(v4, Some(v6)).is_ok());
    }

    #[test]
    fn one_shared_family_is_an_overlap() {
        let key = |text: &str| text.parse::<SubnetKey>().unwrap();
        let one = key("10.5.52.0-24&fd00:5:52::-64");
        assert!(one.overlaps(&key("10.5.52.128-25")) && one.overlaps(&key("10.5.1.0-24&fd00:5:52::-72")));
        assert!(!one.overlaps(&key("10.5.1.0-24&fd00:5:1::-64")) && !one.overlaps(&key("10.5.1.0-24")));
    }
}
