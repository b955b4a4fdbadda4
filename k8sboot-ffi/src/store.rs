//! Stores: leases that many threads work on, in memory, in host-local's directory or in etcd.

use std::{
    ffi::c_char,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

#[cfg(feature = "node")]
use k8sboot_core::store::DirectoryStore;
use k8sboot_core::{
    ipam::Ranges,
    store::{MemoryStore, Store},
};

use crate::{
    error::{Failure, k8sboot_code_t, k8sboot_error_t},
    event::{Sized_, read_sized},
    guard::{guard, guard_void, needs},
    handle::{Shared, add_owner, release_shared, share, shared},
    ip::{empty, k8sboot_ip_t},
    ipam::{
        Array, Scratch, k8sboot_assigned_t, k8sboot_request_t, k8sboot_usage_t, owner, request, write_usage,
    },
    pool::{k8sboot_pool_options_t, new_pool},
    ranges,
    text::{k8sboot_buf_t, optional_text, plain, text},
};

/// Keeps who holds which address of a network. Shared: any thread may use it, many at once; `k8sboot_store_ref` adds an
/// owner, `k8sboot_store_free` ends one.
pub struct k8sboot_store_t {
    store: Arc<dyn Store>,
    /// The same store, if it is a directory.
    #[cfg(feature = "node")]
    directory: Option<Arc<DirectoryStore>>,
    ranges: Ranges,
    panicked: AtomicBool,
}

impl Shared for k8sboot_store_t {}

/// The directory must be there; without it, it is made, as host-local does.
pub const K8SBOOT_DIRECTORY_MUST_EXIST: u64 = 1;
/// A symbolic link in the place of the network's directory is followed.
pub const K8SBOOT_DIRECTORY_FOLLOW_LINK: u64 = 2;
/// What a call acknowledges outlives a power loss: for owners that come back after a reboot. One process at a time.
pub const K8SBOOT_DIRECTORY_DURABLE: u64 = 4;
/// What the directory holds is kept in memory between calls: for a process that stays.
pub const K8SBOOT_DIRECTORY_RESIDENT: u64 = 8;

/// How a directory is opened. All zero, or NULL instead of the struct: the defaults.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct k8sboot_directory_options_t {
    /// `sizeof(k8sboot_directory_options_t)` as the caller knows it.
    pub size: usize,
    /// Any of `K8SBOOT_DIRECTORY_…`, or-ed.
    pub flags: u64,
    /// How long to wait for somebody else's lock, in milliseconds. 0: 30 seconds.
    pub lock_timeout_ms: u64,
}

// SAFETY: `repr(C)`, begins with `size`, holds only integers of 8 bytes after it, and has no padding.
unsafe impl Sized_ for k8sboot_directory_options_t {}

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
            *out = open(MemoryStore::new(new_pool(ranges.clone(), options)?), ranges);
            Ok(())
        })
    }
}

/// Opens the directory of a network as host-local keeps it, `data_dir/network`, safe beside the real host-local.
///
/// `ranges` as for `k8sboot_pool_new`, or NULL for a store that looks and releases only. `options` may be NULL.
///
/// # Safety
///
/// The texts are NULL or NUL-terminated; `options` is NULL or a sized struct; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_store_directory(
    data_dir: *const c_char,
    network: *const c_char,
    ranges: *const c_char,
    options: *const k8sboot_directory_options_t,
    out: *mut *const k8sboot_store_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = shared_out(out, "out")?;
            let (data_dir, network) = (text(data_dir, "data_dir")?, text(network, "network")?);
            let ranges = match optional_text(ranges, "ranges")? {
                Some(ranges) => ranges::parse(ranges, "ranges")?,
                None => Ranges::none(),
            };
            let options = read_sized(options, "options")?;
            needs!("node", {
                let options = imp::directory_options(&options)?;
                let store = DirectoryStore::open(data_dir, network, ranges.clone(), options)?;
                *out = imp::open_directory(store, ranges);
                Ok(())
            })
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
            out.needs(store.ranges().sets().len())?;
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
            write_usage(out, set, store.ranges().sets().len(), usage)
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

    /// The store as a directory, if it is one.
    #[cfg(feature = "node")]
    pub(crate) fn directory(&self) -> Option<&DirectoryStore> {
        self.handle.directory.as_deref()
    }

    /// The range sets that it was opened with.
    pub(crate) fn ranges(&self) -> &Ranges {
        &self.handle.ranges
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
    used_owned(unsafe { shared(store, "store") }?)
}

/// Borrows a store that this side of the boundary keeps open.
pub(crate) fn used_owned(handle: &k8sboot_store_t) -> Result<Used<'_>, Failure> {
    if handle.panicked.load(Ordering::Acquire) {
        return Err(Failure::poisoned("store"));
    }
    Ok(Used { handle })
}

/// A handle with one owner around a store.
pub(crate) fn open(store: impl Store + 'static, ranges: Ranges) -> *const k8sboot_store_t {
    share(k8sboot_store_t {
        store: Arc::new(store),
        #[cfg(feature = "node")]
        directory: None,
        ranges,
        panicked: AtomicBool::new(false),
    })
}

/// Empties an output for a shared handle and returns the place to write it to.
///
/// # Safety
///
/// `place` is NULL or writable for `'a`.
pub(crate) unsafe fn shared_out<'a, T>(
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

#[cfg(feature = "node")]
mod imp {
    use std::{
        sync::{Arc, atomic::AtomicBool},
        time::Duration,
    };

    use k8sboot_core::{
        ipam::Ranges,
        store::{DirectoryOptions, DirectoryStore, Durability, JournalOptions},
    };

    use super::{
        Failure, K8SBOOT_DIRECTORY_DURABLE, K8SBOOT_DIRECTORY_FOLLOW_LINK, K8SBOOT_DIRECTORY_MUST_EXIST,
        K8SBOOT_DIRECTORY_RESIDENT, k8sboot_directory_options_t, k8sboot_store_t, share,
    };

    pub(super) fn open_directory(store: DirectoryStore, ranges: Ranges) -> *const k8sboot_store_t {
        let store = Arc::new(store);
        share(k8sboot_store_t {
            store: Arc::<DirectoryStore>::clone(&store),
            directory: Some(store),
            ranges,
            panicked: AtomicBool::new(false),
        })
    }

    pub(super) fn directory_options(
        given: &k8sboot_directory_options_t,
    ) -> Result<DirectoryOptions, Failure> {
        const KNOWN: u64 = K8SBOOT_DIRECTORY_MUST_EXIST
            | K8SBOOT_DIRECTORY_FOLLOW_LINK
            | K8SBOOT_DIRECTORY_DURABLE
            | K8SBOOT_DIRECTORY_RESIDENT;
        if given.flags & !KNOWN != 0 {
            return Err(Failure::choice("options.flags", "K8SBOOT_DIRECTORY_…", given.flags));
        }
        let has = |flag| given.flags & flag != 0;
        let mut options = DirectoryOptions::new()
            .create(!has(K8SBOOT_DIRECTORY_MUST_EXIST))
            .follow_link(has(K8SBOOT_DIRECTORY_FOLLOW_LINK))
            .resident(has(K8SBOOT_DIRECTORY_RESIDENT));
        if has(K8SBOOT_DIRECTORY_DURABLE) {
            options = options.durability(Durability::Durable(JournalOptions::default()));
        }
        if given.lock_timeout_ms > 0 {
            options = options.lock_timeout(Duration::from_millis(given.lock_timeout_ms));
        }
        Ok(options)
    }
}
