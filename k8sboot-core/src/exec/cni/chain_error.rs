//! Why a chain of plugins could not be run.

use std::{fmt, io, path::PathBuf, time::Duration};

use super::error::CniFileError;
use crate::{
    cni::{CniError, Command, ErrorObject},
    error::{Code, Details, Problem, chain},
};

/// Why a chain of plugins could not be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The configuration, the parameters or a result do not allow it.
    #[error(transparent)]
    Cni(#[from] CniError),
    /// A stored result could not be read or written.
    #[error(transparent)]
    File(#[from] CniFileError),
    /// A plugin's program is not there or not executable.
    #[error("cni: plugin {program}: {}", missing(searched, not_executable.as_ref()))]
    #[non_exhaustive]
    Missing {
        /// The program.
        program: String,
        /// Where it was looked for, in order.
        searched: Vec<PathBuf>,
        /// The first file of that name, if it may not be executed.
        not_executable: Option<PathBuf>,
    },
    /// A plugin's program could not be started or waited for.
    #[error("cni: {op} {}", path.display())]
    #[non_exhaustive]
    Start {
        /// What was being done.
        op: &'static str,
        /// The program.
        path: PathBuf,
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// A plugin failed and said why.
    #[error("cni: plugin {program} failed ({command}): {error} (code {}: {}){stderr}", error.code, error.code.meaning())]
    #[non_exhaustive]
    Failed {
        /// The program.
        program: String,
        /// The command.
        command: Command,
        /// What it said.
        error: Box<ErrorObject>,
        /// The end of its standard error.
        stderr: Said,
    },
    /// A plugin failed without an error object: it printed nothing, text, or several documents.
    #[error(
        "cni: plugin {program} failed ({command}) with exit status {status}: expected an error object, found {}{stderr}",
        printed(stdout)
    )]
    #[non_exhaustive]
    Unexplained {
        /// The program.
        program: String,
        /// The command.
        command: Command,
        /// Its exit status.
        status: i32,
        /// The start of its standard output.
        stdout: Said,
        /// The end of its standard error.
        stderr: Said,
    },
    /// A plugin was killed by a signal.
    #[error("cni: plugin {program} ({command}) was killed by signal {signal}{stderr}")]
    #[non_exhaustive]
    Killed {
        /// The program.
        program: String,
        /// The command.
        command: Command,
        /// The signal.
        signal: i32,
        /// The end of its standard error.
        stderr: Said,
    },
    /// A plugin succeeded but printed no usable result.
    #[error(
        "cni: plugin {program} ({command}) succeeded: expected a result, found {}{stderr}",
        printed(stdout)
    )]
    #[non_exhaustive]
    Output {
        /// The program.
        program: String,
        /// The command.
        command: Command,
        /// The start of its standard output.
        stdout: Said,
        /// The end of its standard error.
        stderr: Said,
        /// What is wrong with the output.
        #[source]
        source: Box<CniError>,
    },
    /// A plugin printed more than any real one, and was killed.
    #[error(
        "cni: plugin {program} ({command}): expected at most {most} bytes on standard output, found more"
    )]
    #[non_exhaustive]
    TooMuch {
        /// The program.
        program: String,
        /// The command.
        command: Command,
        /// How many bytes are read at most.
        most: usize,
    },
    /// A plugin did not end in time, and was killed with all that it had started.
    #[error("cni: plugin {program} ({command}): not done within {} ms{stderr}", after.as_millis())]
    #[non_exhaustive]
    Timeout {
        /// The program.
        program: String,
        /// The command.
        command: Command,
        /// How long it had.
        after: Duration,
        /// The end of its standard error.
        stderr: Said,
    },
    /// The caller asked for a stop.
    #[error("cni: cancelled by the caller at plugin {program} ({command})")]
    #[non_exhaustive]
    Cancelled {
        /// The program that was running or next.
        program: String,
        /// The command.
        command: Command,
    },
    /// Several steps failed; the others were done.
    #[error("cni: {} steps failed: {}", errors.len(), errors.iter().map(|error| chain(error)).collect::<Vec<_>>().join("; "))]
    #[non_exhaustive]
    Several {
        /// The errors, in the order they happened.
        errors: Vec<ChainError>,
    },
}

/// A piece of what a plugin printed, for messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said(String);

impl Said {
    /// The first bytes.
    pub(super) fn start_of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut cut: String = text.trim().chars().take(MOST_SAID).collect();
        if cut.len() < text.trim().len() {
            cut.push('…');
        }
        Self(cut)
    }

    /// The last bytes.
    pub(super) fn end_of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim();
        let skipped = text.chars().count().saturating_sub(MOST_SAID);
        let end: String = text.chars().skip(skipped).collect();
        Self(if skipped > 0 { format!("…{end}") } else { end })
    }

    /// The text, at most 1,000 characters; `…` where it is cut.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "; on standard error: {:?}", self.0) }
    }
}

const MOST_SAID: usize = 1000;

impl ChainError {
    /// One error for any number of them.
    pub(super) fn join(mut errors: Vec<Self>) -> Result<(), Self> {
        match errors.pop() {
            None => Ok(()),
            Some(error) if errors.is_empty() => Err(error),
            Some(error) => {
                errors.push(error);
                Err(Self::Several { errors })
            }
        }
    }

    /// Whether the caller asked for a stop.
    #[must_use]
    pub fn is_stop(&self) -> bool {
        self.errors().iter().any(|error| matches!(error, Self::Cancelled { .. }))
    }

    /// The errors it stands for: itself, or those of [`Several`](Self::Several).
    #[must_use]
    pub fn errors(&self) -> &[ChainError] {
        match self {
            Self::Several { errors } => errors,
            one => std::slice::from_ref(one),
        }
    }

    /// The error object of the plugin that failed first; STATUS passes its code on.
    #[must_use]
    pub fn error_object(&self) -> Option<&ErrorObject> {
        self.errors().iter().find_map(|error| match error {
            Self::Failed { error, .. } => Some(&**error),
            _ => None,
        })
    }
}

impl Problem for ChainError {
    fn code(&self) -> Code {
        match self {
            Self::Cni(error) => error.code(),
            Self::File(error) => error.code(),
            Self::Missing { .. } => Code::CNI_PLUGIN_MISSING,
            Self::Start { .. } => Code::CNI_PLUGIN_START,
            Self::Failed { .. } => Code::CNI_PLUGIN_FAILED,
            Self::Unexplained { .. } => Code::CNI_PLUGIN_UNEXPLAINED,
            Self::Killed { .. } => Code::CNI_PLUGIN_KILLED,
            Self::Output { .. } => Code::CNI_PLUGIN_OUTPUT,
            Self::TooMuch { .. } => Code::CNI_PLUGIN_TOO_MUCH,
            Self::Timeout { .. } => Code::CNI_PLUGIN_TIMEOUT,
            Self::Cancelled { .. } => Code::CNI_CANCELLED,
            Self::Several { .. } => Code::CNI_SEVERAL,
        }
    }

    fn details(&self) -> Details {
        let mut details = Details::default();
        match self {
            Self::Cni(error) => details = error.details(),
            Self::File(error) => details = error.details(),
            Self::Missing { program, searched, not_executable } => {
                details.path = not_executable.as_ref().map(|path| path.display().to_string());
                details.expected = Some(format!("an executable file {program} in {}", list(searched)));
                details.remedy =
                    Some("install the plugin, or name its directory in the plugin path".to_owned());
            }
            Self::Start { path, source, .. } => {
                details.path = Some(path.display().to_string());
                details.errno = source.raw_os_error();
                details.retryable = source.kind() == io::ErrorKind::ExecutableFileBusy;
            }
            Self::Failed { error, .. } => {
                details.found = Some(error.to_string());
                details.retryable = error.code.is_retryable();
            }
            Self::Unexplained { stdout, .. } => {
                details.expected = Some("an error object".to_owned());
                details.found = Some(printed(stdout));
            }
            Self::Output { stdout, source, .. } => {
                details = source.details();
                details.found.get_or_insert_with(|| printed(stdout));
            }
            Self::Timeout { .. } => details.retryable = true,
            Self::Several { errors } => {
                details.retryable = errors.iter().all(|error| error.details().retryable);
            }
            Self::Killed { .. } | Self::TooMuch { .. } | Self::Cancelled { .. } => {}
        }
        details
    }
}

fn printed(stdout: &Said) -> String {
    if stdout.0.is_empty() { "nothing".to_owned() } else { format!("{:?}", stdout.0) }
}

fn missing(searched: &[PathBuf], not_executable: Option<&PathBuf>) -> String {
    match not_executable {
        Some(path) => {
            format!("expected an executable file, found {} without that right (chmod it)", path.display())
        }
        None => format!(
            "expected a program in {}, found none (install the plugin, or name its directory)",
            list(searched)
        ),
    }
}

fn list(paths: &[PathBuf]) -> String {
    if paths.is_empty() {
        return "no directory at all".to_owned();
    }
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
