//! Checks a document against its schema and gives what is left when everything wrong is taken out.
//!
//! One pass finds every unknown field and every value of the wrong type. The remainder fits the typed structures, so that
//! the rules for values ([`super::rules`]) can report in the same run.

use super::{
    components,
    error::{ConfigError, quoted},
    node::{Entry, Node, Tree},
    schema::{Fields, Type, V1BETA4, Version},
    suggest,
};
use crate::{error::Code, time::GoDuration};

/// Checks the document `root` of a kind; `errors` takes what is wrong.
pub(super) fn check(
    version: &'static Version,
    kind: &'static str,
    fields: &'static Fields,
    root: Node,
    errors: &mut Vec<ConfigError>,
) -> Node {
    let mut checker = Checker { version, kind, errors };
    let Node { place, tree } = root;
    let entries = match tree {
        Tree::Map(entries) => entries,
        _ => Vec::new(),
    };
    let (meta, rest) = entries.into_iter().partition(|e| matches!(e.key.as_str(), "apiVersion" | "kind"));
    let mut entries: Vec<Entry> = meta;
    entries.extend(checker.fields(fields, rest, ""));
    Node::new(place, Tree::Map(entries))
}

struct Checker<'e> {
    version: &'static Version,
    kind: &'static str,
    errors: &'e mut Vec<ConfigError>,
}

impl Checker<'_> {
    fn fields(&mut self, fields: &'static Fields, entries: Vec<Entry>, path: &str) -> Vec<Entry> {
        let mut kept = Vec::with_capacity(entries.len());
        for Entry { key, place, value } in entries {
            let field = join(path, &key);
            match fields.get(&key) {
                Some(ty) => {
                    if let Some(value) = self.value(ty, value, &field) {
                        kept.push(Entry { key, place, value });
                    }
                }
                None => {
                    let remedy = self.unknown_remedy(fields, &key);
                    let expected = if path.is_empty() {
                        format!("a field of {}", self.kind)
                    } else {
                        format!("a field of {path}")
                    };
                    let found = format!("unknown field {}", quoted(&key));
                    let error =
                        ConfigError::new(Code::CONFIG_UNKNOWN_FIELD, self.kind, field, expected, found);
                    self.errors.push(error.at(place).remedy(remedy));
                }
            }
        }
        kept
    }

    /// The value without what is wrong in it; nothing if it is of the wrong type altogether.
    fn value(&mut self, ty: Type, node: Node, path: &str) -> Option<Node> {
        let place = node.place;
        match (ty, node.tree) {
            (_, Tree::Null) => Some(Node::new(place, Tree::Null)),
            (Type::Object(fields), Tree::Map(entries)) => {
                Some(Node::new(place, Tree::Map(self.fields(fields, entries, path))))
            }
            (Type::Map(inner), Tree::Map(entries)) => {
                let entries = entries.into_iter().filter_map(|Entry { key, place, value }| {
                    let value = self.value(*inner, value, &join(path, &key))?;
                    Some(Entry { key, place, value })
                });
                Some(Node::new(place, Tree::Map(entries.collect())))
            }
            (Type::List(inner), Tree::List(items)) => {
                let items = items.into_iter().enumerate().map(|(index, item)| {
                    let path = format!("{path}[{index}]");
                    if item.tree == Tree::Null {
                        self.wrong_type(*inner, &item, &path);
                        return None;
                    }
                    self.value(*inner, item, &path)
                });
                // A list with a hole would move the items after it to other paths.
                let items: Option<Vec<Node>> = items.collect::<Vec<_>>().into_iter().collect();
                items.map(|items| Node::new(place, Tree::List(items)))
            }
            (ty, tree) => {
                let node = Node::new(place, tree);
                if fits(ty, &node.tree) {
                    return Some(node);
                }
                self.wrong_type(ty, &node, path);
                None
            }
        }
    }

    fn wrong_type(&mut self, ty: Type, node: &Node, path: &str) {
        let remedy = match (ty, &node.tree) {
            (Type::Text | Type::Secret | Type::Duration, Tree::Number(_) | Tree::Bool(_)) => {
                "put it in quotes".to_owned()
            }
            (Type::Bool | Type::Int, Tree::Text(_)) => "take the quotes away, if there are any".to_owned(),
            (Type::List(Type::Object(_)), Tree::Map(entries)) if path.ends_with("xtraArgs") => {
                let name = entries.first().map_or("NAME", |entry| entry.key.as_str());
                format!("since v1beta4 arguments are a list: - name: {name}, value: …")
            }
            (Type::Map(_), Tree::List(_)) if path.ends_with("xtraArgs") => {
                "in v1beta3 arguments are a mapping of names to values".to_owned()
            }
            (Type::List(_), _) => "put a dash in front of each item".to_owned(),
            _ => String::new(),
        };
        let found = found(ty, &node.tree);
        let error = ConfigError::new(Code::CONFIG_TYPE, self.kind, path, expected(ty), found);
        self.errors.push(error.at(node.place).remedy(remedy));
    }

    fn unknown_remedy(&self, fields: &Fields, key: &str) -> String {
        if key == "timeoutForControlPlane" {
            return "since v1beta4 it is timeouts.controlPlaneComponentHealthCheck of InitConfiguration"
                .into();
        }
        if let Some(near) = suggest::nearest(key, fields.names()) {
            return format!("did you mean {near:?}?");
        }
        let own = self.version.kinds.iter().find(|(kind, _)| *kind == self.kind);
        if let Some(path) = own.and_then(|(_, fields)| find(fields, key, "")) {
            return format!("it belongs to {path}");
        }
        for (kind, fields) in self.version.kinds {
            if let Some(path) = find(fields, key, "") {
                return format!("{path} is a field of {kind}");
            }
        }
        if components::owner(key).is_some() {
            let owner = components::owner(key).unwrap_or_default();
            return format!("{key} is a field of {owner}, a document of its own");
        }
        if !std::ptr::eq(self.version, &V1BETA4)
            && V1BETA4.kinds.iter().any(|(_, f)| find(f, key, "").is_some())
        {
            return format!("it came with {}", V1BETA4.api_version);
        }
        format!("take it out; known are {}", fields.names().collect::<Vec<_>>().join(", "))
    }
}

/// The path of the first field of that name.
fn find(fields: &Fields, name: &str, path: &str) -> Option<String> {
    if fields.get(name).is_some() {
        return Some(join(path, name));
    }
    fields.0.iter().find_map(|(field, ty)| match ty {
        Type::Object(inner) => find(inner, name, &join(path, field)),
        Type::List(Type::Object(inner)) => find(inner, name, &format!("{}[]", join(path, field))),
        _ => None,
    })
}

pub(super) fn join(path: &str, field: &str) -> String {
    if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
}

fn fits(ty: Type, tree: &Tree) -> bool {
    match (ty, tree) {
        (Type::Text | Type::Secret | Type::Quantity, Tree::Text(_))
        | (Type::Bool, Tree::Bool(_))
        | (Type::Quantity, Tree::Number(_)) => true,
        (Type::Duration, Tree::Text(text)) => text.parse::<GoDuration>().is_ok(),
        (Type::Int, Tree::Number(number)) => number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
        _ => false,
    }
}

fn expected(ty: Type) -> String {
    match ty {
        Type::Text | Type::Secret => "text".into(),
        Type::Bool => "true or false".into(),
        Type::Int => "a whole number of at most 32 bits".into(),
        Type::Duration => "a duration like 4m0s or 24h".into(),
        Type::Quantity => "an amount like 500m".into(),
        Type::List(Type::Object(fields)) => {
            format!("a list of mappings with {}", fields.names().collect::<Vec<_>>().join(", "))
        }
        Type::List(inner) => format!("a list of {}", expected(*inner)),
        Type::Map(inner) => format!("a mapping of names to {}", expected(*inner)),
        Type::Object(fields) => format!("a mapping with {}", fields.names().collect::<Vec<_>>().join(", ")),
    }
}

fn found(ty: Type, tree: &Tree) -> String {
    match (ty, tree) {
        (Type::Secret, _) => tree.name().to_owned(),
        (_, Tree::Number(number)) => format!("the number {number}"),
        (_, Tree::Bool(value)) => format!("the boolean {value}"),
        (_, Tree::Text(text)) => format!("the text {}", quoted(text)),
        (_, tree) => tree.name().to_owned(),
    }
}
