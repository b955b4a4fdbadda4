//! What can be wrong with a token, its Secret, a cluster-info document or a pin.

use crate::{
    entropy::EntropyError,
    error::{Code, Details, Problem, codes},
};

codes! {
    /// A text is not a bootstrap token.
    TOKEN_SHAPE = 2001,
    /// The id or the secret of a token has the wrong length or a character outside `[a-z0-9]`.
    TOKEN_PART = 2002,
    /// The source of randomness failed.
    TOKEN_ENTROPY = 2003,
    /// A lifetime that no token can have, or two that contradict each other.
    TOKEN_LIFETIME = 2004,
    /// A usage that does not exist.
    TOKEN_USAGE = 2005,
    /// A group that a token may not give, or groups of a token that cannot authenticate.
    TOKEN_GROUP = 2006,
    /// Two tokens with the same id.
    TOKEN_DUPLICATE = 2007,
    /// An object is not a well-formed token Secret.
    TOKEN_OBJECT = 2008,
    /// A document is not a cluster-info document.
    TOKEN_CLUSTER_INFO = 2009,
    /// The cluster-info ConfigMap has no signature for the token.
    TOKEN_NOT_SIGNED = 2010,
    /// A signature is not the detached form that Kubernetes writes.
    TOKEN_SIGNATURE_SHAPE = 2011,
    /// A signature was not made over these bytes with this token.
    TOKEN_SIGNATURE = 2012,
    /// A text is not a CA pin.
    TOKEN_PIN_SHAPE = 2013,
    /// No certificate authority of the cluster is pinned.
    TOKEN_PIN_MISMATCH = 2014,
    /// No pins were given where at least one is needed.
    TOKEN_PIN_MISSING = 2015,
    /// A text holds no readable certificate.
    TOKEN_CERTIFICATE = 2016,
}

/// Errors of tokens, their Secrets, cluster-info and pins. None holds the secret half of a token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Not two parts with a dot between them.
    #[error(
        "token: expected ID.SECRET ([a-z0-9]{{6}}.[a-z0-9]{{16}}), found {found_len} characters with {dots} dots"
    )]
    #[non_exhaustive]
    Shape {
        /// Length of the text in characters.
        found_len: usize,
        /// Number of dots in it.
        dots: usize,
    },
    /// The id or the secret is too long, too short or has another character.
    #[error(
        "token {part}: expected {expected_len} characters of [a-z0-9], position {position} of {found_len} is not one"
    )]
    #[non_exhaustive]
    Part {
        /// `id` or `secret`.
        part: &'static str,
        /// How long it must be.
        expected_len: usize,
        /// Where it goes wrong, in characters from 0; the length itself if it ends too early.
        position: usize,
        /// How long it is, in characters.
        found_len: usize,
    },
    /// Randomness for a fresh token could not be drawn.
    #[error("token: generate")]
    #[non_exhaustive]
    Entropy {
        /// Why.
        #[source]
        source: EntropyError,
    },
    /// A lifetime that no token can have, or two that contradict each other.
    #[error("token: {id}: {field}: expected {expected}, found {found}")]
    #[non_exhaustive]
    Lifetime {
        /// The token's id.
        id: String,
        /// `ttl` or `expires`.
        field: &'static str,
        /// What would have been right.
        expected: &'static str,
        /// What was there.
        found: String,
    },
    /// A usage that does not exist.
    #[error("token: {id}: usages: expected signing or authentication, found {found:?}")]
    #[non_exhaustive]
    Usage {
        /// The token's id.
        id: String,
        /// What was there.
        found: String,
    },
    /// A group that a token may not give.
    #[error(
        "token: {id}: groups: expected system:bootstrappers:NAME (NAME of [a-z0-9:-], at most 256 characters, \
         ending in [a-z0-9]), found {found:?}"
    )]
    #[non_exhaustive]
    Group {
        /// The token's id.
        id: String,
        /// What was there.
        found: String,
    },
    /// Groups are given, but whoever has the token cannot authenticate with it.
    #[error(
        "token: {id}: groups: expected none without the usage authentication, found {count} (add the usage)"
    )]
    #[non_exhaustive]
    GroupsWithoutAuthentication {
        /// The token's id.
        id: String,
        /// How many groups.
        count: usize,
    },
    /// Two tokens with the same id: the second Secret would replace the first.
    #[error("token: {id}: expected every id once, found it at {first} and {second} (remove one of them)")]
    #[non_exhaustive]
    Duplicate {
        /// The token's id.
        id: String,
        /// Index of the first.
        first: usize,
        /// Index of the second.
        second: usize,
    },
    /// An object is not a well-formed token Secret or cluster-info ConfigMap.
    #[error("token: {object}: {field}: expected {expected}, found {found}")]
    #[non_exhaustive]
    Object {
        /// Kind and name, for example `Secret bootstrap-token-abcdef`.
        object: String,
        /// The field, for example `data.token-id`.
        field: &'static str,
        /// What would have been right.
        expected: String,
        /// What was there; for fields with secrets only of which kind it was.
        found: String,
    },
    /// A text is not a cluster-info kubeconfig: one cluster with a server and its CA.
    #[error("token: cluster-info: {field}: expected {expected}, found {found}")]
    #[non_exhaustive]
    ClusterInfo {
        /// The field, for example `clusters`.
        field: &'static str,
        /// What would have been right.
        expected: &'static str,
        /// What was there.
        found: String,
    },
    /// The ConfigMap has no signature made with this token.
    #[error(
        "token: cluster-info: expected a signature by token {id} (key jws-kubeconfig-{id}), found none (the token has \
         expired or lacks the usage signing, or the controller manager has not signed yet)"
    )]
    #[non_exhaustive]
    NotSigned {
        /// The token's id.
        id: String,
    },
    /// A signature is not the detached form that Kubernetes writes.
    #[error("token: cluster-info: signature by token {id}: expected {expected}, found {found}")]
    #[non_exhaustive]
    SignatureShape {
        /// The token's id.
        id: String,
        /// What would have been right.
        expected: String,
        /// What was there.
        found: &'static str,
    },
    /// A signature was made over other bytes or with another secret.
    #[error(
        "token: cluster-info: signature by token {id}: expected one over this document with this token, found another \
         (do not trust this API server)"
    )]
    #[non_exhaustive]
    Signature {
        /// The token's id.
        id: String,
    },
    /// A text is not a CA pin.
    #[error("token: pin: expected {expected}, found {found:?}")]
    #[non_exhaustive]
    PinShape {
        /// What would have been right.
        expected: &'static str,
        /// The text, cut to 80 characters; or what is wrong with it.
        found: String,
    },
    /// No certificate authority of the cluster is pinned.
    #[error(
        "token: cluster-info: expected a CA with one of the given pins, found {found} (do not trust this API server)"
    )]
    #[non_exhaustive]
    PinMismatch {
        /// The pins of the cluster's certificate authorities, comma-separated.
        found: String,
    },
    /// No pins were given where at least one is needed.
    #[error("token: pin: expected at least one, found none (pins are printed with the join command)")]
    PinMissing,
    /// A text holds no readable certificate.
    #[error("token: certificate {index}: expected a PEM certificate, found {found}")]
    #[non_exhaustive]
    Certificate {
        /// Which one of the text, from 0.
        index: usize,
        /// What was there.
        found: &'static str,
    },
}

impl Problem for TokenError {
    fn code(&self) -> Code {
        match self {
            Self::Shape { .. } => Code::TOKEN_SHAPE,
            Self::Part { .. } => Code::TOKEN_PART,
            Self::Entropy { .. } => Code::TOKEN_ENTROPY,
            Self::Lifetime { .. } => Code::TOKEN_LIFETIME,
            Self::Usage { .. } => Code::TOKEN_USAGE,
            Self::Group { .. } | Self::GroupsWithoutAuthentication { .. } => Code::TOKEN_GROUP,
            Self::Duplicate { .. } => Code::TOKEN_DUPLICATE,
            Self::Object { .. } => Code::TOKEN_OBJECT,
            Self::ClusterInfo { .. } => Code::TOKEN_CLUSTER_INFO,
            Self::NotSigned { .. } => Code::TOKEN_NOT_SIGNED,
            Self::SignatureShape { .. } => Code::TOKEN_SIGNATURE_SHAPE,
            Self::Signature { .. } => Code::TOKEN_SIGNATURE,
            Self::PinShape { .. } => Code::TOKEN_PIN_SHAPE,
            Self::PinMismatch { .. } => Code::TOKEN_PIN_MISMATCH,
            Self::PinMissing => Code::TOKEN_PIN_MISSING,
            Self::Certificate { .. } => Code::TOKEN_CERTIFICATE,
        }
    }

    fn details(&self) -> Details {
        let mut details = Details::default();
        match self {
            Self::Lifetime { field, expected, found, .. } | Self::ClusterInfo { field, expected, found } => {
                details.field = Some((*field).to_owned());
                details.expected = Some((*expected).to_owned());
                details.found = Some(found.clone());
            }
            Self::Object { field, expected, found, .. } => {
                details.field = Some((*field).to_owned());
                details.expected = Some(expected.clone());
                details.found = Some(found.clone());
            }
            Self::Usage { found, .. } => {
                details.field = Some("usages".to_owned());
                details.found = Some(found.clone());
            }
            Self::Group { found, .. } => {
                details.field = Some("groups".to_owned());
                details.found = Some(found.clone());
            }
            Self::PinShape { expected, found } => {
                details.expected = Some((*expected).to_owned());
                details.found = Some(found.clone());
            }
            Self::PinMismatch { found } => details.found = Some(found.clone()),
            // The controller manager signs a fresh ConfigMap a moment after it was written.
            Self::NotSigned { .. } => details.retryable = true,
            _ => {}
        }
        details
    }
}
