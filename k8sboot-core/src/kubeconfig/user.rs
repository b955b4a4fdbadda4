//! Kubeconfigs for further users: scoped by groups and namespace, short-lived, in one call.

use super::{Kubeconfig, KubeconfigError};
use crate::{
    pki::{Ca, CertSpec, Issuing, KeyAlgorithm, PkiError, Subject},
    time::GoDuration,
};

/// A user who is to get a kubeconfig with a client certificate.
///
/// A certificate cannot be revoked: keep `validity` as short as the work takes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserSpec {
    /// The user's name for the API server (CN).
    pub name: String,
    /// The user's groups for the API server (O); what they may do, roles say. Default: none.
    pub groups: Vec<String>,
    /// Lifetime of the certificate from now on. Default: 365 days, as `kubeadm kubeconfig user`.
    pub validity: GoDuration,
    /// Kind of key. Default: ECDSA P-256.
    pub algorithm: KeyAlgorithm,
    /// Name of the cluster inside the kubeconfig.
    pub cluster: String,
    /// `https://HOST:PORT` of the API server.
    pub server: String,
    /// Default namespace; empty (the default) means `default`.
    pub namespace: String,
}

impl UserSpec {
    /// A user without groups, valid for 365 days.
    #[must_use]
    pub fn new(name: impl Into<String>, cluster: impl Into<String>, server: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            groups: Vec::new(),
            validity: crate::pki::LEAF_VALIDITY,
            algorithm: KeyAlgorithm::EcdsaP256,
            cluster: cluster.into(),
            server: server.into(),
            namespace: String::new(),
        }
    }

    /// Sets [`groups`](Self::groups).
    #[must_use]
    pub fn in_groups<T: Into<String>>(mut self, groups: impl IntoIterator<Item = T>) -> Self {
        self.groups = groups.into_iter().map(Into::into).collect();
        self
    }

    /// Sets [`validity`](Self::validity).
    #[must_use]
    pub fn valid_for(mut self, validity: GoDuration) -> Self {
        self.validity = validity;
        self
    }

    /// Sets [`namespace`](Self::namespace).
    #[must_use]
    pub fn in_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }
}

/// Issues a client certificate with a new key and wraps it into a kubeconfig, as `kubeadm kubeconfig user` does.
///
/// `ca` is the CA for clients of the API server (`ca.crt`). As in all kubeconfigs of kubeadm, the certificate's validity
/// begins with the CA's and ends at `now` + `validity`. For a user with a bearer token there is
/// [`Kubeconfig::with_token`].
///
/// # Errors
///
/// [`KubeconfigError::Shape`] for an empty name or a validity of zero or less, [`KubeconfigError::Issue`] when no
/// certificate could be made.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::{entropy::System, kubeconfig::{UserSpec, for_user}, pki::*, time::Timestamp};
/// # let keys = RandomKeys::new(&System);
/// # let with = Issuing { keys: &keys, entropy: &System, now: Timestamp::from_seconds(1_800_000_000) };
/// # let ca = Ca::self_signed(&CertSpec::authority("ca", "kubernetes", KeyAlgorithm::EcdsaP256), &with)?;
/// let jane = UserSpec::new("jane", "kubernetes", "https://192.0.2.10:6443")
///     .in_groups(["team-a"])
///     .valid_for("8h".parse()?)
///     .in_namespace("team-a");
/// let kubeconfig = for_user(&ca, &jane, &with)?;
/// assert!(kubeconfig.verify(&ca.chain_pem(), with.now).is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn for_user(ca: &Ca, user: &UserSpec, with: &Issuing<'_>) -> Result<Kubeconfig, KubeconfigError> {
    let wrong = |field: &str, expected, found: String| KubeconfigError::Shape {
        field: field.to_owned(),
        expected,
        found,
    };
    if user.name.is_empty() {
        return Err(wrong("user name", "a name", "none".to_owned()));
    }
    if user.validity <= GoDuration::ZERO {
        return Err(wrong("user validity", "more than 0s", user.validity.to_string()));
    }
    let subject = Subject::named(&user.name).with_organizations(&user.groups);
    let mut spec = CertSpec::user(&user.name, subject, user.algorithm);
    spec.validity = user.validity;
    let failed = |source: PkiError| KubeconfigError::Issue { user: user.name.clone(), source };
    let issued = ca.issue(&spec, with).map_err(failed)?;
    let kubeconfig = Kubeconfig::client_certificate(
        &user.cluster,
        &user.server,
        &ca.chain_pem(),
        &user.name,
        &issued.certificate.to_pem(),
        &issued.key.to_pem(),
    );
    Ok(kubeconfig.in_namespace(&user.namespace))
}
