//! Where in the text each field of each document stands.

use std::collections::BTreeMap;

use super::node::{Node, Place, Tree};

/// Places of fields by document kind and field path. Holds no values.
#[derive(Clone, Debug, Default)]
pub(super) struct Positions(BTreeMap<&'static str, BTreeMap<String, Mark>>);

/// Where a field was given.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub(super) place: Place,
    /// Kind and path in the user's own terms, where a conversion moved the field.
    pub(super) written: Option<(&'static str, String)>,
}

impl Positions {
    /// Records every field of a document.
    pub(super) fn record(&mut self, kind: &'static str, root: &Node) {
        walk(root, &mut String::new(), self.0.entry(kind).or_default());
    }

    /// Records one field that the user gave as another.
    pub(super) fn moved(
        &mut self,
        kind: &'static str,
        path: &str,
        place: Place,
        written: (&'static str, String),
    ) {
        let mark = Mark { place, written: Some(written) };
        self.0.entry(kind).or_default().insert(path.to_owned(), mark);
    }

    /// Where a field was given, if it was.
    pub(super) fn find(&self, kind: &str, path: &str) -> Option<&Mark> {
        self.0.get(kind)?.get(path)
    }

    /// The place of the field, or of the closest mapping around it that was given.
    pub(super) fn around(&self, kind: &str, path: &str) -> Place {
        let mut path = path;
        loop {
            if let Some(mark) = self.find(kind, path) {
                return mark.place;
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = path.get(..end).unwrap_or_default(),
                None if path.is_empty() => return Place::NONE,
                None => path = "",
            }
        }
    }
}

fn walk(node: &Node, path: &mut String, marks: &mut BTreeMap<String, Mark>) {
    marks.insert(path.clone(), Mark { place: node.place, written: None });
    let length = path.len();
    match &node.tree {
        Tree::Map(entries) => {
            for entry in entries.iter().filter(|entry| entry.value.tree != Tree::Null) {
                if length > 0 {
                    path.push('.');
                }
                path.push_str(&entry.key);
                walk(&entry.value, path, marks);
                path.truncate(length);
            }
        }
        Tree::List(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push_str(&format!("[{index}]"));
                walk(item, path, marks);
                path.truncate(length);
            }
        }
        _ => {}
    }
}
