//! Why a renewal in a running cluster is not complete.

use std::time::Duration;

use super::FlowError;
use crate::{
    api::ApiError,
    error::{Code, Details, Problem},
    manifest::ManifestError,
    plan::PlanError,
    probe::ProbeError,
};

/// Why a renewal in a running cluster is not complete. The new files stay; running it again renews and restarts again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestartError {
    /// The files could not be looked at; nothing was changed.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// No plan could be made; nothing was changed.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A manifest cannot be read, so that nobody knows what it reads; nothing was changed.
    #[error("renew: {path}: repair or remove it")]
    #[non_exhaustive]
    Manifest {
        /// The manifest.
        path: String,
        /// What is wrong with it.
        #[source]
        source: Box<ManifestError>,
    },
    /// The options for the API server are not usable; nothing was changed.
    #[error(transparent)]
    Api(Box<ApiError>),
    /// A step failed, or the run was cancelled before one.
    #[error(transparent)]
    Flow(#[from] FlowError),
    /// A pod was not seen to restart.
    #[error(
        "renew: {pod} was not seen to restart within {} s: {last}: check that the kubelet runs and reads {manifest}, and the log of the container",
        waited.as_secs()
    )]
    #[non_exhaustive]
    NotRestarted {
        /// The pod.
        pod: String,
        /// Its manifest, which is changed.
        manifest: String,
        /// How long was waited.
        waited: Duration,
        /// What was seen last.
        last: String,
    },
    /// A pod serves another certificate than that of the file.
    #[error(
        "renew: {pod} at {address} serves the certificate {found}, expected {expected} of {path}: check what listens there, and the log of the container"
    )]
    #[non_exhaustive]
    NotServed {
        /// The pod.
        pod: String,
        /// Address and port.
        address: String,
        /// The file of the certificate.
        path: Box<str>,
        /// Serial number and end of the certificate in the file.
        expected: Box<str>,
        /// Serial number and end of the certificate served.
        found: Box<str>,
    },
    /// The run was cancelled while waiting for a pod.
    #[error("renew: cancelled while waiting for {pod}: run again, so that everything reads the new files")]
    #[non_exhaustive]
    Cancelled {
        /// The pod.
        pod: String,
    },
}

impl From<ApiError> for RestartError {
    fn from(error: ApiError) -> Self {
        Self::Api(Box::new(error))
    }
}

impl Problem for RestartError {
    fn code(&self) -> Code {
        match self {
            Self::Probe(source) => source.code(),
            Self::Plan(source) => source.code(),
            Self::Api(source) => source.code(),
            Self::Flow(source) => source.code(),
            Self::Manifest { .. } => Code::RENEW_MANIFEST,
            Self::NotRestarted { .. } => Code::RENEW_NOT_RESTARTED,
            Self::NotServed { .. } => Code::RENEW_NOT_SERVED,
            Self::Cancelled { .. } => Code::RENEW_CANCELLED,
        }
    }

    fn details(&self) -> Details {
        match self {
            Self::Probe(source) => source.details(),
            Self::Plan(source) => source.details(),
            Self::Api(source) => source.details(),
            Self::Flow(source) => source.details(),
            Self::Manifest { path, source } => Details { path: Some(path.clone()), ..source.details() },
            Self::NotRestarted { manifest, last, .. } => {
                let (path, found) = (Some(manifest.clone()), Some(last.clone()));
                Details { path, found, retryable: true, ..Details::default() }
            }
            Self::NotServed { path, expected, found, .. } => Details {
                path: Some(path.to_string()),
                expected: Some(expected.to_string()),
                found: Some(found.to_string()),
                ..Details::default()
            },
            Self::Cancelled { .. } => Details { retryable: true, ..Details::default() },
        }
    }
}
