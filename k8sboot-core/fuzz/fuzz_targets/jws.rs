//! Signatures of cluster-info: the one that `sign` makes is right, and no other.
#![no_main]

use k8sboot_core::{
    manifest::{Object, yaml::parse_all},
    token::{CaPin, ClusterInfo, jws},
};
use k8sboot_fuzz::token;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let token = token();
    // Content and signature, with a zero byte between them.
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let (content, signature) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let right = jws::sign(content, &token);
    assert!(jws::verify(content, &right, &token).is_ok());
    let Ok(signature) = std::str::from_utf8(signature) else { return };
    assert_eq!(jws::verify(content, signature, &token).is_ok(), signature == right);

    // A ConfigMap from the network is trusted only if its kubeconfig is signed, whatever else it holds.
    let text = String::from_utf8_lossy(bytes);
    for value in parse_all(&text).unwrap_or_default() {
        let Ok(object) = Object::from_value(value) else { continue };
        let Ok((info, signatures)) = ClusterInfo::from_config_map(&object) else { continue };
        let pin: CaPin = CaPin::new([0; 32]);
        assert!(ClusterInfo::trusted(&object, &token, &[pin]).is_err());
        let printed = info.to_config_map(&signatures).expect("what was read");
        let (again, same) = ClusterInfo::from_config_map(&printed).expect("what was printed");
        assert_eq!((again, same), (info, signatures));
    }
});
