//! The order of allocation against host-local's rules, for any ranges and markers.

use std::net::IpAddr;

use k8sboot_core::ipam::{
    AddressSet, Allocation, Owner, Policy, Pool, PoolOptions, Range, RangeSet, RangeSpec, Ranges, Request,
    Strictness,
};
use proptest::prelude::*;

use super::model::Model;

/// Ranges of a subnet that share no address, each after a gap; their gateways are anywhere near.
fn ranges(v6: bool) -> impl Strategy<Value = Vec<Range>> {
    let part = (0_u8..5, 0_u8..12, 0_u8..60);
    prop::collection::vec(part, 1..5).prop_shuffle().prop_map(move |parts| {
        let address = |n: u8| {
            if v6 { IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, n.into()]) } else { [10, 1, 2, n].into() }
        };
        let subnet = if v6 { "fd00::/64" } else { "10.1.2.0/24" };
        let mut at = 0;
        let mut ranges: Vec<Range> = parts
            .iter()
            .map(|(gap, length, gateway)| {
                let (start, end) = (at + gap, at + gap + length);
                at = end + 1;
                let spec = RangeSpec::new(subnet.parse().unwrap())
                    .start(Some(address(start)))
                    .end(Some(address(end)))
                    .gateway(Some(address(*gateway)));
                Range::new(&spec, Strictness::HostLocal).unwrap()
            })
            .collect();
        // Not in the order of their addresses.
        ranges.rotate_left(usize::from(at) % parts.len());
        ranges
    })
}

proptest! {
    #[test]
    fn addresses_come_in_host_locals_order(
        ranges in prop::bool::ANY.prop_flat_map(ranges),
        taken in prop::collection::vec(0_u8..80, 0..40),
        marker in prop::option::of(0_u8..90),
    ) {
        let v6 = ranges[0].start().is_ipv6();
        let address = |n: u8| if v6 { IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, n.into()]) } else { [10, 1, 2, n].into() };
        let ranges = RangeSet::new(ranges).unwrap();
        let mut set = AddressSet::new(&ranges);
        let ranges = Ranges::new(vec![ranges]).unwrap();
        let model = Model::new(&ranges, Policy::NextFit);
        let marker = marker.map(address);
        let taken: Vec<IpAddr> = taken.into_iter().map(address).collect();
        let mut pool = Pool::new(ranges, PoolOptions::default());
        for address in &taken {
            set.take(*address);
            pool.hold(*address, Owner::new("other", "eth0").unwrap());
        }
        set.set_last_given(marker);
        pool.set_last_given(0, marker);
        let mut out = Allocation::new();
        for (n, expected) in model.sets[0].candidates(marker).filter(|a| !taken.contains(a)).enumerate() {
            prop_assert_eq!(set.take_next(), Some(expected));
            let container = format!("c{n}");
            pool.allocate(&Request::new(Owner::new(&container, "eth0").unwrap()), &mut out).unwrap();
            prop_assert_eq!(out.first().unwrap().address, expected);
        }
        prop_assert_eq!(set.take_next(), None);
        prop_assert_eq!(set.taken(), set.size());
        let one_more = Owner::new("one-more", "eth0").unwrap();
        prop_assert!(pool.allocate(&Request::new(one_more), &mut out).is_err());
        prop_assert_eq!(pool.usage(0).unwrap().held, set.size());
    }
}
