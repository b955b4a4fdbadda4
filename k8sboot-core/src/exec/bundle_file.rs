//! Join bundles as files.

use std::path::Path;

use super::{FileError, Tree};
use crate::plan::Guard;

/// Writes a sealed join bundle to a file that its owner alone reads (0600), whole and durably, in the place of an older one.
///
/// # Errors
///
/// [`FileError::Io`] if the directory is missing or not writable, [`FileError::Link`] and [`FileError::Kind`] if something
/// else than a file is there.
pub fn write_join_bundle(path: &Path, text: &str) -> Result<(), FileError> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let tree = Tree::open(directory.unwrap_or_else(|| Path::new(".")))?;
    tree.write(&format!("/{name}"), text.as_bytes(), 0o600, Guard::None)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn only_the_owner_reads_a_bundle() {
        let directory = std::env::temp_dir().join(format!("k8sboot-bundle-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("join.bundle");
        for text in ["one", "two"] {
            write_join_bundle(&path, text).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert!(write_join_bundle(&directory.join("missing/join.bundle"), "x").is_err());
        assert!(write_join_bundle(Path::new("/"), "x").is_err());
        fs::remove_dir_all(&directory).unwrap();
    }
}
