//! States of pools and specifications of ranges: refused with an error, or a pool that says of itself what it was told.
#![no_main]

use std::net::IpAddr;

use k8sboot_core::ipam::{
    AddressSet, Allocation, Owner, Pool, PoolState, Range, RangeSet, RangeSpec, Request, Strictness,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if text.starts_with('{') {
        state(text);
    } else {
        ranges(text);
    }
});

/// What is restored is saved as it was, but for what has rested enough; an allocation gives what was free.
fn state(json: &str) {
    let Ok(mut pool) = PoolState::from_json(json.as_bytes()).and_then(|state| Pool::restore(&state)) else {
        return;
    };
    let saved = pool.state();
    let again = PoolState::from_json(saved.to_json().as_bytes()).expect("what was written");
    assert_eq!(again, saved);
    assert_eq!(Pool::restore(&again).expect("what was saved").state(), saved);
    let owner = Owner::new("one-more", "eth0").expect("a valid owner");
    let held: Vec<IpAddr> = pool.held().map(|(address, _)| address).collect();
    let had: Vec<IpAddr> = pool.find(owner).collect();
    let mut given = Allocation::new();
    if pool.allocate(&Request::new(owner), &mut given).is_ok() {
        assert!(given.iter().all(|one| had.contains(&one.address) || !held.contains(&one.address)));
        assert!(given.iter().all(|one| pool.owner_of(one.address) == Some(owner)));
    }
    pool.release(owner);
    assert!(given.iter().all(|one| pool.owner_of(one.address).is_none()));
}

/// A line is a subnet and, apart by blanks, a start, an end and a gateway; `-` leaves one out.
fn ranges(text: &str) {
    let mut specs = Vec::new();
    for line in text.lines().take(8) {
        let mut words = line.split(' ');
        let Some(Ok(subnet)) = words.next().map(str::parse) else { continue };
        let mut address = || words.next().and_then(|word| word.parse::<IpAddr>().ok());
        specs.push(RangeSpec::new(subnet).start(address()).end(address()).gateway(address()));
    }
    for spec in &specs {
        if let Ok(range) = Range::new(spec, Strictness::HostLocal) {
            assert!(range.start() <= range.end());
            assert!(spec.subnet.contains(range.start()) && spec.subnet.contains(range.end()));
        }
    }
    let Ok(ranges) = RangeSet::of_specs(&specs, Strictness::HostLocal) else { return };
    let mut set = AddressSet::new(&ranges);
    let marker = specs.last().and_then(|spec| spec.gateway);
    set.set_last_given(marker);
    for taken in 0..300_u128.min(set.size()) {
        let address = set.take_next().expect("a free address");
        let range = ranges.range_of(address).expect("an address of a range");
        assert!(address != range.gateway() && set.taken() == taken + 1 && !set.is_free(address));
    }
    assert_eq!(set.take_next().is_none(), set.size() <= 300);
}
