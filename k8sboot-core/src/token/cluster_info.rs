//! The cluster-info document: where a cluster is and who vouches for it, readable by anyone.
//!
//! It lies in the ConfigMap `cluster-info` of `kube-public`. A node that knows nothing but a token fetches it without
//! any trust, and believes it if it is signed with that token and names a pinned CA. Source: kubeadm's bootstrap-token
//! phase and token discovery.

use std::collections::BTreeMap;

use serde_json::{Map, json};

use super::{BootstrapToken, CaPin, TokenError, TokenId, jws, secret_object::object};
use crate::{
    kubeconfig::{Cluster, Kubeconfig},
    manifest::Object,
};

const NAME: &str = "cluster-info";
const NAMESPACE: &str = "kube-public";
const KUBECONFIG: &str = "kubeconfig";
const SIGNATURE_PREFIX: &str = "jws-kubeconfig-";

/// A cluster-info document. Its text is kept byte for byte: signatures are over these bytes.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::token::{BootstrapToken, ClusterInfo};
/// # let ca_pem = "-----BEGIN CERTIFICATE-----";
/// let token: BootstrapToken = "abcdef.0123456789abcdef".parse()?;
/// let info = ClusterInfo::new("https://192.0.2.10:6443", ca_pem);
/// let signature = info.sign(&token);
///
/// let fetched = ClusterInfo::from_kubeconfig(info.kubeconfig())?;
/// fetched.verify_signature_only(&signature, &token)?;
/// assert_eq!(fetched.server(), "https://192.0.2.10:6443");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterInfo {
    text: String,
    server: String,
    ca_pem: String,
}

/// The signatures of a cluster-info ConfigMap by token id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signatures(BTreeMap<TokenId, String>);

impl ClusterInfo {
    /// The document of a cluster, byte for byte as kubeadm writes it. `server` is `https://HOST:PORT`.
    #[must_use]
    pub fn new(server: &str, ca_pem: &str) -> Self {
        let mut kubeconfig = Kubeconfig::default();
        kubeconfig.clusters.insert(String::new(), Cluster::new(server, ca_pem));
        let text = kubeconfig.to_yaml().expose_str().unwrap_or_default().to_owned();
        Self { text, server: server.to_owned(), ca_pem: ca_pem.to_owned() }
    }

    /// Reads a document as fetched, still without any trust in it.
    ///
    /// The cluster is the one without a name, or else that of the current context.
    ///
    /// # Errors
    ///
    /// [`TokenError::ClusterInfo`] when it is no kubeconfig, or has no server or no embedded CA.
    pub fn from_kubeconfig(text: &str) -> Result<Self, TokenError> {
        let wrong = |field, expected, found: String| TokenError::ClusterInfo { field, expected, found };
        let kubeconfig = Kubeconfig::parse(text)
            .map_err(|error| wrong(KUBECONFIG, "a kubeconfig", crate::error::chain(&error)))?;
        let current = || {
            let context = kubeconfig.contexts.get(&kubeconfig.current_context)?;
            kubeconfig.clusters.get(&context.cluster)
        };
        let cluster = kubeconfig.clusters.get("").or_else(current);
        let cluster = cluster.ok_or_else(|| {
            wrong("clusters", "a cluster without name or a current context", "none".to_owned())
        })?;
        if cluster.server.is_empty() {
            return Err(wrong("clusters.server", "an https URL", "none".to_owned()));
        }
        let ca_pem = cluster.ca_pem().ok_or_else(|| {
            wrong("clusters.certificate-authority-data", "a PEM text in base64", "none".to_owned())
        })?;
        Ok(Self { text: text.to_owned(), server: cluster.server.clone(), ca_pem: ca_pem.to_owned() })
    }

    /// The document's text, to be kept byte for byte.
    #[must_use]
    pub fn kubeconfig(&self) -> &str {
        &self.text
    }

    /// `https://HOST:PORT` of the cluster.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The PEM text of the cluster's certificate authorities.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The signature of this document with a token; see [`jws::sign`].
    #[must_use]
    pub fn sign(&self, token: &BootstrapToken) -> String {
        jws::sign(self.text.as_bytes(), token)
    }

    /// Whether this document can be trusted: signed with `token`, and with a CA of which one is pinned.
    ///
    /// # Errors
    ///
    /// [`TokenError::PinMissing`] without pins; [`TokenError::SignatureShape`] and [`TokenError::Signature`] for the
    /// signature; [`TokenError::PinMismatch`] and [`TokenError::Certificate`] for the CA.
    pub fn verify(&self, signature: &str, token: &BootstrapToken, pins: &[CaPin]) -> Result<(), TokenError> {
        if pins.is_empty() {
            return Err(TokenError::PinMissing);
        }
        self.verify_signature_only(signature, token)?;
        let presented = CaPin::of_certificate_pem(&self.ca_pem)?;
        if CaPin::any_match(pins, &presented) {
            return Ok(());
        }
        let found = presented.iter().map(CaPin::to_string).collect::<Vec<_>>().join(", ");
        Err(TokenError::PinMismatch { found })
    }

    /// As [`verify`](Self::verify) without pins: whoever knows the token, as every node that used it does, can pass.
    ///
    /// This is kubeadm's `unsafeSkipCAVerification`.
    ///
    /// # Errors
    ///
    /// [`TokenError::SignatureShape`] and [`TokenError::Signature`].
    pub fn verify_signature_only(&self, signature: &str, token: &BootstrapToken) -> Result<(), TokenError> {
        jws::verify(self.text.as_bytes(), signature, token)
    }

    /// The ConfigMap as kubeadm creates it, with signatures if there are any yet (the controller manager adds them).
    ///
    /// # Errors
    ///
    /// None in practice: the object is complete.
    pub fn to_config_map(&self, signatures: &Signatures) -> Result<Object, TokenError> {
        let mut data = Map::new();
        data.insert(KUBECONFIG.to_owned(), self.text.as_str().into());
        for (id, signature) in &signatures.0 {
            data.insert(format!("{SIGNATURE_PREFIX}{id}"), signature.as_str().into());
        }
        object(json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": NAME, "namespace": NAMESPACE},
            "data": data,
        }))
    }

    /// Reads the ConfigMap as fetched, still without any trust in it.
    ///
    /// # Errors
    ///
    /// [`TokenError::Object`] when it is another object or lacks the document, [`TokenError::ClusterInfo`] for the
    /// document.
    pub fn from_config_map(config_map: &Object) -> Result<(Self, Signatures), TokenError> {
        let key = config_map.key();
        let wrong = |field, expected: &str, found: &str| TokenError::Object {
            object: format!("{} {}", key.kind, key.name),
            field,
            expected: expected.to_owned(),
            found: found.to_owned(),
        };
        if (key.kind.as_str(), key.name.as_str()) != ("ConfigMap", NAME) {
            return Err(wrong("metadata.name", "ConfigMap cluster-info", "another object"));
        }
        let data = config_map.value().get("data").and_then(|data| data.as_object());
        let text = data.and_then(|data| data.get(KUBECONFIG)).and_then(|text| text.as_str());
        let info =
            Self::from_kubeconfig(text.ok_or_else(|| wrong("data.kubeconfig", "a kubeconfig", "none"))?)?;
        let signatures = data.into_iter().flatten().filter_map(|(key, value)| {
            let id = key.strip_prefix(SIGNATURE_PREFIX)?.parse().ok()?;
            Some((id, value.as_str()?.to_owned()))
        });
        Ok((info, Signatures(signatures.collect())))
    }

    /// The document of a fetched ConfigMap if it can be trusted: the whole check that a joining node makes.
    ///
    /// # Errors
    ///
    /// As [`from_config_map`](Self::from_config_map) and [`verify`](Self::verify), and [`TokenError::NotSigned`]
    /// (which may pass) when there is no signature by this token.
    pub fn trusted(config_map: &Object, token: &BootstrapToken, pins: &[CaPin]) -> Result<Self, TokenError> {
        let (info, signatures) = Self::from_config_map(config_map)?;
        info.verify(signatures.by(token.id())?, token, pins)?;
        Ok(info)
    }
}

impl Signatures {
    /// Adds the signature of `info` by `token`, in the place of an older one.
    pub fn add(&mut self, info: &ClusterInfo, token: &BootstrapToken) {
        self.0.insert(token.id().clone(), info.sign(token));
    }

    /// The signature by the token of this id.
    ///
    /// # Errors
    ///
    /// [`TokenError::NotSigned`] if there is none.
    pub fn by(&self, id: &TokenId) -> Result<&str, TokenError> {
        self.0.get(id).map(String::as_str).ok_or_else(|| TokenError::NotSigned { id: id.to_string() })
    }

    /// The ids of the tokens that have signed.
    pub fn ids(&self) -> impl Iterator<Item = &TokenId> {
        self.0.keys()
    }
}
