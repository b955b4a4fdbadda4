//! Netlink messages: what is read lies in the buffer, a cut buffer gives no more than the whole, errors tell where.
#![no_main]

use k8sboot_core::probe::witness::netlink::{NetlinkProblem, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // The sequence number of the first message, so that most inputs are answers.
    let sequence = bytes.get(8..12).and_then(|four| four.try_into().ok()).map_or(0, u32::from_ne_bytes);
    let whole = parse(bytes, sequence);
    match &whole {
        // An address takes a header, its fixed part and an attribute.
        Ok(part) => assert!(part.addresses.len() * (16 + 8 + 8) <= bytes.len()),
        Err(NetlinkProblem::Shape { at, .. }) => assert!(*at <= bytes.len()),
        Err(_) => {}
    }
    let half = parse(&bytes[..bytes.len() / 2], sequence);
    if let (Ok(half), Ok(whole)) = (half, whole) {
        assert!(whole.addresses.starts_with(&half.addresses));
    }
});
