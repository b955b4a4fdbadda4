//! `k8sboot cni`.

use std::process::ExitCode;

use k8sboot_core::{
    cni::choose,
    probe::{conf_directory, plugin_directories},
};
use serde_json::json;

use crate::{
    args::{CniArgs, CniCommand, Output},
    output::{Failure, print, print_json, problem},
};

pub(crate) fn run(args: &CniArgs, output: Output) -> Result<ExitCode, Failure> {
    match &args.command {
        CniCommand::List { directory, plugin_path } => {
            let configurations = conf_directory(directory).map_err(problem)?;
            let plugins = plugin_directories(plugin_path).map_err(problem)?;
            let choice = choose(&configurations, &plugins);
            match output {
                Output::Text => print(&choice.to_table())?,
                Output::Json => print_json(&json!(choice))?,
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
