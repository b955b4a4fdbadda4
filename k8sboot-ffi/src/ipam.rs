//! What pools and stores share at the boundary: requests in, addresses and counts out, nothing allocated when warm.

use std::{cell::Cell, ffi::c_char, net::IpAddr, ptr};

use k8sboot_core::{
    cidr::Cidr,
    ipam::{Allocation, Assigned, Owner, Repeat, Request, Usage},
};

use crate::{
    error::Failure,
    event::{Sized_, read_sized},
    ip::k8sboot_ip_t,
    text::{elements, text},
};

/// An owner that asks again gets the address that it holds: calls may be repeated safely.
pub const K8SBOOT_REPEAT_SAME: u32 = 0;
/// An owner that asks again is refused with `K8SBOOT_E_IPAM_DUPLICATE`, as host-local does.
pub const K8SBOOT_REPEAT_REFUSE: u32 = 1;

/// What is asked of an allocation beyond its owner. All zero, or NULL instead of the struct: by policy alone, safe to
/// repeat.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct k8sboot_request_t {
    /// `sizeof(k8sboot_request_t)` as the caller knows it.
    pub size: usize,
    /// Addresses wanted, in any order: each goes to the first range set that contains it.
    pub addresses: *const k8sboot_ip_t,
    /// How many.
    pub addresses_len: usize,
    /// One of `K8SBOOT_REPEAT_…`.
    pub repeat: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: `repr(C)`, begins with `size`, holds only nullable pointers and integers, and has no padding.
unsafe impl Sized_ for k8sboot_request_t {}

/// One address that was given. Its layout is frozen.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct k8sboot_assigned_t {
    /// The address.
    pub address: k8sboot_ip_t,
    /// The gateway of its subnet.
    pub gateway: k8sboot_ip_t,
    /// The prefix length of its subnet.
    pub prefix: u8,
    /// 0.
    pub reserved: u8,
    /// The index of its range set, from 0.
    pub set: u32,
}

/// How full a range set is; `UINT64_MAX` means that or more (IPv6 ranges beyond a /64). Its layout is frozen.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct k8sboot_usage_t {
    /// Addresses held.
    pub held: u64,
    /// Addresses free, but not to be given yet.
    pub resting: u64,
    /// Addresses that can be held at most: those of the ranges less the gateways.
    pub size: u64,
}

impl From<&Assigned> for k8sboot_assigned_t {
    fn from(given: &Assigned) -> Self {
        Self {
            address: given.address.into(),
            gateway: given.gateway.into(),
            prefix: given.prefix,
            reserved: 0,
            set: u32::try_from(given.set).unwrap_or(u32::MAX),
        }
    }
}

impl From<Usage> for k8sboot_usage_t {
    fn from(usage: Usage) -> Self {
        let saturating = |count| u64::try_from(count).unwrap_or(u64::MAX);
        Self {
            held: saturating(usage.held),
            resting: saturating(usage.resting),
            size: saturating(usage.size),
        }
    }
}

/// What a thread keeps between calls, so that the next one allocates nothing.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) allocation: Allocation,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) subnets: Vec<Cidr>,
}

/// More than this is not kept.
const KEPT: usize = 1024;

thread_local! {
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

impl Scratch {
    /// Runs a body with the scratch of this thread, emptied.
    pub(crate) fn with<T>(body: impl FnOnce(&mut Self) -> T) -> T {
        let mut scratch = SCRATCH.try_with(Cell::take).ok().flatten().unwrap_or_default();
        scratch.allocation.clear();
        scratch.addresses.clear();
        let result = body(&mut scratch);
        if scratch.addresses.capacity() <= KEPT {
            // A thread that is ending keeps nothing.
            let _ = SCRATCH.try_with(|kept| kept.set(Some(scratch)));
        }
        result
    }
}

/// Reads an owner.
///
/// # Safety
///
/// Both are NULL or NUL-terminated, and live for `'a`.
pub(crate) unsafe fn owner<'a>(
    container: *const c_char,
    interface: *const c_char,
) -> Result<Owner<'a>, Failure> {
    // SAFETY: exactly the caller's promise.
    let (container, interface) = unsafe { (text(container, "container")?, text(interface, "interface")?) };
    Ok(Owner::new(container, interface)?)
}

/// Reads a request; the wanted addresses go to `wanted`.
///
/// # Safety
///
/// `from` is NULL or a sized struct with `addresses_len` readable addresses.
pub(crate) unsafe fn request<'a>(
    owner: Owner<'a>,
    from: *const k8sboot_request_t,
    wanted: &'a mut Vec<IpAddr>,
) -> Result<Request<'a>, Failure> {
    // SAFETY: exactly the caller's promise.
    let (given, addresses) = unsafe {
        let given = read_sized(from, "request")?;
        (given, elements(given.addresses, given.addresses_len, "request.addresses")?)
    };
    for address in addresses {
        wanted.push(address.address("request.addresses")?);
    }
    let repeat = match given.repeat {
        K8SBOOT_REPEAT_SAME => Repeat::Same,
        K8SBOOT_REPEAT_REFUSE => Repeat::Refuse,
        other => return Err(Failure::choice("request.repeat", "K8SBOOT_REPEAT_…", other)),
    };
    if given.reserved != 0 {
        return Err(Failure::misuse("request.reserved", &format!("expected 0, found {}", given.reserved)));
    }
    Ok(Request::new(owner).addresses(wanted).repeat(repeat))
}

/// A caller's array with the place for its count.
pub(crate) struct Array<T> {
    array: *mut T,
    capacity: usize,
    count: *mut usize,
}

impl<T> Array<T> {
    /// An array that must be there, unless it has no room, and whose count may be left out.
    ///
    /// # Safety
    ///
    /// `array` is NULL or has room for `capacity` values, and `count` is NULL or writable, for as long as the value
    /// lives.
    pub(crate) unsafe fn new(
        array: *mut T,
        capacity: usize,
        count: *mut usize,
        argument: &'static str,
    ) -> Result<Self, Failure> {
        if !count.is_null() {
            // SAFETY: not NULL, so writable.
            unsafe { count.write(0) };
        }
        if array.is_null() && capacity > 0 {
            return Err(Failure::null(argument));
        }
        Ok(Self { array, capacity, count })
    }

    /// Fails unless there is room for `needed` values.
    pub(crate) fn needs(&self, needed: usize) -> Result<(), Failure> {
        if self.capacity >= needed {
            return Ok(());
        }
        let problem =
            format!("expected room for {needed} (one address of each range set), found {}", self.capacity);
        Err(Failure::misuse("capacity", &problem))
    }

    /// Writes as many as there is room for, and how many there are.
    pub(crate) fn fill(&self, values: impl Iterator<Item = T>) {
        let mut all = 0;
        for value in values {
            if all < self.capacity {
                // SAFETY: inside the caller's array, which has room for `capacity` values.
                unsafe { self.array.add(all).write(value) };
            }
            all += 1;
        }
        if !self.count.is_null() {
            // SAFETY: not NULL, so writable.
            unsafe { ptr::write(self.count, all) };
        }
    }
}

/// A yes or no that the caller may not want to know.
pub(crate) struct Answer(*mut u32);

impl Answer {
    /// # Safety
    ///
    /// `place` is NULL or writable for as long as the value lives.
    pub(crate) unsafe fn new(place: *mut u32) -> Self {
        if !place.is_null() {
            // SAFETY: not NULL, so writable.
            unsafe { place.write(0) };
        }
        Self(place)
    }

    pub(crate) fn give(self, answer: bool) {
        if !self.0.is_null() {
            // SAFETY: not NULL, so writable, as the maker promised.
            unsafe { self.0.write(answer.into()) };
        }
    }
}

/// Writes a usage, or says which range sets there are.
pub(crate) fn write_usage(
    out: &mut k8sboot_usage_t,
    set: usize,
    sets: usize,
    usage: Option<Usage>,
) -> Result<(), Failure> {
    let none =
        || Failure::misuse("set", &format!("expected one of {sets} range sets, counted from 0, found {set}"));
    *out = usage.ok_or_else(none)?.into();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{K8SBOOT_E_ENUM, K8SBOOT_E_MISUSE, K8SBOOT_E_NULL};

    #[test]
    fn layouts_are_frozen() {
        assert_eq!(size_of::<k8sboot_assigned_t>(), 40);
        assert_eq!(std::mem::offset_of!(k8sboot_assigned_t, set), 36);
        assert_eq!(size_of::<k8sboot_usage_t>(), 24);
    }

    #[test]
    fn arrays_take_what_they_have_room_for_and_count_all() {
        let (mut array, mut count) = ([0_u8; 2], 9);
        // SAFETY: as much room as is said.
        let into = unsafe { Array::new(array.as_mut_ptr(), 2, &raw mut count, "array") }.unwrap();
        into.fill([1, 2, 3].into_iter());
        assert_eq!((array, count), ([1, 2], 3));
        // SAFETY: NULL with no room is allowed, NULL with room is refused.
        unsafe {
            Array::<u8>::new(ptr::null_mut(), 0, ptr::null_mut(), "array").unwrap().fill([1].into_iter());
            let failure = Array::<u8>::new(ptr::null_mut(), 1, &raw mut count, "array").err().unwrap();
            assert_eq!((failure.code(), count), (K8SBOOT_E_NULL, 0));
        }
    }

    #[test]
    fn requests_are_checked() {
        let zero = k8sboot_request_t {
            size: size_of::<k8sboot_request_t>(),
            addresses: ptr::null(),
            addresses_len: 0,
            repeat: 0,
            reserved: 0,
        };
        let bad = k8sboot_ip_t { family: 7, bytes: [0; 16] };
        for (change, code) in [
            (k8sboot_request_t { repeat: 2, ..zero }, K8SBOOT_E_ENUM),
            (k8sboot_request_t { reserved: 1, ..zero }, K8SBOOT_E_MISUSE),
            (k8sboot_request_t { size: 3, ..zero }, K8SBOOT_E_MISUSE),
            (k8sboot_request_t { addresses_len: 1, ..zero }, K8SBOOT_E_NULL),
            (k8sboot_request_t { addresses: &raw const bad, addresses_len: 1, ..zero }, K8SBOOT_E_ENUM),
        ] {
            let owner = Owner::new("a", "eth0").unwrap();
            let mut wanted = Vec::new();
            // SAFETY: a live struct with live addresses.
            let failure = unsafe { request(owner, &raw const change, &mut wanted) }.err().unwrap();
            assert_eq!(failure.code(), code);
        }
    }
}
