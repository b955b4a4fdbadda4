//! `k8sboot-ipam`: a CNI IPAM plugin that takes host-local's place, on the public API only.
//!
//! Configuration, files, results and errors are host-local's, so that it may be installed under that name as well. One
//! process a call: it reads its environment and standard input, and prints one JSON document or nothing.

mod gc;
mod netns;
mod stranded;
mod verbs;
mod words;

use std::{
    env,
    io::{self, Read, Write},
    process::ExitCode,
};

use k8sboot_core::cni::{Command, Environment, ErrorObject, Json, Layout, Supported, Version};

use stranded::free_stranded;

/// What a call prints on success; empty for most verbs.
type Answer = Result<String, ErrorObject>;

fn main() -> ExitCode {
    let environment = match Environment::read(|name| Some(env::var_os(name)?.to_string_lossy().into_owned()))
    {
        Ok(Some(environment)) => environment,
        Ok(None) => return about(),
        Err(error) => return refuse(error, Version::LATEST),
    };
    if environment.command_text == Command::Version.as_str() {
        return print(&Supported::all().render());
    }
    // One call of the system is enough for nearly every configuration.
    let mut stdin = Vec::with_capacity(16 * 1024);
    let read = io::stdin().lock().read_to_end(&mut stdin).map_err(|error| words::stdin(&error));
    let document = read.and_then(|_| Json::parse(&stdin).map_err(|error| words::not_json(&error)));
    let version = document.as_ref().map_or(Version::LATEST, words::version_of_answer);
    match answer(&environment, document.as_ref()) {
        Ok(text) if text.is_empty() => ExitCode::SUCCESS,
        Ok(text) => print(&text),
        Err(error) => refuse(error, version),
    }
}

fn answer(environment: &Environment, document: Result<&Json, &ErrorObject>) -> Answer {
    let checked = document.map_err(Clone::clone).and_then(|document| {
        words::prove_name(document)?;
        let command = environment.command()?;
        words::prove_version(document, command)?;
        Ok((command, document))
    });
    match checked {
        Ok((Command::Add, document)) => verbs::add(environment, document),
        Ok((Command::Del, document)) => verbs::del(environment, document),
        Ok((Command::Check, document)) => verbs::check(environment, document),
        Ok((Command::Gc, document)) => gc::gc(document),
        Ok((Command::Status, document)) => verbs::status(document),
        Ok((Command::Version, _)) => Ok(Supported::all().render()),
        Err(error) => {
            if environment.command() == Ok(Command::Del) {
                free_stranded(environment, document.ok());
            }
            Err(error)
        }
    }
}

/// Without a command somebody looks what this is.
fn about() -> ExitCode {
    let versions = Supported::all().versions().join(", ");
    let text = format!(
        "k8sboot-ipam {}: CNI IPAM plugin, in place of host-local\nCNI protocol versions supported: {versions}\n",
        env!("CARGO_PKG_VERSION")
    );
    let _ = io::stderr().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn refuse(error: ErrorObject, version: Version) -> ExitCode {
    print(&error.with_version(version.as_str()).render(Layout::Indented));
    ExitCode::FAILURE
}

fn print(text: &str) -> ExitCode {
    let mut stdout = io::stdout().lock();
    let printed = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    if printed.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
