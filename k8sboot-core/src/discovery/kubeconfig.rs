//! Kubeconfigs as the way to a cluster: from a file, from an address, or given.

use super::{Discovered, DiscoveryError};
use crate::{
    kubeconfig::{Cluster, Kubeconfig, Source, User},
    token::BootstrapToken,
};

/// What of a discovery kubeconfig counts: a cluster, and perhaps credentials. `Debug` shows no credential.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Basis {
    /// `https://HOST:PORT`.
    pub server: String,
    /// The PEM text of the CA; `None` if the host's authorities are to vouch for the server.
    pub ca_pem: Option<String>,
    /// The name that the server's certificate is for, if not that of the address.
    pub server_name: Option<String>,
    /// The cluster's name.
    pub cluster_name: String,
    /// The current context's name.
    pub context_name: String,
    /// Name and credentials of the current context's user, if it has any.
    pub user: Option<(String, User)>,
}

/// What of a kubeconfig counts. The cluster is the one without a name, or else that of the current context; its files must
/// be [embedded](Kubeconfig::embed).
///
/// # Errors
///
/// [`DiscoveryError::Unusable`] without such a cluster, for a server that is not https, or one that is not to be verified.
pub fn basis(kubeconfig: &Kubeconfig) -> Result<Basis, DiscoveryError> {
    let wrong = |field: &str, expected, found: &str| DiscoveryError::Unusable {
        field: field.to_owned(),
        expected,
        found: found.to_owned(),
    };
    let context = kubeconfig.contexts.get(&kubeconfig.current_context);
    let named = || context.and_then(|context| kubeconfig.clusters.get_key_value(&context.cluster));
    let (cluster_name, cluster) =
        kubeconfig.clusters.get_key_value("").or_else(named).ok_or_else(|| {
            wrong("clusters", "a cluster without name or one of the current context", "none")
        })?;
    if !cluster.server.starts_with("https://") {
        let found = format!("{:?}", cluster.server.chars().take(80).collect::<String>());
        return Err(wrong("clusters.cluster.server", "https://HOST:PORT", &found));
    }
    if cluster.insecure_skip_tls_verify {
        return Err(wrong("clusters.cluster.insecure-skip-tls-verify", "a cluster that is verified", "true"));
    }
    let user = context.and_then(|context| kubeconfig.users.get_key_value(&context.user));
    let user = user.filter(|(_, user)| has_credentials(user));
    if let Some((_, user)) = user {
        embedded(user)?;
    }
    Ok(Basis {
        server: cluster.server.trim_end_matches('/').to_owned(),
        ca_pem: authority(cluster)?,
        server_name: cluster.other.0.get("tls-server-name").and_then(|name| name.as_str()).map(str::to_owned),
        cluster_name: cluster_name.clone(),
        context_name: kubeconfig.current_context.clone(),
        user: user.map(|(name, user)| (name.clone(), user.clone())),
    })
}

impl Basis {
    /// What a node knows from it: with the token for the TLS bootstrap if there is one, else with its own credentials.
    ///
    /// # Errors
    ///
    /// [`DiscoveryError::Credentials`] if there is neither.
    pub fn discovered(
        &self,
        ca_pem: &str,
        tls_bootstrap_token: Option<&BootstrapToken>,
    ) -> Result<Discovered, DiscoveryError> {
        if let Some(token) = tls_bootstrap_token {
            return Ok(Discovered::with_token(&self.server, ca_pem, token));
        }
        let (name, user) = self.user.as_ref().ok_or(DiscoveryError::Credentials)?;
        let found = Discovered::new(&self.server, ca_pem, &self.cluster_name, name, user.clone());
        Ok(found.in_context(&self.context_name))
    }
}

fn authority(cluster: &Cluster) -> Result<Option<String>, DiscoveryError> {
    let wrong = |found: &str| DiscoveryError::Unusable {
        field: "clusters.cluster.certificate-authority".to_owned(),
        expected: "embedded certificates in PEM",
        found: found.to_owned(),
    };
    match &cluster.certificate_authority {
        None => Ok(None),
        Some(Source::File(_)) => Err(wrong("the path of a file")),
        Some(Source::Inline(bytes)) => {
            let text = std::str::from_utf8(bytes).map_err(|_| wrong("bytes that are not text"))?;
            crate::pki::Certificate::all_from_pem(text).map_err(|error| wrong(&error.to_string()))?;
            Ok(Some(text.to_owned()))
        }
    }
}

/// Whether a user can authenticate, as kubeadm counts it.
fn has_credentials(user: &User) -> bool {
    let other = |field: &str| user.other.0.contains_key(field);
    user.token.as_ref().is_some_and(|token| !token.is_empty())
        || user.token_file.is_some()
        || user.client_certificate.is_some()
        || (other("username") && other("password"))
        || other("exec")
        || other("auth-provider")
}

fn embedded(user: &User) -> Result<(), DiscoveryError> {
    let path = matches!(user.client_certificate, Some(Source::File(_)))
        || matches!(user.client_key, Some(Source::File(_)))
        || user.token_file.is_some();
    if path {
        return Err(DiscoveryError::Unusable {
            field: "users.user".to_owned(),
            expected: "embedded credentials",
            found: "the path of a file".to_owned(),
        });
    }
    Ok(())
}
