//! Why a step could not be carried out.

use crate::{
    error::{Code, Details, Problem, codes},
    health::WaitError,
    join::JoinError,
    manifest::ManifestError,
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
    /// The credentials for the API server are not there or cannot be used.
    EXEC_CREDENTIALS = 9104,
    /// Nobody has the rights to give admin.conf its own.
    EXEC_RIGHTS = 9105,
    /// There is no certificate key to seal files with.
    EXEC_NO_CERTIFICATE_KEY = 9106,
    /// A kind of object that cannot be applied.
    EXEC_UNKNOWN_KIND = 9107,
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
    Join(Box<JoinError>),
    /// A wait ended without what was waited for.
    #[error(transparent)]
    Wait(#[from] WaitError),
    /// The API server does not do what it is asked.
    #[cfg(feature = "api")]
    #[error("{what}")]
    #[non_exhaustive]
    Api {
        /// The object or kubeconfig.
        what: String,
        /// Why.
        #[source]
        source: Box<crate::api::ApiError>,
    },
    /// An object cannot be used.
    #[error("{object}")]
    #[non_exhaustive]
    Object {
        /// The object.
        object: String,
        /// Why.
        #[source]
        source: Box<ManifestError>,
    },
    /// A kind of object that cannot be applied.
    #[error("{object}: expected an object of a kind that init makes, found another")]
    #[non_exhaustive]
    UnknownKind {
        /// The object.
        object: String,
    },
    /// The credentials for the API server are not there or cannot be used.
    #[error("{path}: expected a kubeconfig for the API server, found {found} ({remedy})")]
    #[non_exhaustive]
    Credentials {
        /// The kubeconfig.
        path: String,
        /// What is there.
        found: String,
        /// What to do.
        remedy: &'static str,
    },
    /// Nobody has the rights to give admin.conf its own.
    #[error(
        "admin.conf has no rights, and {path} that could give them is not there: {found} (do stage kubeconfig, or apply ClusterRoleBinding kubeadm:cluster-admins as a member of system:masters)"
    )]
    #[non_exhaustive]
    Rights {
        /// The kubeconfig that is missing.
        path: String,
        /// What the API server says.
        found: String,
    },
    /// There is no certificate key to seal files with.
    #[error(
        "upload certificates: expected a certificate key, found none (set certificateKey in the configuration, or generate one)"
    )]
    #[non_exhaustive]
    NoCertificateKey {},
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

#[cfg(feature = "api")]
impl ExecError {
    pub(super) fn api(what: impl Into<String>, source: crate::api::ApiError) -> Self {
        Self::Api { what: what.into(), source: Box::new(source) }
    }
}

impl From<JoinError> for ExecError {
    fn from(source: JoinError) -> Self {
        Self::Join(Box::new(source))
    }
}

impl Problem for ExecError {
    fn code(&self) -> Code {
        match self {
            #[cfg(feature = "host")]
            Self::File(source) => source.code(),
            Self::Pki { source, .. } => source.code(),
            Self::Token { source, .. } => source.code(),
            Self::Kubeconfig { .. } => Code::EXEC_KUBECONFIG,
            Self::Wait(source) => source.code(),
            #[cfg(feature = "api")]
            Self::Api { source, .. } => source.code(),
            Self::Object { source, .. } => source.code(),
            Self::UnknownKind { .. } => Code::EXEC_UNKNOWN_KIND,
            Self::Credentials { .. } => Code::EXEC_CREDENTIALS,
            Self::Rights { .. } => Code::EXEC_RIGHTS,
            Self::NoCertificateKey {} => Code::EXEC_NO_CERTIFICATE_KEY,
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
            Self::Wait(source) => details = source.details(),
            #[cfg(feature = "api")]
            Self::Api { source, .. } => details = source.details(),
            Self::Object { source, .. } => details = source.details(),
            Self::Credentials { path, found, remedy } => {
                details.path = Some(path.clone());
                details.expected = Some("a kubeconfig for the API server".to_owned());
                details.found = Some(found.clone());
                details.remedy = Some((*remedy).to_owned());
            }
            Self::Rights { path, found } => {
                details.path = Some(path.clone());
                details.found = Some(found.clone());
                details.remedy = Some("do stage kubeconfig".to_owned());
            }
            Self::NoCertificateKey {} => {
                details.field = Some("certificateKey".to_owned());
                details.remedy = Some("set it in the configuration, or generate one".to_owned());
            }
            Self::UnknownKind { object } => details.found = Some(object.clone()),
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
