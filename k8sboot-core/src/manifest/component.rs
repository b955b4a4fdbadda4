//! A component's configuration as Go prints it: zero values that vanish or appear, durations and quantities in one form.

use serde_json::{Map, Value, json};

use crate::{
    config::component_fields::{Field, Shape, Zero},
    manifest::{quantity, versions::NEWEST_KNOWN_TYPES},
    time::GoDuration,
    version::Version,
};

/// Brings a document into the form in which Go prints it.
///
/// Fields that the type does not have are lost on kubeadm's way through it. For versions newer than
/// [`NEWEST_KNOWN_TYPES`] they are carried through: the component may know them.
pub(super) fn normalise(fields: &[Field], document: &mut Map<String, Value>, version: &Version) {
    let meta = ["apiVersion", "kind"].map(|name| (name, document.shift_remove(name)));
    *document = structure(fields, document, version.minor() > NEWEST_KNOWN_TYPES);
    document.extend(meta.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
}

/// A Go structure that was read from a map, as Go prints it.
pub(super) fn structure(
    fields: &[Field],
    given: &Map<String, Value>,
    keep_unknown: bool,
) -> Map<String, Value> {
    let mut printed = Map::new();
    for field in fields {
        let value = match given.get(field.name) {
            None | Some(Value::Null) if field.zero == Zero::Printed => zero(field.shape),
            None | Some(Value::Null) if field.zero == Zero::Null => Value::Null,
            None | Some(Value::Null) => continue,
            Some(value) => print(field.shape, value, keep_unknown),
        };
        if field.zero != Zero::LeftOut || !is_zero(&value) {
            printed.insert(field.name.to_owned(), value);
        }
    }
    if keep_unknown {
        let unknown = given.iter().filter(|(name, _)| !fields.iter().any(|field| field.name == *name));
        printed.extend(unknown.map(|(name, value)| (name.clone(), value.clone())));
    }
    printed
}

/// A value of another type than the field's stays as it is: the configuration has reported it.
fn print(shape: Shape, value: &Value, keep_unknown: bool) -> Value {
    match (shape, value) {
        (Shape::Struct(fields), Value::Object(map)) => structure(fields, map, keep_unknown).into(),
        (Shape::Map(inner), Value::Object(map)) => {
            map.iter().map(|(name, value)| (name.clone(), print(*inner, value, keep_unknown))).collect()
        }
        (Shape::List(inner), Value::Array(items)) => {
            items.iter().map(|item| print(*inner, item, keep_unknown)).collect()
        }
        (Shape::Duration | Shape::NanosecondsOrDuration, Value::String(text)) => {
            text.parse::<GoDuration>().map_or_else(|_| value.clone(), |parsed| json!(parsed.to_string()))
        }
        (Shape::Quantity, value) => quantity::canonical(value).unwrap_or_else(|| value.clone()),
        (_, value) => value.clone(),
    }
}

fn zero(shape: Shape) -> Value {
    match shape {
        Shape::Text => json!(""),
        Shape::Flag => json!(false),
        Shape::Integer | Shape::Number | Shape::NanosecondsOrDuration => json!(0),
        Shape::Duration => json!("0s"),
        Shape::Quantity => json!("0"),
        Shape::List(_) | Shape::Map(_) => Value::Null,
        Shape::Struct(fields) => structure(fields, &Map::new(), false).into(),
        Shape::Any => Value::Null,
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::kubelet_fields;

    #[test]
    fn unknown_fields_are_lost_or_kept() {
        let given = json!({"kind": "K", "new": 1, "logging": {"new": 2}, "maxPods": 0, "eventRecordQPS": 0});
        for (version, keep_unknown) in [("v1.36.2", false), ("v1.37.0", true)] {
            let mut map = given.as_object().cloned().unwrap();
            normalise(kubelet_fields::FIELDS, &mut map, &version.parse().unwrap());
            let got = Value::Object(map);
            assert_eq!(got.get("new").is_some(), keep_unknown);
            assert_eq!(got.pointer("/logging/new").is_some(), keep_unknown);
            assert_eq!(got["kind"], "K");
            assert_eq!((got.get("maxPods"), &got["eventRecordQPS"]), (None, &json!(0)));
        }
    }
}
