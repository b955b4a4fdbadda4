//! Members of JSON objects as Go's `encoding/json` fills structures with them.

use super::{
    error::{CniError, cut},
    json::Json,
};

/// The members of an object, asked for as Go decodes into a structure.
///
/// Keys match whatever their case; a key given twice, also in two spellings, takes the last value; `null` leaves a text,
/// number or truth value alone and empties a list or object; two objects of one key are merged; unknown keys are ignored;
/// wrong types are errors even where a later value wins.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::cni::Json;
/// let json = Json::parse(br#"{"NAME": "a", "name": "b", "name": null, "ipam": {"Type": 5}}"#)?;
/// let fields = json.fields()?;
/// assert_eq!(fields.text("name")?, Some("b"));
/// let error = fields.object("ipam")?.unwrap_or_default().text("type").unwrap_err();
/// assert_eq!(error.to_string(), "cni: ipam.type: expected a text, found the number 5");
/// # Ok::<(), k8sboot_core::cni::CniError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Fields<'a> {
    path: String,
    members: Vec<&'a (String, Json)>,
}

/// Whether and how a key was given last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence<'a> {
    /// The key is not there.
    Absent,
    /// It is there with `null`.
    Null,
    /// It is there with a value.
    Value(&'a Json),
}

/// An item of a list, with its path.
#[derive(Clone, Debug)]
pub struct Item<'a> {
    path: String,
    json: &'a Json,
}

impl Json {
    /// The members of a document. `null` is an object without members.
    ///
    /// # Errors
    ///
    /// [`CniError::Field`] if it is no object.
    pub fn fields(&self) -> Result<Fields<'_>, CniError> {
        members_of(self, String::new())
    }
}

impl<'a> Fields<'a> {
    /// A text; `None` if it is absent or `null`. An empty text is `Some`.
    ///
    /// # Errors
    ///
    /// [`CniError::Field`] if it is something else.
    pub fn text(&self, key: &str) -> Result<Option<&'a str>, CniError> {
        self.last(key, "a text", |json| match json {
            Json::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// A text that is not empty.
    ///
    /// # Errors
    ///
    /// [`CniError::Field`] if it is absent, empty or something else.
    pub fn required(&self, key: &str) -> Result<&'a str, CniError> {
        match self.text(key)? {
            Some("") => Err(self.wrong(key, "a text", "an empty one".to_owned())),
            Some(text) => Ok(text),
            None => Err(self.missing(key, "a text")),
        }
    }

    /// A truth value; `None` if it is absent or `null`.
    ///
    /// # Errors
    ///
    /// [`CniError::Field`] if it is something else.
    pub fn boolean(&self, key: &str) -> Result<Option<bool>, CniError> {
        self.last(key, "true or false", |json| match json {
            Json::Bool(value) => Some(*value),
            _ => None,
        })
    }

    /// A whole number, written without fraction and exponent; `None` if it is absent or `null`.
    ///
    /// # Errors
    ///
    /// [`CniError::Field`] if it is something else.
    pub fn integer(&self, key: &str) -> Result<Option<i64>, CniError> {
        self.last(key, "a whole number", |json| match json {
            Json::Number(digits) => digits.parse().ok(),
            _ => None,
        })
    }

    /// A list; `None` if it is absent or `null`.
    ///
    /// # Errors
    ///
    /// [`CniError::Field`] if it is something else.
    pub fn list(&self, key: &str) -> Result<Option<Vec<Item<'a>>>, CniError> {
        let mut found = None;
        for json in self.all(key) {
            found = match json {
                Json::Null => None,
                json => Some(items_of(json, self.path(key))?),
            };
        }
        Ok(found)
    }

    /// An object; `None` if it is absent or `null`.
    ///
    /// # Errors
    ///
    /// [`CniError::Field`] if it is something else.
    pub fn object(&self, key: &str) -> Result<Option<Fields<'a>>, CniError> {
        let mut found: Option<Fields<'a>> = None;
        for json in self.all(key) {
            match json {
                Json::Null => found = None,
                json => {
                    let more = members_of(json, self.path(key))?;
                    match &mut found {
                        Some(fields) => fields.members.extend(more.members),
                        None => found = Some(more),
                    }
                }
            }
        }
        Ok(found)
    }

    /// How a key was given last, with its value whatever that is.
    #[must_use]
    pub fn presence(&self, key: &str) -> Presence<'a> {
        match self.all(key).last() {
            None => Presence::Absent,
            Some(Json::Null) => Presence::Null,
            Some(json) => Presence::Value(json),
        }
    }

    /// Every member, in order.
    pub fn members(&self) -> impl Iterator<Item = (&'a str, &'a Json)> + '_ {
        self.members.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The path of a key, from the document on.
    #[must_use]
    pub fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The error of a key whose value does not fit.
    #[must_use]
    pub fn wrong(&self, key: &str, expected: &str, found: String) -> CniError {
        CniError::Field { field: self.path(key), expected: expected.to_owned(), found }
    }

    /// The error of a key that is not there.
    #[must_use]
    pub fn missing(&self, key: &str, expected: &str) -> CniError {
        self.wrong(key, expected, "nothing".to_owned())
    }

    fn all(&self, key: &str) -> impl Iterator<Item = &'a Json> {
        self.members.iter().filter(move |(name, _)| same_key(name, key)).map(|(_, value)| value)
    }

    fn last<T>(
        &self,
        key: &str,
        expected: &str,
        take: impl Fn(&'a Json) -> Option<T>,
    ) -> Result<Option<T>, CniError> {
        let mut found = None;
        for json in self.all(key).filter(|json| **json != Json::Null) {
            found = Some(take(json).ok_or_else(|| self.wrong(key, expected, json.describe()))?);
        }
        Ok(found)
    }
}

impl<'a> Item<'a> {
    /// The value.
    #[must_use]
    pub const fn json(&self) -> &'a Json {
        self.json
    }

    /// The path, for example `ranges[0]`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// As a text; `None` for `null`.
    ///
    /// # Errors
    ///
    /// [`CniError::Field`] if it is something else.
    pub fn text(&self) -> Result<Option<&'a str>, CniError> {
        match self.json {
            Json::Text(text) => Ok(Some(text)),
            Json::Null => Ok(None),
            _ => Err(self.wrong("a text")),
        }
    }

    /// As an object; one without members for `null`.
    ///
    /// # Errors
    ///
    /// [`CniError::Field`] if it is something else.
    pub fn fields(&self) -> Result<Fields<'a>, CniError> {
        members_of(self.json, self.path.clone())
    }

    /// As a list; an empty one for `null`.
    ///
    /// # Errors
    ///
    /// [`CniError::Field`] if it is something else.
    pub fn list(&self) -> Result<Vec<Item<'a>>, CniError> {
        if *self.json == Json::Null { Ok(Vec::new()) } else { items_of(self.json, self.path.clone()) }
    }

    /// The error of a value that does not fit.
    #[must_use]
    pub fn wrong(&self, expected: &str) -> CniError {
        CniError::Field {
            field: self.path.clone(),
            expected: expected.to_owned(),
            found: self.json.describe(),
        }
    }
}

/// Whether Go takes a key for a field: without regard to case, by the simple folding of Unicode.
///
/// Field names are ASCII; the only other characters that fold to ASCII are U+017F (s) and U+212A (k).
pub(super) fn same_key(key: &str, field: &str) -> bool {
    let fold = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    key.chars().map(fold).eq(field.chars().map(fold))
}

fn members_of(json: &Json, path: String) -> Result<Fields<'_>, CniError> {
    match json {
        Json::Object(members) => Ok(Fields { path, members: members.iter().collect() }),
        Json::Null => Ok(Fields { path, members: Vec::new() }),
        json => Err(CniError::Field {
            field: path,
            expected: "an object".to_owned(),
            found: cut(&json.describe()),
        }),
    }
}

fn items_of(json: &Json, path: String) -> Result<Vec<Item<'_>>, CniError> {
    match json {
        Json::List(items) => Ok(items
            .iter()
            .enumerate()
            .map(|(index, json)| Item { path: format!("{path}[{index}]"), json })
            .collect()),
        json => {
            Err(CniError::Field { field: path, expected: "a list".to_owned(), found: cut(&json.describe()) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_keys_and_repetitions_as_go_does() {
        let text = br#"{"Name":"a","ips":["1"],"NAME":"b","ips":null,"n":1,"N":2,
            "ipam":{"a":"1","B":"x"},"IPAM":{"b":"2"},"s":{"x":1},"s":null,"\u017fet":true}"#;
        let json = Json::parse(text).unwrap();
        let fields = json.fields().unwrap();
        assert_eq!(fields.text("name"), Ok(Some("b")));
        assert_eq!(fields.integer("n"), Ok(Some(2)));
        assert!(fields.list("ips").unwrap().is_none());
        let ipam = fields.object("ipam").unwrap().unwrap();
        assert_eq!((ipam.text("a"), ipam.text("b")), (Ok(Some("1")), Ok(Some("2"))));
        assert!(fields.object("s").unwrap().is_none());
        assert_eq!(fields.boolean("set"), Ok(Some(true)));
        assert_eq!(fields.presence("s"), Presence::Null);
        assert_eq!(fields.presence("other"), Presence::Absent);
    }

    #[test]
    fn wrong_types_name_the_path() {
        let json =
            Json::parse(br#"{"a":[{"b":[1]}],"n":1.0,"t":5,"t":"x","o":[],"l":{},"f":"true"}"#).unwrap();
        let fields = json.fields().unwrap();
        let inner = &fields.list("a").unwrap().unwrap()[0].fields().unwrap().list("b").unwrap().unwrap()[0];
        for (error, want) in [
            (inner.text().unwrap_err(), "a[0].b[0]: expected a text, found the number 1"),
            (fields.integer("n").unwrap_err(), "n: expected a whole number, found the number 1.0"),
            (fields.text("t").unwrap_err(), "t: expected a text, found the number 5"),
            (fields.object("o").unwrap_err(), "o: expected an object, found a list"),
            (fields.list("l").unwrap_err(), "l: expected a list, found an object"),
            (fields.boolean("f").unwrap_err(), "f: expected true or false, found \"true\""),
            (fields.required("none").unwrap_err(), "none: expected a text, found nothing"),
            (Json::List(vec![]).fields().unwrap_err(), "the document: expected an object, found a list"),
        ] {
            assert_eq!(error.to_string(), format!("cni: {want}"));
        }
    }
}
