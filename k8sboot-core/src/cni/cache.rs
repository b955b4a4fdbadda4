//! Stored results: what a runtime keeps of each ADD that completed, to be used by DEL, CHECK and GC.

use std::net::IpAddr;

use super::{
    args::CniArgs,
    base64,
    error::{CniError, cut},
    go_json::{Fields, Item},
    json::{Json, Layout},
    result::CniResult,
    version::Version,
};
use crate::ipam::{is_container_id, is_interface_name};

/// The `kind` of a stored result.
const KIND: &str = "cniCacheV1";

/// The longest name that Linux's file systems take, in bytes.
const LONGEST_NAME: usize = 255;

/// Where runtimes keep stored results, below which is `results/`: the usual place, and that of kubelet's dockershim.
pub const CACHE_DIRS: [&str; 2] = ["/var/lib/cni", "/var/lib/cni/cache"];

/// A stored result.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::cni::CacheEntry;
/// let text = br#"{"kind":"cniCacheV1","containerId":"3f2a","ifName":"eth0","networkName":"mynet","netns":"/run/netns/x",
///     "config":"e30=","result":{"cniVersion":"1.0.0","ips":[{"address":"10.1.2.2/24"}]}}"#;
/// let entry = CacheEntry::parse(text, "mynet-3f2a-eth0")?;
/// assert_eq!((entry.network.as_str(), entry.container.as_str()), ("mynet", "3f2a"));
/// assert_eq!(entry.addresses(), ["10.1.2.2".parse::<std::net::IpAddr>()?]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheEntry {
    /// Which form the file has.
    pub form: CacheForm,
    /// The network; empty if the old form does not tell.
    pub network: String,
    /// The container ID; empty if the old form does not tell.
    pub container: String,
    /// The interface name; empty if the old form does not tell.
    pub interface: String,
    /// The path of the network namespace; stored since 2024.
    pub netns: Option<String>,
    /// The pairs of `CNI_ARGS` at ADD.
    pub args: Vec<(String, String)>,
    /// The capability arguments at ADD.
    pub capability_args: Option<Json>,
    /// The configuration list at ADD, as it was read.
    pub config: Vec<u8>,
    /// The result, as it is stored.
    pub result: Option<Json>,
}

/// The two forms of stored results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheForm {
    /// An object that names its attachment; since 2020.
    V1,
    /// The bare result; network, container and interface follow from the file's name as far as that is certain.
    Bare,
}

impl CacheEntry {
    /// Reads a stored result. The file's name helps with the bare form only.
    ///
    /// Any object without that `kind` is taken for the bare form. A name can be split at its dashes for certain only if one
    /// part is 64 hexadecimal digits long, as the IDs of Docker, containerd and CRI-O are.
    ///
    /// # Errors
    ///
    /// [`CniError::Json`] or [`CniError::Field`].
    pub fn parse(bytes: &[u8], file_name: &str) -> Result<Self, CniError> {
        let document = Json::parse(bytes)?;
        if !matches!(document, Json::Object(_)) {
            return Err(CniError::Field {
                field: String::new(),
                expected: "a stored result object".to_owned(),
                found: document.describe(),
            });
        }
        let fields = document.fields()?;
        if fields.text("kind").ok().flatten() == Some(KIND) {
            return Self::read(&fields);
        }
        let (network, container, interface) = split_name(file_name).unwrap_or_default();
        Ok(Self {
            form: CacheForm::Bare,
            network: network.to_owned(),
            container: container.to_owned(),
            interface: interface.to_owned(),
            netns: None,
            args: Vec::new(),
            capability_args: None,
            config: Vec::new(),
            result: Some(document),
        })
    }

    /// Prints it in the form of today.
    #[must_use]
    pub fn render(&self) -> String {
        let mut members = Vec::new();
        let mut text = |key: &str, value: &str| members.push((key.to_owned(), Json::text(value)));
        text("kind", KIND);
        text("containerId", &self.container);
        text("config", &base64::encode(&self.config));
        text("ifName", &self.interface);
        text("networkName", &self.network);
        if let Some(netns) = self.netns.as_deref().filter(|netns| !netns.is_empty()) {
            text("netns", netns);
        }
        if !self.args.is_empty() {
            let pair = |(key, value): &(String, String)| Json::List(vec![Json::text(key), Json::text(value)]);
            members.push(("cniArgs".to_owned(), Json::List(self.args.iter().map(pair).collect())));
        }
        if let Some(args) = &self.capability_args {
            members.push(("capabilityArgs".to_owned(), args.clone()));
        }
        if let Some(result) = &self.result {
            members.push(("result".to_owned(), result.clone()));
        }
        Json::Object(members).render(Layout::Compact)
    }

    /// The result, in the version it was stored in; without one that is 0.1.0.
    ///
    /// # Errors
    ///
    /// [`CniError::Field`], also if there is none; or [`CniError::Version`].
    pub fn result(&self) -> Result<CniResult, CniError> {
        let json = self.result.as_ref().unwrap_or(&Json::Null);
        if !matches!(json, Json::Object(_)) {
            return Err(CniError::Field {
                field: "result".to_owned(),
                expected: "a result object".to_owned(),
                found: json.describe(),
            });
        }
        CniResult::read(&json.fields()?, Version::V0_1_0)
    }

    /// The addresses in the result; none if that cannot be read.
    #[must_use]
    pub fn addresses(&self) -> Vec<IpAddr> {
        let ips = self.result().map(|result| result.ips).unwrap_or_default();
        ips.iter().map(|ip| ip.address.address()).collect()
    }

    /// The arguments as `CNI_ARGS`; pairs that cannot be told there are left out.
    #[must_use]
    pub fn cni_args(&self) -> CniArgs {
        let mut args = CniArgs::default();
        for (key, value) in &self.args {
            // A pair with a separator in it would be read as other pairs.
            let _left_out = args.push(key, value);
        }
        args
    }

    fn read(fields: &Fields<'_>) -> Result<Self, CniError> {
        let text = |key: &str| Ok::<_, CniError>(fields.text(key)?.unwrap_or_default().to_owned());
        let config = base64::decode(&text("config")?)
            .ok_or_else(|| fields.wrong("config", "Base64", "something else".to_owned()))?;
        let value = |key: &str| match fields.presence(key) {
            super::go_json::Presence::Value(json) => Some(json.clone()),
            _ => None,
        };
        Ok(Self {
            form: CacheForm::V1,
            network: text("networkName")?,
            container: text("containerId")?,
            interface: text("ifName")?,
            netns: fields.text("netns")?.filter(|netns| !netns.is_empty()).map(str::to_owned),
            args: fields.list("cniArgs")?.unwrap_or_default().iter().map(pair).collect::<Result<_, _>>()?,
            capability_args: value("capabilityArgs"),
            config,
            result: value("result"),
        })
    }
}

/// The name of the file that keeps the result of an attachment, `NETWORK-CONTAINER-INTERFACE`.
///
/// # Errors
///
/// [`CniError::Parameter`] if one of the three is not valid, or the name longer than a file system takes.
pub fn cache_file_name(network: &str, container: &str, interface: &str) -> Result<String, CniError> {
    let wrong =
        |parameter, expected, found: &str| CniError::Parameter { parameter, expected, found: cut(found) };
    if !is_container_id(network) {
        return Err(wrong("name", "a network name of letters, digits, '_', '.' and '-'", network));
    }
    if !is_container_id(container) {
        return Err(wrong(
            "CNI_CONTAINERID",
            "a container ID of letters, digits, '_', '.' and '-'",
            container,
        ));
    }
    if !is_interface_name(interface) {
        return Err(wrong("CNI_IFNAME", "1 to 15 bytes without '/', ':' and white space", interface));
    }
    let name = format!("{network}-{container}-{interface}");
    if name.len() > LONGEST_NAME {
        let expected = "a container ID and network name short enough for a file name of 255 bytes";
        return Err(wrong("CNI_CONTAINERID", expected, container));
    }
    Ok(name)
}

fn pair(item: &Item<'_>) -> Result<(String, String), CniError> {
    match item.list()?.as_slice() {
        [key, value] => {
            let text = |item: &Item<'_>| Ok(item.text()?.unwrap_or_default().to_owned());
            Ok((text(key)?, text(value)?))
        }
        _ => Err(item.wrong("a pair of texts")),
    }
}

fn split_name(name: &str) -> Option<(&str, &str, &str)> {
    let is_id = |part: &str| part.len() == 64 && part.bytes().all(|b| b.is_ascii_hexdigit());
    let mut candidates = name.match_indices('-').filter_map(|(at, _)| {
        let (network, rest) = (name.get(..at)?, name.get(at + 1..)?);
        let (container, interface) = rest.split_once('-')?;
        is_id(container).then_some((network, container, interface))
    });
    let first = candidates.next()?;
    candidates.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_reads_the_form_of_today() {
        let text = concat!(
            r#"{"kind":"cniCacheV1","containerId":"a","config":"e30=","ifName":"eth0","networkName":"n-1","#,
            r#""netns":"/run/netns/x","cniArgs":[["K8S_POD_NAME","web-0"],["A",""]],"#,
            r#""capabilityArgs":{"portMappings":[{"hostPort":80}]},"#,
            r#""result":{"cniVersion":"1.0.0","ips":[{"address":"fd00::2/64"},{"address":"10.1.2.2/24"}]}}"#
        );
        let entry = CacheEntry::parse(text.as_bytes(), "whatever").unwrap();
        assert_eq!(entry.render(), text);
        assert_eq!(entry.config, b"{}");
        assert_eq!(entry.cni_args().to_string(), "K8S_POD_NAME=web-0;A=");
        assert_eq!(entry.addresses().len(), 2);
        let other_case = text.replace("containerId", "containerID");
        assert_eq!(CacheEntry::parse(other_case.as_bytes(), ""), Ok(entry));
    }

    #[test]
    fn the_bare_form_is_named_by_its_file_where_that_is_certain() {
        let id = "0123456789abcdef".repeat(4);
        let bare = br#"{"ip4":{"ip":"10.244.1.2/24"},"dns":{}}"#;
        for (name, want) in [
            (format!("cbr0-{id}-eth0"), ("cbr0", id.as_str(), "eth0")),
            (format!("my-net-{id}-eth-0"), ("my-net", id.as_str(), "eth-0")),
            ("my-net-pod-1-eth0".to_owned(), ("", "", "")),
            (format!("{id}-{id}-{id}-eth0"), ("", "", "")),
        ] {
            let entry = CacheEntry::parse(bare, &name).unwrap();
            assert_eq!((entry.network.as_str(), entry.container.as_str(), entry.interface.as_str()), want);
            assert_eq!(entry.form, CacheForm::Bare);
            assert_eq!(entry.result().unwrap().version, Version::V0_1_0);
            assert_eq!(entry.addresses(), ["10.244.1.2".parse::<IpAddr>().unwrap()]);
        }
    }

    #[test]
    fn broken_ones_are_refused() {
        for text in [
            "",
            r#"{"kind":"cniCacheV1","containerId":"a""#,
            "[]",
            "null",
            r#"{"kind":"cniCacheV1","config":"e30"}"#,
            r#"{"kind":"cniCacheV1","cniArgs":[["a"]]}"#,
        ] {
            assert!(CacheEntry::parse(text.as_bytes(), "n-c-eth0").is_err(), "{text}");
        }
        let without = CacheEntry::parse(br#"{"kind":"cniCacheV1"}"#, "").unwrap();
        assert!(without.result().is_err() && without.addresses().is_empty());
    }

    #[test]
    fn names_are_proved() {
        assert_eq!(cache_file_name("n", "c", "eth0").as_deref(), Ok("n-c-eth0"));
        for (network, container, interface) in [
            ("../n", "c", "e"),
            ("n", "a/b", "e"),
            ("n", "c", "e/f"),
            ("n", "", "e"),
            ("n", &*"c".repeat(300), "e"),
        ] {
            assert!(
                cache_file_name(network, container, interface).is_err(),
                "{network} {container} {interface}"
            );
        }
    }
}
