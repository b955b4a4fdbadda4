//! YAML and JSON text to [`Node`] trees.
//!
//! The only module that knows the YAML parser. Scalars mean what they mean to Kubernetes ([`super::yaml_scalar`]); merge
//! keys are merged; a key given twice, a scalar that JSON cannot hold, deep nesting and texts that grow beyond measure
//! through aliases are refused. Every problem has its place; after a broken rule of the YAML grammar nothing further is read.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use base64::Engine as _;
use granit_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput, Tag};

use super::{
    node::{Entry, Node, Place, Tree},
    yaml_scalar,
};

/// The deepest nesting of lists and mappings.
const MAX_DEPTH: usize = 64;
/// The most nodes of a text, aliases followed; 64 bytes of text count as a node.
const MAX_NODES: usize = 250_000;

/// One problem of a text. Never quotes a value of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadError {
    pub(crate) place: Place,
    pub(crate) problem: ReadProblem,
    /// Path of the value concerned, for example `apiServer.extraArgs[2]`; may be empty.
    pub(crate) path: String,
    pub(crate) expected: String,
    pub(crate) found: String,
}

/// What kind of rule was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadProblem {
    Syntax,
    Duplicate,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { line, column } = self.place;
        write!(f, "line {line}, column {column}: ")?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "expected {}, found {}", self.expected, self.found)
    }
}

/// Reads every document that is not empty.
///
/// # Errors
///
/// Every problem of the text, in its order.
pub(crate) fn read_documents(text: &str) -> Result<Vec<Node>, Vec<ReadError>> {
    let (documents, errors) = read(text);
    if errors.is_empty() { Ok(documents) } else { Err(errors) }
}

/// As [`read_documents`], but gives what could be read beside the problems.
pub(crate) fn read(text: &str) -> (Vec<Node>, Vec<ReadError>) {
    let options = granit_parser::options! {
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
        // A JSON key may be longer than YAML's limit for keys without a question mark.
        simple_key_max_lookahead: 1 << 16,
        emit_comments: false,
    };
    let mut reader = Reader {
        events: Parser::new_from_str_with_options(text, options),
        anchors: HashMap::new(),
        errors: Vec::new(),
        path: String::new(),
        budget: MAX_NODES,
    };
    let mut documents = Vec::new();
    if let Err(Stop(error)) = reader.stream(&mut documents) {
        reader.errors.push(error);
    }
    reader.errors.sort_by_key(|error| error.place);
    (documents, reader.errors)
}

/// A problem after which reading cannot go on.
struct Stop(ReadError);

struct Reader<'t> {
    events: Parser<'t, StrInput<'t>>,
    /// Anchored nodes of the current document with their cost and depth.
    anchors: HashMap<usize, (Node, usize, usize)>,
    errors: Vec<ReadError>,
    path: String,
    budget: usize,
}

impl<'t> Reader<'t> {
    fn stream(&mut self, documents: &mut Vec<Node>) -> Result<(), Stop> {
        while let Some((event, span)) = self.next()? {
            match event {
                Event::DocumentStart(..) | Event::DocumentEnd => self.anchors.clear(),
                Event::StreamStart | Event::StreamEnd => {}
                event => {
                    let (root, ..) = self.node(event, &span, 0)?;
                    if root.tree != Tree::Null {
                        documents.push(root);
                    }
                }
            }
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<(Event<'t>, Span)>, Stop> {
        self.events
            .next_event()
            .transpose()
            .map_err(|error| self.stop(place(error.marker()), "YAML or JSON".into(), told(&error.info())))
    }

    fn required(&mut self) -> Result<(Event<'t>, Span), Stop> {
        match self.next()? {
            Some(next) => Ok(next),
            None => Err(self.stop(Place::NONE, "the rest of the document".into(), "the end".into())),
        }
    }

    /// Reads the node that begins with `event`; gives it with its cost and the depth of what is below it.
    fn node(&mut self, event: Event<'t>, span: &Span, depth: usize) -> Result<(Node, usize, usize), Stop> {
        let at = place(&span.start);
        let (anchor, (node, cost, height)) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let cost = 1 + text.len() / 64;
                let tree = self.scalar(&text, style == ScalarStyle::Plain, tag.as_deref(), at);
                (anchor, (Node::new(at, tree), cost, 0))
            }
            Event::SequenceStart(_, anchor, _) => (anchor, self.list(at, depth)?),
            Event::MappingStart(_, anchor, _) => (anchor, self.map(at, depth)?),
            Event::Alias(anchor) => {
                let Some((node, cost, height)) = self.anchors.get(&anchor) else {
                    let found = "an alias inside the node that it stands for".into();
                    return Err(self.stop(at, "an alias of an earlier node".into(), found));
                };
                let (cost, height) = (*cost, *height);
                // Checked before the copy is made: that is the point of the limits.
                let copy = (depth + height < MAX_DEPTH && cost <= self.budget).then(|| node.clone());
                self.deeper(at, depth + height)?;
                self.spend(at, cost)?;
                return Ok((copy.unwrap_or(Node::new(at, Tree::Null)), cost, height));
            }
            _ => return Err(self.stop(at, "a value".into(), "none".into())),
        };
        self.spend(at, if height == 0 { cost } else { 1 })?;
        if anchor > 0 {
            self.spend(at, cost)?;
            self.anchors.insert(anchor, (node.clone(), cost, height));
        }
        Ok((node, cost, height))
    }

    fn list(&mut self, at: Place, depth: usize) -> Result<(Node, usize, usize), Stop> {
        self.deeper(at, depth)?;
        let (mut items, mut cost, mut height) = (Vec::new(), 1, 0);
        let outer = self.path.len();
        loop {
            let (event, span) = self.required()?;
            if event == Event::SequenceEnd {
                return Ok((Node::new(at, Tree::List(items)), cost, height + 1));
            }
            self.path.push_str(&format!("[{}]", items.len()));
            let (item, item_cost, item_height) = self.node(event, &span, depth + 1)?;
            self.path.truncate(outer);
            cost += item_cost;
            height = height.max(item_height);
            items.push(item);
        }
    }

    fn map(&mut self, at: Place, depth: usize) -> Result<(Node, usize, usize), Stop> {
        self.deeper(at, depth)?;
        let (mut entries, mut merged, mut cost, mut height) = (Vec::new(), Vec::new(), 1, 0);
        let mut seen: HashSet<String> = HashSet::new();
        let outer = self.path.len();
        loop {
            let (event, span) = self.required()?;
            if event == Event::MappingEnd {
                break;
            }
            let key_at = place(&span.start);
            let merge = is_merge(&event);
            let (key, key_cost, _) = self.node(event, &span, depth + 1)?;
            let name = if merge { "<<".to_owned() } else { self.key(key) };
            if outer > 0 {
                self.path.push('.');
            }
            self.path.push_str(&name);
            let (event, span) = self.required()?;
            let (value, value_cost, value_height) = self.node(event, &span, depth + 1)?;
            cost += key_cost + value_cost;
            height = height.max(value_height);
            if merge {
                let known = merged.len();
                self.merge(value, &mut merged);
                self.ambiguous(&seen, merged.get(known..).unwrap_or_default(), key_at);
            } else if seen.insert(name.clone()) {
                entries.push(Entry { key: name, place: key_at, value });
            } else {
                self.duplicate(&name, key_at, &entries);
            }
            self.path.truncate(outer);
        }
        // What stands in the mapping itself wins over what is merged in; among the merged the first wins.
        entries.extend(merged.into_iter().filter(|entry: &Entry| seen.insert(entry.key.clone())));
        Ok((Node::new(at, Tree::Map(entries)), cost, height + 1))
    }

    /// YAML lets a key of the mapping itself win; go-yaml lets what comes later win. Only where both agree is it clear.
    fn ambiguous(&mut self, seen: &HashSet<String>, merged: &[Entry], at: Place) {
        if let Some(entry) = merged.iter().find(|entry| seen.contains(&entry.key)) {
            let found = format!("{:?} before it as well", entry.key);
            self.problem(ReadProblem::Duplicate, at, "<< before the keys that override it", found);
        }
    }

    fn merge(&mut self, value: Node, merged: &mut Vec<Entry>) {
        match value.tree {
            Tree::Map(entries) => merged.extend(entries),
            Tree::List(items) if items.iter().all(|item| matches!(item.tree, Tree::Map(_))) => {
                for item in items {
                    if let Tree::Map(entries) = item.tree {
                        merged.extend(entries);
                    }
                }
            }
            other => {
                self.report(value.place, "a mapping or a list of mappings to merge in", other.name().into());
            }
        }
    }

    /// The text of a key: Go prints numbers and booleans that stand as keys.
    fn key(&mut self, key: Node) -> String {
        match key.tree {
            Tree::Text(text) => text,
            Tree::Number(number) => number.to_string(),
            Tree::Bool(value) => value.to_string(),
            other => {
                self.report(key.place, "text as key", other.name().into());
                String::new()
            }
        }
    }

    fn scalar(&mut self, text: &str, plain: bool, tag: Option<&Tag>, at: Place) -> Tree {
        let resolved = match tag.map(|tag| tag.core_suffix()) {
            None if plain => yaml_scalar::resolve(text),
            None | Some(None | Some("str")) => return self.tagged_text(text, tag, at),
            Some(Some(_)) => yaml_scalar::resolve(text),
        };
        let Ok(tree) = resolved else {
            self.report(at, "a finite number", "infinity or not a number".into());
            return Tree::Null;
        };
        let fits = match tag.and_then(|tag| tag.core_suffix()) {
            Some("int") => matches!(&tree, Tree::Number(number) if !number.is_f64()),
            Some("float") => matches!(tree, Tree::Number(_)),
            Some("bool") => matches!(tree, Tree::Bool(_)),
            Some("null") => tree == Tree::Null,
            _ => true,
        };
        if !fits {
            self.report(at, "a value that its tag allows", tree.name().into());
        }
        tree
    }

    fn tagged_text(&mut self, text: &str, tag: Option<&Tag>, at: Place) -> Tree {
        let suffix = tag.and_then(|tag| tag.suffix_in_namespace("tag:yaml.org,2002:"));
        if suffix.as_deref() == Some("binary") {
            let packed: String = text.split_ascii_whitespace().collect();
            let bytes = base64::engine::general_purpose::STANDARD.decode(packed).ok();
            match bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
                Some(decoded) => return Tree::Text(decoded),
                None => self.report(at, "base64 of UTF-8 text", "something else".into()),
            }
        }
        Tree::Text(text.to_owned())
    }

    fn deeper(&self, at: Place, depth: usize) -> Result<(), Stop> {
        if depth < MAX_DEPTH {
            return Ok(());
        }
        Err(self.stop(at, format!("at most {MAX_DEPTH} levels of nesting"), "more".into()))
    }

    fn spend(&mut self, at: Place, cost: usize) -> Result<(), Stop> {
        match self.budget.checked_sub(cost) {
            Some(rest) => self.budget = rest,
            None => {
                let found = "more once aliases are followed".into();
                return Err(self.stop(at, format!("at most {MAX_NODES} values"), found));
            }
        }
        Ok(())
    }

    fn stop(&self, place: Place, expected: String, found: String) -> Stop {
        let path = self.path.clone();
        Stop(ReadError { place, problem: ReadProblem::Syntax, path, expected, found })
    }

    fn report(&mut self, place: Place, expected: &str, found: String) {
        self.problem(ReadProblem::Syntax, place, expected, found);
    }

    fn duplicate(&mut self, name: &str, at: Place, entries: &[Entry]) {
        let first = entries.iter().find(|entry| entry.key == name).map_or(0, |entry| entry.place.line);
        let found = format!("a key that line {first} has given already");
        self.problem(ReadProblem::Duplicate, at, "each key once", found);
    }

    fn problem(&mut self, problem: ReadProblem, place: Place, expected: &str, found: String) {
        let (path, expected) = (self.path.clone(), expected.to_owned());
        self.errors.push(ReadError { place, problem, path, expected, found });
    }
}

fn is_merge(event: &Event<'_>) -> bool {
    matches!(event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<")
}

/// The parser's words; those about the limit it was given name the limit.
fn told(info: &str) -> String {
    match info {
        "recursion limit exceeded" => format!("more than {MAX_DEPTH} levels of nesting"),
        other => other.to_owned(),
    }
}

fn place(marker: &Marker) -> Place {
    Place { line: marker.line(), column: marker.col() + 1 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn values(text: &str) -> Vec<Value> {
        read_documents(text).unwrap().iter().map(Node::to_value).collect()
    }

    fn first_error(text: &str) -> String {
        read_documents(text).unwrap_err()[0].to_string()
    }

    #[test]
    fn keeps_the_place_of_keys_and_values() {
        let documents = read_documents("a: 1\nlist:\n  - name: x\n    value: \"y\"\n").unwrap();
        let list = documents[0].get("list").unwrap();
        let Tree::List(items) = &list.tree else { panic!("{list:?}") };
        let value = &items[0].entries()[1];
        assert_eq!((value.place.line, value.place.column), (4, 5));
        assert_eq!((value.value.place.line, value.value.place.column), (4, 12));
    }

    #[test]
    fn reads_json_and_several_documents() {
        assert_eq!(
            values(
                "---\n{\"a\": [1, true, null],\n\t\"b\": \"x\\/y\\u00e9\"}\n---\n# nothing\n---\nc: d\n---\n"
            ),
            [json!({"a": [1, true, null], "b": "x/yé"}), json!({"c": "d"})]
        );
        assert_eq!(values(""), [] as [Value; 0]);
        assert_eq!(values("\u{feff}a: b\r\nc: d\r\n"), [json!({"a": "b", "c": "d"})]);
        assert_eq!(values("{\"a\": \"\\ud83d\\ude00\"}"), [json!({"a": "😀"})]);
    }

    #[test]
    fn keys_are_printed_as_go_prints_them() {
        assert_eq!(
            values("1: a\nyes: b\n'2': c\n!!str on: d"),
            [json!({"1": "a", "true": "b", "2": "c", "on": "d"})]
        );
        assert!(first_error("null: a").contains("expected text as key, found null"));
    }

    #[test]
    fn tags_decide() {
        assert_eq!(
            values("[!!str 5, !!int \"5\", !own 5, !!binary aGk=, !!float 5, ! 5]"),
            [json!(["5", 5, "5", "hi", 5, "5"])]
        );
        assert!(first_error("a: !!int x").contains("a: expected a value that its tag allows, found text"));
        assert!(first_error("a: .inf").contains("finite"));
    }

    #[test]
    fn merges_with_the_mapping_itself_and_the_first_source_winning() {
        let text =
            "base: &b {x: 1, v: 2}\nmore: &m {v: 3, z: 4, x: 9}\nout:\n  <<: [*b, *m]\n  v: 0\n  w: 5\n";
        assert_eq!(values(text)[0]["out"], json!({"v": 0, "w": 5, "x": 1, "z": 4}));
        assert!(first_error("<<: 5").contains("to merge in"));
        assert_eq!(
            first_error("base: &b {x: 1}\nout:\n  x: 2\n  <<: *b\n"),
            "line 4, column 3: out.<<: expected << before the keys that override it, found \"x\" before it as well"
        );
    }

    #[test]
    fn refuses_keys_given_twice() {
        assert_eq!(
            first_error("a: 1\nb:\n  c: 1\n  c: 2\n"),
            "line 4, column 3: b.c: expected each key once, found a key that line 3 has given already"
        );
    }

    #[test]
    fn refuses_alias_bombs_deep_nesting_and_loops() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        assert!(first_error(&bomb).contains("at most 250000 values"), "{}", first_error(&bomb));
        let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), "*a, ".repeat(1_000));
        assert!(first_error(&long).contains("at most 250000 values"));
        for deep in ["[".repeat(100_000), "{a: ".repeat(100_000), "- ".repeat(5_000), "? ".repeat(5_000)] {
            assert!(read_documents(&deep).is_err());
        }
        let mut tower = String::from("a0: &a0 []\n");
        for level in 1..100 {
            tower.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
        }
        assert!(first_error(&tower).contains("at most 64 levels"), "{}", first_error(&tower));
        assert!(first_error("a: &a [*a]").contains("alias"));
        assert!(first_error("a: *nowhere").contains("line 1, column 4"), "{}", first_error("a: *nowhere"));
    }

    #[test]
    fn says_where_the_grammar_is_broken() {
        for text in ["a: b: c", "a: [1, 2", "a: 'x", "a:\n\t- b", "a: b\nc", "{\"a\": 1 ]", "%", "@"] {
            let error = read_documents(text).unwrap_err();
            assert!(error[0].place.line > 0, "{text}: {error:?}");
            assert!(!error[0].found.is_empty(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*|[\\[\\]{}:,&*!<>|'\"\\-? \n\t#a-c0-9%@.~]{0,200}") {
            let _ = read_documents(&text);
        }

        #[test]
        fn json_means_the_same(value in value()) {
            prop_assert_eq!(read_documents(&value.to_string()).unwrap()[0].to_value(), value.clone());
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(read_documents(&pretty).unwrap()[0].to_value(), value);
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[ -~äß€😀\\n\\t]*".prop_map(Value::from),
            Just(Value::from(1.5)),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[ -~ä😀\\n]{0,5}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }
}
