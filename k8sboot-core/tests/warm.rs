//! A pool that has been as full as it gets needs no heap: counted by an allocator of this program's own.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    net::IpAddr,
};

use k8sboot_core::ipam::{
    AddressSet, Allocation, ClusterCidr, IpamError, NodeSubnets, Owner, Policy, Pool, PoolOptions, Ranges,
    Repeat, Request, Rest,
};

thread_local! {
    /// Allocations of this thread; tests run beside each other.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`, and `pointer` came from `alloc` above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `work` asked for memory.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = COUNT.with(Cell::get);
    work();
    COUNT.with(Cell::get) - before
}

fn ranges(subnets: &[&str]) -> Ranges {
    Ranges::of_subnets(&subnets.iter().map(|subnet| subnet.parse().unwrap()).collect::<Vec<_>>()).unwrap()
}

/// Gives an address to every owner and takes all of them back, some in between.
fn churn(pool: &mut Pool, owners: &[Owner<'_>], out: &mut Allocation, freed: &mut Vec<IpAddr>) {
    for three in owners.chunks(3) {
        for owner in three {
            pool.allocate(&Request::new(*owner).repeat(Repeat::Refuse), out).unwrap();
        }
        three.first().into_iter().for_each(|owner| pool.release_into(*owner, freed));
    }
    owners.iter().for_each(|owner| pool.release_each(*owner, |address| freed.push(address)));
    freed.clear();
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn a_warm_pool_gives_and_releases_without_heap() {
    // As runtimes make them, and longer than fits an entry.
    let mut ids: Vec<String> = (0..900).map(|n| format!("{n:064x}")).collect();
    ids.extend((0..100).map(|n| format!("{n:0300}")));
    let owners: Vec<Owner<'_>> = ids.iter().map(|id| Owner::new(id, "eth0").unwrap()).collect();
    for (subnets, policy) in [
        (&["10.244.0.0/16"][..], Policy::NextFit),
        (&["10.0.0.0/8"], Policy::Lowest),
        (&["fd00::/64"], Policy::NextFit),
        (&["10.244.0.0/20", "fd00::/64"], Policy::NextFit),
        (&["10.244.0.0/20", "fd00::/64"], Policy::Rest(Rest::releases(50))),
    ] {
        let mut pool = Pool::new(ranges(subnets), PoolOptions::new(policy));
        let (mut out, mut freed) = (Allocation::new(), Vec::with_capacity(2 * owners.len()));
        // The second time begins with addresses that rest.
        (0..2).for_each(|_| churn(&mut pool, &owners, &mut out, &mut freed));
        let count = allocations(|| (0..20).for_each(|_| churn(&mut pool, &owners, &mut out, &mut freed)));
        assert_eq!(count, 0, "{subnets:?}, {policy:?}");
    }
}

#[test]
fn requests_repeats_and_refusals_need_no_heap_either() {
    let mut pool = Pool::new(ranges(&["10.1.2.0/29"]), PoolOptions::default());
    let names: Vec<String> = (0..6).map(|n| format!("c{n}")).collect();
    let owners: Vec<Owner<'_>> = names.iter().map(|name| Owner::new(name, "eth0").unwrap()).collect();
    let mut out = Allocation::new();
    let wanted = ["10.1.2.4".parse().unwrap()];
    let mut work = || {
        pool.allocate(&Request::new(owners[0]).addresses(&wanted), &mut out).unwrap();
        for owner in &owners[..5] {
            pool.allocate(&Request::new(*owner), &mut out).unwrap();
        }
        let full = pool.allocate(&Request::new(owners[5]), &mut out);
        assert!(matches!(full, Err(IpamError::Exhausted { .. })));
        owners.iter().for_each(|owner| pool.release_each(*owner, |_| {}));
    };
    work();
    assert_eq!(allocations(work), 0);
}

#[test]
fn a_warm_set_needs_no_heap() {
    for subnet in ["10.1.2.0/24", "10.0.0.0/8", "fd00::/64"] {
        let ranges = ranges(&[subnet]);
        let mut set = AddressSet::new(&ranges.sets()[0]);
        let mut addresses = Vec::with_capacity(250);
        let mut work = || {
            addresses.extend((0..250).map(|_| set.take_next().unwrap()));
            addresses.drain(..).for_each(|address| assert!(set.give(address)));
        };
        (0..400).for_each(|_| work());
        assert_eq!(allocations(|| (0..100).for_each(|_| work())), 0, "{subnet}");
    }
}

#[test]
fn warm_node_subnets_need_no_heap() {
    let clusters = ["10.244.0.0/16", "fd00:10:244::/48"].map(|cidr| ClusterCidr::new(cidr.parse().unwrap()));
    let mut subnets = NodeSubnets::new(&clusters).unwrap();
    let names: Vec<String> = (0..200).map(|n| format!("node-{n}")).collect();
    let mut out = Vec::new();
    let mut work = || {
        names.iter().for_each(|name| subnets.allocate(name, &mut out).unwrap());
        names.iter().for_each(|name| assert!(subnets.release(name)));
    };
    work();
    assert_eq!(allocations(work), 0);
}
