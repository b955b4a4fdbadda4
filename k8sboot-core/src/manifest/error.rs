//! What can be wrong with objects, patches and the configuration they are made from.

use crate::{
    error::{Code, Details, Problem, codes},
    token::TokenError,
};

codes! {
    /// A text is not YAML or JSON.
    MANIFEST_SYNTAX = 3501,
    /// A value is not a Kubernetes object.
    MANIFEST_OBJECT = 3502,
    /// The name of a patch file says no type that exists.
    PATCH_NAME = 3503,
    /// A patch is not of its type's form, or does not fit the object.
    PATCH_INVALID = 3504,
    /// The configuration asks for something that this library does not do.
    MANIFEST_UNSUPPORTED = 3505,
    /// The configuration lacks something that a manifest needs, or it does not fit.
    MANIFEST_CONFIG = 3506,
}

/// Errors of manifests and patches. No variant holds a value of an object: it may be a Secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// A text is not YAML or JSON.
    #[error("manifest: line {line}, column {column}: expected YAML or JSON, found {problem}")]
    #[non_exhaustive]
    Syntax {
        /// From 1; 0 if the reader could not tell.
        line: usize,
        /// From 1; 0 if the reader could not tell.
        column: usize,
        /// The reader's words.
        problem: String,
    },
    /// A value is not a Kubernetes object.
    #[error("manifest: object: {field}: expected {expected}, found {found}")]
    #[non_exhaustive]
    Object {
        /// For example `metadata.name`.
        field: &'static str,
        /// What would have been right.
        expected: &'static str,
        /// The kind of value that was there.
        found: &'static str,
    },
    /// The name of a patch file says no type that exists.
    #[error(
        "manifest: patch file {file}: expected a type of strategic, merge or json after \"+\", found {found:?}"
    )]
    #[non_exhaustive]
    PatchName {
        /// The file, below the patch directory.
        file: String,
        /// What stood after the `+`.
        found: String,
    },
    /// A patch is not of its type's form, or does not fit the object.
    #[error("manifest: patch file {file}, document {document}: {path}: expected {expected}, found {found}")]
    #[non_exhaustive]
    Patch {
        /// The file, below the patch directory; empty if the patch came from no file.
        file: String,
        /// The document in the file, from 1.
        document: usize,
        /// The place in the object, as a JSON pointer; `/` for the whole.
        path: String,
        /// What would have been right.
        expected: String,
        /// What was there.
        found: String,
    },
    /// The configuration asks for something that this library does not do.
    #[error("manifest: {field}: expected {expected}, found {found} ({remedy})")]
    #[non_exhaustive]
    Unsupported {
        /// The field of the configuration.
        field: String,
        /// What would have been right.
        expected: String,
        /// What was there.
        found: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The configuration lacks something that a manifest needs, or it does not fit.
    #[error("manifest: {field}: expected {expected}, found {found}")]
    #[non_exhaustive]
    Config {
        /// The field of the configuration.
        field: String,
        /// What would have been right.
        expected: String,
        /// What was there.
        found: String,
    },
    /// A bootstrap token, or the cluster-info document, cannot become an object.
    #[error(transparent)]
    #[non_exhaustive]
    Token {
        /// Why.
        #[from]
        source: TokenError,
    },
}

impl Problem for ManifestError {
    fn code(&self) -> Code {
        match self {
            Self::Syntax { .. } => Code::MANIFEST_SYNTAX,
            Self::Object { .. } => Code::MANIFEST_OBJECT,
            Self::PatchName { .. } => Code::PATCH_NAME,
            Self::Patch { .. } => Code::PATCH_INVALID,
            Self::Unsupported { .. } => Code::MANIFEST_UNSUPPORTED,
            Self::Config { .. } => Code::MANIFEST_CONFIG,
            Self::Token { source } => source.code(),
        }
    }

    fn details(&self) -> Details {
        let mut details = Details::default();
        match self {
            Self::Syntax { line, column, problem } => {
                details.line = (*line > 0).then_some(*line);
                details.column = (*line > 0).then_some(*column);
                details.found = Some(problem.clone());
            }
            Self::Object { field, expected, found } => {
                details.field = Some((*field).to_owned());
                details.expected = Some((*expected).to_owned());
                details.found = Some((*found).to_owned());
            }
            Self::PatchName { file, found } => {
                details.path = Some(file.clone());
                details.expected = Some("strategic, merge or json".to_owned());
                details.found = Some(found.clone());
                details.remedy = Some("rename the file".to_owned());
            }
            Self::Patch { file, path, expected, found, .. } => {
                details.path = Some(file.clone());
                details.field = Some(path.clone());
                details.expected = Some(expected.clone());
                details.found = Some(found.clone());
                details.remedy = Some("correct the patch, or take the file away".to_owned());
            }
            Self::Unsupported { field, expected, found, remedy } => {
                details.field = Some(field.clone());
                details.expected = Some(expected.clone());
                details.found = Some(found.clone());
                details.remedy = Some((*remedy).to_owned());
            }
            Self::Config { field, expected, found } => {
                details.field = Some(field.clone());
                details.expected = Some(expected.clone());
                details.found = Some(found.clone());
            }
            Self::Token { source } => return source.details(),
        }
        details
    }
}

/// The JSON name of a value's type, for messages.
pub(crate) fn type_name(value: &serde_json::Value) -> &'static str {
    match value {
        serde_json::Value::Null => "null",
        serde_json::Value::Bool(_) => "a boolean",
        serde_json::Value::Number(_) => "a number",
        serde_json::Value::String(_) => "a string",
        serde_json::Value::Array(_) => "a list",
        serde_json::Value::Object(_) => "a map",
    }
}
