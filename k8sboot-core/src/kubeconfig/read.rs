//! Reading kubeconfigs: YAML or JSON, every field of the right type or a message that says where.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};
use zeroize::Zeroize;

use super::{
    Kubeconfig, KubeconfigError,
    model::{Cluster, Context, Extra, Source, User},
};
use crate::{
    manifest::{ManifestError, yaml},
    secret::SecretBytes,
};

/// Fields of the format that this library carries through without looking into them.
const CARRIED: [(&str, &[&str]); 4] = [
    ("", &["extensions", "preferences"]),
    ("cluster", &["tls-server-name", "proxy-url", "disable-compression", "extensions"]),
    ("context", &["extensions"]),
    (
        "user",
        &[
            "as",
            "as-uid",
            "as-groups",
            "as-user-extra",
            "username",
            "password",
            "auth-provider",
            "exec",
            "extensions",
        ],
    ),
];

impl Kubeconfig {
    /// Reads a kubeconfig as kubectl does, but strictly: a name twice, data and file for the same thing, or a member
    /// beside `name` and `cluster` (mostly wrong indentation) are errors. Fields of other versions are kept; see
    /// [`unknown_fields`](Self::unknown_fields).
    ///
    /// # Errors
    ///
    /// [`KubeconfigError::Syntax`] with line and column, [`KubeconfigError::Shape`] with the path of the field.
    pub fn parse(text: &str) -> Result<Self, KubeconfigError> {
        let mut documents = yaml::parse_all(text).map_err(|error| match error {
            ManifestError::Syntax { line, column, .. } => KubeconfigError::Syntax { line, column },
            _ => KubeconfigError::Syntax { line: 0, column: 0 },
        })?;
        let found = documents.len();
        let read = match documents.as_mut_slice() {
            [document] => read(document),
            _ => Err(shape("document", "one document", format!("{found}"))),
        };
        documents.iter_mut().for_each(wipe);
        read
    }

    /// Paths of the fields that are not part of the format: kept and written again, but probably misspelt.
    #[must_use]
    pub fn unknown_fields(&self) -> Vec<String> {
        let mut paths = Vec::new();
        let mut add = |member: &str, path: &str, extra: &Extra| {
            let known =
                CARRIED.iter().find(|(of, _)| *of == member).map_or(&[] as &[&str], |(_, known)| known);
            let unknown = extra.0.keys().filter(|key| !known.contains(&key.as_str()));
            paths.extend(unknown.map(|key| format!("{path}{key}")));
        };
        add("", "", &self.other);
        for (name, cluster) in &self.clusters {
            add("cluster", &format!("clusters[{name:?}].cluster."), &cluster.other);
        }
        for (name, context) in &self.contexts {
            add("context", &format!("contexts[{name:?}].context."), &context.other);
        }
        for (name, user) in &self.users {
            add("user", &format!("users[{name:?}].user."), &user.other);
        }
        paths
    }
}

/// Overwrites every text of a value; keys stay.
pub(super) fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(map) => map.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn read(document: &mut Value) -> Result<Kubeconfig, KubeconfigError> {
    let mut fields = Fields::of(document, String::new())?;
    for (field, expected) in [("apiVersion", "v1"), ("kind", "Config")] {
        let found = fields.text(field)?;
        if !found.is_empty() && found != expected {
            return Err(shape(field, if field == "kind" { "Config" } else { "v1" }, format!("{found:?}")));
        }
    }
    Ok(Kubeconfig {
        clusters: fields.entries("clusters", "cluster", cluster)?,
        contexts: fields.entries("contexts", "context", context)?,
        users: fields.entries("users", "user", user)?,
        current_context: fields.text("current-context")?,
        other: {
            let mut other = fields.rest();
            // Written by every kubectl before 1.34, without meaning.
            if other.0.get("preferences").and_then(Value::as_object).is_some_and(Map::is_empty) {
                other.0.remove("preferences");
            }
            other
        },
    })
}

fn cluster(mut fields: Fields<'_>) -> Result<Cluster, KubeconfigError> {
    Ok(Cluster {
        server: fields.text("server")?,
        certificate_authority: fields.source(
            "certificate-authority",
            "certificate-authority-data",
            |bytes| bytes,
        )?,
        insecure_skip_tls_verify: fields.flag("insecure-skip-tls-verify")?,
        other: fields.rest(),
    })
}

fn context(mut fields: Fields<'_>) -> Result<Context, KubeconfigError> {
    Ok(Context {
        cluster: fields.text("cluster")?,
        user: fields.text("user")?,
        namespace: fields.text("namespace")?,
        other: fields.rest(),
    })
}

fn user(mut fields: Fields<'_>) -> Result<User, KubeconfigError> {
    let given = |text: String| (!text.is_empty()).then_some(text);
    Ok(User {
        client_certificate: fields.source("client-certificate", "client-certificate-data", |bytes| bytes)?,
        client_key: fields.source("client-key", "client-key-data", SecretBytes::new)?,
        token: given(fields.text("token")?).map(SecretBytes::from),
        token_file: given(fields.text("tokenFile")?),
        other: fields.rest(),
    })
}

/// The members of a map, taken out one by one; what is left over is carried through.
struct Fields<'a> {
    map: &'a mut Map<String, Value>,
    path: String,
}

impl<'a> Fields<'a> {
    fn of(value: &'a mut Value, path: String) -> Result<Self, KubeconfigError> {
        let found = type_name(value);
        match value {
            Value::Object(map) => {
                // As in Go, null is the same as not given.
                map.retain(|_, value| !value.is_null());
                Ok(Self { map, path })
            }
            _ => Err(shape(if path.is_empty() { "document" } else { &path }, "a map", found.to_owned())),
        }
    }

    fn field(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn text(&mut self, key: &str) -> Result<String, KubeconfigError> {
        match self.map.remove(key) {
            None => Ok(String::new()),
            Some(Value::String(text)) => Ok(text),
            Some(mut other) => {
                wipe(&mut other);
                Err(shape(&self.field(key), "a string", type_name(&other).to_owned()))
            }
        }
    }

    fn flag(&mut self, key: &str) -> Result<bool, KubeconfigError> {
        match self.map.remove(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(other) => Err(shape(&self.field(key), "true or false", type_name(&other).to_owned())),
        }
    }

    fn source<T>(
        &mut self,
        file_key: &str,
        data_key: &str,
        wrap: impl FnOnce(Vec<u8>) -> T,
    ) -> Result<Option<Source<T>>, KubeconfigError> {
        let file = self.text(file_key)?;
        let data = SecretBytes::from(self.text(data_key)?);
        match (file.is_empty(), data.is_empty()) {
            (true, true) => Ok(None),
            (false, true) => Ok(Some(Source::File(file))),
            (true, false) => {
                let bytes = STANDARD.decode(data.expose());
                let bytes =
                    bytes.map_err(|_| shape(&self.field(data_key), "base64", "another text".to_owned()))?;
                Ok(Some(Source::Inline(wrap(bytes))))
            }
            (false, false) => Err(shape(
                &self.field(file_key),
                "either a file or data",
                "both (remove one of them)".to_owned(),
            )),
        }
    }

    fn entries<T>(
        &mut self,
        key: &str,
        member: &'static str,
        read: impl Fn(Fields<'_>) -> Result<T, KubeconfigError>,
    ) -> Result<BTreeMap<String, T>, KubeconfigError> {
        let path = self.field(key);
        let mut entries = BTreeMap::new();
        let mut list = match self.map.remove(key) {
            None => return Ok(entries),
            Some(Value::Array(list)) => list,
            Some(mut other) => {
                wipe(&mut other);
                return Err(shape(&path, "a list", type_name(&other).to_owned()));
            }
        };
        let result = list.iter_mut().enumerate().try_for_each(|(index, value)| {
            let mut fields = Fields::of(value, format!("{path}[{index}]"))?;
            if !fields.map.contains_key("name") {
                return Err(shape(&fields.field("name"), "a name", "none".to_owned()));
            }
            let name = fields.text("name")?;
            let mut inner = fields.map.remove(member).unwrap_or_else(|| Value::Object(Map::new()));
            if let Some(stray) = fields.map.keys().next() {
                let found = format!("{stray:?} beside them (is it indented too little?)");
                return Err(shape(&fields.path, "name and one map", found));
            }
            let entry = Fields::of(&mut inner, fields.field(member)).and_then(&read);
            wipe(&mut inner);
            if entries.insert(name.clone(), entry?).is_some() {
                return Err(shape(&fields.field("name"), "every name once", format!("{name:?} again")));
            }
            Ok(())
        });
        list.iter_mut().for_each(wipe);
        result.map(|()| entries)
    }

    fn rest(self) -> Extra {
        Extra(std::mem::take(self.map))
    }
}

fn shape(field: &str, expected: &'static str, found: String) -> KubeconfigError {
    KubeconfigError::Shape { field: field.to_owned(), expected, found }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}
