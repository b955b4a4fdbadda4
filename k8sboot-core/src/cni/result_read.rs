//! Reading a result in the version that it says it is in.

use std::net::IpAddr;

use super::{
    error::{CniError, cut},
    go_json::{Fields, Item},
    json::Json,
    result::{CniResult, Dns, Interface, IpConfig, Route},
    version::Version,
};
use crate::cidr::{Cidr, Family};

impl CniResult {
    /// Reads what a plugin printed. Without `cniVersion` it is in the version that the plugin was configured with.
    ///
    /// What its version does not have is ignored. `version` of an address (0.3.0 to 0.4.0) is not believed: the address
    /// tells.
    ///
    /// # Errors
    ///
    /// [`CniError::Json`], [`CniError::Field`] or [`CniError::Version`].
    pub fn parse(stdout: &[u8], configured: Version) -> Result<Self, CniError> {
        let document = Json::parse(stdout)?;
        if !matches!(document, Json::Object(_)) {
            return Err(CniError::Field {
                field: String::new(),
                expected: "a result object".to_owned(),
                found: document.describe(),
            });
        }
        Self::read(&document.fields()?, configured)
    }

    /// As [`parse`](Self::parse), from members that were read already.
    ///
    /// # Errors
    ///
    /// [`CniError::Field`] or [`CniError::Version`].
    pub fn read(fields: &Fields<'_>, configured: Version) -> Result<Self, CniError> {
        let version = match fields.text("cniVersion")? {
            None | Some("") => configured,
            Some(text) => Version::parse(text)?,
        };
        let mut result = Self::new(version);
        if let Some(dns) = fields.object("dns")? {
            result.dns = Dns::read(&dns)?;
        }
        if version < Version::V0_3_0 {
            for (key, family) in [("ip4", Family::V4), ("ip6", Family::V6)] {
                let Some(ip) = fields.object(key)? else { continue };
                let address = cidr(&ip, "ip")?;
                if address.family() != family {
                    let expected = if family == Family::V4 { "an IPv4 address" } else { "an IPv6 address" };
                    return Err(ip.wrong("ip", expected, address.to_string()));
                }
                result.ips.push(IpConfig::new(address).gateway(address_at(&ip, "gateway")?));
                result.routes.extend(Route::read_list(&ip)?);
            }
            return Ok(result);
        }
        for item in fields.list("interfaces")?.unwrap_or_default() {
            result.interfaces.push(Interface::read(&members(&item)?, version)?);
        }
        for item in fields.list("ips")?.unwrap_or_default() {
            let ip = members(&item)?;
            result.ips.push(IpConfig {
                address: cidr(&ip, "address")?,
                gateway: address_at(&ip, "gateway")?,
                interface: ip.integer("interface")?,
            });
        }
        result.routes = Route::read_list(fields)?;
        Ok(result)
    }
}

impl Route {
    /// Reads the member `routes`; absent is empty. IPAM configurations have the same.
    ///
    /// # Errors
    ///
    /// [`CniError::Field`].
    pub fn read_list(fields: &Fields<'_>) -> Result<Vec<Self>, CniError> {
        let read = |item: &Item<'_>| {
            let route = members(item)?;
            Ok(Self {
                dst: cidr(&route, "dst")?,
                gw: address_at(&route, "gw")?,
                mtu: route.integer("mtu")?.unwrap_or_default(),
                advmss: route.integer("advmss")?.unwrap_or_default(),
                priority: route.integer("priority")?.unwrap_or_default(),
                table: route.integer("table")?,
                scope: route.integer("scope")?,
            })
        };
        fields.list("routes")?.unwrap_or_default().iter().map(read).collect()
    }
}

impl Interface {
    fn read(fields: &Fields<'_>, version: Version) -> Result<Self, CniError> {
        let text = |key: &str| Ok(fields.text(key)?.unwrap_or_default().to_owned());
        let mut one =
            Self { name: text("name")?, mac: text("mac")?, sandbox: text("sandbox")?, ..Self::default() };
        if version >= Version::V1_0_0 {
            one.mtu = fields.integer("mtu")?.unwrap_or_default();
            one.socket_path = text("socketPath")?;
            one.pci_id = text("pciID")?;
        }
        Ok(one)
    }
}

impl Dns {
    /// Reads the members of a `dns` object.
    ///
    /// # Errors
    ///
    /// [`CniError::Field`].
    pub fn read(fields: &Fields<'_>) -> Result<Self, CniError> {
        let texts = |key: &str| {
            let items = fields.list(key)?.unwrap_or_default();
            items
                .iter()
                .map(|item| Ok(item.text()?.unwrap_or_default().to_owned()))
                .collect::<Result<_, CniError>>()
        };
        Ok(Self {
            nameservers: texts("nameservers")?,
            domain: fields.text("domain")?.unwrap_or_default().to_owned(),
            search: texts("search")?,
            options: texts("options")?,
        })
    }
}

fn members<'a>(item: &Item<'a>) -> Result<Fields<'a>, CniError> {
    if *item.json() == Json::Null { Err(item.wrong("an object")) } else { item.fields() }
}

/// An address with prefix length. Go prints an IPv4 address written as IPv6 as IPv4, with the length that is left.
pub(super) fn cidr(fields: &Fields<'_>, key: &str) -> Result<Cidr, CniError> {
    const EXPECTED: &str = "ADDRESS/LENGTH like 10.1.2.2/24";
    let text = fields.text(key)?.ok_or_else(|| fields.missing(key, EXPECTED))?;
    let cidr: Cidr = text.parse().map_err(|_| fields.wrong(key, EXPECTED, format!("{:?}", cut(text))))?;
    let mapped = Cidr::new(cidr.address().to_canonical(), cidr.length().saturating_sub(96));
    Ok(match (cidr.address().to_canonical(), mapped) {
        (IpAddr::V4(_), Some(mapped)) if cidr.family() == Family::V6 => mapped,
        _ => cidr,
    })
}

/// An address; absent, `null` and empty are none.
pub(super) fn address_at(fields: &Fields<'_>, key: &str) -> Result<Option<IpAddr>, CniError> {
    let Some(text) = fields.text(key)?.filter(|text| !text.is_empty()) else { return Ok(None) };
    let address: IpAddr =
        text.parse().map_err(|_| fields.wrong(key, "an IP address", format!("{:?}", cut(text))))?;
    Ok(Some(address.to_canonical()))
}
