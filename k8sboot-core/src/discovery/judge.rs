//! What an endpoint answered → is it the cluster, and if not, why.
//!
//! Every judgement is over bytes that anybody may have sent: nothing here trusts, asks or waits.

use std::time::Duration;

use serde_json::Value;

pub use super::clock::{Clocks, http_date};
use super::{Cause, Endpoint};
use crate::{
    manifest::Object,
    pki::Certificate,
    time::Timestamp,
    token::{BootstrapToken, CaPin, ClusterInfo, TokenError},
};

/// Where cluster-info lies in an API server.
pub const CLUSTER_INFO_PATH: &str = "/api/v1/namespaces/kube-public/configmaps/cluster-info";
/// The largest cluster-info that is looked at, in bytes: what etcd holds of one object.
const LARGEST: usize = 2 * 1024 * 1024;

/// An answer as it came.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// The HTTP status.
    pub code: u16,
    /// The body.
    pub body: &'a [u8],
    /// When the server wants to be asked again.
    pub retry_after: Option<Duration>,
}

impl<'a> Answered<'a> {
    /// An answer with a status and a body.
    #[must_use]
    pub const fn new(code: u16, body: &'a [u8]) -> Self {
        Self { code, body, retry_after: None }
    }
}

/// What the first, unverified answer with cluster-info is worth: the document if the token signed it and a CA is pinned.
///
/// A signature is judged before the pins, as kubeadm does; without a signature the pins tell whether it is the right
/// cluster at all. Without pins the signature alone counts.
///
/// # Errors
///
/// The cause for which it is not trusted.
pub fn first(
    answer: Answered<'_>,
    token: &BootstrapToken,
    pins: &[CaPin],
    clocks: Clocks,
) -> Result<ClusterInfo, Cause> {
    let (info, signatures) = document(answer)?;
    let id = token.id().to_string();
    let signature = signatures.by(token.id()).ok();
    if let Some(signature) = signature {
        info.verify_signature_only(signature, token).map_err(|_| Cause::Signature { id: id.clone() })?;
    }
    let found = authorities(&info)?;
    if !pins.is_empty() && !CaPin::any_match(pins, &found) {
        return Err(Cause::PinMismatch { expected: pins.to_vec(), found });
    }
    if signature.is_none() {
        let others: Vec<String> = signatures.ids().map(ToString::to_string).collect();
        return Err(if others.is_empty() {
            Cause::NotSigned { id }
        } else {
            Cause::UnknownToken { id, others, accepted: None }
        });
    }
    in_time(info.ca_pem(), clocks)?;
    Ok(info)
}

/// The document of an answer whose CA is pinned, signed or not: enough to recognise the server, and nothing else.
#[must_use]
pub fn pinned(answer: Answered<'_>, pins: &[CaPin]) -> Option<ClusterInfo> {
    let (info, _) = document(answer).ok()?;
    CaPin::any_match(pins, &authorities(&info).ok()?).then_some(info)
}

/// Whether the answer over the verified connection is the same document, byte for byte.
///
/// # Errors
///
/// [`Cause::Changed`] with the pins of both, or what is wrong with the answer.
pub fn second(answer: Answered<'_>, first: &ClusterInfo) -> Result<(), Cause> {
    let (second, _) = document(answer)?;
    if second.kubeconfig() == first.kubeconfig() {
        return Ok(());
    }
    Err(Cause::Changed { first: authorities(first)?, second: authorities(&second)? })
}

/// What an answer over a verified connection tells of cluster-info, where the connection is all that had to be proven: who
/// may not read it, or finds none, is at the right server all the same.
///
/// # Errors
///
/// [`Cause::Busy`] and [`Cause::Server`] if the server cannot say, or what is wrong with the document.
pub fn readable(answer: Answered<'_>) -> Result<Option<ClusterInfo>, Cause> {
    match document(answer) {
        Ok((info, _)) => Ok(Some(info)),
        Err(Cause::Anonymous { .. } | Cause::Missing { .. }) => Ok(None),
        Err(cause) => Err(cause),
    }
}

/// Whether an https address answered with a file.
///
/// # Errors
///
/// [`Cause::Status`] for any other status than 200, [`Cause::Busy`] and [`Cause::Server`].
pub fn fetched(answer: Answered<'_>) -> Result<(), Cause> {
    refusal(answer).map_err(|cause| match cause {
        passing @ (Cause::Busy { .. } | Cause::Server { .. }) => passing,
        _ => Cause::Status { status: status(answer) },
    })
}

/// What an answer to a question with credentials says of them: only 401 refuses them.
///
/// # Errors
///
/// [`Cause::Refused`]; [`Cause::Busy`] and [`Cause::Server`] if the server cannot say.
pub fn credentials(answer: Answered<'_>, who: &str) -> Result<(), Cause> {
    match answer.code {
        401 => Err(Cause::Refused { who: who.to_owned() }),
        429 => Err(Cause::Busy { status: status(answer), after: answer.retry_after }),
        500.. => Err(Cause::Server { status: status(answer) }),
        _ => Ok(()),
    }
}

/// Why a certificate that is not (or no longer) valid was refused: the certificate, or the clocks.
#[must_use]
pub fn out_of_time(problem: String, clocks: Clocks) -> Cause {
    match clocks.apart() {
        Some(server) => Cause::Clock { local: clocks.local, server, problem },
        None => Cause::Certificate { problem },
    }
}

/// What to say of clocks that are apart and did no harm yet.
#[must_use]
pub fn clock_warning(endpoint: &Endpoint, clocks: Clocks) -> Option<String> {
    let server = clocks.apart()?;
    Some(format!(
        "clock: this node's says {}, that of {endpoint} {server}: set the clocks right (NTP)",
        clocks.local
    ))
}

/// Reads an answer as the ConfigMap with cluster-info.
fn document(answer: Answered<'_>) -> Result<(ClusterInfo, crate::token::Signatures), Cause> {
    refusal(answer)?;
    if answer.body.len() > LARGEST {
        let found = format!("{} bytes", answer.body.len());
        return Err(Cause::Answer { expected: "a ConfigMap of at most 2 MiB", found });
    }
    let not_an_object =
        || Cause::Answer { expected: "the ConfigMap cluster-info in JSON", found: shortened(answer.body) };
    let value: Value = serde_json::from_slice(answer.body).map_err(|_| not_an_object())?;
    let object = Object::from_value(value).map_err(|_| not_an_object())?;
    let (info, signatures) = ClusterInfo::from_config_map(&object).map_err(unreadable)?;
    if !info.server().starts_with("https://") {
        return Err(Cause::ClusterInfo {
            field: "clusters.server".to_owned(),
            expected: "https://HOST:PORT".to_owned(),
            found: format!("{:?}", info.server().chars().take(80).collect::<String>()),
        });
    }
    Ok((info, signatures))
}

/// Sorts answers that are no success.
fn refusal(answer: Answered<'_>) -> Result<(), Cause> {
    let status = || status(answer);
    Err(match answer.code {
        200 => return Ok(()),
        code @ (401 | 403) => Cause::Anonymous { code, status: status() },
        404 => Cause::Missing { status: status() },
        429 => Cause::Busy { status: status(), after: answer.retry_after },
        500.. => Cause::Server { status: status() },
        _ => Cause::Status { status: status() },
    })
}

fn unreadable(error: TokenError) -> Cause {
    match error {
        TokenError::ClusterInfo { field: "clusters.certificate-authority-data", .. } => Cause::NoAuthority,
        TokenError::ClusterInfo { field, expected, found } => {
            Cause::ClusterInfo { field: field.to_owned(), expected: expected.to_owned(), found }
        }
        TokenError::Object { field, expected, found, .. } => {
            Cause::ClusterInfo { field: field.to_owned(), expected, found }
        }
        other => Cause::ClusterInfo {
            field: "clusters.certificate-authority-data".to_owned(),
            expected: "certificates in PEM".to_owned(),
            found: other.to_string(),
        },
    }
}

fn authorities(info: &ClusterInfo) -> Result<Vec<CaPin>, Cause> {
    CaPin::of_certificate_pem(info.ca_pem()).map_err(unreadable)
}

/// A bundle may hold authorities that are rotated in or out; one must be valid now.
fn in_time(ca_pem: &str, clocks: Clocks) -> Result<(), Cause> {
    let Ok(authorities) = Certificate::all_from_pem(ca_pem) else {
        // Of a kind that this library does not make; whoever verifies with it will judge it.
        return Ok(());
    };
    let mut problem = None;
    for authority in &authorities {
        let (from, to) = (authority.info().not_before, authority.info().not_after);
        if (from..=to).contains(&clocks.local) {
            return Ok(());
        }
        problem = Some(validity(from, to, clocks.local));
    }
    problem.map_or(Ok(()), |problem| Err(out_of_time(problem, clocks)))
}

fn validity(from: Timestamp, to: Timestamp, now: Timestamp) -> String {
    if now < from {
        format!("the cluster's CA is valid from {from} on, and it is {now} here")
    } else {
        format!("the cluster's CA was valid until {to}, and it is {now} here")
    }
}

/// Status, reason and message on one line, cut short.
fn status(answer: Answered<'_>) -> String {
    let said = serde_json::from_slice::<Value>(answer.body).ok();
    let message = said.as_ref().and_then(|said| said.get("message")).and_then(Value::as_str);
    let text = message.map_or_else(|| shortened(answer.body), |text| shortened(text.as_bytes()));
    format!("{} {text}", answer.code).trim().to_owned()
}

/// The beginning of what somebody sent, on one line and without control characters.
fn shortened(body: &[u8]) -> String {
    if body.is_empty() {
        return "nothing".to_owned();
    }
    let beginning = body.get(..200).unwrap_or(body);
    let text: String = String::from_utf8_lossy(beginning)
        .chars()
        .take(120)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    text.trim().to_owned()
}
