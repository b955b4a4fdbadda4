//! `CNI_ARGS`: pairs of key and value.

use std::{fmt, net::IpAddr};

use crate::cidr::Cidr;

/// The pairs of `CNI_ARGS`, `K=V;K=V`, in order.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::cni::CniArgs;
/// let args = CniArgs::parse("IgnoreUnknown=1;K8S_POD_NAME=web-0")?;
/// assert_eq!(args.get("K8S_POD_NAME"), Some("web-0"));
/// assert_eq!(args.to_string(), "IgnoreUnknown=1;K8S_POD_NAME=web-0");
/// # Ok::<(), k8sboot_core::cni::ArgsError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CniArgs {
    pairs: Vec<(String, String)>,
}

/// Why `CNI_ARGS` cannot be used. Its text is host-local's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArgsError {
    /// A pair has not exactly one `=`.
    #[error("ARGS: invalid pair {}", go_quoted(pair))]
    #[non_exhaustive]
    Pair {
        /// The pair.
        pair: String,
    },
    /// `IP` is no address.
    #[error("ARGS: error parsing value of pair {}: invalid IP address {value}", go_quoted(&format!("IP={value}")))]
    #[non_exhaustive]
    Address {
        /// The value.
        value: String,
    },
    /// `IgnoreUnknown` is no truth value.
    #[error(
        "ARGS: error parsing value of pair {}: boolean unmarshal error: invalid input {}",
        go_quoted(&format!("IgnoreUnknown={value}")), value.to_lowercase()
    )]
    #[non_exhaustive]
    Boolean {
        /// The value.
        value: String,
    },
    /// There are keys that the plugin does not know, and `IgnoreUnknown` is not true.
    #[error("ARGS: unknown args [{}]", pairs.iter().map(|p| go_quoted(p)).collect::<Vec<_>>().join(" "))]
    #[non_exhaustive]
    Unknown {
        /// The pairs.
        pairs: Vec<String>,
    },
}

impl CniArgs {
    /// Takes pairs apart. An empty text has none.
    ///
    /// # Errors
    ///
    /// [`ArgsError::Pair`] for a pair without exactly one `=`, also an empty one (a trailing `;`).
    pub fn parse(text: &str) -> Result<Self, ArgsError> {
        let pairs =
            pairs(text).map(|pair| split(pair).map(|(key, value)| (key.to_owned(), value.to_owned())));
        Ok(Self { pairs: pairs.collect::<Result<_, _>>()? })
    }

    /// Adds a pair.
    ///
    /// # Errors
    ///
    /// [`ArgsError::Pair`] if key or value hold `;` or `=`, which cannot be told then.
    pub fn push(&mut self, key: &str, value: &str) -> Result<(), ArgsError> {
        if [key, value].iter().any(|text| text.contains([';', '=', '\0'])) {
            return Err(ArgsError::Pair { pair: format!("{key}={value}") });
        }
        self.pairs.push((key.to_owned(), value.to_owned()));
        Ok(())
    }

    /// The pairs, in order.
    #[must_use]
    pub fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }

    /// The last value of a key; the case of keys matters.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.pairs.iter().rev().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for CniArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (key, value)) in self.pairs.iter().enumerate() {
            if index > 0 {
                f.write_str(";")?;
            }
            write!(f, "{key}={value}")?;
        }
        Ok(())
    }
}

/// What an IPAM plugin takes from `CNI_ARGS`.
///
/// Source: host-local understands `IP` and `IgnoreUnknown`, and refuses other keys unless the latter is true.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IpamArgs {
    /// `IP`: the requested address; its prefix length is dropped. Empty is none.
    pub address: Option<IpAddr>,
}

impl IpamArgs {
    /// Reads `CNI_ARGS`; problems are found in the order of the pairs, unknown keys last.
    ///
    /// # Errors
    ///
    /// [`ArgsError`], in host-local's words.
    pub fn parse(text: &str) -> Result<Self, ArgsError> {
        let (mut args, mut ignore, mut unknown) = (Self::default(), false, Vec::new());
        for pair in pairs(text) {
            match split(pair)? {
                ("IP", "") => args.address = None,
                ("IP", value) => {
                    let address = address_of(value);
                    args.address =
                        Some(address.ok_or_else(|| ArgsError::Address { value: value.to_owned() })?);
                }
                ("IgnoreUnknown", value) => {
                    ignore = truth(value).ok_or_else(|| ArgsError::Boolean { value: value.to_owned() })?;
                }
                _ => unknown.push(pair.to_owned()),
            }
        }
        if unknown.is_empty() || ignore { Ok(args) } else { Err(ArgsError::Unknown { pairs: unknown }) }
    }
}

/// Reads an address with or without a prefix length; an IPv4 address written as IPv6 is the IPv4 address.
#[must_use]
pub fn address_of(text: &str) -> Option<IpAddr> {
    let address = match text.contains('/') {
        true => text.parse::<Cidr>().ok()?.address(),
        false => text.parse().ok()?,
    };
    Some(address.to_canonical())
}

/// `1` and `true`, `0` and `false`, in any case.
fn truth(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

fn pairs(text: &str) -> impl Iterator<Item = &str> {
    text.split(';').filter(move |_| !text.is_empty())
}

fn split(pair: &str) -> Result<(&str, &str), ArgsError> {
    match pair.split_once('=') {
        Some((key, value)) if !value.contains('=') => Ok((key, value)),
        _ => Err(ArgsError::Pair { pair: pair.to_owned() }),
    }
}

/// A text in quotes, as Go's `%q` prints it.
fn go_quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if c.is_control() || (c.is_whitespace() && c != ' ') => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_in_host_locals_words() {
        for (text, want) in [
            ("IP", "ARGS: invalid pair \"IP\""),
            ("IP=10.1.2.9;", "ARGS: invalid pair \"\""),
            ("A=b=c", "ARGS: invalid pair \"A=b=c\""),
            (
                "IP=10.1.2.300",
                "ARGS: error parsing value of pair \"IP=10.1.2.300\": invalid IP address 10.1.2.300",
            ),
            (
                "IgnoreUnknown=Maybe",
                "ARGS: error parsing value of pair \"IgnoreUnknown=Maybe\": boolean unmarshal error: invalid input maybe",
            ),
            ("ip=10.1.2.9", "ARGS: unknown args [\"ip=10.1.2.9\"]"),
            ("A=b;C=d;IgnoreUnknown=0", "ARGS: unknown args [\"A=b\" \"C=d\"]"),
            ("A=b;IP=x", "ARGS: error parsing value of pair \"IP=x\": invalid IP address x"),
            ("A\n=\"", "ARGS: unknown args [\"A\\n=\\\"\"]"),
        ] {
            assert_eq!(IpamArgs::parse(text).unwrap_err().to_string(), want);
        }
    }

    #[test]
    fn takes_what_host_local_takes() {
        for (text, want) in [
            ("", None),
            ("IP=", None),
            ("IP=10.1.2.9", Some("10.1.2.9")),
            ("IP=10.1.2.9/24", Some("10.1.2.9")),
            ("IP=::ffff:10.1.2.9", Some("10.1.2.9")),
            ("IP=2001:db8::9/64;IgnoreUnknown=TRUE;A=b", Some("2001:db8::9")),
            ("A=b;IgnoreUnknown=1", None),
        ] {
            let want = want.map(|text| text.parse().unwrap());
            assert_eq!(IpamArgs::parse(text).unwrap().address, want, "{text}");
        }
    }

    #[test]
    fn pairs_print_as_they_were() {
        for text in ["", "A=b", "A=;B=c;A=d"] {
            assert_eq!(CniArgs::parse(text).unwrap().to_string(), text);
        }
        let mut args = CniArgs::default();
        assert!(args.push("A", "b;C").is_err() && args.push("A=", "b").is_err());
        args.push("A", "b").unwrap();
        assert_eq!(args.to_string(), "A=b");
    }
}
