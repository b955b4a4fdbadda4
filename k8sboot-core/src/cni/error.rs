//! Why something of the Container Network Interface cannot be read, converted or asked for.

use crate::error::{Code, Details, Problem, codes};

codes! {
    /// A text is not JSON.
    CNI_JSON = 4501,
    /// A field has the wrong type or value.
    CNI_FIELD = 4502,
    /// A version is not known, or does not allow what is asked.
    CNI_VERSION = 4503,
    /// A result cannot be converted to a version.
    CNI_CONVERT = 4504,
    /// A container ID, interface name or other parameter of a call is missing or not valid.
    CNI_PARAMETER = 4505,
}

/// Why something of the Container Network Interface cannot be read, converted or asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CniError {
    /// A text is not JSON.
    #[error("cni: line {line}, column {column}: {problem}")]
    #[non_exhaustive]
    Json {
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// What is wrong there.
        problem: JsonProblem,
    },
    /// A field has the wrong type or value.
    #[error("cni: {}: expected {expected}, found {found}", if field.is_empty() { "the document" } else { field })]
    #[non_exhaustive]
    Field {
        /// The path of the field, for example `ipam.ranges[0][0].subnet`; empty for the document itself.
        field: String,
        /// What would have been right.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A version is not known, or does not allow what is asked.
    #[error("cni: {what}: expected {expected}, found {found:?}")]
    #[non_exhaustive]
    Version {
        /// What has the version.
        what: &'static str,
        /// Which versions would have been right.
        expected: String,
        /// The version as given.
        found: String,
    },
    /// A result without an address cannot be told in the words of 0.1.0 and 0.2.0.
    #[error(
        "cni: convert a result to {to}: expected at least one address, found none: use a cniVersion from 0.3.0 on"
    )]
    #[non_exhaustive]
    NoAddress {
        /// The version that was asked for.
        to: String,
    },
    /// A parameter of a call is missing or not valid.
    #[error("cni: {parameter}: expected {expected}, found {found:?}")]
    #[non_exhaustive]
    Parameter {
        /// Its name in the environment of a plugin, for example `CNI_IFNAME`.
        parameter: &'static str,
        /// What would have been right.
        expected: &'static str,
        /// What was given, cut to 64 characters.
        found: String,
    },
    /// A file of a network's own folder cannot be used.
    #[error("cni: {file}")]
    #[non_exhaustive]
    InFile {
        /// The file, relative to the directory of configurations.
        file: String,
        /// Why.
        #[source]
        source: Box<CniError>,
    },
}

/// What is wrong at a place of a JSON text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonProblem {
    /// There is nothing but white space.
    #[error("expected JSON, found nothing")]
    Empty,
    /// The text ends too early.
    #[error("expected {expected}, found the end: the text is cut off")]
    #[non_exhaustive]
    CutOff {
        /// What should follow.
        expected: &'static str,
    },
    /// Something else is there.
    #[error("expected {expected}, found {found}")]
    #[non_exhaustive]
    Unexpected {
        /// What should be there.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// The text begins with a byte order mark.
    #[error("expected JSON, found a byte order mark: save the text without it")]
    ByteOrderMark,
    /// Lists and objects are nested too deeply.
    #[error("expected at most {most} lists and objects inside each other, found more")]
    #[non_exhaustive]
    TooDeep {
        /// How deep they may be.
        most: usize,
    },
}

impl Problem for CniError {
    fn code(&self) -> Code {
        match self {
            Self::Json { .. } => Code::CNI_JSON,
            Self::Field { .. } => Code::CNI_FIELD,
            Self::Version { .. } => Code::CNI_VERSION,
            Self::NoAddress { .. } => Code::CNI_CONVERT,
            Self::Parameter { .. } => Code::CNI_PARAMETER,
            Self::InFile { source, .. } => source.code(),
        }
    }

    fn details(&self) -> Details {
        let mut details = Details::default();
        match self {
            Self::Json { line, column, problem } => {
                details.line = Some(*line);
                details.column = Some(*column);
                match problem {
                    JsonProblem::CutOff { expected } => details.expected = Some((*expected).to_owned()),
                    JsonProblem::Unexpected { expected, found } => {
                        details.expected = Some((*expected).to_owned());
                        details.found = Some(found.clone());
                    }
                    JsonProblem::Empty | JsonProblem::ByteOrderMark | JsonProblem::TooDeep { .. } => {}
                }
            }
            Self::Field { field, expected, found } => {
                details.field = Some(field.clone());
                details.expected = Some(expected.clone());
                details.found = Some(found.clone());
            }
            Self::Version { what, expected, found } => {
                details.field = Some((*what).to_owned());
                details.expected = Some(expected.clone());
                details.found = Some(found.clone());
            }
            Self::NoAddress { .. } => details.remedy = Some("use a cniVersion from 0.3.0 on".to_owned()),
            Self::Parameter { parameter, expected, found } => {
                details.field = Some((*parameter).to_owned());
                details.expected = Some((*expected).to_owned());
                details.found = Some(found.clone());
            }
            Self::InFile { file, source } => {
                details = source.details();
                details.path = Some(file.clone());
            }
        }
        details
    }
}

/// The first 64 characters of a text, for messages.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}
