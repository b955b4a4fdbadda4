//! Why a plan cannot be made.

use crate::{
    error::{Code, Details, Problem, codes},
    manifest::ManifestError,
    pki::PkiError,
};

codes! {
    /// A path that should be a file or directory is something else.
    PLAN_PATH_KIND = 9001,
    /// A file that is there cannot be used and is not ours to replace.
    PLAN_UNUSABLE = 9002,
}

/// Why a plan cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A path that should be a file or directory is something else.
    #[error("plan: {path}: expected {expected}, found {found} (move it away, or configure another path)")]
    #[non_exhaustive]
    PathKind {
        /// The path.
        path: String,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// A file that is there cannot be used and is not ours to replace.
    #[error("plan: {path}: expected {expected}, found {found} ({remedy})")]
    #[non_exhaustive]
    Unusable {
        /// The path.
        path: String,
        /// What it should hold.
        expected: String,
        /// What it holds.
        found: String,
        /// What to do.
        remedy: String,
    },
    /// A certificate or key that is there does not fit.
    #[error("plan: {path}")]
    #[non_exhaustive]
    Pki {
        /// The file.
        path: String,
        /// What is wrong with it.
        #[source]
        source: Box<PkiError>,
    },
    /// A manifest cannot be rendered.
    #[error("plan: manifest of {component}")]
    #[non_exhaustive]
    Manifest {
        /// The component.
        component: String,
        /// Why.
        #[source]
        source: Box<ManifestError>,
    },
}

impl Problem for PlanError {
    fn code(&self) -> Code {
        match self {
            Self::PathKind { .. } => Code::PLAN_PATH_KIND,
            Self::Unusable { .. } => Code::PLAN_UNUSABLE,
            Self::Pki { source, .. } => source.code(),
            Self::Manifest { source, .. } => source.code(),
        }
    }

    fn details(&self) -> Details {
        let mut details = Details::default();
        match self {
            Self::PathKind { path, expected, found } => {
                details.path = Some(path.clone());
                details.expected = Some((*expected).to_owned());
                details.found = Some(found.clone());
                details.remedy = Some("move it away, or configure another path".to_owned());
            }
            Self::Unusable { path, expected, found, remedy } => {
                details.path = Some(path.clone());
                details.expected = Some(expected.clone());
                details.found = Some(found.clone());
                details.remedy = Some(remedy.clone());
            }
            Self::Pki { path, source } => {
                details = source.details();
                details.path.get_or_insert_with(|| path.clone());
                details.remedy.get_or_insert_with(|| {
                    "restore the file, or remove it with its partner (.crt, .key) to have both made anew"
                        .to_owned()
                });
            }
            Self::Manifest { source, .. } => details = source.details(),
        }
        details
    }
}
