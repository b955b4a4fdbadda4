//! What keeps a node from finding its cluster.

use super::{BundleError, Cause, EndpointFailure};
use crate::{
    error::{Code, Details, Problem},
    kubeconfig::KubeconfigError,
};

/// What keeps a node from finding its cluster. No message holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// What was given cannot work.
    #[error("discovery: {field}: expected {expected}, found {found}: {remedy}")]
    #[non_exhaustive]
    Options {
        /// The field.
        field: &'static str,
        /// What would have been right.
        expected: &'static str,
        /// What was given; never a secret.
        found: String,
        /// What to do.
        remedy: &'static str,
    },
    /// No endpoint leads to the cluster; at least one failure, in the order of the endpoints.
    #[error("discovery: {}", told(failures))]
    #[non_exhaustive]
    Endpoints {
        /// Why not, for every endpoint.
        failures: Vec<EndpointFailure>,
    },
    /// There are no credentials for the kubelet's first certificate.
    #[error(
        "discovery: expected credentials for the TLS bootstrap, found none in the kubeconfig and no tlsBootstrapToken: give \
         the token of a join command as discovery.tlsBootstrapToken"
    )]
    Credentials,
    /// A file cannot be read or written.
    #[error("discovery: {path}: {problem}")]
    #[non_exhaustive]
    File {
        /// The path.
        path: String,
        /// What the system says.
        problem: String,
    },
    /// A kubeconfig cannot be read.
    #[error("discovery: {origin}")]
    #[non_exhaustive]
    Kubeconfig {
        /// Where it came from.
        origin: String,
        /// What is wrong with it.
        #[source]
        source: Box<KubeconfigError>,
    },
    /// A kubeconfig cannot be used for discovery.
    #[error("discovery: kubeconfig: {field}: expected {expected}, found {found}")]
    #[non_exhaustive]
    Unusable {
        /// The field.
        field: String,
        /// What would have been right.
        expected: &'static str,
        /// What was there.
        found: String,
    },
    /// A join bundle cannot be used.
    #[error("discovery")]
    #[non_exhaustive]
    Bundle {
        /// Why.
        #[from]
        source: BundleError,
    },
    /// The discovery endpoint cannot listen.
    #[error("discovery endpoint: {address}: {problem}: choose another address or port")]
    #[non_exhaustive]
    Serve {
        /// Where it should have listened.
        address: String,
        /// What the system says.
        problem: String,
    },
    /// It was cancelled.
    #[error("discovery: cancelled")]
    Cancelled,
}

impl DiscoveryError {
    /// Why every endpoint failed; empty if it was something else.
    #[must_use]
    pub fn failures(&self) -> &[EndpointFailure] {
        match self {
            Self::Endpoints { failures } => failures,
            _ => &[],
        }
    }

    /// The most telling cause of the endpoints: the one that warns of a forgery before the one that may pass.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        self.failures().iter().map(|failure| &failure.cause).min_by_key(|cause| cause.rank())
    }
}

impl Problem for DiscoveryError {
    fn code(&self) -> Code {
        match self {
            Self::Options { .. } => Code::DISCOVERY_OPTIONS,
            Self::Endpoints { .. } => self.cause().map_or(Code::DISCOVERY_RUNTIME, Cause::code),
            Self::Credentials => Code::DISCOVERY_CREDENTIALS,
            Self::File { .. } => Code::DISCOVERY_FILE,
            Self::Kubeconfig { .. } | Self::Unusable { .. } => Code::DISCOVERY_KUBECONFIG,
            Self::Bundle { source } => source.code(),
            Self::Serve { .. } => Code::DISCOVERY_SERVE,
            Self::Cancelled => Code::DISCOVERY_CANCELLED,
        }
    }

    fn details(&self) -> Details {
        let mut details = Details::default();
        match self {
            Self::Options { field, expected, found, remedy } => {
                details.field = Some((*field).to_owned());
                details.expected = Some((*expected).to_owned());
                details.found = Some(found.clone());
                details.remedy = Some((*remedy).to_owned());
            }
            Self::Unusable { field, expected, found } => {
                details.field = Some(field.clone());
                details.expected = Some((*expected).to_owned());
                details.found = Some(found.clone());
            }
            Self::Endpoints { failures } => {
                details = self.cause().map(Problem::details).unwrap_or_default();
                details.retryable = failures.iter().any(|failure| failure.cause.details().retryable);
            }
            Self::File { path, problem } => {
                details.path = Some(path.clone());
                details.found = Some(problem.clone());
            }
            Self::Kubeconfig { source, .. } => details = source.details(),
            Self::Bundle { source } => details = source.details(),
            Self::Serve { address, problem } => {
                details.field = Some(address.clone());
                details.found = Some(problem.clone());
            }
            Self::Credentials | Self::Cancelled => {}
        }
        details
    }
}

fn told(failures: &[EndpointFailure]) -> String {
    let each: Vec<String> = failures.iter().map(EndpointFailure::to_string).collect();
    match each.as_slice() {
        [] => "no endpoint was asked".to_owned(),
        [one] => one.clone(),
        several => {
            format!("none of {} endpoints leads to the cluster: {}", several.len(), several.join("; "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_of_the_most_telling_cause_and_every_failure_is_told() {
        let silent = Cause::Silent { limit: std::time::Duration::from_secs(1) };
        let forged = Cause::Signature { id: "abcdef".to_owned() };
        let failures =
            vec![EndpointFailure::new("https://a:1", silent), EndpointFailure::new("https://b:1", forged)];
        let error = DiscoveryError::Endpoints { failures };
        assert_eq!(error.code(), Code::DISCOVERY_SIGNATURE);
        let text = error.to_string();
        assert!(
            text.contains("https://a:1: no answer") && text.contains("https://b:1: the signature"),
            "{text}"
        );
    }
}
