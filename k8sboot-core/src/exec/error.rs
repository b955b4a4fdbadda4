//! Why a step could not be carried out.

use crate::{
    error::{Code, Details, Problem, codes},
    join::JoinError,
    pki::PkiError,
    token::TokenError,
};

codes! {
    /// A file operation failed.
    FILE_IO = 6001,
    /// A path leads through a symbolic link out of the tree, or ends at one.
    FILE_LINK = 6002,
    /// A path that should be a file or directory is something else.
    FILE_KIND = 6003,
    /// A file changed between plan and execution.
    FILE_CHANGED = 6004,
    /// The file system is full or a quota is exhausted.
    FILE_NO_SPACE = 6005,
    /// The process may not do this here.
    FILE_PERMISSION = 6006,
    /// The file system is mounted read-only.
    FILE_READ_ONLY = 6007,
    /// Another run works on the same tree.
    FILE_LOCKED = 6008,
    /// A path is not an absolute node path without `.` and `..`.
    FILE_PATH = 6009,
    /// This executor cannot carry out a kind of step.
    EXEC_UNSUPPORTED = 9101,
    /// A certificate authority that a step needs is not there.
    EXEC_NO_AUTHORITY = 9102,
    /// A kubeconfig that is to be renewed cannot be used.
    EXEC_KUBECONFIG = 9103,
}

/// Why a step could not be carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecError {
    /// A file operation failed.
    #[cfg(feature = "host")]
    #[error(transparent)]
    File(#[from] super::FileError),
    /// A key or certificate could not be made.
    #[error("make {path}")]
    #[non_exhaustive]
    Pki {
        /// The certificate, key or kubeconfig.
        path: String,
        /// Why.
        #[source]
        source: Box<PkiError>,
    },
    /// A token could not be made.
    #[error("make {what}")]
    #[non_exhaustive]
    Token {
        /// For what.
        what: &'static str,
        /// Why.
        #[source]
        source: Box<TokenError>,
    },
    /// A kubeconfig that is to be renewed cannot be used.
    #[error(
        "renew {path}: expected a kubeconfig with an embedded client certificate, found {found} (remove the file and run the kubeconfig stage)"
    )]
    #[non_exhaustive]
    Kubeconfig {
        /// The kubeconfig.
        path: String,
        /// What is wrong with it.
        found: String,
    },
    /// A certificate authority that a step needs is not there.
    #[error(
        "make {path}: expected a certificate authority with its key in {authority}.crt and {authority}.key, found {found} (run the pki stage first, or provide both files)"
    )]
    #[non_exhaustive]
    NoAuthority {
        /// What needs it.
        path: String,
        /// Path of the authority without extension.
        authority: String,
        /// What is there.
        found: String,
    },
    /// The node cannot join.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// This executor cannot carry out a kind of step.
    #[error(
        "expected an executor that can do {kind}, found one for files only (end with the kubelet stage, or use an executor that talks to the API server)"
    )]
    #[non_exhaustive]
    Unsupported {
        /// The step.
        step: String,
        /// The kind of action.
        kind: &'static str,
    },
}

impl Problem for ExecError {
    fn code(&self) -> Code {
        match self {
            #[cfg(feature = "host")]
            Self::File(source) => source.code(),
            Self::Pki { source, .. } => source.code(),
            Self::Token { source, .. } => source.code(),
            Self::Kubeconfig { .. } => Code::EXEC_KUBECONFIG,
            Self::NoAuthority { .. } => Code::EXEC_NO_AUTHORITY,
            Self::Join(source) => source.code(),
            Self::Unsupported { .. } => Code::EXEC_UNSUPPORTED,
        }
    }

    fn details(&self) -> Details {
        let mut details = Details::default();
        match self {
            #[cfg(feature = "host")]
            Self::File(source) => details = source.details(),
            Self::Pki { path, source } => {
                details = source.details();
                details.path.get_or_insert_with(|| path.clone());
            }
            Self::NoAuthority { path, authority, found } => {
                details.path = Some(path.clone());
                details.expected = Some(format!("{authority}.crt and {authority}.key"));
                details.found = Some(found.clone());
                details.remedy = Some("run the pki stage first, or provide both files".to_owned());
            }
            Self::Token { source, .. } => details = source.details(),
            Self::Join(source) => details = source.details(),
            Self::Kubeconfig { path, found } => {
                details.path = Some(path.clone());
                details.expected = Some("a kubeconfig with an embedded client certificate".to_owned());
                details.found = Some(found.clone());
                details.remedy = Some("remove the file and run the kubeconfig stage".to_owned());
            }
            Self::Unsupported { kind, .. } => {
                details.expected = Some(format!("an executor that can do {kind}"));
                details.found = Some("one for files only".to_owned());
                details.remedy = Some(
                    "end with the kubelet stage, or use an executor that talks to the API server".to_owned(),
                );
            }
        }
        details
    }
}
