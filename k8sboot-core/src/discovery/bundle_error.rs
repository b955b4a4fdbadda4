//! What is wrong with a join bundle.

use crate::{
    entropy::EntropyError,
    error::{Code, Details, Problem},
    time::Timestamp,
};

/// What is wrong with a join bundle. No message holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// A text is no join bundle.
    #[error("join bundle: line {line}: expected {expected}, found {found}")]
    #[non_exhaustive]
    Shape {
        /// The line, from 1.
        line: usize,
        /// What would have been right.
        expected: String,
        /// What was there.
        found: String,
    },
    /// It was made by a newer library.
    #[error(
        "join bundle: {field}: expected {expected}, found {found}: open it with a newer version of this library"
    )]
    #[non_exhaustive]
    Version {
        /// `version`, `cipher` or `kdf`.
        field: &'static str,
        /// What this library knows.
        expected: &'static str,
        /// What was there.
        found: String,
    },
    /// It was changed after it was sealed.
    #[error(
        "join bundle: its checksum does not match: it was changed or cut short: copy it again from where it was made"
    )]
    Damaged,
    /// It is sealed to something else.
    #[error("join bundle: it is sealed to another {kind} than the one given")]
    #[non_exhaustive]
    Key {
        /// `passphrase` or `key`.
        kind: &'static str,
    },
    /// It is sealed to a key, and a passphrase was given, or the other way round.
    #[error("join bundle: expected the {expected} that it is sealed to, found a {found}")]
    #[non_exhaustive]
    Kind {
        /// `passphrase` or `key`.
        expected: &'static str,
        /// `passphrase` or `key`.
        found: &'static str,
    },
    /// It has expired.
    #[error("join bundle: it expired at {expires}, and it is {now}: make another, or set the clock right")]
    #[non_exhaustive]
    Expired {
        /// Its end.
        expires: Timestamp,
        /// This node's time.
        now: Timestamp,
    },
    /// Nothing can be sealed to this.
    #[error("join bundle: {kind}: expected {expected}, found {found}")]
    #[non_exhaustive]
    Secret {
        /// `passphrase` or `key`.
        kind: &'static str,
        /// What would have been right.
        expected: &'static str,
        /// How long it was.
        found: String,
    },
    /// What is to be sealed, or what was opened, cannot be used.
    #[error("join bundle: {field}: expected {expected}, found {found}")]
    #[non_exhaustive]
    Content {
        /// The field.
        field: &'static str,
        /// What would have been right.
        expected: &'static str,
        /// What was there; never a secret.
        found: String,
    },
    /// Randomness could not be drawn.
    #[error("join bundle: seal")]
    #[non_exhaustive]
    Entropy {
        /// Why.
        #[source]
        source: EntropyError,
    },
}

impl Problem for BundleError {
    fn code(&self) -> Code {
        match self {
            Self::Shape { .. } => Code::BUNDLE_SHAPE,
            Self::Version { .. } => Code::BUNDLE_VERSION,
            Self::Damaged => Code::BUNDLE_DAMAGED,
            Self::Key { .. } | Self::Kind { .. } => Code::BUNDLE_KEY,
            Self::Expired { .. } => Code::BUNDLE_EXPIRED,
            Self::Secret { .. } => Code::BUNDLE_SECRET,
            Self::Content { .. } => Code::BUNDLE_CONTENT,
            Self::Entropy { .. } => Code::BUNDLE_ENTROPY,
        }
    }

    fn details(&self) -> Details {
        let mut details = Details::default();
        match self {
            Self::Shape { line, expected, found } => {
                details.line = Some(*line);
                details.expected = Some(expected.clone());
                details.found = Some(found.clone());
            }
            Self::Version { field, expected, found } | Self::Content { field, expected, found } => {
                details.field = Some((*field).to_owned());
                details.expected = Some((*expected).to_owned());
                details.found = Some(found.clone());
            }
            Self::Secret { kind, expected, found } => {
                details.field = Some((*kind).to_owned());
                details.expected = Some((*expected).to_owned());
                details.found = Some(found.clone());
            }
            Self::Kind { expected, found } => {
                details.expected = Some((*expected).to_owned());
                details.found = Some((*found).to_owned());
            }
            Self::Expired { expires, now } => {
                details.expected = Some(expires.to_string());
                details.found = Some(now.to_string());
            }
            Self::Key { .. } | Self::Damaged | Self::Entropy { .. } => {}
        }
        details
    }
}
