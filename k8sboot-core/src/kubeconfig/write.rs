//! Writing kubeconfigs byte for byte as client-go does: members and entries in alphabetical order, empty lists as
//! `null`, empty fields left out, data in base64.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use zeroize::Zeroize;

use super::{
    Kubeconfig,
    model::{Cluster, Context, Source, User},
    read::wipe,
};
use crate::{manifest::yaml, secret::SecretBytes};

impl Kubeconfig {
    /// The text as kubeadm and kubectl write it, with its credentials. Do not log it.
    #[must_use]
    pub fn to_yaml(&self) -> SecretBytes {
        let mut document = self.other.0.clone();
        document.insert("apiVersion".to_owned(), "v1".into());
        document.insert("kind".to_owned(), "Config".into());
        document.insert("current-context".to_owned(), self.current_context.as_str().into());
        document.insert("clusters".to_owned(), entries(&self.clusters, "cluster", cluster));
        document.insert("contexts".to_owned(), entries(&self.contexts, "context", context));
        document.insert("users".to_owned(), entries(&self.users, "user", user));
        let mut document = Value::Object(document);
        let text = yaml::to_yaml(&document);
        wipe(&mut document);
        SecretBytes::from(text)
    }
}

fn entries<T>(
    entries: &BTreeMap<String, T>,
    member: &str,
    write: impl Fn(&T) -> Map<String, Value>,
) -> Value {
    if entries.is_empty() {
        return Value::Null;
    }
    entries.iter().map(|(name, entry)| json!({"name": name, member: write(entry)})).collect()
}

fn cluster(cluster: &Cluster) -> Map<String, Value> {
    let mut map = cluster.other.0.clone();
    map.insert("server".to_owned(), cluster.server.as_str().into());
    put_source(&mut map, "certificate-authority", cluster.certificate_authority.as_ref(), Vec::as_slice);
    if cluster.insecure_skip_tls_verify {
        map.insert("insecure-skip-tls-verify".to_owned(), true.into());
    }
    map
}

fn context(context: &Context) -> Map<String, Value> {
    let mut map = context.other.0.clone();
    map.insert("cluster".to_owned(), context.cluster.as_str().into());
    map.insert("user".to_owned(), context.user.as_str().into());
    put(&mut map, "namespace", &context.namespace);
    map
}

fn user(user: &User) -> Map<String, Value> {
    let mut map = user.other.0.clone();
    put_source(&mut map, "client-certificate", user.client_certificate.as_ref(), Vec::as_slice);
    put_source(&mut map, "client-key", user.client_key.as_ref(), SecretBytes::expose);
    put(&mut map, "token", user.token.as_ref().and_then(SecretBytes::expose_str).unwrap_or_default());
    put(&mut map, "tokenFile", user.token_file.as_deref().unwrap_or_default());
    map
}

fn put(map: &mut Map<String, Value>, key: &str, text: &str) {
    if !text.is_empty() {
        map.insert(key.to_owned(), text.into());
    }
}

fn put_source<T>(
    map: &mut Map<String, Value>,
    key: &str,
    source: Option<&Source<T>>,
    bytes: impl Fn(&T) -> &[u8],
) {
    match source {
        None => {}
        Some(Source::File(path)) => put(map, key, path),
        Some(Source::Inline(data)) => {
            let mut base64 = STANDARD.encode(bytes(data));
            put(map, &format!("{key}-data"), &base64);
            base64.zeroize();
        }
    }
}
