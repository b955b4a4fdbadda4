//! `k8sboot`: the library's command line, built on the public API only.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong use of the command line.

mod args;
mod certs;
#[cfg(feature = "api")]
mod cluster;
mod cni;
mod config;
mod init;
mod ipam;
mod objects;
mod output;
mod progress;
mod summary;
mod token;

use std::{env, process::ExitCode};

use clap::Parser;

use args::{Cli, Command};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return output::usage(&error, env::args_os().skip(1)),
    };
    let done = match cli.command {
        Command::Init(args) => init::run(&args, cli.output),
        #[cfg(feature = "api")]
        Command::Join(args) => cluster::join::run(&args, cli.output),
        #[cfg(feature = "api")]
        Command::Cluster(args) => match args.command {
            cluster::args::ClusterCommand::Status(connection) => {
                cluster::status::run(&connection, cli.output)
            }
        },
        #[cfg(feature = "api")]
        Command::Bundle(args) => cluster::bundle::run(&args, cli.output),
        #[cfg(feature = "api")]
        Command::Discovery(args) => cluster::discovery::run(&args, cli.output),
        Command::Token(args) => token::run(&args, cli.output),
        Command::Certs(args) => certs::run(&args, cli.output),
        Command::Config(args) => config::run(&args, cli.output),
        Command::Cni(args) => cni::run(&args, cli.output),
        Command::Ipam(args) => ipam::run(&args, cli.output),
    };
    match done {
        Ok(code) => code,
        Err(failure) => output::failure(&failure, cli.output),
    }
}
