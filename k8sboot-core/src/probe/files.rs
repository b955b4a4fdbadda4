//! Facts about the files of a node tree.

use super::{Probe, ProbeError};
use crate::{
    exec::{BoxFuture, Kind, Tree, embedded},
    facts::{Content, Facts, FileFact, SeenKubeconfig, Want, Wanted},
    kubeconfig::{Kubeconfig, Source},
    pki::{Certificate, KeyPair, Signer},
    secret::SecretBytes,
};

/// Looks at the files of a node tree.
#[derive(Clone)]
pub struct Host {
    tree: Tree,
}

impl Host {
    /// A probe for a tree.
    #[must_use]
    pub const fn new(tree: Tree) -> Self {
        Self { tree }
    }

    /// Gathers without a future.
    ///
    /// # Errors
    ///
    /// As [`Probe::gather`].
    pub fn look(&self, wanted: &Wanted) -> Result<Facts, ProbeError> {
        let mut facts = Facts::default();
        for (path, want) in &wanted.files {
            facts.files.insert(path.clone(), self.file(path, *want)?);
        }
        for directory in &wanted.directories {
            self.below(directory, &mut facts)?;
        }
        Ok(facts)
    }

    fn below(&self, directory: &str, facts: &mut Facts) -> Result<(), ProbeError> {
        for name in self.tree.list(directory)?.unwrap_or_default() {
            let path = format!("{}/{name}", directory.trim_end_matches('/'));
            let fact = self.file(&path, Want::Text)?;
            if matches!(fact, FileFact::Directory { .. }) {
                self.below(&path, facts)?;
            }
            facts.files.insert(path, fact);
        }
        Ok(())
    }

    fn file(&self, path: &str, want: Want) -> Result<FileFact, ProbeError> {
        let Some(seen) = self.tree.inspect(path)? else { return Ok(FileFact::Missing) };
        match seen.kind {
            Kind::Directory => {
                let empty = self.tree.list(path)?.is_none_or(|names| names.is_empty());
                Ok(FileFact::Directory { mode: seen.mode, empty })
            }
            Kind::Link => Ok(FileFact::Link { target: self.tree.link_target(path)? }),
            Kind::Other => Ok(FileFact::Other),
            Kind::File if want == Want::Kind => {
                Ok(FileFact::File { mode: seen.mode, sha256: [0; 32], content: Content::Unread })
            }
            Kind::File => {
                // Gone between the two looks counts as missing.
                let Some(bytes) = self.tree.read(path)? else { return Ok(FileFact::Missing) };
                let bytes = SecretBytes::new(bytes);
                let mut sha256 = [0; 32];
                sha256.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes.expose()).as_ref());
                Ok(FileFact::File { mode: seen.mode, sha256, content: self.content(path, &bytes, want)? })
            }
        }
    }
}

impl Host {
    fn content(&self, path: &str, bytes: &SecretBytes, want: Want) -> Result<Content, ProbeError> {
        Ok(match want {
            Want::Kind => Content::Unread,
            Want::Text => Content::Text(String::from_utf8_lossy(bytes.expose()).into_owned()),
            Want::PrivateKey => match KeyPair::from_pem(bytes) {
                Ok(key) => Content::Key(key.public_key().clone()),
                Err(error) => Content::Unusable(crate::error::chain(&error)),
            },
            Want::Kubeconfig => {
                let read = embedded(&self.tree, path, bytes)?;
                match read.and_then(|kubeconfig| seen_kubeconfig(&kubeconfig)) {
                    Ok(seen) => Content::Kubeconfig(Box::new(seen)),
                    Err(why) => Content::Unusable(why),
                }
            }
        })
    }
}

impl Probe for Host {
    fn gather<'a>(&'a mut self, wanted: &'a Wanted) -> BoxFuture<'a, Result<Facts, ProbeError>> {
        let facts = self.look(wanted);
        Box::pin(std::future::ready(facts))
    }
}

fn seen_kubeconfig(kubeconfig: &Kubeconfig) -> Result<SeenKubeconfig, String> {
    let current = kubeconfig.current().map_err(|error| crate::error::chain(&error))?;
    let certificate = match &current.user.client_certificate {
        Some(Source::Inline(bytes)) => certificates(bytes),
        _ => String::new(),
    };
    let key = match &current.user.client_key {
        Some(Source::Inline(key)) => KeyPair::from_pem(key).ok(),
        _ => None,
    };
    Ok(SeenKubeconfig {
        server: current.cluster.server.clone(),
        ca_pem: current.cluster.ca_pem().unwrap_or_default().to_owned(),
        user: current.context.user.clone(),
        client_certificate_pem: certificate,
        client_key: key.map(|key| key.public_key().clone()),
    })
}

/// The certificates alone: a kubelet keeps its key in the same file.
fn certificates(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    if !text.contains("PRIVATE KEY") {
        return text.into_owned();
    }
    Certificate::all_from_pem(&text).unwrap_or_default().iter().map(Certificate::to_pem).collect()
}
