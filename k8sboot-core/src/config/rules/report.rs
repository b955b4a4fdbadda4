//! Collects broken rules with the place of the field.

use super::super::{error::ConfigError, node::Place, positions::Positions, suggest};
use crate::{config::error::quoted, error::Code};

/// The broken rules and warnings about the documents of one text.
pub(in crate::config) struct Report<'p> {
    positions: &'p Positions,
    document: &'static str,
    pub(in crate::config) errors: Vec<ConfigError>,
    pub(in crate::config) warnings: Vec<ConfigError>,
}

impl<'p> Report<'p> {
    pub(in crate::config) fn new(positions: &'p Positions) -> Self {
        Self { positions, document: "", errors: Vec::new(), warnings: Vec::new() }
    }

    /// Makes the fields that follow those of a document.
    pub(in crate::config) fn on(&mut self, document: &'static str) -> &mut Self {
        self.document = document;
        self
    }

    /// Whether the text gave the field.
    pub(in crate::config) fn given(&self, field: &str) -> bool {
        self.positions.find(self.document, field).is_some()
    }

    /// A value that its field does not accept.
    pub(in crate::config) fn value(&mut self, field: &str, expected: &str, found: &str, remedy: &str) {
        self.error(Code::CONFIG_VALUE, field, expected, quoted(found), remedy);
    }

    /// As [`value`](Self::value), for a value that must not be quoted or speaks for itself.
    pub(in crate::config) fn value_of(&mut self, field: &str, expected: &str, found: String, remedy: &str) {
        self.error(Code::CONFIG_VALUE, field, expected, found, remedy);
    }

    /// Values that contradict each other.
    pub(in crate::config) fn conflict(&mut self, field: &str, expected: &str, found: String, remedy: &str) {
        self.error(Code::CONFIG_CONFLICT, field, expected, found, remedy);
    }

    /// The same thing twice.
    pub(in crate::config) fn duplicate(&mut self, field: &str, expected: &str, found: String) {
        self.error(Code::CONFIG_DUPLICATE, field, expected, found, "");
    }

    /// Something that must be given.
    pub(in crate::config) fn missing(&mut self, field: &str, expected: &str, remedy: &str) {
        let place = self.positions.around(self.document, field);
        let error = ConfigError::new(Code::CONFIG_MISSING, self.document, field, expected, "nothing");
        self.errors.push(error.at(place).remedy(remedy));
    }

    /// Something that neither the text gave nor the host could: it has no place.
    pub(in crate::config) fn unknown(&mut self, field: &str, expected: &str, remedy: &str) {
        let error = ConfigError::new(Code::CONFIG_MISSING, self.document, field, expected, "nothing");
        self.errors.push(error.remedy(remedy));
    }

    /// Accepted, but probably not what was meant.
    pub(in crate::config) fn warn(&mut self, field: &str, expected: &str, found: String, remedy: &str) {
        let warning = self.make(Code::CONFIG_WARNING, field, expected, found, remedy);
        self.warnings.push(warning);
    }

    /// Reports a text that is none of the known ones.
    pub(in crate::config) fn one_of(&mut self, field: &str, text: &str, known: &[&str]) {
        if !known.contains(&text) {
            let remedy = suggest::did_you_mean(text, known.iter().copied());
            self.value(field, &known.join(" or "), text, &remedy);
        }
    }

    fn error(&mut self, code: Code, field: &str, expected: &str, found: String, remedy: &str) {
        let error = self.make(code, field, expected, found, remedy);
        self.errors.push(error);
    }

    fn make(&self, code: Code, field: &str, expected: &str, found: String, remedy: &str) -> ConfigError {
        let mark = self.positions.find(self.document, field);
        let (document, field) = match mark.and_then(|mark| mark.written.as_ref()) {
            Some((document, field)) => (*document, field.as_str()),
            None => (self.document, field),
        };
        let place = mark.map_or(Place::NONE, |mark| mark.place);
        ConfigError::new(code, document, field, expected, found).at(place).remedy(remedy)
    }
}
