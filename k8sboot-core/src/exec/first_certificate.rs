//! The kubelet's first client certificate, asked for by this library and stored as the kubelet stores it.
//!
//! Every step can be cut off: the key is on the disk before it is used, the request's name follows from the key, and the
//! kubelet.conf that says "done" is written last.

use std::time::{Duration, Instant};

use super::{
    ExecError, Host, Outcome, Run, TEMPORARY_SUFFIX, Tree,
    host::SECRET_MODE,
    joining::client_of,
    waiting::{LOOK, Waiting},
};
use crate::{
    api::{ApiError, Client, Resource},
    join::{
        CsrState, JoinError, KUBELET_CLIENT_KEY, KUBELET_CLIENT_LINK, KUBELET_PKI, Request,
        kubelet_client_file, kubelet_conf,
    },
    kubeconfig::Kubeconfig,
    manifest::Object,
    pki::{KeyAlgorithm, KeyPair},
    plan::{BootstrapAction, Guard},
    secret::SecretBytes,
};

/// How long a watch is believed before the request is read again.
const BELIEVE: Duration = Duration::from_secs(10);

/// Asks for the certificate, waits for it and stores it.
pub(super) fn get(
    host: &Host,
    action: &BootstrapAction,
    algorithm: KeyAlgorithm,
    stage: &str,
    run: &Run,
) -> Result<(), ExecError> {
    let (client, bootstrap) = client_of(host.tree(), &action.bootstrap, &run.cancel)?;
    let mut waiting = Waiting::new(run, stage, "waiting for the kubelet's certificate", action.timeout);
    sweep(host.tree())?;
    let key = key(host, algorithm)?;
    let request = Request::client(&action.node, &key)?;
    let issued = submit(&client, &request, &mut waiting).and_then(|()| wait(&client, &request, &mut waiting));
    match issued {
        Ok(certificate) => store(host, action, &bootstrap, &certificate, &key),
        Err(error) => {
            let lost = matches!(
                error,
                JoinError::Denied { .. }
                    | JoinError::Failed { .. }
                    | JoinError::Unfit { .. }
                    | JoinError::Gone { .. }
            );
            // Nothing more will come of this request; the next run makes another.
            if lost {
                host.tree().remove_file(KUBELET_CLIENT_KEY)?;
            }
            Err(error.into())
        }
    }
}

/// Removes half-written files of runs that were killed: they hold keys.
fn sweep(tree: &Tree) -> Result<(), ExecError> {
    for name in tree.list(KUBELET_PKI)?.unwrap_or_default() {
        if name.ends_with(TEMPORARY_SUFFIX) {
            tree.remove_file(&format!("{KUBELET_PKI}/{name}"))?;
        }
    }
    Ok(())
}

/// The key of a run that was cut off, or a new one.
fn key(host: &Host, algorithm: KeyAlgorithm) -> Result<KeyPair, ExecError> {
    let tree = host.tree();
    host.make_parent(KUBELET_CLIENT_KEY)?;
    if let Some(bytes) = tree.read(KUBELET_CLIENT_KEY)?
        && let Ok(key) = KeyPair::from_pem(&SecretBytes::new(bytes))
    {
        return Ok(key);
    }
    let made = host.key_for("kubelet-client", algorithm);
    let key = made
        .map_err(|source| ExecError::Pki { path: KUBELET_CLIENT_KEY.to_owned(), source: Box::new(source) })?;
    tree.write(KUBELET_CLIENT_KEY, key.to_pem().expose(), SECRET_MODE, Guard::None)?;
    // The cluster must not know of a request whose key a power cut could take.
    tree.flush()?;
    Ok(key)
}

fn submit(client: &Client, request: &Request, waiting: &mut Waiting<'_>) -> Result<(), JoinError> {
    let object = request.object()?;
    loop {
        match client.create(&Resource::CERTIFICATE_SIGNING_REQUESTS, &object) {
            Ok(_) => {
                waiting.tell(format!("certificate request {} submitted", request.name()));
                return Ok(());
            }
            Err(error) if error.is_already_exists() => {
                waiting.tell(format!("certificate request {} is there already", request.name()));
                return Ok(());
            }
            Err(error) if error.is_retryable() && !waiting.is_over() => waiting.tell(error.to_string()),
            Err(error) => {
                return Err(JoinError::api(format!("submit certificate request {}", request.name()))(error));
            }
        }
        waiting.pause()?;
    }
}

/// Waits for the certificate, PEM.
fn wait(client: &Client, request: &Request, waiting: &mut Waiting<'_>) -> Result<String, JoinError> {
    let name = request.name();
    let mut last = CsrState::Pending;
    loop {
        waiting.go_on()?;
        match client.get(&Resource::CERTIFICATE_SIGNING_REQUESTS, None, name) {
            Ok(None) => return Err(JoinError::Gone { name: name.to_owned(), found: "nothing" }),
            Ok(Some(object)) => {
                last = match judge(request, &object, waiting)? {
                    Decided::Issued(pem) => return Ok(pem),
                    Decided::Not(state) => state,
                };
                match follow(client, request, &object, waiting) {
                    Ok(Some(Decided::Issued(pem))) => return Ok(pem),
                    Ok(Some(Decided::Not(state))) => last = state,
                    Ok(None) => {}
                    Err(Stop::Join(error)) => return Err(error),
                    Err(Stop::Api(error)) => transient(name, error, waiting)?,
                }
            }
            Err(error) => transient(name, error, waiting)?,
        }
        if waiting.is_over() {
            let (name, limit) = (name.to_owned(), waiting.limit());
            return Err(match last {
                CsrState::Approved => JoinError::NotSigned { name, limit },
                _ => JoinError::NotApproved { name, limit },
            });
        }
    }
}

enum Decided {
    Issued(String),
    Not(CsrState),
}

enum Stop {
    Join(JoinError),
    Api(ApiError),
}

impl From<JoinError> for Stop {
    fn from(error: JoinError) -> Self {
        Self::Join(error)
    }
}

/// What passes is told and waited out; all else ends the wait.
fn transient(name: &str, error: ApiError, waiting: &mut Waiting<'_>) -> Result<(), JoinError> {
    if !error.is_retryable() && !matches!(error, ApiError::Expired { .. }) {
        return Err(JoinError::api(format!("wait for certificate request {name}"))(error));
    }
    waiting.tell(error.to_string());
    waiting.pause()
}

fn judge(request: &Request, object: &Object, waiting: &mut Waiting<'_>) -> Result<Decided, JoinError> {
    let name = request.name().to_owned();
    match request.state(object)? {
        CsrState::Issued(pem) => Ok(Decided::Issued(pem)),
        CsrState::Denied { reason, message } => Err(JoinError::Denied { name, reason, message }),
        CsrState::Failed { reason, message } => Err(JoinError::Failed { name, reason, message }),
        state => {
            waiting.tell(state.reason(&name));
            Ok(Decided::Not(state))
        }
    }
}

/// Follows the request by a watch for a while.
fn follow(
    client: &Client,
    request: &Request,
    object: &Object,
    waiting: &mut Waiting<'_>,
) -> Result<Option<Decided>, Stop> {
    let query = format!("fieldSelector=metadata.name%3D{}", request.name());
    let version = object.as_value().pointer("/metadata/resourceVersion").and_then(|v| v.as_str());
    let resource = &Resource::CERTIFICATE_SIGNING_REQUESTS;
    let mut watch = client.watch(resource, None, &query, version.unwrap_or_default()).map_err(Stop::Api)?;
    let (begun, mut last) = (Instant::now(), None);
    while begun.elapsed() < BELIEVE && !waiting.is_over() {
        waiting.go_on()?;
        if let Some(change) = watch.next_within(LOOK).map_err(Stop::Api)? {
            if matches!(change, crate::api::Change::Deleted(_)) {
                return Ok(last);
            }
            match judge(request, change.object(), waiting)? {
                issued @ Decided::Issued(_) => return Ok(Some(issued)),
                state => last = Some(state),
            }
        } else if watch.is_over() {
            waiting.pause()?;
            return Ok(last);
        }
    }
    Ok(last)
}

/// Certificate and key in one file, the link to it, kubelet.conf; then the request's key is not needed any more.
fn store(
    host: &Host,
    action: &BootstrapAction,
    bootstrap: &Kubeconfig,
    certificate: &str,
    key: &KeyPair,
) -> Result<(), ExecError> {
    let tree = host.tree();
    let mut content = certificate.as_bytes().to_vec();
    if !content.ends_with(b"\n") {
        content.push(b'\n');
    }
    content.extend_from_slice(key.to_pem().expose());
    let content = SecretBytes::new(content);
    let path = file_for(host, &content)?;
    tree.write(&path, content.expose(), SECRET_MODE, Guard::None)?;
    // No link on the disk before what it leads to.
    tree.flush()?;
    tree.replace_link(KUBELET_CLIENT_LINK, &path)?;
    tree.flush()?;
    let unusable = |found: String| JoinError::BootstrapFile {
        path: action.bootstrap.clone(),
        expected: "a kubeconfig with a cluster",
        found,
    };
    let current = bootstrap.current().map_err(|error| unusable(error.to_string()))?;
    let ca_pem = current.cluster.ca_pem().ok_or_else(|| unusable("no certificate authority".to_owned()))?;
    let kubeconfig = kubelet_conf(&current.cluster.server, ca_pem);
    host.make_parent(&action.kubeconfig)?;
    let _: Outcome =
        tree.write(&action.kubeconfig, kubeconfig.to_yaml().expose(), SECRET_MODE, Guard::None)?;
    tree.flush()?;
    tree.remove_file(KUBELET_CLIENT_KEY)?;
    Ok(())
}

/// Where certificate and key lie already, or a new name by the time.
fn file_for(host: &Host, content: &SecretBytes) -> Result<String, ExecError> {
    let tree: &Tree = host.tree();
    for name in tree.list(KUBELET_PKI)?.unwrap_or_default() {
        let path = format!("{KUBELET_PKI}/{name}");
        let ours =
            name.starts_with("kubelet-client-") && name.ends_with(".pem") && path != KUBELET_CLIENT_LINK;
        if ours && tree.read(&path)?.is_some_and(|bytes| bytes == content.expose()) {
            return Ok(path);
        }
    }
    let mut at = host.now();
    while tree.inspect(&kubelet_client_file(at))?.is_some() {
        at = at.plus_seconds(1);
    }
    Ok(kubelet_client_file(at))
}
