//! Why something could not be looked at.

use crate::error::{Code, Details, Problem};

/// Why something could not be looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// A file operation failed.
    #[cfg(feature = "host")]
    #[error(transparent)]
    File(#[from] crate::exec::FileError),
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
            Self::Patches { source, .. } => source.code(),
        }
    }

    fn details(&self) -> Details {
        match self {
            #[cfg(feature = "host")]
            Self::File(source) => source.details(),
            Self::Patches { directory, source } => {
                let mut details = source.details();
                details.path = details.path.map(|file| format!("{directory}/{file}"));
                details
            }
        }
    }
}
