//! The result of ADD: interfaces, addresses, routes and DNS settings, in every version of the protocol.

use std::net::IpAddr;

use super::{
    json::{Json, Layout},
    version::Version,
};
use crate::cidr::{Cidr, Family};

/// The result of ADD.
///
/// One form for all versions; [`version`](Self::version) says which of them it is printed in, and
/// [`converted`](Self::converted) changes it by the rules of conversion.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::cni::{CniResult, Layout, Version};
/// let old = br#"{"ip4":{"ip":"10.1.2.2/24","gateway":"10.1.2.1","routes":[{"dst":"0.0.0.0/0"}]},"dns":{}}"#;
/// let result = CniResult::parse(old, Version::V0_2_0)?;
/// assert_eq!(
///     result.converted(Version::V1_0_0)?.render(Layout::Compact),
///     r#"{"cniVersion":"1.0.0","ips":[{"address":"10.1.2.2/24","gateway":"10.1.2.1"}],"routes":[{"dst":"0.0.0.0/0"}]}"#
/// );
/// # Ok::<(), k8sboot_core::cni::CniError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CniResult {
    /// The version it is in.
    pub version: Version,
    /// The interfaces, from 0.3.0 on. An IPAM plugin leaves them out.
    pub interfaces: Vec<Interface>,
    /// The addresses; before 0.3.0 at most one of each family.
    pub ips: Vec<IpConfig>,
    /// The routes.
    pub routes: Vec<Route>,
    /// Settings for name resolution.
    pub dns: Dns,
}

/// An interface that was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// The name.
    pub name: String,
    /// The hardware address; empty if there is none.
    pub mac: String,
    /// The largest packet in bytes, from 1.1.0 on; 0 if it is not told.
    pub mtu: i64,
    /// The path of the network namespace it is in; empty for the host.
    pub sandbox: String,
    /// The path of its socket, from 1.1.0 on; empty if there is none.
    pub socket_path: String,
    /// Its PCI address, from 1.1.0 on; empty if there is none.
    pub pci_id: String,
}

/// An address with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpConfig {
    /// The address with the prefix length of its subnet.
    pub address: Cidr,
    /// The gateway.
    pub gateway: Option<IpAddr>,
    /// The index of its interface in [`CniResult::interfaces`].
    pub interface: Option<i64>,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The destination; host bits are kept.
    pub dst: Cidr,
    /// The next hop; absent means the gateway of the address.
    pub gw: Option<IpAddr>,
    /// The largest packet in bytes; 0 if it is not told.
    pub mtu: i64,
    /// The largest TCP segment in bytes; 0 if it is not told.
    pub advmss: i64,
    /// The priority; 0 if it is not told.
    pub priority: i64,
    /// The routing table.
    pub table: Option<i64>,
    /// The scope.
    pub scope: Option<i64>,
}

/// Settings for name resolution.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dns {
    /// The servers, in order.
    pub nameservers: Vec<String>,
    /// The local domain.
    pub domain: String,
    /// Where short names are looked for, in order.
    pub search: Vec<String>,
    /// Options of the resolver.
    pub options: Vec<String>,
}

impl CniResult {
    /// A result without anything in it.
    #[must_use]
    pub fn new(version: Version) -> Self {
        Self { version, interfaces: Vec::new(), ips: Vec::new(), routes: Vec::new(), dns: Dns::default() }
    }

    /// Prints it in its version, as the reference library does: from 1.0.0 on with members in the order of their names and
    /// without an empty `dns`.
    #[must_use]
    pub fn render(&self, layout: Layout) -> String {
        self.to_json().render(layout)
    }

    /// As JSON in its version.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match self.version {
            Version::V0_1_0 | Version::V0_2_0 => self.first_form(),
            Version::V0_3_0 | Version::V0_3_1 | Version::V0_4_0 => self.second_form(),
            Version::V1_0_0 | Version::V1_1_0 => self.third_form(),
        }
    }

    fn first_form(&self) -> Json {
        let mut out = Members::default();
        out.text("cniVersion", self.version.as_str());
        for (key, family) in [("ip4", Family::V4), ("ip6", Family::V6)] {
            let Some(ip) = self.ips.iter().find(|ip| ip.address.family() == family) else { continue };
            let mut one = Members::default();
            one.text("ip", &ip.address.to_string());
            one.address("gateway", ip.gateway);
            let routes = self.routes.iter().filter(|route| route.dst.family() == family);
            one.list("routes", routes.map(|route| route.members().done()).collect());
            out.json(key, one.done());
        }
        out.json("dns", self.dns.members().done());
        out.done()
    }

    fn second_form(&self) -> Json {
        let mut out = Members::default();
        out.text("cniVersion", self.version.as_str());
        out.list("interfaces", self.interfaces.iter().map(|one| one.members().done()).collect());
        let ips = self.ips.iter().map(|ip| {
            let mut one = Members::default();
            one.text("version", if ip.address.family() == Family::V4 { "4" } else { "6" });
            one.optional("interface", ip.interface);
            one.text("address", &ip.address.to_string());
            one.address("gateway", ip.gateway);
            one.done()
        });
        out.list("ips", ips.collect());
        out.list("routes", self.routes.iter().map(|route| route.members().done()).collect());
        out.json("dns", self.dns.members().done());
        out.done()
    }

    fn third_form(&self) -> Json {
        let mut out = Members::default();
        out.text("cniVersion", self.version.as_str());
        let dns = self.dns.members();
        if !dns.0.is_empty() {
            out.json("dns", dns.sorted());
        }
        out.list("interfaces", self.interfaces.iter().map(|one| one.members().sorted()).collect());
        let ips = self.ips.iter().map(|ip| {
            let mut one = Members::default();
            one.text("address", &ip.address.to_string());
            one.address("gateway", ip.gateway);
            one.optional("interface", ip.interface);
            one.done()
        });
        out.list("ips", ips.collect());
        out.list("routes", self.routes.iter().map(|route| route.members().sorted()).collect());
        out.done()
    }
}

impl IpConfig {
    /// An address with the prefix length of its subnet, without gateway and interface.
    #[must_use]
    pub const fn new(address: Cidr) -> Self {
        Self { address, gateway: None, interface: None }
    }

    /// Sets [`gateway`](Self::gateway).
    #[must_use]
    pub const fn gateway(mut self, gateway: Option<IpAddr>) -> Self {
        self.gateway = gateway;
        self
    }
}

impl Route {
    /// A route by the gateway of the address.
    #[must_use]
    pub const fn new(dst: Cidr) -> Self {
        Self { dst, gw: None, mtu: 0, advmss: 0, priority: 0, table: None, scope: None }
    }

    /// Sets [`gw`](Self::gw).
    #[must_use]
    pub const fn gw(mut self, gw: Option<IpAddr>) -> Self {
        self.gw = gw;
        self
    }

    fn members(&self) -> Members {
        let mut out = Members::default();
        out.text("dst", &self.dst.to_string());
        out.address("gw", self.gw);
        out.number("mtu", self.mtu);
        out.number("advmss", self.advmss);
        out.number("priority", self.priority);
        out.optional("table", self.table);
        out.optional("scope", self.scope);
        out
    }
}

impl Interface {
    fn members(&self) -> Members {
        let mut out = Members::default();
        out.text("name", &self.name);
        out.nonempty("mac", &self.mac);
        out.number("mtu", self.mtu);
        out.nonempty("sandbox", &self.sandbox);
        out.nonempty("socketPath", &self.socket_path);
        out.nonempty("pciID", &self.pci_id);
        out
    }
}

impl Dns {
    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn members(&self) -> Members {
        let texts = |list: &[String]| list.iter().map(|text| Json::text(text)).collect();
        let mut out = Members::default();
        out.list("nameservers", texts(&self.nameservers));
        out.nonempty("domain", &self.domain);
        out.list("search", texts(&self.search));
        out.list("options", texts(&self.options));
        out
    }
}

/// Members of an object in the making; what is empty is left out, as Go's `omitempty` does.
#[derive(Default)]
struct Members(Vec<(String, Json)>);

impl Members {
    fn json(&mut self, key: &str, value: Json) {
        self.0.push((key.to_owned(), value));
    }

    fn text(&mut self, key: &str, text: &str) {
        self.json(key, Json::text(text));
    }

    fn nonempty(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            self.text(key, text);
        }
    }

    fn address(&mut self, key: &str, address: Option<IpAddr>) {
        if let Some(address) = address {
            self.text(key, &address.to_string());
        }
    }

    fn number(&mut self, key: &str, number: i64) {
        self.optional(key, Some(number).filter(|number| *number != 0));
    }

    fn optional(&mut self, key: &str, number: Option<i64>) {
        if let Some(number) = number {
            self.json(key, Json::Number(number.to_string()));
        }
    }

    fn list(&mut self, key: &str, items: Vec<Json>) {
        if !items.is_empty() {
            self.json(key, Json::List(items));
        }
    }

    fn done(self) -> Json {
        Json::Object(self.0)
    }

    fn sorted(mut self) -> Json {
        self.0.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.done()
    }
}
