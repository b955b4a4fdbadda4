//! Discovery by a kubeconfig: from a file, from an https address, or given.

use std::path::Path;

use super::{
    DiscoverOptions,
    ask::{Server, answered, bearer, clocks, identity_of},
    host,
    race::{Asker, note, race},
};
use crate::{
    api::{Identity, Trust},
    discovery::{
        Basis, Cause, Discovered, DiscoveryError, basis,
        judge::{self, CLUSTER_INFO_PATH, Clocks},
    },
    exec::Run,
    kubeconfig::Kubeconfig,
    secret::SecretBytes,
    token::ClusterInfo,
};

const ANYBODY_PATH: &str = "/version";
/// The largest kubeconfig that is read, in bytes.
const LARGEST: usize = 4 * 1024 * 1024;

/// Proves the server of a kubeconfig and the credentials.
pub(super) struct KubeconfigAsker {
    basis: Basis,
}

/// What the server told about itself.
struct Proven {
    ca_pem: String,
    warnings: Vec<String>,
}

impl KubeconfigAsker {
    pub(super) fn new(kubeconfig: &Kubeconfig) -> Result<Self, DiscoveryError> {
        Ok(Self { basis: basis(kubeconfig)? })
    }

    /// Reads a kubeconfig and takes in the files that it refers to. `file://` before the path is left out, as kubeadm does.
    pub(super) fn of_file(path: &str) -> Result<Self, DiscoveryError> {
        let path = path.strip_prefix("file://").unwrap_or(path);
        let text = host::read(path)?;
        let mut kubeconfig = parse(&text, path)?;
        let directory = Path::new(path).parent().unwrap_or_else(|| Path::new("/"));
        let content = |path: &str| host::read(&directory.join(path).to_string_lossy()).ok();
        kubeconfig.embed(|file| content(&file.path)).map_err(|source| DiscoveryError::Kubeconfig {
            origin: path.to_owned(),
            source: Box::new(source),
        })?;
        Self::new(&kubeconfig)
    }

    /// Fetches a kubeconfig. kubeadm does not look at the status; here another than 200 is an error.
    pub(super) fn of_url(url: &str, options: &DiscoverOptions, run: &Run) -> Result<Self, DiscoveryError> {
        let (server, path) = split(url)?;
        let trust = Trust::Authorities(host_authorities(options)?);
        let (name, own) = (server.clone(), options.clone());
        let asker: Asker<SecretBytes> = Box::new(move |asking| {
            let server = Server::new(&server, trust, Identity::Anonymous, None, &own, &asking.cancel)?;
            asking.until(|| {
                let answer = server.get(&path, Clocks { local: own.time(), server: None })?;
                judge::fetched(answered(&answer))?;
                Ok(SecretBytes::new(answer.body))
            })
        });
        let text = race(vec![(name.clone(), asker)], options, run)?;
        Self::new(&parse(&text, &name)?)
    }

    pub(super) fn ask(self, options: &DiscoverOptions, run: &Run) -> Result<Discovered, DiscoveryError> {
        let token = options.tls_bootstrap_token.as_ref();
        // Before anybody is asked: without credentials there is nothing to discover for.
        let identity = match (token, &self.basis.user) {
            (Some(token), _) => Some((format!("token {}", token.id()), bearer(token))),
            (None, Some((name, user))) => {
                identity_of(user).map(|identity| (format!("user {name:?}"), identity))
            }
            (None, None) => return Err(DiscoveryError::Credentials),
        };
        let trust = match &self.basis.ca_pem {
            Some(pem) => pem.clone(),
            None => host_authorities(options)?,
        };
        let (basis, own) = (self.basis.clone(), options.clone());
        let asker: Asker<Proven> = Box::new(move |asking| {
            let server = |identity| {
                let trust = Trust::Authorities(trust.clone());
                Server::new(
                    &basis.server,
                    trust,
                    identity,
                    basis.server_name.as_deref(),
                    &own,
                    &asking.cancel,
                )
            };
            let reader = basis.user.as_ref().and_then(|(_, user)| identity_of(user)).unwrap_or_default();
            let reader = server(reader)?;
            let known = identity.map(|(who, identity)| Ok((who, server(identity)?))).transpose()?;
            asking.until(|| {
                let unknown = Clocks { local: own.time(), server: None };
                let answer = reader.get(CLUSTER_INFO_PATH, unknown)?;
                let clocks = clocks(&answer, own.time());
                let info = judge::readable(answered(&answer))?;
                if let Some((who, server)) = known.as_ref().filter(|_| own.check_credentials) {
                    judge::credentials(answered(&server.get(ANYBODY_PATH, clocks)?), who)?;
                }
                proven(&basis, info.as_ref(), clocks)
            })
        });
        let proven = race(vec![(self.basis.server.clone(), asker)], options, run)?;
        let mut found = self.basis.discovered(&proven.ca_pem, token)?;
        for warning in proven.warnings {
            note(run, &warning);
            found = found.warn(warning);
        }
        Ok(found)
    }
}

/// The CA of the kubeconfig, or else the one that the cluster tells over a connection that the host's authorities vouch for.
fn proven(basis: &Basis, info: Option<&ClusterInfo>, clocks: Clocks) -> Result<Proven, Cause> {
    let ca_pem = basis.ca_pem.as_deref().or_else(|| info.map(ClusterInfo::ca_pem));
    let mut warnings: Vec<String> = clocks
        .apart()
        .map(|server| {
            format!(
                "clock: this node's says {}, that of {} {server}: set the clocks right (NTP)",
                clocks.local, basis.server
            )
        })
        .into_iter()
        .collect();
    if let Some(info) = info.filter(|info| info.server().trim_end_matches('/') != basis.server) {
        warnings.push(format!(
            "the kubeconfig names the server {}, cluster-info {}: the one of the kubeconfig is used",
            basis.server,
            info.server()
        ));
    }
    Ok(Proven { ca_pem: ca_pem.ok_or(Cause::NoAuthority)?.to_owned(), warnings })
}

fn parse(text: &SecretBytes, origin: &str) -> Result<Kubeconfig, DiscoveryError> {
    let unusable = |found: String| DiscoveryError::Unusable {
        field: origin.to_owned(),
        expected: "a kubeconfig of at most 4 MiB in UTF-8",
        found,
    };
    if text.len() > LARGEST {
        return Err(unusable(format!("{} bytes", text.len())));
    }
    let text = text.expose_str().ok_or_else(|| unusable("other bytes".to_owned()))?;
    Kubeconfig::parse(text)
        .map_err(|source| DiscoveryError::Kubeconfig { origin: origin.to_owned(), source: Box::new(source) })
}

/// `https://HOST:PORT` and the path. What could be a secret in an address (a user, a query) never gets into a message.
fn split(url: &str) -> Result<(String, String), DiscoveryError> {
    let wrong = |found: &str, remedy: &'static str| DiscoveryError::Options {
        field: "discovery.file.kubeConfigPath",
        expected: "https://HOST/PATH",
        found: found.to_owned(),
        remedy,
    };
    let rest =
        url.strip_prefix("https://").ok_or_else(|| wrong("another scheme", "only https can be trusted"))?;
    let rest = rest.split('#').next().unwrap_or(rest);
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    if authority.contains('@') {
        return Err(wrong("an address with a user", "leave the user out, or give the kubeconfig as a file"));
    }
    if authority.is_empty() {
        return Err(wrong("no host", "give the host's name"));
    }
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    Ok((format!("https://{authority}"), path))
}

fn host_authorities(options: &DiscoverOptions) -> Result<String, DiscoveryError> {
    options.authorities.clone().map_or_else(host::authorities, Ok)
}
