//! One endpoint: its TLS, and what its errors mean.

use std::{
    error::Error as StdError,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tonic::{
    Code as Status,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};

use super::{
    error::{EtcdError, TlsProblem},
    options::{EtcdOptions, EtcdTls},
};

/// An endpoint, and the connection to it if there is one.
pub(super) struct Target {
    pub(super) name: String,
    pub(super) secure: bool,
    pub(super) endpoint: Endpoint,
    pub(super) channel: Mutex<Option<Channel>>,
}

impl Target {
    /// The next request connects anew.
    pub(super) fn forget(&self) {
        *self.channel.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

pub(super) fn target(name: &str, options: &EtcdOptions) -> Result<Target, EtcdError> {
    let unusable = |error: &(dyn StdError + 'static)| EtcdError::Options {
        option: "endpoints",
        expected: "http:// or https://, a host and a port",
        found: format!("{name}: {}", text(error)),
    };
    let mut endpoint = Endpoint::from_shared(name.to_owned())
        .map_err(|error| unusable(&error))?
        .connect_timeout(options.connect_timeout)
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(5));
    if let Some(tls) = &options.tls {
        endpoint = endpoint.tls_config(tls_config(tls)).map_err(|error| EtcdError::Tls {
            endpoint: name.to_owned(),
            problem: TlsProblem::Material { found: text(&error) },
        })?;
    }
    Ok(Target { name: name.to_owned(), secure: options.tls.is_some(), endpoint, channel: Mutex::new(None) })
}

fn tls_config(tls: &EtcdTls) -> ClientTlsConfig {
    let mut config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&tls.ca));
    if let Some((certificate, key)) = &tls.client {
        config = config.identity(Identity::from_pem(certificate, key.expose()));
    }
    match &tls.server_name {
        Some(name) => config.domain_name(name),
        None => config,
    }
}

/// What hinders a connection. HTTP/2 keeps only the text of the TLS library's errors, so the text decides.
pub(super) fn unreachable(target: &Target, why: &str) -> EtcdError {
    let (endpoint, found) = (target.name.clone(), why.to_owned());
    let problem = if why.contains("invalid peer certificate") {
        TlsProblem::Server { found }
    } else if why.contains("received fatal alert") {
        TlsProblem::Client { found }
    } else if why.contains("corrupt message")
        || why.contains("handshake eof")
        || why.contains("HTTP/2 was not negotiated")
    {
        TlsProblem::Handshake { found }
    } else {
        return EtcdError::Unreachable { failures: vec![(endpoint, found)] };
    };
    EtcdError::Tls { endpoint, problem }
}

/// Whether a status is etcd's own word and not the transport's.
pub(super) fn is_etcds(status: &tonic::Status) -> bool {
    status.message().starts_with("etcdserver:")
        || (status.source().is_none() && status.code() != Status::Cancelled)
}

/// What hindered the transport.
pub(super) fn reason(status: &tonic::Status) -> String {
    status.source().map_or_else(|| status.message().to_owned(), text)
}

pub(super) fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| (*error).source())
}

/// The causes on one line, without those that only repeat.
pub(super) fn text(error: &(dyn StdError + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in causes(error) {
        let part = cause.to_string().replace('\n', "; ");
        if !part.is_empty() && parts.last() != Some(&part) {
            parts.push(part);
        }
    }
    parts.join(": ")
}
