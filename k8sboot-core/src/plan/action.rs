//! The kinds of steps, few and without conditions: if a step needs an `if`, the planner decides it.

use crate::{
    health::Check,
    kubeconfig::Kubeconfig,
    manifest::{Object, ObjectKey, node::ControlPlaneMark},
    pki::{CertSpec, KeyAlgorithm, upload::Entry},
    time::GoDuration,
};

/// What a step does. Paths are absolute node paths; the executor puts them below its root.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Action {
    /// Makes a directory; its parents exist or are made with mode 0755.
    MakeDirectory {
        /// Where.
        path: String,
        /// Permission bits of the directory itself.
        mode: u32,
    },
    /// Writes a file that holds no secret of ours, whole.
    WriteFile {
        /// Where.
        path: String,
        /// Permission bits, set before the first byte.
        mode: u32,
        /// What.
        content: String,
    },
    /// Makes a certificate with its key, or a certificate for the key that is there.
    EnsureKeyPair(Box<KeyPairAction>),
    /// Makes a key pair without certificate: `PATH.key` (0600) and `PATH.pub` (0600, as kubeadm).
    EnsureKey {
        /// Path without extension, for example `/etc/kubernetes/pki/sa`.
        path: String,
        /// The kind of key.
        algorithm: KeyAlgorithm,
        /// Whether the private key is there already and only the public file is missing.
        key_exists: bool,
    },
    /// Writes a kubeconfig, 0600, with a fresh client certificate or with one that was signed elsewhere.
    WriteKubeconfig(Box<ClientKubeconfig>),
    /// Renews a certificate with a new key: a pair of files, or the client of a kubeconfig.
    Renew(Box<RenewAction>),
    /// Makes a certificate request, and the key it is for if there is none.
    Request(Box<RequestAction>),
    /// Gives a complete temporary file its name: the end of a pair's replacement that a kill interrupted.
    PublishTemporary {
        /// The name it gets.
        path: String,
    },
    /// Removes one file. Used for left-over temporary files.
    RemovePath {
        /// Where.
        path: String,
    },
    /// Lets a kubeconfig's current user take certificate and key from one file instead of having them embedded.
    PointKubeconfig {
        /// The kubeconfig.
        path: String,
        /// The file with certificate and key.
        client: String,
    },
    /// Waits until something that others bring about is so.
    WaitFor {
        /// For what.
        condition: Condition,
        /// How long at most.
        timeout: GoDuration,
    },
    /// Applies an object to the cluster: fields that others set to another value stay and are told.
    ApplyObject {
        /// The object.
        object: Box<Object>,
        /// How.
        how: ApplyHow,
    },
    /// Makes a Node a control plane: labels, annotations, taints.
    MarkNode(Box<ControlPlaneMark>),
    /// Seals files of the tree with the executor's certificate key and puts them into Secret `kubeadm-certs`, with the
    /// token whose end removes it.
    UploadCertificates {
        /// The files by their names in the Secret.
        entries: Vec<Entry>,
    },
    /// Writes a kubeconfig whose credentials are known already, 0600.
    WriteCredentials {
        /// Where.
        path: String,
        /// What; `Debug` shows no credential.
        kubeconfig: Box<Kubeconfig>,
    },
    /// Gets the kubelet its first client certificate, and removes the bootstrap kubeconfig, also on failure.
    BootstrapKubelet(Box<BootstrapAction>),
    /// Waits until the kubelet says that it is healthy.
    WaitForKubelet {
        /// `http://ADDRESS:PORT/healthz`.
        url: String,
        /// How long at most.
        timeout: GoDuration,
    },
    /// Registers the Node with the node's own identity, unless it is there.
    RegisterNode {
        /// The Node.
        object: Box<Object>,
        /// The kubeconfig with that identity.
        kubeconfig: String,
    },
}

/// See [`Action::BootstrapKubelet`].
#[derive(Clone, Debug)]
pub struct BootstrapAction {
    /// The node's name.
    pub node: String,
    /// The kubeconfig with the credentials of the bootstrap; it is removed at the end.
    pub bootstrap: String,
    /// The kubeconfig that is to be.
    pub kubeconfig: String,
    /// Who asks for the certificate.
    pub by: BootstrapBy,
    /// How long to wait at most.
    pub timeout: GoDuration,
}

/// Who asks for the kubelet's first certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BootstrapBy {
    /// The kubelet itself, as with kubeadm.
    Kubelet {
        /// Where it tells whether it is healthy, `http://ADDRESS:PORT/healthz`; none if it does not.
        health: Option<String>,
    },
    /// This library, with a key of this kind.
    Library {
        /// Kind of key.
        algorithm: KeyAlgorithm,
    },
}

/// See [`Action::WaitFor`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Condition {
    /// All of these components are healthy.
    Healthy(Vec<Check>),
    /// The Node is registered and has the label `kubernetes.io/hostname`.
    Node {
        /// Its name.
        name: String,
    },
}

/// See [`Action::ApplyObject`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApplyHow {
    /// Fields that stay as they are in an object that is there, unless this library set them: `data.Corefile`.
    pub keep: &'static [&'static str],
    /// The object whose removal removes this one.
    pub owner: Option<ObjectKey>,
    /// Whether super-admin.conf may be used where admin.conf has no rights yet.
    pub grants_admin: bool,
}

/// See [`Action::EnsureKeyPair`].
#[derive(Clone, Debug)]
pub struct KeyPairAction {
    /// What to certify.
    pub spec: CertSpec,
    /// Path without extension: `PATH.crt` (0644) and `PATH.key` (0600).
    pub path: String,
    /// Who signs; `None` means self-signed.
    pub issuer: Option<IssuerRef>,
    /// Whether the private key is there already and only the certificate is missing.
    pub key_exists: bool,
}

/// See [`Action::WriteKubeconfig`].
#[derive(Clone, Debug)]
pub struct ClientKubeconfig {
    /// Where, for example `/etc/kubernetes/admin.conf`.
    pub path: String,
    /// Name of the cluster entry.
    pub cluster: String,
    /// `https://HOST:PORT`.
    pub server: String,
    /// Name of the user entry.
    pub user: String,
    /// The client certificate.
    pub client: CertSpec,
    /// Who signs it, and whose certificate the kubeconfig trusts.
    pub issuer: IssuerRef,
    /// Whether certificate and key are there already, signed elsewhere: `PATH.crt` and `PATH.key`.
    pub certificate_exists: bool,
}

/// See [`Action::Renew`].
#[derive(Clone, Debug)]
pub struct RenewAction {
    /// kubeadm's name: `apiserver`, `etcd-peer`, `admin.conf`.
    pub name: String,
    /// Path of the pair without extension, or of the kubeconfig.
    pub path: String,
    /// Whether `path` is a kubeconfig.
    pub kubeconfig: bool,
    /// Who signs.
    pub issuer: IssuerRef,
    /// Kind of the new key; `None` keeps the old one's.
    pub algorithm: Option<KeyAlgorithm>,
    /// Lifetime; `None` means 365 days.
    pub validity: Option<GoDuration>,
    /// Alternative names to take instead of the old certificate's.
    pub names: Option<CertSpec>,
    /// The kind of the key as far as it is known when planning, so that it can be made side by side with others.
    pub expected_algorithm: Option<KeyAlgorithm>,
}

/// See [`Action::Request`].
#[derive(Clone, Debug)]
pub struct RequestAction {
    /// What is asked for.
    pub spec: CertSpec,
    /// Path without extension: `PATH.csr` (0600) and `PATH.key` (0600).
    pub path: String,
    /// Whether the private key is there already.
    pub key_exists: bool,
}

/// A certificate authority of the tree, by path without extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerRef {
    /// For example `/etc/kubernetes/pki/etcd/ca`.
    pub path: String,
}

impl Action {
    /// The files or directories that the action makes or changes, in order.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        match self {
            Self::MakeDirectory { path, .. } | Self::WriteFile { path, .. } | Self::RemovePath { path } => {
                vec![path.clone()]
            }
            Self::EnsureKeyPair(pair) if pair.key_exists => vec![format!("{}.crt", pair.path)],
            Self::EnsureKeyPair(pair) => vec![format!("{}.key", pair.path), format!("{}.crt", pair.path)],
            Self::EnsureKey { path, key_exists: true, .. } => vec![format!("{path}.pub")],
            Self::EnsureKey { path, .. } => vec![format!("{path}.key"), format!("{path}.pub")],
            Self::WriteKubeconfig(kubeconfig) => vec![kubeconfig.path.clone()],
            Self::Renew(renew) if renew.kubeconfig => vec![renew.path.clone()],
            Self::Renew(renew) => vec![format!("{}.key", renew.path), format!("{}.crt", renew.path)],
            Self::Request(request) if request.key_exists => vec![format!("{}.csr", request.path)],
            Self::Request(request) => vec![format!("{}.key", request.path), format!("{}.csr", request.path)],
            Self::PublishTemporary { path } => vec![path.clone()],
            Self::WriteCredentials { path, .. } => vec![path.clone()],
            Self::BootstrapKubelet(bootstrap) => {
                vec![bootstrap.kubeconfig.clone(), bootstrap.bootstrap.clone()]
            }
            Self::WaitForKubelet { .. } | Self::RegisterNode { .. } => Vec::new(),
            Self::PointKubeconfig { path, .. } => vec![path.clone()],
            Self::WaitFor { .. }
            | Self::ApplyObject { .. }
            | Self::MarkNode(_)
            | Self::UploadCertificates { .. } => Vec::new(),
        }
    }

    /// Whether it talks to the cluster.
    #[must_use]
    pub const fn needs_cluster(&self) -> bool {
        matches!(
            self,
            Self::WaitFor { .. }
                | Self::ApplyObject { .. }
                | Self::MarkNode(_)
                | Self::UploadCertificates { .. }
                | Self::BootstrapKubelet(_)
                | Self::WaitForKubelet { .. }
                | Self::RegisterNode { .. }
        )
    }

    /// The kind as it appears in JSON, for example `writeFile`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::MakeDirectory { .. } => "makeDirectory",
            Self::WriteFile { .. } => "writeFile",
            Self::EnsureKeyPair(_) => "ensureKeyPair",
            Self::EnsureKey { .. } => "ensureKey",
            Self::WriteKubeconfig(_) => "writeKubeconfig",
            Self::Renew(_) => "renew",
            Self::Request(_) => "request",
            Self::PublishTemporary { .. } => "publishTemporary",
            Self::RemovePath { .. } => "removePath",
            Self::PointKubeconfig { .. } => "pointKubeconfig",
            Self::WaitFor { .. } => "waitFor",
            Self::ApplyObject { .. } => "applyObject",
            Self::WriteCredentials { .. } => "writeCredentials",
            Self::BootstrapKubelet(_) => "bootstrapKubelet",
            Self::WaitForKubelet { .. } => "waitForKubelet",
            Self::RegisterNode { .. } => "registerNode",
            Self::MarkNode(_) => "markNode",
            Self::UploadCertificates { .. } => "uploadCertificates",
        }
    }
}
