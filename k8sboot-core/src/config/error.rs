//! What can be wrong with a configuration, and where.

use std::fmt;

use super::{
    node::Place,
    yaml_read::{ReadError, ReadProblem},
};
use crate::error::{Code, Details, Problem, codes};

codes! {
    /// The text is not YAML or JSON, or not a set of configuration documents.
    CONFIG_SYNTAX = 1001,
    /// A document of a kind or version that is not known.
    CONFIG_KIND = 1002,
    /// A field that the document's kind does not have.
    CONFIG_UNKNOWN_FIELD = 1003,
    /// A field with a value of the wrong type.
    CONFIG_TYPE = 1004,
    /// A value that its field does not accept.
    CONFIG_VALUE = 1005,
    /// Values that contradict each other.
    CONFIG_CONFLICT = 1006,
    /// Something that must be given is not there.
    CONFIG_MISSING = 1007,
    /// The same document, key or name twice.
    CONFIG_DUPLICATE = 1008,
    /// Accepted, but probably not what was meant.
    CONFIG_WARNING = 1009,
}

/// One problem of a configuration. Never holds the value of a secret field.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigError {
    /// Which rule was broken.
    pub code: Code,
    /// The kind of the document, for example `ClusterConfiguration`; empty if not known.
    pub document: String,
    /// Path of the field, for example `networking.podSubnet` or `apiServer.extraArgs[2].name`; empty for the document.
    pub field: String,
    /// Line of the input, from 1; 0 if the value came from no text.
    pub line: usize,
    /// Column of the input, from 1; 0 if the value came from no text.
    pub column: usize,
    /// What would have been right.
    pub expected: String,
    /// What was there.
    pub found: String,
    /// What to do, for example `did you mean "podSubnet"?`; may be empty.
    pub remedy: String,
}

impl ConfigError {
    pub(super) fn new(
        code: Code,
        document: &str,
        field: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self {
            code,
            document: document.to_owned(),
            field: without_secrets(field.into()),
            line: 0,
            column: 0,
            expected: without_secrets(expected.into()),
            found: without_secrets(found.into()),
            remedy: String::new(),
        }
    }

    /// What to do where the message says no more than what is expected.
    fn usual_remedy(&self) -> Option<&'static str> {
        match self.code {
            Code::CONFIG_UNKNOWN_FIELD => Some("remove the field, or correct its name"),
            Code::CONFIG_TYPE | Code::CONFIG_VALUE => Some("write what is expected"),
            Code::CONFIG_CONFLICT => Some("change one of the values"),
            Code::CONFIG_MISSING => Some("add it"),
            Code::CONFIG_SYNTAX | Code::CONFIG_KIND => Some("correct the document"),
            _ => None,
        }
    }

    pub(super) fn at(mut self, place: Place) -> Self {
        (self.line, self.column) = (place.line, place.column);
        self
    }

    pub(super) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = without_secrets(remedy.into());
        self
    }
}

/// A text as a message quotes it: shortened.
pub(super) fn quoted(text: &str) -> String {
    let short: String = text.chars().take(64).collect();
    if short.len() < text.len() { format!("{short:?}…") } else { format!("{short:?}") }
}

/// Hides every word that has the shape of a bootstrap token or a key, wherever somebody may have put it.
fn without_secrets(text: String) -> String {
    let is_secret = |word: &str| {
        let token = word.split_once('.').is_some_and(|(id, secret)| id.len() == 6 && secret.len() == 16);
        token || (word.len() >= 32 && word.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    let words =
        || text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').filter(|word| is_secret(word));
    match words().next() {
        None => text,
        Some(_) => words().fold(text.clone(), |text, word| text.replace(word, "<redacted>")),
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("config: ")?;
        if self.line > 0 {
            write!(f, "line {}, column {}: ", self.line, self.column)?;
        }
        if !self.document.is_empty() {
            write!(f, "{}: ", self.document)?;
        }
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        write!(f, "expected {}, found {}", self.expected, self.found)?;
        if !self.remedy.is_empty() {
            write!(f, " ({})", self.remedy)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl Problem for ConfigError {
    fn code(&self) -> Code {
        self.code
    }

    fn details(&self) -> Details {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Details {
            field: given(&self.field),
            line: (self.line > 0).then_some(self.line),
            column: (self.line > 0).then_some(self.column),
            expected: given(&self.expected),
            found: given(&self.found),
            remedy: given(&self.remedy).or_else(|| self.usual_remedy().map(str::to_owned)),
            ..Details::default()
        }
    }
}

/// Every problem of a configuration, in the order of the text. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    /// Puts the problems into the order of the text, those without a place last.
    pub(super) fn sorted(mut errors: Vec<ConfigError>) -> Self {
        errors.sort_by_key(|error| (error.line == 0, error.line, error.column));
        Self(errors)
    }

    pub(super) fn into_vec(self) -> Vec<ConfigError> {
        self.0
    }

    /// The problems.
    #[must_use]
    pub fn as_slice(&self) -> &[ConfigError] {
        &self.0
    }
}

impl From<ReadError> for ConfigError {
    fn from(error: ReadError) -> Self {
        let (code, remedy) = match error.problem {
            ReadProblem::Syntax => (Code::CONFIG_SYNTAX, "correct this line or the one before"),
            ReadProblem::Duplicate => (Code::CONFIG_DUPLICATE, "leave one of them out"),
        };
        Self::new(code, "", error.path, error.expected, error.found).at(error.place).remedy(remedy)
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl Problem for ConfigErrors {
    fn code(&self) -> Code {
        self.0.first().map_or(Code::CONFIG_SYNTAX, |first| first.code)
    }

    fn details(&self) -> Details {
        self.0.first().map(Problem::details).unwrap_or_default()
    }
}
