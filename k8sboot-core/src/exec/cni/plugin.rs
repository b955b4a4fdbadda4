//! Finding the program of a plugin and telling what came of its run.

use std::{
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
};

use super::{
    chain_error::{ChainError, Said},
    process::{End, Ran},
};
use crate::cni::{CniError, Command, ErrorObject};

/// The directories that hold programs of plugins, in order; usually `/opt/cni/bin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executables(Vec<PathBuf>);

impl Executables {
    /// These directories.
    #[must_use]
    pub fn new(directories: Vec<PathBuf>) -> Self {
        Self(directories)
    }

    /// The directories.
    #[must_use]
    pub fn directories(&self) -> &[PathBuf] {
        &self.0
    }

    /// The text of `CNI_PATH`.
    ///
    /// # Errors
    ///
    /// [`CniError::Parameter`] for a directory that cannot be told there: `:` inside, not UTF-8, or none at all.
    pub fn as_cni_path(&self) -> Result<String, CniError> {
        let mut texts = Vec::new();
        for directory in &self.0 {
            let text = directory.to_str().filter(|text| !text.is_empty() && !text.contains([':', '\0']));
            texts.push(text.ok_or_else(|| CniError::Parameter {
                parameter: "CNI_PATH",
                expected: "paths in UTF-8 without ':'",
                found: directory.display().to_string(),
            })?);
        }
        if texts.is_empty() {
            return Err(CniError::Parameter {
                parameter: "CNI_PATH",
                expected: "at least one directory with plugins",
                found: String::new(),
            });
        }
        Ok(texts.join(":"))
    }

    /// The first regular file of that name, links followed.
    ///
    /// # Errors
    ///
    /// [`ChainError::Missing`] if there is none, or it may not be executed.
    pub fn find(&self, program: &str) -> Result<PathBuf, ChainError> {
        let missing = |not_executable: Option<PathBuf>| ChainError::Missing {
            program: program.to_owned(),
            searched: self.0.clone(),
            not_executable,
        };
        let is_file = |path: &Path| std::fs::metadata(path).is_ok_and(|meta| meta.is_file());
        if program.is_empty() || program.contains('/') {
            return Err(missing(None));
        }
        let path = self.0.iter().map(|directory| directory.join(program)).find(|path| is_file(path));
        let path = path.ok_or_else(|| missing(None))?;
        if std::fs::metadata(&path).is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0) {
            Ok(path)
        } else {
            Err(missing(Some(path)))
        }
    }
}

/// The standard output of a run that succeeded; the typed error of any other.
pub(super) fn outcome(
    ran: Ran,
    program: &str,
    command: Command,
    limits: super::chain::Limits,
) -> Result<(Vec<u8>, Said), ChainError> {
    let (program, stderr) = (program.to_owned(), Said::end_of(&ran.stderr));
    let status = match ran.end {
        End::Exited(status) => status,
        End::TooMuch => {
            return Err(ChainError::TooMuch { program, command, most: limits.most_output });
        }
        End::Timeout => return Err(ChainError::Timeout { program, command, after: limits.timeout, stderr }),
        End::Cancelled => return Err(ChainError::Cancelled { program, command }),
    };
    if status.success() {
        return Ok((ran.stdout, stderr));
    }
    if let Some(signal) = status.signal() {
        return Err(ChainError::Killed { program, command, signal, stderr });
    }
    Err(match ErrorObject::parse(&ran.stdout) {
        Ok(error) => ChainError::Failed { program, command, error: Box::new(error), stderr },
        Err(_) => ChainError::Unexplained {
            program,
            command,
            status: status.code().unwrap_or_default(),
            stdout: Said::start_of(&ran.stdout),
            stderr,
        },
    })
}
