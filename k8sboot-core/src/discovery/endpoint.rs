//! Where cluster-info is asked for.

use std::{fmt, str::FromStr};

use super::DiscoveryError;
use crate::config::{ControlPlaneEndpoint, host_port};

/// The port of a discovery endpoint, as the one of the first kubeadm had it.
pub const DISCOVERY_PORT: u16 = 9898;

/// Where cluster-info is asked for.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::discovery::Endpoint;
/// let api_server: Endpoint = "[2001:db8::10]:6443".parse()?;
/// assert_eq!(api_server.url(), "https://[2001:db8::10]:6443");
/// let served: Endpoint = "http://192.0.2.10".parse()?;
/// assert_eq!(served.to_string(), "http://192.0.2.10:9898");
/// # Ok::<(), k8sboot_core::discovery::DiscoveryError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// An API server.
    #[non_exhaustive]
    ApiServer {
        /// Name (lower case) or address without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// A discovery endpoint, as `exec::DiscoveryServer` is one: needs no anonymous access to the API server.
    #[non_exhaustive]
    Served {
        /// Name (lower case) or address without brackets.
        host: String,
        /// The port, usually 9898.
        port: u16,
    },
}

impl Endpoint {
    /// `https://HOST:PORT` of an API server, `http://HOST:PORT` of a discovery endpoint.
    #[must_use]
    pub fn url(&self) -> String {
        let (scheme, host, port) = match self {
            Self::ApiServer { host, port } => ("https", host, port),
            Self::Served { host, port } => ("http", host, port),
        };
        if host.contains(':') {
            format!("{scheme}://[{host}]:{port}")
        } else {
            format!("{scheme}://{host}:{port}")
        }
    }
}

impl From<&ControlPlaneEndpoint> for Endpoint {
    /// The API server there; without a port at 6443.
    fn from(endpoint: &ControlPlaneEndpoint) -> Self {
        Self::ApiServer { host: endpoint.host.clone(), port: endpoint.port.unwrap_or(6443) }
    }
}

impl FromStr for Endpoint {
    type Err = DiscoveryError;

    /// Reads `HOST:PORT` and `https://HOST:PORT` as an API server, `http://HOST` and `http://HOST:PORT` as a discovery
    /// endpoint; IPv6 addresses with a port in brackets.
    fn from_str(text: &str) -> Result<Self, DiscoveryError> {
        let wrong = |remedy: &'static str| DiscoveryError::Options {
            field: "endpoint",
            expected: "HOST:PORT of an API server, or http://HOST of a discovery endpoint",
            found: format!("{:?}", text.chars().take(80).collect::<String>()),
            remedy,
        };
        let (served, rest) = match text.split_once("://") {
            None => (false, text),
            Some(("https", rest)) => (false, rest),
            Some(("http", rest)) => (true, rest),
            Some(_) => return Err(wrong("leave out the scheme")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let bare = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(rest);
        let (host, port) = host_port(bare).map_err(wrong)?;
        match (served, port) {
            (true, port) => Ok(Self::Served { host, port: port.unwrap_or(DISCOVERY_PORT) }),
            (false, Some(port)) => Ok(Self::ApiServer { host, port }),
            (false, None) => Err(wrong("add the port, usually :6443")),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_print_as_urls_and_read_back() {
        for (text, url) in [
            ("192.0.2.10:6443", "https://192.0.2.10:6443"),
            ("https://api.example.internal:443/", "https://api.example.internal:443"),
            ("[2001:db8::1]:6443", "https://[2001:db8::1]:6443"),
            ("http://192.0.2.10", "http://192.0.2.10:9898"),
            ("http://[2001:db8::1]", "http://[2001:db8::1]:9898"),
            ("http://[2001:db8::1]:80", "http://[2001:db8::1]:80"),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(endpoint.url(), url);
            assert_eq!(url.parse::<Endpoint>().unwrap(), endpoint);
        }
    }

    #[test]
    fn what_leads_nowhere_is_refused() {
        for text in [
            "",
            ":",
            "a:0",
            "a:65536",
            "192.0.2.10",
            "[::1]",
            "ftp://a:1",
            "http://",
            "a b:1",
            "https://a:1/x",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
