//! What is wrong with a text of flannel's.

use crate::error::{Code, Details, Problem, codes};

codes! {
    /// Flannel's network configuration cannot be used.
    FLANNEL_CONFIG = 4251,
    /// The key of a node subnet is not one of flannel's.
    FLANNEL_KEY = 4252,
    /// The value of a node subnet is not one of flannel's.
    FLANNEL_VALUE = 4253,
    /// An annotation of a node is not what flanneld reads.
    FLANNEL_ANNOTATION = 4254,
}

/// What is wrong with a text of flannel's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlannelError {
    /// The network configuration cannot be used.
    #[error("flannel network configuration: {field}: expected {expected}, found {found}")]
    #[non_exhaustive]
    Config {
        /// The field, or `the text`.
        field: &'static str,
        /// What would have been right.
        expected: String,
        /// What is there, cut to 256 characters.
        found: String,
    },
    /// A key is not that of a node subnet.
    #[error(
        "flannel subnet key: expected ADDRESS-LENGTH or ADDRESS-LENGTH&ADDRESS6-LENGTH6, found {found:?}"
    )]
    #[non_exhaustive]
    Key {
        /// What is there, cut to 256 characters.
        found: String,
    },
    /// The value of a node subnet is not readable.
    #[error("flannel subnet value: {field}: expected {expected}, found {found}")]
    #[non_exhaustive]
    Value {
        /// The field, or `the text`.
        field: &'static str,
        /// What would have been right.
        expected: String,
        /// What is there, cut to 256 characters.
        found: String,
    },
    /// An annotation is not readable, or its prefix is not valid.
    #[error("flannel annotation {key}: expected {expected}, found {found:?}")]
    #[non_exhaustive]
    Annotation {
        /// The annotation, or `prefix`.
        key: String,
        /// What would have been right.
        expected: &'static str,
        /// What is there, cut to 256 characters.
        found: String,
    },
}

impl Problem for FlannelError {
    fn code(&self) -> Code {
        match self {
            Self::Config { .. } => Code::FLANNEL_CONFIG,
            Self::Key { .. } => Code::FLANNEL_KEY,
            Self::Value { .. } => Code::FLANNEL_VALUE,
            Self::Annotation { .. } => Code::FLANNEL_ANNOTATION,
        }
    }

    fn details(&self) -> Details {
        let mut details = Details::default();
        match self {
            Self::Config { field, expected, found } | Self::Value { field, expected, found } => {
                details.field = Some((*field).to_owned());
                details.expected = Some(expected.clone());
                details.found = Some(found.clone());
            }
            Self::Key { found } => details.found = Some(found.clone()),
            Self::Annotation { key, expected, found } => {
                details.field = Some(key.clone());
                details.expected = Some((*expected).to_owned());
                details.found = Some(found.clone());
            }
        }
        details
    }
}

/// At most 256 characters of a text, for an error.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(256).collect()
}
