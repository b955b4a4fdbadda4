//! Objects of a cluster: read, created, replaced, changed, applied, removed.

use serde_json::Value;

use super::{ApiError, Client, Method, Resource, error::shortened, resource::escape};
use crate::manifest::Object;

/// How many objects one answer of a list brings at most.
const PAGE: usize = 500;

/// Which objects of a resource: one namespace's, or all (also for resources without namespaces).
pub type Scope<'a> = Option<&'a str>;

/// The kinds of patches.
///
/// Source: Kubernetes API concepts, "Patch".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PatchKind {
    /// RFC 6902.
    Json,
    /// RFC 7386.
    Merge,
    /// Kubernetes' own, by the merge keys of lists.
    Strategic,
}

impl PatchKind {
    const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json-patch+json",
            Self::Merge => "application/merge-patch+json",
            Self::Strategic => "application/strategic-merge-patch+json",
        }
    }
}

/// How an object is applied.
///
/// Source: Kubernetes "Server-Side Apply".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplyOptions {
    pub(super) manager: String,
    pub(super) force: bool,
    pub(super) dry_run: bool,
}

impl ApplyOptions {
    /// As a field manager; fields of other managers are a conflict.
    #[must_use]
    pub fn new(manager: impl Into<String>) -> Self {
        Self { manager: manager.into(), force: false, dry_run: false }
    }

    /// Takes fields over that other managers have.
    #[must_use]
    pub const fn force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }

    /// Says what would be, and changes nothing.
    #[must_use]
    pub const fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }
}

impl Client {
    /// One object; `None` if it is not there.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call), [`ApiError::Answer`] if what comes is no object.
    pub fn get(
        &self,
        resource: &Resource,
        namespace: Scope<'_>,
        name: &str,
    ) -> Result<Option<Object>, ApiError> {
        let path = resource.path(namespace, Some(name));
        match self.call(Method::Get, &path, None) {
            Ok(body) => self.object(Method::Get, &path, &body).map(Some),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The objects of a resource, a page at a time; `query` has further parameters of the URL, such as
    /// `labelSelector=component%3Detcd`, or is empty.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call), [`ApiError::Answer`] if what comes is no list of objects.
    pub fn list(
        &self,
        resource: &Resource,
        namespace: Scope<'_>,
        query: &str,
    ) -> Result<Vec<Object>, ApiError> {
        Ok(self.list_as_of(resource, namespace, query)?.0)
    }

    /// As [`list`](Self::list), with the `resourceVersion` of the list, from which a watch goes on.
    ///
    /// # Errors
    ///
    /// As [`list`](Self::list).
    pub fn list_as_of(
        &self,
        resource: &Resource,
        namespace: Scope<'_>,
        query: &str,
    ) -> Result<(Vec<Object>, String), ApiError> {
        let base = resource.path(namespace, None);
        let mut objects = Vec::new();
        let mut next = String::new();
        loop {
            let mut path = format!("{base}?limit={PAGE}");
            if !query.is_empty() {
                path.push('&');
                path.push_str(query);
            }
            if !next.is_empty() {
                path.push_str("&continue=");
                escape(&mut path, &next, b"-._~");
            }
            let body = self.call(Method::Get, &path, None)?;
            let mut list: Value = self.json(Method::Get, &path, &body)?;
            let text = |list: &Value, pointer: &str| {
                list.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
            };
            next = text(&list, "/metadata/continue");
            let version = text(&list, "/metadata/resourceVersion");
            let Some(Value::Array(items)) = list.get_mut("items").map(Value::take) else {
                return Err(self.no_object(Method::Get, &path, "a list of objects", &body));
            };
            for mut item in items {
                // Items of a list do not say what they are.
                if let Some(fields) = item.as_object_mut() {
                    fields.insert("apiVersion".to_owned(), resource.api_version.as_ref().into());
                    fields.insert("kind".to_owned(), resource.kind.as_ref().into());
                }
                let object = Object::from_value(item)
                    .map_err(|_| self.no_object(Method::Get, &path, "a list of objects", &body))?;
                objects.push(object);
            }
            if next.is_empty() {
                return Ok((objects, version));
            }
        }
    }

    /// Creates an object and gives what the server made of it.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call); [`ApiError::is_already_exists`] tells that it is there.
    pub fn create(&self, resource: &Resource, object: &Object) -> Result<Object, ApiError> {
        let path = resource.path(object.key().namespace.as_deref(), None);
        let body = self.call(Method::Post, &path, Some(("application/json", json_of(object))))?;
        self.object(Method::Post, &path, &body)
    }

    /// Replaces an object; with a `resourceVersion` in it only that version.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call); [`ApiError::Conflict`] if it was changed meanwhile.
    pub fn update(&self, resource: &Resource, object: &Object) -> Result<Object, ApiError> {
        self.update_part(resource, object, "")
    }

    /// Replaces a part of an object that has a path of its own, such as `status` or `approval`.
    ///
    /// # Errors
    ///
    /// As [`update`](Self::update).
    pub fn update_part(&self, resource: &Resource, object: &Object, part: &str) -> Result<Object, ApiError> {
        let key = object.key();
        let mut path = resource.path(key.namespace.as_deref(), Some(&key.name));
        if !part.is_empty() {
            path.push('/');
            path.push_str(part);
        }
        let body = self.call(Method::Put, &path, Some(("application/json", json_of(object))))?;
        self.object(Method::Put, &path, &body)
    }

    /// Changes an object by a patch.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub fn patch(
        &self,
        resource: &Resource,
        namespace: Scope<'_>,
        name: &str,
        kind: PatchKind,
        patch: &Value,
    ) -> Result<Object, ApiError> {
        let path = resource.path(namespace, Some(name));
        let body =
            self.call(Method::Patch, &path, Some((kind.media_type(), patch.to_string().into_bytes())))?;
        self.object(Method::Patch, &path, &body)
    }

    /// Applies an object on the server: fields that this manager does not name stay as others set them.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call); [`ApiError::Conflict`] if other managers have fields of it, and `force` is not set.
    pub fn apply(
        &self,
        resource: &Resource,
        object: &Object,
        options: &ApplyOptions,
    ) -> Result<Object, ApiError> {
        let key = object.key();
        let mut path = resource.path(key.namespace.as_deref(), Some(&key.name));
        path.push_str("?fieldManager=");
        escape(&mut path, &options.manager, b"-._~");
        path.push_str(if options.force { "&force=true" } else { "" });
        path.push_str(if options.dry_run { "&dryRun=All" } else { "" });
        let body =
            self.call(Method::Patch, &path, Some(("application/apply-patch+yaml", json_of(object))))?;
        self.object(Method::Patch, &path, &body)
    }

    /// Removes an object; whether it was there.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub fn delete(&self, resource: &Resource, namespace: Scope<'_>, name: &str) -> Result<bool, ApiError> {
        match self.call(Method::Delete, &resource.path(namespace, Some(name)), None) {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn object(&self, method: Method, path: &str, body: &[u8]) -> Result<Object, ApiError> {
        let value = self.json(method, path, body)?;
        Object::from_value(value).map_err(|_| self.no_object(method, path, "a Kubernetes object", body))
    }

    pub(super) fn json(&self, method: Method, path: &str, body: &[u8]) -> Result<Value, ApiError> {
        serde_json::from_slice(body).map_err(|_| self.no_object(method, path, "JSON", body))
    }

    /// The answer is shown only if it is no JSON: an object may hold secrets.
    fn no_object(&self, method: Method, path: &str, expected: &'static str, body: &[u8]) -> ApiError {
        let found = if serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok() {
            "other JSON".to_owned()
        } else if body.is_empty() {
            "nothing".to_owned()
        } else {
            format!("{:?}", shortened(body.get(..40).unwrap_or(body)))
        };
        ApiError::Answer {
            server: self.server().to_owned(),
            request: format!("{} {path}", method.name()),
            expected,
            found,
        }
    }
}

fn json_of(object: &Object) -> Vec<u8> {
    object.as_value().to_string().into_bytes()
}
