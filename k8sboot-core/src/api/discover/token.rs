//! Discovery by a token at one endpoint: first without trust, then with the discovered CA alone.

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use super::{
    DiscoverOptions,
    ask::{Server, answered, bearer, clocks},
    race::Asking,
};
use crate::{
    api::{Answer, Identity, Trust},
    discovery::{
        Cause, Discovered, Endpoint,
        judge::{self, CLUSTER_INFO_PATH, Clocks},
        served,
    },
    token::{BootstrapToken, CaPin, ClusterInfo},
};

/// What every API server answers to whoever is known to it.
const ANYBODY_PATH: &str = "/version";
/// How often the cluster is asked about a token that has not signed.
const DOUBT: Duration = Duration::from_secs(1);

/// Everything about one endpoint.
pub(super) struct TokenAsker {
    pub(super) endpoint: Endpoint,
    pub(super) token: BootstrapToken,
    pub(super) pins: Vec<CaPin>,
    pub(super) options: DiscoverOptions,
    /// When the cluster was last asked about a token that has not signed, and whether it accepts it.
    pub(super) asked: RefCell<Option<(Instant, Option<bool>)>>,
}

impl TokenAsker {
    pub(super) fn ask(&self, asking: &Asking) -> Result<Discovered, Cause> {
        let stranger = self.server(asking, &self.endpoint.url(), Trust::Anyone, Identity::Anonymous)?;
        asking.until(|| self.attempt(asking, &stranger))
    }

    fn attempt(&self, asking: &Asking, stranger: &Server) -> Result<Discovered, Cause> {
        let path = match &self.endpoint {
            Endpoint::ApiServer { .. } => CLUSTER_INFO_PATH.to_owned(),
            Endpoint::Served { .. } => served::path(self.token.id()),
        };
        let unknown = Clocks { local: self.options.time(), server: None };
        let answer = stranger.get(&path, unknown)?;
        let clocks = clocks(&answer, self.options.time());
        let info = self.first(asking, &answer, clocks)?;
        let identity = self.options.tls_bootstrap_token.as_ref().unwrap_or(&self.token);
        let mut found = Discovered::with_token(info.server(), info.ca_pem(), identity);
        if let Some(warning) = judge::clock_warning(&self.endpoint, clocks) {
            found = found.warn(warning);
        }
        if let Endpoint::Served { .. } = self.endpoint {
            // The document is signed and pinned; that its server has a certificate of this CA is what is left to see.
            if !self.options.check_credentials {
                self.server(asking, info.server(), authorities(&info), Identity::Anonymous)?
                    .get(ANYBODY_PATH, clocks)?;
            }
            self.credentials(asking, info.server(), &info, clocks)?;
        } else if self.pins.is_empty() {
            // As kubeadm: without pins there is no second fetch. That the endpoint's name is not in the certificate is
            // no matter either, since the node goes to the server that the document names.
            match self.credentials(asking, &self.endpoint.url(), &info, clocks) {
                Err(refused @ (Cause::Refused { .. } | Cause::Cancelled)) => return Err(refused),
                Err(cause) => found = found.warn(format!("{}: {cause}", self.endpoint)),
                Ok(()) => {}
            }
        } else {
            let trusting =
                self.server(asking, &self.endpoint.url(), authorities(&info), Identity::Anonymous)?;
            judge::second(answered(&trusting.get(&path, clocks)?), &info)?;
            self.credentials(asking, &self.endpoint.url(), &info, clocks)?;
        }
        Ok(found)
    }

    /// Judges the first answer. Where the signature is missing and the CA is pinned, the cluster itself can say whether
    /// the token is any good.
    fn first(&self, asking: &Asking, answer: &Answer, clocks: Clocks) -> Result<ClusterInfo, Cause> {
        let judged = match &self.endpoint {
            Endpoint::ApiServer { .. } => judge::first(answered(answer), &self.token, &self.pins, clocks),
            Endpoint::Served { .. } => served::judge(answered(answer), &self.token, &self.pins, clocks),
        };
        let unsigned = matches!(judged, Err(Cause::NotSigned { .. } | Cause::UnknownToken { .. }));
        if !unsigned || self.options.tls_bootstrap_token.is_some() || !self.options.check_credentials {
            return judged;
        }
        let Some(info) = judge::pinned(answered(answer), &self.pins) else { return judged };
        let standing = self.standing(asking, &info, clocks);
        judged.map_err(|cause| match (cause, standing) {
            // Nothing will sign with a token that is not there.
            (Cause::NotSigned { .. }, Some(false)) => Cause::Refused { who: who(&self.token) },
            (Cause::UnknownToken { id, others, .. }, accepted) => {
                Cause::UnknownToken { id, others, accepted }
            }
            (cause, _) => cause,
        })
    }

    /// Whether the cluster accepts the token, asked once a second; nothing if it cannot be asked.
    fn standing(&self, asking: &Asking, info: &ClusterInfo, clocks: Clocks) -> Option<bool> {
        let ask = || {
            let known =
                self.server(asking, &self.endpoint.url(), authorities(info), bearer(&self.token)).ok()?;
            let answer = known.get(ANYBODY_PATH, clocks).ok()?;
            match judge::credentials(answered(&answer), &who(&self.token)) {
                Ok(()) => Some(true),
                Err(Cause::Refused { .. }) => Some(false),
                Err(_) => None,
            }
        };
        let recent = self.asked.take().filter(|(at, _)| at.elapsed() < DOUBT);
        let (at, standing) = recent.unwrap_or_else(|| (Instant::now(), ask()));
        self.asked.replace(Some((at, standing)));
        standing
    }

    fn credentials(
        &self,
        asking: &Asking,
        url: &str,
        info: &ClusterInfo,
        clocks: Clocks,
    ) -> Result<(), Cause> {
        if !self.options.check_credentials {
            return Ok(());
        }
        let token = self.options.tls_bootstrap_token.as_ref().unwrap_or(&self.token);
        let known = self.server(asking, url, authorities(info), bearer(token))?;
        judge::credentials(answered(&known.get(ANYBODY_PATH, clocks)?), &who(token))
    }

    fn server(&self, asking: &Asking, url: &str, trust: Trust, identity: Identity) -> Result<Server, Cause> {
        Server::new(url, trust, identity, None, &self.options, &asking.cancel)
    }
}

fn authorities(info: &ClusterInfo) -> Trust {
    Trust::Authorities(info.ca_pem().to_owned())
}

fn who(token: &BootstrapToken) -> String {
    format!("token {}", token.id())
}
