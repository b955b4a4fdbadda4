//! Requests to the discovery endpoint: more bytes never change what a complete head said.
#![no_main]

use k8sboot_core::discovery::served::{LONGEST_HEAD, Reply, Request, request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let whole = request(bytes);
    match &whole {
        Request::Incomplete => assert!(bytes.len() < LONGEST_HEAD),
        Request::ClusterInfo { id, .. } => assert_eq!(id.as_str().len(), 6),
        Request::Refused { code, why } => {
            let reply = Reply::status(*code, why).to_bytes(false);
            assert!(reply.starts_with(format!("HTTP/1.1 {code} ").as_bytes()));
        }
        _ => {}
    }
    if whole != Request::Incomplete && bytes.len() < LONGEST_HEAD - 1 {
        assert_eq!(request(&[bytes, b"x"].concat()), whole);
    }
});
