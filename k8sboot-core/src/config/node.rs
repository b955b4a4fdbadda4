//! A document as a tree in which every key and value knows its place in the text.

use std::fmt;

use serde_json::{Map, Number, Value};

/// A place in a text: line and column, both from 1. `Place::NONE` stands for "not from a text".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Place {
    pub(crate) const NONE: Self = Self { line: 0, column: 0 };
}

/// A value with its place.
#[derive(Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) tree: Tree,
}

/// What a [`Node`] holds.
#[derive(Clone, PartialEq)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key with its value. The keys of one mapping differ.
#[derive(Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) value: Node,
}

impl Node {
    pub(crate) const fn new(place: Place, tree: Tree) -> Self {
        Self { place, tree }
    }

    /// The entries if this is a mapping.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.tree {
            Tree::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The value of a key if this is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// The text if this is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.tree {
            Tree::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A value that has no place in a text.
    pub(crate) fn from_value(value: &Value) -> Self {
        let tree = match value {
            Value::Null => Tree::Null,
            Value::Bool(value) => Tree::Bool(*value),
            Value::Number(number) => Tree::Number(number.clone()),
            Value::String(text) => Tree::Text(text.clone()),
            Value::Array(items) => Tree::List(items.iter().map(Self::from_value).collect()),
            Value::Object(map) => {
                let entry = |(key, value): (&String, &Value)| Entry {
                    key: key.clone(),
                    place: Place::NONE,
                    value: Self::from_value(value),
                };
                Tree::Map(map.iter().map(entry).collect())
            }
        };
        Self::new(Place::NONE, tree)
    }

    /// The value without places.
    pub(crate) fn to_value(&self) -> Value {
        match &self.tree {
            Tree::Null => Value::Null,
            Tree::Bool(value) => Value::Bool(*value),
            Tree::Number(number) => Value::Number(number.clone()),
            Tree::Text(text) => Value::String(text.clone()),
            Tree::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Tree::Map(entries) => {
                Value::Object(entries.iter().map(|e| (e.key.clone(), e.value.to_value())).collect())
            }
        }
    }

    /// The members that are not `null`, which to Go is the same as not given, at every level of mappings.
    pub(crate) fn to_given(&self) -> Value {
        match &self.tree {
            Tree::Map(_) => Value::Object(self.to_given_map()),
            Tree::List(items) => Value::Array(items.iter().map(Self::to_given).collect()),
            _ => self.to_value(),
        }
    }

    /// As [`to_given`](Self::to_given), of a mapping; of anything else an empty one.
    pub(crate) fn to_given_map(&self) -> Map<String, Value> {
        let given = self.entries().iter().filter(|entry| entry.value.tree != Tree::Null);
        given.map(|entry| (entry.key.clone(), entry.value.to_given())).collect()
    }
}

// Documents hold tokens and keys: only the shape may be printed.
impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { line, column } = self.place;
        write!(f, "Node({} at {line}:{column})", self.tree.name())
    }
}

impl Tree {
    /// What kind of value this is, for messages.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}
