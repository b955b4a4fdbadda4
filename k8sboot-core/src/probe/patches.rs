//! Reads the patches directory that a configuration names.

use std::path::Path;

use super::ProbeError;
use crate::{
    config::{InitConfig, JoinConfig, v1beta4::Patches},
    exec::{FileError, FileOp, Tree},
    manifest::PatchSet,
};

/// Reads the patches that a configuration names; none if it names no directory.
///
/// The directory is looked for in the tree first (an absolute path), then on this machine: like the configuration file
/// itself, patches are input of the run and need not be part of the node.
///
/// # Errors
///
/// [`ProbeError::File`] if the directory cannot be read, [`ProbeError::Patches`] if a patch is malformed.
pub fn read_patches(tree: Option<&Tree>, config: &InitConfig) -> Result<PatchSet, ProbeError> {
    read(tree, config.init().patches.as_ref())
}

/// As [`read_patches`], for a node that joins.
///
/// # Errors
///
/// As [`read_patches`].
pub fn read_join_patches(tree: Option<&Tree>, config: &JoinConfig) -> Result<PatchSet, ProbeError> {
    read(tree, config.join().patches.as_ref())
}

fn read(tree: Option<&Tree>, named: Option<&Patches>) -> Result<PatchSet, ProbeError> {
    let directory = match named {
        Some(patches) if !patches.directory.is_empty() => patches.directory.as_str(),
        _ => return Ok(PatchSet::none()),
    };
    let mut files = Vec::new();
    let in_tree = |tree: &&Tree| directory.starts_with('/') && matches!(tree.list(directory), Ok(Some(_)));
    match tree.filter(in_tree) {
        Some(tree) => from_tree(tree, directory, "", &mut files)?,
        None => from_machine(Path::new(directory), "", &mut files)?,
    }
    PatchSet::from_files(files)
        .map_err(|source| ProbeError::Patches { directory: directory.to_owned(), source: Box::new(source) })
}

fn from_tree(
    tree: &Tree,
    directory: &str,
    prefix: &str,
    files: &mut Vec<(String, Vec<u8>)>,
) -> Result<(), ProbeError> {
    for name in tree.list(directory)?.unwrap_or_default() {
        let (path, relative) = (format!("{directory}/{name}"), format!("{prefix}{name}"));
        match tree.inspect(&path)? {
            Some(seen) if seen.kind == crate::exec::Kind::Directory => {
                from_tree(tree, &path, &format!("{relative}/"), files)?;
            }
            Some(_) => files.push((relative, tree.read(&path)?.unwrap_or_default())),
            None => {}
        }
    }
    Ok(())
}

fn from_machine(
    directory: &Path,
    prefix: &str,
    files: &mut Vec<(String, Vec<u8>)>,
) -> Result<(), ProbeError> {
    let at = |op: FileOp, path: &Path| {
        let path = path.display().to_string();
        move |source: std::io::Error| ProbeError::from(FileError::Io { op, path, source })
    };
    let mut entries: Vec<_> = std::fs::read_dir(directory)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(at(FileOp::List, directory))?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let relative = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let path = entry.path();
        if path.is_dir() {
            from_machine(&path, &format!("{relative}/"), files)?;
        } else {
            files.push((relative, std::fs::read(&path).map_err(at(FileOp::Read, &path))?));
        }
    }
    Ok(())
}
