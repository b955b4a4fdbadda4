//! Pools: addresses of range sets, handed out in memory.

use std::{ffi::c_char, time::Duration};

use k8sboot_core::ipam::{Policy, Pool, PoolOptions, PoolState, Ranges, Rest};

use crate::{
    error::{Failure, k8sboot_code_t, k8sboot_error_t},
    event::{Sized_, read_sized},
    guard::{guard, guard_void},
    handle::{Slot, exclusive, give, out, read, release, write},
    ip::{address_in, empty, k8sboot_ip_t},
    ipam::{
        Answer, Array, Scratch, k8sboot_assigned_t, k8sboot_request_t, k8sboot_usage_t, owner, request,
        write_usage,
    },
    ranges,
    text::{k8sboot_buf_t, plain, text},
};

/// The next free address after the last given, as host-local does.
pub const K8SBOOT_POLICY_NEXT_FIT: u32 = 0;
/// The lowest free address.
pub const K8SBOOT_POLICY_LOWEST: u32 = 1;
/// As `K8SBOOT_POLICY_NEXT_FIT`, but an address that was released rests before anybody gets it: until both `rest_ms` have
/// passed (by `k8sboot_pool_advance`) and `rest_releases` other addresses of the range set were released.
pub const K8SBOOT_POLICY_REST: u32 = 2;

/// How a pool gives addresses. All zero, or NULL instead of the struct: the defaults.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct k8sboot_pool_options_t {
    /// `sizeof(k8sboot_pool_options_t)` as the caller knows it.
    pub size: usize,
    /// One of `K8SBOOT_POLICY_…`.
    pub policy: u32,
    /// Whether the address that rests longest is given when all others are held: 0 or 1.
    pub rest_oldest_if_exhausted: u32,
    /// For `K8SBOOT_POLICY_REST`.
    pub rest_ms: u64,
    /// For `K8SBOOT_POLICY_REST`.
    pub rest_releases: u64,
    /// Where the hash of owners starts; it changes no answer. Random and secret where others than the container runtime
    /// choose container IDs.
    pub hash_seed: u64,
    /// Make room for so many addresses held at once: twice as many as there will be, and nothing is allocated later.
    pub reserve: u64,
}

// SAFETY: `repr(C)`, begins with `size`, holds only integers, and has no padding.
unsafe impl Sized_ for k8sboot_pool_options_t {}

/// Hands out one address of each range set to each owner, in memory. Allocating and releasing allocate no memory within
/// what `reserve` made room for. Freed with `k8sboot_pool_free`.
pub struct k8sboot_pool_t(Slot<Pool>);

exclusive!(k8sboot_pool_t, Pool);

/// Makes an empty pool. `ranges` is a JSON list of range sets, each a list of ranges, as in host-local's configuration:
/// `[[{"subnet": "10.244.1.0/24", "rangeStart": …, "rangeEnd": …, "gateway": …}]]`; all but `subnet` may be left out.
///
/// # Safety
///
/// `ranges` is NULL or NUL-terminated; `options` is NULL or a sized struct; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_pool_new(
    ranges: *const c_char,
    options: *const k8sboot_pool_options_t,
    out: *mut *mut k8sboot_pool_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let ranges = ranges::parse(text(ranges, "ranges")?, "ranges")?;
            *out = give(new_pool(ranges, options)?);
            Ok(())
        })
    }
}

/// Gives one address of each range set to an interface of a container, or none at all.
///
/// `request` may be NULL. The addresses go to `assigned`, in the order of the range sets; `capacity` must be at least
/// the number of range sets, and `count`, which may be NULL, gets it.
///
/// # Safety
///
/// `pool` is NULL or live; the texts are NULL or NUL-terminated; `request` is NULL or a sized struct with
/// `addresses_len` addresses; `assigned` has room for `capacity`; `count` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_pool_allocate(
    pool: *mut k8sboot_pool_t,
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
            let mut pool = write(pool, "pool")?;
            let owner = owner(container, interface)?;
            out.needs(pool.ranges().sets().len())?;
            Scratch::with(|scratch| {
                let request = self::request(owner, request, &mut scratch.addresses)?;
                pool.allocate(&request, &mut scratch.allocation)?;
                out.fill(scratch.allocation.iter().map(k8sboot_assigned_t::from));
                Ok(())
            })
        })
    }
}

/// Frees everything that an interface of a container holds; nothing held is success.
///
/// The addresses go to `freed`, as many as it has room for; `count` gets how many were freed. Both may be NULL, with a
/// `capacity` of 0.
///
/// # Safety
///
/// `pool` is NULL or live; the texts are NULL or NUL-terminated; `freed` has room for `capacity`; `count` and `err` are
/// NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_pool_release(
    pool: *mut k8sboot_pool_t,
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
            let mut pool = write(pool, "pool")?;
            let owner = owner(container, interface)?;
            Scratch::with(|scratch| {
                pool.release_into(owner, &mut scratch.addresses);
                out.fill(scratch.addresses.iter().map(|address| (*address).into()));
                Ok(())
            })
        })
    }
}

/// Frees one address, whoever holds it; `was_held`, which may be NULL, gets 1 if it was held and else 0.
///
/// # Safety
///
/// `pool` is NULL or live; `address` is NULL or readable; `was_held` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_pool_release_address(
    pool: *mut k8sboot_pool_t,
    address: *const k8sboot_ip_t,
    was_held: *mut u32,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let answer = Answer::new(was_held);
            let mut pool = write(pool, "pool")?;
            answer.give(pool.release_address(address_in(address, "address")?));
            Ok(())
        })
    }
}

/// Notes that an interface of a container holds an address, inside the ranges or not: for what is in use already.
/// `is_new`, which may be NULL, gets 0 if the address was held before, and then nothing changes.
///
/// # Safety
///
/// `pool` is NULL or live; `address` is NULL or readable; the texts are NULL or NUL-terminated; `is_new` and `err` are
/// NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_pool_hold(
    pool: *mut k8sboot_pool_t,
    address: *const k8sboot_ip_t,
    container: *const c_char,
    interface: *const c_char,
    is_new: *mut u32,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let answer = Answer::new(is_new);
            let mut pool = write(pool, "pool")?;
            let address = address_in(address, "address")?;
            answer.give(pool.hold(address, owner(container, interface)?));
            Ok(())
        })
    }
}

/// Writes the addresses that an interface of a container holds to `addresses`, as many as it has room for; `count` gets
/// how many there are.
///
/// # Safety
///
/// `pool` is NULL or live; the texts are NULL or NUL-terminated; `addresses` has room for `capacity`; `count` and `err`
/// are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_pool_find(
    pool: *const k8sboot_pool_t,
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
            let pool = read(pool, "pool")?;
            out.fill(pool.find(owner(container, interface)?).map(k8sboot_ip_t::from));
            Ok(())
        })
    }
}

/// Writes how many range sets a pool has to `out`: the room that `k8sboot_pool_allocate` needs.
///
/// # Safety
///
/// `pool` is NULL or live; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_pool_sets(
    pool: *const k8sboot_pool_t,
    out: *mut usize,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = empty(out, "out")?;
            *out = read(pool, "pool")?.ranges().sets().len();
            Ok(())
        })
    }
}

/// Makes the clock of resting addresses show `now_ms` milliseconds since a moment of the caller's choice, best since boot;
/// it never goes back.
///
/// # Safety
///
/// `pool` is NULL or live; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_pool_advance(
    pool: *mut k8sboot_pool_t,
    now_ms: u64,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            write(pool, "pool")?.advance(Duration::from_millis(now_ms));
            Ok(())
        })
    }
}

/// Writes how full a range set is to `out`. `set` counts from 0.
///
/// # Safety
///
/// `pool` is NULL or live; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_pool_usage(
    pool: *const k8sboot_pool_t,
    set: usize,
    out: *mut k8sboot_usage_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = empty(out, "out")?;
            let pool = read(pool, "pool")?;
            write_usage(out, set, pool.ranges().sets().len(), pool.usage(set))
        })
    }
}

/// Writes the whole state of a pool to `out` as JSON with a version, for `k8sboot_pool_restore` of this or a later version
/// of the library.
///
/// # Safety
///
/// `pool` is NULL or live; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_pool_save(
    pool: *const k8sboot_pool_t,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            *out = plain(read(pool, "pool")?.state().to_json());
            Ok(())
        })
    }
}

/// Makes the pool that `k8sboot_pool_save` saved. `hash_seed` as in `k8sboot_pool_options_t`.
///
/// # Safety
///
/// `state` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_pool_restore(
    state: *const c_char,
    hash_seed: u64,
    out: *mut *mut k8sboot_pool_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let state = PoolState::from_json(text(state, "state")?.as_bytes())?;
            *out = give(Pool::restore_seeded(&state, hash_seed)?);
            Ok(())
        })
    }
}

/// Frees a pool. NULL is allowed.
///
/// # Safety
///
/// `pool` is NULL or came from this library, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_pool_free(pool: *mut k8sboot_pool_t) {
    // SAFETY: exactly the caller's promise.
    guard_void(|| unsafe { release(pool) });
}

/// A pool with the options that the caller gave.
///
/// # Safety
///
/// `options` is NULL or a sized struct.
pub(crate) unsafe fn new_pool(
    ranges: Ranges,
    options: *const k8sboot_pool_options_t,
) -> Result<Pool, Failure> {
    // SAFETY: exactly the caller's promise.
    let given = unsafe { read_sized(options, "options") }?;
    let oldest = flag(given.rest_oldest_if_exhausted, "options.rest_oldest_if_exhausted")?;
    let mut rest = Rest::time(Duration::from_millis(given.rest_ms)).oldest_if_exhausted(oldest);
    rest.releases = given.rest_releases;
    let policy = match given.policy {
        K8SBOOT_POLICY_REST => Policy::Rest(rest),
        _ if rest != Rest::default() => {
            return Err(Failure::misuse("options.rest", "expected K8SBOOT_POLICY_REST as the policy"));
        }
        K8SBOOT_POLICY_NEXT_FIT => Policy::NextFit,
        K8SBOOT_POLICY_LOWEST => Policy::Lowest,
        other => return Err(Failure::choice("options.policy", "K8SBOOT_POLICY_…", other)),
    };
    let mut pool = Pool::new(ranges, PoolOptions::new(policy).hash_seed(given.hash_seed));
    if given.reserve > MOST_RESERVED {
        let problem = format!("expected at most {MOST_RESERVED}, found {}", given.reserve);
        return Err(Failure::misuse("options.reserve", &problem));
    }
    pool.reserve(usize::try_from(given.reserve).unwrap_or(usize::MAX));
    Ok(pool)
}

/// Addresses that room is made for at most, a /8: more is a mistake, and would be memory that no machine has.
const MOST_RESERVED: u64 = 1 << 24;

fn flag(value: u32, argument: &str) -> Result<bool, Failure> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(Failure::choice(argument, "0, 1", other)),
    }
}
