//! What a joining node needs before it has credentials: token Secrets and ConfigMap `cluster-info`.
//!
//! Source: kubeadm 1.36, phase bootstrap-token.

use crate::{
    config::InitConfig,
    manifest::{ManifestError, Object},
    time::Timestamp,
    token::{ClusterInfo, Signatures, TokenSpec},
};

/// One Secret per bootstrap token of the configuration, in its order.
///
/// `now` is when the tokens' lifetimes begin.
///
/// # Errors
///
/// [`ManifestError::Token`] if a token's lifetime, usages or groups do not fit together, or an id comes twice.
pub fn token_secrets(config: &InitConfig, now: Timestamp) -> Result<Vec<Object>, ManifestError> {
    let specs = TokenSpec::all_from_config(&config.init().bootstrap_tokens)?;
    specs.iter().map(|spec| Ok(spec.to_secret(now)?)).collect()
}

/// ConfigMap `cluster-info` in kube-public, readable by everybody, without signatures: the controller manager adds them.
///
/// `ca_pem` is ca.crt with every certificate in it; the server is the one of admin.conf.
///
/// # Errors
///
/// None for a proven configuration.
pub fn cluster_info(config: &InitConfig, ca_pem: &str) -> Result<Object, ManifestError> {
    Ok(ClusterInfo::new(&config.api_server(), ca_pem).to_config_map(&Signatures::default())?)
}
