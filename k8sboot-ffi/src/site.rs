//! The directory of a node, which may not exist yet.

use std::path::PathBuf;

use k8sboot_core::{
    exec::Tree,
    probe::{self, Probe},
};

use crate::error::Failure;

/// The directory of a node, which may not exist yet.
pub(crate) struct Site {
    root: PathBuf,
    tree: Option<Tree>,
}

impl Site {
    pub(crate) fn new(root: &str) -> Result<Self, Failure> {
        if root.is_empty() {
            return Err(Failure::misuse("root", "expected a directory, found an empty text"));
        }
        Ok(Self { root: root.into(), tree: None })
    }

    /// The tree, if it is there. Makes nothing.
    pub(crate) fn look(&mut self) -> Result<Option<Tree>, Failure> {
        if self.tree.is_none() && self.root.symlink_metadata().is_ok() {
            self.tree = Some(Tree::open(&self.root)?);
        }
        Ok(self.tree.clone())
    }

    /// The tree as it was seen last.
    pub(crate) const fn tree(&self) -> Option<&Tree> {
        self.tree.as_ref()
    }

    pub(crate) fn probe(&mut self) -> Result<Box<dyn Probe>, Failure> {
        Ok(match self.look()? {
            Some(tree) => Box::new(probe::Host::new(tree)),
            None => Box::new(probe::EmptyTree),
        })
    }

    /// The tree; makes its root if that is missing.
    pub(crate) fn make(&mut self) -> Result<Tree, Failure> {
        match self.look()? {
            Some(tree) => Ok(tree),
            None => Ok(self.tree.insert(Tree::create(&self.root)?).clone()),
        }
    }
}
