//! Converting results between versions: caller, plugin, stored result and configuration may differ.

use super::{
    error::CniError,
    result::{CniResult, Interface, IpConfig, Route},
    version::Version,
};
use crate::cidr::Family;

impl CniResult {
    /// The same result in another version, with what that version can tell.
    ///
    /// - down to 0.1.0 and 0.2.0 the first IPv4 and the first IPv6 address win; routes of a family without an address are
    ///   dropped, of the others destination and gateway stay; interfaces are dropped;
    /// - down to 0.3.0 to 0.4.0 interfaces lose `mtu`, `socketPath` and `pciID`; routes keep everything;
    /// - up nothing is lost: routes of `ip4` and `ip6` follow each other, one without gateway stays so;
    /// - 0.1.0 and 0.2.0, 0.3.0 to 0.4.0, and 1.0.0 and 1.1.0 differ by name only.
    ///
    /// Source: the conversions of the CNI reference library.
    ///
    /// # Errors
    ///
    /// [`CniError::NoAddress`] if `to` is below 0.3.0, the result is not, and it has no address.
    pub fn converted(&self, to: Version) -> Result<Self, CniError> {
        let mut out = Self { version: to, ..self.clone() };
        if to < Version::V1_0_0 && self.version >= Version::V1_0_0 {
            out.interfaces = self.interfaces.iter().map(reduced_interface).collect();
        }
        if to < Version::V0_3_0 && self.version >= Version::V0_3_0 {
            let first = |family: Family| self.ips.iter().find(|ip| ip.address.family() == family);
            let firsts = [first(Family::V4), first(Family::V6)];
            out.ips =
                firsts.iter().flatten().map(|ip| IpConfig { interface: None, ..(*ip).clone() }).collect();
            if out.ips.is_empty() {
                return Err(CniError::NoAddress { to: to.to_string() });
            }
            let kept =
                |route: &&Route| firsts.iter().flatten().any(|ip| ip.address.family() == route.dst.family());
            // IPv4 before IPv6, as the two objects of this form are printed.
            let routes =
                |family: Family| self.routes.iter().filter(move |route| route.dst.family() == family);
            out.routes = routes(Family::V4)
                .chain(routes(Family::V6))
                .filter(kept)
                .map(|route| Route::new(route.dst.clone()).gw(route.gw))
                .collect();
            out.interfaces = Vec::new();
        }
        Ok(out)
    }
}

fn reduced_interface(one: &Interface) -> Interface {
    Interface {
        name: one.name.clone(),
        mac: one.mac.clone(),
        sandbox: one.sandbox.clone(),
        ..Interface::default()
    }
}
