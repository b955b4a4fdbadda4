//! JSON Patch, RFC 6902, with JSON Pointers, RFC 6901.

use serde_json::Value;

use crate::manifest::error::type_name;

/// Why a patch does not fit: where, what was expected, what was found. Never a value of the object.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    pub(super) path: String,
    pub(super) expected: String,
    pub(super) found: String,
}

pub(super) fn misfit(path: &str, expected: impl Into<String>, found: impl Into<String>) -> Misfit {
    let path = if path.is_empty() { "/" } else { path };
    Misfit { path: path.to_owned(), expected: expected.into(), found: found.into() }
}

/// Applies the operations in order. On an error the target is unchanged.
pub(super) fn apply(target: &mut Value, patch: &Value) -> Result<(), Misfit> {
    let operations = patch.as_array().ok_or_else(|| misfit("", "a list of operations", type_name(patch)))?;
    let mut result = target.clone();
    for (index, operation) in operations.iter().enumerate() {
        let text = |name: &str| {
            operation
                .get(name)
                .and_then(Value::as_str)
                .ok_or_else(|| misfit("", format!("operation {index} with a text {name:?}"), "none"))
        };
        let value = || {
            operation
                .get("value")
                .cloned()
                .ok_or_else(|| misfit("", format!("operation {index} with a \"value\""), "none"))
        };
        let path = text("path")?;
        match text("op")? {
            "add" => add(&mut result, path, value()?)?,
            "remove" => drop(remove(&mut result, path)?),
            "replace" => *find(&mut result, path)? = value()?,
            "move" => {
                let from = text("from")?;
                if path.strip_prefix(from).is_some_and(|rest| rest.starts_with('/')) {
                    return Err(misfit(path, "a place outside of what is moved", "a place inside"));
                }
                let moved = remove(&mut result, from)?;
                add(&mut result, path, moved)?;
            }
            "copy" => {
                let copied = find(&mut result, text("from")?)?.clone();
                add(&mut result, path, copied)?;
            }
            "test" => {
                if !equal(find(&mut result, path)?, &value()?) {
                    return Err(misfit(path, "the tested value", "another one"));
                }
            }
            other => {
                let expected = "an operation of add, remove, replace, move, copy or test";
                return Err(misfit(path, expected, format!("{other:?}")));
            }
        }
    }
    *target = result;
    Ok(())
}

/// Equality of JSON: numbers by value.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| equal(a, b)))
        }
        _ => a == b,
    }
}

/// The parent's pointer and the last name, unescaped.
fn split(path: &str) -> Result<(&str, String), Misfit> {
    let (parent, last) =
        path.rsplit_once('/').ok_or_else(|| misfit(path, "a path that starts with \"/\"", "none"))?;
    Ok((parent, last.replace("~1", "/").replace("~0", "~")))
}

fn find<'a>(target: &'a mut Value, path: &str) -> Result<&'a mut Value, Misfit> {
    target.pointer_mut(path).ok_or_else(|| misfit(path, "a value", "nothing"))
}

/// A decimal index without leading zeros, up to `limit`.
fn index(path: &str, name: &str, limit: usize) -> Result<usize, Misfit> {
    let plain = name == "0" || (!name.starts_with('0') && name.bytes().all(|b| b.is_ascii_digit()));
    let index = name.parse().ok().filter(|index| plain && *index <= limit);
    index.ok_or_else(|| misfit(path, format!("an index of at most {limit}"), format!("{name:?}")))
}

fn add(target: &mut Value, path: &str, value: Value) -> Result<(), Misfit> {
    if path.is_empty() {
        *target = value;
        return Ok(());
    }
    let (parent, name) = split(path)?;
    match find(target, parent)? {
        Value::Object(map) => {
            map.insert(name, value);
        }
        Value::Array(items) if name == "-" => items.push(value),
        Value::Array(items) => items.insert(index(path, &name, items.len())?, value),
        other => return Err(misfit(parent, "a map or list", type_name(other))),
    }
    Ok(())
}

fn remove(target: &mut Value, path: &str) -> Result<Value, Misfit> {
    let (parent, name) = split(path)?;
    let nothing = || misfit(path, "a value", "nothing");
    match find(target, parent)? {
        Value::Object(map) => map.shift_remove(&name).ok_or_else(nothing),
        Value::Array(items) => {
            let limit = items.len().checked_sub(1).ok_or_else(nothing)?;
            Ok(items.remove(index(path, &name, limit)?))
        }
        other => Err(misfit(parent, "a map or list", type_name(other))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// RFC 6902, appendix A.
    #[test]
    fn does_what_the_rfcs_examples_say() {
        for (target, patch, want) in [
            (
                json!({"foo": "bar"}),
                json!([{"op": "add", "path": "/baz", "value": "qux"}]),
                json!({"baz": "qux", "foo": "bar"}),
            ),
            (
                json!({"foo": ["bar", "baz"]}),
                json!([{"op": "add", "path": "/foo/1", "value": "qux"}]),
                json!({"foo": ["bar", "qux", "baz"]}),
            ),
            (
                json!({"baz": "qux", "foo": "bar"}),
                json!([{"op": "remove", "path": "/baz"}]),
                json!({"foo": "bar"}),
            ),
            (
                json!({"foo": ["bar", "qux", "baz"]}),
                json!([{"op": "remove", "path": "/foo/1"}]),
                json!({"foo": ["bar", "baz"]}),
            ),
            (
                json!({"baz": "qux"}),
                json!([{"op": "replace", "path": "/baz", "value": "boo"}]),
                json!({"baz": "boo"}),
            ),
            (
                json!({"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}}),
                json!([{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}]),
                json!({"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}}),
            ),
            (
                json!({"foo": ["a", "g", "c", "e"]}),
                json!([{"op": "move", "from": "/foo/1", "path": "/foo/3"}]),
                json!({"foo": ["a", "c", "e", "g"]}),
            ),
            (
                json!({"baz": "qux", "foo": ["a", 2, "c"]}),
                json!([{"op": "test", "path": "/foo/1", "value": 2.0}]),
                json!({"baz": "qux", "foo": ["a", 2, "c"]}),
            ),
            (
                json!({"foo": "bar"}),
                json!([{"op": "add", "path": "/child", "value": {"g": {}}}]),
                json!({"foo": "bar", "child": {"g": {}}}),
            ),
            (
                json!({"/": 9, "~1": 10}),
                json!([{"op": "test", "path": "/~01", "value": 10}]),
                json!({"/": 9, "~1": 10}),
            ),
            (
                json!({"foo": ["bar"]}),
                json!([{"op": "add", "path": "/foo/-", "value": ["abc", "def"]}]),
                json!({"foo": ["bar", ["abc", "def"]]}),
            ),
            (json!({"a": 1}), json!([{"op": "copy", "from": "/a", "path": "/b"}]), json!({"a": 1, "b": 1})),
        ] {
            let mut got = target.clone();
            apply(&mut got, &patch).unwrap();
            assert_eq!(got, want, "{patch}");
        }
    }

    #[test]
    fn refuses_and_changes_nothing() {
        for (patch, path) in [
            (json!([{"op": "test", "path": "/a", "value": 2}]), "/a"),
            (json!([{"op": "add", "path": "/x/y", "value": 1}]), "/x"),
            (json!([{"op": "add", "path": "/l/3", "value": 1}]), "/l/3"),
            (json!([{"op": "add", "path": "/l/01", "value": 1}]), "/l/01"),
            (json!([{"op": "remove", "path": "/l/2"}]), "/l/2"),
            (json!([{"op": "add", "path": "/ok", "value": 1}, {"op": "remove", "path": "/b"}]), "/b"),
            (json!([{"op": "replace", "path": "/b", "value": 1}]), "/b"),
            (json!([{"op": "move", "from": "/m", "path": "/m/n"}]), "/m/n"),
            (json!([{"op": "put", "path": "/a"}]), "/a"),
            (json!([{"op": "add", "path": "/a"}]), "/"),
            (json!([{"op": "add", "path": "a", "value": 1}]), "a"),
            (json!({"op": "add"}), "/"),
        ] {
            let original = json!({"a": 1, "l": [1, 2], "m": {}});
            let mut got = original.clone();
            assert_eq!(apply(&mut got, &patch).unwrap_err().path, path, "{patch}");
            assert_eq!(got, original);
        }
    }
}
