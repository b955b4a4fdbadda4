//! What a joining node knows of its cluster.

use crate::{
    kubeconfig::{Cluster, Context, Kubeconfig, User},
    pki::CertificateKey,
    secret::SecretBytes,
    token::{BootstrapToken, CaPin, TokenError},
};

/// The user of a bootstrap kubeconfig with a token, as kubeadm names it.
pub const TOKEN_USER: &str = "tls-bootstrap-token-user";
/// The cluster of a bootstrap kubeconfig with a token, as kubeadm names it.
const CLUSTER: &str = "kubernetes";

/// What a joining node knows of its cluster: where it is, by which CA it is recognised, and as whom the node asks for its
/// first certificate. `Debug` shows no credential.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::discovery::Discovered;
/// # let ca_pem = "-----BEGIN CERTIFICATE-----";
/// let token = "abcdef.0123456789abcdef".parse()?;
/// let found = Discovered::with_token("https://192.0.2.10:6443", ca_pem, &token);
/// let kubeconfig = found.bootstrap_kubeconfig("https://192.0.2.11:6443");
/// assert_eq!(kubeconfig.current_context, "tls-bootstrap-token-user@kubernetes");
/// assert_eq!(kubeconfig.current()?.cluster.server, "https://192.0.2.11:6443");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Discovered {
    server: String,
    ca_pem: String,
    cluster_name: String,
    user_name: String,
    context_name: String,
    user: User,
    certificate_key: Option<CertificateKey>,
    warnings: Vec<String>,
}

impl Discovered {
    /// A cluster in which a token authenticates. `server` is `https://HOST:PORT`.
    #[must_use]
    pub fn with_token(server: &str, ca_pem: &str, token: &BootstrapToken) -> Self {
        let token = SecretBytes::from(token.expose().to_owned());
        Self::new(server, ca_pem, CLUSTER, TOKEN_USER, User { token: Some(token), ..User::default() })
    }

    /// A cluster with the credentials of a kubeconfig.
    #[must_use]
    pub fn new(server: &str, ca_pem: &str, cluster_name: &str, user_name: &str, user: User) -> Self {
        Self {
            server: server.to_owned(),
            ca_pem: ca_pem.to_owned(),
            cluster_name: cluster_name.to_owned(),
            user_name: user_name.to_owned(),
            context_name: format!("{user_name}@{cluster_name}"),
            user,
            certificate_key: None,
            warnings: Vec::new(),
        }
    }

    /// Adds the key of the uploaded certificates, for a control plane.
    #[must_use]
    pub fn with_certificate_key(mut self, key: CertificateKey) -> Self {
        self.certificate_key = Some(key);
        self
    }

    pub(crate) fn in_context(mut self, name: &str) -> Self {
        name.clone_into(&mut self.context_name);
        self
    }

    /// Adds something that a person should know.
    #[must_use]
    pub fn warn(mut self, warning: impl Into<String>) -> Self {
        self.warnings.push(warning.into());
        self
    }

    /// `https://HOST:PORT` of the API servers, as the cluster names it; not the endpoint that was asked.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The PEM text of the cluster's certificate authorities.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The pins of the cluster's certificate authorities.
    ///
    /// # Errors
    ///
    /// [`TokenError::Certificate`] if one cannot be read; discovery lets none of these pass.
    pub fn pins(&self) -> Result<Vec<CaPin>, TokenError> {
        CaPin::of_certificate_pem(&self.ca_pem)
    }

    /// The cluster's name in kubeconfigs: `kubernetes`, or as the discovery kubeconfig has it.
    #[must_use]
    pub fn cluster_name(&self) -> &str {
        &self.cluster_name
    }

    /// The user's name in the bootstrap kubeconfig.
    #[must_use]
    pub fn user_name(&self) -> &str {
        &self.user_name
    }

    /// As whom the node asks for its first certificate.
    #[must_use]
    pub const fn user(&self) -> &User {
        &self.user
    }

    /// The key of the uploaded certificates, if a join bundle for a control plane brought it.
    #[must_use]
    pub const fn certificate_key(&self) -> Option<&CertificateKey> {
        self.certificate_key.as_ref()
    }

    /// What a person should know: clocks apart, servers that differ.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The kubeconfig for the TLS bootstrap at `server`: what kubeadm writes as `bootstrap-kubelet.conf`, with
    /// [`server`](Self::server) for workers and the node's own API server for control planes.
    #[must_use]
    pub fn bootstrap_kubeconfig(&self, server: &str) -> Kubeconfig {
        let context = Context {
            cluster: self.cluster_name.clone(),
            user: self.user_name.clone(),
            ..Context::default()
        };
        Kubeconfig {
            clusters: [(self.cluster_name.clone(), Cluster::new(server, &self.ca_pem))].into(),
            contexts: [(self.context_name.clone(), context)].into(),
            users: [(self.user_name.clone(), self.user.clone())].into(),
            current_context: self.context_name.clone(),
            ..Kubeconfig::default()
        }
    }
}
