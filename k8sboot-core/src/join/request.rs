//! The kubelet's certificate request: made, and what became of it.
//!
//! Source: kubelet 1.36, TLS bootstrap; Kubernetes "Certificates and Certificate Signing Requests", signer
//! `kubernetes.io/kube-apiserver-client-kubelet`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::digest::{Context, SHA256};
use serde_json::{Value, json};

use super::JoinError;
use crate::{
    manifest::Object,
    pki::{CertSpec, Certificate, Csr, KeyAlgorithm, PkiError, Signer, Subject, csr, hex},
};

/// Who signs the certificates by which kubelets identify themselves to the API server.
pub const KUBELET_CLIENT_SIGNER: &str = "kubernetes.io/kube-apiserver-client-kubelet";
/// Who signs the certificates with which kubelets serve.
pub const KUBELET_SERVING_SIGNER: &str = "kubernetes.io/kubelet-serving";

/// The group of all nodes; the organization of their certificates.
pub(super) const NODES: &str = "system:nodes";
/// What a node's user name begins with.
pub(super) const NODE_USER: &str = "system:node:";

/// What a kubelet's client certificate says: `O=system:nodes,CN=system:node:NAME`, no alternative names.
#[must_use]
pub fn client_spec(node: &str, algorithm: KeyAlgorithm) -> CertSpec {
    let subject = Subject::named(format!("{NODE_USER}{node}")).with_organizations([NODES]);
    CertSpec::user("kubelet-client", subject, algorithm)
}

/// A certificate request of a kubelet for its first client certificate.
///
/// Its name follows from key and node: a run that was killed finds its own request again.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::{entropy::System, join::Request, pki::{KeyAlgorithm, KeySource, RandomKeys}};
/// let key = RandomKeys::new(&System).generate(KeyAlgorithm::EcdsaP256, "kubelet-client")?;
/// let request = Request::client("worker-1", &key)?;
/// let object = request.object()?;
/// assert_eq!(object.value()["spec"]["signerName"], "kubernetes.io/kube-apiserver-client-kubelet");
/// assert_eq!(object.value()["spec"]["usages"][1], "client auth");
/// assert_eq!(request.name(), Request::client("worker-1", &key)?.name());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Request {
    name: String,
    node: String,
    csr: Csr,
    pem: String,
    rsa: bool,
}

/// What became of a certificate request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CsrState {
    /// Nobody has decided.
    Pending,
    /// Somebody approved it, the signer has not acted.
    Approved,
    /// Somebody denied it.
    Denied {
        /// In one word.
        reason: String,
        /// For people.
        message: String,
    },
    /// The signer could not sign it.
    Failed {
        /// In one word.
        reason: String,
        /// For people.
        message: String,
    },
    /// The certificate, PEM.
    Issued(String),
}

impl Request {
    /// A request for the client certificate of a node, signed by its key.
    ///
    /// # Errors
    ///
    /// [`JoinError::Pki`] if the key cannot sign.
    pub fn client(node: &str, key: &dyn Signer) -> Result<Self, JoinError> {
        let at = |source| JoinError::Pki {
            what: format!("certificate request of {NODE_USER}{node}"),
            source: Box::new(source),
        };
        let algorithm = key.public_key().algorithm();
        let spec = client_spec(node, algorithm.unwrap_or(KeyAlgorithm::EcdsaP256));
        let pem = csr::request(&spec, key).map_err(at)?;
        let mut digest = Context::new(&SHA256);
        digest.update(&key.public_key().pin());
        digest.update(node.as_bytes());
        let rsa = key.public_key().description().starts_with("RSA");
        Ok(Self {
            name: format!("node-csr-{}", hex(digest.finish().as_ref())),
            node: node.to_owned(),
            csr: Csr::from_pem(&pem).map_err(at)?,
            pem,
            rsa,
        })
    }

    /// The name of the object.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The CertificateSigningRequest: signer and usages as the kubelet's.
    ///
    /// # Errors
    ///
    /// None for a request that was made.
    pub fn object(&self) -> Result<Object, JoinError> {
        let usages: &[&str] = if self.rsa {
            &["key encipherment", "digital signature", "client auth"]
        } else {
            &["digital signature", "client auth"]
        };
        Object::from_value(json!({
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "CertificateSigningRequest",
            "metadata": {"name": self.name},
            "spec": {
                "request": STANDARD.encode(&self.pem),
                "signerName": KUBELET_CLIENT_SIGNER,
                "usages": usages,
            },
        }))
        .map_err(|error| JoinError::Cluster {
            object: format!("CertificateSigningRequest {}", self.name),
            expected: "an object".to_owned(),
            found: error.to_string(),
            remedy: "choose another nodeRegistration.name",
        })
    }

    /// What became of the request, from the object that the cluster has.
    ///
    /// # Errors
    ///
    /// [`JoinError::Gone`] if it is a request for another key or node, [`JoinError::Unfit`] if the certificate is.
    pub fn state(&self, object: &Object) -> Result<CsrState, JoinError> {
        let asked = request_of(object.as_value());
        let ours = asked.is_some_and(|asked| {
            asked.public_key() == self.csr.public_key() && asked.subject() == self.csr.subject()
        });
        if !ours {
            return Err(JoinError::Gone { name: self.name.clone(), found: "a request for another key" });
        }
        let state = CsrState::of(object);
        if let CsrState::Issued(pem) = &state {
            self.fits(pem)
                .map_err(|source| JoinError::Unfit { name: self.name.clone(), source: Box::new(source) })?;
        }
        Ok(state)
    }

    fn fits(&self, pem: &str) -> Result<(), PkiError> {
        let certificate = Certificate::from_pem(pem)?;
        let refuse =
            |expected: String, found: String| PkiError::Request { name: self.name.clone(), expected, found };
        if certificate.public_key() != self.csr.public_key() {
            let found = certificate.public_key().description();
            return Err(refuse("a certificate for the key of the request".to_owned(), found));
        }
        let (wanted, found) = (self.csr.subject().subject(), certificate.subject().subject());
        if wanted != found {
            return Err(refuse(format!("subject {wanted}"), found.to_string()));
        }
        let usages = &certificate.info().ext_key_usage;
        if !usages.iter().any(|usage| usage == "clientAuth") {
            return Err(refuse("a certificate for clients (clientAuth)".to_owned(), usages.join(", ")));
        }
        Ok(())
    }

    /// The name of the node.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }
}

impl CsrState {
    /// What became of a CertificateSigningRequest.
    #[must_use]
    pub fn of(object: &Object) -> Self {
        let status = object.value().get("status").cloned().unwrap_or_default();
        let condition = |kind: &str| {
            let conditions = status.get("conditions")?.as_array()?;
            conditions.iter().find(|condition| {
                condition.get("type").and_then(Value::as_str) == Some(kind)
                    && condition.get("status").and_then(Value::as_str).is_none_or(|status| status == "True")
            })
        };
        let said = |condition: &Value| {
            let text =
                |field: &str| condition.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
            (text("reason"), text("message"))
        };
        if let Some(denied) = condition("Denied") {
            let (reason, message) = said(denied);
            return Self::Denied { reason, message };
        }
        if let Some(failed) = condition("Failed") {
            let (reason, message) = said(failed);
            return Self::Failed { reason, message };
        }
        let certificate = status.get("certificate").and_then(Value::as_str).unwrap_or_default();
        if let Some(pem) = decode(certificate).filter(|pem| !pem.is_empty()) {
            return Self::Issued(pem);
        }
        if condition("Approved").is_some() { Self::Approved } else { Self::Pending }
    }

    /// What is waited for, with what to do about it; empty once it is decided.
    #[must_use]
    pub fn reason(&self, name: &str) -> String {
        match self {
            Self::Pending => format!(
                "certificate request {name} is pending: nobody has approved it yet (kubectl certificate approve {name})"
            ),
            Self::Approved => format!(
                "certificate request {name} is approved but not signed: does kube-controller-manager run with the signer {KUBELET_CLIENT_SIGNER}?"
            ),
            Self::Denied { reason, message } => {
                format!("certificate request {name} is denied: {reason}: {message}")
            }
            Self::Failed { reason, message } => {
                format!("certificate request {name} cannot be signed: {reason}: {message}")
            }
            Self::Issued(_) => String::new(),
        }
    }
}

/// The request inside a CertificateSigningRequest.
pub(super) fn request_of(object: &Value) -> Option<Csr> {
    let encoded = object.pointer("/spec/request").and_then(Value::as_str)?;
    Csr::from_pem(&decode(encoded)?).ok()
}

fn decode(text: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        entropy::System,
        pki::{KeyPair, KeySource, RandomKeys},
    };

    fn key() -> KeyPair {
        RandomKeys::new(&System).generate(KeyAlgorithm::EcdsaP256, "test").unwrap()
    }

    fn with_status(request: &Request, status: Value) -> Object {
        let mut value = request.object().unwrap().into_value();
        value["status"] = status;
        Object::from_value(value).unwrap()
    }

    #[test]
    fn tells_what_became_of_a_request() {
        let key = key();
        let request = Request::client("worker-1", &key).unwrap();
        let said = |kind: &str| json!({"conditions": [{"type": kind, "status": "True", "reason": "R", "message": "M"}]});
        let (reason, message) = ("R".to_owned(), "M".to_owned());
        for (status, state) in [
            (json!({}), CsrState::Pending),
            (said("Approved"), CsrState::Approved),
            (said("Denied"), CsrState::Denied { reason: reason.clone(), message: message.clone() }),
            (said("Failed"), CsrState::Failed { reason, message }),
        ] {
            assert_eq!(request.state(&with_status(&request, status)).unwrap(), state);
            assert!(state.reason("x").contains("x is") || state.reason("x").contains("x cannot"));
        }
    }

    #[test]
    fn a_request_for_another_key_or_node_is_not_ours() {
        let key = key();
        let request = Request::client("worker-1", &key).unwrap();
        for other in [Request::client("worker-2", &key), Request::client("worker-1", &self::key())] {
            let other = other.unwrap();
            assert_ne!(other.name(), request.name());
            let error = request.state(&other.object().unwrap()).unwrap_err();
            assert!(matches!(error, JoinError::Gone { .. }), "{error}");
        }
    }

    #[test]
    fn a_certificate_for_another_key_is_refused() {
        use crate::pki::{Ca, Issuing};
        let keys = RandomKeys::new(&System);
        let with = Issuing {
            keys: &keys,
            entropy: &System,
            now: crate::time::Timestamp::from_seconds(1_800_000_000),
        };
        let spec = CertSpec::authority("ca", "kubernetes", KeyAlgorithm::EcdsaP256);
        let ca = Ca::self_signed(&spec, &with).unwrap();
        let key = key();
        let request = Request::client("worker-1", &key).unwrap();
        for (node, public, fits) in [
            ("worker-1", key.public_key(), true),
            ("worker-2", key.public_key(), false),
            ("worker-1", self::key().public_key(), false),
        ] {
            let spec = client_spec(node, KeyAlgorithm::EcdsaP256);
            let pem = ca.issue_for_key(&spec, public, &with).unwrap().to_pem();
            let object = with_status(&request, json!({"certificate": STANDARD.encode(&pem)}));
            assert_eq!(request.state(&object).is_ok(), fits, "{node}");
        }
    }
}
