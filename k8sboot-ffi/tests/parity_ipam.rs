//! Addresses by the Rust and by the C API: one body of tests, run over pools and stores of both.
#![cfg(feature = "node")]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::{cell::RefCell, fmt::Debug, net::IpAddr, path::Path, ptr, thread};

use k8sboot::*;
use k8sboot_core::{
    ipam::{Allocation, Owner, Pool, PoolOptions, RangeSpec, Ranges, Repeat, Request, Strictness, Usage},
    store::{DirectoryOptions, DirectoryStore, MemoryStore, Store},
};
use support::{
    Scratch,
    c::{Wrong, c, call, text, wrong},
};

/// Address, prefix length, gateway and range set.
type Given = (IpAddr, u8, IpAddr, usize);

/// What pools and stores have in common.
trait Leases {
    fn allocate(&self, owner: [&str; 2], wanted: &[&str], repeat: Repeat) -> Result<Vec<Given>, Wrong>;
    fn release(&self, owner: [&str; 2]) -> Result<Vec<IpAddr>, Wrong>;
    fn find(&self, owner: [&str; 2]) -> Result<Vec<IpAddr>, Wrong>;
    /// Held, resting and size, as far as 64 bits count.
    fn usage(&self, set: usize) -> Result<[u64; 3], Wrong>;
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn owner([container, interface]: [&str; 2]) -> Result<Owner<'_>, Wrong> {
    Owner::new(container, interface).map_err(wrong)
}

fn given(allocation: &Allocation) -> Vec<Given> {
    allocation.iter().map(|a| (a.address, a.prefix, a.gateway, a.set)).collect()
}

fn counts(usage: Usage) -> [u64; 3] {
    [usage.held, usage.resting, usage.size].map(|count| u64::try_from(count).unwrap_or(u64::MAX))
}

/// Range sets as Rust has them, from subnets.
fn ranges(subnets: &[&str]) -> Result<Ranges, Wrong> {
    let specs: Vec<Vec<RangeSpec>> =
        subnets.iter().map(|subnet| vec![RangeSpec::new(subnet.parse().unwrap())]).collect();
    Ranges::of_specs(&specs, Strictness::Strict).map_err(wrong)
}

/// The same as C has them.
fn json(subnets: &[&str]) -> String {
    let sets: Vec<_> = subnets.iter().map(|subnet| serde_json::json!([{ "subnet": subnet }])).collect();
    serde_json::Value::from(sets).to_string()
}

struct RustPool(RefCell<Pool>);

impl Leases for RustPool {
    fn allocate(&self, of: [&str; 2], wanted: &[&str], repeat: Repeat) -> Result<Vec<Given>, Wrong> {
        let wanted: Vec<IpAddr> = wanted.iter().map(|text| ip(text)).collect();
        let mut out = Allocation::new();
        let request = Request::new(owner(of)?).addresses(&wanted).repeat(repeat);
        self.0.borrow_mut().allocate(&request, &mut out).map_err(wrong)?;
        Ok(given(&out))
    }

    fn release(&self, of: [&str; 2]) -> Result<Vec<IpAddr>, Wrong> {
        Ok(self.0.borrow_mut().release(owner(of)?))
    }

    fn find(&self, of: [&str; 2]) -> Result<Vec<IpAddr>, Wrong> {
        Ok(self.0.borrow().find(owner(of)?).collect())
    }

    fn usage(&self, set: usize) -> Result<[u64; 3], Wrong> {
        Ok(counts(self.0.borrow().usage(set).unwrap()))
    }
}

struct RustStore(Box<dyn Store>);

impl Leases for RustStore {
    fn allocate(&self, of: [&str; 2], wanted: &[&str], repeat: Repeat) -> Result<Vec<Given>, Wrong> {
        let wanted: Vec<IpAddr> = wanted.iter().map(|text| ip(text)).collect();
        let mut out = Allocation::new();
        let request = Request::new(owner(of)?).addresses(&wanted).repeat(repeat);
        self.0.allocate(&request, &mut out).map_err(wrong)?;
        Ok(given(&out))
    }

    fn release(&self, of: [&str; 2]) -> Result<Vec<IpAddr>, Wrong> {
        let mut freed = Vec::new();
        self.0.release(owner(of)?, &mut freed).map_err(wrong)?;
        Ok(freed)
    }

    fn find(&self, of: [&str; 2]) -> Result<Vec<IpAddr>, Wrong> {
        let mut found = Vec::new();
        self.0.find(owner(of)?, &mut found).map_err(wrong)?;
        Ok(found)
    }

    fn usage(&self, set: usize) -> Result<[u64; 3], Wrong> {
        Ok(counts(self.0.usage().map_err(wrong)?[set]))
    }
}

/// The C functions of one kind of handle.
struct C<H> {
    handle: H,
    allocate: unsafe extern "C" fn(
        H,
        *const std::ffi::c_char,
        *const std::ffi::c_char,
        *const k8sboot_request_t,
        *mut k8sboot_assigned_t,
        usize,
        *mut usize,
        *mut *mut k8sboot_error_t,
    ) -> i32,
    release: Many<H>,
    find: fn(&C<H>, &Owned) -> Result<Vec<IpAddr>, Wrong>,
    usage: fn(&C<H>, usize, &mut k8sboot_usage_t) -> Result<(), Wrong>,
    free: fn(&H),
}

type Many<H> = unsafe extern "C" fn(
    H,
    *const std::ffi::c_char,
    *const std::ffi::c_char,
    *mut k8sboot_ip_t,
    usize,
    *mut usize,
    *mut *mut k8sboot_error_t,
) -> i32;

/// An owner in C's memory.
type Owned = [std::ffi::CString; 2];

fn many<H: Copy>(function: Many<H>, handle: H, [container, interface]: &Owned) -> Result<Vec<IpAddr>, Wrong> {
    let (mut array, mut count) = ([k8sboot_ip_t::default(); 8], 0);
    // SAFETY: a live handle, live strings, as much room as is said, writable outputs.
    call(|err| unsafe {
        let (container, interface) = (container.as_ptr(), interface.as_ptr());
        function(handle, container, interface, array.as_mut_ptr(), array.len(), &raw mut count, err)
    })?;
    Ok(array[..count].iter().map(address).collect())
}

/// The address, by its text, so that this direction is tested as well.
fn address(from: &k8sboot_ip_t) -> IpAddr {
    let mut text = [0; K8SBOOT_IP_TEXT];
    // SAFETY: as much room as is said, and a NUL at the end.
    unsafe {
        call(|err| k8sboot_ip_text(from, text.as_mut_ptr(), text.len(), err)).unwrap();
        std::ffi::CStr::from_ptr(text.as_ptr()).to_str().unwrap().parse().unwrap()
    }
}

impl<H: Copy> Leases for C<H> {
    fn allocate(&self, of: [&str; 2], wanted: &[&str], repeat: Repeat) -> Result<Vec<Given>, Wrong> {
        let wanted: Vec<k8sboot_ip_t> = wanted.iter().map(|text| ip(text).into()).collect();
        let request = k8sboot_request_t {
            size: size_of::<k8sboot_request_t>(),
            addresses: wanted.as_ptr(),
            addresses_len: wanted.len(),
            repeat: if repeat == Repeat::Same { K8SBOOT_REPEAT_SAME } else { K8SBOOT_REPEAT_REFUSE },
            reserved: 0,
        };
        let ([container, interface], mut array, mut count) =
            (of.map(c), [k8sboot_assigned_t::default(); 8], 0);
        // SAFETY: a live handle, live strings, as much room as is said, writable outputs.
        call(|err| unsafe {
            let (container, interface) = (container.as_ptr(), interface.as_ptr());
            let (array, room) = (array.as_mut_ptr(), array.len());
            (self.allocate)(
                self.handle,
                container,
                interface,
                &raw const request,
                array,
                room,
                &raw mut count,
                err,
            )
        })?;
        let one = |a: &k8sboot_assigned_t| {
            (address(&a.address), a.prefix, address(&a.gateway), usize::try_from(a.set).unwrap())
        };
        Ok(array[..count].iter().map(one).collect())
    }

    fn release(&self, of: [&str; 2]) -> Result<Vec<IpAddr>, Wrong> {
        many(self.release, self.handle, &of.map(c))
    }

    fn find(&self, of: [&str; 2]) -> Result<Vec<IpAddr>, Wrong> {
        (self.find)(self, &of.map(c))
    }

    fn usage(&self, set: usize) -> Result<[u64; 3], Wrong> {
        let mut out = k8sboot_usage_t::default();
        (self.usage)(self, set, &mut out)?;
        Ok([out.held, out.resting, out.size])
    }
}

impl<H> Drop for C<H> {
    fn drop(&mut self) {
        (self.free)(&self.handle);
    }
}

fn c_pool(subnets: &[&str], policy: u32) -> Result<C<*mut k8sboot_pool_t>, Wrong> {
    let options = k8sboot_pool_options_t { policy, ..pool_options() };
    let mut handle = ptr::null_mut();
    let ranges = c(&json(subnets));
    // SAFETY: live strings, a sized struct, writable outputs.
    call(|err| unsafe { k8sboot_pool_new(ranges.as_ptr(), &raw const options, &raw mut handle, err) })?;
    Ok(C {
        handle,
        allocate: k8sboot_pool_allocate,
        release: k8sboot_pool_release,
        find: |this, [container, interface]| {
            let (mut array, mut count) = ([k8sboot_ip_t::default(); 8], 0);
            // SAFETY: a live handle, live strings, as much room as is said, writable outputs.
            call(|err| unsafe {
                let (container, interface) = (container.as_ptr(), interface.as_ptr());
                let (room, count) = (array.len(), &raw mut count);
                k8sboot_pool_find(this.handle, container, interface, array.as_mut_ptr(), room, count, err)
            })?;
            Ok(array[..count].iter().map(address).collect())
        },
        // SAFETY: a live handle and writable outputs.
        usage: |this, set, out| call(|err| unsafe { k8sboot_pool_usage(this.handle, set, out, err) }),
        // SAFETY: freed once, at the end.
        free: |handle| unsafe { k8sboot_pool_free(*handle) },
    })
}

fn pool_options() -> k8sboot_pool_options_t {
    k8sboot_pool_options_t {
        size: size_of::<k8sboot_pool_options_t>(),
        policy: 0,
        rest_oldest_if_exhausted: 0,
        rest_ms: 0,
        rest_releases: 0,
        hash_seed: 0,
        reserve: 0,
    }
}

fn c_store(handle: *const k8sboot_store_t) -> C<*const k8sboot_store_t> {
    C {
        handle,
        allocate: k8sboot_store_allocate,
        release: k8sboot_store_release,
        find: |this, owner| many(k8sboot_store_find, this.handle, owner),
        // SAFETY: a live handle and writable outputs.
        usage: |this, set, out| call(|err| unsafe { k8sboot_store_usage(this.handle, set, out, err) }),
        // SAFETY: freed once, at the end.
        free: |handle| unsafe { k8sboot_store_free(*handle) },
    }
}

fn c_memory(subnets: &[&str]) -> Result<C<*const k8sboot_store_t>, Wrong> {
    let (mut handle, ranges) = (ptr::null(), c(&json(subnets)));
    // SAFETY: live strings and writable outputs.
    call(|err| unsafe { k8sboot_store_memory(ranges.as_ptr(), ptr::null(), &raw mut handle, err) })?;
    Ok(c_store(handle))
}

fn c_directory(dir: &Path, subnets: &[&str], flags: u64) -> Result<C<*const k8sboot_store_t>, Wrong> {
    let (mut handle, ranges, dir) = (ptr::null(), c(&json(subnets)), c(dir.to_str().unwrap()));
    let size = size_of::<k8sboot_directory_options_t>();
    let options = k8sboot_directory_options_t { size, flags, lock_timeout_ms: 0 };
    // SAFETY: live strings, a sized struct and writable outputs.
    call(|err| unsafe {
        let (dir, ranges) = (dir.as_ptr(), ranges.as_ptr());
        k8sboot_store_directory(dir, c"net".as_ptr(), ranges, &raw const options, &raw mut handle, err)
    })?;
    Ok(c_store(handle))
}

/// The same range sets in everything there is; the first of them is the one that the others are compared with.
struct All {
    all: Vec<(&'static str, Box<dyn Leases>)>,
    _scratch: Scratch,
}

impl All {
    fn new(subnets: &[&str]) -> Self {
        let pool = || Pool::new(ranges(subnets).unwrap(), PoolOptions::default());
        let scratch = Scratch::new("parity-ipam");
        let [rust, c, durable, resident] =
            ["rust", "c", "durable", "resident"].map(|name| scratch.path().join(name));
        let rust =
            DirectoryStore::open(rust, "net", ranges(subnets).unwrap(), DirectoryOptions::new()).unwrap();
        let all: Vec<(&'static str, Box<dyn Leases>)> = vec![
            ("Pool", Box::new(RustPool(RefCell::new(pool())))),
            ("MemoryStore", Box::new(RustStore(Box::new(MemoryStore::new(pool()))))),
            ("k8sboot_pool_t", Box::new(c_pool(subnets, K8SBOOT_POLICY_NEXT_FIT).unwrap())),
            ("k8sboot_store_t, memory", Box::new(c_memory(subnets).unwrap())),
            ("DirectoryStore", Box::new(RustStore(Box::new(rust)))),
            ("k8sboot_store_t, directory", Box::new(c_directory(&c, subnets, 0).unwrap())),
            (
                "k8sboot_store_t, durable",
                Box::new(c_directory(&durable, subnets, K8SBOOT_DIRECTORY_DURABLE).unwrap()),
            ),
            (
                "k8sboot_store_t, resident",
                Box::new(c_directory(&resident, subnets, K8SBOOT_DIRECTORY_RESIDENT).unwrap()),
            ),
        ];
        Self { all, _scratch: scratch }
    }

    /// The same call on all of them; the answers, including codes and messages of failures, must be the same.
    fn same<T: PartialEq + Debug>(&self, call: impl Fn(&dyn Leases) -> Result<T, Wrong>) -> Result<T, Wrong> {
        let mut answers = self.all.iter().map(|(name, leases)| (name, call(&**leases)));
        let (_, first) = answers.next().unwrap();
        for (name, answer) in answers {
            assert_eq!(answer, first, "{name}");
        }
        first
    }

    fn allocate(&self, container: &str) -> Result<Vec<Given>, Wrong> {
        self.same(|leases| leases.allocate([container, "eth0"], &[], Repeat::Same))
    }
}

#[test]
fn addresses_are_given_and_taken_alike() {
    let all = All::new(&["10.244.1.0/29", "fd00::/64"]);
    let first = all.allocate("a").unwrap();
    assert_eq!(first[0], (ip("10.244.1.2"), 29, ip("10.244.1.1"), 0));
    assert_eq!(first[1], (ip("fd00::2"), 64, ip("fd00::1"), 1));
    assert_eq!(all.allocate("a").unwrap(), first);
    assert_eq!(all.allocate("b").unwrap()[0].0, ip("10.244.1.3"));
    assert_eq!(all.same(|l| l.find(["a", "eth0"])).unwrap(), [ip("10.244.1.2"), ip("fd00::2")]);
    assert_eq!(all.same(|l| l.usage(0)).unwrap(), [2, 0, 5]);
    assert_eq!(all.same(|l| l.usage(1)).unwrap(), [2, 0, u64::MAX - 1]);
    assert_eq!(all.same(|l| l.release(["a", "eth0"])).unwrap(), [ip("10.244.1.2"), ip("fd00::2")]);
    assert_eq!(all.same(|l| l.release(["a", "eth0"])).unwrap(), Vec::<IpAddr>::new());
    assert_eq!(all.allocate("c").unwrap()[0].0, ip("10.244.1.4"), "the next, not the one just freed");
}

#[test]
fn wanted_addresses_are_given_or_refused_alike() {
    let all = All::new(&["10.244.1.0/29", "10.244.2.0/29"]);
    let allocate = |container, wanted: &[&str], repeat| {
        all.same(|leases| leases.allocate([container, "eth0"], wanted, repeat))
    };
    let given = allocate("a", &["10.244.2.6", "10.244.1.5"], Repeat::Same).unwrap();
    assert_eq!([given[0].0, given[1].0], [ip("10.244.1.5"), ip("10.244.2.6")]);
    for (wanted, repeat) in [
        (&["10.244.1.5"][..], Repeat::Same),
        (&["10.244.1.1"], Repeat::Same),
        (&["10.244.9.9"], Repeat::Same),
        (&["10.244.1.3", "10.244.1.4"], Repeat::Same),
        (&["::1"], Repeat::Refuse),
    ] {
        allocate("b", wanted, repeat).unwrap_err();
        assert!(all.same(|l| l.find(["b", "eth0"])).unwrap().is_empty(), "{wanted:?}: all or nothing");
    }
    allocate("a", &[], Repeat::Refuse).unwrap_err();
    assert_eq!(all.same(|l| l.usage(0)).unwrap(), [1, 0, 5]);
}

#[test]
fn full_sets_and_bad_owners_are_refused_alike() {
    let all = All::new(&["10.244.1.0/29"]);
    for container in ["a", "b", "c", "d", "e"] {
        all.allocate(container).unwrap();
    }
    let (code, message) = all.allocate("f").unwrap_err();
    assert!(code == 4004 && message.contains("5 of 5"), "{message}");
    let long = "x".repeat(16);
    for owner in
        [["", "eth0"], ["../a", "eth0"], ["a", ""], ["a", ".."], ["a", &long], ["a", "e h"], ["é", "eth0"]]
    {
        assert_eq!(all.same(|l| l.allocate(owner, &[], Repeat::Same)).unwrap_err().0, 4009, "{owner:?}");
        all.same(|l| l.release(owner)).unwrap_err();
        all.same(|l| l.find(owner)).unwrap_err();
    }
    all.allocate(&"f".repeat(300)).unwrap_err();
}

#[test]
fn range_sets_are_refused_alike() {
    for subnets in
        [&[][..], &["10.0.0.0/31"], &["10.0.0.1/24"], &["10.0.0.0/24", "10.0.0.128/25"], &["fd00::/127"]]
    {
        let rust = ranges(subnets).unwrap_err();
        assert_eq!(c_pool(subnets, 0).err().unwrap(), rust, "{subnets:?}");
        assert_eq!(c_memory(subnets).err().unwrap(), rust, "{subnets:?}");
    }
}

#[test]
fn a_store_serves_many_threads() {
    let store = c_memory(&["10.1.0.0/16"]).unwrap();
    let handle = store.handle as usize;
    let all: Vec<IpAddr> = thread::scope(|scope| {
        let work = |thread: usize| {
            let store = handle as *const k8sboot_store_t;
            // SAFETY: live as long as the scope; stores may be used by many threads.
            let mine = c_store(unsafe { k8sboot_store_ref(store) });
            let each = |n: usize| {
                mine.allocate([&format!("t{thread}-{n}"), "eth0"], &[], Repeat::Same).unwrap()[0].0
            };
            (0..200).map(each).collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..8).map(|thread| scope.spawn(move || work(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 1600);
    assert_eq!(store.usage(0).unwrap()[0], 1600);
    let records = text(|out, err| {
        // SAFETY: a live handle and writable outputs.
        unsafe { k8sboot_store_records(store.handle, out, err) }
    });
    let records: serde_json::Value = serde_json::from_str(&records.unwrap()).unwrap();
    assert_eq!(records["records"].as_array().unwrap().len(), 1600);
}

#[test]
fn either_api_finds_what_the_other_keeps() {
    let (scratch, subnets) = (Scratch::new("parity-shared"), ["10.244.1.0/29", "fd00::/64"]);
    let open =
        || DirectoryStore::open(scratch.path(), "net", ranges(&subnets).unwrap(), DirectoryOptions::new());
    let (rust, c) = (RustStore(Box::new(open().unwrap())), c_directory(scratch.path(), &subnets, 0).unwrap());
    let both: [&dyn Leases; 2] = [&rust, &c];
    for (one, other) in [(0, 1), (1, 0)] {
        let owner = [["a", "eth0"], ["b", "eth0"]][one];
        let given = both[one].allocate(owner, &[], Repeat::Same).unwrap();
        assert_eq!(both[other].allocate(owner, &[], Repeat::Same).unwrap(), given);
        assert_eq!(both[other].find(owner).unwrap(), [given[0].0, given[1].0]);
    }
    assert_eq!(both[0].usage(0).unwrap(), both[1].usage(0).unwrap());
    assert_eq!(both[1].release(["a", "eth0"]).unwrap().len(), 2);
    assert!(both[0].find(["a", "eth0"]).unwrap().is_empty());
}
