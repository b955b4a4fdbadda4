//! The comparison of a wanted object with the one that is there.

use std::fmt;

use serde_json::{Map, Value};
use similar::TextDiff;

use super::owners::{Manager, ManagerKind, Share, item_key, managers};
use crate::manifest::{ManifestError, Object};

/// Fields of a wanted object that are not applied: the server alone sets them.
const NOT_APPLIED: [&str; 3] = ["resourceVersion", "creationTimestamp", "managedFields"];

/// What has to be done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Need {
    /// Nothing: it is as wanted, but for what others keep.
    Nothing,
    /// It is as wanted, but was made by other managers: applying it makes its fields ours too.
    Adopt,
    /// It has to be applied.
    Apply,
}

/// What [`compare`] finds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Comparison {
    /// What has to be done.
    pub need: Need,
    /// What to apply: the wanted object without the fields that others keep.
    pub object: Object,
    /// What stays as another manager set it, though something else is wanted.
    pub kept: Vec<FieldDifference>,
    /// What applying changes.
    pub changed: Vec<FieldDifference>,
    /// Fields that are no longer wanted: applying gives them up.
    pub dropped: Vec<String>,
    /// Who made what is adopted.
    pub adopted_from: Vec<String>,
}

/// A field whose value is not the wanted one. No secret is in it: fields of Secrets have no text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldDifference {
    /// For example `data.Corefile` or `spec.template.spec.containers[name=coredns].image`.
    pub field: String,
    /// Who has set the present value; empty if nobody is on record.
    pub manager: String,
    /// From the present to the wanted value: a unified diff of several lines, else `PRESENT -> WANTED`.
    pub text: String,
}

impl fmt::Display for FieldDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.field)?;
        if !self.manager.is_empty() {
            write!(f, " (set by {})", self.manager)?;
        }
        if self.text.contains('\n') { write!(f, ":\n{}", self.text) } else { write!(f, ": {}", self.text) }
    }
}

/// Compares a wanted object with the one that is there.
///
/// A field that differs is kept if a manager other than this library and its [predecessors](super::PREDECESSORS) set it,
/// or if `keep` names it (for example `data.Corefile`) and this library did not set it. A field that was taken out by
/// somebody is wanted again: nobody is on record for what is not there.
///
/// # Errors
///
/// None for objects with an identity.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::manifest::{Object, managed::{Need, compare}};
/// # use serde_json::json;
/// let object = |replicas, managers: serde_json::Value| Object::from_value(json!({
///     "apiVersion": "apps/v1", "kind": "Deployment",
///     "metadata": {"name": "coredns", "namespace": "kube-system", "managedFields": managers},
///     "spec": {"replicas": replicas},
/// }));
/// let scaled = json!([{"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]);
/// let found = compare(&object(2, json!([]))?, &object(5, scaled)?, &[])?;
/// assert_eq!(found.need, Need::Nothing);
/// assert_eq!(found.kept[0].to_string(), "spec.replicas (set by kubectl): 5 -> 2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn compare(wanted: &Object, live: &Object, keep: &[&str]) -> Result<Comparison, ManifestError> {
    let managers = managers(live);
    let secret = live.key().kind == "Secret";
    let mut walk = Walk {
        managers: &managers,
        keep,
        secret,
        kept: Vec::new(),
        changed: Vec::new(),
        adopted_from: Vec::new(),
        unowned: false,
    };
    let wanted = applicable(wanted);
    let shares: Vec<Share<'_>> = managers.iter().map(|manager| Share::of(manager.fields)).collect();
    let mut apply = Map::new();
    for (name, value) in wanted.as_object().into_iter().flatten() {
        let below: Vec<Share<'_>> = shares.iter().map(|share| share.field(name)).collect();
        let identity = matches!(name.as_str(), "apiVersion" | "kind");
        let taken = if identity {
            Some(value.clone())
        } else if name == "metadata" {
            Some(walk.metadata(value, live.as_value().get(name), &below))
        } else {
            walk.field(name, value, live.as_value().get(name), &below)
        };
        if let Some(taken) = taken {
            apply.insert(name.clone(), taken);
        }
    }
    let mut dropped = Vec::new();
    for manager in managers.iter().filter(|manager| manager.kind == ManagerKind::Ours) {
        unwanted(manager.fields, &wanted, String::new(), &mut dropped);
    }
    let Walk { kept, changed, mut adopted_from, unowned, .. } = walk;
    let need = match () {
        () if !changed.is_empty() || !dropped.is_empty() => Need::Apply,
        () if unowned => Need::Adopt,
        () => Need::Nothing,
    };
    adopted_from.sort_unstable();
    adopted_from.dedup();
    let object = Object::from_value(Value::Object(apply))?;
    Ok(Comparison { need, object, kept, changed, dropped, adopted_from })
}

/// The wanted object without what only the server sets.
pub(super) fn applicable(wanted: &Object) -> Value {
    let mut value = wanted.as_value().clone();
    if let Some(fields) = value.as_object_mut() {
        fields.remove("status");
        if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.retain(|name, _| !NOT_APPLIED.contains(&name.as_str()));
        }
    }
    value
}

struct Walk<'a> {
    managers: &'a [Manager<'a>],
    keep: &'a [&'a str],
    secret: bool,
    kept: Vec<FieldDifference>,
    changed: Vec<FieldDifference>,
    adopted_from: Vec<String>,
    unowned: bool,
}

impl Walk<'_> {
    /// Name and namespace are the object's identity and nobody's field.
    fn metadata(&mut self, wanted: &Value, live: Option<&Value>, shares: &[Share<'_>]) -> Value {
        let mut taken = Map::new();
        for (name, value) in wanted.as_object().into_iter().flatten() {
            let kept = if matches!(name.as_str(), "name" | "namespace") {
                Some(value.clone())
            } else {
                let below: Vec<Share<'_>> = shares.iter().map(|share| share.field(name)).collect();
                self.field(&format!("metadata.{name}"), value, live.and_then(|live| live.get(name)), &below)
            };
            if let Some(value) = kept {
                taken.insert(name.clone(), value);
            }
        }
        Value::Object(taken)
    }

    /// What of a field is applied; nothing if it is kept as others set it.
    fn field(
        &mut self,
        path: &str,
        wanted: &Value,
        live: Option<&Value>,
        shares: &[Share<'_>],
    ) -> Option<Value> {
        let parted = shares.iter().any(|share| matches!(share, Share::Part(_)));
        match (wanted, live) {
            (Value::Object(fields), Some(live @ Value::Object(_))) if parted => {
                let mut taken = Map::new();
                for (name, value) in fields {
                    let below: Vec<Share<'_>> = shares.iter().map(|share| share.field(name)).collect();
                    if let Some(value) = self.field(&format!("{path}.{name}"), value, live.get(name), &below)
                    {
                        taken.insert(name.clone(), value);
                    }
                }
                (!taken.is_empty() || fields.is_empty()).then_some(Value::Object(taken))
            }
            (Value::Array(items), Some(Value::Array(live))) if parted => {
                match shares.iter().find_map(|share| share.key_names()) {
                    Some(keys) => self.items(path, items, live, shares, &keys),
                    None => self.leaf(path, wanted, Some(&Value::Array(live.clone())), shares),
                }
            }
            _ => self.leaf(path, wanted, live, shares),
        }
    }

    /// A list whose items are told apart by some of their fields.
    fn items(
        &mut self,
        path: &str,
        items: &[Value],
        live: &[Value],
        shares: &[Share<'_>],
        keys: &[String],
    ) -> Option<Value> {
        let mut taken = Vec::new();
        for item in items {
            let keys_of: Map<String, Value> =
                keys.iter().filter_map(|key| Some((key.clone(), item.get(key)?.clone()))).collect();
            // A key that the wanted item leaves to its default fits any.
            let same = |other: &dyn Fn(&str) -> Option<Value>| {
                keys.iter().all(|key| item.get(key).is_none_or(|value| other(key).as_ref() == Some(value)))
            };
            let there = live.iter().find(|live| same(&|key| live.get(key).cloned()));
            let below: Vec<Share<'_>> =
                shares.iter().map(|share| share.item(|of| same(&|key| of.get(key).cloned()))).collect();
            let names: Vec<String> =
                keys.iter().filter_map(|key| Some(format!("{key}={}", plain(item.get(key)?)))).collect();
            let path = format!("{path}[{}]", names.join(","));
            let Some(mut item) = self.field(&path, item, there, &below) else { continue };
            // Whoever set its keys, the item cannot be told without them.
            if let Some(fields) = item.as_object_mut() {
                fields.extend(keys_of);
            }
            taken.push(item);
        }
        (!taken.is_empty()).then_some(Value::Array(taken))
    }

    /// A value that is one manager's as a whole.
    fn leaf(
        &mut self,
        path: &str,
        wanted: &Value,
        live: Option<&Value>,
        shares: &[Share<'_>],
    ) -> Option<Value> {
        let holders =
            || self.managers.iter().zip(shares).filter(|(_, share)| share.is_some()).map(|(m, _)| m);
        let ours = holders().any(|manager| manager.kind == ManagerKind::Ours);
        let other = holders().find(|manager| manager.kind == ManagerKind::Other).map(|manager| manager.name);
        // What somebody else has added to a map that is one value would be lost by applying it.
        let whole = other.is_none() || ours || live == Some(wanted);
        if whole && live.is_some_and(|live| covers(live, wanted)) {
            if ours || other.is_some() {
                return Some(wanted.clone()).filter(|_| ours);
            }
            let from: Vec<String> = holders().map(|manager| manager.name.to_owned()).collect();
            self.adopted_from.extend(from);
            self.unowned = true;
            return Some(wanted.clone());
        }
        let present = other.or_else(|| holders().next().map(|manager| manager.name)).unwrap_or_default();
        let difference = FieldDifference {
            field: path.to_owned(),
            manager: present.to_owned(),
            text: if self.secret { "differs (not shown)".to_owned() } else { text(live, wanted) },
        };
        let keep = live.is_some() && (other.is_some() || (!ours && self.keep.contains(&path)));
        if keep {
            self.kept.push(difference);
            return None;
        }
        self.changed.push(difference);
        Some(wanted.clone())
    }
}

/// Whether a value has everything that is wanted of it; the server fills defaults in, and leaves out what is empty.
fn covers(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => {
            wanted.iter().all(|(name, value)| match live.get(name) {
                Some(there) => covers(there, value),
                None => value.as_object().is_some_and(Map::is_empty),
            })
        }
        (Value::Array(live), Value::Array(wanted)) => {
            live.len() == wanted.len() && live.iter().zip(wanted).all(|(live, wanted)| covers(live, wanted))
        }
        _ => live == wanted,
    }
}

fn text(live: Option<&Value>, wanted: &Value) -> String {
    match (live, wanted) {
        (Some(Value::String(live)), Value::String(wanted))
            if live.contains('\n') || wanted.contains('\n') =>
        {
            let diff = TextDiff::from_lines(live.as_str(), wanted.as_str());
            diff.unified_diff().context_radius(2).header("present", "wanted").to_string()
        }
        (None, wanted) => format!("nothing -> {}", plain(wanted)),
        (Some(live), wanted) => format!("{} -> {}", plain(live), plain(wanted)),
    }
}

fn plain(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match text.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// The fields of a manager that the wanted object does not have.
fn unwanted(fields: &Value, wanted: &Value, path: String, found: &mut Vec<String>) {
    for (key, below) in fields.as_object().into_iter().flatten() {
        let (there, name) = if let Some(name) = key.strip_prefix("f:") {
            (wanted.get(name), if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") })
        } else if let Some(keys) = item_key(key) {
            let same = |item: &&Value| {
                keys.iter().all(|(key, value)| item.get(key).is_none_or(|given| given == value))
            };
            let names: Vec<String> =
                keys.iter().map(|(key, value)| format!("{key}={}", plain(value))).collect();
            (
                wanted.as_array().and_then(|items| items.iter().find(same)),
                format!("{path}[{}]", names.join(",")),
            )
        } else {
            continue;
        };
        match there {
            Some(there) => unwanted(below, there, name, found),
            None => found.push(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(spec: Value, managers: Value) -> Object {
        Object::from_value(json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "a", "namespace": "b", "managedFields": managers},
            "spec": spec,
        }))
        .unwrap()
    }

    fn manager(name: &str, spec: Value) -> Value {
        json!({"manager": name, "operation": "Apply", "fieldsV1": {"f:spec": spec}})
    }

    #[test]
    fn what_is_ours_and_equal_needs_nothing() {
        let live = object(json!({"a": 1, "b": 2}), json!([manager("k8sboot", json!({"f:a": {}}))]));
        let found = compare(&object(json!({"a": 1}), json!([])), &live, &[]).unwrap();
        assert_eq!((found.need, found.kept.len(), found.changed.len()), (Need::Nothing, 0, 0));
    }

    #[test]
    fn what_others_set_stays_and_is_told() {
        let managers =
            json!([manager("k8sboot", json!({"f:a": {}})), manager("kubectl-edit", json!({"f:b": {}}))]);
        let live = object(json!({"a": 1, "b": "x"}), managers);
        let found = compare(&object(json!({"a": 3, "b": "y"}), json!([])), &live, &[]).unwrap();
        assert_eq!(found.need, Need::Apply);
        assert_eq!(found.object.as_value()["spec"], json!({"a": 3}));
        assert_eq!(found.kept[0].to_string(), "spec.b (set by kubectl-edit): x -> y");
        assert_eq!(found.changed[0].to_string(), "spec.a (set by k8sboot): 1 -> 3");
    }

    #[test]
    fn what_others_set_to_the_same_value_stays_theirs_and_what_they_added_to_a_whole_map_is_kept() {
        let managers = json!([
            manager("k8sboot", json!({"f:a": {}})),
            manager("kubectl", json!({"f:b": {}, "f:c": {}}))
        ]);
        let live = object(json!({"a": 1, "b": 2, "c": {"os": "linux", "mine": "yes"}}), managers);
        let found =
            compare(&object(json!({"a": 1, "b": 2, "c": {"os": "linux"}}), json!([])), &live, &[]).unwrap();
        assert_eq!((found.need, found.object.as_value()["spec"].clone()), (Need::Nothing, json!({"a": 1})));
        assert_eq!(found.kept.len(), 1);
        assert_eq!(found.kept[0].field, "spec.c");
    }

    #[test]
    fn a_predecessors_object_is_adopted_and_its_values_replaced_but_for_what_is_to_be_kept() {
        let live =
            object(json!({"a": 1, "b": "x"}), json!([manager("kubeadm", json!({"f:a": {}, "f:b": {}}))]));
        let wanted = |a| object(json!({"a": a, "b": "y"}), json!([]));
        let found = compare(&wanted(1), &live, &["spec.b"]).unwrap();
        assert_eq!((found.need, found.adopted_from.as_slice()), (Need::Adopt, &["kubeadm".to_owned()][..]));
        assert_eq!(found.kept[0].field, "spec.b");
        let found = compare(&wanted(2), &live, &[]).unwrap();
        assert_eq!((found.need, found.changed.len(), found.kept.len()), (Need::Apply, 2, 0));
    }

    #[test]
    fn items_of_lists_are_compared_by_their_keys() {
        let fields = json!({"f:list": {"k:{\"name\":\"x\"}": {".": {}, "f:name": {}, "f:image": {}}}});
        let live =
            json!({"list": [{"name": "side", "image": "s"}, {"name": "x", "image": "1", "more": true}]});
        let live = object(live, json!([manager("k8sboot", fields)]));
        let wanted = |image: &str| object(json!({"list": [{"name": "x", "image": image}]}), json!([]));
        assert_eq!(compare(&wanted("1"), &live, &[]).unwrap().need, Need::Nothing);
        let found = compare(&wanted("2"), &live, &[]).unwrap();
        assert_eq!(found.changed[0].field, "spec.list[name=x].image");
        let gone = compare(&object(json!({"list": []}), json!([])), &live, &[]).unwrap();
        assert_eq!((gone.need, gone.dropped), (Need::Apply, vec!["spec.list[name=x]".to_owned()]));
    }

    #[test]
    fn a_field_that_is_no_longer_wanted_is_given_up() {
        let live =
            object(json!({"a": 1, "b": 2}), json!([manager("k8sboot", json!({"f:a": {}, "f:b": {}}))]));
        let found = compare(&object(json!({"a": 1}), json!([])), &live, &[]).unwrap();
        assert_eq!((found.need, found.dropped), (Need::Apply, vec!["spec.b".to_owned()]));
    }

    #[test]
    fn differences_of_secrets_are_not_shown() {
        let secret = |half: &str| {
            let value =
                json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"k": half}});
            Object::from_value(value).unwrap()
        };
        let found = compare(&secret("d2FudGVk"), &secret("cHJlc2VudA=="), &[]).unwrap();
        let text = format!("{found:?}");
        assert!(!text.contains("d2FudGVk") && !text.contains("cHJlc2VudA"), "{text}");
    }

    #[test]
    fn several_lines_become_a_unified_diff() {
        let text = text(Some(&json!("a\nb\n")), &json!("a\nc\n"));
        assert_eq!(text, "--- present\n+++ wanted\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n");
    }
}
