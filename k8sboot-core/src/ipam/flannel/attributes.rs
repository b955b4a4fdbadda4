//! What a node says of itself in its lease: the value of a subnet's key.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use serde_json::{Map, Value};

use super::{
    error::{FlannelError, cut},
    json,
};

/// A node's public address and what its backend tells the others, for example the MAC address of its VXLAN device.
///
/// Printed byte for byte as flanneld writes it: the order of keys is fixed, `BackendType`, `BackendData` and
/// `BackendV6Data` are left out when they are empty, `PublicIPv6` is `null` without IPv6.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::ipam::flannel::NodeAttributes;
/// let text = r#"{"PublicIP":"192.0.2.10","PublicIPv6":null,"BackendType":"host-gw"}"#;
/// let node: NodeAttributes = text.parse()?;
/// assert_eq!(node.public_ip.to_string(), "192.0.2.10");
/// assert_eq!(node.to_json(), text);
/// # Ok::<(), k8sboot_core::ipam::flannel::FlannelError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NodeAttributes {
    /// The address that the other nodes send to; it tells flanneld which lease is its own. `0.0.0.0` without IPv4.
    pub public_ip: Ipv4Addr,
    /// The IPv6 address that the other nodes send to. Default: none.
    pub public_ipv6: Option<Ipv6Addr>,
    /// The backend, for example `vxlan`. Empty: not said.
    pub backend_type: String,
    /// What the backend tells the others, for example `{"VNI":1,"VtepMAC":"12:c6:65:89:b4:e3"}`. Default: nothing.
    pub backend_data: Option<Value>,
    /// The same for IPv6.
    pub backend_v6_data: Option<Value>,
}

impl NodeAttributes {
    /// A node that says nothing of its backend's data.
    #[must_use]
    pub fn new(public_ip: Ipv4Addr, backend_type: impl Into<String>) -> Self {
        let backend_type = backend_type.into();
        Self { public_ip, public_ipv6: None, backend_type, backend_data: None, backend_v6_data: None }
    }

    /// Reads the value of a subnet's key, as flanneld does: the case of keys does not matter, other keys are ignored.
    ///
    /// # Errors
    ///
    /// [`FlannelError::Value`] naming the field.
    pub fn from_json(text: &[u8]) -> Result<Self, FlannelError> {
        let map = json::object(text).map_err(|found| problem("the text", "a JSON object", &found))?;
        let public_ip = match address(&map, "PublicIP")? {
            None => Ipv4Addr::UNSPECIFIED,
            Some(IpAddr::V4(address)) => address,
            Some(IpAddr::V6(address)) => {
                return Err(problem("PublicIP", "an IPv4 address", &address.to_string()));
            }
        };
        let public_ipv6 = match address(&map, "PublicIPv6")? {
            None => None,
            Some(IpAddr::V6(address)) => Some(address),
            Some(IpAddr::V4(address)) => Some(address.to_ipv6_mapped()),
        };
        let backend_type = match json::field(&map, "BackendType") {
            None => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => return Err(problem("BackendType", "a string", &other.to_string())),
        };
        Ok(Self {
            public_ip,
            public_ipv6,
            backend_type,
            backend_data: json::field(&map, "BackendData").cloned(),
            backend_v6_data: json::field(&map, "BackendV6Data").cloned(),
        })
    }

    /// The value as flanneld writes it.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut map = Map::new();
        map.insert("PublicIP".into(), self.public_ip.to_string().into());
        map.insert("PublicIPv6".into(), self.public_ipv6.map(|address| address.to_string()).into());
        if !self.backend_type.is_empty() {
            map.insert("BackendType".into(), self.backend_type.clone().into());
        }
        for (key, data) in [("BackendData", &self.backend_data), ("BackendV6Data", &self.backend_v6_data)] {
            if let Some(data) = data {
                map.insert(key.into(), data.clone());
            }
        }
        json::print(&Value::Object(map))
    }
}

impl FromStr for NodeAttributes {
    type Err = FlannelError;

    fn from_str(text: &str) -> Result<Self, FlannelError> {
        Self::from_json(text.as_bytes())
    }
}

fn address(map: &Map<String, Value>, name: &'static str) -> Result<Option<IpAddr>, FlannelError> {
    match json::field(map, name) {
        None => Ok(None),
        Some(Value::String(text)) => match text.parse::<IpAddr>() {
            Ok(address) => Ok(Some(address.to_canonical())),
            Err(_) => Err(problem(name, "an address", text)),
        },
        Some(other) => Err(problem(name, "an address", &other.to_string())),
    }
}

fn problem(field: &'static str, expected: &str, found: &str) -> FlannelError {
    FlannelError::Value { field, expected: expected.to_owned(), found: cut(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What flanneld of several releases and backends writes.
    const WRITTEN: [&str; 6] = [
        r#"{"PublicIP":"192.168.64.3","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}}"#,
        r#"{"PublicIP":"192.0.2.10","PublicIPv6":"2001:db8::10","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"12:c6:65:89:b4:e3"},"BackendV6Data":{"VNI":1,"VtepMAC":"ca:50:97:1f:c2:ea"}}"#,
        r#"{"PublicIP":"192.0.2.10","PublicIPv6":null,"BackendType":"host-gw"}"#,
        r#"{"PublicIP":"0.0.0.0","PublicIPv6":"2001:db8::10","BackendType":"host-gw"}"#,
        r#"{"PublicIP":"192.0.2.10","PublicIPv6":null,"BackendType":"wireguard","BackendData":{"PublicKey":"m5EgX1+dGi3mNhRcQ6dW2xZ0a9yVJhnRKXOYzTVcQkE=","Port":51820}}"#,
        r#"{"PublicIP":"192.0.2.10","PublicIPv6":null}"#,
    ];

    #[test]
    fn values_of_flanneld_read_and_print_the_same() {
        for text in WRITTEN {
            assert_eq!(text.parse::<NodeAttributes>().unwrap().to_json(), text);
        }
    }

    #[test]
    fn values_of_others_are_read_as_flanneld_reads_them() {
        let text =
            br#" {"publicip": "192.0.2.10", "BackendType": null, "BackendV6Data": null, "More": [1]} "#;
        let node = NodeAttributes::from_json(text).unwrap();
        assert_eq!(node, NodeAttributes::new(Ipv4Addr::new(192, 0, 2, 10), ""));
        let mut escaped = NodeAttributes::new(Ipv4Addr::LOCALHOST, "extension");
        escaped.backend_data = Some("a&b".into());
        assert!(escaped.to_json().ends_with(r#""BackendData":"a\u0026b"}"#));
        assert_eq!(escaped.to_json().parse::<NodeAttributes>().unwrap(), escaped);
    }

    #[test]
    fn damaged_values_name_the_field() {
        for (text, field) in [
            ("", "the text"),
            ("null", "the text"),
            (r#"{"PublicIP":"node-1"}"#, "PublicIP"),
            (r#"{"PublicIP":7}"#, "PublicIP"),
            (r#"{"PublicIP":"2001:db8::1"}"#, "PublicIP"),
            (r#"{"PublicIP":"192.0.2.1","PublicIPv6":"x"}"#, "PublicIPv6"),
            (r#"{"PublicIP":"192.0.2.1","BackendType":{}}"#, "BackendType"),
        ] {
            let error = text.parse::<NodeAttributes>().unwrap_err();
            assert!(matches!(&error, FlannelError::Value { field: found, .. } if *found == field), "{error}");
        }
        let long = format!(r#"{{"PublicIP":"{}"}}"#, "9".repeat(5000));
        assert!(long.parse::<NodeAttributes>().unwrap_err().to_string().len() < 400);
    }
}
