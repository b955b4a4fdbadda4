//! Reading YAML and JSON documents.

use serde_json::Value;

use crate::{
    config::{
        node::Node,
        yaml_read::{ReadError, read_documents},
    },
    manifest::ManifestError,
};

/// Reads every document of a YAML or JSON text; empty documents are left out.
///
/// # Errors
///
/// [`ManifestError::Syntax`] for the first problem; never quotes a value of the text.
pub fn parse_all(text: &str) -> Result<Vec<Value>, ManifestError> {
    let documents = read_documents(text).map_err(|errors| syntax(errors.into_iter().next()))?;
    Ok(documents.iter().map(Node::to_value).collect())
}

fn syntax(error: Option<ReadError>) -> ManifestError {
    let Some(ReadError { place, path, expected, found, .. }) = error else {
        return ManifestError::Syntax { line: 0, column: 0, problem: "nothing".to_owned() };
    };
    let field = if path.is_empty() { String::new() } else { format!(" at {path}") };
    let problem = format!("{found}{field}, where {expected} is expected");
    ManifestError::Syntax { line: place.line, column: place.column, problem }
}
