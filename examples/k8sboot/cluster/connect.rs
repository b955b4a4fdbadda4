//! Clients of a cluster, made from a kubeconfig, and ways to find one.

use std::{fs, path::Path};

use k8sboot_core::{
    api::{Client, ClientOptions},
    config::{Documents, JoinConfig},
    discovery::Discovery,
    exec::Tree,
    kubeconfig::Kubeconfig,
    probe,
    secret::SecretBytes,
    token::{BootstrapToken, CaPin},
};
use serde_json::json;

use super::{args::FindArgs, bundle};
use crate::output::{Failure, problem, read_text};

/// Reads a kubeconfig with the files that it refers to.
pub(super) fn kubeconfig(path: &Path) -> Result<Kubeconfig, Failure> {
    let mut kubeconfig = Kubeconfig::parse(&read_text(path)?).map_err(problem)?;
    let directory = path.parent().unwrap_or(Path::new("."));
    let read = |file: &str| fs::read(directory.join(file)).ok().map(SecretBytes::new);
    kubeconfig.embed(|file| read(&file.path)).map_err(problem)?;
    Ok(kubeconfig)
}

/// A client for the current context of a kubeconfig.
pub(super) fn client(kubeconfig: &Kubeconfig) -> Result<Client, Failure> {
    let options = ClientOptions::from_kubeconfig(kubeconfig).map_err(problem)?;
    Client::new(&options).map_err(problem)
}

/// The configuration of a join, from a file or from the command line, and how the cluster is found.
pub(super) fn join_config(
    config: Option<&Path>,
    find: &FindArgs,
    node_name: Option<&str>,
    tree: Option<&Tree>,
) -> Result<(JoinConfig, Discovery), Failure> {
    let host = probe::node_facts(tree);
    if let Some(path) = config {
        let at = |errors| Failure::Config { path: path.to_owned(), errors };
        let config =
            Documents::parse(&read_text(path)?).and_then(|read| read.into_join(&host)).map_err(at)?;
        let discovery = Discovery::from(config.discovery());
        return Ok((config, discovery));
    }
    let (discovery, first, token, pins) = found_by(find)?;
    // The configuration holds one endpoint; all are asked.
    let mut document = json!({
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "JoinConfiguration",
        "discovery": {"bootstrapToken": {
            "token": token.expose(),
            "apiServerEndpoint": first,
            "caCertHashes": pins.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "unsafeSkipCAVerification": pins.is_empty(),
        }},
    });
    if let (Some(name), Some(fields)) = (node_name, document.as_object_mut()) {
        fields.insert("nodeRegistration".to_owned(), json!({ "name": name }));
    }
    let at = |errors| Failure::Config { path: "command line".into(), errors };
    let config =
        Documents::parse(&document.to_string()).and_then(|read| read.into_join(&host)).map_err(at)?;
    Ok((config, discovery))
}

/// How the command line says that the cluster is found: the first endpoint as HOST:PORT, the token, the pins.
fn found_by(find: &FindArgs) -> Result<(Discovery, String, BootstrapToken, Vec<CaPin>), Failure> {
    let host_port = |url: &str| url.rsplit('/').next().unwrap_or_default().to_owned();
    if let (Some(file), Some(passphrase_file)) = (&find.bundle, &find.passphrase_file) {
        let (text, seal) = bundle::read(file, passphrase_file)?;
        let opened = bundle::open(&text, &seal)?;
        let found = opened.discovered();
        let pins = found.pins().map_err(problem)?;
        let (first, token) = (host_port(found.server()), opened.token().clone());
        return Ok((Discovery::Bundle { text, seal }, first, token, pins));
    }
    let token = find.token.as_deref().ok_or_else(|| Failure::Missing {
        what: "--token",
        expected: "a bootstrap token of the cluster, ID.SECRET".into(),
        remedy: "take it from the join command; `k8sboot token create` makes one".into(),
    })?;
    let token: BootstrapToken = token.parse().map_err(problem)?;
    let (endpoints, pins) = (find.endpoints.clone(), find.discovery_token_ca_cert_hash.clone());
    let first = endpoints.first().map(|endpoint| host_port(&endpoint.url())).unwrap_or_default();
    let discovery = match find.discovery_token_unsafe_skip_ca_verification {
        true => Discovery::token_unsafe_skip_ca_verification(token.clone(), endpoints),
        false => Discovery::token(token.clone(), endpoints, pins.clone()),
    };
    Ok((discovery.map_err(problem)?, first, token, pins))
}
