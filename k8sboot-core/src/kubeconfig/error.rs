//! What can be wrong with a kubeconfig. No message ever holds a credential.

use crate::error::{Code, Details, Problem, codes};

codes! {
    /// A text is not YAML or JSON, or not one document.
    KUBECONFIG_SYNTAX = 3201,
    /// A document is not of the kubeconfig form.
    KUBECONFIG_SHAPE = 3202,
    /// Something that is named is not there.
    KUBECONFIG_MISSING = 3203,
    /// A certificate or key inside cannot be read.
    KUBECONFIG_CREDENTIAL = 3204,
    /// The CA inside is not the cluster's.
    KUBECONFIG_CA = 3205,
    /// The server is not verified at all.
    KUBECONFIG_INSECURE = 3206,
    /// No certificate could be issued for a user.
    KUBECONFIG_ISSUE = 3207,
}

/// Errors of kubeconfigs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KubeconfigError {
    /// A text is not YAML or JSON.
    #[error("kubeconfig: line {line}, column {column}: expected YAML or JSON, found a syntax error")]
    #[non_exhaustive]
    Syntax {
        /// From 1; 0 if the reader could not tell.
        line: usize,
        /// From 1; 0 if the reader could not tell.
        column: usize,
    },
    /// A document is not of the kubeconfig form.
    #[error("kubeconfig: {field}: expected {expected}, found {found}")]
    #[non_exhaustive]
    Shape {
        /// The field, for example `clusters[0].cluster.server`.
        field: String,
        /// What would have been right.
        expected: &'static str,
        /// What was there: a type or a name, never a value that may be secret.
        found: String,
    },
    /// Something that is named is not there.
    #[error("kubeconfig: {field}: expected {expected}, found none")]
    #[non_exhaustive]
    Missing {
        /// Who names it, for example `current-context`.
        field: String,
        /// What it should be, for example `a context named "a@b"`.
        expected: String,
    },
    /// A certificate or key inside cannot be read.
    #[error("kubeconfig: {field}: expected {expected}, found {found}")]
    #[non_exhaustive]
    Credential {
        /// The field, for example `users["admin"].client-key-data`.
        field: String,
        /// What would have been right.
        expected: &'static str,
        /// What was there.
        found: &'static str,
    },
    /// The CA inside is not the cluster's.
    #[error(
        "kubeconfig: {field}: expected the cluster's CA certificate, found {found} others (write the kubeconfig anew \
         with the CA that is in use)"
    )]
    #[non_exhaustive]
    UntrustedCa {
        /// The field.
        field: String,
        /// How many certificates there are instead.
        found: usize,
    },
    /// The server is not verified at all.
    #[error(
        "kubeconfig: {field}: expected that the server is verified, found that any server is trusted (set it to false \
         and embed the cluster's CA)"
    )]
    #[non_exhaustive]
    Insecure {
        /// The field.
        field: String,
    },
    /// A certificate or key inside cannot be read.
    #[cfg(feature = "crypto")]
    #[error("kubeconfig: {field}")]
    #[non_exhaustive]
    Unreadable {
        /// The field.
        field: String,
        /// What is wrong with it.
        #[source]
        source: crate::pki::PkiError,
    },
    /// The client certificate will not be accepted by the cluster.
    #[cfg(feature = "crypto")]
    #[error("kubeconfig: {field}")]
    #[non_exhaustive]
    Unfit {
        /// The field.
        field: String,
        /// What is wrong with it.
        #[source]
        finding: crate::pki::Finding,
    },
    /// No certificate could be issued for a user.
    #[cfg(feature = "crypto")]
    #[error("kubeconfig: user {user:?}")]
    #[non_exhaustive]
    Issue {
        /// Name of the user.
        user: String,
        /// Why not.
        #[source]
        source: crate::pki::PkiError,
    },
}

impl Problem for KubeconfigError {
    fn code(&self) -> Code {
        match self {
            Self::Syntax { .. } => Code::KUBECONFIG_SYNTAX,
            Self::Shape { .. } => Code::KUBECONFIG_SHAPE,
            Self::Missing { .. } => Code::KUBECONFIG_MISSING,
            Self::Credential { .. } => Code::KUBECONFIG_CREDENTIAL,
            Self::UntrustedCa { .. } => Code::KUBECONFIG_CA,
            Self::Insecure { .. } => Code::KUBECONFIG_INSECURE,
            #[cfg(feature = "crypto")]
            Self::Unreadable { .. } => Code::KUBECONFIG_CREDENTIAL,
            #[cfg(feature = "crypto")]
            Self::Unfit { finding, .. } => finding.code(),
            #[cfg(feature = "crypto")]
            Self::Issue { .. } => Code::KUBECONFIG_ISSUE,
        }
    }

    fn details(&self) -> Details {
        let mut details = Details::default();
        match self {
            Self::Syntax { line, column } => {
                details.line = (*line > 0).then_some(*line);
                details.column = (*line > 0).then_some(*column);
            }
            Self::Shape { field, expected, found } => {
                details.field = Some(field.clone());
                details.expected = Some((*expected).to_owned());
                details.found = Some(found.clone());
            }
            Self::Missing { field, expected } => {
                details.field = Some(field.clone());
                details.expected = Some(expected.clone());
            }
            Self::Credential { field, expected, found } => {
                details.field = Some(field.clone());
                details.expected = Some((*expected).to_owned());
                details.found = Some((*found).to_owned());
            }
            Self::UntrustedCa { field, .. } | Self::Insecure { field } => details.field = Some(field.clone()),
            #[cfg(feature = "crypto")]
            Self::Unreadable { field, source } => {
                details = source.details();
                details.field = Some(field.clone());
            }
            #[cfg(feature = "crypto")]
            Self::Unfit { field, finding } => {
                details = finding.details();
                details.field = Some(field.clone());
            }
            #[cfg(feature = "crypto")]
            Self::Issue { source, .. } => details = source.details(),
        }
        details
    }
}
