//! Reads certificate authorities of a tree.

use super::{ExecError, Tree};
use crate::{pki::Ca, secret::SecretBytes};

/// Reads the certificate authority at `PATH.crt` and `PATH.key` of a tree.
///
/// # Errors
///
/// [`ExecError::NoAuthority`] if a file is missing, [`ExecError::Pki`] if they cannot be used or do not belong
/// together, [`ExecError::File`] if they cannot be read. `wanted_by` names what needs the authority.
pub fn read_authority(tree: &Tree, path: &str, wanted_by: &str) -> Result<Ca, ExecError> {
    let certificate = tree.read(&format!("{path}.crt"))?;
    let key = tree.read(&format!("{path}.key"))?.map(SecretBytes::new);
    let (Some(certificate), Some(key)) = (&certificate, &key) else {
        let found = match (&certificate, &key) {
            (None, None) => "neither file",
            (None, _) => "no certificate",
            _ => "no private key",
        };
        return Err(ExecError::NoAuthority {
            path: wanted_by.to_owned(),
            authority: path.to_owned(),
            found: found.to_owned(),
        });
    };
    Ca::from_pem(&String::from_utf8_lossy(certificate), key)
        .map_err(|source| ExecError::Pki { path: format!("{path}.crt"), source: Box::new(source) })
}
