//! Asks the network for the cluster, by the judgements of [`crate::discovery`].

mod ask;
mod bundle;
mod host;
mod kubeconfig;
mod options;
mod race;
mod token;
mod tokens;

pub use bundle::join_bundle;
pub use options::DiscoverOptions;
pub use tokens::ClusterTokens;

use self::{kubeconfig::KubeconfigAsker, race::race, token::TokenAsker};
use crate::{
    discovery::{Discovered, Discovery, DiscoveryError},
    exec::Run,
};

/// Finds a cluster and comes to trust it.
///
/// Blocks until the cluster is found, every endpoint has failed, or it is cancelled (within 20 ms). Events tell what is
/// waited for: once per endpoint and cause.
///
/// - *Token*: every endpoint is asked at the same time; the first whose answer is signed with the token and names a pinned
///   CA, and which answers the same over a connection verified with this CA, counts. A missing signature is waited for up
///   to [`DiscoverOptions::timeout`], looked at five times a second; what may pass (a server that is down) up to
///   [`DiscoverOptions::patience`]; all else is final.
/// - *Kubeconfig* (file, https, inline): its server must have a certificate of its CA, or of the host's authorities.
/// - *Join bundle*: opened on this node; asks nobody for trust.
///
/// At the end the cluster is asked, over a verified connection, whether it accepts the credentials for the TLS bootstrap.
/// Proxies of the environment are not used.
///
/// Source: kubeadm 1.36, token, file and HTTPS discovery.
///
/// # Errors
///
/// [`DiscoveryError::Endpoints`] with the cause of every endpoint, [`DiscoveryError::Cancelled`]; for kubeconfigs and bundles
/// what is wrong with them.
///
/// # Examples
///
/// ```no_run
/// use k8sboot_core::{api::{DiscoverOptions, discover}, discovery::Discovery, exec::Run};
///
/// let pin = "sha256:6c5eaacb6bbeee5cbcdb62e35fd0cffc305e8372337a6861e9e4000f926f61ad".parse()?;
/// let token = "abcdef.0123456789abcdef".parse()?;
/// let discovery = Discovery::token(token, vec!["192.0.2.10:6443".parse()?], vec![pin])?;
/// let found = discover(&discovery, &DiscoverOptions::default(), &Run::default())?;
/// println!("{}", found.server());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn discover(
    discovery: &Discovery,
    options: &DiscoverOptions,
    run: &Run,
) -> Result<Discovered, DiscoveryError> {
    match discovery {
        Discovery::Token { token, endpoints, pins } => {
            let askers = endpoints.iter().map(|endpoint| {
                let asker = TokenAsker {
                    endpoint: endpoint.clone(),
                    token: token.clone(),
                    pins: pins.clone(),
                    options: options.clone(),
                    asked: std::cell::RefCell::default(),
                };
                (endpoint.to_string(), Box::new(move |asking: &_| asker.ask(asking)) as race::Asker<_>)
            });
            race(askers.collect(), options, run)
        }
        Discovery::File { path } => KubeconfigAsker::of_file(path)?.ask(options, run),
        Discovery::Url { url } => KubeconfigAsker::of_url(url, options, run)?.ask(options, run),
        Discovery::Inline { kubeconfig } => KubeconfigAsker::new(kubeconfig)?.ask(options, run),
        Discovery::Bundle { text, seal } => bundle::discover(text, seal, options, run),
    }
}
