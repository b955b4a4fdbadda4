//! What a certificate, key or kubeconfig client is to be: data that says everything but the key.

use std::net::IpAddr;

use super::{KeyAlgorithm, PkiError, San, Subject, san};
use crate::time::GoDuration;

/// By how much certificates are backdated, so that clocks may differ a little: five minutes, as kubeadm does.
pub const BACKDATE: GoDuration = GoDuration::from_seconds(300);

/// kubeadm's lifetime of leaf certificates: 365 days.
pub const LEAF_VALIDITY: GoDuration = GoDuration::from_seconds(365 * 86_400);

/// kubeadm's lifetime of certificate authorities: 3650 days.
pub const CA_VALIDITY: GoDuration = GoDuration::from_seconds(3_650 * 86_400);

/// What a certificate may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CertClass {
    /// Signs other certificates.
    Ca,
    /// Serves TLS (`serverAuth`).
    Server,
    /// Identifies a client (`clientAuth`).
    Client,
    /// Both, as members of an etcd cluster need.
    Peer,
}

impl CertClass {
    /// Whether it is for serving TLS.
    #[must_use]
    pub const fn serves(self) -> bool {
        matches!(self, Self::Server | Self::Peer)
    }

    /// Whether it is for identifying a client.
    #[must_use]
    pub const fn identifies(self) -> bool {
        matches!(self, Self::Client | Self::Peer)
    }

    /// The class of a leaf with these extended key usages; `None` without any.
    pub(super) const fn of_leaf(server_auth: bool, client_auth: bool) -> Option<Self> {
        match (server_auth, client_auth) {
            (true, true) => Some(Self::Peer),
            (true, false) => Some(Self::Server),
            (false, true) => Some(Self::Client),
            (false, false) => None,
        }
    }
}

/// When a certificate begins to be valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotBefore {
    /// [`BACKDATE`] before the time of issue.
    Backdated,
    /// With its issuer, as kubeadm's kubeconfig clients.
    SameAsIssuer,
}

/// A certificate to be made, or to be checked against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertSpec {
    /// kubeadm's name, for example `etcd-server` or `admin.conf`.
    pub name: String,
    /// Path below the certificates directory without `.crt` or `.key`, for example `etcd/server`; for kubeconfig clients
    /// the file's name.
    pub path: String,
    /// Name of the issuing CA's spec; `None` means self-signed.
    pub issuer: Option<String>,
    /// What it is for.
    pub class: CertClass,
    /// Whom it names.
    pub subject: Subject,
    /// DNS names, sorted, each once.
    pub dns_names: Vec<String>,
    /// Addresses, each once, in the order of the certificate.
    pub ip_addresses: Vec<IpAddr>,
    /// Kind of key.
    pub algorithm: KeyAlgorithm,
    /// Lifetime, counted from the time of issue (not from the backdated beginning).
    pub validity: GoDuration,
    /// When it begins to be valid.
    pub not_before: NotBefore,
}

impl CertSpec {
    /// A self-signed CA as kubeadm makes them: 3650 days, and its common name is also its only DNS name (if it can be one).
    #[must_use]
    pub fn authority(name: &str, common_name: &str, algorithm: KeyAlgorithm) -> Self {
        Self {
            name: name.to_owned(),
            path: name.to_owned(),
            issuer: None,
            class: CertClass::Ca,
            subject: Subject::named(common_name),
            dns_names: matches!(common_name.parse(), Ok(San::Dns(_)))
                .then(|| common_name.to_owned())
                .into_iter()
                .collect(),
            ip_addresses: Vec::new(),
            algorithm,
            validity: CA_VALIDITY,
            not_before: NotBefore::Backdated,
        }
    }

    /// A client of the API server as kubeadm's kubeconfigs carry them: signed by `ca`, valid since `ca` is; 365 days.
    ///
    /// # Examples
    ///
    /// ```
    /// # use k8sboot_core::{pki::{CertSpec, KeyAlgorithm, Subject}, time::GoDuration};
    /// let jane = Subject::named("jane").with_organizations(["team-a", "readers"]);
    /// let mut spec = CertSpec::user("jane", jane, KeyAlgorithm::EcdsaP256);
    /// spec.validity = GoDuration::from_seconds(8 * 3600);
    /// assert_eq!(spec.issuer.as_deref(), Some("ca"));
    /// ```
    #[must_use]
    pub fn user(name: &str, subject: Subject, algorithm: KeyAlgorithm) -> Self {
        Self {
            name: name.to_owned(),
            path: name.to_owned(),
            issuer: Some("ca".to_owned()),
            class: CertClass::Client,
            subject,
            dns_names: Vec::new(),
            ip_addresses: Vec::new(),
            algorithm,
            validity: LEAF_VALIDITY,
            not_before: NotBefore::SameAsIssuer,
        }
    }

    /// Sorts the DNS names and removes names and addresses that stand there twice, as kubeadm does.
    #[must_use]
    pub fn normalised(mut self) -> Self {
        san::normalise(&mut self.dns_names, &mut self.ip_addresses);
        self
    }
}

/// A key pair without certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySpec {
    /// Path below the certificates directory without `.key` or `.pub`.
    pub path: &'static str,
    /// Kind of key.
    pub algorithm: KeyAlgorithm,
}

/// A kubeconfig of the node: where it points and who its client is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeconfigSpec {
    /// File name, for example `admin.conf`.
    pub file: &'static str,
    /// Name of the user inside.
    pub user: String,
    /// URL of the API server.
    pub server: String,
    /// Name of the cluster inside.
    pub cluster: String,
    /// The user's certificate, signed by `ca`.
    pub client: CertSpec,
}

/// Algorithm and lifetime of one class of certificates; `None` leaves the configuration's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassPolicy {
    /// Kind of keys.
    pub algorithm: Option<KeyAlgorithm>,
    /// Lifetime.
    pub validity: Option<GoDuration>,
}

/// Algorithms and lifetimes per class of certificate, where a configuration knows one for all of them.
///
/// The default changes nothing. Ed25519 is refused for certificate authorities and the service-account key, because
/// kubeadm (`certs renew`, `join --control-plane`: "neither in RSA nor ECDSA format") and kube-apiserver
/// (`--service-account-key-file`: "RSA or ECDSA") read no such keys; as TLS keys of servers and clients it is accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Certificate authorities.
    pub ca: ClassPolicy,
    /// Servers.
    pub server: ClassPolicy,
    /// Clients, those of kubeconfigs included.
    pub client: ClassPolicy,
    /// Members of the etcd cluster.
    pub peer: ClassPolicy,
    /// The service-account key.
    pub service_account: Option<KeyAlgorithm>,
}

impl Policy {
    /// The same algorithm for every certificate and key.
    #[must_use]
    pub fn uniform(algorithm: KeyAlgorithm) -> Self {
        let class = ClassPolicy { algorithm: Some(algorithm), validity: None };
        Self { ca: class, server: class, client: class, peer: class, service_account: Some(algorithm) }
    }

    /// What it says about a class.
    #[must_use]
    pub const fn of(&self, class: CertClass) -> ClassPolicy {
        match class {
            CertClass::Ca => self.ca,
            CertClass::Server => self.server,
            CertClass::Client => self.client,
            CertClass::Peer => self.peer,
        }
    }

    /// Puts the policy's algorithm and lifetime into a spec.
    ///
    /// # Errors
    ///
    /// [`PkiError::AlgorithmRefused`] if the consumers of such a certificate do not take the algorithm.
    pub fn apply(&self, mut spec: CertSpec) -> Result<CertSpec, PkiError> {
        let class = self.of(spec.class);
        spec.algorithm = class.algorithm.unwrap_or(spec.algorithm);
        spec.validity = class.validity.unwrap_or(spec.validity);
        if spec.class == CertClass::Ca && spec.algorithm == KeyAlgorithm::Ed25519 {
            return Err(PkiError::AlgorithmRefused {
                name: spec.name,
                algorithm: spec.algorithm,
                consumer: "kubeadm certs renew and kubeadm join --control-plane",
            });
        }
        Ok(spec)
    }

    /// Puts the policy's algorithm into the spec of the service-account key.
    ///
    /// # Errors
    ///
    /// [`PkiError::AlgorithmRefused`] if kube-apiserver does not take the algorithm.
    pub fn apply_to_service_account(&self, mut spec: KeySpec) -> Result<KeySpec, PkiError> {
        spec.algorithm = self.service_account.unwrap_or(spec.algorithm);
        if spec.algorithm == KeyAlgorithm::Ed25519 {
            return Err(PkiError::AlgorithmRefused {
                name: spec.path.to_owned(),
                algorithm: spec.algorithm,
                consumer: "kube-apiserver --service-account-key-file",
            });
        }
        Ok(spec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ed25519_is_refused_where_its_consumer_does_not_read_it() {
        let policy = Policy::uniform(KeyAlgorithm::Ed25519);
        let ca = policy.apply(CertSpec::authority("ca", "kubernetes", KeyAlgorithm::Rsa2048)).unwrap_err();
        assert_eq!(
            ca.to_string(),
            "pki: ca: expected RSA or ECDSA, found Ed25519, which kubeadm certs renew and kubeadm join --control-plane cannot read (choose another algorithm)"
        );
        let sa = KeySpec { path: "sa", algorithm: KeyAlgorithm::Rsa2048 };
        assert!(matches!(policy.apply_to_service_account(sa), Err(PkiError::AlgorithmRefused { .. })));
        let user = CertSpec::user("jane", Subject::named("jane"), KeyAlgorithm::Rsa2048);
        assert_eq!(policy.apply(user).unwrap().algorithm, KeyAlgorithm::Ed25519);
    }

    #[test]
    fn a_policy_speaks_per_class_and_the_default_is_silent() {
        let spec = CertSpec::user("jane", Subject::named("jane"), KeyAlgorithm::Rsa2048);
        assert_eq!(Policy::default().apply(spec.clone()).unwrap(), spec);
        let hour = GoDuration::from_seconds(3_600);
        let client = ClassPolicy { algorithm: Some(KeyAlgorithm::EcdsaP384), validity: Some(hour) };
        let policy = Policy { client, ..Policy::default() };
        let changed = policy.apply(spec).unwrap();
        assert_eq!((changed.algorithm, changed.validity), (KeyAlgorithm::EcdsaP384, hour));
        let ca = policy.apply(CertSpec::authority("ca", "kubernetes", KeyAlgorithm::Rsa2048)).unwrap();
        assert_eq!((ca.algorithm, ca.validity), (KeyAlgorithm::Rsa2048, CA_VALIDITY));
    }
}
