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

#[test]
fn addresses_are_given_whatever_is_built_and_places_of_other_features_say_so() {
    let (mut pool, mut store, mut count) = (ptr::null_mut(), ptr::null(), 0);
    let (mut given, mut leaks, mut out) =
        ([k8sboot_assigned_t::default(); 1], ptr::null_mut(), ptr::null_mut());
    let (ranges, none) = (c"[[{\"subnet\": \"10.0.0.0/24\"}]]".as_ptr(), ptr::null_mut());
    let (text, eth0) = (c"x".as_ptr(), c"eth0".as_ptr());
    // SAFETY: live strings and handles, as much room as is said, writable outputs.
    unsafe {
        assert_eq!(k8sboot_pool_new(ranges, ptr::null(), &raw mut pool, none), K8SBOOT_OK);
        let (array, count) = (given.as_mut_ptr(), &raw mut count);
        assert_eq!(k8sboot_pool_allocate(pool, text, eth0, ptr::null(), array, 1, count, none), K8SBOOT_OK);
        k8sboot_pool_free(pool);
        let directory = k8sboot_store_directory(text, text, ptr::null(), ptr::null(), &raw mut store, none);
        assert_eq!(directory, K8SBOOT_E_NOT_BUILT);
        assert_eq!(k8sboot_store_etcd(text, ranges, text, &raw mut store, none), K8SBOOT_E_NOT_BUILT);
        assert_eq!(k8sboot_store_memory(ranges, ptr::null(), &raw mut store, none), K8SBOOT_OK);
        assert_eq!(k8sboot_leaks_new(store, &raw mut leaks, none), K8SBOOT_OK);
        k8sboot_store_free(store);
        for options in [
            c"{\"docker\": \"/x\"}",
            c"{\"cri\": [\"/x\"]}",
            c"{\"containerd\": [\"/x\"]}",
            c"{\"namespaces\": true}",
        ] {
            let code = k8sboot_leaks_judge(leaks, options.as_ptr(), &raw mut out, none);
            assert_eq!((code, out.is_null()), (K8SBOOT_E_NOT_BUILT, true), "{options:?}");
        }
        let request = c"{\"pluginPath\": []}".as_ptr();
        assert_eq!(
            k8sboot_leaks_delete(leaks, request, ptr::null(), &raw mut out, none),
            K8SBOOT_E_NOT_BUILT
        );
        k8sboot_leaks_free(leaks);
        assert_eq!(k8sboot_store_memory(ranges, ptr::null(), &raw mut store, none), K8SBOOT_OK);
        assert_eq!(k8sboot_store_repair(store, ptr::null(), &raw mut out, none), K8SBOOT_E_NOT_BUILT);
        k8sboot_store_free(store);
    }
}

#[test]
fn the_cluster_is_asked_by_libraries_that_were_built_for_it() {
    let (none, run, text) = (ptr::null_mut(), ptr::null(), c"{}".as_ptr());
    let (mut cluster, mut server, mut flow) = (ptr::null(), ptr::null_mut(), ptr::null_mut());
    let (mut out, mut bootstrap) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: NULL handles, live strings, writable outputs.
    let codes = unsafe {
        [
            k8sboot_cluster_new(text, ptr::null(), &raw mut cluster, none),
            k8sboot_cluster_version(ptr::null(), run, &raw mut out, none),
            k8sboot_cluster_token_create(ptr::null(), text, run, &raw mut out, none),
            k8sboot_cluster_token_list(ptr::null(), text, run, &raw mut out, none),
            k8sboot_cluster_token_delete(ptr::null(), text, run, none),
            k8sboot_cluster_csr_review(ptr::null(), text, run, &raw mut out, none),
            k8sboot_cluster_csr_approve(ptr::null(), text, text, run, none),
            k8sboot_cluster_csr_deny(ptr::null(), text, text, run, none),
            k8sboot_discover(text, run, &raw mut out, &raw mut bootstrap, none),
            k8sboot_bundle_seal(text, &raw mut out, none),
            k8sboot_bundle_open(text, text, &raw mut out, none),
            k8sboot_discovery_server_new(ptr::null(), text, &raw mut server, none),
            k8sboot_discovery_server_address(ptr::null(), &raw mut out, none),
            k8sboot_join_new(text, ptr::null(), text, text, &raw mut flow, none),
        ]
    };
    assert_eq!(codes, [K8SBOOT_E_NOT_BUILT; 14]);
    assert!(cluster.is_null() && server.is_null() && flow.is_null() && out.is_null() && bootstrap.is_null());
}
