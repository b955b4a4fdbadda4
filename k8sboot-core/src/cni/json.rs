//! JSON as values: read with places of errors, printed byte for byte as Go prints it.
//!
//! Own code, because the usual readers lose what CNI's Go readers see: members given twice or in two spellings, their
//! order, the digits of numbers, and texts with half a surrogate pair or bytes that are not UTF-8, which Go replaces.

use super::error::{CniError, JsonProblem};

/// How deeply lists and objects may be inside each other.
const MOST_DEPTH: usize = 128;

/// A JSON value. Members keep their order; a key may be given several times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it was written.
    Number(String),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object.
    Object(Vec<(String, Json)>),
}

/// How JSON is laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// One line without blanks.
    #[default]
    Compact,
    /// A member a line, indented by four blanks, without a line end after the last: what plugins print.
    Indented,
}

impl Json {
    /// Reads one JSON text.
    ///
    /// Bytes that are not UTF-8 and lone surrogates become U+FFFD, as in Go. Lists and objects may be 128 deep.
    ///
    /// # Errors
    ///
    /// [`CniError::Json`] with line and column.
    ///
    /// # Examples
    ///
    /// ```
    /// # use k8sboot_core::cni::{Json, Layout};
    /// let json = Json::parse(br#"{"b": 1.50, "a": [], "b": "x<y"}"#)?;
    /// assert_eq!(json.render(Layout::Compact), r#"{"b":1.50,"a":[],"b":"x\u003cy"}"#);
    /// # Ok::<(), k8sboot_core::cni::CniError>(())
    /// ```
    pub fn parse(bytes: &[u8]) -> Result<Self, CniError> {
        let mut reader = Reader { bytes, at: 0 };
        reader.document().map_err(|problem| {
            let (line, column) = reader.place();
            CniError::Json { line, column, problem }
        })
    }

    /// Prints it: `<`, `>`, `&`, U+2028 and U+2029 are escaped, as Go does.
    #[must_use]
    pub fn render(&self, layout: Layout) -> String {
        let mut out = String::new();
        self.print(&mut out, layout, 0);
        out
    }

    /// A text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// The value of the last member with exactly this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().rev().find(|(k, _)| k == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// What it is, for messages: `null`, `true`, `the number 5`, `"text"`, `a list` or `an object`.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(digits) => format!("the number {}", super::error::cut(digits)),
            Self::Text(text) => format!("{:?}", super::error::cut(text)),
            Self::List(_) => "a list".to_owned(),
            Self::Object(_) => "an object".to_owned(),
        }
    }

    fn print(&self, out: &mut String, layout: Layout, depth: usize) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(digits) => out.push_str(digits),
            Self::Text(text) => quote(out, text),
            Self::List(items) => {
                brackets(out, ['[', ']'], items, layout, depth, |out, item| {
                    item.print(out, layout, depth + 1)
                });
            }
            Self::Object(members) => {
                brackets(out, ['{', '}'], members, layout, depth, |out, (key, value)| {
                    quote(out, key);
                    out.push_str(if layout == Layout::Indented { ": " } else { ":" });
                    value.print(out, layout, depth + 1);
                });
            }
        }
    }
}

impl From<&serde_json::Value> for Json {
    fn from(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(number) => Self::Number(number.to_string()),
            serde_json::Value::String(text) => Self::Text(text.clone()),
            serde_json::Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            serde_json::Value::Object(members) => {
                Self::Object(members.iter().map(|(key, value)| (key.clone(), Self::from(value))).collect())
            }
        }
    }
}

fn brackets<T>(
    out: &mut String,
    [open, close]: [char; 2],
    items: &[T],
    layout: Layout,
    depth: usize,
    mut print: impl FnMut(&mut String, &T),
) {
    let line = |out: &mut String, depth: usize| {
        if layout == Layout::Indented {
            out.push('\n');
            (0..depth).for_each(|_| out.push_str("    "));
        }
    };
    out.push(open);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        line(out, depth + 1);
        print(out, item);
    }
    if !items.is_empty() {
        line(out, depth);
    }
    out.push(close);
}

fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn document(&mut self) -> Result<Json, JsonProblem> {
        if self.bytes.starts_with(b"\xef\xbb\xbf") {
            return Err(JsonProblem::ByteOrderMark);
        }
        self.blanks();
        if self.peek().is_none() {
            return Err(JsonProblem::Empty);
        }
        let value = self.value(0)?;
        self.blanks();
        match self.peek() {
            None => Ok(value),
            Some(_) => Err(self.unexpected("the end after one JSON value")),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Json, JsonProblem> {
        if depth > MOST_DEPTH {
            return Err(JsonProblem::TooDeep { most: MOST_DEPTH });
        }
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.string().map(Json::Text),
            Some(b'-' | b'0'..=b'9') => self.number().map(Json::Number),
            _ => {
                for (word, value) in
                    [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))]
                {
                    if self.rest().starts_with(word.as_bytes()) {
                        self.at += word.len();
                        return Ok(value);
                    }
                }
                Err(self.unexpected("a JSON value"))
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, JsonProblem> {
        let mut members = Vec::new();
        self.at += 1;
        self.blanks();
        if self.take(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.blanks();
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a key in quotes"));
            }
            let key = self.string()?;
            self.blanks();
            if !self.take(b':') {
                return Err(self.unexpected("':' after a key"));
            }
            self.blanks();
            members.push((key, self.value(depth + 1)?));
            self.blanks();
            if self.take(b'}') {
                return Ok(Json::Object(members));
            }
            if !self.take(b',') {
                return Err(self.unexpected("',' or '}' after a member"));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Json, JsonProblem> {
        let mut items = Vec::new();
        self.at += 1;
        self.blanks();
        if self.take(b']') {
            return Ok(Json::List(items));
        }
        loop {
            self.blanks();
            items.push(self.value(depth + 1)?);
            self.blanks();
            if self.take(b']') {
                return Ok(Json::List(items));
            }
            if !self.take(b',') {
                return Err(self.unexpected("',' or ']' after an item"));
            }
        }
    }

    fn number(&mut self) -> Result<String, JsonProblem> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        let digits = self.bytes.get(start..self.at).unwrap_or_default();
        Ok(String::from_utf8_lossy(digits).into_owned())
    }

    fn digits(&mut self) -> Result<(), JsonProblem> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.unexpected("a digit")) } else { Ok(()) }
    }

    fn string(&mut self) -> Result<String, JsonProblem> {
        let mut out = String::new();
        self.at += 1;
        loop {
            let plain = self.rest().iter().take_while(|b| !matches!(b, b'"' | b'\\' | 0..=0x1f)).count();
            let end = self.at + plain;
            push_lossy(&mut out, self.bytes.get(self.at..end).unwrap_or_default());
            self.at = end;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                _ => return Err(self.unexpected("the closing quote of a text")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonProblem> {
        self.at += 1;
        let plain = match self.peek() {
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(c),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.unexpected("an escape such as \\n or \\u0041")),
        };
        self.at += 1;
        Ok(plain)
    }

    /// At the `u` of an escape.
    fn unicode(&mut self) -> Result<char, JsonProblem> {
        let first = self.hex()?;
        if !(0xd800..0xdc00).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let back = self.at;
        if self.take(b'\\') && self.peek() == Some(b'u') {
            let second = self.hex()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
        }
        // Half a pair: it is replaced, and what follows is read on its own.
        self.at = back;
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hex(&mut self) -> Result<u32, JsonProblem> {
        let mut code = 0;
        for _ in 0..4 {
            self.at += 1;
            let digit = self.peek().and_then(|b| char::from(b).to_digit(16));
            let Some(digit) = digit else { return Err(self.unexpected("four hexadecimal digits")) };
            code = code * 16 + digit;
        }
        self.at += 1;
        Ok(code)
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn unexpected(&self, expected: &'static str) -> JsonProblem {
        match self.peek() {
            None => JsonProblem::CutOff { expected },
            Some(byte @ 0x21..=0x7e) => {
                JsonProblem::Unexpected { expected, found: format!("'{}'", char::from(byte)) }
            }
            Some(b' ') => JsonProblem::Unexpected { expected, found: "a blank".to_owned() },
            Some(b'\n' | b'\r') => JsonProblem::Unexpected { expected, found: "a line end".to_owned() },
            Some(byte) => JsonProblem::Unexpected { expected, found: format!("the byte 0x{byte:02x}") },
        }
    }

    /// Line and column of where reading stopped.
    fn place(&self) -> (usize, usize) {
        let read = self.bytes.get(..self.at.min(self.bytes.len())).unwrap_or_default();
        let line = read.iter().filter(|b| **b == b'\n').count();
        let tail = read.rsplit(|b| *b == b'\n').next().unwrap_or_default();
        (line + 1, String::from_utf8_lossy(tail).chars().count() + 1)
    }
}

/// One U+FFFD for each byte that is not UTF-8: Go's rule, where `from_utf8_lossy` joins some of them.
fn push_lossy(out: &mut String, mut bytes: &[u8]) {
    loop {
        match std::str::from_utf8(bytes) {
            Ok(text) => return out.push_str(text),
            Err(error) => {
                let (valid, rest) = bytes.split_at(error.valid_up_to());
                out.push_str(&String::from_utf8_lossy(valid));
                out.push(char::REPLACEMENT_CHARACTER);
                bytes = rest.get(1..).unwrap_or_default();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_where_and_what() {
        for (text, line, column, want) in [
            ("", 1, 1, "found nothing"),
            ("  \n ", 2, 2, "found nothing"),
            ("{", 1, 2, "expected a key in quotes, found the end"),
            ("{\n  \"a\": 1,\n}", 3, 1, "expected a key in quotes, found '}'"),
            ("{\"a\" 1}", 1, 6, "expected ':' after a key, found '1'"),
            ("[1,]", 1, 4, "expected a JSON value, found ']'"),
            ("[1 2]", 1, 4, "expected ',' or ']' after an item, found '2'"),
            ("{} {}", 1, 4, "expected the end after one JSON value, found '{'"),
            ("01", 1, 2, "expected the end after one JSON value"),
            ("-", 1, 2, "expected a digit, found the end"),
            ("\"a\nb\"", 1, 3, "expected the closing quote of a text, found a line end"),
            ("\"\\x\"", 1, 3, "expected an escape"),
            ("\"\\u12g4\"", 1, 6, "expected four hexadecimal digits"),
            ("\u{feff}{}", 1, 1, "byte order mark"),
            ("nul", 1, 1, "expected a JSON value, found 'n'"),
            ("\"ä\" x", 1, 5, "expected the end"),
        ] {
            let error = Json::parse(text.as_bytes()).unwrap_err();
            let CniError::Json { line: l, column: c, problem } = &error else { panic!("{error}") };
            assert!((*l, *c) == (line, column) && problem.to_string().contains(want), "{text:?}: {error}");
        }
    }

    #[test]
    fn nesting_is_limited() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(Json::parse(nested(MOST_DEPTH + 1).as_bytes()).is_ok());
        let error = Json::parse(nested(100_000).as_bytes()).unwrap_err();
        assert!(matches!(error, CniError::Json { problem: JsonProblem::TooDeep { .. }, .. }));
    }

    #[test]
    fn texts_are_read_as_go_reads_them() {
        for (text, want) in [
            (&br#""\ud83d\ude00""#[..], "😀"),
            (br#""\ud83d""#, "\u{fffd}"),
            (br#""\ud83dA""#, "\u{fffd}A"),
            (br#""\ud83d\u0041""#, "\u{fffd}A"),
            (br#""\ude00""#, "\u{fffd}"),
            (b"\"\xe2\x82\"", "\u{fffd}\u{fffd}"),
            (b"\"a\xffb\"", "a\u{fffd}b"),
            (br#""\/\b\f\n\r\t\"\\""#, "/\u{8}\u{c}\n\r\t\"\\"),
        ] {
            assert_eq!(Json::parse(text), Ok(Json::text(want)), "{text:?}");
        }
    }

    #[test]
    fn prints_as_go_prints() {
        let json = Json::parse(br#"{"a":[1,-0,1e3,1.0],"b":{},"c":[],"d":"<&>\u2028\u0001\u007f"}"#).unwrap();
        assert_eq!(
            json.render(Layout::Indented),
            "{\n    \"a\": [\n        1,\n        -0,\n        1e3,\n        1.0\n    ],\n    \"b\": {},\n    \"c\": [],\n    \"d\": \"\\u003c\\u0026\\u003e\\u2028\\u0001\u{7f}\"\n}"
        );
        assert_eq!(Json::parse(json.render(Layout::Compact).as_bytes()), Ok(json));
    }
}
