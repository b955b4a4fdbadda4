//! Seals the certificates and keys of a tree for upload.

use super::{ExecError, Tree};
use crate::{
    config::InitConfig,
    entropy::Entropy,
    manifest::cluster::UploadedCerts,
    pki::{
        CertificateKey, PkiError,
        upload::{Entry, entries, to_secret, token_spec},
    },
    secret::SecretBytes,
    time::Timestamp,
    token::{BootstrapToken, TokenError},
};

/// Seals what joining control planes need of a tree under `key`: the Secret `kubeadm-certs`, and the Secret of the token
/// whose end removes it after two hours.
///
/// The first one refers to the second by a uid that only the API server can give; without one, as here, nothing removes
/// `kubeadm-certs` by itself. A file that does not exist becomes an empty entry, as in kubeadm.
///
/// # Errors
///
/// [`ExecError::File`] if a file cannot be read, [`ExecError::Pki`] if sealing fails.
pub fn seal_certificates(
    tree: &Tree,
    config: &InitConfig,
    key: &CertificateKey,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<UploadedCerts, ExecError> {
    seal_entries(tree, &entries(config.cluster()), key, entropy, now)
}

/// As [`seal_certificates`], for entries that are known already.
pub(super) fn seal_entries(
    tree: &Tree,
    entries: &[Entry],
    key: &CertificateKey,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<UploadedCerts, ExecError> {
    let at = |source: PkiError| ExecError::Pki {
        path: "Secret kubeadm-certs".to_owned(),
        source: Box::new(source),
    };
    let mut contents = Vec::new();
    for entry in entries {
        let bytes = if entry.path.is_empty() { None } else { tree.read(&entry.path)? };
        contents.push((entry.name, bytes.map(SecretBytes::new)));
    }
    let content =
        |name: &str| contents.iter().find(|(known, _)| *known == name).and_then(|(_, bytes)| bytes.clone());
    let certs = to_secret(entries, |entry| content(entry.name), key, None, entropy).map_err(at)?;
    let token = |source: TokenError| ExecError::Token {
        what: "the Secret that ends the upload",
        source: Box::new(source),
    };
    let owner = BootstrapToken::generate_for(entropy, "upload-certs").map_err(token)?;
    let owner = token_spec(owner).to_secret(now).map_err(token)?;
    Ok(UploadedCerts { owner, certs })
}
