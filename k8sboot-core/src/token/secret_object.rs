//! Tokens as the Secrets `bootstrap-token-ID` of a cluster.
//!
//! Source: kubeadm's token Secrets and the checks of the API server's bootstrap token authenticator.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::{BootstrapToken, TokenError, TokenId, TokenSpec, Ttl, Usages};
use crate::{manifest::Object, time::Timestamp};

const NAMESPACE: &str = "kube-system";
const NAME_PREFIX: &str = "bootstrap-token-";
const TYPE: &str = "bootstrap.kubernetes.io/token";

impl TokenSpec {
    /// The Secret that makes the token valid in a cluster, byte for byte as kubeadm creates it.
    ///
    /// A [`Ttl::For`] counts from `now`. The object holds the token's secret half.
    ///
    /// # Errors
    ///
    /// [`TokenError::Lifetime`] if the token would be born expired, [`TokenError::Group`] and
    /// [`TokenError::GroupsWithoutAuthentication`] for groups that the API server would not accept.
    pub fn to_secret(&self, now: Timestamp) -> Result<Object, TokenError> {
        self.check(now)?;
        let mut data = Map::new();
        let mut put = |key: &str, text: &str| data.insert(key.to_owned(), STANDARD.encode(text).into());
        put("token-id", self.token.id().as_str());
        put("token-secret", self.token.secret());
        if !self.description.is_empty() {
            put("description", &self.description);
        }
        if let Some(end) = self.ttl.expiration(now) {
            put("expiration", &end.to_string());
        }
        if self.usages.signing {
            put("usage-bootstrap-signing", "true");
        }
        if self.usages.authentication {
            put("usage-bootstrap-authentication", "true");
        }
        if !self.groups.is_empty() {
            put("auth-extra-groups", &self.groups.join(","));
        }
        object(json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": secret_name(self.token.id()), "namespace": NAMESPACE},
            "type": TYPE,
            "data": data,
        }))
    }

    /// Reads a token Secret back. Usages that this library does not know are passed over, as by the API server.
    ///
    /// `stringData` overrides `data`, as in every Secret.
    ///
    /// # Errors
    ///
    /// [`TokenError::Object`] names the first field that is not as the API server wants it, never with a secret.
    pub fn from_secret(secret: &Object) -> Result<Self, TokenError> {
        let fields = Fields::of(secret)?;
        let id: TokenId = fields.parse("data.token-id", "token-id", "6 characters of [a-z0-9]")?;
        if secret.key().name != secret_name(&id) {
            return Err(fields.wrong("metadata.name", secret_name(&id), &secret.key().name));
        }
        let half = fields.required("data.token-secret", "token-secret")?;
        let token = BootstrapToken::from_parts(id.as_str(), &half)
            .map_err(|_| fields.wrong("data.token-secret", "16 characters of [a-z0-9]", "another text"))?;
        let ttl = match fields.text("data.expiration", "expiration")?.filter(|text| !text.is_empty()) {
            None => Ttl::Forever,
            Some(_) => Ttl::Until(fields.parse(
                "data.expiration",
                "expiration",
                "a time like 2026-11-23T03:02:02Z",
            )?),
        };
        let usages = Usages {
            signing: fields.flag("data.usage-bootstrap-signing", "usage-bootstrap-signing")?,
            authentication: fields
                .flag("data.usage-bootstrap-authentication", "usage-bootstrap-authentication")?,
        };
        let groups = fields.text("data.auth-extra-groups", "auth-extra-groups")?.unwrap_or_default();
        let groups = groups.split(',').filter(|group| !group.is_empty()).map(str::to_owned).collect();
        let description = fields.text("data.description", "description")?.unwrap_or_default();
        let spec = Self { token, ttl, usages, groups, description };
        spec.check_groups().map(|()| spec)
    }
}

/// The name of the Secret of a token.
pub(crate) fn secret_name(id: &TokenId) -> String {
    format!("{NAME_PREFIX}{id}")
}

/// An object of this library's making.
pub(super) fn object(value: Value) -> Result<Object, TokenError> {
    Object::from_value(value).map_err(|error| TokenError::Object {
        object: "object".to_owned(),
        field: "metadata",
        expected: "a complete object".to_owned(),
        found: error.to_string(),
    })
}

/// The fields of a Secret, with errors that say where.
struct Fields<'a> {
    name: String,
    value: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    fn of(secret: &'a Object) -> Result<Self, TokenError> {
        let key = secret.key();
        let fields = Self { name: format!("{} {}", key.kind, key.name), value: secret.value() };
        if (key.api_version.as_str(), key.kind.as_str()) != ("v1", "Secret") {
            return Err(fields.wrong("kind", "v1 Secret", &format!("{} {}", key.api_version, key.kind)));
        }
        if key.namespace.as_deref() != Some(NAMESPACE) {
            return Err(fields.wrong(
                "metadata.namespace",
                NAMESPACE,
                key.namespace.as_deref().unwrap_or("none"),
            ));
        }
        match fields.value.get("type").and_then(Value::as_str) {
            Some(TYPE) => Ok(fields),
            other => Err(fields.wrong("type", TYPE, other.unwrap_or("none"))),
        }
    }

    fn wrong(&self, field: &'static str, expected: impl Into<String>, found: &str) -> TokenError {
        TokenError::Object {
            object: self.name.clone(),
            field,
            expected: expected.into(),
            found: found.to_owned(),
        }
    }

    /// The decoded text of a data field; `None` if it is not there.
    fn text(&self, field: &'static str, key: &str) -> Result<Option<String>, TokenError> {
        let given =
            |map: &str| self.value.get(map).and_then(|map| map.get(key)).filter(|value| !value.is_null());
        if let Some(plain) = given("stringData") {
            let text = plain.as_str().ok_or_else(|| self.wrong(field, "a string", "another type"))?;
            return Ok(Some(text.to_owned()));
        }
        let Some(value) = given("data") else { return Ok(None) };
        let base64 = value.as_str().ok_or_else(|| self.wrong(field, "a string in base64", "another type"))?;
        let bytes = STANDARD.decode(base64).map_err(|_| self.wrong(field, "base64", "something else"))?;
        String::from_utf8(bytes).map(Some).map_err(|_| self.wrong(field, "UTF-8", "other bytes"))
    }

    fn required(&self, field: &'static str, key: &str) -> Result<String, TokenError> {
        self.text(field, key)?
            .filter(|text| !text.is_empty())
            .ok_or_else(|| self.wrong(field, "a value", "none"))
    }

    fn parse<T: std::str::FromStr>(
        &self,
        field: &'static str,
        key: &str,
        expected: &str,
    ) -> Result<T, TokenError> {
        let text = self.required(field, key)?;
        let shown = || format!("{:?}", text.chars().take(80).collect::<String>());
        text.parse().map_err(|_| self.wrong(field, expected, &shown()))
    }

    /// Exactly `true` is on; the API server takes anything else for off, so a misspelt `True` must not pass silently.
    fn flag(&self, field: &'static str, key: &str) -> Result<bool, TokenError> {
        match self.text(field, key)?.as_deref() {
            Some("true") => Ok(true),
            None | Some("" | "false") => Ok(false),
            Some(_) => Err(self.wrong(field, "true or false", "another text")),
        }
    }
}
