//! `k8sboot token create|list|delete`.

use std::{process::ExitCode, time::SystemTime};

use k8sboot_core::{
    api::ListedToken,
    config::v1beta4::{self, SecretText},
    entropy::System,
    kubeconfig::Kubeconfig,
    time::Timestamp,
    token::{BootstrapToken, CaPin, JoinCommand, TokenSpec},
};
use serde_json::{Value, json};

use super::{
    args::{CreateArgs, DeleteArgs, ListArgs},
    connect,
};
use crate::{
    args::Output,
    output::{Failure, failure_json, print, print_json, problem, say_failure},
};

pub(crate) fn create(args: &CreateArgs, output: Output) -> Result<ExitCode, Failure> {
    let token = match &args.token {
        Some(given) => given.parse().map_err(problem)?,
        None => BootstrapToken::generate(&System).map_err(problem)?,
    };
    let spec = TokenSpec::from_config(&v1beta4::BootstrapToken {
        token: SecretText::new(token.expose()),
        description: args.description.clone(),
        ttl: Some(args.ttl),
        expires: None,
        usages: args.usages.clone(),
        groups: args.groups.clone(),
    })
    .map_err(problem)?;
    let kubeconfig = connect::kubeconfig(&args.connection.kubeconfig)?;
    let client = connect::client(&kubeconfig)?;
    // What cannot be printed afterwards is known before the token is there.
    let join = args.print_join_command.then(|| join_command(&kubeconfig, &token)).transpose()?;
    let expires = client.create_token(&spec, now()).map_err(problem)?;
    match (output, join) {
        (Output::Text, Some(join)) => print(&join),
        (Output::Text, None) => print(token.expose()),
        (Output::Json, join) => print_json(&json!({
            "token": token.expose(),
            "id": token.id().as_str(),
            "expires": expires.map(|end| end.to_string()),
            "joinCommand": join.as_deref().map(str::trim_end),
        })),
    }?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn list(args: &ListArgs, output: Output) -> Result<ExitCode, Failure> {
    let client = connect::client(&connect::kubeconfig(&args.connection.kubeconfig)?)?;
    let tokens = client.tokens(now()).map_err(problem)?;
    match output {
        Output::Json => {
            let tokens: Vec<Value> = tokens.iter().map(|token| token.to_json(args.show_secrets)).collect();
            print_json(&json!({ "tokens": tokens }))?;
        }
        Output::Text => {
            let head = ["TOKEN", "EXPIRES", "USAGES", "DESCRIPTION", "PROBLEM"].map(str::to_owned);
            let rows = tokens.iter().map(|token| row(token, args.show_secrets));
            print(&table(&[head].into_iter().chain(rows).collect::<Vec<_>>()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn delete(args: &DeleteArgs, output: Output) -> Result<ExitCode, Failure> {
    let client = connect::client(&connect::kubeconfig(&args.connection.kubeconfig)?)?;
    let ids: Vec<&str> = args.ids.iter().map(String::as_str).collect();
    let (mut deleted, mut failures) = (Vec::new(), Vec::new());
    for done in client.delete_tokens(&ids).map_err(problem)? {
        match done {
            Ok(id) => deleted.push(id.to_string()),
            Err(error) => failures.push(problem(error)),
        }
    }
    match output {
        Output::Json => {
            let errors: Vec<Value> = failures.iter().flat_map(failure_json).collect();
            print_json(&json!({ "deleted": deleted, "errors": errors }))?;
        }
        Output::Text => {
            failures.iter().for_each(say_failure);
            deleted.iter().try_for_each(|id| print(&format!("bootstrap token {id} deleted")))?;
        }
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// The command by which a worker joins, for the server and the CA of the kubeconfig, as kubeadm prints it.
fn join_command(kubeconfig: &Kubeconfig, token: &BootstrapToken) -> Result<String, Failure> {
    let cluster = kubeconfig.current().map_err(problem)?.cluster;
    let lacking = |what: &'static str, expected: &str| Failure::Missing {
        what,
        expected: expected.to_owned(),
        remedy: "give --kubeconfig with the one that init wrote, admin.conf".into(),
    };
    let endpoint = cluster
        .server
        .strip_prefix("https://")
        .ok_or_else(|| lacking("join command", "a server https://HOST:PORT in the kubeconfig"))?;
    let ca_pem = cluster.ca_pem().ok_or_else(|| {
        lacking("join command", "the certificate authority of the cluster in the kubeconfig")
    })?;
    let pins = CaPin::of_certificate_pem(ca_pem).map_err(problem)?;
    let command =
        JoinCommand::worker(endpoint.trim_end_matches('/'), token.clone(), pins).map_err(problem)?;
    Ok(command.expose_line().expose_str().unwrap_or_default().to_owned())
}

fn row(token: &ListedToken, show_secret: bool) -> [String; 5] {
    let spec = token.spec.as_ref();
    let usages = spec.map_or(String::new(), |spec| {
        let named = [(spec.usages.signing, "signing"), (spec.usages.authentication, "authentication")];
        let used: Vec<&str> = named.iter().filter(|(used, _)| *used).map(|(_, name)| *name).collect();
        used.join(",")
    });
    let shown = spec.filter(|_| show_secret).map(|spec| spec.token.expose().to_owned());
    let problems: Vec<String> = token.problems.iter().map(ToString::to_string).collect();
    [
        shown.unwrap_or_else(|| token.id.clone()),
        token.expires.map_or_else(|| "never".to_owned(), |end| end.to_string()),
        usages,
        spec.map_or(String::new(), |spec| spec.description.clone()),
        problems.join("; "),
    ]
}

/// Columns as wide as their widest field; `-` for an empty one.
pub(super) fn table<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let field =
        |text: &String| if text.is_empty() { "-".to_owned() } else { text.replace(['\n', '\t'], " ") };
    let rows: Vec<[String; COLUMNS]> = rows.iter().map(|row| row.each_ref().map(field)).collect();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|text| text.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..COLUMNS).map(width).collect();
    let mut out = String::new();
    for row in &rows {
        let fields = row.iter().zip(&widths).map(|(text, width)| format!("{text:width$}"));
        let line = fields.collect::<Vec<_>>().join("  ");
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}
