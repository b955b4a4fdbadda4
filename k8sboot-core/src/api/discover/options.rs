//! How long discovery waits, and whom it trusts beside the cluster.

use std::time::Duration;

use crate::{config::JoinConfig, time::Timestamp, token::BootstrapToken};

/// How long discovery waits, and whom it trusts beside the cluster.
#[derive(Clone, Debug)]
pub struct DiscoverOptions {
    pub(super) timeout: Duration,
    pub(super) patience: Duration,
    pub(super) attempt: Duration,
    pub(super) tls_bootstrap_token: Option<BootstrapToken>,
    pub(super) authorities: Option<String>,
    pub(super) check_credentials: bool,
    pub(super) now: Option<Timestamp>,
}

impl Default for DiscoverOptions {
    /// Waits 5 minutes for the signature (kubeadm's `timeouts.discovery`), 5 s for what may pass, 5 s for each answer.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(300),
            patience: Duration::from_secs(5),
            attempt: Duration::from_secs(5),
            tls_bootstrap_token: None,
            authorities: None,
            check_credentials: true,
            now: None,
        }
    }
}

impl DiscoverOptions {
    /// What a JoinConfiguration says: `timeouts.discovery` and `tlsBootstrapToken`.
    #[must_use]
    pub fn of(config: &JoinConfig) -> Self {
        let timeout = config.join().timeouts.as_ref().and_then(|timeouts| timeouts.discovery);
        let seconds = timeout.and_then(|timeout| u64::try_from(timeout.seconds()).ok());
        let mut options = Self::default();
        options.timeout = seconds.map_or(options.timeout, Duration::from_secs);
        options.tls_bootstrap_token = config.tls_bootstrap_token().cloned();
        options
    }

    /// How long to wait for the signature of the controller manager. Default: 5 minutes.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long to wait out what may pass: a server that is down or busy, a token that is not known yet. Default: 5 s.
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How long to wait for each answer. Default: 5 s.
    #[must_use]
    pub const fn attempt(mut self, attempt: Duration) -> Self {
        self.attempt = attempt;
        self
    }

    /// The token for the kubelet's first certificate. Default: the discovery token, or the credentials of the kubeconfig.
    #[must_use]
    pub fn tls_bootstrap_token(mut self, token: BootstrapToken) -> Self {
        self.tls_bootstrap_token = Some(token);
        self
    }

    /// The authorities (PEM) that vouch for https addresses and for servers of kubeconfigs without a CA. Default: those of
    /// the host.
    #[must_use]
    pub fn authorities(mut self, pem: impl Into<String>) -> Self {
        self.authorities = Some(pem.into());
        self
    }

    /// Whether to ask the cluster, once it is trusted, if it accepts the credentials. Default: yes.
    #[must_use]
    pub const fn check_credentials(mut self, check: bool) -> Self {
        self.check_credentials = check;
        self
    }

    /// The time to judge by. Default: the system's clock.
    #[must_use]
    pub const fn now(mut self, now: Timestamp) -> Self {
        self.now = Some(now);
        self
    }

    pub(super) fn time(&self) -> Timestamp {
        self.now.unwrap_or_else(|| std::time::SystemTime::now().into())
    }
}
