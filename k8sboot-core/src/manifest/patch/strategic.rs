//! Kubernetes' strategic merge patch: merge patch with lists that merge by key, and directives.
//!
//! Directives: `$patch: delete|replace` in maps and list items, `$deleteFromPrimitiveList/FIELD`,
//! `$setElementOrder/FIELD`, `$retainKeys`.
//!
//! One difference on purpose: Kubernetes leaves a directive behind, as a field, where the object has no list to apply it
//! to; here a directive never becomes part of the object.
//!
//! Sources: Kubernetes "Strategic Merge Patch" (sig-api-machinery), apimachinery `strategicpatch`.

use std::{borrow::Cow, cmp::Ordering};

use serde_json::{Map, Value};

use super::{
    json::{Misfit, misfit},
    schema::{ListMerge, Schema},
};
use crate::manifest::error::type_name;

const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";
const SET_ORDER: &str = "$setElementOrder/";

/// Applies a strategic merge patch. On an error the target is unchanged.
pub(super) fn apply(target: &mut Value, patch: &Value, schema: Schema) -> Result<(), Misfit> {
    let (Some(original), Some(patch)) = (target.as_object(), patch.as_object()) else {
        let wrong = if target.is_object() { patch } else { target };
        return Err(misfit("", "a map", type_name(wrong)));
    };
    let merged = Merge { schema }.map(original.clone(), patch, &Place::default())?;
    *target = Value::Object(merged);
    Ok(())
}

/// Where in the object we are: fields for the schema, and the pointer with indices for messages.
#[derive(Clone, Default)]
struct Place<'a> {
    fields: Vec<&'a str>,
    pointer: String,
}

impl<'a> Place<'a> {
    fn field(&self, name: &'a str) -> Self {
        let mut fields = self.fields.clone();
        fields.push(name);
        Self { fields, pointer: format!("{}/{}", self.pointer, name.replace('~', "~0").replace('/', "~1")) }
    }

    fn item(&self, index: usize) -> Self {
        Self { fields: self.fields.clone(), pointer: format!("{}/{index}", self.pointer) }
    }

    fn misfit(&self, expected: impl Into<String>, found: impl Into<String>) -> Misfit {
        misfit(&self.pointer, expected, found)
    }
}

struct Merge {
    schema: Schema,
}

impl Merge {
    fn map<'a>(
        &self,
        mut original: Map<String, Value>,
        patch: &'a Map<String, Value>,
        place: &Place<'a>,
    ) -> Result<Map<String, Value>, Misfit> {
        match directive(patch, place)? {
            Some("replace") => return Ok(without_directives(patch)),
            Some("delete") => return Ok(Map::new()),
            Some(other) => return Err(place.misfit("$patch: replace or delete", format!("{other:?}"))),
            None => {}
        }
        retain_keys(&mut original, patch, place)?;
        for (name, removed) in directives(patch, DELETE_FROM) {
            let removed = list(removed, &place.field(name))?;
            if let Some(Value::Array(items)) = original.get_mut(name) {
                items.retain(|item| !removed.contains(item));
            }
        }
        for (name, value) in patch.iter().filter(|(name, _)| !name.starts_with('$')) {
            let place = place.field(name);
            if value.is_null() {
                original.shift_remove(name);
                continue;
            }
            let merged = match (original.get(name), value) {
                (Some(Value::Object(old)), Value::Object(new)) => {
                    if directive(new, &place)? == Some("delete") {
                        original.shift_remove(name);
                        continue;
                    }
                    Value::Object(self.map(old.clone(), new, &place)?)
                }
                (Some(Value::Array(old)), Value::Array(new)) => {
                    Value::Array(self.list(old, new, &place, order(patch, name))?)
                }
                (_, Value::Object(new)) if directive(new, &place)? == Some("delete") => {
                    original.shift_remove(name);
                    continue;
                }
                // What the object does not have yet is taken as it is, repeated keys included.
                (_, value) => stripped(value),
            };
            original.insert(name.clone(), merged);
        }
        for (name, order) in directives(patch, SET_ORDER).filter(|(name, _)| !patch.contains_key(*name)) {
            let place = place.field(name);
            if let Some(Value::Array(items)) = original.get(name) {
                let key = self.key(&place);
                let ordered = arranged(items.clone(), list(order, &place)?, items, key);
                original.insert(name.to_owned(), Value::Array(ordered));
            }
        }
        Ok(original)
    }

    fn key(&self, place: &Place<'_>) -> Option<&'static str> {
        match self.schema.list(&place.fields) {
            ListMerge::ByKey(key) => Some(key),
            ListMerge::Set | ListMerge::Replace => None,
        }
    }

    fn list<'a>(
        &self,
        old: &[Value],
        new: &'a [Value],
        place: &Place<'a>,
        order: Option<&Value>,
    ) -> Result<Vec<Value>, Misfit> {
        let mut old = Cow::Borrowed(old);
        let merged = match self.schema.list(&place.fields) {
            ListMerge::Replace => return Ok(items(new)),
            ListMerge::Set => {
                let mut all: Vec<Value> = Vec::new();
                for item in old.iter().chain(new) {
                    if !all.contains(item) {
                        all.push(item.clone());
                    }
                }
                all
            }
            ListMerge::ByKey(key) => match self.remaining(&old, new, place, key)? {
                None => return Ok(items(new)),
                Some(remaining) => {
                    old = Cow::Owned(remaining);
                    self.keyed(&old, new, place, key)?
                }
            },
        };
        let order = match order {
            Some(order) => in_order(new, list(order, place)?, self.key(place), place)?,
            None => new,
        };
        Ok(arranged(merged, order, &old, self.key(place)))
    }

    /// The old items that the directives among the new ones leave; none if the new list takes the old one's place.
    fn remaining<'a>(
        &self,
        old: &[Value],
        new: &'a [Value],
        place: &Place<'a>,
        key: &str,
    ) -> Result<Option<Vec<Value>>, Misfit> {
        let (mut remaining, mut replace) = (old.to_vec(), false);
        for (index, item) in new.iter().enumerate() {
            let place = place.item(index);
            let Value::Object(item) = item else {
                return Err(place.misfit(format!("a map with {key:?}"), type_name(item)));
            };
            match directive(item, &place)? {
                None => {}
                Some("replace") => replace = true,
                Some("delete") => {
                    let value = key_of(item, key, &place)?;
                    remaining.retain(|other| !same(other.get(key), Some(value)));
                }
                Some(other) => {
                    return Err(place.misfit("$patch: replace or delete", format!("{other:?}")));
                }
            }
        }
        Ok((!replace).then_some(remaining))
    }

    /// Merges items with the same key and adds the others.
    fn keyed<'a>(
        &self,
        old: &[Value],
        new: &'a [Value],
        place: &Place<'a>,
        key: &str,
    ) -> Result<Vec<Value>, Misfit> {
        let mut merged = old.to_vec();
        for (index, item) in new.iter().enumerate() {
            let Some(item) = item.as_object().filter(|item| !item.contains_key(PATCH)) else { continue };
            let place = place.item(index);
            let value = key_of(item, key, &place)?;
            match merged.iter_mut().find(|other| same(other.get(key), Some(value))) {
                Some(Value::Object(other)) => *other = self.map(std::mem::take(other), item, &place)?,
                _ => merged.push(Value::Object(without_directives(item))),
            }
        }
        Ok(merged)
    }
}

/// The value of `$patch`.
fn directive<'a>(patch: &'a Map<String, Value>, place: &Place<'_>) -> Result<Option<&'a str>, Misfit> {
    match patch.get(PATCH) {
        None => Ok(None),
        Some(Value::String(directive)) => Ok(Some(directive)),
        Some(other) => Err(place.misfit("$patch as a text", type_name(other))),
    }
}

/// The directives with a prefix: the field that each is about, and its value.
fn directives<'a>(
    patch: &'a Map<String, Value>,
    prefix: &'static str,
) -> impl Iterator<Item = (&'a str, &'a Value)> {
    patch.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value)))
}

/// `$setElementOrder` of a field.
fn order<'a>(patch: &'a Map<String, Value>, field: &str) -> Option<&'a Value> {
    directives(patch, SET_ORDER).find(|(name, _)| *name == field).map(|(_, order)| order)
}

/// Keeps only the named fields; the patch may not set others.
fn retain_keys(
    original: &mut Map<String, Value>,
    patch: &Map<String, Value>,
    place: &Place<'_>,
) -> Result<(), Misfit> {
    let Some(keys) = patch.get(RETAIN_KEYS) else { return Ok(()) };
    let place = place.field(RETAIN_KEYS);
    let keys = list(keys, &place)?;
    let kept = |name: &str| keys.iter().any(|key| key.as_str() == Some(name));
    if let Some((name, _)) =
        patch.iter().find(|(name, value)| !name.starts_with('$') && !value.is_null() && !kept(name))
    {
        return Err(place.misfit("every field that the patch sets", format!("{name:?} missing")));
    }
    original.retain(|name, _| kept(name));
    Ok(())
}

/// The order, if it names every item of the patch's own list in the same order.
fn in_order<'a>(
    new: &[Value],
    order: &'a [Value],
    key: Option<&str>,
    place: &Place<'_>,
) -> Result<&'a [Value], Misfit> {
    let mut rest = order.iter();
    for item in new.iter().filter(|item| item.get(PATCH).is_none()) {
        if !rest.any(|other| matches(item, other, key)) {
            let found = "an item that is not there or stands elsewhere";
            return Err(place.misfit("the items in the order of $setElementOrder", found));
        }
    }
    Ok(order)
}

/// Whether two items of a list stand for the same.
fn matches(a: &Value, b: &Value, key: Option<&str>) -> bool {
    match key {
        Some(key) => same(a.get(key), b.get(key)),
        None => a == b,
    }
}

fn list<'a>(value: &'a Value, place: &Place<'_>) -> Result<&'a [Value], Misfit> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| place.misfit("a list", type_name(value)))
}

fn key_of<'a>(item: &'a Map<String, Value>, key: &str, place: &Place<'_>) -> Result<&'a Value, Misfit> {
    item.get(key).ok_or_else(|| place.misfit(format!("a map with {key:?}"), "none"))
}

/// Equality of keys: numbers by value.
fn same(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (Some(Value::Number(a)), Some(Value::Number(b))) => a == b || a.as_f64() == b.as_f64(),
        (a, b) => a.is_some() && a == b,
    }
}

/// A copy without directives, list items that are directives, and nulls.
fn without_directives(map: &Map<String, Value>) -> Map<String, Value> {
    let fields = map.iter().filter(|(name, value)| !name.starts_with('$') && !value.is_null());
    fields.map(|(name, value)| (name.clone(), stripped(value))).collect()
}

fn stripped(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(without_directives(map)),
        Value::Array(list) => Value::Array(items(list)),
        other => other.clone(),
    }
}

fn items(list: &[Value]) -> Vec<Value> {
    list.iter().filter(|item| item.get(PATCH).is_none()).map(stripped).collect()
}

/// Puts the items that the order names into that order, and the others where they stood before.
///
/// Both groups are merged as Kubernetes does it: one of the others goes first only if it stood before the named one in
/// the old list. So new items come before old ones that the patch does not name.
fn arranged(merged: Vec<Value>, order: &[Value], old: &[Value], key: Option<&str>) -> Vec<Value> {
    let place = |list: &[Value], item: &Value| list.iter().position(|other| matches(other, item, key));
    let (mut named, mut others): (Vec<_>, Vec<_>) =
        merged.into_iter().partition(|item| place(order, item).is_some());
    named.sort_by_key(|item| place(order, item));
    others.sort_by_key(|item| place(old, item));
    let mut result = Vec::with_capacity(named.len() + others.len());
    let (mut named, mut others) = (named.into_iter().peekable(), others.into_iter().peekable());
    while let (Some(other), Some(next)) = (others.peek(), named.peek()) {
        let before = match (place(old, other), place(old, next)) {
            (Some(other), Some(next)) => other.cmp(&next) == Ordering::Less,
            _ => false,
        };
        result.extend(if before { others.next() } else { named.next() });
    }
    result.extend(named);
    result.extend(others);
    result
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn patched(original: &Value, patch: &Value, schema: Schema) -> Value {
        let mut got = original.clone();
        apply(&mut got, patch, schema).unwrap();
        got
    }

    #[test]
    fn lists_merge_by_their_key() {
        let pod = json!({"spec": {
            "containers": [{
                "name": "a", "command": ["x", "y"],
                "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                "ports": [{"containerPort": 1, "name": "p"}],
                "volumeMounts": [{"mountPath": "/m", "name": "v", "readOnly": true}],
            }],
            "tolerations": [{"key": "t"}],
            "volumes": [{"name": "v", "hostPath": {"path": "/v", "type": ""}}],
        }});
        let container = |patch: Value| json!({"spec": {"containers": [patch]}});
        for (patch, pointer, want) in [
            (container(json!({"name": "a", "command": ["z"]})), "/spec/containers/0/command", json!(["z"])),
            // A new item comes first: it has no place in the old list.
            (container(json!({"name": "b"})), "/spec/containers/0", json!({"name": "b"})),
            (
                container(
                    json!({"name": "a", "env": [{"name": "C", "value": "3"}, {"name": "A", "value": "9"}]}),
                ),
                "/spec/containers/0/env",
                json!([{"name": "C", "value": "3"}, {"name": "A", "value": "9"}, {"name": "B", "value": "2"}]),
            ),
            (
                container(json!({"name": "a", "env": [{"name": "A", "$patch": "delete"}]})),
                "/spec/containers/0/env",
                json!([{"name": "B", "value": "2"}]),
            ),
            (
                container(json!({"name": "a", "env": [{"$patch": "replace"}, {"name": "Z"}]})),
                "/spec/containers/0/env",
                json!([{"name": "Z"}]),
            ),
            (
                container(
                    json!({"name": "a", "env": [{"name": "A", "value": null}], "$setElementOrder/env": [{"name": "B"}, {"name": "A"}]}),
                ),
                "/spec/containers/0/env",
                json!([{"name": "B", "value": "2"}, {"name": "A"}]),
            ),
            (
                container(json!({"name": "a", "$setElementOrder/env": [{"name": "B"}, {"name": "A"}]})),
                "/spec/containers/0/env/0/name",
                json!("B"),
            ),
            (
                container(json!({"name": "a", "ports": [{"containerPort": 1, "protocol": "TCP"}]})),
                "/spec/containers/0/ports",
                json!([{"containerPort": 1, "name": "p", "protocol": "TCP"}]),
            ),
            (
                container(json!({"name": "a", "volumeMounts": [{"mountPath": "/m", "readOnly": null}]})),
                "/spec/containers/0/volumeMounts",
                json!([{"mountPath": "/m", "name": "v"}]),
            ),
            (json!({"spec": {"tolerations": [{"key": "u"}]}}), "/spec/tolerations", json!([{"key": "u"}])),
            (
                json!({"spec": {"volumes": [{"name": "v", "$retainKeys": ["name", "emptyDir"], "emptyDir": {}}]}}),
                "/spec/volumes",
                json!([{"name": "v", "emptyDir": {}}]),
            ),
            (json!({"spec": {"volumes": null}}), "/spec/volumes", Value::Null),
            (json!({"metadata": {"labels": {"a": "b"}}}), "/metadata/labels", json!({"a": "b"})),
        ] {
            let got = patched(&pod, &patch, Schema::Pod);
            assert_eq!(got.pointer(pointer).unwrap_or(&Value::Null), &want, "{patch}");
        }
    }

    #[test]
    fn sets_merge_and_lose_items() {
        let pod = json!({"metadata": {"finalizers": ["a", "b"]}});
        for (patch, want) in [
            (json!({"finalizers": ["c", "a"]}), json!(["c", "a", "b"])),
            (json!({"$deleteFromPrimitiveList/finalizers": ["a"]}), json!(["b"])),
            (json!({"$setElementOrder/finalizers": ["b", "a"]}), json!(["b", "a"])),
        ] {
            let got = patched(&pod, &json!({"metadata": patch}), Schema::Pod);
            assert_eq!(got["metadata"]["finalizers"], want);
        }
    }

    #[test]
    fn maps_obey_directives() {
        let object = json!({"a": {"b": 1, "c": 2}, "d": 3});
        for (patch, want) in [
            (json!({"a": {"$patch": "replace", "e": 4}}), json!({"a": {"e": 4}, "d": 3})),
            (json!({"a": {"$patch": "delete"}}), json!({"d": 3})),
            (json!({"x": {"$patch": "delete"}}), json!({"a": {"b": 1, "c": 2}, "d": 3})),
            (json!({"$patch": "replace", "e": 4}), json!({"e": 4})),
            (json!({"a": {"b": null, "x": null}}), json!({"a": {"c": 2}, "d": 3})),
            (json!({"n": {"x": null}}), json!({"a": {"b": 1, "c": 2}, "d": 3, "n": {}})),
        ] {
            assert_eq!(patched(&object, &patch, Schema::Plain), want, "{patch}");
        }
    }

    #[test]
    fn a_pod_template_has_the_lists_of_a_pod() {
        let deployment =
            json!({"spec": {"template": {"spec": {"containers": [{"name": "a", "image": "i"}]}}}});
        let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "a", "args": []}]}}}});
        let want = json!([{"name": "a", "image": "i", "args": []}]);
        assert_eq!(
            patched(&deployment, &patch, Schema::Workload)["spec"]["template"]["spec"]["containers"],
            want
        );
    }

    #[test]
    fn refuses_and_says_where() {
        let pod =
            json!({"spec": {"containers": [{"name": "a"}], "volumes": [{"name": "v", "hostPath": {}}]}});
        for (patch, path) in [
            (json!({"spec": {"containers": [{"image": "x"}]}}), "/spec/containers/0"),
            (json!({"spec": {"containers": ["x"]}}), "/spec/containers/0"),
            (json!({"spec": {"containers": [{"name": "a", "$patch": "merge"}]}}), "/spec/containers/0"),
            (json!({"spec": {"$patch": "merge"}}), "/spec"),
            (json!({"spec": {"$patch": 1}}), "/spec"),
            (
                json!({"spec": {"volumes": [{"name": "v", "$retainKeys": ["name"], "emptyDir": {}}]}}),
                "/spec/volumes/0/$retainKeys",
            ),
            (json!({"spec": {"$setElementOrder/volumes": 1}}), "/spec/volumes"),
            (
                json!({"spec": {"$setElementOrder/volumes": [{"name": "v"}], "volumes": [{"name": "w"}, {"name": "v"}]}}),
                "/spec/volumes",
            ),
            (json!([]), "/"),
        ] {
            let mut got = pod.clone();
            assert_eq!(apply(&mut got, &patch, Schema::Pod).unwrap_err().path, path, "{patch}");
            assert_eq!(got, pod);
        }
    }
}
