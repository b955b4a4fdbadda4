//! What other nodes wrote into etcd: what is read prints as what reads the same, and a choice of subnets is free.
#![no_main]

use k8sboot_core::ipam::flannel::{NetworkConfig, NodeAttributes, SubnetKey, free_subnets};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(node) = NodeAttributes::from_json(data) {
        let printed = node.to_json();
        assert_eq!(NodeAttributes::from_json(printed.as_bytes()).ok(), Some(node), "{printed}");
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    // A configuration, and below it one key a line.
    let (config, keys) = text.split_once("\n\n").unwrap_or((text, text));
    let keys: Vec<SubnetKey> = keys.lines().filter_map(|line| line.parse().ok()).collect();
    for key in &keys {
        assert_eq!(key.to_string().parse().ok().as_ref(), Some(key));
    }
    let Ok(config) = config.parse::<NetworkConfig>() else { return };
    let printed = config.to_json();
    assert_eq!(printed.parse().ok().as_ref(), Some(&config), "{printed}");
    let ipv4: Vec<_> = keys.iter().map(|key| key.ipv4().clone()).collect();
    let ipv6: Vec<_> = keys.iter().filter_map(|key| key.ipv6().cloned()).collect();
    for (range, taken) in [(config.ipv4(), &ipv4), (config.ipv6(), &ipv6)] {
        let Some(range) = range else { continue };
        let free = free_subnets(range, taken, 5);
        for subnet in &free {
            assert!(range.admits(subnet), "{subnet} {printed}");
            assert!(!taken.iter().any(|other| other.overlaps(subnet)), "{subnet} is taken: {taken:?}");
        }
        assert!(free.windows(2).all(|pair| !pair[0].overlaps(&pair[1])));
    }
});
