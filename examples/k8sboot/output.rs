//! Standard output, standard error and exit codes.

use std::{
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use k8sboot_core::{
    config::{ConfigError, ConfigErrors},
    error::{Problem, chain},
};
use serde_json::{Value, json};

use crate::args::Output;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A problem that the library names.
    #[error(transparent)]
    Problem(Box<dyn ProblemError>),
    /// Problems of a configuration text.
    #[error("{}", path.display())]
    Config { path: PathBuf, errors: ConfigErrors },
    /// A file of this machine.
    #[error("{verb} {}", path.display())]
    File { verb: &'static str, path: PathBuf, source: io::Error },
    /// Wrong use of the command line.
    #[error("{0}")]
    Usage(String),
    /// Standard output is gone.
    #[error("write to standard output")]
    Output(#[source] io::Error),
}

/// A library error as a trait object.
pub(crate) trait ProblemError: Problem + Send + Sync + 'static {}
impl<T: Problem + Send + Sync + 'static> ProblemError for T {}

impl std::error::Error for Box<dyn ProblemError> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        (**self).source()
    }
}

/// Turns a library error into a failure: `.map_err(problem)`.
pub(crate) fn problem(error: impl ProblemError) -> Failure {
    Failure::Problem(Box::new(error))
}

/// Prints text or JSON on standard output.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out
        .write_all(text.as_bytes())
        .and_then(|()| if text.ends_with('\n') { Ok(()) } else { out.write_all(b"\n") });
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Output(error)),
        _ => Ok(()),
    }
}

/// Prints a JSON document on standard output.
pub(crate) fn print_json(value: &Value) -> Result<(), Failure> {
    print(&format!("{value:#}\n"))
}

/// A line for people on standard error.
pub(crate) fn say(text: &str) {
    // Nobody may be listening; that is no reason to fail.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Prints a failure and gives the exit code: 1.
pub(crate) fn failure(failure: &Failure, output: Output) -> ExitCode {
    if output == Output::Json {
        let _ = print_json(&failure_json(failure));
    } else if let Failure::Config { path, errors } = failure {
        for error in errors.as_slice() {
            say(&format!("error: {}: {error}", path.display()));
        }
    } else {
        say(&format!("error: {}", chain(failure)));
    }
    ExitCode::FAILURE
}

fn failure_json(failure: &Failure) -> Value {
    match failure {
        Failure::Problem(error) => json!({ "errors": [one(&**error, &chain(failure))] }),
        Failure::Config { path, errors } => {
            let errors: Vec<Value> = errors.as_slice().iter().map(config_json).collect();
            json!({ "config": path, "errors": errors })
        }
        other => json!({ "errors": [{ "message": chain(other) }] }),
    }
}

/// One problem of a configuration.
pub(crate) fn config_json(error: &ConfigError) -> Value {
    let mut value = one(error, &error.to_string());
    if let Value::Object(map) = &mut value {
        map.insert("document".into(), json!(error.document));
    }
    value
}

fn one(error: &(impl Problem + ?Sized), message: &str) -> Value {
    json!({
        "code": error.code().number(),
        "name": error.code().name(),
        "message": message,
        "details": error.details(),
    })
}

/// Reads a text file; `-` is standard input.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    let at = |source| Failure::File { verb: "read", path: path.to_owned(), source };
    if path == Path::new("-") {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text).map_err(at)?;
        return Ok(text);
    }
    std::fs::read_to_string(path).map_err(at)
}
