//! `k8sboot token`.

use std::process::ExitCode;

use k8sboot_core::{entropy::System, token::BootstrapToken};
use serde_json::json;

#[cfg(feature = "api")]
use crate::cluster;
use crate::{
    args::{Output, TokenArgs, TokenCommand},
    output::{Failure, print, print_json, problem},
};

pub(crate) fn run(args: &TokenArgs, output: Output) -> Result<ExitCode, Failure> {
    match &args.command {
        TokenCommand::Generate => {
            let token = BootstrapToken::generate(&System).map_err(problem)?;
            match output {
                Output::Text => print(token.expose())?,
                Output::Json => print_json(&json!({ "token": token.expose() }))?,
            }
            Ok(ExitCode::SUCCESS)
        }
        #[cfg(feature = "api")]
        TokenCommand::Create(args) => cluster::token::create(args, output),
        #[cfg(feature = "api")]
        TokenCommand::List(args) => cluster::token::list(args, output),
        #[cfg(feature = "api")]
        TokenCommand::Delete(args) => cluster::token::delete(args, output),
    }
}
