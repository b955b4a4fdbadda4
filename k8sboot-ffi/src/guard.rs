//! The wall that no panic crosses.

use std::{
    any::Any,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
};

use crate::error::{Failure, K8SBOOT_OK, k8sboot_code_t, k8sboot_error_t};

/// Runs the body of a C function: a failure or a panic becomes a code and, if asked for, an error object.
///
/// A panic through an `extern "C"` frame aborts the process, also inside this guard: what a body calls must be plain
/// Rust functions.
///
/// # Safety
///
/// `err` is NULL or writable.
pub(crate) unsafe fn guard(
    err: *mut *mut k8sboot_error_t,
    body: impl FnOnce() -> Result<(), Failure>,
) -> k8sboot_code_t {
    if !err.is_null() {
        // SAFETY: not NULL, so writable.
        unsafe { err.write(ptr::null_mut()) };
    }
    let failure = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return K8SBOOT_OK,
        Ok(Err(failure)) => failure,
        Err(payload) => Failure::panic(&panic_text(payload)),
    };
    let code = failure.code();
    if !err.is_null() {
        let error = Box::into_raw(Box::new(k8sboot_error_t::from(failure)));
        // SAFETY: not NULL, so writable.
        unsafe { err.write(error) };
    }
    code
}

/// Runs the body of a function that returns nothing, such as `_free`. A panic is reported by the panic hook only.
pub(crate) fn guard_void(body: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(body)) {
        panic_text(payload);
    }
}

fn panic_text(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => match payload.downcast::<&'static str>() {
            Ok(text) => (*text).to_owned(),
            Err(other) => {
                // Dropping a value of a type that is not known could panic once more.
                mem::forget(other);
                "panic without a text".to_owned()
            }
        },
    }
}

/// Evaluates the block if the feature is built, else fails with `K8SBOOT_E_NOT_BUILT`.
///
/// The functions themselves always exist: what is built must not change the ABI.
macro_rules! needs {
    ($feature:literal, $body:block) => {{
        #[cfg(feature = $feature)]
        {
            $body
        }
        #[cfg(not(feature = $feature))]
        {
            Err($crate::error::Failure::not_built($feature))
        }
    }};
}
pub(crate) use needs;

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;
    use crate::error::{K8SBOOT_E_PANIC, k8sboot_error_free, k8sboot_error_message};

    #[test]
    fn every_kind_of_panic_becomes_an_error() {
        type Body = fn() -> Result<(), Failure>;
        let panics: [(Body, &str); 3] = [
            (|| panic!("plain"), "bug in k8sboot: plain"),
            (|| panic!("with {}", 1), "bug in k8sboot: with 1"),
            (|| std::panic::panic_any(7), "bug in k8sboot: panic without a text"),
        ];
        for (body, want) in panics {
            let mut err = ptr::null_mut();
            // SAFETY: `err` is writable, and the error lives until it is freed.
            unsafe {
                assert_eq!(guard(&raw mut err, body), K8SBOOT_E_PANIC);
                assert_eq!(CStr::from_ptr(k8sboot_error_message(err)).to_str().unwrap(), want);
                k8sboot_error_free(err);
                assert_eq!(guard(ptr::null_mut(), body), K8SBOOT_E_PANIC);
            }
        }
    }
}
