//! Standard output, standard error and exit codes.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use k8sboot_core::{
    config::{ConfigError, ConfigErrors},
    error::{Code, Details, Problem, chain},
};
use serde_json::{Value, json};

use crate::args::Output;

/// The exit code for wrong use of the command line.
const USAGE: u8 = 2;

/// A configuration longer than this is a mistake: the cluster could not store it.
const MAX_TEXT: u64 = 4 << 20;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A problem that the library names.
    #[error(transparent)]
    Problem(Box<dyn ProblemError>),
    /// Stages that cannot be chosen like this.
    #[error(transparent)]
    Choice(Box<dyn ProblemError>),
    /// Problems of a configuration text.
    #[error("{}", shown(path))]
    Config { path: PathBuf, errors: ConfigErrors },
    /// A file of this machine.
    #[error("read {} ({})", shown(path), hint(source))]
    File { path: PathBuf, source: io::Error },
    /// A file that is no configuration text.
    #[error(
        "read {}: expected UTF-8 text of at most 4 MiB, found {found} (give a kubeadm configuration)",
        shown(path)
    )]
    Text { path: PathBuf, found: &'static str },
    /// Something else is where a file should be.
    #[error(
        "write {}: expected a regular file, found something else (move it away, or choose another directory)",
        shown(path)
    )]
    Kind { path: PathBuf },
    /// Something that must be there first.
    #[error("{what}: expected {expected}, found nothing ({remedy})")]
    Missing { what: &'static str, expected: String, remedy: String },
    /// Standard output is gone.
    #[error("write to standard output")]
    Output(#[source] io::Error),
}

/// A path for messages; `-` is standard input.
pub(crate) fn shown(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "run as a user who may read it",
        io::ErrorKind::IsADirectory => "give a file",
        _ => "check the path",
    }
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

/// The same for a choice of stages: wrong use of the command line.
pub(crate) fn choice(error: impl ProblemError) -> Failure {
    Failure::Choice(Box::new(error))
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

/// Prints a failure and gives the exit code.
pub(crate) fn failure(failure: &Failure, output: Output) -> ExitCode {
    if output == Output::Json {
        let mut value = json!({ "errors": failure_json(failure) });
        if let (Failure::Config { path, .. }, Some(map)) = (failure, value.as_object_mut()) {
            map.insert("config".into(), json!(shown(path)));
        }
        let _ = print_json(&value);
    } else {
        say_failure(failure);
    }
    if matches!(failure, Failure::Choice(_)) { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
}

/// A failure for people on standard error.
pub(crate) fn say_failure(failure: &Failure) {
    if let Failure::Config { path, errors } = failure {
        for error in errors.as_slice() {
            say(&format!("error: {}: {error}", shown(path)));
        }
    } else {
        say(&format!("error: {}", chain(failure)));
    }
}

/// Prints what clap says about the arguments: help and version with exit code 0, mistakes with 2.
pub(crate) fn usage(error: &clap::Error, arguments: impl Iterator<Item = OsString>) -> ExitCode {
    if error.use_stderr() && wants_json(arguments) {
        let message = error.to_string();
        let message = message.trim_start_matches("error: ").trim_end();
        let _ = print_json(&json!({ "errors": [{ "code": 2, "name": "USAGE", "message": message }] }));
    } else {
        // Nobody may be listening; that is no reason to fail otherwise.
        let _ = error.print();
    }
    if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS }
}

/// Whether arguments that could not be read ask for JSON.
fn wants_json(mut arguments: impl Iterator<Item = OsString>) -> bool {
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("-o" | "--output") => return arguments.next().is_some_and(|value| value == "json"),
            Some("-ojson" | "-o=json" | "--output=json") => return true,
            _ => {}
        }
    }
    false
}

/// The errors of a failure, each as JSON.
pub(crate) fn failure_json(failure: &Failure) -> Vec<Value> {
    match failure {
        Failure::Problem(error) | Failure::Choice(error) => vec![one(&**error, &chain(failure))],
        Failure::Config { errors, .. } => errors.as_slice().iter().map(config_json).collect(),
        other => {
            let (code, details) = own(other);
            let message = chain(other);
            vec![
                json!({ "code": code.number(), "name": code.name(), "message": message, "details": details }),
            ]
        }
    }
}

/// The library's code and details for what the command line found out itself.
fn own(failure: &Failure) -> (Code, Details) {
    let mut details = Details::default();
    let code = match failure {
        Failure::File { path, source } => {
            details.path = Some(shown(path));
            details.errno = source.raw_os_error();
            details.remedy = Some(hint(source).to_owned());
            match source.kind() {
                io::ErrorKind::PermissionDenied => Code::FILE_PERMISSION,
                io::ErrorKind::IsADirectory => Code::FILE_KIND,
                _ => Code::FILE_IO,
            }
        }
        Failure::Text { path, found } => {
            details.path = Some(shown(path));
            details.expected = Some("UTF-8 text of at most 4 MiB".to_owned());
            details.found = Some((*found).to_owned());
            details.remedy = Some("give a kubeadm configuration".to_owned());
            Code::CONFIG_SYNTAX
        }
        Failure::Kind { path } => {
            details.path = Some(shown(path));
            details.expected = Some("a regular file".to_owned());
            details.found = Some("something else".to_owned());
            details.remedy = Some("move it away, or choose another directory".to_owned());
            Code::FILE_KIND
        }
        Failure::Missing { what, expected, remedy } => {
            details.field = Some((*what).to_owned());
            details.expected = Some(expected.clone());
            details.found = Some("nothing".to_owned());
            details.remedy = Some(remedy.clone());
            Code::CONFIG_MISSING
        }
        _ => Code::FILE_IO,
    };
    (code, details)
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
    let at = |source| Failure::File { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        io::stdin().lock().take(MAX_TEXT + 1).read_to_end(&mut bytes).map_err(at)?;
    } else {
        File::open(path).and_then(|file| file.take(MAX_TEXT + 1).read_to_end(&mut bytes)).map_err(at)?;
    }
    let text = |found| Failure::Text { path: path.to_owned(), found };
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_TEXT {
        return Err(text("more bytes"));
    }
    String::from_utf8(bytes).map_err(|_| text("bytes that are not UTF-8"))
}
