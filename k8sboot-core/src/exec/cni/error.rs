//! Why a file of the Container Network Interface could not be read or written.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::error::{Code, Details, Problem, codes};

codes! {
    /// A configuration, stored result or plugin could not be read or written.
    CNI_FILE = 4520,
    /// A configuration or stored result is larger than any real one.
    CNI_FILE_SIZE = 4521,
    /// A plugin's program is not there or not executable.
    CNI_PLUGIN_MISSING = 4530,
    /// A plugin's program could not be started or waited for.
    CNI_PLUGIN_START = 4531,
    /// A plugin failed and said why.
    CNI_PLUGIN_FAILED = 4532,
    /// A plugin failed without an error object.
    CNI_PLUGIN_UNEXPLAINED = 4533,
    /// A plugin was killed by a signal.
    CNI_PLUGIN_KILLED = 4534,
    /// A plugin succeeded but printed no usable result.
    CNI_PLUGIN_OUTPUT = 4535,
    /// A plugin printed more than any real one.
    CNI_PLUGIN_TOO_MUCH = 4536,
    /// A plugin did not end in time.
    CNI_PLUGIN_TIMEOUT = 4537,
    /// The caller asked for a stop.
    CNI_CANCELLED = 4538,
    /// Several steps of a chain failed.
    CNI_SEVERAL = 4539,
}

/// What was being done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CniFileOp {
    /// List a directory.
    List,
    /// Read a file.
    Read,
    /// Make a directory.
    MakeDirectory,
    /// Write a file and give it its name.
    Write,
    /// Remove a file.
    Remove,
}

impl CniFileOp {
    const fn verb(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Read => "read",
            Self::MakeDirectory => "make directory",
            Self::Write => "write",
            Self::Remove => "remove",
        }
    }
}

/// Why a file of the Container Network Interface could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CniFileError {
    /// A system call failed.
    #[error("cni: {} {}{}", op.verb(), path.display(), hint(source))]
    #[non_exhaustive]
    Io {
        /// What was being done.
        op: CniFileOp,
        /// To what.
        path: PathBuf,
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// Something else is where a file should be.
    #[error("cni: read {}: expected a regular file, found {found}", path.display())]
    #[non_exhaustive]
    Kind {
        /// The path.
        path: PathBuf,
        /// What is there.
        found: &'static str,
    },
    /// The file is larger than any real one.
    #[error("cni: read {}: expected at most {most} bytes, found more: look at what wrote it", path.display())]
    #[non_exhaustive]
    Size {
        /// The path.
        path: PathBuf,
        /// How many bytes are read at most.
        most: u64,
    },
}

impl CniFileError {
    /// The path concerned.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Io { path, .. } | Self::Kind { path, .. } | Self::Size { path, .. } => path,
        }
    }
}

impl Problem for CniFileError {
    fn code(&self) -> Code {
        match self {
            Self::Io { .. } | Self::Kind { .. } => Code::CNI_FILE,
            Self::Size { .. } => Code::CNI_FILE_SIZE,
        }
    }

    fn details(&self) -> Details {
        let mut details = Details { path: Some(self.path().display().to_string()), ..Details::default() };
        match self {
            Self::Io { source, .. } => details.errno = source.raw_os_error(),
            Self::Kind { found, .. } => {
                details.expected = Some("a regular file".to_owned());
                details.found = Some((*found).to_owned());
            }
            Self::Size { most, .. } => details.expected = Some(format!("at most {most} bytes")),
        }
        details
    }
}

/// Adds the operation and the path to an answer of the operating system.
pub(super) fn at(op: CniFileOp, path: &Path) -> impl FnOnce(io::Error) -> CniFileError + '_ {
    move |source| CniFileError::Io { op, path: path.to_owned(), source }
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => " (free some space, then run again)",
        io::ErrorKind::PermissionDenied => " (run as root)",
        io::ErrorKind::ReadOnlyFilesystem => " (choose a directory that can be written)",
        _ => "",
    }
}
