//! `k8sboot discovery`.

use std::{
    net::SocketAddr,
    path::Path,
    process::ExitCode,
    thread,
    time::{Duration, SystemTime},
};

use k8sboot_core::{
    api::{ClusterTokens, DiscoverOptions, Method, discover},
    config::Documents,
    discovery::served::{Lookup, Tokens},
    exec::{DiscoveryServer, ServeLimits, Tree},
    probe,
    time::Timestamp,
    token::{CaPin, ClusterInfo, TokenId, TokenSpec},
};
use serde_json::json;

use super::{
    args::{DiscoveryArgs, DiscoveryCommand, FindArgs},
    connect,
};
use crate::{
    args::Output,
    output::{Failure, print, print_json, problem, read_text, say},
    progress,
};

const CLUSTER_INFO: &str = "/api/v1/namespaces/kube-public/configmaps/cluster-info";

pub(crate) fn run(args: &DiscoveryArgs, output: Output) -> Result<ExitCode, Failure> {
    match &args.command {
        DiscoveryCommand::Serve { listen, config: Some(config), root, .. } => {
            let (server, tokens) = of_tree(config, root)?;
            serve(*listen, &server, tokens, output)
        }
        DiscoveryCommand::Serve { listen, connection, .. } => {
            let client = connect::client(&connect::kubeconfig(&connection.kubeconfig)?)?;
            // Credentials that do not serve are told now, not to every node.
            client.call(Method::Get, CLUSTER_INFO, None).map_err(problem)?;
            let server = client.server().to_owned();
            serve(*listen, &server, ClusterTokens::new(client), output)
        }
        DiscoveryCommand::Show { find, config } => show(find, config.as_deref(), output),
    }
}

/// Serves until the process is ended.
fn serve(
    listen: SocketAddr,
    server: &str,
    tokens: impl Tokens + 'static,
    output: Output,
) -> Result<ExitCode, Failure> {
    let serving = DiscoveryServer::start(listen, tokens, ServeLimits::default()).map_err(problem)?;
    let address = serving.address();
    match output {
        Output::Text => print(&format!("serving cluster-info of {server} at http://{address}"))?,
        Output::Json => print_json(&json!({ "server": server, "address": address.to_string() }))?,
    }
    loop {
        thread::sleep(Duration::from_secs(3_600));
    }
}

/// The cluster that a tree is for, and the tokens of its configuration as if they were made now.
fn of_tree(config: &Path, root: &Path) -> Result<(String, impl Tokens + 'static), Failure> {
    let at = |errors| Failure::Config { path: config.to_owned(), errors };
    let tree = Tree::open(root).map_err(problem)?;
    let documents = Documents::parse(&read_text(config)?).map_err(at)?;
    let named = documents.init.as_ref().is_some_and(|init| !init.bootstrap_tokens.is_empty());
    let lacking =
        |what, expected: String, remedy: &str| Failure::Missing { what, expected, remedy: remedy.into() };
    if !named {
        let expected = "tokens of the cluster in InitConfiguration";
        return Err(lacking(
            "bootstrapTokens",
            expected.into(),
            "name them there, or give --kubeconfig instead",
        ));
    }
    let config = documents.into_init(&probe::node_facts(Some(&tree)), None).map_err(at)?;
    let path = format!("{}/ca.crt", config.certificates_dir());
    let ca_pem = tree.read(&path).map_err(problem)?.map(|pem| String::from_utf8_lossy(&pem).into_owned());
    let ca_pem =
        ca_pem.ok_or_else(|| lacking("--root", format!("the cluster's CA in {path}"), "run init first"))?;
    // What is no certificate would be signed and served all the same.
    CaPin::of_certificate_pem(&ca_pem).map_err(problem)?;
    let specs = TokenSpec::all_from_config(&config.init().bootstrap_tokens).map_err(problem)?;
    let server = format!("https://{}", config.api_server_host_port());
    let (info, began) = (ClusterInfo::new(&server, &ca_pem), Timestamp::from(SystemTime::now()));
    let look_up = move |id: &TokenId| {
        let now = Timestamp::from(SystemTime::now());
        let usable = |spec: &&TokenSpec| {
            spec.token.id() == id
                && spec.usages.signing
                && spec.ttl.expiration(began).is_none_or(|end| now < end)
        };
        let spec = specs.iter().find(usable);
        spec.map_or(Lookup::Unknown, |spec| Lookup::found(info.clone(), spec.token.clone()))
    };
    Ok((server, look_up))
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
