//! The network's configuration: `net-conf.json`, or the value of `<prefix>/config` in etcd.

use std::{net::IpAddr, str::FromStr};

use serde_json::{Map, Value};

use super::{
    error::{FlannelError, cut},
    json,
    key::SubnetKey,
};
use crate::cidr::{Cidr, Family, from_number, to_number};

/// The subnets that nodes get, of one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetRange {
    network: Cidr,
    length: u8,
    first: IpAddr,
    last: IpAddr,
}

impl SubnetRange {
    /// The network, without host bits.
    #[must_use]
    pub const fn network(&self) -> &Cidr {
        &self.network
    }

    /// The prefix length of a node's subnet.
    #[must_use]
    pub const fn length(&self) -> u8 {
        self.length
    }

    /// The address of the first subnet.
    #[must_use]
    pub const fn first(&self) -> IpAddr {
        self.first
    }

    /// The address of the last subnet.
    #[must_use]
    pub const fn last(&self) -> IpAddr {
        self.last
    }

    /// Whether a subnet is one that a node can get here: of this length, and not outside first and last.
    #[must_use]
    pub fn admits(&self, subnet: &Cidr) -> bool {
        let address = to_number(subnet.address());
        subnet.family() == self.network.family()
            && subnet.length() == self.length
            && (to_number(self.first)..=to_number(self.last)).contains(&address)
    }
}

/// Flannel's network configuration, checked, with its defaults filled in.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::ipam::flannel::NetworkConfig;
/// let config: NetworkConfig = r#"{"Network": "10.244.0.0/16", "Backend": {"Type": "vxlan"}}"#.parse()?;
/// let range = config.ipv4().expect("IPv4 is on by default");
/// assert_eq!((range.length(), range.first().to_string()), (24, "10.244.1.0".to_owned()));
/// assert_eq!(config.backend_type(), "vxlan");
/// # Ok::<(), k8sboot_core::ipam::flannel::FlannelError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkConfig {
    ipv4: Option<SubnetRange>,
    ipv6: Option<SubnetRange>,
    nftables: bool,
    backend: Option<Value>,
    backend_type: String,
}

impl NetworkConfig {
    /// Reads the JSON: the case of keys does not matter, other keys are ignored, host bits of networks are dropped.
    ///
    /// Beyond flanneld, `SubnetMin` must not be greater than `SubnetMax`, and one family at least must be on.
    ///
    /// # Errors
    ///
    /// [`FlannelError::Config`] naming the field.
    pub fn from_json(text: &[u8]) -> Result<Self, FlannelError> {
        let map = json::object(text).map_err(|found| problem("the text", "a JSON object", &found))?;
        let (on4, on6) = (flag(&map, "EnableIPv4", true)?, flag(&map, "EnableIPv6", false)?);
        if !on4 && !on6 {
            return Err(problem("EnableIPv4", "IPv4 or IPv6 to be on", "neither"));
        }
        let backend = json::field(&map, "Backend").cloned();
        let backend_type = match &backend {
            None => "udp".to_owned(),
            Some(Value::Object(backend)) => match json::field(backend, "Type") {
                None => String::new(),
                Some(Value::String(text)) => text.clone(),
                Some(other) => return Err(problem("Backend.Type", "a string", &other.to_string())),
            },
            Some(other) => return Err(problem("Backend", "an object", &other.to_string())),
        };
        Ok(Self {
            ipv4: on4.then(|| subnets(&map, &V4)).transpose()?,
            ipv6: on6.then(|| subnets(&map, &V6)).transpose()?,
            nftables: flag(&map, "EnableNFTables", false)?,
            backend,
            backend_type,
        })
    }

    /// The subnets of IPv4, unless `EnableIPv4` is false.
    #[must_use]
    pub const fn ipv4(&self) -> Option<&SubnetRange> {
        self.ipv4.as_ref()
    }

    /// The subnets of IPv6, if `EnableIPv6` is true.
    #[must_use]
    pub const fn ipv6(&self) -> Option<&SubnetRange> {
        self.ipv6.as_ref()
    }

    /// Whether flannel's rules are for nftables.
    #[must_use]
    pub const fn nftables(&self) -> bool {
        self.nftables
    }

    /// The backend's options as written, `Type` among them.
    #[must_use]
    pub const fn backend(&self) -> Option<&Value> {
        self.backend.as_ref()
    }

    /// The backend; `udp` if none is written, which is what flanneld falls back to.
    #[must_use]
    pub fn backend_type(&self) -> &str {
        &self.backend_type
    }

    /// Whether a node may hold these subnets in this network. Source: flanneld takes a lease over only if so.
    #[must_use]
    pub fn admits(&self, key: &SubnetKey) -> bool {
        self.ipv4.as_ref().is_some_and(|range| range.admits(key.ipv4()))
            && match (&self.ipv6, key.ipv6()) {
                (None, None) => true,
                (Some(range), Some(cidr)) => range.admits(cidr),
                _ => false,
            }
    }

    /// The JSON with everything written out, in the order of flannel's own struct.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut map = Map::new();
        map.insert("EnableIPv4".into(), self.ipv4.is_some().into());
        map.insert("EnableIPv6".into(), self.ipv6.is_some().into());
        map.insert("EnableNFTables".into(), self.nftables.into());
        for (range, names) in [(&self.ipv4, &V4), (&self.ipv6, &V6)] {
            let Some(range) = range else { continue };
            map.insert(names.network.into(), range.network.to_string().into());
            map.insert(names.min.into(), range.first.to_string().into());
            map.insert(names.max.into(), range.last.to_string().into());
            map.insert(names.length.into(), range.length.into());
        }
        if let Some(backend) = &self.backend {
            map.insert("Backend".into(), backend.clone());
        }
        json::print(&Value::Object(map))
    }
}

impl FromStr for NetworkConfig {
    type Err = FlannelError;

    fn from_str(text: &str) -> Result<Self, FlannelError> {
        Self::from_json(text.as_bytes())
    }
}

/// The names and bounds of one family.
struct Names {
    family: Family,
    network: &'static str,
    length: &'static str,
    min: &'static str,
    max: &'static str,
    /// The length of a subnet, where the network is wide enough for four of them.
    usual: u8,
}

const V4: Names = Names {
    family: Family::V4,
    network: "Network",
    length: "SubnetLen",
    min: "SubnetMin",
    max: "SubnetMax",
    usual: 24,
};

const V6: Names = Names {
    family: Family::V6,
    network: "IPv6Network",
    length: "IPv6SubnetLen",
    min: "IPv6SubnetMin",
    max: "IPv6SubnetMax",
    usual: 64,
};

fn subnets(map: &Map<String, Value>, names: &Names) -> Result<SubnetRange, FlannelError> {
    let bits = names.family.bits();
    let network = network(map, names)?;
    let longest = bits - 2;
    let length = match json::field(map, names.length) {
        None => None,
        Some(value) => match value.as_u64().map(u8::try_from) {
            // Zero is absence to flanneld.
            Some(Ok(0)) => None,
            Some(Ok(length)) => Some(length),
            _ => return Err(problem(names.length, "a prefix length", &value.to_string())),
        },
    };
    let length = match length {
        Some(length) if length > longest => {
            return Err(problem(names.length, &format!("at most {longest}"), &length.to_string()));
        }
        Some(length) if length < network.length().saturating_add(2) => {
            let least = format!("at least {}, so that four subnets fit", network.length().saturating_add(2));
            return Err(problem(names.length, &least, &length.to_string()));
        }
        Some(length) => length,
        None if network.length() > bits - 4 => {
            let widest = format!("a prefix of at most {}", bits - 4);
            return Err(problem(names.network, &widest, &network.to_string()));
        }
        None => names.usual.max(network.length() + 2),
    };
    let size = 1u128 << (bits - length);
    let (first, last) = (to_number(network.first()), to_number(network.last()));
    let bound = |name, default: u128| match bound(map, name, names.family)? {
        None => Ok(default),
        Some(address) if !network.contains(address) => {
            Err(problem(name, &format!("an address in {network}"), &address.to_string()))
        }
        Some(address) if !to_number(address).is_multiple_of(size) => {
            Err(problem(name, &format!("the first address of a /{length}"), &address.to_string()))
        }
        Some(address) => Ok(to_number(address)),
    };
    // The first subnet is left out: its first address is that of the network.
    let (min, max) = (bound(names.min, first + size)?, bound(names.max, last - (size - 1))?);
    let (min, max) = (from_number(names.family, min), from_number(names.family, max));
    if to_number(min) > to_number(max) {
        return Err(problem(names.min, &format!("at most {max}, the last subnet"), &min.to_string()));
    }
    Ok(SubnetRange { network, length, first: min, last: max })
}

fn network(map: &Map<String, Value>, names: &Names) -> Result<Cidr, FlannelError> {
    let expected = match names.family {
        Family::V4 => "an IPv4 network like 10.244.0.0/16",
        Family::V6 => "an IPv6 network like fd00:10:244::/48",
    };
    let Some(value) = json::field(map, names.network) else {
        return Err(problem(names.network, expected, "nothing"));
    };
    let cidr = value.as_str().and_then(|text| text.parse::<Cidr>().ok());
    cidr.filter(|cidr| cidr.family() == names.family)
        .and_then(|cidr| Cidr::new(cidr.first(), cidr.length()))
        .filter(|cidr| cidr.length() > 0)
        .ok_or_else(|| problem(names.network, expected, &value.to_string()))
}

fn bound(
    map: &Map<String, Value>,
    name: &'static str,
    family: Family,
) -> Result<Option<IpAddr>, FlannelError> {
    let Some(value) = json::field(map, name) else { return Ok(None) };
    let address = value.as_str().and_then(|text| text.parse::<IpAddr>().ok());
    match address.filter(|address| Family::of(address) == family) {
        // Zero is absence to flanneld.
        Some(address) if to_number(address) == 0 => Ok(None),
        Some(address) => Ok(Some(address)),
        None => Err(problem(name, "an address of the network's family", &value.to_string())),
    }
}

fn flag(map: &Map<String, Value>, name: &'static str, default: bool) -> Result<bool, FlannelError> {
    match json::field(map, name) {
        None => Ok(default),
        Some(Value::Bool(value)) => Ok(*value),
        Some(other) => Err(problem(name, "true or false", &other.to_string())),
    }
}

fn problem(field: &'static str, expected: &str, found: &str) -> FlannelError {
    FlannelError::Config { field, expected: expected.to_owned(), found: cut(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> NetworkConfig {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn shape(range: &SubnetRange) -> (String, u8, String, String) {
        (range.network.to_string(), range.length, range.first.to_string(), range.last.to_string())
    }

    /// The expectations are those of flannel's own tests and documentation.
    #[test]
    fn defaults_are_flannels() {
        for (text, network, length, first, last) in [
            (r#"{"Network":"10.3.0.0/16"}"#, "10.3.0.0/16", 24, "10.3.1.0", "10.3.255.0"),
            (r#"{"Network":"10.244.3.7/16"}"#, "10.244.0.0/16", 24, "10.244.1.0", "10.244.255.0"),
            (r#"{"Network":"10.3.0.0/25"}"#, "10.3.0.0/25", 27, "10.3.0.32", "10.3.0.96"),
            (r#"{"Network":"10.3.0.0/28"}"#, "10.3.0.0/28", 30, "10.3.0.4", "10.3.0.12"),
            (
                r#"{"network":"10.3.0.0/16","subnetmin":"10.3.5.0","SubnetMax":"10.3.8.0","SubnetLen":28}"#,
                "10.3.0.0/16",
                28,
                "10.3.5.0",
                "10.3.8.0",
            ),
            (r#"{"Network":"10.0.0.0/8","SubnetLen":0}"#, "10.0.0.0/8", 24, "10.0.1.0", "10.255.255.0"),
        ] {
            let (network, first, last) = (network.to_owned(), first.to_owned(), last.to_owned());
            assert_eq!(shape(read(text).ipv4().unwrap()), (network, length, first, last), "{text}");
        }
        let dual = read(r#"{"Network":"10.3.0.0/16","EnableIPv6":true,"IPv6Network":"fc00::/48"}"#);
        let expected = ("fc00::/48".to_owned(), 64, "fc00:0:0:1::".to_owned(), "fc00:0:0:ffff::".to_owned());
        assert_eq!(shape(dual.ipv6().unwrap()), expected);
        assert_eq!(dual.backend_type(), "udp");
    }

    #[test]
    fn what_cannot_work_names_the_field() {
        for (text, field) in [
            ("[]", "the text"),
            ("{}", "Network"),
            (r#"{"Network":"10.3.0.0/29"}"#, "Network"),
            (r#"{"Network":"fd00::/48"}"#, "Network"),
            (r#"{"Network":"0.0.0.0/0"}"#, "Network"),
            (r#"{"Network":"10.3.0.0/16","SubnetLen":31}"#, "SubnetLen"),
            (r#"{"Network":"10.3.0.0/16","SubnetLen":17}"#, "SubnetLen"),
            (r#"{"Network":"10.3.0.0/16","SubnetLen":"24"}"#, "SubnetLen"),
            (r#"{"Network":"10.3.0.0/16","SubnetMin":"10.4.0.0"}"#, "SubnetMin"),
            (r#"{"Network":"10.3.0.0/16","SubnetMin":"10.3.0.1"}"#, "SubnetMin"),
            (r#"{"Network":"10.3.0.0/16","SubnetMax":"10.3.0.1"}"#, "SubnetMax"),
            (r#"{"Network":"10.3.0.0/16","SubnetMin":"10.3.9.0","SubnetMax":"10.3.8.0"}"#, "SubnetMin"),
            (r#"{"Network":"10.3.0.0/16","EnableIPv6":true}"#, "IPv6Network"),
            (r#"{"Network":"10.3.0.0/16","EnableIPv6":true,"IPv6Network":"fd00::/125"}"#, "IPv6Network"),
            (r#"{"EnableIPv4":false}"#, "EnableIPv4"),
            (r#"{"EnableIPv4":"no"}"#, "EnableIPv4"),
            (r#"{"Network":"10.3.0.0/16","Backend":"vxlan"}"#, "Backend"),
            (r#"{"Network":"10.3.0.0/16","Backend":{"Type":1}}"#, "Backend.Type"),
        ] {
            let error = text.parse::<NetworkConfig>().unwrap_err();
            let named = matches!(&error, FlannelError::Config { field: found, .. } if *found == field);
            assert!(named, "{text}: {error}");
        }
    }

    #[test]
    fn what_is_written_reads_the_same() {
        for text in [
            r#"{"Network":"10.244.0.0/16","EnableNFTables":false,"Backend":{"Type":"vxlan","VNI":1}}"#,
            r#"{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fd00:10:244::/48"}"#,
            r#"{"Network":"10.0.0.0/8","EnableNFTables":true,"EnableIPv6":true,"IPv6Network":"fc00::/120"}"#,
        ] {
            let config = read(text);
            assert_eq!(read(&config.to_json()), config, "{text}");
        }
    }

    #[test]
    fn a_lease_fits_only_its_own_network() {
        let config = read(r#"{"Network":"10.3.0.0/16","SubnetMin":"10.3.5.0"}"#);
        let fits = |key: &str| config.admits(&key.parse().unwrap());
        assert!(fits("10.3.5.0-24") && fits("10.3.255.0-24"));
        assert!(!fits("10.3.4.0-24") && !fits("10.3.5.0-25") && !fits("10.4.5.0-24"));
        assert!(!fits("10.3.5.0-24&fd00::-64"));
        let dual = read(r#"{"Network":"10.3.0.0/16","EnableIPv6":true,"IPv6Network":"fc00::/48"}"#);
        assert!(dual.admits(&"10.3.5.0-24&fc00:0:0:5::-64".parse().unwrap()));
        assert!(!dual.admits(&"10.3.5.0-24".parse().unwrap()));
    }
}
