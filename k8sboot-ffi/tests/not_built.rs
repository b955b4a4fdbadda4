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

#[test]
fn so_do_the_functions_with_handles() {
    let (mut buf, mut ca, mut flow, mut plan) =
        (ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    let mut config = ptr::null_mut();
    let (json, none) = (c"{}".as_ptr(), ptr::null::<u8>());
    // SAFETY: NULL handles, live strings, writable outputs.
    let codes = unsafe {
        [
            k8sboot_ca_new(json, &raw mut ca, ptr::null_mut()),
            k8sboot_kubeconfig_check(json, json, &raw mut buf, ptr::null_mut()),
            k8sboot_manifest_images(none.cast(), &raw mut buf, ptr::null_mut()),
            k8sboot_facts_gather(none.cast(), &raw mut buf, ptr::null_mut()),
            k8sboot_init_new(&raw mut config, json, json, &raw mut flow, ptr::null_mut()),
            k8sboot_flow_next_plan(ptr::null_mut(), &raw mut plan, ptr::null_mut()),
            k8sboot_flow_run(ptr::null_mut(), none.cast(), &raw mut buf, ptr::null_mut()),
            k8sboot_certs_expiration(json, none.cast(), &raw mut buf, ptr::null_mut()),
        ]
    };
    assert_eq!(codes, [K8SBOOT_E_NOT_BUILT; 8]);
    assert!(buf.is_null() && ca.is_null() && flow.is_null() && plan.is_null());
}

#[test]
#[cfg(not(feature = "node"))]
fn chains_of_plugins_need_the_node_and_their_data_does_not() {
    let (mut out, mut err) = (ptr::null_mut(), ptr::null_mut());
    let (none, run) = (ptr::null(), ptr::null());
    let list = c"{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"a\"}]}".as_ptr();
    // SAFETY: live strings, empty lists, writable outputs; the buffer and the error are live until they are freed.
    unsafe {
        assert_eq!(
            k8sboot_cni_choose(c"/".as_ptr(), none, 0, &raw mut out, ptr::null_mut()),
            K8SBOOT_E_NOT_BUILT
        );
        assert_eq!(k8sboot_cni_cached(none, 0, &raw mut out, ptr::null_mut()), K8SBOOT_E_NOT_BUILT);
        let code = k8sboot_cni_run(c"ADD".as_ptr(), list, c"{}".as_ptr(), run, &raw mut out, &raw mut err);
        assert_eq!(code, K8SBOOT_E_NOT_BUILT);
        assert!(CStr::from_ptr(k8sboot_error_message(err)).to_str().unwrap().contains("feature node"));
        k8sboot_error_free(err);
        assert!(out.is_null());
        assert_eq!(k8sboot_cni_check(list, c"conflist".as_ptr(), &raw mut out, ptr::null_mut()), K8SBOOT_OK);
        k8sboot_buf_free(out);
    }
}
