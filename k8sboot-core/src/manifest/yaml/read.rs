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
/// Scalars mean what they mean to Kubernetes (YAML 1.1 booleans, numbers in all bases); a key given twice is refused.
///
/// # Errors
///
/// [`ManifestError::Syntax`] for the first problem; never quotes a value of the text.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::manifest::yaml::parse_all;
/// let documents = parse_all("a: yes\n---\n{\"b\": [1, \"yes\"]}\n---\n")?;
/// assert_eq!(documents, [serde_json::json!({"a": true}), serde_json::json!({"b": [1, "yes"]})]);
/// assert!(parse_all("a: [").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn parse_all(text: &str) -> Result<Vec<Value>, ManifestError> {
    let documents = read_documents(text).map_err(|errors| syntax(errors.into_iter().next()))?;
    Ok(documents.iter().map(Node::to_value).collect())
}

fn syntax(error: Option<ReadError>) -> ManifestError {
    let Some(ReadError { place, path, expected, found, .. }) = error else {
        return ManifestError::Syntax { line: 0, column: 0, problem: "nothing".to_owned() };
    };
    let field = if path.is_empty() { String::new() } else { format!(" at {path}") };
    let problem = match expected.as_str() {
        "YAML or JSON" => format!("{found}{field}"),
        _ => format!("{found}{field}, where {expected} is expected"),
    };
    ManifestError::Syntax { line: place.line, column: place.column, problem }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, json};

    use super::*;
    use crate::manifest::yaml::to_yaml;

    /// Any JSON, but no key `<<`: go-yaml prints it without quotes, and readers take it for the merge key.
    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            "\\PC{0,12}|[ -~\n\t]{0,40}|[0-9a-fx._:+-]{1,8}|([a-z]{1,9} ){12,20}x".prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            (-1e9..1e9).prop_map(|n: f64| json!(n + 0.5)),
            Just(Value::Null),
        ];
        leaf.prop_recursive(4, 30, 5, |inner| {
            let key = "[a-z<~0-9: #'\"\n-]{0,6}".prop_filter("merge key", |key| key != "<<");
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((key, inner), 0..5)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    proptest! {
        #[test]
        fn reading_what_was_printed_gives_the_same_value(value in value()) {
            let text = to_yaml(&json!({"v": value}));
            prop_assert_eq!(parse_all(&text).unwrap(), [json!({"v": value})], "{}", text);
        }
    }
}
