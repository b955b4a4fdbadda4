//! Kubeconfigs of a tree, with the files of the tree that they refer to.

use super::{FileError, Tree};
use crate::{kubeconfig::Kubeconfig, secret::SecretBytes};

/// Reads a kubeconfig of a tree and takes in the files that it refers to as far as they are there; `None` if there is no
/// such kubeconfig, the inner error what is wrong with it.
///
/// # Errors
///
/// [`FileError`] if a file cannot be read.
pub fn read_kubeconfig(tree: &Tree, path: &str) -> Result<Option<Result<Kubeconfig, String>>, FileError> {
    let Some(bytes) = tree.read(path)? else { return Ok(None) };
    embedded(tree, path, &SecretBytes::new(bytes)).map(Some)
}

/// As [`read_kubeconfig`], of bytes that were read.
pub(crate) fn embedded(
    tree: &Tree,
    path: &str,
    bytes: &SecretBytes,
) -> Result<Result<Kubeconfig, String>, FileError> {
    let Some(text) = bytes.expose_str() else { return Ok(Err("it is not UTF-8 text".to_owned())) };
    let mut kubeconfig = match Kubeconfig::parse(text) {
        Ok(kubeconfig) => kubeconfig,
        Err(error) => return Ok(Err(crate::error::chain(&error))),
    };
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    let mut failed = None;
    // What is missing stays a reference: a kubelet's certificate is not there before it is signed.
    let _ = kubeconfig.embed(|file| {
        let at =
            if file.path.starts_with('/') { file.path.clone() } else { format!("{parent}/{}", file.path) };
        tree.read_through_link(&at)
            .unwrap_or_else(|error| {
                failed = Some(error);
                None
            })
            .map(SecretBytes::new)
    });
    failed.map_or(Ok(Ok(kubeconfig)), Err)
}
