//! What is not built is still there and says so.
#![cfg(not(feature = "crypto"))]

use std::{ffi::CStr, ptr};

use k8sboot::*;

#[test]
fn functions_of_features_that_are_not_built_say_so_after_checking_their_arguments() {
    let (mut out, mut err) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: writable outputs; the error is live until it is freed.
    unsafe {
        assert_eq!(k8sboot_token_generate(&raw mut out, &raw mut err), K8SBOOT_E_NOT_BUILT);
        assert!(out.is_null());
        assert!(CStr::from_ptr(k8sboot_error_message(err)).to_str().unwrap().contains("feature crypto"));
        k8sboot_error_free(err);
        assert_eq!(k8sboot_token_generate(ptr::null_mut(), ptr::null_mut()), K8SBOOT_E_NULL);
        assert_eq!(k8sboot_token_check(c"abcdef.0123456789abcdef".as_ptr(), ptr::null_mut()), K8SBOOT_OK);
    }
}
