//! Printing a JSON value as go-yaml v2 does.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::{
    number, order, resolve,
    scalar::{Analysis, Style, is_break, is_printable},
};

/// Prints a value byte for byte as `sigs.k8s.io/yaml` does.
///
/// Keys in natural order, indentation of two, lists not indented below their key, plain text where a YAML 1.1 reader
/// takes it for a string, otherwise double quotes (`"true"`), single quotes where only characters forbid plain text
/// (`'a: b'`), literal blocks for several lines, and texts folded at the first blank after column 80.
///
/// Sources: go-yaml v2 (go.yaml.in/yaml/v2) encode.go, emitterc.go, resolve.go, sorter.go; YAML 1.1 chapters 5 and 9.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::manifest::yaml::to_yaml;
/// let value = serde_json::json!({"b": ["yes", 1.0, "a: b"], "a": {}, "c": "x\ny\n"});
/// assert_eq!(to_yaml(&value), "a: {}\nb:\n- \"yes\"\n- 1\n- 'a: b'\nc: |\n  x\n  y\n");
/// ```
#[must_use]
pub fn to_yaml(value: &Value) -> String {
    let mut emitter = Emitter { out: String::new(), column: 0, after_blank: true, after_indent: true };
    emitter.node(value, None, Place::Other);
    emitter.line(0);
    emitter.out
}

/// Longest key in bytes that is written before a colon on the same line; longer ones are written after `? `.
const LONGEST_SIMPLE_KEY: usize = 128;
/// Column after which texts are folded at the next blank.
const WIDTH: usize = 80;
const INDENT: usize = 2;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A key before a colon on the same line.
    SimpleKey,
    /// The key or value of a map.
    InMap,
    /// An item of a list, or the whole document.
    Other,
}

struct Emitter {
    out: String,
    /// In characters, from 0.
    column: usize,
    /// The last thing written separates tokens.
    after_blank: bool,
    /// Only blanks and indicators (`-`, `?`, `:`) stand on this line.
    after_indent: bool,
}

impl Emitter {
    fn node(&mut self, value: &Value, indent: Option<usize>, place: Place) {
        match value {
            Value::Null => self.scalar("null", Style::Plain, indent, place),
            Value::Bool(truth) => {
                self.scalar(if *truth { "true" } else { "false" }, Style::Plain, indent, place);
            }
            Value::Number(value) => self.scalar(&number::print(value), Style::Plain, indent, place),
            Value::String(text) => self.string(text, indent, place),
            Value::Array(items) if items.is_empty() => self.token("[]"),
            Value::Object(map) if map.is_empty() => self.token("{}"),
            Value::Array(items) => self.list(items, indent, place),
            Value::Object(map) => self.map(map, indent),
        }
    }

    fn list(&mut self, items: &[Value], indent: Option<usize>, place: Place) {
        let own = match indent {
            Some(key) if place == Place::InMap && !self.after_indent => key,
            other => deeper(other),
        };
        for item in items {
            self.line(own);
            self.indicator("-");
            self.node(item, Some(own), Place::Other);
        }
    }

    fn map(&mut self, map: &Map<String, Value>, indent: Option<usize>) {
        let own = deeper(indent);
        let mut entries: Vec<_> = map.iter().collect();
        entries.sort_by(|(a, _), (b, _)| order::natural(a, b));
        for (key, value) in entries {
            self.line(own);
            if key.len() <= LONGEST_SIMPLE_KEY && !Analysis::of(key).multiline {
                self.string(key, Some(own), Place::SimpleKey);
                self.put(':');
                (self.after_blank, self.after_indent) = (false, false);
            } else {
                self.indicator("?");
                self.string(key, Some(own), Place::InMap);
                self.line(own);
                self.indicator(":");
            }
            self.node(value, Some(own), Place::InMap);
        }
    }

    fn string(&mut self, text: &str, indent: Option<usize>, place: Place) {
        let wanted = if text.contains('\n') {
            Style::Literal
        } else if resolve::stays_string(text) {
            Style::Plain
        } else {
            Style::Double
        };
        self.scalar(text, wanted, indent, place);
    }

    fn scalar(&mut self, text: &str, wanted: Style, indent: Option<usize>, place: Place) {
        let key = place == Place::SimpleKey;
        // Further lines stand deeper than the parent, also at the root.
        let indent = indent.map_or(INDENT, |parent| parent + INDENT);
        let fold = (!key).then_some(indent);
        match Analysis::of(text).style(wanted, key) {
            Style::Plain => {
                self.separate();
                self.flowing(text, fold, None);
            }
            Style::Single => {
                self.token("'");
                self.flowing(text, Some(indent).filter(|_| !key), Some('\''));
                self.put('\'');
            }
            Style::Double => self.double(text, fold),
            Style::Literal => return self.literal(text, indent),
        }
        (self.after_blank, self.after_indent) = (false, false);
    }

    /// The characters of a plain or single-quoted text, folded at single blanks.
    fn flowing(&mut self, text: &str, fold: Option<usize>, quote: Option<char>) {
        let indent = fold.unwrap_or_default();
        let (mut space, mut broken) = (false, false);
        let mut characters = text.chars().enumerate().peekable();
        while let Some((at, c)) = characters.next() {
            let next = characters.peek().map(|(_, next)| *next);
            if c == ' ' {
                let inside = quote.is_none() || (at > 0 && next.is_some());
                if fold.is_some() && !space && self.column > WIDTH && inside && next != Some(' ') {
                    self.line(indent);
                } else {
                    self.put(c);
                }
                space = true;
            } else if is_break(c) {
                // A lone line feed would be folded into a blank.
                if !broken && c == '\n' {
                    self.put_break('\n');
                }
                self.put_break(c);
                self.after_indent = true;
                broken = true;
            } else {
                if broken {
                    self.line(indent);
                }
                if Some(c) == quote {
                    self.put(c);
                }
                self.put(c);
                self.after_indent = false;
                (space, broken) = (false, false);
            }
        }
    }

    fn double(&mut self, text: &str, fold: Option<usize>) {
        self.token("\"");
        let mut space = false;
        let mut characters = text.chars().enumerate().peekable();
        while let Some((at, c)) = characters.next() {
            let next = characters.peek().map(|(_, next)| *next);
            if !is_printable(c) || is_break(c) || matches!(c, '"' | '\\') {
                self.escape(c);
                space = false;
            } else if let (' ', Some(indent), Some(next)) = (c, fold, next)
                && !space
                && self.column > WIDTH
                && at > 0
            {
                self.line(indent);
                if next == ' ' {
                    self.put('\\');
                }
                space = true;
            } else {
                self.put(c);
                space = c == ' ';
            }
        }
        self.put('"');
    }

    fn escape(&mut self, c: char) {
        let short = match c {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\r' => 'r',
            '\u{1b}' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{85}' => 'N',
            '\u{a0}' => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ => {
                let start = self.out.len();
                let code = u32::from(c);
                // Writing to a String does not fail.
                let _ = match code {
                    0..=0xff => write!(self.out, "\\x{code:02X}"),
                    0x100..=0xffff => write!(self.out, "\\u{code:04X}"),
                    _ => write!(self.out, "\\U{code:08X}"),
                };
                self.column += self.out.len() - start;
                return;
            }
        };
        self.put('\\');
        self.put(short);
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.token("|");
        if text.starts_with(|c| c == ' ' || is_break(c)) {
            self.put('2');
        }
        let mut last = text.chars().rev();
        match (last.next().is_some_and(is_break), last.next()) {
            (false, _) => self.put('-'),
            (true, before) if before.is_none_or(is_break) => self.put('+'),
            (true, _) => {}
        }
        self.put_break('\n');
        (self.after_blank, self.after_indent) = (true, true);
        let mut broken = true;
        for c in text.chars() {
            if is_break(c) {
                self.put_break(c);
                self.after_indent = true;
                broken = true;
            } else {
                if broken {
                    self.line(indent);
                }
                self.put(c);
                self.after_indent = false;
                broken = false;
            }
        }
    }

    /// Goes to a column, on a new line unless nothing but indentation stands on this one.
    fn line(&mut self, indent: usize) {
        let at_indent = self.column < indent || (self.column == indent && self.after_blank);
        if !(self.after_indent && at_indent) {
            self.put_break('\n');
        }
        while self.column < indent {
            self.put(' ');
        }
        (self.after_blank, self.after_indent) = (true, true);
    }

    /// `-`, `?` or `:` before a node: the node may stand on the same line.
    fn indicator(&mut self, text: &str) {
        let after_indent = self.after_indent;
        self.token(text);
        (self.after_blank, self.after_indent) = (false, after_indent);
    }

    fn token(&mut self, text: &str) {
        self.separate();
        for c in text.chars() {
            self.put(c);
        }
        (self.after_blank, self.after_indent) = (false, false);
    }

    fn separate(&mut self) {
        if !self.after_blank {
            self.put(' ');
        }
    }

    fn put(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    fn put_break(&mut self, c: char) {
        self.out.push(c);
        self.column = 0;
    }
}

fn deeper(indent: Option<usize>) -> usize {
    indent.map_or(0, |parent| parent + INDENT)
}
