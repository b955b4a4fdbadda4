//! The tokens of a running cluster, for a discovery endpoint of our own.

use std::time::SystemTime;

use super::bundle::cluster_info;
use crate::{
    api::{ApiError, Client, Resource},
    discovery::served::{Lookup, Tokens},
    time::Timestamp,
    token::{TokenId, TokenSpec, secret_name},
};

/// Asks a cluster for cluster-info and its tokens, for `exec::DiscoveryServer`: a token may sign as long as the controller
/// manager would sign with it.
///
/// Its client must be allowed to read the ConfigMap cluster-info in kube-public and Secrets in kube-system.
///
/// # Examples
///
/// ```no_run
/// use k8sboot_core::{api::{Client, ClientOptions, ClusterTokens}, exec::{DiscoveryServer, ServeLimits}, kubeconfig::Kubeconfig};
///
/// let kubeconfig = Kubeconfig::parse(&std::fs::read_to_string("/etc/kubernetes/admin.conf")?)?;
/// let client = Client::new(&ClientOptions::from_kubeconfig(&kubeconfig)?)?;
/// let server = DiscoveryServer::start("0.0.0.0:9898", ClusterTokens::new(client), ServeLimits::default())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClusterTokens {
    client: Client,
}

impl ClusterTokens {
    /// The tokens of the cluster that `client` speaks to.
    #[must_use]
    pub const fn new(client: Client) -> Self {
        Self { client }
    }

    fn ask(&self, id: &TokenId) -> Result<Lookup, ApiError> {
        let secret = self.client.get(&Resource::SECRETS, Some("kube-system"), &secret_name(id))?;
        let now = Timestamp::from(SystemTime::now());
        // As the bootstrap signer: what cannot be read, is being deleted or has expired does not sign.
        let usable =
            |spec: &TokenSpec| spec.usages.signing && spec.ttl.expiration(now).is_none_or(|end| now < end);
        let spec = secret
            .filter(|secret| secret.as_value().pointer("/metadata/deletionTimestamp").is_none())
            .and_then(|secret| TokenSpec::from_secret(&secret).ok())
            .filter(usable);
        match spec {
            Some(spec) => Ok(Lookup::found(cluster_info(&self.client)?, spec.token)),
            None => Ok(Lookup::Unknown),
        }
    }
}

impl Tokens for ClusterTokens {
    fn look_up(&self, id: &TokenId) -> Lookup {
        self.ask(id).unwrap_or(Lookup::Unavailable)
    }
}
