//! How to reach etcd.

use std::{fmt, time::Duration};

use super::error::EtcdError;
use crate::secret::SecretBytes;

/// How to reach etcd.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::store::etcd::EtcdOptions;
/// let options = EtcdOptions::new(["https://192.0.2.10:2379", "https://192.0.2.11:2379"]);
/// assert_eq!(options.request_timeout.as_secs(), 5);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EtcdOptions {
    /// `http://` or `https://`, a host and the client port. The first that answers is used until it fails.
    pub endpoints: Vec<String>,
    /// Needed for `https://`. Default: none.
    pub tls: Option<EtcdTls>,
    /// For etcd's own authentication. Default: none.
    pub user: Option<EtcdUser>,
    /// How long a connection may take, TLS included, for each endpoint. Default: 2 s.
    pub connect_timeout: Duration,
    /// How long an answer may take, for each endpoint. Default: 5 s.
    pub request_timeout: Duration,
}

impl EtcdOptions {
    /// Endpoints, with every default.
    #[must_use]
    pub fn new<T: Into<String>>(endpoints: impl IntoIterator<Item = T>) -> Self {
        Self {
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            tls: None,
            user: None,
            connect_timeout: Duration::from_secs(2),
            request_timeout: Duration::from_secs(5),
        }
    }

    /// Sets [`tls`](Self::tls).
    #[must_use]
    pub fn tls(mut self, tls: EtcdTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Sets [`user`](Self::user).
    #[must_use]
    pub fn user(mut self, name: impl Into<String>, password: SecretBytes) -> Self {
        self.user = Some(EtcdUser { name: name.into(), password });
        self
    }

    /// Sets both time limits.
    #[must_use]
    pub const fn timeouts(mut self, connect: Duration, request: Duration) -> Self {
        self.connect_timeout = connect;
        self.request_timeout = request;
        self
    }

    /// What can be told without a connection.
    pub(super) fn check(&self) -> Result<(), EtcdError> {
        let problem = |option, expected, found: &str| {
            Err(EtcdError::Options { option, expected, found: found.chars().take(256).collect() })
        };
        if self.endpoints.is_empty() {
            return problem("endpoints", "at least one endpoint", "none");
        }
        for endpoint in &self.endpoints {
            let Some(rest) = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"))
            else {
                return problem("endpoints", "http:// or https://, a host and a port", endpoint);
            };
            let port = rest.rsplit_once(':').map_or("", |(_, port)| port.trim_end_matches('/'));
            if rest.contains('@') {
                return problem("endpoints", "a host and a port", "a user or password in an endpoint");
            }
            if port.parse::<u16>().is_err() {
                return problem("endpoints", "a host and a port", endpoint);
            }
            if endpoint.starts_with("https:") && self.tls.is_none() {
                return problem("tls", "a CA for an https:// endpoint", "none");
            }
            if endpoint.starts_with("http:") && self.tls.is_some() {
                return problem("endpoints", "https:// where TLS is asked for", endpoint);
            }
        }
        if self.connect_timeout.is_zero() || self.request_timeout.is_zero() {
            return problem("timeouts", "more than 0", "0");
        }
        self.tls.as_ref().map_or(Ok(()), EtcdTls::check)
    }
}

/// TLS towards etcd. The private key is never printed.
#[derive(Clone)]
#[non_exhaustive]
pub struct EtcdTls {
    /// The CA's certificates in PEM; no others are trusted.
    pub ca: Vec<u8>,
    /// The client certificate in PEM, with its chain if it has one, and its private key in PEM (PKCS #8, PKCS #1 or
    /// SEC 1). Default: none. The TLS library keeps a copy of the key that it does not wipe.
    pub client: Option<(Vec<u8>, SecretBytes)>,
    /// The name that the server's certificate must have. Default: the host of the endpoint.
    pub server_name: Option<String>,
}

impl EtcdTls {
    /// TLS without a client certificate.
    #[must_use]
    pub fn new(ca: impl Into<Vec<u8>>) -> Self {
        Self { ca: ca.into(), client: None, server_name: None }
    }

    /// Sets [`client`](Self::client).
    #[must_use]
    pub fn client(mut self, certificate: impl Into<Vec<u8>>, key: SecretBytes) -> Self {
        self.client = Some((certificate.into(), key));
        self
    }

    /// Sets [`server_name`](Self::server_name).
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// The TLS library skips what it cannot read, and then trusts nobody: an error here says more.
    fn check(&self) -> Result<(), EtcdError> {
        let has = |text: &[u8], mark: &str| text.windows(mark.len()).any(|part| part == mark.as_bytes());
        let problem = |option, expected| {
            Err(EtcdError::Options { option, expected, found: "no such PEM block".to_owned() })
        };
        if !has(&self.ca, "-----BEGIN CERTIFICATE-----") {
            return problem("tls.ca", "a certificate in PEM");
        }
        match &self.client {
            Some((certificate, _)) if !has(certificate, "-----BEGIN CERTIFICATE-----") => {
                problem("tls.client", "a certificate in PEM")
            }
            Some((_, key)) if !has(key.expose(), "PRIVATE KEY-----") => {
                problem("tls.client", "a private key in PEM")
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for EtcdTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client = self.client.as_ref().map(|(certificate, key)| (certificate.len(), key));
        f.debug_struct("EtcdTls")
            .field("ca", &self.ca.len())
            .field("client", &client)
            .field("server_name", &self.server_name)
            .finish()
    }
}

/// A user of etcd's own authentication.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EtcdUser {
    /// The name.
    pub name: String,
    /// The password, as UTF-8.
    pub password: SecretBytes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_options_are_named() {
        let tls = || EtcdTls::new(*b"-----BEGIN CERTIFICATE-----");
        for (options, named) in [
            (EtcdOptions::new::<String>([]), "endpoints"),
            (EtcdOptions::new(["127.0.0.1:2379"]), "endpoints"),
            (EtcdOptions::new(["http://127.0.0.1"]), "endpoints"),
            (EtcdOptions::new(["http://user:secret@host:2379"]), "endpoints"),
            (EtcdOptions::new(["https://host:2379"]), "tls"),
            (EtcdOptions::new(["http://host:2379"]).tls(tls()), "endpoints"),
            (EtcdOptions::new(["https://host:2379"]).tls(EtcdTls::new("x")), "tls.ca"),
            (EtcdOptions::new(["https://h:1"]).tls(tls().client("x", "y".to_owned().into())), "tls.client"),
            (EtcdOptions::new(["http://h:1"]).timeouts(Duration::ZERO, Duration::ZERO), "timeouts"),
        ] {
            let error = options.check().unwrap_err();
            let found = matches!(&error, EtcdError::Options { option, .. } if *option == named);
            assert!(found && !error.to_string().contains("secret"), "{named}: {error}");
        }
        assert!(EtcdOptions::new(["https://[::1]:2379/"]).tls(tls()).check().is_ok());
    }

    #[test]
    fn secrets_are_not_printed() {
        let options = EtcdOptions::new(["https://h:1"])
            .tls(EtcdTls::new("ca").client("crt", "hunter2".to_owned().into()))
            .user("root", "hunter3".to_owned().into());
        let printed = format!("{options:?}");
        assert!(!printed.contains("hunter"), "{printed}");
    }
}
