//! The configuration of an IPAM plugin, in host-local's words.

use std::net::IpAddr;

use super::{
    Fields, IpamArgs, Item, Json, Route, Version, address_of, at_least, go_json::same_key,
    ipam_error::IpamConfigError,
};
use crate::{
    cidr::{Cidr, Family},
    ipam::{IpamError, Range, RangeProblem, RangeSet, RangeSpec, Ranges, Strictness, is_container_id},
};

/// What an IPAM plugin is told on standard input: the whole configuration of the plugin that calls it.
///
/// Source: host-local. Its rules apply, in its order: what it takes is taken, what it refuses is refused.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::cni::{IpamConfig, Json};
/// let stdin = br#"{"cniVersion":"1.0.0","name":"mynet","type":"bridge",
///     "ipam":{"type":"host-local","ranges":[[{"subnet":"10.1.2.0/24"}]]}}"#;
/// let config = IpamConfig::read(&Json::parse(stdin)?, "IP=10.1.2.9")?;
/// assert_eq!(config.ranges.sets()[0].size(), 253);
/// assert_eq!(config.requested, ["10.1.2.9".parse::<std::net::IpAddr>()?]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct IpamConfig {
    /// One address is given of each range set: those of `runtimeConfig.ipRanges`, then that of `ipam.subnet`, then those of
    /// `ipam.ranges`.
    pub ranges: Ranges,
    /// Addresses wanted, without their prefix and each once: of `IP` in `CNI_ARGS`, of `args.cni.ips`, then of
    /// `runtimeConfig.ips`.
    pub requested: Vec<IpAddr>,
    /// Routes for the result, host bits kept.
    pub routes: Vec<Route>,
    /// The file to read DNS settings from.
    pub resolv_conf: Option<String>,
}

/// Where the records of a network are.
///
/// Unlike [`IpamConfig`] it needs nothing else of a configuration to be right, so that an address can be freed with a broken
/// one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IpamPlace {
    /// The name of the network, if it has a valid one.
    pub network: Option<String>,
    /// `ipam.dataDir`, if there is one.
    pub data_dir: Option<String>,
}

impl IpamPlace {
    /// Reads what can be read; the rest is absent.
    #[must_use]
    pub fn read(document: &Json) -> Self {
        let Ok(fields) = document.fields() else { return Self::default() };
        let network = fields.text("name").ok().flatten().filter(|name| is_container_id(name));
        let data_dir =
            fields.object("ipam").ok().flatten().and_then(|ipam| ipam.text("dataDir").ok().flatten());
        Self {
            network: network.map(str::to_owned),
            data_dir: data_dir.filter(|d| !d.is_empty()).map(str::to_owned),
        }
    }
}

impl IpamConfig {
    /// Reads a configuration and the text of `CNI_ARGS`, and proves the ranges.
    ///
    /// # Errors
    ///
    /// The first problem, in the order types, `ipam` missing, arguments, ranges.
    pub fn read(document: &Json, args: &str) -> Result<Self, IpamConfigError> {
        let fields = document.fields()?;
        let version = fields.text("cniVersion")?.unwrap_or_default();
        let ipam = fields.object("ipam")?;
        let read = match &ipam {
            Some(ipam) => Some(Section::read(ipam)?),
            None => None,
        };
        let runtime = Runtime::read(&fields)?;
        let section = read.ok_or(IpamConfigError::Missing)?;
        let args = IpamArgs::parse(args)?;
        if let Some(field) = runtime.empty {
            return Err(IpamConfigError::Request { field, found: String::new() });
        }
        let mut requested = Vec::new();
        for address in args.address.into_iter().chain(runtime.ips) {
            if !requested.contains(&address) {
                requested.push(address);
            }
        }
        let old = section.old.subnet.is_some().then(|| vec![section.old]);
        let sets: Vec<_> = runtime.ranges.into_iter().chain(old).chain(section.ranges).collect();
        Ok(Self {
            ranges: prove(sets, version)?,
            requested,
            routes: section.routes,
            resolv_conf: section.resolv_conf,
        })
    }
}

/// The `ipam` section.
struct Section {
    old: Unproven,
    ranges: Vec<Vec<Unproven>>,
    routes: Vec<Route>,
    resolv_conf: Option<String>,
}

impl Section {
    fn read(ipam: &Fields<'_>) -> Result<Self, IpamConfigError> {
        ipam.text("name")?;
        ipam.text("type")?;
        ipam.text("dataDir")?;
        let resolv_conf = ipam.text("resolvConf")?.filter(|path| !path.is_empty());
        let mut routes = Vec::new();
        // Go leaves `null` in the result, where it breaks the plugin that reads it: it is skipped.
        for item in ipam.list("routes")?.unwrap_or_default().iter().filter(|item| *item.json() != Json::Null)
        {
            routes.push(route(&item.fields()?)?);
        }
        Ok(Self {
            old: Unproven::read(ipam)?,
            ranges: range_sets(ipam, "ranges")?,
            routes,
            resolv_conf: resolv_conf.map(str::to_owned),
        })
    }
}

/// What the runtime adds: capability arguments and `args`.
struct Runtime {
    ranges: Vec<Vec<Unproven>>,
    ips: Vec<IpAddr>,
    /// The path of a requested address that is empty, which host-local finds only after it has read the arguments.
    empty: Option<String>,
}

impl Runtime {
    fn read(fields: &Fields<'_>) -> Result<Self, IpamConfigError> {
        let runtime = fields.object("runtimeConfig")?.unwrap_or_default();
        let args = fields.object("args")?.unwrap_or_default();
        let cni = args.object("cni")?.unwrap_or_default();
        let (mut ips, mut empty) = (Vec::new(), None);
        for item in cni.list("ips")?.into_iter().chain(runtime.list("ips")?).flatten() {
            match item.text()? {
                None => {}
                Some("") => empty = empty.or(Some(item.path().to_owned())),
                Some(text) => ips.push(requested(&item, text)?),
            }
        }
        Ok(Self { ranges: range_sets(&runtime, "ipRanges")?, ips, empty })
    }
}

/// A range as it is written.
#[derive(Clone, Debug, Default)]
struct Unproven {
    subnet: Option<Cidr>,
    start: Option<IpAddr>,
    end: Option<IpAddr>,
    gateway: Option<IpAddr>,
}

impl Unproven {
    fn read(fields: &Fields<'_>) -> Result<Self, IpamConfigError> {
        Ok(Self {
            subnet: cidr(fields, "subnet")?,
            start: address(fields, "rangeStart")?,
            end: address(fields, "rangeEnd")?,
            gateway: address(fields, "gateway")?,
        })
    }

    fn prove(self) -> Result<Range, RangeProblem> {
        let Some(subnet) = self.subnet else { return Err(RangeProblem::NoSubnet) };
        let spec = RangeSpec::new(subnet).start(self.start).end(self.end).gateway(self.gateway);
        Range::new(&spec, Strictness::HostLocal)
    }
}

fn range_sets(fields: &Fields<'_>, key: &str) -> Result<Vec<Vec<Unproven>>, IpamConfigError> {
    let mut sets = Vec::new();
    for set in fields.list(key)?.unwrap_or_default() {
        let mut ranges = Vec::new();
        for range in set.list()? {
            ranges.push(Unproven::read(&range.fields()?)?);
        }
        sets.push(ranges);
    }
    Ok(sets)
}

/// Sets are proven one after the other, each range before the next, and only then compared.
fn prove(sets: Vec<Vec<Unproven>>, version: &str) -> Result<Ranges, IpamConfigError> {
    let mut proven = Vec::with_capacity(sets.len());
    let (mut v4, mut v6) = (0_usize, 0_usize);
    for (set, ranges) in sets.into_iter().enumerate() {
        let ranges = prove_set(ranges).map_err(|problem| IpamError::Range { set, problem })?;
        match ranges.ranges().first().map(|range| range.subnet().family()) {
            Some(Family::V4) => v4 += 1,
            Some(Family::V6) => v6 += 1,
            None => {}
        }
        proven.push(ranges);
    }
    if (v4 > 1 || v6 > 1) && !at_least(version, Version::V0_3_0)? {
        return Err(IpamConfigError::Families { version: version.to_owned() });
    }
    Ok(Ranges::new(proven)?)
}

fn prove_set(ranges: Vec<Unproven>) -> Result<RangeSet, RangeProblem> {
    let mut proven: Vec<Range> = Vec::with_capacity(ranges.len());
    for range in ranges {
        let range = range.prove()?;
        if proven.first().is_some_and(|first| first.subnet().family() != range.subnet().family()) {
            return Err(RangeProblem::MixedFamilies);
        }
        proven.push(range);
    }
    RangeSet::new(proven)
}

/// A requested address: with or without a prefix length, which is dropped.
fn requested(item: &Item<'_>, text: &str) -> Result<IpAddr, IpamConfigError> {
    let wrong = || IpamConfigError::Request { field: item.path().to_owned(), found: text.to_owned() };
    address_of(text).ok_or_else(wrong)
}

fn route(fields: &Fields<'_>) -> Result<Route, IpamConfigError> {
    let missing = || IpamConfigError::Cidr { field: fields.path("dst"), found: String::new() };
    let written = cidr(fields, "dst")?.ok_or_else(missing)?;
    // Go prints an IPv4 destination written as IPv6 as IPv4.
    let plain = match written.address().to_canonical() {
        address if written.family() == Family::V6 && address.is_ipv4() => {
            Cidr::new(address, written.length().saturating_sub(96))
        }
        _ => None,
    };
    Ok(Route {
        dst: plain.unwrap_or(written),
        gw: address(fields, "gw")?.map(|address| address.to_canonical()),
        mtu: fields.integer("mtu")?.unwrap_or_default(),
        advmss: fields.integer("advmss")?.unwrap_or_default(),
        priority: fields.integer("priority")?.unwrap_or_default(),
        table: fields.integer("table")?,
        scope: fields.integer("scope")?,
    })
}

/// A CIDR; absent is none. Unlike for other keys `null` is an empty text, which is no CIDR.
fn cidr(fields: &Fields<'_>, key: &str) -> Result<Option<Cidr>, IpamConfigError> {
    let mut found = None;
    for json in values(fields, key) {
        let text = match json {
            Json::Text(text) => text.as_str(),
            Json::Null => "",
            other => return Err(fields.wrong(key, "a CIDR in quotes", other.describe()).into()),
        };
        let wrong = || IpamConfigError::Cidr { field: fields.path(key), found: text.to_owned() };
        found = Some(parse_cidr(text).ok_or_else(wrong)?);
    }
    Ok(found)
}

/// An address; absent, `null` and empty are none.
fn address(fields: &Fields<'_>, key: &str) -> Result<Option<IpAddr>, IpamConfigError> {
    let mut found = None;
    for json in values(fields, key) {
        let text = match json {
            Json::Text(text) => text.as_str(),
            Json::Null => "",
            other => return Err(fields.wrong(key, "an address in quotes", other.describe()).into()),
        };
        let wrong = || IpamConfigError::Address { field: fields.path(key), found: text.to_owned() };
        found = if text.is_empty() { None } else { Some(text.parse().map_err(|_| wrong())?) };
    }
    Ok(found)
}

/// Every value of a key, in order.
fn values<'a>(fields: &Fields<'a>, key: &str) -> impl Iterator<Item = &'a Json> {
    fields.members().filter(move |(name, _)| same_key(name, key)).map(|(_, json)| json)
}

/// As Go reads it: unlike [`Cidr`]'s own reader with leading zeros in the length.
fn parse_cidr(text: &str) -> Option<Cidr> {
    let (address, length) = text.split_once('/')?;
    let digits = length.trim_start_matches('0');
    let length = if digits.is_empty() && !length.is_empty() { "0" } else { digits };
    format!("{address}/{length}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(ipam: &str, args: &str) -> Result<IpamConfig, IpamConfigError> {
        let text = format!(r#"{{"cniVersion":"1.0.0","name":"mynet","ipam":{ipam}}}"#);
        IpamConfig::read(&Json::parse(text.as_bytes()).unwrap(), args)
    }

    fn sets(config: &IpamConfig) -> Vec<String> {
        let first = |set: &RangeSet| set.ranges().first().map(|range| range.start().to_string());
        config.ranges.sets().iter().filter_map(first).collect()
    }

    #[test]
    fn capabilities_come_first_then_the_old_style_then_the_list() {
        let text =
            br#"{"cniVersion":"1.0.0","name":"n","runtimeConfig":{"ipRanges":[[{"subnet":"10.3.0.0/24"}]],
            "ips":["10.3.0.9/24","10.2.0.9"]},"args":{"cni":{"ips":["10.2.0.9"]}},
            "ipam":{"subnet":"10.1.0.0/24","rangeStart":"10.1.0.9","ranges":[[{"subnet":"10.2.0.0/24"}]]}}"#;
        let config = IpamConfig::read(&Json::parse(text).unwrap(), "IP=10.1.0.8/30").unwrap();
        assert_eq!(sets(&config), ["10.3.0.1", "10.1.0.9", "10.2.0.1"]);
        let requested: Vec<_> = config.requested.iter().map(ToString::to_string).collect();
        assert_eq!(requested, ["10.1.0.8", "10.2.0.9", "10.3.0.9"]);
    }

    #[test]
    fn keys_match_whatever_their_case_and_the_last_wins() {
        let config =
            read(r#"{"SUBNET":"10.1.0.0/24","subnet":"10.2.0.0/24","RangeSTART":"","gateway":null}"#, "");
        assert_eq!(sets(&config.unwrap()), ["10.2.0.1"]);
    }

    #[test]
    fn problems_come_in_host_locals_order() {
        for (ipam, args, want) in [
            (r#"{"subnet":5}"#, "A=b", "cni: ipam.subnet: expected a CIDR in quotes, found the number 5"),
            (
                r#"{"subnet":null}"#,
                "A=b",
                "cni: ipam.subnet: expected ADDRESS/LENGTH like 10.244.1.0/24, found \"\"",
            ),
            (
                "null",
                "A=b",
                "cni: ipam: expected an object with ranges or a subnet, found nothing: name the network's subnet there",
            ),
            ("{}", "A=b", "cni: CNI_ARGS: ARGS: unknown args [\"A=b\"]"),
            ("{}", "", "ipam: no range set is configured: expected at least one subnet"),
            (r#"{"ranges":[[]]}"#, "", "ipam: range set 0: expected at least one range, found none"),
            (
                r#"{"ranges":[[{"rangeStart":"10.1.2.4"}]]}"#,
                "",
                "ipam: range set 0: expected a subnet, found none",
            ),
            (
                r#"{"ranges":[[{"subnet":"10.1.2.0/24"},{"subnet":"fd00::/64"},{"subnet":"10.1.2.1/24"}]]}"#,
                "",
                "ipam: range set 0: expected one address family a set, found both",
            ),
        ] {
            assert_eq!(read(ipam, args).unwrap_err().to_string(), want, "{ipam}");
        }
    }

    #[test]
    fn old_versions_take_one_set_of_each_family() {
        let text =
            br#"{"name":"n","ipam":{"ranges":[[{"subnet":"10.1.0.0/24"}],[{"subnet":"10.2.0.0/24"}]]}}"#;
        let error = IpamConfig::read(&Json::parse(text).unwrap(), "").unwrap_err();
        assert_eq!(error, IpamConfigError::Families { version: String::new() });
    }

    #[test]
    fn routes_keep_their_host_bits_and_lose_null() {
        let routes =
            r#"[null,{"dst":"10.9.8.7/8","gw":"::ffff:10.1.2.9","mtu":1400,"table":null,"scope":0}]"#;
        let config = read(&format!(r#"{{"subnet":"10.1.2.0/024","routes":{routes}}}"#), "").unwrap();
        let [route] = config.routes.as_slice() else { panic!("{:?}", config.routes) };
        assert_eq!(
            (route.dst.to_string().as_str(), route.mtu, route.table, route.scope),
            ("10.9.8.7/8", 1400, None, Some(0))
        );
        assert_eq!(route.gw, Some("10.1.2.9".parse().unwrap()));
    }

    #[test]
    fn a_place_is_found_in_a_broken_configuration() {
        for (text, network, data_dir) in [
            (r#"{"name":"n","ipam":{"dataDir":"/d","ranges":5}}"#, Some("n"), Some("/d")),
            (r#"{"name":"a/b","ipam":{"dataDir":"/d"}}"#, None, Some("/d")),
            (r#"{"name":"n","ipam":5}"#, Some("n"), None),
            (r#"{"name":"n","ipam":{"dataDir":""}}"#, Some("n"), None),
            ("[]", None, None),
        ] {
            let place = IpamPlace::read(&Json::parse(text.as_bytes()).unwrap());
            assert_eq!((place.network.as_deref(), place.data_dir.as_deref()), (network, data_dir), "{text}");
        }
    }
}
