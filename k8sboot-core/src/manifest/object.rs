//! One Kubernetes object as untyped data, with its identity checked.

use std::fmt;

use serde_json::{Map, Value};

use super::{ManifestError, Patch, error::type_name, yaml};

/// A Kubernetes object: a map with `apiVersion`, `kind` and `metadata.name`.
///
/// `Debug` prints the key only: the object may be a Secret.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::manifest::Object;
/// let object = Object::from_value(serde_json::json!({
///     "kind": "ConfigMap", "apiVersion": "v1",
///     "metadata": {"name": "a", "namespace": "b"}, "data": {"on": "yes"},
/// }))?;
/// assert_eq!(object.key().to_string(), "v1 ConfigMap b/a");
/// assert_eq!(
///     object.to_yaml(),
///     "apiVersion: v1\ndata:\n  \"on\": \"yes\"\nkind: ConfigMap\nmetadata:\n  name: a\n  namespace: b\n"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Object {
    value: Value,
    key: ObjectKey,
}

/// What identifies an object in a cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// `GROUP/VERSION`, or `v1` for the core group.
    pub api_version: String,
    /// For example `ConfigMap`.
    pub kind: String,
    /// None for objects of the cluster.
    pub namespace: Option<String>,
    /// `metadata.name`.
    pub name: String,
}

impl Object {
    /// Takes a value that has what every object has.
    ///
    /// # Errors
    ///
    /// [`ManifestError::Object`] if it is not a map, or `apiVersion`, `kind`, `metadata.name` or a given
    /// `metadata.namespace` is not a string with something in it.
    pub fn from_value(value: Value) -> Result<Self, ManifestError> {
        if !value.is_object() {
            return Err(ManifestError::Object {
                field: "object",
                expected: "a map",
                found: type_name(&value),
            });
        }
        let key = ObjectKey {
            api_version: required(value.get("apiVersion"), "apiVersion")?,
            kind: required(value.get("kind"), "kind")?,
            namespace: match value.pointer("/metadata/namespace") {
                None | Some(Value::Null) => None,
                given => Some(required(given, "metadata.namespace")?),
            },
            name: required(value.pointer("/metadata/name"), "metadata.name")?,
        };
        Ok(Self { value, key })
    }

    /// The object's fields. May hold secrets.
    #[must_use]
    pub fn value(&self) -> &Map<String, Value> {
        static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        self.value.as_object().unwrap_or(&EMPTY)
    }

    /// The object as a JSON value. May hold secrets.
    #[must_use]
    pub const fn as_value(&self) -> &Value {
        &self.value
    }

    /// The object as a JSON value. May hold secrets.
    #[must_use]
    pub fn into_value(self) -> Value {
        self.value
    }

    /// What identifies the object.
    #[must_use]
    pub const fn key(&self) -> &ObjectKey {
        &self.key
    }

    /// Applies a patch.
    ///
    /// # Errors
    ///
    /// [`ManifestError::Patch`] if it does not fit, [`ManifestError::Object`] if it takes the object's identity away; the
    /// object is unchanged then.
    pub fn apply(&mut self, patch: &Patch) -> Result<(), ManifestError> {
        let mut value = self.value.clone();
        patch.apply(&mut value)?;
        *self = Self::from_value(value)?;
        Ok(())
    }

    /// The object as kubeadm and kubectl print it. May hold secrets.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        yaml::to_yaml(&self.value)
    }
}

/// Sets a field of a map under construction.
pub(super) fn set(map: &mut Value, name: &str, value: impl Into<Value>) {
    if let Some(map) = map.as_object_mut() {
        map.insert(name.to_owned(), value.into());
    }
}

fn required(value: Option<&Value>, field: &'static str) -> Result<String, ManifestError> {
    match value {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        other => Err(ManifestError::Object {
            field,
            expected: "a string that is not empty",
            found: match other {
                None => "nothing",
                Some(Value::String(_)) => "an empty string",
                Some(value) => type_name(value),
            },
        }),
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object({})", self.key)
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.api_version, self.kind)?;
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn debug_shows_the_key_only() {
        let object = Object::from_value(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "n"}, "data": {"k": "c2VjcmV0"},
        }));
        assert_eq!(format!("{:?}", object.unwrap()), "Object(v1 Secret n/s)");
    }

    #[test]
    fn refuses_what_has_no_identity() {
        for (value, want) in [
            (json!([]), "object: expected a map, found a list"),
            (json!({}), "apiVersion: expected a string that is not empty, found nothing"),
            (
                json!({"apiVersion": "v1", "kind": ""}),
                "kind: expected a string that is not empty, found an empty string",
            ),
            (
                json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": 1}}),
                "metadata.name: expected a string that is not empty, found a number",
            ),
            (
                json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": []}}),
                "metadata.namespace: expected a string that is not empty, found a list",
            ),
        ] {
            let got = Object::from_value(value).unwrap_err().to_string();
            assert!(got.ends_with(want), "{got}");
        }
    }
}
