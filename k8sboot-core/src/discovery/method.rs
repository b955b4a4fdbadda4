//! By what a cluster is found and trusted.

use super::{DiscoveryError, Endpoint, Seal};
use crate::{
    config,
    kubeconfig::Kubeconfig,
    token::{BootstrapToken, CaPin},
};

/// By what a cluster is found and trusted. `Debug` shows no secret.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::discovery::Discovery;
/// let pin = "sha256:6c5eaacb6bbeee5cbcdb62e35fd0cffc305e8372337a6861e9e4000f926f61ad".parse()?;
/// let endpoints = vec!["192.0.2.10:6443".parse()?, "192.0.2.11:6443".parse()?];
/// let discovery = Discovery::token("abcdef.0123456789abcdef".parse()?, endpoints, vec![pin])?;
/// # let Discovery::Token { endpoints, .. } = discovery else { unreachable!() };
/// # assert_eq!(endpoints.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Discovery {
    /// A token, and pins of the cluster's CA.
    #[non_exhaustive]
    Token {
        /// The token.
        token: BootstrapToken,
        /// Asked at the same time; the first whose answer can be trusted counts.
        endpoints: Vec<Endpoint>,
        /// One must match; empty only if whoever knows the token is trusted.
        pins: Vec<CaPin>,
    },
    /// A kubeconfig on this node.
    File {
        /// Its path.
        path: String,
    },
    /// A kubeconfig that is fetched over https.
    Url {
        /// Its address.
        url: String,
    },
    /// A kubeconfig.
    Inline {
        /// The kubeconfig, its files [embedded](Kubeconfig::embed).
        kubeconfig: Box<Kubeconfig>,
    },
    /// A join bundle.
    Bundle {
        /// Its text.
        text: String,
        /// What it is sealed to.
        seal: Seal,
    },
}

impl Discovery {
    /// By a token and pins, at one or more endpoints.
    ///
    /// # Errors
    ///
    /// [`DiscoveryError::Options`] without an endpoint or without a pin.
    pub fn token(
        token: BootstrapToken,
        endpoints: Vec<Endpoint>,
        pins: Vec<CaPin>,
    ) -> Result<Self, DiscoveryError> {
        if pins.is_empty() {
            return Err(DiscoveryError::Options {
                field: "caCertHashes",
                expected: "at least one hash of the cluster's CA",
                found: "none".to_owned(),
                remedy: "take it from the join command; unsafeSkipCAVerification goes without",
            });
        }
        Self::by_token(token, endpoints, pins)
    }

    /// By a token alone: whoever knows it, as every node that used it does, can pose as the cluster.
    ///
    /// This is kubeadm's `unsafeSkipCAVerification`.
    ///
    /// # Errors
    ///
    /// [`DiscoveryError::Options`] without an endpoint.
    pub fn token_unsafe_skip_ca_verification(
        token: BootstrapToken,
        endpoints: Vec<Endpoint>,
    ) -> Result<Self, DiscoveryError> {
        Self::by_token(token, endpoints, Vec::new())
    }

    fn by_token(
        token: BootstrapToken,
        endpoints: Vec<Endpoint>,
        pins: Vec<CaPin>,
    ) -> Result<Self, DiscoveryError> {
        if endpoints.is_empty() {
            return Err(DiscoveryError::Options {
                field: "apiServerEndpoint",
                expected: "at least one HOST:PORT",
                found: "none".to_owned(),
                remedy: "take it from the join command",
            });
        }
        // Asking one twice would only tell its failure twice.
        let mut each: Vec<Endpoint> = Vec::new();
        for endpoint in endpoints {
            if !each.contains(&endpoint) {
                each.push(endpoint);
            }
        }
        Ok(Self::Token { token, endpoints: each, pins })
    }
}

impl From<&config::Discovery> for Discovery {
    /// What a JoinConfiguration says; its pins were proven already.
    fn from(discovery: &config::Discovery) -> Self {
        match discovery {
            config::Discovery::Token { token, endpoint, ca_pins } => {
                Self::Token { token: token.clone(), endpoints: vec![endpoint.into()], pins: ca_pins.clone() }
            }
            config::Discovery::File { path } => Self::File { path: path.clone() },
            config::Discovery::Url { url } => Self::Url { url: url.clone() },
        }
    }
}
