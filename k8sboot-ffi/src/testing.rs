//! Bugs and events on demand, to test the boundary itself. Not in the header, never shipped.

use crate::{
    error::{Failure, k8sboot_code_t, k8sboot_error_t},
    event::{Event, K8SBOOT_EVENT_STEP_DONE, Run, k8sboot_run_t},
    guard::{guard, guard_void},
    handle::{Exclusive, Slot, give, out, read, release, take, write},
};

/// A number behind an exclusive handle.
pub struct k8sboot_testing_t(Slot<u32>);

impl Exclusive for k8sboot_testing_t {
    type Value = u32;

    fn new(slot: Slot<u32>) -> Self {
        Self(slot)
    }

    fn slot(&self) -> &Slot<u32> {
        &self.0
    }

    fn into_slot(self) -> Slot<u32> {
        self.0
    }
}

/// Makes a handle that holds 0.
///
/// # Safety
///
/// `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_testing_new(
    out: *mut *mut k8sboot_testing_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            *self::out(out, "out")? = give(0);
            Ok(())
        })
    }
}

/// Counts `steps` up, with an event for each. Panics at step `panic_at`, if that is not 0.
///
/// # Safety
///
/// `handle` is NULL or live, `run` NULL or a sized struct, `err` NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_testing_count(
    handle: *mut k8sboot_testing_t,
    steps: u32,
    panic_at: u32,
    run: *const k8sboot_run_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let mut count = write(handle, "handle")?;
            let run = Run::new(run, "run")?;
            for step in 1..=steps {
                assert!(step != panic_at, "asked for at step {step}");
                *count += 1;
                let text = format!("step {step}\0 of {steps}");
                run.emit(Event {
                    kind: K8SBOOT_EVENT_STEP_DONE,
                    step,
                    steps,
                    stage: "testing",
                    text: &text,
                    json: None,
                })?;
            }
            Ok(())
        })
    }
}

/// Panics while the handle is being read.
///
/// # Safety
///
/// `handle` is NULL or live, `err` NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_testing_panic(
    handle: *const k8sboot_testing_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let count = read(handle, "handle")?;
            assert!(*count == u32::MAX, "asked for");
            Ok(())
        })
    }
}

/// Uses the handle up and writes its number to `count`.
///
/// # Safety
///
/// `handle` is NULL or points to NULL or a live handle; `count` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_testing_finish(
    handle: *mut *mut k8sboot_testing_t,
    count: *mut u32,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let count = count.as_mut().ok_or_else(|| Failure::null("count"))?;
            *count = 0;
            *count = take(handle, "handle")?;
            Ok(())
        })
    }
}

/// Frees a handle. NULL is allowed.
///
/// # Safety
///
/// `handle` is NULL or live, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_testing_free(handle: *mut k8sboot_testing_t) {
    // SAFETY: exactly the caller's promise.
    guard_void(|| unsafe { release(handle) });
}
