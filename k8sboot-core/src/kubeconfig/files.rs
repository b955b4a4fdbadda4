//! Files that a kubeconfig refers to, and taking them in.

use super::{
    Kubeconfig, KubeconfigError,
    model::{Cluster, Source, User},
};
use crate::secret::SecretBytes;

/// A file that a kubeconfig refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileReference {
    /// The field, for example `users["admin"].user.client-key`.
    pub field: String,
    /// The path as written: relative to the directory of the kubeconfig unless it is absolute.
    pub path: String,
    /// Whether the file holds a credential.
    pub secret: bool,
}

impl Kubeconfig {
    /// The files that it refers to, clusters first, in alphabetical order of the names.
    #[must_use]
    pub fn file_references(&self) -> Vec<FileReference> {
        let clusters = self.clusters.iter().filter_map(|(name, cluster)| ca_file(name, cluster));
        let users = self.users.iter().flat_map(|(name, user)| {
            [certificate_file(name, user), key_file(name, user), token_file(name, user)]
        });
        clusters.chain(users.flatten()).collect()
    }

    /// Takes the files in, so that the kubeconfig can be moved to another host. `content` gives the bytes of a
    /// reference, `None` if there is no such file.
    ///
    /// As kubeadm does for file discovery, a token file becomes the token that it holds now, without white space around
    /// it. Either all files are taken in or none.
    ///
    /// # Errors
    ///
    /// [`KubeconfigError::Missing`] for a file that is not there, [`KubeconfigError::Credential`] for a token file that
    /// holds no token.
    ///
    /// # Examples
    ///
    /// ```
    /// # use k8sboot_core::{kubeconfig::Kubeconfig, secret::SecretBytes};
    /// let mut config = Kubeconfig::parse("users: [{name: a, user: {tokenFile: /run/token}}]")?;
    /// config.embed(|file| (file.path == "/run/token").then(|| SecretBytes::from("t0ken\n".to_owned())))?;
    /// assert!(config.file_references().is_empty());
    /// assert_eq!(config.users["a"].token.as_ref().unwrap().expose(), b"t0ken");
    /// # Ok::<(), k8sboot_core::kubeconfig::KubeconfigError>(())
    /// ```
    pub fn embed(
        &mut self,
        mut content: impl FnMut(&FileReference) -> Option<SecretBytes>,
    ) -> Result<(), KubeconfigError> {
        let mut read = |file: &FileReference| {
            content(file).ok_or_else(|| KubeconfigError::Missing {
                field: file.field.clone(),
                expected: format!("a file {}", file.path),
            })
        };
        let mut embedded = self.clone();
        for (name, cluster) in &mut embedded.clusters {
            if let Some(file) = ca_file(name, cluster) {
                cluster.certificate_authority = Some(Source::Inline(read(&file)?.expose().to_vec()));
            }
        }
        for (name, user) in &mut embedded.users {
            if let Some(file) = certificate_file(name, user) {
                user.client_certificate = Some(Source::Inline(read(&file)?.expose().to_vec()));
            }
            if let Some(file) = key_file(name, user) {
                user.client_key = Some(Source::Inline(read(&file)?));
            }
            if let Some(file) = token_file(name, user) {
                user.token = Some(token(&file, &read(&file)?)?);
                user.token_file = None;
            }
        }
        *self = embedded;
        Ok(())
    }
}

fn ca_file(name: &str, cluster: &Cluster) -> Option<FileReference> {
    let field = format!("clusters[{name:?}].cluster.certificate-authority");
    reference(field, path(cluster.certificate_authority.as_ref())?, false)
}

fn certificate_file(name: &str, user: &User) -> Option<FileReference> {
    // The kubelet keeps certificate and key in one file, so this one may be secret too.
    reference(
        format!("users[{name:?}].user.client-certificate"),
        path(user.client_certificate.as_ref())?,
        true,
    )
}

fn key_file(name: &str, user: &User) -> Option<FileReference> {
    reference(format!("users[{name:?}].user.client-key"), path(user.client_key.as_ref())?, true)
}

fn token_file(name: &str, user: &User) -> Option<FileReference> {
    reference(format!("users[{name:?}].user.tokenFile"), user.token_file.as_deref()?, true)
}

fn path<T>(source: Option<&Source<T>>) -> Option<&str> {
    match source {
        Some(Source::File(path)) => Some(path),
        Some(Source::Inline(_)) | None => None,
    }
}

fn reference(field: String, path: &str, secret: bool) -> Option<FileReference> {
    Some(FileReference { field, path: path.to_owned(), secret })
}

fn token(file: &FileReference, bytes: &SecretBytes) -> Result<SecretBytes, KubeconfigError> {
    let wrong = |found| KubeconfigError::Credential {
        field: file.field.clone(),
        expected: "a file with a token",
        found,
    };
    match bytes.expose_str().map(str::trim) {
        None => Err(wrong("bytes that are not text")),
        Some("") => Err(wrong("an empty file")),
        Some(token) => Ok(SecretBytes::from(token.to_owned())),
    }
}
