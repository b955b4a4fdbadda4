//! Approving and denying certificate requests in a cluster.

use serde_json::{Value, json};

use super::{
    JoinError,
    approval::{Policy, Verdict, judge, node_of},
};
use crate::{
    api::{ApiError, Client, Resource},
    manifest::Object,
};

/// How often a request is judged anew if somebody changes it meanwhile.
const TRIES: u32 = 3;

/// A request that was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reviewed {
    /// The request.
    pub name: String,
    /// The verdict.
    pub verdict: Verdict,
}

/// A certificate request as it is now.
///
/// # Errors
///
/// [`JoinError::Gone`] if there is no such request, [`JoinError::Api`].
pub fn find_request(client: &Client, name: &str) -> Result<Object, JoinError> {
    client
        .get(&Resource::CERTIFICATE_SIGNING_REQUESTS, None, name)
        .map_err(JoinError::api(format!("read certificate request {name}")))?
        .ok_or_else(|| JoinError::Gone { name: name.to_owned(), found: "nothing" })
}

/// Judges one request and decides it accordingly; [`Verdict::Leave`] changes nothing.
///
/// Only what was judged is decided: a request that was changed meanwhile is judged anew. Needs the rights to get the
/// request and the Node, to update `certificatesigningrequests/approval`, and to `approve` the signer.
///
/// # Errors
///
/// [`JoinError::Gone`] if there is no such request, [`JoinError::Api`].
pub fn review(client: &Client, name: &str, policy: &Policy) -> Result<Verdict, JoinError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let request = find_request(client, name)?;
        match decide(client, &request, policy) {
            Err(JoinError::Api { source, .. })
                if tries < TRIES && matches!(*source, ApiError::Conflict { .. }) => {}
            decided => return decided,
        }
    }
}

/// Judges and decides every request that nobody has decided yet.
///
/// # Errors
///
/// As [`review`]; a request that is gone meanwhile is left out.
pub fn review_pending(client: &Client, policy: &Policy) -> Result<Vec<Reviewed>, JoinError> {
    let requests = client
        .list(&Resource::CERTIFICATE_SIGNING_REQUESTS, None, "")
        .map_err(JoinError::api("list certificate requests"))?;
    let mut reviewed = Vec::new();
    for request in requests {
        if matches!(judge(&request, None, policy), Verdict::Leave(super::approval::Leave::Decided)) {
            continue;
        }
        let name = request.key().name.clone();
        match review(client, &name, policy) {
            Ok(verdict) => reviewed.push(Reviewed { name, verdict }),
            Err(JoinError::Gone { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(reviewed)
}

/// Approves a request as it was read; `reason` is one word, `message` for people.
///
/// # Errors
///
/// [`JoinError::Api`], with [`ApiError::Conflict`] if it was changed meanwhile.
pub fn approve(client: &Client, request: &Object, reason: &str, message: &str) -> Result<(), JoinError> {
    set(client, request, "Approved", reason, message)
}

/// Denies a request as it was read.
///
/// # Errors
///
/// As [`approve`].
pub fn deny(client: &Client, request: &Object, reason: &str, message: &str) -> Result<(), JoinError> {
    set(client, request, "Denied", reason, message)
}

fn decide(client: &Client, request: &Object, policy: &Policy) -> Result<Verdict, JoinError> {
    let node = match node_of(request) {
        Some(name) => {
            client.get(&Resource::NODES, None, &name).map_err(JoinError::api(format!("read node {name}")))?
        }
        None => None,
    };
    let verdict = judge(request, node.as_ref(), policy);
    match &verdict {
        Verdict::Approve { .. } => approve(client, request, verdict.reason(), &verdict.to_string())?,
        Verdict::Deny(_) => deny(client, request, verdict.reason(), &verdict.to_string())?,
        Verdict::Leave(_) => {}
    }
    Ok(verdict)
}

fn set(client: &Client, request: &Object, kind: &str, reason: &str, message: &str) -> Result<(), JoinError> {
    let name = &request.key().name;
    let doing = || format!("decide certificate request {name}: {kind}");
    let condition = json!({"type": kind, "status": "True", "reason": reason, "message": message});
    let mut value = request.as_value().clone();
    let conditions = value.pointer_mut("/status/conditions").and_then(Value::as_array_mut);
    match conditions {
        Some(conditions) => conditions.push(condition),
        None => {
            if let Some(object) = value.as_object_mut() {
                object.insert("status".to_owned(), json!({"conditions": [condition]}));
            }
        }
    }
    let changed = Object::from_value(value)
        .map_err(|_| JoinError::Gone { name: name.clone(), found: "something that is no object" })?;
    client
        .update_part(&Resource::CERTIFICATE_SIGNING_REQUESTS, &changed, "approval")
        .map(drop)
        .map_err(JoinError::api(doing()))
}
