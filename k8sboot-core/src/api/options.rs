//! How to reach an API server, whom to trust and who asks.

use std::{fmt, time::Duration};

use super::ApiError;
use crate::{
    kubeconfig::{Kubeconfig, Source},
    secret::SecretBytes,
};

/// Which servers are believed to be the API server.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trust {
    /// Those with a certificate of one of these authorities (PEM).
    Authorities(String),
    /// Any. Only for what is verified by other means, as discovery does.
    Anyone,
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Self::Anyone) { "Anyone" } else { "Authorities" })
    }
}

/// Who asks. `Debug` shows no secret.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Identity {
    /// `system:anonymous`.
    #[default]
    Anonymous,
    /// Whoever a bearer token belongs to.
    Token(SecretBytes),
    /// Whoever a client certificate names.
    Certificate {
        /// PEM, the leaf first.
        certificate: String,
        /// PEM: PKCS#8, PKCS#1 or SEC1.
        key: SecretBytes,
    },
}

/// How to reach an API server.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    pub(super) server: String,
    pub(super) trust: Trust,
    pub(super) identity: Identity,
    pub(super) server_name: Option<String>,
    pub(super) connect_timeout: Duration,
    pub(super) timeout: Duration,
}

impl ClientOptions {
    /// A server, `https://HOST:PORT` (`http://` for an insecure one), asked anonymously; connecting may take 5 s and an
    /// answer 10 s, as kubeadm's client allows.
    #[must_use]
    pub fn new(server: impl Into<String>, trust: Trust) -> Self {
        Self {
            server: server.into(),
            trust,
            identity: Identity::Anonymous,
            server_name: None,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(10),
        }
    }

    /// The current context of a kubeconfig whose files are [embedded](Kubeconfig::embed).
    ///
    /// # Errors
    ///
    /// [`ApiError::Options`] if the context leads nowhere, a file is not embedded, or there is neither a certificate
    /// authority nor the wish to do without.
    pub fn from_kubeconfig(config: &Kubeconfig) -> Result<Self, ApiError> {
        let wrong = |option: &'static str, expected: &'static str, found: &str| ApiError::Options {
            option,
            expected,
            found: found.to_owned(),
        };
        let current = config.current().map_err(|error| {
            wrong("kubeconfig", "a current context with cluster and user", &error.to_string())
        })?;
        let trust = match &current.cluster.certificate_authority {
            _ if current.cluster.insecure_skip_tls_verify => Trust::Anyone,
            Some(Source::Inline(pem)) => Trust::Authorities(String::from_utf8_lossy(pem).into_owned()),
            Some(_) => return Err(wrong("certificate-authority", "embedded data", "the path of a file")),
            None if current.cluster.server.starts_with("http://") => Trust::Anyone,
            None => return Err(wrong("certificate-authority-data", "a certificate authority", "none")),
        };
        let user = current.user;
        let identity = match (&user.client_certificate, &user.client_key, &user.token) {
            (Some(Source::Inline(certificate)), Some(Source::Inline(key)), _) => Identity::Certificate {
                certificate: String::from_utf8_lossy(certificate).into_owned(),
                key: key.clone(),
            },
            (Some(_), ..) | (_, Some(_), _) => {
                return Err(wrong(
                    "client-certificate",
                    "certificate and key, both embedded",
                    "a path, or one only",
                ));
            }
            (None, None, Some(token)) => Identity::Token(token.clone()),
            (None, None, None) if user.token_file.is_some() => {
                return Err(wrong("tokenFile", "an embedded token", "the path of a file"));
            }
            (None, None, None) => Identity::Anonymous,
        };
        let mut options = Self::new(&current.cluster.server, trust).identity(identity);
        if let Some(name) = current.cluster.other.0.get("tls-server-name").and_then(|name| name.as_str()) {
            options.server_name = Some(name.to_owned());
        }
        Ok(options)
    }

    /// Asks as somebody.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = identity;
        self
    }

    /// Goes to another server, with the same trust and identity: a control plane's own address, where a kubeconfig names
    /// the common endpoint.
    #[must_use]
    pub fn server(mut self, server: impl Into<String>) -> Self {
        self.server = server.into();
        self
    }

    /// Expects the server's certificate to be for this name. Default: the host of the server's URL.
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// How long connecting may take, and how long an answer.
    #[must_use]
    pub const fn timeouts(mut self, connect: Duration, answer: Duration) -> Self {
        self.connect_timeout = connect;
        self.timeout = answer;
        self
    }
}
