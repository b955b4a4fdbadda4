//! Endpoints, fail-over and authentication: one request, carried out on one of the endpoints.

use std::{
    fmt,
    future::Future,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use prost::Message;
use tokio::time::timeout;
use tonic::{
    Code as Status, Request,
    client::Grpc,
    codegen::http::uri::PathAndQuery,
    metadata::{Ascii, MetadataValue},
    transport::Channel,
};
use tonic_prost::ProstCodec;

use super::{
    error::{EtcdError, TlsProblem},
    messages::{AuthenticateRequest, AuthenticateResponse, RangeRequest, RangeResponse},
    options::{EtcdOptions, EtcdUser},
    target::{Target, causes, is_etcds, reason, target, text, unreachable},
};

/// Beyond etcd's own limit of a request; a page of a range stays far below.
const LARGEST_ANSWER: usize = 16 << 20;

/// Whether a request may be sent a second time when its fate is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeatable {
    Yes,
    No,
}

/// What etcd's authentication gives for a user and a password.
type Token = MetadataValue<Ascii>;

/// The way to etcd.
pub(super) struct Connection {
    targets: Vec<Target>,
    /// The endpoint that answered last.
    current: AtomicUsize,
    user: Option<EtcdUser>,
    token: Mutex<Option<Token>>,
    connect_timeout: Duration,
    request_timeout: Duration,
}

/// Why one attempt on one endpoint failed.
enum Failure {
    /// Nothing was sent: another endpoint may be tried.
    NotSent(EtcdError),
    /// The request may have been carried out.
    Unclear(EtcdError),
    /// etcd answered: no other endpoint would say anything else.
    Final(EtcdError),
    /// The authentication token has expired: nothing was carried out.
    Token,
}

impl Connection {
    /// Proves the options and connects to nothing yet.
    pub(super) fn new(options: &EtcdOptions) -> Result<Self, EtcdError> {
        options.check()?;
        let targets = options.endpoints.iter().map(|name| target(name, options)).collect::<Result<_, _>>()?;
        Ok(Self {
            targets,
            current: AtomicUsize::new(0),
            user: options.user.clone(),
            token: Mutex::new(None),
            connect_timeout: options.connect_timeout,
            request_timeout: options.request_timeout,
        })
    }

    /// One request with one answer.
    pub(super) async fn unary<Req, Res>(
        &self,
        path: &'static str,
        message: Req,
        repeatable: Repeatable,
    ) -> Result<Res, EtcdError>
    where
        Req: Message + Clone + 'static,
        Res: Message + Default + 'static,
    {
        let operation = operation(path);
        self.anywhere(operation, repeatable, |channel, token| {
            let mut grpc = Grpc::new(channel).max_decoding_message_size(LARGEST_ANSWER);
            let mut request = Request::new(message.clone());
            if let Some(token) = token {
                request.metadata_mut().insert("token", token);
            }
            let path = PathAndQuery::from_static(path);
            async move {
                grpc.ready().await.map_err(|error| tonic::Status::from_error(error.into()))?;
                let answer = grpc.unary(request, path, ProstCodec::<Req, Res>::default()).await?;
                Ok(answer.into_inner())
            }
        })
        .await
    }

    /// One request with a stream of answers. The request's side stays open, or else etcd ends the watch.
    pub(super) async fn stream<Req, Res>(
        &self,
        path: &'static str,
        message: Req,
    ) -> Result<tonic::Streaming<Res>, EtcdError>
    where
        Req: Message + Clone + 'static,
        Res: Message + Default + 'static,
    {
        use tonic::codegen::tokio_stream::{self as stream, StreamExt};
        self.anywhere(operation(path), Repeatable::Yes, |channel, token| {
            let mut grpc = Grpc::new(channel).max_decoding_message_size(LARGEST_ANSWER);
            let mut request = Request::new(stream::once(message.clone()).chain(stream::pending()));
            // A member that lost its leader ends the watch instead of staying silent.
            request.metadata_mut().insert("hasleader", MetadataValue::from_static("true"));
            if let Some(token) = token {
                request.metadata_mut().insert("token", token);
            }
            let path = PathAndQuery::from_static(path);
            async move {
                grpc.ready().await.map_err(|error| tonic::Status::from_error(error.into()))?;
                Ok(grpc.streaming(request, path, ProstCodec::<Req, Res>::default()).await?.into_inner())
            }
        })
        .await
    }

    /// Waits for the first answer of a stream no longer than for any other.
    pub(super) async fn within<T>(
        &self,
        operation: &'static str,
        future: impl Future<Output = T>,
    ) -> Result<T, EtcdError> {
        timeout(self.request_timeout, future).await.map_err(|_| {
            let endpoint = self.current().map_or_else(String::new, |target| target.name.clone());
            EtcdError::Timeout { endpoint, operation, limit: self.request_timeout }
        })
    }

    /// What a status on an open stream means.
    pub(super) fn stream_error(&self, status: &tonic::Status) -> EtcdError {
        let Some(target) = self.current() else {
            return EtcdError::Runtime { problem: "no endpoint".to_owned() };
        };
        match self.judge(target, "Watch", status) {
            Failure::NotSent(error) | Failure::Unclear(error) | Failure::Final(error) => error,
            Failure::Token => auth(target, "the token has expired"),
        }
    }

    fn current(&self) -> Option<&Target> {
        self.targets.get(self.current.load(Ordering::Relaxed))
    }

    /// Tries the endpoints in turn, beginning with the one that answered last.
    async fn anywhere<T, F>(
        &self,
        operation: &'static str,
        repeatable: Repeatable,
        call: impl Fn(Channel, Option<Token>) -> F,
    ) -> Result<T, EtcdError>
    where
        F: Future<Output = Result<T, tonic::Status>>,
    {
        let (count, start) = (self.targets.len(), self.current.load(Ordering::Relaxed));
        let mut failures = Vec::new();
        for turn in 0..count {
            let at = (start + turn) % count;
            let Some(target) = self.targets.get(at) else { break };
            let mut result = self.attempt(target, operation, &call).await;
            if matches!(result, Err(Failure::Token)) {
                self.set_token(None);
                result = self.attempt(target, operation, &call).await;
            }
            match result {
                Ok(answer) => {
                    self.current.store(at, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(Failure::NotSent(error)) => failures.push((target.name.clone(), error)),
                Err(Failure::Unclear(error)) if repeatable == Repeatable::Yes => {
                    failures.push((target.name.clone(), error));
                }
                Err(Failure::Unclear(error) | Failure::Final(error)) => return Err(error),
                Err(Failure::Token) => return Err(auth(target, "the token is refused")),
            }
        }
        Err(summary(failures))
    }

    async fn attempt<T, F>(
        &self,
        target: &Target,
        operation: &'static str,
        call: &impl Fn(Channel, Option<Token>) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, tonic::Status>>,
    {
        let channel = self.channel(target).await.map_err(Failure::NotSent)?;
        let token = self.token(target, &channel).await?;
        match self.limited(target, operation, call(channel, token)).await? {
            Ok(answer) => Ok(answer),
            Err(status) => Err(self.judge(target, operation, &status)),
        }
    }

    async fn limited<T>(
        &self,
        target: &Target,
        operation: &'static str,
        future: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        timeout(self.request_timeout, future).await.map_err(|_| {
            target.forget();
            let (endpoint, limit) = (target.name.clone(), self.request_timeout);
            Failure::Unclear(EtcdError::Timeout { endpoint, operation, limit })
        })
    }

    async fn channel(&self, target: &Target) -> Result<Channel, EtcdError> {
        let known = target.channel.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(channel) = known {
            return Ok(channel);
        }
        let connected = timeout(self.connect_timeout, target.endpoint.connect()).await;
        let channel = match connected {
            Ok(Ok(channel)) => channel,
            Ok(Err(error)) => return Err(unreachable(target, &text(&error))),
            Err(_) => {
                let why = format!("no connection within {} ms", self.connect_timeout.as_millis());
                return Err(unreachable(target, &why));
            }
        };
        self.probe(target, &channel).await?;
        *target.channel.lock().unwrap_or_else(PoisonError::into_inner) = Some(channel.clone());
        Ok(channel)
    }

    /// Proves a new connection by a request that changes nothing: with TLS 1.3 a server refuses a client certificate after
    /// the handshake, and then a request of worth would be lost without a trace.
    async fn probe(&self, target: &Target, channel: &Channel) -> Result<(), EtcdError> {
        let mut grpc = Grpc::new(channel.clone());
        let ask = async {
            grpc.ready().await.map_err(|error| tonic::Status::from_error(error.into()))?;
            let codec = ProstCodec::<RangeRequest, RangeResponse>::default();
            let path = PathAndQuery::from_static("/etcdserverpb.KV/Range");
            grpc.unary(Request::new(RangeRequest::one("k8sboot")), path, codec).await
        };
        let status = match timeout(self.request_timeout, ask).await {
            Ok(Ok(_)) => return Ok(()),
            // Whatever etcd says of this request, it is etcd that speaks.
            Ok(Err(status)) if is_etcds(&status) => return Ok(()),
            Ok(Err(status)) => status,
            Err(_) => {
                let (endpoint, limit) = (target.name.clone(), self.request_timeout);
                return Err(EtcdError::Timeout { endpoint, operation: "Range", limit });
            }
        };
        let why = reason(&status);
        Err(match unreachable(target, &why) {
            EtcdError::Unreachable { .. } if target.secure => {
                let found = format!("the connection was closed right after the handshake ({why})");
                EtcdError::Tls { endpoint: target.name.clone(), problem: TlsProblem::Client { found } }
            }
            error => error,
        })
    }

    /// The token of the user, asked for once and again when it has expired.
    async fn token(&self, target: &Target, channel: &Channel) -> Result<Option<Token>, Failure> {
        let Some(user) = &self.user else { return Ok(None) };
        let known = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if known.is_some() {
            return Ok(known);
        }
        let Some(password) = user.password.expose_str() else {
            return Err(Failure::Final(auth(target, "the password is not UTF-8")));
        };
        let message = AuthenticateRequest { name: user.name.clone(), password: password.to_owned() };
        let mut grpc = Grpc::new(channel.clone());
        let ask = async {
            grpc.ready().await.map_err(|error| tonic::Status::from_error(error.into()))?;
            let path = PathAndQuery::from_static("/etcdserverpb.Auth/Authenticate");
            let codec = ProstCodec::<AuthenticateRequest, AuthenticateResponse>::default();
            grpc.unary(Request::new(message), path, codec).await
        };
        let answer = match self.limited(target, "Authenticate", ask).await? {
            Ok(answer) => answer.into_inner(),
            // Nothing of the request itself was sent.
            Err(status) => {
                return Err(match self.judge(target, "Authenticate", &status) {
                    Failure::Unclear(error) => Failure::NotSent(error),
                    other => other,
                });
            }
        };
        let token = MetadataValue::try_from(answer.token)
            .map_err(|_| Failure::Final(auth(target, "the token has characters that no header takes")))?;
        self.set_token(Some(token.clone()));
        Ok(Some(token))
    }

    fn set_token(&self, token: Option<Token>) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = token;
    }

    /// Source of the texts: etcd, `api/v3rpc/rpctypes/error.go`.
    fn judge(&self, target: &Target, operation: &'static str, status: &tonic::Status) -> Failure {
        let (endpoint, said) = (target.name.clone(), status.message());
        if !is_etcds(status) {
            target.forget();
            let why = reason(status);
            if causes(status).any(|cause| cause.is::<tonic::ConnectError>()) {
                return Failure::NotSent(unreachable(target, &why));
            }
            return Failure::Unclear(EtcdError::Unanswered { endpoint, operation, problem: why });
        }
        match status.code() {
            Status::Unauthenticated if self.user.is_some() => Failure::Token,
            Status::Unauthenticated | Status::PermissionDenied => Failure::Final(auth(target, said)),
            Status::InvalidArgument if said.contains("user name is empty") => {
                Failure::Final(auth(target, "etcd demands a user, and none is given"))
            }
            Status::InvalidArgument if said.contains("authentication failed") => {
                Failure::Final(auth(target, said))
            }
            Status::OutOfRange if said.contains("compacted") => {
                Failure::Final(EtcdError::Compacted { revision: 0 })
            }
            Status::NotFound if said.contains("lease not found") => {
                Failure::Final(EtcdError::LeaseLost { what: "the etcd lease".to_owned() })
            }
            Status::Unavailable | Status::DeadlineExceeded => {
                let problem = said.to_owned();
                Failure::Unclear(EtcdError::Unanswered { endpoint, operation, problem })
            }
            _ => Failure::Final(EtcdError::Refused { endpoint, operation, problem: said.to_owned() }),
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.targets.iter().map(|target| target.name.as_str()).collect();
        f.debug_struct("Connection").field("endpoints", &names).finish_non_exhaustive()
    }
}

fn auth(target: &Target, problem: &str) -> EtcdError {
    EtcdError::Auth { endpoint: target.name.clone(), problem: problem.to_owned() }
}

/// One error for all endpoints: the only one, or a list.
fn summary(failures: Vec<(String, EtcdError)>) -> EtcdError {
    let mut failures = failures;
    if failures.len() == 1
        && let Some((_, error)) = failures.pop()
    {
        return error;
    }
    let why = |(endpoint, error): (String, EtcdError)| match error {
        EtcdError::Unreachable { failures } => failures,
        other => vec![(endpoint, other.to_string())],
    };
    EtcdError::Unreachable { failures: failures.into_iter().flat_map(why).collect() }
}

/// `Range` of `/etcdserverpb.KV/Range`.
fn operation(path: &'static str) -> &'static str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}
