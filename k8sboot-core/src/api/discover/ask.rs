//! One question to one server, its outcome in the terms of discovery.

use super::DiscoverOptions;
use crate::{
    api::{Answer, ApiError, Client, ClientOptions, Identity, Method, TlsProblem, Trust},
    discovery::{
        Cause,
        judge::{self, Answered, Clocks},
    },
    exec::CancelToken,
    kubeconfig::{Source, User},
    secret::SecretBytes,
    time::Timestamp,
    token::BootstrapToken,
};

/// A server that can be asked.
pub(super) struct Server {
    client: Client,
}

impl Server {
    pub(super) fn new(
        url: &str,
        trust: Trust,
        identity: Identity,
        server_name: Option<&str>,
        options: &DiscoverOptions,
        cancel: &CancelToken,
    ) -> Result<Self, Cause> {
        // The handshake counts as connecting: who accepts and says nothing is silent, not unreachable.
        let connect = options.attempt.saturating_mul(2);
        let mut client = ClientOptions::new(url, trust).identity(identity).timeouts(connect, options.attempt);
        if let Some(name) = server_name {
            client = client.server_name(name);
        }
        let client = Client::new(&client).map_err(|error| Cause::Runtime { problem: error.to_string() })?;
        Ok(Self { client: client.cancelled_by(cancel.clone()) })
    }

    /// Asks; `clocks` explain a certificate that is out of its time.
    pub(super) fn get(&self, path: &str, clocks: Clocks) -> Result<Answer, Cause> {
        self.client.send(Method::Get, path, None).map_err(|error| cause(error, clocks))
    }
}

/// The answer as the judges take it.
pub(super) fn answered(answer: &Answer) -> Answered<'_> {
    let mut answered = Answered::new(answer.code, &answer.body);
    answered.retry_after = answer.retry_after;
    answered
}

/// This node's clock, and the server's as the answer says.
pub(super) fn clocks(answer: &Answer, local: Timestamp) -> Clocks {
    Clocks { local, server: answer.date.as_deref().and_then(judge::http_date) }
}

pub(super) fn bearer(token: &BootstrapToken) -> Identity {
    Identity::Token(SecretBytes::from(token.expose().to_owned()))
}

/// The credentials of a user, if they are of a kind that this client has; programs that fetch some are the kubelet's.
pub(super) fn identity_of(user: &User) -> Option<Identity> {
    match (&user.client_certificate, &user.client_key, &user.token) {
        (Some(Source::Inline(certificate)), Some(Source::Inline(key)), _) => Some(Identity::Certificate {
            certificate: String::from_utf8_lossy(certificate).into_owned(),
            key: key.clone(),
        }),
        (None, None, Some(token)) => Some(Identity::Token(token.clone())),
        _ => None,
    }
}

fn cause(error: ApiError, clocks: Clocks) -> Cause {
    match error {
        ApiError::Unreachable { problem, .. } => Cause::Unreachable { problem },
        ApiError::Timeout { limit, .. } => Cause::Silent { limit },
        ApiError::Answer { expected, found, .. } => Cause::Answer { expected, found },
        ApiError::Cancelled { .. } => Cause::Cancelled,
        ApiError::Tls { problem: TlsProblem::Other { said }, .. } => {
            Cause::Answer { expected: "TLS", found: said }
        }
        ApiError::Tls { problem, .. } => match problem {
            TlsProblem::Expired { .. } | TlsProblem::NotYetValid { .. } => {
                judge::out_of_time(problem.to_string(), clocks)
            }
            problem => Cause::Certificate { problem: problem.to_string() },
        },
        other => Cause::Runtime { problem: other.to_string() },
    }
}
