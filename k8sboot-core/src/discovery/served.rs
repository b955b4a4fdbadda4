//! The discovery endpoint: cluster-info over plain HTTP, signed for the token that is named.
//!
//! `GET /cluster-info/v1/?token-id=ID` answers with the ConfigMap cluster-info and one signature, that of the token. What is
//! read is worth nothing without the token, so that the connection needs no trust; nodes reach it where the API server
//! answers no strangers. The first kubeadm had such an endpoint (kube-discovery) at this port and path.

use super::{
    Cause,
    judge::{self, Answered, Clocks},
};
use crate::token::{BootstrapToken, CaPin, ClusterInfo, Signatures, TokenId};

/// The path of the endpoint.
pub const PATH: &str = "/cluster-info/v1/";
/// The longest head of a request, in bytes.
pub const LONGEST_HEAD: usize = 4096;

/// The path and query that asks for a token's signature.
#[must_use]
pub fn path(id: &TokenId) -> String {
    format!("{PATH}?token-id={id}")
}

/// A request, as far as the endpoint has one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// The head is not complete yet.
    Incomplete,
    /// cluster-info for a token.
    ClusterInfo {
        /// The token's id.
        id: TokenId,
        /// Whether only the head of the answer is wanted.
        head: bool,
    },
    /// Whether the endpoint lives: `GET /healthz`.
    Health,
    /// Anything else.
    Refused {
        /// The status to answer with.
        code: u16,
        /// Why.
        why: &'static str,
    },
}

/// Reads the head of a request from what has come so far.
///
/// Source: RFC 9112 sections 2 and 3. A body is not read: no request here has one.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::discovery::served::{Request, request};
/// let read = request(b"GET /cluster-info/v1/?token-id=abcdef HTTP/1.1\r\nHost: a\r\n\r\n");
/// assert_eq!(read, Request::ClusterInfo { id: "abcdef".parse()?, head: false });
/// # Ok::<(), k8sboot_core::token::TokenError>(())
/// ```
#[must_use]
pub fn request(bytes: &[u8]) -> Request {
    let refused = |code, why| Request::Refused { code, why };
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let Some(head) = end.and_then(|end| bytes.get(..end)) else {
        return if bytes.len() >= LONGEST_HEAD {
            refused(431, "the head of the request is too long")
        } else {
            Request::Incomplete
        };
    };
    if head.len() >= LONGEST_HEAD {
        return refused(431, "the head of the request is too long");
    }
    let Ok(head) = std::str::from_utf8(head) else { return refused(400, "the request is not text") };
    let mut words = head.split("\r\n").next().unwrap_or_default().split(' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let (Some(method), Some(target), Some("HTTP/1.1" | "HTTP/1.0"), None) =
        (method, target, version, words.next())
    else {
        return refused(400, "expected METHOD PATH HTTP/1.1");
    };
    if !matches!(method, "GET" | "HEAD") {
        return refused(405, "expected GET");
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    match path.strip_suffix('/').unwrap_or(path) {
        "/cluster-info/v1" => {}
        "/healthz" => return Request::Health,
        _ => return refused(404, "expected /cluster-info/v1/?token-id=ID"),
    }
    let mut ids = query.split('&').filter_map(|pair| pair.strip_prefix("token-id="));
    match (ids.next().and_then(|id| id.parse().ok()), ids.next()) {
        (Some(id), None) => Request::ClusterInfo { id, head: method == "HEAD" },
        _ => refused(400, "expected one token-id of 6 characters [a-z0-9]"),
    }
}

/// What a cluster says of a token.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Lookup {
    /// It may vouch for this document.
    Found {
        /// The document.
        info: Box<ClusterInfo>,
        /// The token.
        token: BootstrapToken,
    },
    /// There is none of this id, or it may not sign (any more).
    Unknown,
    /// It cannot be said at the moment.
    Unavailable,
}

impl Lookup {
    /// A token that may vouch for a document.
    #[must_use]
    pub fn found(info: ClusterInfo, token: BootstrapToken) -> Self {
        Self::Found { info: Box::new(info), token }
    }

    /// The answer for it.
    #[must_use]
    pub fn reply(&self) -> Reply {
        match self {
            Self::Found { info, token } => Reply::cluster_info(info, token),
            Self::Unknown => Reply::status(404, "no token of this id may sign cluster-info"),
            Self::Unavailable => Reply::status(503, "the tokens of the cluster cannot be read at the moment"),
        }
    }
}

/// Knows the cluster and its tokens. Asked by several threads at once; closures are some.
pub trait Tokens: Send + Sync {
    /// What the cluster says of the token of this id now.
    fn look_up(&self, id: &TokenId) -> Lookup;
}

impl<F: Fn(&TokenId) -> Lookup + Send + Sync> Tokens for F {
    fn look_up(&self, id: &TokenId) -> Lookup {
        self(id)
    }
}

/// What the endpoint answers with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// The HTTP status.
    pub code: u16,
    /// JSON.
    pub body: String,
}

impl Reply {
    /// The document with the signature of a token. The token's secret half signs and is not told.
    #[must_use]
    pub fn cluster_info(info: &ClusterInfo, token: &BootstrapToken) -> Self {
        let mut signatures = Signatures::default();
        signatures.add(info, token);
        match info.to_config_map(&signatures) {
            Ok(object) => Self { code: 200, body: object.as_value().to_string() },
            Err(error) => Self::status(500, &error.to_string()),
        }
    }

    /// A `Status` as an API server answers it.
    #[must_use]
    pub fn status(code: u16, message: &str) -> Self {
        let body = serde_json::json!({
            "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": if code < 400 { "Success" } else { "Failure" },
            "message": message, "code": code,
        });
        Self { code, body: body.to_string() }
    }

    /// The answer as it goes over the connection, which is closed after it. `head`: without the body.
    #[must_use]
    pub fn to_bytes(&self, head: bool) -> Vec<u8> {
        let reason = match self.code {
            200 => "OK",
            400 => "Bad Request",
            404 => "Not Found",
            405 => "Method Not Allowed",
            408 => "Request Timeout",
            429 => "Too Many Requests",
            431 => "Request Header Fields Too Large",
            503 => "Service Unavailable",
            _ => "Internal Server Error",
        };
        let again = if matches!(self.code, 429 | 503) { "Retry-After: 1\r\n" } else { "" };
        let allow = if self.code == 405 { "Allow: GET, HEAD\r\n" } else { "" };
        format!(
            "HTTP/1.1 {} {reason}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
             {again}{allow}Connection: close\r\n\r\n{}",
            self.code,
            self.body.len(),
            if head { "" } else { &self.body },
        )
        .into_bytes()
    }
}

/// What the endpoint's answer is worth; as [`judge::first`].
///
/// # Errors
///
/// As [`judge::first`]; [`Cause::UnknownToken`] where the endpoint knows no such token.
pub fn judge(
    answer: Answered<'_>,
    token: &BootstrapToken,
    pins: &[CaPin],
    clocks: Clocks,
) -> Result<ClusterInfo, Cause> {
    if answer.code == 404 {
        return Err(Cause::UnknownToken { id: token.id().to_string(), others: Vec::new(), accepted: None });
    }
    judge::first(answer, token, pins, clocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(target: &str) -> Request {
        request(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes())
    }

    #[test]
    fn requests_are_read_strictly() {
        let id: TokenId = "abcdef".parse().unwrap();
        let right = Request::ClusterInfo { id: id.clone(), head: false };
        assert_eq!(get("/cluster-info/v1/?token-id=abcdef"), right);
        assert_eq!(get("/cluster-info/v1?token-id=abcdef"), right);
        assert_eq!(
            request(b"HEAD /cluster-info/v1/?token-id=abcdef HTTP/1.0\r\n\r\n"),
            Request::ClusterInfo { id, head: true }
        );
        assert_eq!(get("/healthz"), Request::Health);
        for (bytes, want) in [
            ("GET / HTTP/1.1\r\n\r\n", 404),
            ("GET /cluster-info/v1/ HTTP/1.1\r\n\r\n", 400),
            ("GET /cluster-info/v1/?token-id=ABCDEF HTTP/1.1\r\n\r\n", 400),
            ("GET /cluster-info/v1/?token-id=abcdef&token-id=abcdef HTTP/1.1\r\n\r\n", 400),
            ("GET /cluster-info/v1/../v1/?token-id=abcdef HTTP/1.1\r\n\r\n", 404),
            ("POST /cluster-info/v1/?token-id=abcdef HTTP/1.1\r\n\r\n", 405),
            ("GET  / HTTP/1.1\r\n\r\n", 400),
            ("GET /\r\n\r\n", 400),
            ("\u{16}\u{3}\u{1}\r\n\r\n", 400),
        ] {
            let read = request(bytes.as_bytes());
            assert!(matches!(read, Request::Refused { code, .. } if code == want), "{bytes:?}: {read:?}");
        }
        assert_eq!(request(b"GET / HTTP/1.1\r\nHost"), Request::Incomplete);
        assert!(matches!(request(&[b'a'; LONGEST_HEAD]), Request::Refused { code: 431, .. }));
        assert!(matches!(request(b"\xff\r\n\r\n"), Request::Refused { code: 400, .. }));
    }

    #[test]
    fn the_answer_is_judged_like_that_of_an_api_server() {
        let token: BootstrapToken = "abcdef.0123456789abcdef".parse().unwrap();
        let info = ClusterInfo::new("https://192.0.2.10:6443", "no certificate");
        let reply = Reply::cluster_info(&info, &token);
        assert!(!reply.body.contains("0123456789abcdef"), "the secret half is told");
        let clocks = Clocks { local: crate::time::Timestamp::from_seconds(0), server: None };
        let answer = Answered::new(reply.code, reply.body.as_bytes());
        // Signed as it should be; what it says of a CA is the next thing that is looked at.
        let cause = judge(answer, &token, &[], clocks).unwrap_err();
        assert!(matches!(cause, Cause::ClusterInfo { .. }), "{cause}");
        let other: BootstrapToken = "abcdef.0123456789abcdee".parse().unwrap();
        assert!(matches!(judge(answer, &other, &[], clocks), Err(Cause::Signature { .. })));
        let reply = Reply::status(404, "no such token");
        let cause = judge(Answered::new(404, reply.body.as_bytes()), &token, &[], clocks).unwrap_err();
        assert!(matches!(cause, Cause::UnknownToken { .. }), "{cause}");
    }
}
