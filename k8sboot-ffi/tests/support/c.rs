//! The C API as a test wants to call it: codes and messages instead of out-parameters.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{
    ffi::{CStr, CString},
    fs, ptr,
};

use k8sboot::*;
use k8sboot_core::error::{Problem, chain};
use serde_json::Value;

/// Code and message of a failure.
pub(crate) type Wrong = (i32, String);

/// What the C API makes of a failure of the core.
pub(crate) fn wrong<P: Problem>(problem: P) -> Wrong {
    (problem.code().number(), chain(&problem))
}

/// Makes a call and takes code and error object apart.
pub(crate) fn call(function: impl FnOnce(*mut *mut k8sboot_error_t) -> i32) -> Result<(), Wrong> {
    let mut err = ptr::null_mut();
    let code = function(&raw mut err);
    // SAFETY: `err` is NULL or live until it is freed here.
    unsafe {
        let message = CStr::from_ptr(k8sboot_error_message(err)).to_str().unwrap().to_owned();
        assert_eq!(k8sboot_error_code(err), code);
        let details: Value =
            serde_json::from_str(CStr::from_ptr(k8sboot_error_details(err)).to_str().unwrap()).unwrap();
        assert_eq!(details["kind"].is_string(), code != K8SBOOT_OK);
        k8sboot_error_free(err);
        if code == K8SBOOT_OK { Ok(()) } else { Err((code, message)) }
    }
}

/// [`call`] for functions with a buffer as output.
pub(crate) fn text(
    function: impl FnOnce(*mut *mut k8sboot_buf_t, *mut *mut k8sboot_error_t) -> i32,
) -> Result<String, Wrong> {
    let mut buf = ptr::null_mut();
    let result = call(|err| function(&raw mut buf, err));
    assert_eq!(result.is_ok(), !buf.is_null());
    // SAFETY: `buf` is live if the call succeeded, and freed once.
    unsafe {
        let text = result.map(|()| CStr::from_ptr(k8sboot_buf_data(buf)).to_str().unwrap().to_owned());
        k8sboot_buf_free(buf);
        text
    }
}

pub(crate) fn c(text: &str) -> CString {
    CString::new(text).unwrap()
}

pub(crate) fn fixture(path: &str) -> String {
    let path = super::root().join("k8sboot-core/tests/fixtures/kubeadm-1.36").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
