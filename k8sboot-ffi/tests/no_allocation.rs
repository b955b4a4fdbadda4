//! Giving and taking addresses through the C API allocates no memory where room was made.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    ffi::CString,
    ptr,
};

use k8sboot::*;

/// The system's allocator; counts what this thread asks of it.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: exactly the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: exactly the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const RANGES: &std::ffi::CStr = c"[[{\"subnet\": \"10.0.0.0/20\"}], [{\"subnet\": \"fd00::/64\"}]]";

/// Room for twice as many addresses as the tests hold.
static ROOM: k8sboot_pool_options_t = k8sboot_pool_options_t {
    size: size_of::<k8sboot_pool_options_t>(),
    policy: K8SBOOT_POLICY_NEXT_FIT,
    rest_oldest_if_exhausted: 0,
    rest_ms: 0,
    rest_releases: 0,
    hash_seed: 0,
    reserve: 1200,
};

/// How often a body allocates, after it has run for warming up.
fn allocations(mut body: impl FnMut()) -> u64 {
    for _ in 0..20 {
        body();
    }
    let before = ALLOCATIONS.get();
    for _ in 0..100 {
        body();
    }
    ALLOCATIONS.get() - before
}

/// Wanted by name, so that the same address is asked for each time.
fn request(wanted: &k8sboot_ip_t) -> k8sboot_request_t {
    k8sboot_request_t {
        size: size_of::<k8sboot_request_t>(),
        addresses: wanted,
        addresses_len: 1,
        repeat: K8SBOOT_REPEAT_REFUSE,
        reserved: 0,
    }
}

fn names() -> Vec<CString> {
    (0..300).map(|n| CString::new(format!("{n:064x}")).unwrap()).collect()
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 100);
}

#[test]
fn a_warm_pool_does_not_allocate() {
    let mut pool = ptr::null_mut();
    let (names, mut wanted) = (names(), k8sboot_ip_t::default());
    let (mut given, mut found, mut count) =
        ([k8sboot_assigned_t::default(); 2], [k8sboot_ip_t::default(); 2], 0);
    // SAFETY: live strings and handles, as much room as is said, writable outputs.
    unsafe {
        assert_eq!(k8sboot_pool_new(RANGES.as_ptr(), &raw const ROOM, &raw mut pool, ptr::null_mut()), 0);
        assert_eq!(k8sboot_ip_parse(c"10.0.3.7".as_ptr(), &raw mut wanted, ptr::null_mut()), 0);
        let (eth0, none, request) = (c"eth0".as_ptr(), ptr::null_mut(), request(&wanted));
        let mut turn = 0;
        let all = allocations(|| {
            turn += 1;
            for (n, name) in names.iter().enumerate() {
                let request = if n == 150 { &raw const request } else { ptr::null() };
                let (given, count) = (given.as_mut_ptr(), &raw mut count);
                assert_eq!(
                    k8sboot_pool_allocate(pool, name.as_ptr(), eth0, request, given, 2, count, none),
                    0
                );
                assert_eq!(*count, 2);
            }
            for name in &names {
                let (name, found, count) = (name.as_ptr(), found.as_mut_ptr(), &raw mut count);
                assert_eq!(k8sboot_pool_release(pool, name, eth0, found, 2, count, none), 0);
                assert_eq!(*count, 2);
            }
        });
        assert_eq!((all, turn), (0, 120));
        k8sboot_pool_free(pool);
    }
}

#[test]
fn a_warm_store_in_memory_does_not_allocate() {
    let mut store = ptr::null();
    let names = names();
    let (mut given, mut found, mut count) =
        ([k8sboot_assigned_t::default(); 2], [k8sboot_ip_t::default(); 2], 0);
    // SAFETY: live strings and handles, as much room as is said, writable outputs.
    unsafe {
        assert_eq!(
            k8sboot_store_memory(RANGES.as_ptr(), &raw const ROOM, &raw mut store, ptr::null_mut()),
            0
        );
        let (eth0, none) = (c"eth0".as_ptr(), ptr::null_mut());
        let all = allocations(|| {
            for name in &names {
                let (name, given, count) = (name.as_ptr(), given.as_mut_ptr(), &raw mut count);
                assert_eq!(k8sboot_store_allocate(store, name, eth0, ptr::null(), given, 2, count, none), 0);
            }
            for name in &names {
                let (name, found, count) = (name.as_ptr(), found.as_mut_ptr(), &raw mut count);
                assert_eq!(k8sboot_store_release(store, name, eth0, found, 2, count, none), 0);
                assert_eq!(*count, 2);
            }
        });
        assert_eq!(all, 0);
        k8sboot_store_free(store);
    }
}
