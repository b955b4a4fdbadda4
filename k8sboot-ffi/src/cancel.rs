//! Cancelling a call from another thread.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::{
    error::{Failure, k8sboot_code_t, k8sboot_error_t},
    guard::{guard, guard_void},
    handle::{Shared, add_owner, release_shared, share, shared},
};

/// Asks running calls to stop. Shared: any thread may use it; `k8sboot_cancel_ref` adds an owner.
///
/// Once triggered it stays so: make a new one for the next call.
#[derive(Default)]
pub struct k8sboot_cancel_t(AtomicBool);

impl Shared for k8sboot_cancel_t {}

impl k8sboot_cancel_t {
    pub(crate) fn is_triggered(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Makes a cancel object with one owner.
///
/// # Safety
///
/// `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_cancel_new(
    out: *mut *const k8sboot_cancel_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above. NULL is written first, so the place is initialised.
    unsafe {
        guard(err, || {
            if out.is_null() {
                return Err(Failure::null("out"));
            }
            out.write(share(k8sboot_cancel_t::default()));
            Ok(())
        })
    }
}

/// Asks every call that was given this object to stop at its next safe point. Not async-signal-safe.
///
/// # Safety
///
/// `cancel` is NULL or live; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_cancel_trigger(
    cancel: *const k8sboot_cancel_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            shared(cancel, "cancel")?.0.store(true, Ordering::Release);
            Ok(())
        })
    }
}

/// Adds an owner, who calls `k8sboot_cancel_free` as well. Returns `cancel`; NULL for NULL.
///
/// # Safety
///
/// `cancel` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_cancel_ref(cancel: *const k8sboot_cancel_t) -> *const k8sboot_cancel_t {
    // SAFETY: exactly the caller's promise.
    unsafe { add_owner(cancel) }
}

/// Ends one owner. NULL is allowed.
///
/// # Safety
///
/// `cancel` is NULL or live, and this owner does not use it again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_cancel_free(cancel: *const k8sboot_cancel_t) {
    // SAFETY: exactly the caller's promise.
    guard_void(|| unsafe { release_shared(cancel) });
}
