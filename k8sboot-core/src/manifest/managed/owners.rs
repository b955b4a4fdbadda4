//! `managedFields` as trees that are walked beside the object.

use serde_json::{Map, Value};

use super::{FIELD_MANAGER, PREDECESSORS};
use crate::manifest::Object;

/// A manager of an object.
pub(super) struct Manager<'a> {
    pub(super) name: &'a str,
    pub(super) fields: &'a Value,
    pub(super) kind: ManagerKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ManagerKind {
    /// This library, by applying.
    Ours,
    /// A tool whose fields are taken over.
    Predecessor,
    /// Anybody else: users, controllers.
    Other,
}

/// What a manager has at the present place of a walk.
#[derive(Clone, Copy)]
pub(super) enum Share<'a> {
    /// Nothing.
    None,
    /// Some of the fields below.
    Part(&'a Map<String, Value>),
    /// All of it.
    Whole,
}

/// The managers of a live object.
pub(super) fn managers(live: &Object) -> Vec<Manager<'_>> {
    let entries = live.as_value().pointer("/metadata/managedFields").and_then(Value::as_array);
    entries
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let text = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default();
            let name = text("manager");
            let kind = if name == FIELD_MANAGER && text("subresource").is_empty() {
                ManagerKind::Ours
            } else if PREDECESSORS.contains(&name) {
                ManagerKind::Predecessor
            } else {
                ManagerKind::Other
            };
            Some(Manager { name, fields: entry.get("fieldsV1")?, kind })
        })
        .collect()
}

impl<'a> Share<'a> {
    pub(super) fn of(fields: &'a Value) -> Self {
        match fields.as_object() {
            None => Self::None,
            Some(map) if map.keys().all(|key| key == ".") => Self::Whole,
            Some(map) => Self::Part(map),
        }
    }

    pub(super) const fn is_some(self) -> bool {
        !matches!(self, Self::None)
    }

    /// What is left of it one field further down.
    pub(super) fn field(self, name: &str) -> Self {
        match self {
            Self::Part(map) => map.get(&format!("f:{name}")).map_or(Self::None, Self::of),
            other => other,
        }
    }

    /// What is left of it in the item of a list that `fits`.
    pub(super) fn item(self, fits: impl Fn(&Map<String, Value>) -> bool) -> Self {
        match self {
            Self::Part(map) => map
                .iter()
                .find(|(key, _)| item_key(key).is_some_and(|keys| fits(&keys)))
                .map_or(Self::None, |(_, fields)| Self::of(fields)),
            other => other,
        }
    }

    /// The names of the fields that tell the items of this list apart, if it is such a list.
    pub(super) fn key_names(self) -> Option<Vec<String>> {
        let Self::Part(map) = self else { return None };
        map.keys().find_map(|key| Some(item_key(key)?.keys().cloned().collect()))
    }
}

/// `k:{"name":"a"}` as a map.
pub(super) fn item_key(key: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(key.strip_prefix("k:")?).ok()
}
