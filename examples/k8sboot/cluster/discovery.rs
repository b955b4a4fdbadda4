//! `k8sboot discovery`.

use std::{net::SocketAddr, path::Path, process::ExitCode, thread, time::Duration};

use k8sboot_core::{
    api::{ClusterTokens, DiscoverOptions, Method, discover},
    exec::{DiscoveryServer, ServeLimits},
};
use serde_json::json;

use super::{
    args::{DiscoveryArgs, DiscoveryCommand, FindArgs},
    connect,
};
use crate::{
    args::Output,
    output::{Failure, print, print_json, problem, say},
    progress,
};

pub(crate) fn run(args: &DiscoveryArgs, output: Output) -> Result<ExitCode, Failure> {
    match &args.command {
        DiscoveryCommand::Serve { listen, connection } => serve(*listen, &connection.kubeconfig, output),
        DiscoveryCommand::Show { find, config } => show(find, config.as_deref(), output),
    }
}

/// Serves until the process is ended.
fn serve(listen: SocketAddr, kubeconfig: &Path, output: Output) -> Result<ExitCode, Failure> {
    let client = connect::client(&connect::kubeconfig(kubeconfig)?)?;
    // Credentials that do not serve are told now, not to every node.
    client
        .call(Method::Get, "/api/v1/namespaces/kube-public/configmaps/cluster-info", None)
        .map_err(problem)?;
    let server = client.server().to_owned();
    let serving = DiscoveryServer::start(listen, ClusterTokens::new(client), ServeLimits::default())
        .map_err(problem)?;
    let address = serving.address();
    match output {
        Output::Text => print(&format!("serving cluster-info of {server} at http://{address}"))?,
        Output::Json => print_json(&json!({ "server": server, "address": address.to_string() }))?,
    }
    loop {
        thread::sleep(Duration::from_secs(3_600));
    }
}

fn show(find: &FindArgs, config: Option<&Path>, output: Output) -> Result<ExitCode, Failure> {
    let (config, discovery) = connect::join_config(config, find, None, None)?;
    let found =
        discover(&discovery, &DiscoverOptions::of(&config), &progress::run(output)).map_err(problem)?;
    let pins: Vec<String> = found.pins().map_err(problem)?.iter().map(ToString::to_string).collect();
    match output {
        Output::Json => print_json(&json!({
            "server": found.server(),
            "caCertHashes": pins,
            "certificateAuthority": found.ca_pem(),
            "warnings": found.warnings(),
        }))?,
        Output::Text => {
            found.warnings().iter().for_each(|warning| say(&format!("warning: {warning}")));
            print(&format!("server    {}\nca        {}", found.server(), pins.join(" ")))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
