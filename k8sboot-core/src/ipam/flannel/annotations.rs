//! What flanneld says of a node in the annotations of its Node object, where Kubernetes gives the subnets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value;

use super::{
    attributes::NodeAttributes,
    error::{FlannelError, cut},
    json,
};
use crate::cidr::{Cidr, Family};

/// The names of flannel's annotations: a prefix, as flanneld's `--kube-annotation-prefix`.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::ipam::flannel::AnnotationKeys;
/// assert_eq!(AnnotationKeys::default().key("public-ip"), "flannel.alpha.coreos.com/public-ip");
/// assert_eq!(AnnotationKeys::new("net.example.org/blue")?.key("public-ip"), "net.example.org/blue-public-ip");
/// # Ok::<(), k8sboot_core::ipam::flannel::FlannelError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnotationKeys {
    prefix: String,
}

impl AnnotationKeys {
    /// flanneld's default prefix.
    pub const DEFAULT_PREFIX: &'static str = "flannel.alpha.coreos.com";

    /// Annotations with a prefix: a domain name, and after one slash perhaps the beginning of a name.
    ///
    /// # Errors
    ///
    /// [`FlannelError::Annotation`] for what flanneld refuses.
    pub fn new(prefix: &str) -> Result<Self, FlannelError> {
        let (domain, name) = prefix.split_once('/').unwrap_or((prefix, ""));
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        let is_domain = domain.contains('.')
            && domain.split('.').all(|label| !label.is_empty() && label.chars().all(plain));
        if !is_domain || !name.chars().all(plain) {
            return Err(FlannelError::Annotation {
                key: "prefix".to_owned(),
                expected: "a domain name in lower case, perhaps with a slash and the beginning of a name",
                found: cut(prefix),
            });
        }
        let dash = if name.is_empty() || name.ends_with('-') { "" } else { "-" };
        Ok(Self { prefix: format!("{domain}/{name}{dash}") })
    }

    /// The whole name of an annotation, for example of `public-ip`.
    #[must_use]
    pub fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

impl Default for AnnotationKeys {
    fn default() -> Self {
        Self { prefix: format!("{}/", Self::DEFAULT_PREFIX) }
    }
}

/// The annotations that flanneld writes, below their prefix.
const WRITTEN: [&str; 6] =
    ["kube-subnet-manager", "backend-type", "backend-data", "backend-v6-data", "public-ip", "public-ipv6"];

/// Flannel's annotations of a node.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::ipam::flannel::{AnnotationKeys, NodeAnnotations};
/// let keys = AnnotationKeys::default();
/// let written = [
///     ("flannel.alpha.coreos.com/backend-data", r#"{"VNI":1,"VtepMAC":"ca:50:97:1f:c2:ea"}"#),
///     ("flannel.alpha.coreos.com/backend-type", "vxlan"),
///     ("flannel.alpha.coreos.com/kube-subnet-manager", "true"),
///     ("flannel.alpha.coreos.com/public-ip", "192.0.2.10"),
///     ("kubernetes.io/hostname", "node-1"),
/// ];
/// let node = NodeAnnotations::read(&keys, written)?;
/// assert_eq!(node.public_ip, Some("192.0.2.10".parse()?));
/// let lease = node.lease(&["10.244.1.0/24".parse()?], true, false).expect("flanneld runs there");
/// assert_eq!(lease.ipv4.map(|cidr| cidr.to_string()).as_deref(), Some("10.244.1.0/24"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct NodeAnnotations {
    /// `kube-subnet-manager` is `true`: flanneld runs there; else the flanneld of other nodes ignore the node.
    pub managed: bool,
    /// For example `vxlan`. Empty: not said.
    pub backend_type: String,
    /// What the backend tells the others; `null` from `host-gw`. Default: not said.
    pub backend_data: Option<Value>,
    /// The same for IPv6.
    pub backend_v6_data: Option<Value>,
    /// The address that the other nodes send to.
    pub public_ip: Option<Ipv4Addr>,
    /// The IPv6 address that the other nodes send to.
    pub public_ipv6: Option<Ipv6Addr>,
    /// The administrator's: what flanneld shall write as [`public_ip`](Self::public_ip), for nodes behind NAT.
    pub public_ip_overwrite: Option<Ipv4Addr>,
    /// The same for IPv6.
    pub public_ipv6_overwrite: Option<Ipv6Addr>,
    /// The administrator's: the address that selects flanneld's interface when it starts.
    pub node_public_ip: Option<Ipv4Addr>,
    /// The same for IPv6.
    pub node_public_ipv6: Option<Ipv6Addr>,
}

/// What the flanneld of other nodes make of a node.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NodeLease {
    /// The IPv4 subnet, if IPv4 is on.
    pub ipv4: Option<Cidr>,
    /// The IPv6 subnet, if IPv6 is on.
    pub ipv6: Option<Cidr>,
    /// Addresses and data of the backend, as flannel would keep them in etcd.
    pub attributes: NodeAttributes,
}

impl NodeAnnotations {
    /// Of a node where flanneld runs, with what it would keep in etcd.
    #[must_use]
    pub fn of(node: &NodeAttributes) -> Self {
        let public_ip = Some(node.public_ip).filter(|address| !address.is_unspecified());
        // flanneld writes what the backend gave, and nothing is null.
        let data = |data: &Option<Value>, on: bool| on.then(|| data.clone().unwrap_or(Value::Null));
        Self {
            managed: true,
            backend_type: node.backend_type.clone(),
            backend_data: data(&node.backend_data, public_ip.is_some()),
            backend_v6_data: data(&node.backend_v6_data, node.public_ipv6.is_some()),
            public_ip,
            public_ipv6: node.public_ipv6,
            ..Self::default()
        }
    }

    /// Reads the annotations of a node; others than flannel's are ignored.
    ///
    /// # Errors
    ///
    /// [`FlannelError::Annotation`] naming the first that flanneld could not read.
    pub fn read<'a>(
        keys: &AnnotationKeys,
        annotations: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, FlannelError> {
        let mut node = Self::default();
        for (key, text) in annotations {
            let Some(name) = key.strip_prefix(&keys.prefix) else { continue };
            let wrong =
                |expected| Err(FlannelError::Annotation { key: key.to_owned(), expected, found: cut(text) });
            let (v4, v6) = match text.parse::<IpAddr>().map(|address| address.to_canonical()) {
                Ok(IpAddr::V4(address)) => (Some(address), None),
                Ok(IpAddr::V6(address)) => (None, Some(address)),
                Err(_) => (None, None),
            };
            match name {
                "kube-subnet-manager" => node.managed = text == "true",
                "backend-type" => text.clone_into(&mut node.backend_type),
                "backend-data" | "backend-v6-data" => {
                    let Ok(data) = serde_json::from_str::<Value>(text) else { return wrong("JSON") };
                    let place = if name == "backend-data" {
                        &mut node.backend_data
                    } else {
                        &mut node.backend_v6_data
                    };
                    *place = Some(data);
                }
                // flanneld takes an empty text for nothing here.
                "public-ip-overwrite" | "public-ipv6-overwrite" if text.is_empty() => {}
                "public-ip" | "public-ip-overwrite" | "node-public-ip" => {
                    if v4.is_none() {
                        return wrong("an IPv4 address");
                    }
                    match name {
                        "public-ip" => node.public_ip = v4,
                        "node-public-ip" => node.node_public_ip = v4,
                        _ => node.public_ip_overwrite = v4,
                    }
                }
                "public-ipv6" | "public-ipv6-overwrite" | "node-public-ipv6" => {
                    if v6.is_none() {
                        return wrong("an IPv6 address");
                    }
                    match name {
                        "public-ipv6" => node.public_ipv6 = v6,
                        "node-public-ipv6" => node.node_public_ipv6 = v6,
                        _ => node.public_ipv6_overwrite = v6,
                    }
                }
                _ => {}
            }
        }
        Ok(node)
    }

    /// The annotations that flanneld writes, in the form it writes them; `None` for those that it would not. The
    /// administrator's overwrites take the place of the public addresses.
    #[must_use]
    pub fn written(&self, keys: &AnnotationKeys) -> Vec<(String, Option<String>)> {
        let text = |name: &str| match name {
            "kube-subnet-manager" => self.managed.then(|| "true".to_owned()),
            "backend-type" => Some(self.backend_type.clone()).filter(|text| !text.is_empty()),
            "backend-data" => self.backend_data.as_ref().map(json::print),
            "backend-v6-data" => self.backend_v6_data.as_ref().map(json::print),
            "public-ip" => self.expected_public_ip().map(|address| address.to_string()),
            _ => self.expected_public_ipv6().map(|address| address.to_string()),
        };
        WRITTEN.iter().map(|name| (keys.key(name), text(name))).collect()
    }

    /// What flanneld makes of overwrite and own address.
    pub(super) fn expected_public_ip(&self) -> Option<Ipv4Addr> {
        self.public_ip.map(|own| self.public_ip_overwrite.unwrap_or(own))
    }

    /// The same for IPv6.
    pub(super) fn expected_public_ipv6(&self) -> Option<Ipv6Addr> {
        self.public_ipv6.map(|own| self.public_ipv6_overwrite.unwrap_or(own))
    }

    /// What the flanneld of other nodes make of the node: nothing where it is not managed, or has no subnet or public
    /// address of a family that is on. Of several pod CIDRs of a family the first counts; more than two are refused.
    #[must_use]
    pub fn lease(&self, pod_cidrs: &[Cidr], ipv4: bool, ipv6: bool) -> Option<NodeLease> {
        if !self.managed || pod_cidrs.len() > 2 {
            return None;
        }
        let first = |family| pod_cidrs.iter().find(|cidr| cidr.family() == family).cloned();
        let (subnet, subnet6) = (first(Family::V4), first(Family::V6));
        let on4 = !ipv4 || (subnet.is_some() && self.public_ip.is_some());
        let on6 = !ipv6 || (subnet6.is_some() && self.public_ipv6.is_some());
        if !on4 || !on6 {
            return None;
        }
        let mut attributes = NodeAttributes::new(Ipv4Addr::UNSPECIFIED, self.backend_type.clone());
        let data = |data: &Option<Value>| data.clone().filter(|data| !data.is_null());
        if let Some(address) = self.public_ip.filter(|_| ipv4) {
            attributes.public_ip = address;
            attributes.backend_data = data(&self.backend_data);
        }
        if ipv6 {
            attributes.public_ipv6 = self.public_ipv6;
            attributes.backend_v6_data = data(&self.backend_v6_data);
        }
        Some(NodeLease { ipv4: subnet.filter(|_| ipv4), ipv6: subnet6.filter(|_| ipv6), attributes })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The examples of flannel's documentation, one backend each.
    const NODES: [&[(&str, &str)]; 3] = [
        &[
            ("kube-subnet-manager", "true"),
            ("backend-type", "vxlan"),
            ("backend-data", r#"{"VNI":1,"VtepMAC":"ca:50:97:1f:c2:ea"}"#),
            ("public-ip", "192.0.2.10"),
        ],
        &[
            ("kube-subnet-manager", "true"),
            ("backend-type", "host-gw"),
            ("backend-data", "null"),
            ("public-ip", "192.0.2.10"),
        ],
        &[
            ("kube-subnet-manager", "true"),
            ("backend-type", "wireguard"),
            ("backend-data", r#"{"PublicKey":"m5EgX1+dGi3mNhRcQ6dW2xZ0a9yVJhnRKXOYzTVcQkE=","Port":51820}"#),
            (
                "backend-v6-data",
                r#"{"PublicKey":"m5EgX1+dGi3mNhRcQ6dW2xZ0a9yVJhnRKXOYzTVcQkE=","Port":51821}"#,
            ),
            ("public-ip", "192.0.2.10"),
            ("public-ipv6", "2001:db8::10"),
        ],
    ];

    fn read(pairs: &[(&str, &str)]) -> Result<NodeAnnotations, FlannelError> {
        let keys = AnnotationKeys::default();
        let pairs: Vec<(String, &str)> = pairs.iter().map(|(name, text)| (keys.key(name), *text)).collect();
        NodeAnnotations::read(&keys, pairs.iter().map(|(key, text)| (key.as_str(), *text)))
    }

    #[test]
    fn what_flanneld_writes_reads_and_prints_the_same() {
        let keys = AnnotationKeys::default();
        for node in NODES {
            let annotations = read(node).unwrap();
            let written = annotations.written(&keys);
            let there: Vec<(String, String)> =
                written.into_iter().filter_map(|(key, text)| Some((key, text?))).collect();
            let expected: Vec<(String, String)> =
                node.iter().map(|(name, text)| (keys.key(name), (*text).to_owned())).collect();
            assert_eq!(there, expected);
        }
    }

    #[test]
    fn etcd_and_annotations_say_the_same() {
        for node in NODES {
            let annotations = read(node).unwrap();
            let both = annotations.public_ipv6.is_some();
            let pods = ["10.244.1.0/24".parse().unwrap(), "fd00::/64".parse().unwrap()];
            let lease = annotations.lease(&pods, true, both).unwrap();
            assert_eq!(NodeAnnotations::of(&lease.attributes), annotations);
        }
    }

    #[test]
    fn flanneld_ignores_a_node_without_what_it_needs() {
        let node = read(NODES[0]).unwrap();
        let (v4, v6) = ("10.244.1.0/24".parse::<Cidr>().unwrap(), "fd00::/64".parse::<Cidr>().unwrap());
        assert!(node.lease(std::slice::from_ref(&v4), true, false).is_some());
        assert!(node.lease(&[v6.clone(), v4.clone()], true, false).is_some());
        assert!(node.lease(&[v4.clone(), v6.clone()], true, true).is_none(), "no public IPv6 address");
        assert!(
            node.lease(&[], true, false).is_none()
                && node.lease(std::slice::from_ref(&v6), true, false).is_none()
        );
        assert!(node.lease(&[v4.clone(), v6.clone(), v4.clone()], true, false).is_none());
        let other = NodeAnnotations { managed: false, ..node };
        assert!(other.lease(&[v4], true, false).is_none());
    }

    #[test]
    fn an_overwrite_takes_the_place_of_the_own_address() {
        let node = read(
            &[NODES[0], &[("public-ip-overwrite", "198.51.100.7"), ("node-public-ip", "192.0.2.9")]].concat(),
        );
        let keys = AnnotationKeys::default();
        let written = node.unwrap().written(&keys);
        assert!(written.contains(&(keys.key("public-ip"), Some("198.51.100.7".to_owned()))), "{written:?}");
        assert!(!written.iter().any(|(key, _)| key.contains("overwrite") || key.contains("node-public")));
        assert_eq!(read(&[("public-ip-overwrite", "")]).unwrap(), NodeAnnotations::default());
    }

    #[test]
    fn damaged_annotations_are_named() {
        for (name, text) in [
            ("public-ip", ""),
            ("public-ip", "2001:db8::1"),
            ("public-ip-overwrite", "node-1"),
            ("public-ipv6", "192.0.2.1"),
            ("node-public-ipv6", "::1/64"),
            ("backend-data", "{"),
            ("backend-v6-data", ""),
        ] {
            let error = read(&[(name, text)]).unwrap_err();
            let wanted = format!("flannel annotation flannel.alpha.coreos.com/{name}: expected ");
            assert!(error.to_string().starts_with(&wanted), "{error}");
        }
        for prefix in ["", "org", "a/b/c", "a.b/C", "a..b", ".a.b", "a.b/c d"] {
            assert!(AnnotationKeys::new(prefix).is_err(), "{prefix}");
        }
        assert_eq!(AnnotationKeys::new(AnnotationKeys::DEFAULT_PREFIX), Ok(AnnotationKeys::default()));
        assert_eq!(AnnotationKeys::new("a.b/c-").unwrap().key("x"), "a.b/c-x");
    }

    proptest! {
        #[test]
        fn untrusted_annotations_are_refused_or_kept(
            name in proptest::sample::select(&WRITTEN[..]),
            text in "[a-z0-9.:{}\"\\[\\]]{0,12}|true|null|192\\.0\\.2\\.1|::1",
        ) {
            let keys = AnnotationKeys::default();
            if let Ok(node) = read(&[(name, &text)]) {
                let written = node.written(&keys);
                let pairs = written.iter().filter_map(|(key, text)| Some((key.as_str(), text.as_deref()?)));
                prop_assert_eq!(NodeAnnotations::read(&keys, pairs), Ok(node));
            }
        }
    }
}
