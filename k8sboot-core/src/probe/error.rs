//! Why something could not be looked at.

use crate::{
    discovery::DiscoveryError,
    error::{Code, Details, Problem},
    join::JoinError,
};

/// Why something could not be looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// A file operation failed.
    #[cfg(feature = "host")]
    #[error(transparent)]
    File(#[from] crate::exec::FileError),
    /// The cluster could not be found or trusted.
    #[error("the cluster that is to be joined")]
    #[non_exhaustive]
    Discovery {
        /// Why.
        #[source]
        source: Box<DiscoveryError>,
    },
    /// The cluster does not have what a joining node needs.
    #[error("the cluster that is to be joined")]
    #[non_exhaustive]
    Join {
        /// Why.
        #[source]
        source: Box<JoinError>,
    },
    /// A patches directory does not hold what it should.
    #[error("patches directory {directory}")]
    #[non_exhaustive]
    Patches {
        /// The directory.
        directory: String,
        /// Why.
        #[source]
        source: Box<crate::manifest::ManifestError>,
    },
}

impl Problem for ProbeError {
    fn code(&self) -> Code {
        match self {
            #[cfg(feature = "host")]
            Self::File(source) => source.code(),
            Self::Discovery { source } => source.code(),
            Self::Join { source } => source.code(),
            Self::Patches { source, .. } => source.code(),
        }
    }

    fn details(&self) -> Details {
        match self {
            #[cfg(feature = "host")]
            Self::File(source) => source.details(),
            Self::Discovery { source } => source.details(),
            Self::Join { source } => source.details(),
            Self::Patches { directory, source } => {
                let mut details = source.details();
                details.path = details.path.map(|file| format!("{directory}/{file}"));
                details
            }
        }
    }
}
