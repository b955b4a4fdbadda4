//! The parts of a kubeconfig.
//!
//! Source: Kubernetes "kubeconfig (v1)", <https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/>.

use std::{collections::BTreeMap, fmt};

use serde_json::{Map, Value};

use super::KubeconfigError;
use crate::secret::SecretBytes;

/// Clusters, users, and contexts that join one of each.
///
/// What this library has no use for (`exec`, `proxy-url`, `extensions`, fields that it does not know) is carried through
/// in `other`. `Debug` shows no credential.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::{kubeconfig::Kubeconfig, secret::SecretBytes};
/// let token = SecretBytes::from("abcdef.0123456789abcdef".to_owned());
/// let config = Kubeconfig::with_token("kubernetes", "https://192.0.2.10:6443", "PEM\n", "joiner", token);
/// let text = config.to_yaml();
/// assert_eq!(
///     text.expose_str().unwrap(),
///     "apiVersion: v1
/// clusters:
/// - cluster:
///     certificate-authority-data: UEVNCg==
///     server: https://192.0.2.10:6443
///   name: kubernetes
/// contexts:
/// - context:
///     cluster: kubernetes
///     user: joiner
///   name: joiner@kubernetes
/// current-context: joiner@kubernetes
/// kind: Config
/// users:
/// - name: joiner
///   user:
///     token: abcdef.0123456789abcdef
/// "
/// );
/// assert_eq!(Kubeconfig::parse(text.expose_str().unwrap())?.current()?.cluster.server, "https://192.0.2.10:6443");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Kubeconfig {
    /// By name.
    pub clusters: BTreeMap<String, Cluster>,
    /// By name.
    pub contexts: BTreeMap<String, Context>,
    /// By name.
    pub users: BTreeMap<String, User>,
    /// Name of the context that is used unless another is asked for; may be empty.
    pub current_context: String,
    /// `extensions`, `preferences` and unknown fields.
    pub other: Extra,
}

/// Where a cluster is and how to recognise it.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// `https://HOST:PORT`.
    pub server: String,
    /// PEM text of the certificate authorities that vouch for the server; `None` means those of the host.
    pub certificate_authority: Option<Source<Vec<u8>>>,
    /// Whether to trust any server.
    pub insecure_skip_tls_verify: bool,
    /// `tls-server-name`, `proxy-url`, `disable-compression`, `extensions` and unknown fields.
    pub other: Extra,
}

/// A cluster and a user of it.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Name of the cluster.
    pub cluster: String,
    /// Name of the user.
    pub user: String,
    /// Default namespace; empty means `default`.
    pub namespace: String,
    /// `extensions` and unknown fields.
    pub other: Extra,
}

/// How a user authenticates. `Debug` shows no credential.
#[derive(Clone, Debug, Default)]
pub struct User {
    /// PEM text of the client certificate, the leaf first.
    pub client_certificate: Option<Source<Vec<u8>>>,
    /// PEM text of its private key.
    pub client_key: Option<Source<SecretBytes>>,
    /// Bearer token.
    pub token: Option<SecretBytes>,
    /// Path of a file with the bearer token, read again and again; has precedence over `token`.
    pub token_file: Option<String>,
    /// `exec`, `auth-provider`, `username`, `password`, `as`, `extensions` and unknown fields.
    pub other: Extra,
}

/// Something that is either in the kubeconfig itself or in a file beside it.
#[derive(Clone, Debug)]
pub enum Source<T> {
    /// In the kubeconfig, in base64.
    Inline(T),
    /// The path of a file, relative to the kubeconfig's directory.
    File(String),
}

/// Fields that are carried through. `Debug` shows their names only.
#[derive(Clone, Default, PartialEq)]
pub struct Extra(pub Map<String, Value>);

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The context in use with what it names.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Current<'a> {
    /// Name of the context.
    pub name: &'a str,
    /// The context.
    pub context: &'a Context,
    /// Its cluster.
    pub cluster: &'a Cluster,
    /// Its user.
    pub user: &'a User,
}

impl Kubeconfig {
    /// One user with a client certificate, everything embedded, in the current context `USER@CLUSTER`: what kubeadm
    /// writes as `admin.conf` and its like.
    #[must_use]
    pub fn client_certificate(
        cluster: &str,
        server: &str,
        ca_pem: &str,
        user: &str,
        certificate_pem: &str,
        key: &SecretBytes,
    ) -> Self {
        let credentials = User {
            client_certificate: Some(Source::Inline(certificate_pem.as_bytes().to_vec())),
            client_key: Some(Source::Inline(key.clone())),
            ..User::default()
        };
        Self::with_user(cluster, Cluster::new(server, ca_pem), user, credentials)
    }

    /// One user with a bearer token in the current context `USER@CLUSTER`: what kubeadm writes as
    /// `bootstrap-kubelet.conf`.
    #[must_use]
    pub fn with_token(cluster: &str, server: &str, ca_pem: &str, user: &str, token: SecretBytes) -> Self {
        let credentials = User { token: Some(token), ..User::default() };
        Self::with_user(cluster, Cluster::new(server, ca_pem), user, credentials)
    }

    /// The same with `namespace` as the default namespace of the current context.
    #[must_use]
    pub fn in_namespace(mut self, namespace: &str) -> Self {
        if let Some(context) = self.contexts.get_mut(&self.current_context) {
            namespace.clone_into(&mut context.namespace);
        }
        self
    }

    fn with_user(cluster_name: &str, cluster: Cluster, user_name: &str, user: User) -> Self {
        let name = format!("{user_name}@{cluster_name}");
        let context = Context { cluster: cluster_name.into(), user: user_name.into(), ..Context::default() };
        Self {
            clusters: BTreeMap::from([(cluster_name.to_owned(), cluster)]),
            contexts: BTreeMap::from([(name.clone(), context)]),
            users: BTreeMap::from([(user_name.to_owned(), user)]),
            current_context: name,
            other: Extra::default(),
        }
    }

    /// The current context with its cluster and user.
    ///
    /// # Errors
    ///
    /// [`KubeconfigError::Missing`] says which of the names leads nowhere.
    pub fn current(&self) -> Result<Current<'_>, KubeconfigError> {
        let missing = |field: &str, what: &str, name: &str| KubeconfigError::Missing {
            field: field.to_owned(),
            expected: if name.is_empty() {
                format!("the name of a {what}")
            } else {
                format!("a {what} named {name:?}")
            },
        };
        let name = self.current_context.as_str();
        let context = self
            .contexts
            .get(name)
            .filter(|_| !name.is_empty())
            .ok_or_else(|| missing("current-context", "context", name))?;
        let field = |member: &str| format!("contexts[{name:?}].{member}");
        let cluster = self
            .clusters
            .get(&context.cluster)
            .filter(|_| !context.cluster.is_empty())
            .ok_or_else(|| missing(&field("cluster"), "cluster", &context.cluster))?;
        let user = self
            .users
            .get(&context.user)
            .filter(|_| !context.user.is_empty())
            .ok_or_else(|| missing(&field("user"), "user", &context.user))?;
        Ok(Current { name, context, cluster, user })
    }
}

impl Cluster {
    /// A cluster whose certificate authorities are embedded.
    #[must_use]
    pub fn new(server: &str, ca_pem: &str) -> Self {
        Self {
            server: server.to_owned(),
            certificate_authority: Some(Source::Inline(ca_pem.as_bytes().to_vec())),
            ..Self::default()
        }
    }

    /// The embedded certificate authorities, if they are and are text.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        match &self.certificate_authority {
            Some(Source::Inline(bytes)) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }
}
