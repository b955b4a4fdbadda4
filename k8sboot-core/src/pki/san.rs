//! Subject alternative names as a configuration gives them.

use std::{fmt, net::IpAddr, str::FromStr};

use super::error::PkiError;
use crate::cidr::parse_leniently;

/// A subject alternative name: an address, or a DNS name that may begin with `*.`.
///
/// Addresses are read leniently, as kubeadm reads them: leading zeros (decimal, never octal) and any spelling of IPv6;
/// an IPv4-mapped IPv6 address is the IPv4 address. DNS names are RFC 1123 subdomains in lower case.
///
/// Source: kubeadm 1.36, `apiServer.certSANs`; Kubernetes `ParseIPSloppy`, `IsDNS1123Subdomain`,
/// `IsWildcardDNS1123Subdomain`.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::pki::San;
/// assert_eq!("010.000.0.1".parse::<San>()?.to_string(), "10.0.0.1");
/// assert_eq!("*.apps.example".parse::<San>()?, San::Dns("*.apps.example".into()));
/// assert!("a*.example".parse::<San>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum San {
    /// A DNS name.
    Dns(String),
    /// An address.
    Ip(IpAddr),
}

impl FromStr for San {
    type Err = PkiError;

    fn from_str(text: &str) -> Result<Self, PkiError> {
        if let Some(address) = parse_leniently(text) {
            return Ok(Self::Ip(address.to_canonical()));
        }
        let name = text.strip_prefix("*.").unwrap_or(text);
        if text.len() <= 253 && name.split('.').all(is_label) {
            return Ok(Self::Dns(text.to_owned()));
        }
        Err(PkiError::San { found: text.chars().take(64).collect() })
    }
}

impl fmt::Display for San {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

/// Sorts DNS names, makes IPv4-mapped addresses IPv4 and removes what stands there twice.
pub(super) fn normalise(dns_names: &mut Vec<String>, ip_addresses: &mut Vec<IpAddr>) {
    dns_names.sort_unstable();
    dns_names.dedup();
    let mut seen = Vec::with_capacity(ip_addresses.len());
    for address in ip_addresses.iter().map(IpAddr::to_canonical) {
        if !seen.contains(&address) {
            seen.push(address);
        }
    }
    *ip_addresses = seen;
}

fn is_label(label: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    label.bytes().all(inner) && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_addresses_as_kubeadm_does() {
        for (text, address) in [
            ("192.0.2.1", "192.0.2.1"),
            ("010.000.0.001", "10.0.0.1"),
            ("2001:DB8:0:0::0001", "2001:db8::1"),
            ("00000:0::00000", "::"),
            ("::", "::"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::ffff:c000:0201", "192.0.2.1"),
            ("fe80::192.0.02.1", "fe80::c000:201"),
        ] {
            assert_eq!(text.parse::<San>().unwrap(), San::Ip(address.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_neither_address_nor_name() {
        for text in [
            "",
            "a b",
            "A.example",
            "*",
            "*.",
            "*.*.a",
            "a.*.b",
            "-a",
            "a-",
            "a..b",
            "a_b",
            "1:2:3",
            "::1%eth0",
            "[::1]",
            "1.2.3.4:80",
        ] {
            let error = text.parse::<San>().unwrap_err().to_string();
            assert!(error.contains(&format!("found {text:?}")), "{error}");
        }
        assert!("a.".repeat(127).parse::<San>().is_err());
        // Not addresses, but names: kubeadm takes them as such.
        for text in ["1.2.3", "256.1.1.1", "1.2.3.4.5"] {
            assert_eq!(text.parse::<San>().unwrap(), San::Dns(text.into()));
        }
    }

    proptest! {
        #[test]
        fn printed_forms_read_back(bits in any::<u128>(), v4 in any::<u32>(), noise in "\\PC{0,40}") {
            for address in [IpAddr::from(bits.to_be_bytes()), IpAddr::from(v4.to_be_bytes())] {
                let san = address.to_string().parse::<San>().unwrap();
                prop_assert_eq!(&san, &San::Ip(address.to_canonical()));
                prop_assert_eq!(&san.to_string().parse::<San>().unwrap(), &san);
            }
            if let Ok(san) = noise.parse::<San>() {
                prop_assert_eq!(san.to_string().parse::<San>().unwrap(), san);
            }
        }
    }
}
