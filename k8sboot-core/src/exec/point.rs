//! A kubeconfig whose client certificate is in a file that something else renews.

use crate::{
    exec::{ExecError, Outcome, Tree},
    kubeconfig::{Kubeconfig, Source},
    plan::Guard,
    secret::SecretBytes,
};

/// Lets the current user of a kubeconfig take certificate and key from `client`; what was embedded is removed.
pub(super) fn point(tree: &Tree, path: &str, client: &str, guard: Guard) -> Result<Outcome, ExecError> {
    let unusable = |found: String| ExecError::Kubeconfig { path: path.to_owned(), found };
    let text = SecretBytes::new(tree.read(path)?.unwrap_or_default());
    let text = text.expose_str().ok_or_else(|| unusable("bytes that are not UTF-8".to_owned()))?;
    let mut kubeconfig = Kubeconfig::parse(text).map_err(|error| unusable(crate::error::chain(&error)))?;
    let current = kubeconfig.current().map_err(|error| unusable(crate::error::chain(&error)))?;
    let there = (&current.user.client_certificate, &current.user.client_key);
    if let (Some(Source::File(certificate)), Some(Source::File(key))) = there
        && certificate == client
        && key == client
    {
        return Ok(Outcome::AlreadySo);
    }
    let user = current.context.user.clone();
    if let Some(user) = kubeconfig.users.get_mut(&user) {
        user.client_certificate = Some(Source::File(client.to_owned()));
        user.client_key = Some(Source::File(client.to_owned()));
    }
    Ok(tree.write(path, kubeconfig.to_yaml().expose(), 0o600, guard)?)
}
