//! `k8sboot`: the library's command line, built on the public API only.

mod args;
mod certs;
mod config;
mod init;
mod output;
mod progress;
mod token;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Init(args) => init::run(&args, cli.output),
        Command::Token(args) => token::run(&args, cli.output),
        Command::Certs(args) => certs::run(&args, cli.output),
        Command::Config(args) => config::run(&args, cli.output),
    };
    match done {
        Ok(code) => code,
        Err(failure) => output::failure(&failure, cli.output),
    }
}
