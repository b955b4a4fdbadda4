//! Objects behind pointers: exclusive ones in a `Box`, shared ones in an `Arc`.
//!
//! Which of the two a handle is, is decided by the trait its type implements. An exclusive handle that a call panicked
//! on is poisoned: later calls fail with `K8SBOOT_E_MISUSE`, freeing it still works. Use of an exclusive handle by two
//! threads at once, or from a callback of the call that uses it, is found and fails the same way.

use std::{
    ops::{Deref, DerefMut},
    ptr,
    sync::{
        Arc, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use crate::error::Failure;

/// A handle with one owner; see [`give`] and [`release`].
pub(crate) trait Exclusive: Sized {
    /// What the handle holds.
    type Value;

    /// A handle around the value.
    fn new(slot: Slot<Self::Value>) -> Self;

    /// The way to the value.
    fn slot(&self) -> &Slot<Self::Value>;

    /// The value itself, the handle being used up.
    fn into_slot(self) -> Slot<Self::Value>;
}

/// Makes a struct of one [`Slot`] an exclusive handle. The struct itself is written out: the header is made from it.
macro_rules! exclusive {
    ($handle:ident, $value:ty) => {
        impl $crate::handle::Exclusive for $handle {
            type Value = $value;

            fn new(slot: $crate::handle::Slot<$value>) -> Self {
                Self(slot)
            }

            fn slot(&self) -> &$crate::handle::Slot<$value> {
                &self.0
            }

            fn into_slot(self) -> $crate::handle::Slot<$value> {
                self.0
            }
        }
    };
}
pub(crate) use exclusive;

/// A handle with any number of owners, each of which releases it once; see [`share`] and [`release_shared`].
pub(crate) trait Shared: Send + Sync {}

/// The value of an exclusive handle, with what is known about its use.
pub(crate) struct Slot<T> {
    value: RwLock<T>,
    panicked: AtomicBool,
}

/// A value that is being used; poisons its handle if the call panics.
pub(crate) struct Use<'a, G> {
    guard: G,
    panicked: &'a AtomicBool,
}

pub(crate) type Read<'a, T> = Use<'a, RwLockReadGuard<'a, T>>;
pub(crate) type Write<'a, T> = Use<'a, RwLockWriteGuard<'a, T>>;

impl<G: Deref> Deref for Use<'_, G> {
    type Target = G::Target;

    fn deref(&self) -> &G::Target {
        &self.guard
    }
}

impl<G: DerefMut> DerefMut for Use<'_, G> {
    fn deref_mut(&mut self) -> &mut G::Target {
        &mut self.guard
    }
}

impl<G> Drop for Use<'_, G> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.panicked.store(true, Ordering::Release);
        }
    }
}

impl<T> Slot<T> {
    fn new(value: T) -> Self {
        Self { value: RwLock::new(value), panicked: AtomicBool::new(false) }
    }

    fn usable<'a, G>(
        &'a self,
        argument: &'static str,
        guard: Result<G, TryLockError<G>>,
    ) -> Result<Use<'a, G>, Failure> {
        if self.panicked.load(Ordering::Acquire) {
            return Err(Failure::poisoned(argument));
        }
        match guard {
            Ok(guard) => Ok(Use { guard, panicked: &self.panicked }),
            Err(TryLockError::WouldBlock) => Err(Failure::busy(argument)),
            Err(TryLockError::Poisoned(_)) => Err(Failure::poisoned(argument)),
        }
    }

    fn read(&self, argument: &'static str) -> Result<Read<'_, T>, Failure> {
        self.usable(argument, self.value.try_read())
    }

    fn write(&self, argument: &'static str) -> Result<Write<'_, T>, Failure> {
        self.usable(argument, self.value.try_write())
    }
}

/// Hands a value to the caller, who releases it.
pub(crate) fn give<H: Exclusive>(value: H::Value) -> *mut H {
    Box::into_raw(Box::new(H::new(Slot::new(value))))
}

/// Borrows a value for reading.
///
/// # Safety
///
/// `handle` is NULL or live for `'a`.
pub(crate) unsafe fn read<'a, H: Exclusive + 'a>(
    handle: *const H,
    argument: &'static str,
) -> Result<Read<'a, H::Value>, Failure> {
    // SAFETY: live, as the caller promises.
    unsafe { handle.as_ref() }.ok_or_else(|| Failure::null(argument))?.slot().read(argument)
}

/// Borrows a value for writing.
///
/// # Safety
///
/// `handle` is NULL or live for `'a`.
pub(crate) unsafe fn write<'a, H: Exclusive + 'a>(
    handle: *mut H,
    argument: &'static str,
) -> Result<Write<'a, H::Value>, Failure> {
    // SAFETY: live, as the caller promises; a shared borrow suffices, the lock inside tells writers apart.
    unsafe { handle.as_ref() }.ok_or_else(|| Failure::null(argument))?.slot().write(argument)
}

/// Takes a value back and sets the caller's pointer to NULL, so that it cannot be used twice.
///
/// # Safety
///
/// `handle` is NULL or points to NULL or to a live handle that no other thread uses.
pub(crate) unsafe fn take<H: Exclusive>(
    handle: *mut *mut H,
    argument: &'static str,
) -> Result<H::Value, Failure> {
    // SAFETY: readable and live, as the caller promises; `write` proves that nobody holds the value.
    let owned = unsafe {
        let place = handle.as_mut().ok_or_else(|| Failure::null(argument))?;
        drop(write(*place, argument)?);
        Box::from_raw(std::mem::replace(place, ptr::null_mut()))
    };
    owned.into_slot().value.into_inner().map_err(|_| Failure::poisoned(argument))
}

/// Borrows the value that [`take`] would take.
///
/// # Safety
///
/// `handle` is NULL or points to NULL or to a handle that is live for `'a`.
pub(crate) unsafe fn peek<'a, H: Exclusive + 'a>(
    handle: *mut *mut H,
    argument: &'static str,
) -> Result<Read<'a, H::Value>, Failure> {
    // SAFETY: readable and live, as the caller promises.
    unsafe { read(*handle.as_ref().ok_or_else(|| Failure::null(argument))?, argument) }
}

/// Ends a handle; NULL is nothing to end.
///
/// # Safety
///
/// `handle` is NULL or came from [`give`] and is not used again.
pub(crate) unsafe fn release<H>(handle: *mut H) {
    if !handle.is_null() {
        // SAFETY: made by `Box::into_raw` in `give`, ended once, as the caller promises.
        drop(unsafe { Box::from_raw(handle) });
    }
}

/// Hands a shared value to the caller, its first owner.
pub(crate) fn share<H: Shared>(value: H) -> *const H {
    Arc::into_raw(Arc::new(value))
}

/// Borrows a shared value.
///
/// # Safety
///
/// `handle` is NULL or live for `'a`.
pub(crate) unsafe fn shared<'a, H: Shared>(
    handle: *const H,
    argument: &'static str,
) -> Result<&'a H, Failure> {
    // SAFETY: live, as the caller promises; shared handles are never borrowed mutably.
    unsafe { handle.as_ref() }.ok_or_else(|| Failure::null(argument))
}

/// Adds an owner on this side of the boundary.
///
/// # Safety
///
/// `handle` is NULL or live.
pub(crate) unsafe fn own_shared<H: Shared>(
    handle: *const H,
    argument: &'static str,
) -> Result<Arc<H>, Failure> {
    if handle.is_null() {
        return Err(Failure::null(argument));
    }
    // SAFETY: made by `Arc::into_raw` in `share` and live; the count that is taken back is the one that was added.
    unsafe {
        Arc::increment_strong_count(handle);
        Ok(Arc::from_raw(handle))
    }
}

/// Adds an owner and returns the same pointer; NULL stays NULL.
///
/// # Safety
///
/// `handle` is NULL or live.
pub(crate) unsafe fn add_owner<H: Shared>(handle: *const H) -> *const H {
    if !handle.is_null() {
        // SAFETY: made by `Arc::into_raw` in `share` and live.
        unsafe { Arc::increment_strong_count(handle) };
    }
    handle
}

/// Ends one owner; NULL is nothing to end.
///
/// # Safety
///
/// `handle` is NULL or live, and this owner does not use it again.
pub(crate) unsafe fn release_shared<H: Shared>(handle: *const H) {
    if !handle.is_null() {
        // SAFETY: made by `Arc::into_raw` in `share`, one count belongs to the caller.
        drop(unsafe { Arc::from_raw(handle) });
    }
}

/// Empties an output and returns the place to write it to.
///
/// # Safety
///
/// `place` is NULL or writable for `'a`.
pub(crate) unsafe fn out<'a, T>(
    place: *mut *mut T,
    argument: &'static str,
) -> Result<&'a mut *mut T, Failure> {
    if place.is_null() {
        return Err(Failure::null(argument));
    }
    // SAFETY: writable; written before it is borrowed, because it may be uninitialised.
    unsafe {
        place.write(ptr::null_mut());
        Ok(&mut *place)
    }
}
