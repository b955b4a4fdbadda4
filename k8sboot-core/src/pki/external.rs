//! CAs whose key is elsewhere: what must be there because it cannot be made here.
//!
//! Source: kubeadm 1.36, "External CA mode": decided for each CA on its own.

use super::{CertSpec, KubeconfigSpec, PkiError};

/// Where the key of a CA is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CaMode {
    /// Neither certificate nor key is there: both are to be made.
    New,
    /// Both are there.
    Local,
    /// The certificate is there, the key is not: everything below it must be there.
    External,
    /// The key is there, the certificate is not: it is to be made for that key.
    LoneKey,
}

impl CaMode {
    /// From what is there.
    #[must_use]
    pub const fn of(certificate_exists: bool, key_exists: bool) -> Self {
        match (certificate_exists, key_exists) {
            (false, false) => Self::New,
            (true, true) => Self::Local,
            (true, false) => Self::External,
            (false, true) => Self::LoneKey,
        }
    }
}

/// What an external CA must have signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Required<'a> {
    /// Leaves, of which certificate and key must be there.
    pub leaves: Vec<&'a CertSpec>,
    /// Kubeconfigs; only for the cluster's CA, `ca`.
    pub kubeconfigs: Vec<&'a KubeconfigSpec>,
}

/// What the CA named `ca` must have signed if it is external.
#[must_use]
pub fn required<'a>(ca: &str, tree: &'a [CertSpec], kubeconfigs: &'a [KubeconfigSpec]) -> Required<'a> {
    Required {
        leaves: tree.iter().filter(|spec| spec.issuer.as_deref() == Some(ca)).collect(),
        kubeconfigs: kubeconfigs.iter().filter(|spec| spec.client.issuer.as_deref() == Some(ca)).collect(),
    }
}

impl Required<'_> {
    /// The files: `PATH.crt` and `PATH.key` relative to the certificates directory, kubeconfigs by their names.
    pub fn files(&self) -> impl Iterator<Item = String> {
        let leaves =
            self.leaves.iter().flat_map(|spec| ["crt", "key"].map(|end| format!("{}.{end}", spec.path)));
        leaves.chain(self.kubeconfigs.iter().map(|spec| spec.file.to_owned()))
    }

    /// Checks that every file exists.
    ///
    /// # Errors
    ///
    /// [`PkiError::ExternalIncomplete`] naming all that are missing.
    pub fn check(&self, ca: &CertSpec, exists: impl Fn(&str) -> bool) -> Result<(), PkiError> {
        let missing: Vec<String> = self.files().filter(|file| !exists(file)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(PkiError::ExternalIncomplete { ca: ca.path.clone(), missing })
    }
}
