//! Why a file operation failed: which, on which path, and what to do.

use std::io;

use super::tree::FileOp;
use crate::error::{Code, Details, Problem};

/// Why a file operation failed. Paths are node paths (below the root of the tree).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// A system call failed.
    #[error("{} {path}{}", op.verb(), hint(source))]
    #[non_exhaustive]
    Io {
        /// What was being done.
        op: FileOp,
        /// To what.
        path: String,
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// A path goes through or ends at a symbolic link that must not be followed.
    #[error("{} {path}: expected no symbolic link out of the tree, found one at {link} (remove the link, or configure the real path)", op.verb())]
    #[non_exhaustive]
    Link {
        /// What was being done.
        op: FileOp,
        /// To what.
        path: String,
        /// The link.
        link: String,
    },
    /// Something else is where a file or directory should be.
    #[error("{} {path}: expected {expected}, found {found} (move it away, or configure another path)", op.verb())]
    #[non_exhaustive]
    Kind {
        /// What was being done.
        op: FileOp,
        /// To what.
        path: String,
        /// What should be there.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// The file is not what the plan saw.
    #[error(
        "write {path}: expected {expected}, found {found} (it changed since the plan was made: look at it, then run again)"
    )]
    #[non_exhaustive]
    Changed {
        /// The file.
        path: String,
        /// What the plan saw.
        expected: String,
        /// What is there.
        found: String,
    },
    /// Another run works on the same tree.
    #[error("lock {path}: another run is working on this tree (wait for it, or stop it)")]
    #[non_exhaustive]
    Locked {
        /// The root of the tree.
        path: String,
    },
    /// Not a path of the tree.
    #[error("path {path:?}: expected an absolute path without \".\", \"..\" and empty parts")]
    #[non_exhaustive]
    Path {
        /// The path as given.
        path: String,
    },
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => " (free some space, then run again)",
        io::ErrorKind::PermissionDenied => " (run as the owner of the tree, or choose another root)",
        io::ErrorKind::ReadOnlyFilesystem => " (remount the file system writable, or choose another root)",
        io::ErrorKind::NotFound => " (check the path)",
        io::ErrorKind::NotADirectory => " (choose a directory)",
        io::ErrorKind::IsADirectory => " (choose a file)",
        _ => "",
    }
}

fn expected(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some("free space"),
        io::ErrorKind::PermissionDenied => Some("the right to do so"),
        io::ErrorKind::ReadOnlyFilesystem => Some("a writable file system"),
        _ => None,
    }
}

impl Problem for FileError {
    fn code(&self) -> Code {
        match self {
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::FILE_NO_SPACE,
                io::ErrorKind::PermissionDenied => Code::FILE_PERMISSION,
                io::ErrorKind::ReadOnlyFilesystem => Code::FILE_READ_ONLY,
                _ => Code::FILE_IO,
            },
            Self::Link { .. } => Code::FILE_LINK,
            Self::Kind { .. } => Code::FILE_KIND,
            Self::Changed { .. } => Code::FILE_CHANGED,
            Self::Locked { .. } => Code::FILE_LOCKED,
            Self::Path { .. } => Code::FILE_PATH,
        }
    }

    fn details(&self) -> Details {
        let mut details = Details::default();
        match self {
            Self::Io { path, source, .. } => {
                details.path = Some(path.clone());
                details.errno = source.raw_os_error();
                details.expected = expected(source).map(str::to_owned);
                details.found = Some(source.to_string());
                let hint = hint(source).trim_matches([' ', '(', ')']);
                details.remedy = (!hint.is_empty()).then(|| hint.to_owned());
                details.retryable =
                    matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
            }
            Self::Link { path, link, .. } => {
                details.path = Some(path.clone());
                details.expected = Some("no symbolic link out of the tree".to_owned());
                details.found = Some(format!("a symbolic link at {link}"));
                details.remedy = Some("remove the link, or configure the real path".to_owned());
            }
            Self::Kind { path, expected, found, .. } => {
                details.path = Some(path.clone());
                details.expected = Some((*expected).to_owned());
                details.found = Some((*found).to_owned());
                details.remedy = Some("move it away, or configure another path".to_owned());
            }
            Self::Changed { path, expected, found } => {
                details.path = Some(path.clone());
                details.expected = Some(expected.clone());
                details.found = Some(found.clone());
                details.remedy = Some("look at it, then run again".to_owned());
                details.retryable = true;
            }
            Self::Locked { path } => {
                details.path = Some(path.clone());
                details.expected = Some("no other run on this tree".to_owned());
                details.found = Some("one that is working".to_owned());
                details.remedy = Some("wait for the other run, or stop it".to_owned());
                details.retryable = true;
            }
            Self::Path { path } => {
                details.path = Some(path.clone());
                details.expected = Some("an absolute path without \".\", \"..\" and empty parts".to_owned());
                details.found = Some(path.clone());
            }
        }
        details
    }
}
