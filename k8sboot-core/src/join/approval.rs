//! Judging certificate requests of kubelets: may this requester have this certificate?
//!
//! kube-controller-manager approves client certificates by subject and usages alone and serving certificates never.
//! [`judge`] also compares with the Node object, so that serving certificates can be approved without a person, and a
//! bootstrap token cannot take over a node that is at work.
//!
//! Source of what signers accept: Kubernetes "Certificates and Certificate Signing Requests", Kubernetes signers.

use std::{collections::BTreeSet, fmt, net::IpAddr};

use serde_json::Value;

use super::request::{CsrState, KUBELET_CLIENT_SIGNER, KUBELET_SERVING_SIGNER, NODE_USER, NODES, request_of};
use crate::{manifest::Object, pki::Csr};

/// Whose requests may be approved.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// Groups whose members may ask for the first client certificate of a node. Default: that of kubeadm's tokens.
    pub bootstrappers: Vec<String>,
    /// Whether a bootstrapper may have the name of a node that is ready. Default: no, it would take the node over.
    pub replace_ready_nodes: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            bootstrappers: vec!["system:bootstrappers:kubeadm:default-node-token".to_owned()],
            replace_ready_nodes: false,
        }
    }
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Identifying the kubelet to the API server.
    Client,
    /// Serving as a kubelet.
    Serving,
}

/// What should become of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Everything about it is right.
    #[non_exhaustive]
    Approve {
        /// What it is for.
        kind: Kind,
        /// The node.
        node: String,
    },
    /// It asks for what its requester must not have.
    Deny(Refusal),
    /// Not to be decided, or not now.
    Leave(Leave),
}

/// Why a request must be denied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// It holds no PKCS#10 request that its own key has signed.
    Damaged,
    /// The subject is not a node's.
    Subject {
        /// What it is.
        found: String,
    },
    /// Somebody else asks for the node's certificate.
    Requester {
        /// Whose certificate it would be.
        expected: String,
        /// Who asks.
        found: String,
    },
    /// The usages are not those of such a certificate.
    Usages {
        /// What it should ask for.
        expected: &'static str,
        /// What it asks for.
        found: String,
    },
    /// Names where there must be none, or kinds of names that no kubelet has.
    NamesForbidden {
        /// The names.
        found: String,
    },
    /// A serving certificate without any name.
    NamesMissing,
    /// Names or addresses that are not the node's.
    NotTheNodes {
        /// The node.
        node: String,
        /// Those that are not its.
        found: String,
    },
    /// A bootstrap token asks for the name of a node that is at work.
    NodeReady {
        /// The node.
        node: String,
    },
}

/// Why a request is left to others, or to later.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Leave {
    /// It is for another signer.
    OtherSigner {
        /// Its signer.
        found: String,
    },
    /// Somebody has decided already.
    Decided,
    /// There is no Node object yet that tells the node's addresses.
    NodeUnknown {
        /// The node.
        node: String,
    },
}

impl Verdict {
    /// In one word, as it stands in the condition of the request: `NodeVerified`, or the refusal's or the hindrance's.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Approve { .. } => "NodeVerified",
            Self::Deny(refusal) => refusal.reason(),
            Self::Leave(Leave::OtherSigner { .. }) => "OtherSigner",
            Self::Leave(Leave::Decided) => "Decided",
            Self::Leave(Leave::NodeUnknown { .. }) => "NodeUnknown",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Approve { kind: Kind::Client, node } => {
                write!(f, "the client certificate of node {node}, asked for by whom it may be")
            }
            Self::Approve { kind: Kind::Serving, node } => {
                write!(f, "a serving certificate of node {node}, for its own names and addresses")
            }
            Self::Deny(refusal) => refusal.fmt(f),
            Self::Leave(Leave::OtherSigner { found }) => {
                write!(f, "for the signer {found}, which is not a kubelet's")
            }
            Self::Leave(Leave::Decided) => f.write_str("decided already"),
            Self::Leave(Leave::NodeUnknown { node }) => {
                write!(f, "there is no Node {node} yet that tells its addresses")
            }
        }
    }
}

impl Refusal {
    /// In one word, for example `RequesterMismatch`.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Damaged => "RequestDamaged",
            Self::Subject { .. } => "SubjectMismatch",
            Self::Requester { .. } => "RequesterMismatch",
            Self::Usages { .. } => "UsageMismatch",
            Self::NamesForbidden { .. } => "NamesForbidden",
            Self::NamesMissing => "NamesMissing",
            Self::NotTheNodes { .. } => "NamesNotOfNode",
            Self::NodeReady { .. } => "NodeReady",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged => f.write_str("expected a PKCS#10 request signed by its own key"),
            Self::Subject { found } => {
                write!(f, "expected the subject O={NODES},CN={NODE_USER}NAME, found {found}")
            }
            Self::Requester { expected, found } => {
                write!(f, "expected a request by {expected}, found one by {found}")
            }
            Self::Usages { expected, found } => write!(f, "expected the usages {expected}, found {found}"),
            Self::NamesForbidden { found } => write!(f, "expected no such alternative names, found {found}"),
            Self::NamesMissing => {
                f.write_str("expected at least one name or address of the node, found none")
            }
            Self::NotTheNodes { node, found } => {
                write!(f, "expected only names and addresses of node {node}, found {found}")
            }
            Self::NodeReady { node } => {
                write!(f, "node {node} is ready: expected the node itself to ask, found a bootstrapper")
            }
        }
    }
}

/// Judges a CertificateSigningRequest. `node` is the Node object that the request's subject names ([`node_of`]), if there
/// is one.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::{entropy::System, join::{Request, approval::{Policy, Verdict, judge}}, manifest::Object};
/// # use k8sboot_core::pki::{KeyAlgorithm, KeySource, RandomKeys};
/// # use serde_json::json;
/// # let key = RandomKeys::new(&System).generate(KeyAlgorithm::EcdsaP256, "kubelet-client")?;
/// let mut request = Request::client("worker-1", &key)?.object()?.into_value();
/// request["spec"]["username"] = json!("system:bootstrap:abcdef");
/// request["spec"]["groups"] = json!(["system:bootstrappers:kubeadm:default-node-token"]);
/// let verdict = judge(&Object::from_value(request)?, None, &Policy::default());
/// assert_eq!(verdict.reason(), "NodeVerified");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn judge(request: &Object, node: Option<&Object>, policy: &Policy) -> Verdict {
    let value = request.as_value();
    let text = |field: &str| value.pointer(field).and_then(Value::as_str).unwrap_or_default();
    let kind = match text("/spec/signerName") {
        KUBELET_CLIENT_SIGNER => Kind::Client,
        KUBELET_SERVING_SIGNER => Kind::Serving,
        other => return Verdict::Leave(Leave::OtherSigner { found: other.to_owned() }),
    };
    if CsrState::of(request) != CsrState::Pending {
        return Verdict::Leave(Leave::Decided);
    }
    let Some(csr) = request_of(value) else { return Verdict::Deny(Refusal::Damaged) };
    let Some(name) = node_name(&csr) else {
        return Verdict::Deny(Refusal::Subject { found: csr.subject().to_string() });
    };
    let user = text("/spec/username");
    let groups = texts(value, "/spec/groups");
    let judged = usages(kind, &texts(value, "/spec/usages")).and_then(|()| match kind {
        Kind::Client => client(&csr, &name, user, &groups, node, policy),
        Kind::Serving => serving(&csr, &name, user, &groups),
    });
    if let Err(refusal) = judged {
        return Verdict::Deny(refusal);
    }
    if kind == Kind::Serving {
        let Some(node) = node.filter(|node| node.key().name == name) else {
            return Verdict::Leave(Leave::NodeUnknown { node: name });
        };
        if let Err(refusal) = own_names(&csr, &name, node) {
            return Verdict::Deny(refusal);
        }
    }
    Verdict::Approve { kind, node: name }
}

/// The name of the node that a request is about; none if it is no kubelet's.
#[must_use]
pub fn node_of(request: &Object) -> Option<String> {
    node_name(&request_of(request.as_value())?)
}

/// Whether a Node says that it is ready.
#[must_use]
pub fn is_ready(node: &Object) -> bool {
    let conditions = node.as_value().pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|condition| {
        let is = |field: &str, value: &str| condition.get(field).and_then(Value::as_str) == Some(value);
        is("type", "Ready") && is("status", "True")
    })
}

/// Exactly one organization, the nodes', and a node's common name; nothing else.
fn node_name(csr: &Csr) -> Option<String> {
    let attributes: Vec<_> = csr.subject().rdns().iter().flatten().collect();
    let only = |kind: &str| {
        let mut of_kind = attributes.iter().filter(|attribute| attribute.kind == kind);
        of_kind.next().filter(|_| of_kind.next().is_none()).map(|attribute| attribute.value.as_str())
    };
    if attributes.len() != 2 || only("O") != Some(NODES) {
        return None;
    }
    only("CN")?.strip_prefix(NODE_USER).filter(|name| !name.is_empty()).map(str::to_owned)
}

fn usages(kind: Kind, found: &[&str]) -> Result<(), Refusal> {
    let (purpose, expected) = match kind {
        Kind::Client => ("client auth", "digital signature, client auth and at most key encipherment"),
        Kind::Serving => ("server auth", "digital signature, server auth and at most key encipherment"),
    };
    let allowed = ["digital signature", "key encipherment", purpose];
    let right = found.contains(&"digital signature")
        && found.contains(&purpose)
        && found.iter().all(|usage| allowed.contains(usage));
    if right { Ok(()) } else { Err(Refusal::Usages { expected, found: found.join(", ") }) }
}

fn client(
    csr: &Csr,
    name: &str,
    user: &str,
    groups: &[&str],
    node: Option<&Object>,
    policy: &Policy,
) -> Result<(), Refusal> {
    let names = all_names(csr);
    if !names.is_empty() {
        return Err(Refusal::NamesForbidden { found: names.join(", ") });
    }
    if itself(name, user, groups).is_ok() {
        return Ok(());
    }
    if !policy.bootstrappers.iter().any(|group| groups.contains(&group.as_str())) {
        let expected = format!("{NODE_USER}{name} or a member of {}", policy.bootstrappers.join(", "));
        return Err(Refusal::Requester { expected, found: user.to_owned() });
    }
    let taken = node.is_some_and(|node| node.key().name == name && is_ready(node));
    if taken && !policy.replace_ready_nodes {
        return Err(Refusal::NodeReady { node: name.to_owned() });
    }
    Ok(())
}

fn serving(csr: &Csr, name: &str, user: &str, groups: &[&str]) -> Result<(), Refusal> {
    itself(name, user, groups)?;
    if !csr.other_names().is_empty() {
        return Err(Refusal::NamesForbidden { found: csr.other_names().join(", ") });
    }
    if csr.dns_names().is_empty() && csr.ip_addresses().is_empty() {
        return Err(Refusal::NamesMissing);
    }
    Ok(())
}

/// The node itself asks.
fn itself(name: &str, user: &str, groups: &[&str]) -> Result<(), Refusal> {
    let expected = format!("{NODE_USER}{name}");
    if user == expected && groups.contains(&NODES) {
        return Ok(());
    }
    Err(Refusal::Requester { expected, found: user.to_owned() })
}

/// Every name and address is one that the Node object has.
fn own_names(csr: &Csr, name: &str, node: &Object) -> Result<(), Refusal> {
    let addresses = node.as_value().pointer("/status/addresses").and_then(Value::as_array);
    let mut names = BTreeSet::from([name.to_lowercase()]);
    let mut numbers: BTreeSet<IpAddr> = BTreeSet::new();
    for entry in addresses.into_iter().flatten() {
        let text = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default();
        let address = text("address");
        match (text("type"), address.parse::<IpAddr>()) {
            ("InternalIP" | "ExternalIP" | "Hostname", Ok(number)) => {
                numbers.extend([number.to_canonical()]);
            }
            ("Hostname" | "InternalDNS" | "ExternalDNS", Err(_)) => {
                names.extend([address.to_lowercase()]);
            }
            _ => {}
        }
    }
    let foreign_names = csr.dns_names().iter().filter(|name| !names.contains(&name.to_lowercase())).cloned();
    let foreign_numbers =
        csr.ip_addresses().iter().filter(|number| !numbers.contains(&number.to_canonical()));
    let foreign: Vec<String> = foreign_names.chain(foreign_numbers.map(IpAddr::to_string)).collect();
    if foreign.is_empty() {
        return Ok(());
    }
    Err(Refusal::NotTheNodes { node: name.to_owned(), found: foreign.join(", ") })
}

fn all_names(csr: &Csr) -> Vec<String> {
    let numbers = csr.ip_addresses().iter().map(IpAddr::to_string);
    csr.dns_names().iter().cloned().chain(numbers).chain(csr.other_names().iter().cloned()).collect()
}

fn texts<'a>(value: &'a Value, pointer: &str) -> Vec<&'a str> {
    let items = value.pointer(pointer).and_then(Value::as_array);
    items.into_iter().flatten().filter_map(Value::as_str).collect()
}
