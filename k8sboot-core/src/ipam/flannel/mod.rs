//! Flannel's data: the network's configuration, the leases of node subnets, the choice of a free subnet, the annotations
//! of Nodes.
//!
//! Pure. [`crate::store`] keeps the leases in etcd and the annotations on the Kubernetes API; the configuration is also what
//! flannel's ConfigMap holds.
//!
//! Source: flannel v0.28.9, `pkg/subnet/config.go`, `pkg/subnet/subnet.go`, `pkg/lease/lease.go`,
//! `pkg/subnet/etcd/local_manager.go`,
//! `pkg/subnet/kube/kube.go`, `pkg/subnet/kube/annotations.go`.

mod agreement;
mod annotations;
mod attributes;
mod choose;
mod config;
mod error;
mod json;
mod key;

pub use agreement::{FlannelFinding, FlannelNode, check_nodes};
pub use annotations::{AnnotationKeys, NodeAnnotations, NodeLease};
pub use attributes::NodeAttributes;
pub use choose::{free_subnets, overlap};
pub use config::{NetworkConfig, SubnetRange};
pub(crate) use error::CODES;
pub use error::FlannelError;
pub use key::SubnetKey;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Pieces of what flanneld writes and reads, and of what breaks it.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        const PIECES: [&str; 34] = [
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            "\"",
            "null",
            "true",
            "false",
            "0",
            "24",
            "-1",
            "1e9",
            "64",
            "&",
            "-",
            "/",
            "\"PublicIP\":",
            "\"PublicIPv6\":",
            "\"BackendType\":",
            "\"BackendData\":",
            "\"Network\":",
            "\"IPv6Network\":",
            "\"SubnetLen\":",
            "\"SubnetMin\":",
            "\"EnableIPv6\":true",
            "\"Backend\":{\"Type\":\"vxlan\"}",
            "\"10.0.0.0/8\"",
            "\"10.0.0.0\"",
            "\"fd00::/48\"",
            "\"::\"",
            "10.5.52.0-24",
            "&fd00:5:52::-64",
        ];
        let piece = prop_oneof![
            8 => proptest::sample::select(&PIECES[..]).prop_map(|piece| piece.as_bytes().to_vec()),
            1 => proptest::collection::vec(any::<u8>(), 0..4),
        ];
        let pieces = proptest::collection::vec(piece, 0..14);
        (pieces, any::<bool>()).prop_map(|(pieces, object)| {
            let inner = pieces.concat();
            if object { [b"{".as_slice(), &inner, b"}"].concat() } else { inner }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        /// What other nodes wrote is an error or reads the same when it is written again; nothing panics.
        #[test]
        fn untrusted_texts_are_refused_or_kept(text in text()) {
            if let Ok(node) = NodeAttributes::from_json(&text) {
                prop_assert_eq!(NodeAttributes::from_json(node.to_json().as_bytes()), Ok(node));
            }
            if let Ok(config) = NetworkConfig::from_json(&text) {
                prop_assert_eq!(NetworkConfig::from_json(config.to_json().as_bytes()), Ok(config));
            }
            let text = String::from_utf8_lossy(&text);
            if let Ok(key) = text.parse::<SubnetKey>() {
                prop_assert_eq!(key.to_string().parse(), Ok(key));
            }
        }
    }
}
