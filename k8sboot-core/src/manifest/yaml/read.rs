//! Reading YAML and JSON documents.

use serde_json::Value;

use crate::manifest::ManifestError;

/// Reads every document of a YAML or JSON text; empty documents are left out.
///
/// # Errors
///
/// [`ManifestError::Syntax`].
pub fn parse_all(text: &str) -> Result<Vec<Value>, ManifestError> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|error| {
        let place = error.location();
        ManifestError::Syntax {
            line: place.map_or(0, |p| usize::try_from(p.line()).unwrap_or(usize::MAX)),
            column: place.map_or(0, |p| usize::try_from(p.column()).unwrap_or(usize::MAX)),
            problem: error.to_string().lines().next().unwrap_or_default().to_owned(),
        }
    })?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}
