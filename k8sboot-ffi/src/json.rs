//! JSON arguments: read strictly, every problem with the argument's name.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::Failure;

/// Reads a JSON object into a struct.
pub(crate) fn object<T: DeserializeOwned>(text: &str, argument: &'static str) -> Result<T, Failure> {
    // By way of a map: a derived struct would take a JSON list as well.
    serde_json::from_str::<Map<String, Value>>(text)
        .and_then(|map| serde_json::from_value(Value::Object(map)))
        .map_err(|error| Failure::json(argument, &error))
}

/// As [`object`]; a missing text is an empty object.
pub(crate) fn optional_object<T: DeserializeOwned>(
    text: Option<&str>,
    argument: &'static str,
) -> Result<T, Failure> {
    object(text.unwrap_or("{}"), argument)
}

/// A text that no message shows, not even one about its type.
#[cfg(feature = "crypto")]
pub(crate) struct Secret(k8sboot_core::secret::SecretBytes);

#[cfg(feature = "crypto")]
impl Secret {
    /// The text itself. Do not log it.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_str().unwrap_or_default()
    }
}

#[cfg(feature = "crypto")]
impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::String(text) => Ok(Self(text.into())),
            _ => Err(serde::de::Error::custom("expected a text for a secret, found something else")),
        }
    }
}

/// For `#[serde(deserialize_with)]` on kinds of keys.
#[cfg(feature = "crypto")]
pub(crate) mod algorithm {
    use k8sboot_core::pki::KeyAlgorithm;
    use serde::{Deserialize, Deserializer, de::Error};

    use crate::error::Failure;

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<KeyAlgorithm>, D::Error> {
        let name = String::deserialize(from)?;
        let found = || D::Error::custom(format!("algorithm: expected one of {}, found {name:?}", names()));
        named(&name).map(Some).ok_or_else(found)
    }

    pub(crate) fn parse(name: &str, argument: &'static str) -> Result<KeyAlgorithm, Failure> {
        named(name).ok_or_else(|| Failure::choice(argument, &names(), format!("{name:?}")))
    }

    fn named(name: &str) -> Option<KeyAlgorithm> {
        KeyAlgorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    fn names() -> String {
        KeyAlgorithm::ALL.map(KeyAlgorithm::name).join(", ")
    }
}

/// For `#[serde(deserialize_with)]` on lifetimes: what ends when it begins is nothing that a caller can want.
#[cfg(feature = "crypto")]
pub(crate) mod validity {
    use k8sboot_core::time::GoDuration;
    use serde::{Deserialize, Deserializer, de::Error};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<GoDuration>, D::Error> {
        let given = GoDuration::deserialize(from)?;
        if given <= GoDuration::ZERO {
            return Err(D::Error::custom(format!("validity: expected more than 0s, found {given}")));
        }
        Ok(Some(given))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::error::K8SBOOT_E_JSON;

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Spec {
        name: String,
    }

    #[test]
    #[cfg(feature = "crypto")]
    fn a_secret_of_the_wrong_type_is_not_shown() {
        #[derive(Deserialize)]
        struct Spec {
            key: Secret,
        }
        let failure = object::<Spec>(r#"{"key":12345678}"#, "spec").map(|spec| spec.key.expose().len());
        let failure = failure.unwrap_err();
        assert_eq!(failure.code(), K8SBOOT_E_JSON);
        assert!(!format!("{failure:?}").contains("12345678"), "{failure:?}");
        assert_eq!(
            object::<Spec>(r#"{"key":"a"}"#, "spec").map(|spec| spec.key.expose().to_owned()).unwrap(),
            "a"
        );
    }

    #[test]
    fn only_an_object_of_known_members_is_read() {
        assert_eq!(object::<Spec>(r#"{"name":"a"}"#, "spec").unwrap().name, "a");
        assert_eq!(optional_object::<Spec>(None, "spec").unwrap().name, "");
        for wrong in ["", "null", "[]", r#"["a"]"#, r#"{"nam":"a"}"#, r#"{"name":1}"#, "{}{}"] {
            let failure = object::<Spec>(wrong, "spec").unwrap_err();
            assert_eq!(failure.code(), K8SBOOT_E_JSON, "{wrong}");
        }
    }
}
