//! The Secret `kubeadm-certs` and the token whose end is its end.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::{CertificateKey, PkiError, upload::wrong};
use crate::{
    config::{clean_path, v1beta4},
    entropy::Entropy,
    manifest::Object,
    secret::SecretBytes,
    time::GoDuration,
    token::{BootstrapToken, TokenId, TokenSpec, Ttl, Usages, secret_name},
};

const NAME: &str = "kubeadm-certs";
const NAMESPACE: &str = "kube-system";
const LIFETIME: GoDuration = GoDuration::from_seconds(2 * 3_600);
const UPLOAD_AGAIN: &str = "upload the certificates again: kubeadm init phase upload-certs --upload-certs";

/// A file that control planes share.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Its key in the Secret, for example `etcd-ca.crt`.
    pub name: &'static str,
    /// Its path on the node; empty if the configuration names no such file.
    pub path: String,
    /// Whether it is a private key: mode 0600, all others 0644.
    pub private: bool,
}

/// The token Secret that owns `kubeadm-certs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The token's id.
    pub token: TokenId,
    /// `metadata.uid` of its Secret, as the API server gave it.
    pub uid: String,
}

/// The files that the control planes of a cluster share: the CAs and the service-account keys, and of etcd its CA, or
/// the client certificate for an external one.
#[must_use]
pub fn entries(cluster: &v1beta4::ClusterConfiguration) -> Vec<Entry> {
    let directory = &cluster.certificates_dir;
    let own = |name: &'static str, file: &str| (name, clean_path(&format!("{directory}/{file}")));
    let mut files = vec![
        own("ca.crt", "ca.crt"),
        own("ca.key", "ca.key"),
        own("front-proxy-ca.crt", "front-proxy-ca.crt"),
        own("front-proxy-ca.key", "front-proxy-ca.key"),
        own("sa.pub", "sa.pub"),
        own("sa.key", "sa.key"),
    ];
    match &cluster.etcd.external {
        None => files.extend([own("etcd-ca.crt", "etcd/ca.crt"), own("etcd-ca.key", "etcd/ca.key")]),
        Some(etcd) => files.extend([
            ("external-etcd-ca.crt", etcd.ca_file.clone()),
            ("external-etcd.crt", etcd.cert_file.clone()),
            ("external-etcd.key", etcd.key_file.clone()),
        ]),
    }
    let entry = |(name, path): (&'static str, String)| Entry { name, path, private: name.ends_with(".key") };
    files.into_iter().map(entry).collect()
}

/// The token whose expiry removes the uploaded certificates: 2 hours, no usages, no groups.
#[must_use]
pub fn token_spec(token: BootstrapToken) -> TokenSpec {
    TokenSpec {
        token,
        ttl: Ttl::For(LIFETIME),
        usages: Usages::NONE,
        groups: Vec::new(),
        description: "Proxy for managing TTL for the kubeadm-certs secret".to_owned(),
    }
}

/// The Secret with every file sealed. `content` gives the bytes of an entry, `None` if there is no such file: its value
/// is empty then, as kubeadm does it. Without `owner` nothing removes the Secret by itself.
///
/// # Errors
///
/// [`PkiError::Entropy`] when the source of the nonces fails.
pub fn to_secret(
    entries: &[Entry],
    mut content: impl FnMut(&Entry) -> Option<SecretBytes>,
    key: &CertificateKey,
    owner: Option<&Owner>,
    entropy: &dyn Entropy,
) -> Result<Object, PkiError> {
    let mut data = Map::new();
    for entry in entries {
        let sealed = match content(entry) {
            Some(bytes) => key.seal(entry.name, bytes.expose(), entropy)?,
            None => Vec::new(),
        };
        data.insert(entry.name.to_owned(), STANDARD.encode(sealed).into());
    }
    let mut metadata = json!({ "name": NAME, "namespace": NAMESPACE });
    if let (Some(owner), Some(metadata)) = (owner, metadata.as_object_mut()) {
        let reference = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "name": secret_name(&owner.token),
            "uid": owner.uid,
            "blockOwnerDeletion": true,
            "controller": true,
        });
        metadata.insert("ownerReferences".to_owned(), json!([reference]));
    }
    let object = Object::from_value(
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data }),
    );
    object.map_err(|_| wrong("metadata", "a complete object", "an incomplete one", UPLOAD_AGAIN))
}

/// Opens the wanted entries of the Secret. Empty ones are left out, as they were not there when it was made.
///
/// # Errors
///
/// [`PkiError::Upload`] when it is another object, an entry is missing or cannot be opened.
pub fn from_secret<'a>(
    secret: &Object,
    wanted: &'a [Entry],
    key: &CertificateKey,
) -> Result<Vec<(&'a Entry, SecretBytes)>, PkiError> {
    let identity = secret.key();
    if (identity.kind.as_str(), identity.name.as_str()) != ("Secret", NAME) {
        return Err(wrong(
            "metadata.name",
            "Secret kubeadm-certs",
            "another object",
            "give the object itself",
        ));
    }
    let data = secret.value().get("data").and_then(Value::as_object);
    let mut files = Vec::new();
    for entry in wanted {
        let value = data.and_then(|data| data.get(entry.name)).and_then(Value::as_str);
        let value = value.ok_or_else(|| wrong(entry.name, "an entry", "none", UPLOAD_AGAIN))?;
        let sealed = STANDARD
            .decode(value)
            .map_err(|_| wrong(entry.name, "base64", "something else", UPLOAD_AGAIN))?;
        if !sealed.is_empty() {
            files.push((entry, key.open(entry.name, &sealed)?));
        }
    }
    Ok(files)
}
