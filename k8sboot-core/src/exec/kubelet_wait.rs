//! Waiting for a kubelet: that it is healthy, that it has got its certificate.
//!
//! Source: kubeadm 1.36, phase kubelet-wait-bootstrap.

use std::time::{Duration, Instant};

use super::{
    ExecError, Outcome, Run, Tree, joining::client_of, kubeconfig_file::read_kubeconfig, waiting::Waiting,
};
use crate::{
    api::{ApiError, Client, ClientOptions, Method, Resource, Trust},
    join::{CsrState, JoinError, KUBELET_CLIENT_SIGNER, NodeIdentity, approval::node_of, node_identity},
    kubeconfig::Source,
    plan::BootstrapAction,
    time::{GoDuration, Timestamp},
};

/// How long a kubelet may take for an answer.
const ANSWER: Duration = Duration::from_secs(1);
/// How often the cluster is asked what became of the kubelet's request.
const ASK: Duration = Duration::from_secs(1);

/// Waits until the kubelet says that it is healthy.
pub(super) fn for_health(
    url: &str,
    timeout: GoDuration,
    stage: &str,
    run: &Run,
) -> Result<Outcome, ExecError> {
    let mut waiting = Waiting::new(run, stage, "waiting for the kubelet", timeout);
    loop {
        waiting.go_on()?;
        let Some(reason) = problem(url) else { return Ok(Outcome::AlreadySo) };
        waiting.tell(format!("the kubelet at {url} is not healthy yet: {reason}"));
        if waiting.is_over() {
            return Err(
                JoinError::KubeletHealth { url: url.to_owned(), reason, limit: waiting.limit() }.into()
            );
        }
        waiting.pause()?;
    }
}

/// Waits until the kubelet has got its certificate: until kubelet.conf can be used.
pub(super) fn for_certificate(
    tree: &Tree,
    action: &BootstrapAction,
    health: Option<&str>,
    stage: &str,
    run: &Run,
) -> Result<(), ExecError> {
    let (client, _) = client_of(tree, &action.bootstrap, &run.cancel)?;
    let client = client.within(ANSWER);
    let mut waiting = Waiting::new(run, stage, "waiting for the kubelet's certificate", action.timeout);
    let mut asked: Option<(Instant, Option<String>)> = None;
    loop {
        waiting.go_on()?;
        let Some(missing) = missing(tree, action)? else { return Ok(()) };
        let request = match &asked {
            Some((at, request)) if at.elapsed() < ASK => request.clone(),
            _ => {
                let request = request_state(&client, &action.node);
                asked = Some((Instant::now(), request.clone()));
                request
            }
        };
        let unhealthy = || {
            let url = health?;
            Some(format!(
                "the kubelet does not answer at {url}: {}: it must run with --bootstrap-kubeconfig={} and --kubeconfig={}",
                problem(url)?,
                action.bootstrap,
                action.kubeconfig
            ))
        };
        waiting.tell(request.or_else(unhealthy).unwrap_or(missing));
        if waiting.is_over() {
            return Err(JoinError::KubeletBootstrap {
                path: action.kubeconfig.clone(),
                reason: waiting.reason(),
                limit: waiting.limit(),
            }
            .into());
        }
        waiting.pause()?;
    }
}

/// What kubelet.conf lacks; none once it can be used.
fn missing(tree: &Tree, action: &BootstrapAction) -> Result<Option<String>, ExecError> {
    let path = &action.kubeconfig;
    let kubeconfig = match read_kubeconfig(tree, path)? {
        None => return Ok(Some(format!("the kubelet has not written {path} yet"))),
        Some(Err(why)) => return Ok(Some(format!("{path} cannot be used yet: {why}"))),
        Some(Ok(kubeconfig)) => kubeconfig,
    };
    let pem = match kubeconfig.current().map(|current| current.user.client_certificate.clone()) {
        Ok(Some(Source::Inline(pem))) => String::from_utf8_lossy(&pem).into_owned(),
        _ => String::new(),
    };
    let now = Timestamp::from(std::time::SystemTime::now());
    Ok(match node_identity(path, &pem, &action.node, now)? {
        NodeIdentity::Usable => None,
        NodeIdentity::Missing => Some(format!("{path} has no client certificate yet")),
        NodeIdentity::Expired => Some(format!("the client certificate of {path} has expired")),
    })
}

/// What became of the newest request for the node's certificate; none if there is none or nobody tells.
fn request_state(client: &Client, node: &str) -> Option<String> {
    let query = format!("fieldSelector=spec.signerName%3D{}", KUBELET_CLIENT_SIGNER.replace('/', "%2F"));
    let requests = client.list(&Resource::CERTIFICATE_SIGNING_REQUESTS, None, &query).ok()?;
    let created = |object: &crate::manifest::Object| {
        let text = object.as_value().pointer("/metadata/creationTimestamp").and_then(|text| text.as_str());
        text.unwrap_or_default().to_owned()
    };
    let newest = requests
        .into_iter()
        .filter(|request| node_of(request).as_deref() == Some(node))
        .max_by_key(created)?;
    Some(CsrState::of(&newest).reason(&newest.key().name)).filter(|reason| !reason.is_empty())
}

/// Why a kubelet is not healthy; none if it is.
fn problem(url: &str) -> Option<String> {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let options = ClientOptions::new(format!("http://{host}"), Trust::Anyone).timeouts(ANSWER, ANSWER);
    let asked = Client::new(&options).and_then(|client| client.send(Method::Get, &format!("/{path}"), None));
    match asked {
        Ok(answer) if answer.code == 200 => None,
        Ok(answer) => {
            let text = String::from_utf8_lossy(&answer.body).chars().take(200).collect::<String>();
            Some(format!("status {}: {}", answer.code, text.trim()))
        }
        Err(ApiError::Unreachable { .. }) => Some("nothing listens there".to_owned()),
        Err(ApiError::Timeout { limit, .. }) => Some(format!("no answer within {} ms", limit.as_millis())),
        Err(error) => Some(error.to_string()),
    }
}
