//! Facts about the files of a node tree. Private keys never appear: a key is seen as its public half.

use std::collections::BTreeMap;

use super::SeenCluster;
use crate::pki::PublicKey;

/// What a probe is asked to look at. Paths are absolute node paths such as `/etc/kubernetes/pki/ca.crt`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Each path with how to read it.
    pub files: BTreeMap<String, Want>,
    /// Directories whose files are wanted too, each read as text; sub-directories included.
    pub directories: Vec<String>,
    /// The node whose cluster is wanted too: what it keeps for joining nodes, and the Node of this name.
    pub cluster: Option<String>,
}

/// How to read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Want {
    /// Its kind and mode only.
    Kind,
    /// Its text: manifests, certificates, public configuration.
    Text,
    /// A private key, of which only the public half is kept.
    PrivateKey,
    /// A kubeconfig, without its secrets.
    Kubeconfig,
}

impl Wanted {
    /// Asks for one more file.
    #[must_use]
    pub fn file(mut self, path: impl Into<String>, how: Want) -> Self {
        self.files.insert(path.into(), how);
        self
    }

    /// Asks for the cluster that a node of this name is to join.
    #[must_use]
    pub fn cluster(mut self, node: impl Into<String>) -> Self {
        self.cluster = Some(node.into());
        self
    }

    /// Asks for the files below a directory.
    #[must_use]
    pub fn directory(mut self, path: impl Into<String>) -> Self {
        self.directories.push(path.into());
        self
    }
}

/// What a probe saw.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// By path; every wanted file has an entry, [`FileFact::Missing`] if it does not exist.
    pub files: BTreeMap<String, FileFact>,
    /// The cluster; none if it was not asked for, or the probe sees files only.
    pub cluster: Option<Box<SeenCluster>>,
}

impl Facts {
    /// The fact about a path; a path that was not looked at counts as missing.
    #[must_use]
    pub fn file(&self, path: &str) -> &FileFact {
        self.files.get(path).unwrap_or(&FileFact::Missing)
    }

    /// The text of a file that was read as [`Want::Text`].
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        match self.file(path) {
            FileFact::File { content: Content::Text(text), .. } => Some(text),
            _ => None,
        }
    }

    /// Files below a directory with their text, by path relative to it, in byte order of the paths.
    pub fn below<'a>(&'a self, directory: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let inside = move |path: &'a str| path.strip_prefix(directory)?.strip_prefix('/');
        self.files.iter().filter_map(move |(path, fact)| match fact {
            FileFact::File { content: Content::Text(text), .. } => Some((inside(path)?, text.as_str())),
            _ => None,
        })
    }
}

/// One path of the tree.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum FileFact {
    /// Nothing is there.
    Missing,
    /// A regular file.
    File {
        /// Permission bits.
        mode: u32,
        /// Digest of the bytes.
        sha256: [u8; 32],
        /// What was read of it.
        content: Content,
    },
    /// A directory.
    Directory {
        /// Permission bits.
        mode: u32,
        /// Whether it has no entries.
        empty: bool,
    },
    /// A symbolic link; it is not followed.
    Link {
        /// Where it points.
        target: String,
    },
    /// A device, socket or pipe.
    Other,
}

impl FileFact {
    /// Whether nothing is there.
    #[must_use]
    pub const fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }
}

/// What was read of a file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Content {
    /// Not asked for.
    Unread,
    /// Text (lossy UTF-8).
    Text(String),
    /// The public half of a private key.
    Key(PublicKey),
    /// A kubeconfig without its secrets.
    Kubeconfig(Box<SeenKubeconfig>),
    /// What was asked for is not in the file; why, without its content.
    Unusable(String),
}

/// The public parts of a kubeconfig's current context.
#[derive(Clone, Debug, Default)]
pub struct SeenKubeconfig {
    /// `https://HOST:PORT`.
    pub server: String,
    /// The trusted CA certificates, PEM.
    pub ca_pem: String,
    /// The name of the user.
    pub user: String,
    /// The client certificate, PEM; empty if the user has another credential.
    pub client_certificate_pem: String,
    /// The public half of the client key, if there is one that can be read.
    pub client_key: Option<PublicKey>,
}
