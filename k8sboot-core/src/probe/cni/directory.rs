//! Configurations and programs of plugins on this machine.

use std::{io, os::unix::fs::PermissionsExt, path::Path};

use crate::{
    cni::{ConfDirectory, ConfFile, NetworkList, PluginDirectory},
    error::chain,
    exec::{CniFileError, CniFileOp, list_names, read_file},
};

/// Reads a directory of configurations, with the folders of its networks.
///
/// A file that cannot be read is part of it, with the reason.
///
/// # Errors
///
/// [`CniFileError`] if the directory is not there or cannot be listed.
pub fn conf_directory(path: impl AsRef<Path>) -> Result<ConfDirectory, CniFileError> {
    let path = path.as_ref();
    let Some(files) = conf_files(path, |_| true)? else {
        let source = io::Error::from(io::ErrorKind::NotFound);
        return Err(CniFileError::Io { op: CniFileOp::List, path: path.to_owned(), source });
    };
    let mut folders = Vec::new();
    for file in files.iter().filter(|file| file.name.ends_with(".conflist")) {
        let bytes = file.content.as_deref().unwrap_or_default();
        // The name is proved to be no way out of the directory.
        let Ok(Some(name)) = NetworkList::folder(bytes) else { continue };
        if let Some(more) = conf_files(&path.join(&name), |file| file.ends_with(".conf"))? {
            folders.push((name, more));
        }
    }
    Ok(ConfDirectory { path: path.display().to_string(), files, folders })
}

/// Lists directories of programs. One that is not there is part of the answer.
///
/// # Errors
///
/// [`CniFileError`] if a directory is there and cannot be listed.
pub fn plugin_directories(paths: &[impl AsRef<Path>]) -> Result<Vec<PluginDirectory>, CniFileError> {
    let mut directories = Vec::new();
    for path in paths {
        let path = path.as_ref();
        let names = list_names(path)?;
        let files = names.map(|names| {
            let look = |name: String| {
                let meta = std::fs::metadata(path.join(&name)).ok().filter(std::fs::Metadata::is_file)?;
                Some((name, meta.permissions().mode() & 0o111 != 0))
            };
            names.into_iter().filter_map(look).collect()
        });
        directories.push(PluginDirectory { path: path.display().to_string(), files });
    }
    Ok(directories)
}

fn conf_files(
    directory: &Path,
    wanted: impl Fn(&str) -> bool,
) -> Result<Option<Vec<ConfFile>>, CniFileError> {
    let Some(names) = list_names(directory)? else { return Ok(None) };
    let read = |name: String| {
        let content = match read_file(&directory.join(&name)) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err("a link to nothing, or a file that vanished".to_owned()),
            Err(error) => Err(chain(&error)),
        };
        ConfFile { name, content }
    };
    Ok(Some(names.into_iter().filter(|name| wanted(name)).map(read).collect()))
}
