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
    /// The client certificate is not signed by the cluster's CA, or not for clients.
    KUBECONFIG_CERTIFICATE = 3206,
    /// The client key is not that of the client certificate.
    KUBECONFIG_KEY_MISMATCH = 3207,
    /// A certificate inside is not valid at this time.
    KUBECONFIG_VALIDITY = 3208,
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
    /// The client certificate does not lead to the cluster's CA, or is not for clients.
    #[error("kubeconfig: {field}: expected {expected}, found {found} (issue a new client certificate)")]
    #[non_exhaustive]
    Certificate {
        /// The field.
        field: String,
        /// What would have been right.
        expected: &'static str,
        /// What was there.
        found: String,
    },
    /// The client key is not that of the client certificate.
    #[error("kubeconfig: {field}: expected the key of the client certificate beside it, found another key")]
    #[non_exhaustive]
    KeyMismatch {
        /// The field.
        field: String,
    },
    /// A certificate inside is not valid at this time.
    #[error(
        "kubeconfig: {field}: expected a certificate that is valid at {now}, found one {found} ({remedy})"
    )]
    #[non_exhaustive]
    Validity {
        /// The field.
        field: String,
        /// The time asked about.
        now: String,
        /// For example `valid until 2026-11-23T03:07:02Z`.
        found: String,
        /// What to do.
        remedy: &'static str,
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
            Self::Certificate { .. } => Code::KUBECONFIG_CERTIFICATE,
            Self::KeyMismatch { .. } => Code::KUBECONFIG_KEY_MISMATCH,
            Self::Validity { .. } => Code::KUBECONFIG_VALIDITY,
        }
    }

    fn details(&self) -> Details {
        let mut details = Details::default();
        match self {
            Self::Syntax { line, column } => {
                details.line = (*line > 0).then_some(*line);
                details.column = (*line > 0).then_some(*column);
            }
            Self::Shape { field, expected, found } | Self::Certificate { field, expected, found } => {
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
            Self::UntrustedCa { field, .. } | Self::KeyMismatch { field } => {
                details.field = Some(field.clone())
            }
            Self::Validity { field, found, remedy, .. } => {
                details.field = Some(field.clone());
                details.found = Some(found.clone());
                details.remedy = Some((*remedy).to_owned());
            }
        }
        details
    }
}
