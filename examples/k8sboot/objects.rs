//! `--objects-dir`: the API objects as files, for `kubectl`.

use std::{path::Path, time::SystemTime};

use k8sboot_core::{
    config::InitConfig,
    entropy::System,
    exec::{self, Kind, Outcome, Tree},
    flow::{self, InitOptions},
    manifest::{cluster::file_name, node},
    plan::Guard,
    time::Timestamp,
};

use crate::output::{Failure, problem};

/// The patch of the Node object. Not `*.json`: `kubectl apply -f DIR` must leave it alone.
pub(crate) const NODE_PATCH: &str = "node.patch";

/// Renders everything without the CA, so that what cannot be rendered is known before anything is written.
pub(crate) fn rehearse(config: &InitConfig, options: &InitOptions) -> Result<(), Failure> {
    flow::cluster_objects(config, options, "").map(|_| ()).map_err(problem)
}

/// Writes each object into a file of its own; Secrets are 0600. Gives the paths and how many of them changed.
pub(crate) fn write(
    directory: &Path,
    tree: &Tree,
    config: &InitConfig,
    options: &InitOptions,
    ca_pem: &str,
    upload: bool,
) -> Result<(Vec<String>, usize), Failure> {
    let mut options = options.clone();
    if upload {
        let now = Timestamp::from(SystemTime::now());
        let key = config.init().certificate_key.expose().parse().map_err(problem)?;
        let sealed = exec::seal_certificates(tree, config, &key, &System, now).map_err(problem)?;
        options = options.uploaded_certs(sealed);
    }
    let mut files: Vec<(String, String, u32)> = flow::cluster_objects(config, &options, ca_pem)
        .map_err(problem)?
        .iter()
        .map(|(_, object)| {
            let mode = if object.key().kind == "Secret" { 0o600 } else { 0o644 };
            (file_name(object), object.to_yaml(), mode)
        })
        .collect();
    let patch = format!("{:#}\n", node::control_plane_patch(config, &[]));
    files.push((NODE_PATCH.to_owned(), patch, 0o644));
    let out = Tree::create(directory).map_err(problem)?;
    let (mut paths, mut changed) = (Vec::new(), 0);
    for (name, content, mode) in files {
        let path = format!("/{name}");
        if out.inspect(&path).map_err(problem)?.is_some_and(|seen| seen.kind != Kind::File) {
            return Err(Failure::Kind { path: directory.join(name) });
        }
        let outcome = out.write(&path, content.as_bytes(), mode, Guard::None).map_err(problem)?;
        changed += usize::from(outcome == Outcome::Changed);
        paths.push(directory.join(name).display().to_string());
    }
    Ok((paths, changed))
}
