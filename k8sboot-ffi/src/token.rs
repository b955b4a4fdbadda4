//! Bootstrap tokens.

use std::ffi::c_char;

use k8sboot_core::token::BootstrapToken;

use crate::{
    error::{k8sboot_code_t, k8sboot_error_t},
    guard::guard,
    text::text,
};

/// Checks that a text is a bootstrap token, `[a-z0-9]{6}.[a-z0-9]{16}`.
///
/// # Safety
///
/// `token` is NULL or NUL-terminated; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_token_check(
    token: *const c_char,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            text(token, "token")?.parse::<BootstrapToken>()?;
            Ok(())
        })
    }
}
