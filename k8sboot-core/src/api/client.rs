//! A connection to an API server whose calls block.

use std::{error::Error as StdError, fmt, future::Future, pin::pin, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Limited};
use kube::{client::Body, config::AuthInfo};

use super::{ApiError, ClientOptions, Identity, Status, TlsProblem, Trust, error::shortened};
use crate::{background::Runtime, exec::CancelToken, pki::Certificate};

/// The largest answer that is read, in bytes.
const LARGEST: usize = 64 * 1024 * 1024;
/// How often a waiting call looks whether it was cancelled.
const LOOK: Duration = Duration::from_millis(20);

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// Read.
    Get,
    /// Create.
    Post,
    /// Replace.
    Put,
    /// Change.
    Patch,
    /// Remove.
    Delete,
}

impl Method {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// What a server answered, whatever the status. `Debug` does not show the body, which may hold secrets.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// The HTTP status.
    pub code: u16,
    /// The body.
    pub body: Vec<u8>,
    /// When the server wants to be asked again (`Retry-After`).
    pub retry_after: Option<Duration>,
    /// The server's clock (`Date`), as it wrote it.
    pub date: Option<String>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("code", &self.code)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// A connection to an API server; clones share it.
///
/// It owns one thread, which ends with the last clone and the last watch. A call blocks the thread that makes it, and may
/// be made by many threads at once and inside an asynchronous runtime. No connection is made before the first call. Not to
/// be used after a fork.
///
/// # Examples
///
/// ```no_run
/// use k8sboot_core::{api::{Client, ClientOptions, Resource}, kubeconfig::Kubeconfig};
///
/// let kubeconfig = Kubeconfig::parse(&std::fs::read_to_string("/etc/kubernetes/admin.conf")?)?;
/// let client = Client::new(&ClientOptions::from_kubeconfig(&kubeconfig)?)?;
/// for node in client.list(&Resource::NODES, None, "")? {
///     println!("{}", node.key());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Client {
    runtime: Arc<Runtime>,
    kube: kube::Client,
    server: Arc<str>,
    timeout: Duration,
    cancel: CancelToken,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Client {
    /// A client; it connects when it is used.
    ///
    /// # Errors
    ///
    /// [`ApiError::Options`] if the server is no URL or a certificate or key cannot be read, [`ApiError::Runtime`].
    pub fn new(options: &ClientOptions) -> Result<Self, ApiError> {
        let config = config(options)?;
        let runtime = Runtime::start("k8sboot-api")
            .map_err(|error| ApiError::Runtime { problem: error.to_string() })?;
        // The client starts a task, which needs the runtime's context.
        let kube = runtime
            .run(async move { kube::Client::try_from(config).map_err(|error| chain(&error)) })
            .ok_or_else(ended)?
            .map_err(|found| ApiError::Options {
                option: "identity",
                expected: "PEM of a client certificate and its key",
                found,
            })?;
        Ok(Self {
            runtime: Arc::new(runtime),
            kube,
            server: options.server.trim_end_matches('/').into(),
            timeout: options.timeout,
            cancel: CancelToken::default(),
        })
    }

    /// The same connection, with calls that end early, within 20 ms, when the token is triggered.
    #[must_use]
    pub fn cancelled_by(mut self, cancel: CancelToken) -> Self {
        self.cancel = cancel;
        self
    }

    /// The same connection, with another limit for an answer.
    #[must_use]
    pub const fn within(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// `https://HOST:PORT`.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Sends a request and gives the answer, whatever its status. `path` begins with `/`; `body` has its media type.
    ///
    /// # Errors
    ///
    /// [`ApiError::Unreachable`], [`ApiError::Tls`], [`ApiError::Timeout`], [`ApiError::Answer`] for what is not HTTP,
    /// [`ApiError::Cancelled`].
    pub fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> Result<Answer, ApiError> {
        let request = self.request(method, path, body)?;
        let name = format!("{} {path}", method.name());
        let (kube, server) = (self.kube.clone(), Arc::clone(&self.server));
        self.wait(&name, self.timeout, async move {
            let answer = kube.send(request).await.map_err(|error| Failure::of(&error))?;
            collect(answer).await
        })?
        .map_err(|failure| failure.into_error(&server, name))
    }

    /// Sends a request; an answer that is no success is an error.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`ApiError::Unauthorized`], [`ApiError::Forbidden`], [`ApiError::NotFound`],
    /// [`ApiError::Conflict`], [`ApiError::Expired`], [`ApiError::Invalid`], [`ApiError::Busy`], [`ApiError::Server`] as
    /// the status says.
    pub fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> Result<Vec<u8>, ApiError> {
        let answer = self.send(method, path, body)?;
        if (200..300).contains(&answer.code) {
            return Ok(answer.body);
        }
        let request = format!("{} {path}", method.name());
        let status = Status::read(answer.code, &answer.body);
        Err(ApiError::of_status(&self.server, &request, status, answer.retry_after))
    }

    pub(super) fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> Result<Request<Body>, ApiError> {
        let mut request =
            Request::builder().method(method.name()).uri(path).header(header::ACCEPT, "application/json");
        let content = match body {
            Some((media, content)) => {
                request = request.header(header::CONTENT_TYPE, media);
                content
            }
            None => Vec::new(),
        };
        request.body(Body::from(content)).map_err(|error| ApiError::Options {
            option: "path",
            expected: "the path of a URL",
            found: format!("{path:?}: {error}"),
        })
    }

    pub(super) const fn limit(&self) -> Duration {
        self.timeout
    }

    /// Carries a future out on the client's thread until it ends or is aborted.
    pub(super) fn spawn(
        &self,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> tokio::task::AbortHandle {
        self.runtime.spawn(future)
    }

    pub(super) const fn kube(&self) -> &kube::Client {
        &self.kube
    }

    /// Waits for a future on the client's thread: with a limit, and until cancelled.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        request: &str,
        limit: Duration,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, ApiError> {
        let cancel = self.cancel.clone();
        let outcome = self.runtime.run(async move {
            let until = tokio::time::Instant::now() + limit;
            let mut future = pin!(future);
            loop {
                if cancel.is_triggered() {
                    return Err(Early::Cancelled);
                }
                let left = until.saturating_duration_since(tokio::time::Instant::now());
                if left.is_zero() {
                    return Err(Early::Late);
                }
                if let Ok(value) = tokio::time::timeout(left.min(LOOK), &mut future).await {
                    return Ok(value);
                }
            }
        });
        outcome.ok_or_else(ended)?.map_err(|early| {
            let (server, request) = (self.server.to_string(), request.to_owned());
            match early {
                Early::Cancelled => ApiError::Cancelled { server, request },
                Early::Late => ApiError::Timeout { server, request, limit },
            }
        })
    }
}

/// Why a call ended without an answer.
enum Early {
    Cancelled,
    Late,
}

/// What hinders a request before there is an answer.
#[derive(Debug)]
pub(super) enum Failure {
    Connection(String),
    Tls(TlsProblem),
    Damaged(String),
}

impl Failure {
    /// Sorts what the layers below say, by the texts of the innermost errors.
    pub(super) fn of(error: &(dyn StdError + 'static)) -> Self {
        let text = chain(error);
        let after = |mark: &str| text.split_once(mark).map(|(_, said)| said.to_owned());
        if let Some(said) = after("invalid peer certificate: ") {
            return Self::Tls(if said.starts_with("UnknownIssuer") || said.contains("BadSignature") {
                TlsProblem::UnknownAuthority
            } else if said.contains("not valid for name") || said.contains("NotValidForName") {
                TlsProblem::Name { said }
            } else if said.contains("not valid yet") || said.contains("NotValidYet") {
                TlsProblem::NotYetValid { said }
            } else if said.contains("expired") || said.contains("Expired") {
                TlsProblem::Expired { said }
            } else {
                TlsProblem::Other { said }
            });
        }
        if let Some(said) = after("received fatal alert: ") {
            return Self::Tls(
                if said.to_ascii_lowercase().contains("certificate") || said.contains("UnknownCA") {
                    TlsProblem::ClientRefused { said }
                } else {
                    TlsProblem::Other { said }
                },
            );
        }
        if text.contains("InvalidMessage") || text.contains("received corrupt message") {
            return Self::Tls(TlsProblem::Other { said: "what answers does not speak TLS".to_owned() });
        }
        let speaks_no_http = [
            "invalid HTTP",
            "message is too large",
            "invalid content-length",
            "IncompleteMessage",
            "connection closed before message",
        ];
        if speaks_no_http.iter().any(|mark| text.contains(mark)) {
            return Self::Damaged(text);
        }
        Self::Connection(text)
    }

    pub(super) fn into_error(self, server: &str, request: String) -> ApiError {
        let server = server.to_owned();
        match self {
            Self::Connection(problem) => ApiError::Unreachable { server, problem },
            Self::Tls(problem) => ApiError::Tls { server, problem },
            Self::Damaged(found) => ApiError::Answer {
                server,
                request,
                expected: "an answer in HTTP",
                found: shortened(found.as_bytes()),
            },
        }
    }
}

async fn collect(answer: Response<Body>) -> Result<Answer, Failure> {
    let code = answer.status().as_u16();
    let (parts, body) = answer.into_parts();
    let text = |name| parts.headers.get(name)?.to_str().ok().map(str::to_owned);
    let retry_after = text(header::RETRY_AFTER).and_then(|text| text.parse().ok()).map(Duration::from_secs);
    let date = text(header::DATE);
    let body = Limited::new(body, LARGEST)
        .collect()
        .await
        .map_err(|error| Failure::Damaged(chain(&*error)))?
        .to_bytes()
        .to_vec();
    Ok(Answer { code, body, retry_after, date })
}

fn config(options: &ClientOptions) -> Result<kube::Config, ApiError> {
    let wrong = |option: &'static str, expected: &'static str, found: String| ApiError::Options {
        option,
        expected,
        found,
    };
    let found = || format!("{:?}", options.server);
    let uri: http::Uri = options.server.parse().map_err(|_| wrong("server", "https://HOST:PORT", found()))?;
    if !matches!(uri.scheme_str(), Some("https" | "http")) || uri.host().is_none_or(str::is_empty) {
        return Err(wrong("server", "https://HOST:PORT", found()));
    }
    let mut config = kube::Config::new(uri);
    config.default_retry = false;
    config.proxy_url = None;
    config.connect_timeout = Some(options.connect_timeout);
    config.read_timeout = None;
    config.write_timeout = None;
    config.tls_server_name.clone_from(&options.server_name);
    match &options.trust {
        Trust::Anyone => config.accept_invalid_certs = true,
        Trust::Authorities(pem) => {
            let authorities = Certificate::all_from_pem(pem)
                .map_err(|error| wrong("certificate authorities", "certificates in PEM", chain(&error)))?;
            config.root_cert = Some(authorities.iter().map(|authority| authority.der().to_vec()).collect());
        }
    }
    config.auth_info = match &options.identity {
        Identity::Anonymous => AuthInfo::default(),
        Identity::Token(token) => {
            let token = token
                .expose_str()
                .filter(|token| !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic()))
                .ok_or_else(|| {
                    wrong("token", "one word of printable characters", "something else".to_owned())
                })?;
            AuthInfo { token: Some(token.to_owned().into()), ..AuthInfo::default() }
        }
        Identity::Certificate { certificate, key } => AuthInfo {
            client_certificate_data: Some(STANDARD.encode(certificate)),
            client_key_data: Some(STANDARD.encode(key.expose()).into()),
            ..AuthInfo::default()
        },
    };
    Ok(config)
}

fn ended() -> ApiError {
    ApiError::Runtime { problem: "it has ended".to_owned() }
}

/// The causes of an error on one line, each once: the layers below repeat theirs.
pub(super) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(server: &str) -> Client {
        let options = ClientOptions::new(server, Trust::Anyone)
            .timeouts(Duration::from_millis(300), Duration::from_millis(300));
        Client::new(&options).unwrap()
    }

    #[test]
    fn a_dead_port_is_unreachable() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let error =
            client(&format!("https://127.0.0.1:{port}")).call(Method::Get, "/version", None).unwrap_err();
        assert!(
            matches!(&error, ApiError::Unreachable { problem, .. } if problem.contains("refused")),
            "{error}"
        );
    }

    #[test]
    fn a_silent_server_takes_no_longer_than_the_limit() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let error = client(&server).call(Method::Get, "/version", None).unwrap_err();
        assert!(matches!(error, ApiError::Timeout { .. }), "{error}");
        let cancel = CancelToken::default();
        cancel.trigger();
        let error = client(&server).cancelled_by(cancel).call(Method::Get, "/version", None).unwrap_err();
        assert!(matches!(error, ApiError::Cancelled { .. }), "{error}");
    }

    #[test]
    fn what_speaks_no_tls_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = format!("https://{}", listener.local_addr().unwrap());
        let speaker = std::thread::spawn(move || {
            use std::io::{Read as _, Write as _};
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 512]);
            stream.write_all(b"SSH-2.0-OpenSSH_9.2 and more than a header\r\n").unwrap();
        });
        let error = client(&server).call(Method::Get, "/version", None).unwrap_err();
        speaker.join().unwrap();
        assert!(matches!(error, ApiError::Tls { .. }), "{error}");
    }

    #[test]
    fn options_that_lead_nowhere_are_refused() {
        for server in ["", "192.0.2.1:6443", "ftp://a", "https://"] {
            let error = Client::new(&ClientOptions::new(server, Trust::Anyone)).unwrap_err();
            assert!(matches!(error, ApiError::Options { option: "server", .. }), "{server}: {error}");
        }
        let options = ClientOptions::new("https://192.0.2.1", Trust::Authorities("none".to_owned()));
        assert!(matches!(Client::new(&options).unwrap_err(), ApiError::Options { .. }));
    }
}
