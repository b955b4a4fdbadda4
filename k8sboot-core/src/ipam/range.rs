//! Ranges and range sets: which addresses may be given.

use std::net::IpAddr;

use super::error::{IpamError, RangeProblem};
use crate::cidr::{Cidr, Family, from_number, to_number};

/// A range as written in a configuration; what is absent follows from the subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RangeSpec {
    /// The subnet; its prefix length is that of every address given.
    pub subnet: Cidr,
    /// The first address. Default: the network address + 1.
    pub start: Option<IpAddr>,
    /// The last address. Default: the last of the subnet, for IPv4 minus one (no broadcast).
    pub end: Option<IpAddr>,
    /// The gateway, never given. Default: the network address + 1.
    pub gateway: Option<IpAddr>,
}

impl RangeSpec {
    /// The whole of a subnet.
    #[must_use]
    pub const fn new(subnet: Cidr) -> Self {
        Self { subnet, start: None, end: None, gateway: None }
    }

    /// Sets [`start`](Self::start).
    #[must_use]
    pub const fn start(mut self, start: Option<IpAddr>) -> Self {
        self.start = start;
        self
    }

    /// Sets [`end`](Self::end).
    #[must_use]
    pub const fn end(mut self, end: Option<IpAddr>) -> Self {
        self.end = end;
        self
    }

    /// Sets [`gateway`](Self::gateway).
    #[must_use]
    pub const fn gateway(mut self, gateway: Option<IpAddr>) -> Self {
        self.gateway = gateway;
        self
    }
}

/// What is refused beyond that which cannot work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strictness {
    /// Also a gateway outside its subnet and a range that holds nothing but its gateway.
    #[default]
    Strict,
    /// Exactly what host-local refuses.
    HostLocal,
}

/// Addresses from a first to a last one, both included, with their subnet and gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    subnet: Cidr,
    start: IpAddr,
    end: IpAddr,
    gateway: IpAddr,
}

impl Range {
    /// Fills in what is absent and proves the rest.
    ///
    /// Source: host-local's rules, in its order of checking.
    ///
    /// # Errors
    ///
    /// The first [`RangeProblem`] found.
    pub fn new(spec: &RangeSpec, strictness: Strictness) -> Result<Self, RangeProblem> {
        let subnet = spec.subnet.clone();
        let family = subnet.family();
        let longest = family.bits() - 2;
        if subnet.length() > longest {
            return Err(RangeProblem::TooSmall { subnet, longest });
        }
        if matches!(subnet.address(), IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some()) {
            return Err(RangeProblem::Mapped { subnet });
        }
        let network = subnet.first();
        if subnet.address() != network {
            return Err(RangeProblem::HostBits { subnet, network });
        }
        let first = from_number(family, to_number(network) + 1);
        let last = to_number(subnet.last()) - u128::from(family == Family::V4);
        let gateway = spec.gateway.map_or(first, canonical);
        let (start, end) = (spec.start.map(canonical), spec.end.map(canonical));
        // A start on the broadcast address alone is a range of that address; host-local would leave the subnet after it.
        let last = from_number(family, last).max(start.unwrap_or(first));
        let range = Self { start: start.unwrap_or(first), end: end.unwrap_or(last), gateway, subnet };
        if let Some(address) = start {
            let after =
                end.is_some_and(|end| Family::of(&end) == family && to_number(address) > to_number(end));
            if !range.subnet.contains(address) || after {
                return Err(RangeProblem::Start { address, subnet: range.subnet });
            }
        }
        if let Some(address) = end
            && (!range.subnet.contains(address) || to_number(address) < to_number(range.start))
        {
            return Err(RangeProblem::End { address, subnet: range.subnet });
        }
        if strictness == Strictness::Strict {
            range.prove_useful()?;
        }
        Ok(range)
    }

    /// The subnet.
    #[must_use]
    pub const fn subnet(&self) -> &Cidr {
        &self.subnet
    }

    /// The first address.
    #[must_use]
    pub const fn start(&self) -> IpAddr {
        self.start
    }

    /// The last address.
    #[must_use]
    pub const fn end(&self) -> IpAddr {
        self.end
    }

    /// The gateway.
    #[must_use]
    pub const fn gateway(&self) -> IpAddr {
        self.gateway
    }

    /// Whether an address lies between the first and the last one; the gateway may.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        Family::of(&address) == self.subnet.family()
            && (to_number(self.start)..=to_number(self.end)).contains(&to_number(address))
    }

    /// How many addresses can be held: those of the range less the gateway.
    #[must_use]
    pub fn size(&self) -> u128 {
        let all = (to_number(self.end) - to_number(self.start)).saturating_add(1);
        all - u128::from(self.contains(self.gateway))
    }

    /// Whether the two share an address.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.contains(other.start) || other.contains(self.start)
    }

    fn prove_useful(&self) -> Result<(), RangeProblem> {
        if !self.subnet.contains(self.gateway) {
            return Err(RangeProblem::GatewayOutside { address: self.gateway, subnet: self.subnet.clone() });
        }
        if self.size() == 0 {
            return Err(RangeProblem::OnlyReserved { start: self.start, end: self.end });
        }
        Ok(())
    }
}

/// Ranges of one family that do not overlap; an owner gets one address of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeSet {
    ranges: Vec<Range>,
}

impl RangeSet {
    /// Proves that the ranges fit together.
    ///
    /// # Errors
    ///
    /// [`RangeProblem::Empty`], [`RangeProblem::MixedFamilies`] or [`RangeProblem::Overlap`].
    pub fn new(ranges: Vec<Range>) -> Result<Self, RangeProblem> {
        let Some(family) = ranges.first().map(|range| range.subnet.family()) else {
            return Err(RangeProblem::Empty);
        };
        if ranges.iter().any(|range| range.subnet.family() != family) {
            return Err(RangeProblem::MixedFamilies);
        }
        if share_addresses(ranges.iter()) {
            // Rare, so that it may cost more to name the pair that host-local names.
            for (index, one) in ranges.iter().enumerate() {
                if let Some(other) = ranges.iter().skip(index + 1).find(|other| one.overlaps(other)) {
                    return Err(RangeProblem::Overlap {
                        first: (one.start, one.end),
                        second: (other.start, other.end),
                    });
                }
            }
        }
        Ok(Self { ranges })
    }

    /// The set of ranges as configured: each is proven alone and then beside those before it, as host-local does.
    ///
    /// # Errors
    ///
    /// As for [`Range::new`] and [`RangeSet::new`].
    pub fn of_specs(specs: &[RangeSpec], strictness: Strictness) -> Result<Self, RangeProblem> {
        let mut ranges: Vec<Range> = Vec::with_capacity(specs.len());
        for spec in specs {
            let range = Range::new(spec, strictness)?;
            if ranges.first().is_some_and(|first| first.subnet.family() != range.subnet.family()) {
                return Err(RangeProblem::MixedFamilies);
            }
            ranges.push(range);
        }
        Self::new(ranges)
    }

    /// The ranges, in the order they are used.
    #[must_use]
    pub fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    /// The range that holds an address.
    #[must_use]
    pub fn range_of(&self, address: IpAddr) -> Option<&Range> {
        self.ranges.iter().find(|range| range.contains(address))
    }

    /// How many addresses can be held.
    #[must_use]
    pub fn size(&self) -> u128 {
        self.ranges.iter().map(Range::size).fold(0, u128::saturating_add)
    }
}

/// The range sets of a network: an owner gets one address of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges {
    sets: Vec<RangeSet>,
}

impl Ranges {
    /// Proves that no two sets share an address.
    ///
    /// # Errors
    ///
    /// [`IpamError::Overlap`]; [`IpamError::NoRanges`] for an empty list.
    pub fn new(sets: Vec<RangeSet>) -> Result<Self, IpamError> {
        if sets.is_empty() {
            return Err(IpamError::NoRanges);
        }
        if share_addresses(sets.iter().flat_map(|set| &set.ranges)) {
            for (first, one) in sets.iter().enumerate() {
                for (second, other) in sets.iter().enumerate().skip(first + 1) {
                    if one.ranges.iter().any(|a| other.ranges.iter().any(|b| a.overlaps(b))) {
                        return Err(IpamError::Overlap { first, second });
                    }
                }
            }
        }
        Ok(Self { sets })
    }

    /// No range sets: what a store is opened with that only looks and releases.
    #[must_use]
    pub const fn none() -> Self {
        Self { sets: Vec::new() }
    }

    /// One set for each subnet, with host-local's defaults.
    ///
    /// # Errors
    ///
    /// As for [`Range::new`], [`RangeSet::new`] and [`Ranges::new`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use k8sboot_core::ipam::Ranges;
    /// let ranges = Ranges::of_subnets(&["10.244.1.0/24".parse()?])?;
    /// assert_eq!(ranges.sets()[0].size(), 253);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of_subnets(subnets: &[Cidr]) -> Result<Self, IpamError> {
        let sets: Vec<Vec<RangeSpec>> =
            subnets.iter().map(|subnet| vec![RangeSpec::new(subnet.clone())]).collect();
        Self::of_specs(&sets, Strictness::Strict)
    }

    /// The sets that a configuration spells out: a list of range sets, each a list of ranges.
    ///
    /// # Errors
    ///
    /// As for [`RangeSet::of_specs`] and [`Ranges::new`].
    pub fn of_specs(sets: &[Vec<RangeSpec>], strictness: Strictness) -> Result<Self, IpamError> {
        let set = |(set, specs): (usize, &Vec<RangeSpec>)| {
            RangeSet::of_specs(specs, strictness).map_err(|problem| IpamError::Range { set, problem })
        };
        Self::new(sets.iter().enumerate().map(set).collect::<Result<_, _>>()?)
    }

    /// The sets, in order.
    #[must_use]
    pub fn sets(&self) -> &[RangeSet] {
        &self.sets
    }

    /// The index of the set that holds an address, and the range.
    #[must_use]
    pub fn find(&self, address: IpAddr) -> Option<(usize, &Range)> {
        self.sets.iter().enumerate().find_map(|(index, set)| Some((index, set.range_of(address)?)))
    }
}

/// Whether any two of many ranges share an address.
fn share_addresses<'a>(ranges: impl Iterator<Item = &'a Range>) -> bool {
    let mut sorted: Vec<&Range> = ranges.collect();
    sorted.sort_unstable_by_key(|range| range.start);
    sorted.windows(2).any(|pair| matches!(pair, [one, other] if one.overlaps(other)))
}

/// An IPv4 address written as IPv6 is the IPv4 address.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(subnet: &str, start: &str, end: &str, gateway: &str) -> RangeSpec {
        let address = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
        RangeSpec::new(subnet.parse().unwrap())
            .start(address(start))
            .end(address(end))
            .gateway(address(gateway))
    }

    fn shown(spec: &RangeSpec, strictness: Strictness) -> String {
        match Range::new(spec, strictness) {
            Ok(range) => {
                format!("{}-{} via {}: {}", range.start(), range.end(), range.gateway(), range.size())
            }
            Err(problem) => format!("{problem:?}").split([' ', '{']).next().unwrap().to_owned(),
        }
    }

    #[test]
    fn ranges_are_what_host_local_makes_of_them() {
        for (subnet, start, end, gateway, expected) in [
            ("10.1.2.0/24", "", "", "", "10.1.2.1-10.1.2.254 via 10.1.2.1: 253"),
            ("10.1.2.0/30", "10.1.2.0", "10.1.2.3", "10.9.9.9", "10.1.2.0-10.1.2.3 via 10.9.9.9: 4"),
            ("2001:db8::/126", "", "", "", "2001:db8::1-2001:db8::3 via 2001:db8::1: 2"),
            ("10.1.2.0/24", "10.1.2.255", "", "", "10.1.2.255-10.1.2.255 via 10.1.2.1: 1"),
            (
                "10.1.2.0/24",
                "::ffff:10.1.2.7",
                "",
                "::ffff:10.1.2.7",
                "10.1.2.7-10.1.2.254 via 10.1.2.7: 247",
            ),
            (
                "::/0",
                "",
                "",
                "",
                &format!("::1-{} via ::1: {}", IpAddr::from([0xffff_u16; 8]), u128::MAX - 1),
            ),
            ("::ffff:10.1.2.0/127", "", "", "", "TooSmall"),
            ("::ffff:10.1.2.0/120", "", "", "", "Mapped"),
            ("10.1.2.9/32", "", "", "", "TooSmall"),
            ("2001:db8::/127", "", "", "", "TooSmall"),
            ("10.1.2.3/24", "", "", "", "HostBits"),
            ("10.1.2.0/24", "10.1.3.1", "", "", "Start"),
            ("10.1.2.0/24", "10.1.2.50", "10.1.2.40", "", "Start"),
            ("10.1.2.0/24", "2001:db8::1", "", "", "Start"),
            ("::/0", "::ffff:1.2.3.4", "", "", "Start"),
            ("10.1.2.0/24", "", "10.1.3.1", "", "End"),
            ("10.1.2.0/24", "", "10.1.2.0", "", "End"),
            ("10.1.2.0/24", "10.1.2.9", "::9", "", "End"),
        ] {
            assert_eq!(
                shown(&spec(subnet, start, end, gateway), Strictness::HostLocal),
                expected,
                "{subnet}"
            );
        }
    }

    #[test]
    fn strictly_a_gateway_is_inside_and_leaves_something() {
        for (start, end, gateway, expected) in [
            ("", "", "10.9.9.9", "GatewayOutside"),
            ("10.1.2.1", "10.1.2.1", "", "OnlyReserved"),
            ("10.1.2.2", "10.1.2.2", "", "10.1.2.2-10.1.2.2 via 10.1.2.1: 1"),
        ] {
            assert_eq!(shown(&spec("10.1.2.0/24", start, end, gateway), Strictness::Strict), expected);
        }
    }

    #[test]
    fn the_first_failure_is_named_as_host_local_names_it() {
        let set = |subnets: &[&str]| subnets.iter().map(|one| spec(one, "", "", "")).collect::<Vec<_>>();
        let mixed = set(&["10.1.2.0/24", "fd00::/64", "10.1.2.1/24"]);
        assert_eq!(RangeSet::of_specs(&mixed, Strictness::HostLocal), Err(RangeProblem::MixedFamilies));
        assert_eq!(RangeSet::of_specs(&[], Strictness::HostLocal), Err(RangeProblem::Empty));
        let shared = set(&["10.9.0.0/16", "10.1.2.0/24", "10.1.0.0/16"]);
        let problem = RangeSet::of_specs(&shared, Strictness::HostLocal).unwrap_err();
        assert_eq!(
            problem.to_string(),
            "ranges 10.1.2.1-10.1.2.254 and 10.1.0.1-10.1.255.254 share addresses"
        );
        let sets = [set(&["10.1.2.0/24"]), set(&["10.7.0.0/16"]), set(&["10.1.2.128/25"])];
        let problem = Ranges::of_specs(&sets, Strictness::HostLocal).unwrap_err();
        assert_eq!(problem, IpamError::Overlap { first: 0, second: 2 });
        let problem = Ranges::of_specs(&[set(&["10.1.2.0/24"]), set(&[])], Strictness::Strict).unwrap_err();
        assert_eq!(problem, IpamError::Range { set: 1, problem: RangeProblem::Empty });
    }
}
