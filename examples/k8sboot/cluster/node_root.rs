//! The root directory of a node that may not exist yet: what a run that fails has made of it is removed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use k8sboot_core::exec::Tree;

use crate::output::{Failure, problem};

/// A node's root; directories that were made for it and are still empty at the end are removed, unless kept.
pub(super) struct NodeRoot {
    tree: Tree,
    made: Vec<PathBuf>,
}

impl NodeRoot {
    pub(super) fn open(root: &Path) -> Result<Self, Failure> {
        let missing = |path: &&Path| !path.as_os_str().is_empty() && path.symlink_metadata().is_err();
        let made: Vec<PathBuf> = root.ancestors().take_while(missing).map(Path::to_owned).collect();
        let tree = match made.is_empty() {
            true => Tree::open(root),
            false => Tree::create(root),
        };
        Ok(Self { tree: tree.map_err(problem)?, made })
    }

    pub(super) const fn tree(&self) -> &Tree {
        &self.tree
    }
}

impl Drop for NodeRoot {
    fn drop(&mut self) {
        for directory in &self.made {
            // One that holds something stays, and so do those above it.
            if fs::remove_dir(directory).is_err() {
                return;
            }
        }
    }
}
