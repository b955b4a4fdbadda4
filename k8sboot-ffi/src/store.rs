//! Stores: leases that many threads work on, in memory, in host-local's directory or in etcd.

use std::{
    ffi::c_char,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use k8sboot_core::{
    ipam::Pool,
    store::{MemoryStore, Store},
};

use crate::{
    error::{Failure, k8sboot_code_t, k8sboot_error_t},
    guard::{guard, guard_void},
    handle::{Shared, add_owner, release_shared, share, shared},
    ip::{empty, k8sboot_ip_t},
    ipam::{
        Array, Scratch, k8sboot_assigned_t, k8sboot_request_t, k8sboot_usage_t, owner, request, write_usage,
    },
    pool::{k8sboot_pool_options_t, pool_options},
    ranges,
    text::{k8sboot_buf_t, plain, text},
};

/// Keeps who holds which address of a network. Shared: any thread may use it, many at once; `k8sboot_store_ref` adds an
/// owner, `k8sboot_store_free` ends one.
pub struct k8sboot_store_t {
    store: Box<dyn Store>,
    /// How many range sets there are: the room that an allocation needs.
    sets: usize,
    panicked: AtomicBool,
}

impl Shared for k8sboot_store_t {}

/// Opens a store that forgets with its process. `ranges` and `options` as for `k8sboot_pool_new`.
///
/// # Safety
///
/// `ranges` is NULL or NUL-terminated; `options` is NULL or a sized struct; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_store_memory(
    ranges: *const c_char,
    options: *const k8sboot_pool_options_t,
    out: *mut *const k8sboot_store_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = shared_out(out, "out")?;
            let ranges = ranges::parse(text(ranges, "ranges")?, "ranges")?;
            let sets = ranges.sets().len();
            *out = open(MemoryStore::new(Pool::new(ranges, pool_options(options)?)), sets);
            Ok(())
        })
    }
}

/// Gives one address of each range set to an interface of a container, or none at all. As `k8sboot_pool_allocate`.
///
/// # Safety
///
/// `store` is NULL or live; the texts are NULL or NUL-terminated; `request` is NULL or a sized struct with
/// `addresses_len` addresses; `assigned` has room for `capacity`; `count` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_store_allocate(
    store: *const k8sboot_store_t,
    container: *const c_char,
    interface: *const c_char,
    request: *const k8sboot_request_t,
    assigned: *mut k8sboot_assigned_t,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = Array::new(assigned, capacity, count, "assigned")?;
            let store = used(store)?;
            let owner = owner(container, interface)?;
            out.needs(store.handle.sets)?;
            Scratch::with(|scratch| {
                let request = self::request(owner, request, &mut scratch.addresses)?;
                store.store().allocate(&request, &mut scratch.allocation)?;
                out.fill(scratch.allocation.iter().map(k8sboot_assigned_t::from));
                Ok(())
            })
        })
    }
}

/// Frees everything that an interface of a container holds, whatever the ranges are. As `k8sboot_pool_release`.
///
/// # Safety
///
/// `store` is NULL or live; the texts are NULL or NUL-terminated; `freed` has room for `capacity`; `count` and `err` are
/// NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_store_release(
    store: *const k8sboot_store_t,
    container: *const c_char,
    interface: *const c_char,
    freed: *mut k8sboot_ip_t,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = Array::new(freed, capacity, count, "freed")?;
            let store = used(store)?;
            let owner = owner(container, interface)?;
            Scratch::with(|scratch| {
                store.store().release(owner, &mut scratch.addresses)?;
                out.fill(scratch.addresses.iter().map(|address| (*address).into()));
                Ok(())
            })
        })
    }
}

/// Writes the addresses that an interface of a container holds. As `k8sboot_pool_find`.
///
/// # Safety
///
/// `store` is NULL or live; the texts are NULL or NUL-terminated; `addresses` has room for `capacity`; `count` and `err`
/// are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_store_find(
    store: *const k8sboot_store_t,
    container: *const c_char,
    interface: *const c_char,
    addresses: *mut k8sboot_ip_t,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = Array::new(addresses, capacity, count, "addresses")?;
            let store = used(store)?;
            let owner = owner(container, interface)?;
            Scratch::with(|scratch| {
                store.store().find(owner, &mut scratch.addresses)?;
                out.fill(scratch.addresses.iter().map(|address| (*address).into()));
                Ok(())
            })
        })
    }
}

/// Writes everything that a store holds to `out` as JSON, broken and foreign entries too: `schemaVersion` (1) and
/// `records`, each with `name`, `address` (if the name is one), `holder` (`attachment`, `container`, `empty`, `foreign`),
/// `container`, `interface`, `found`, `boot` (`this`, `earlier`, `unknown`) and `ageSeconds`, as far as they apply.
///
/// # Safety
///
/// `store` is NULL or live; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_store_records(
    store: *const k8sboot_store_t,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = crate::handle::out(out, "out")?;
            let records = used(store)?.store().records()?;
            *out = plain(crate::record::list(&records).to_string());
            Ok(())
        })
    }
}

/// Writes how full a range set is to `out`. As `k8sboot_pool_usage`.
///
/// # Safety
///
/// `store` is NULL or live; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_store_usage(
    store: *const k8sboot_store_t,
    set: usize,
    out: *mut k8sboot_usage_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = empty(out, "out")?;
            let store = used(store)?;
            let usage = store.store().usage()?.get(set).copied();
            write_usage(out, set, store.handle.sets, usage)
        })
    }
}

/// Adds an owner and returns the same pointer; NULL stays NULL.
///
/// # Safety
///
/// `store` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_store_ref(store: *const k8sboot_store_t) -> *const k8sboot_store_t {
    // SAFETY: exactly the caller's promise.
    unsafe { add_owner(store) }
}

/// Ends one owner; the last one closes the store. What it keeps outside of the process stays. NULL is allowed.
///
/// # Safety
///
/// `store` is NULL or live, and this owner does not use it again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_store_free(store: *const k8sboot_store_t) {
    // SAFETY: exactly the caller's promise.
    guard_void(|| unsafe { release_shared(store) });
}

/// A store in use; marks its handle if the call panics.
pub(crate) struct Used<'a> {
    handle: &'a k8sboot_store_t,
}

impl Used<'_> {
    /// The store itself.
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.handle.store
    }
}

impl Drop for Used<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.handle.panicked.store(true, Ordering::Release);
        }
    }
}

/// Borrows a store.
///
/// # Safety
///
/// `store` is NULL or live for `'a`.
pub(crate) unsafe fn used<'a>(store: *const k8sboot_store_t) -> Result<Used<'a>, Failure> {
    // SAFETY: exactly the caller's promise.
    let handle = unsafe { shared(store, "store") }?;
    if handle.panicked.load(Ordering::Acquire) {
        return Err(Failure::poisoned("store"));
    }
    Ok(Used { handle })
}

fn open(store: impl Store + 'static, sets: usize) -> *const k8sboot_store_t {
    share(k8sboot_store_t { store: Box::new(store), sets, panicked: AtomicBool::new(false) })
}

/// Empties an output for a shared handle and returns the place to write it to.
///
/// # Safety
///
/// `place` is NULL or writable for `'a`.
unsafe fn shared_out<'a, T>(
    place: *mut *const T,
    argument: &'static str,
) -> Result<&'a mut *const T, Failure> {
    if place.is_null() {
        return Err(Failure::null(argument));
    }
    // SAFETY: writable; written before it is borrowed, because it may be uninitialised.
    unsafe {
        place.write(std::ptr::null());
        Ok(&mut *place)
    }
}
