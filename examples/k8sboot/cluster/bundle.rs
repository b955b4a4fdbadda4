//! `k8sboot bundle`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::SystemTime,
};

use k8sboot_core::{
    discovery::{JoinBundle, Seal},
    entropy::System,
    exec,
    secret::SecretBytes,
    time::{GoDuration, Timestamp},
    token::{BootstrapToken, TokenSpec, Ttl},
};
use serde_json::json;

use super::{
    args::{BundleArgs, BundleCommand},
    connect,
};
use crate::{
    args::Output,
    output::{Failure, print, print_json, problem, read_text},
};

pub(crate) fn run(args: &BundleArgs, output: Output) -> Result<ExitCode, Failure> {
    match &args.command {
        BundleCommand::Create { file, passphrase_file, ttl, connection } => {
            create(file, passphrase_file, *ttl, &connection.kubeconfig, output)
        }
        BundleCommand::Show { file, passphrase_file } => show(file, passphrase_file.as_deref(), output),
    }
}

/// Reads a bundle and the passphrase that it is sealed to.
pub(super) fn read(file: &Path, passphrase_file: &Path) -> Result<(String, Seal), Failure> {
    Ok((read_text(file)?, seal(passphrase_file)?))
}

/// Opens a bundle.
pub(super) fn open(text: &str, seal: &Seal) -> Result<JoinBundle, Failure> {
    JoinBundle::open(text, seal, now()).map_err(problem)
}

fn create(
    file: &PathBuf,
    passphrase_file: &Path,
    ttl: GoDuration,
    kubeconfig: &Path,
    output: Output,
) -> Result<ExitCode, Failure> {
    let seal = seal(passphrase_file)?;
    let kubeconfig = connect::kubeconfig(kubeconfig)?;
    let client = connect::client(&kubeconfig)?;
    let (now, mut spec) = (now(), TokenSpec::new(BootstrapToken::generate(&System).map_err(problem)?));
    (spec.ttl, spec.description) = (Ttl::For(ttl), "join bundle".to_owned());
    let expires = now.plus(ttl);
    let bundle = JoinBundle::of_kubeconfig(&kubeconfig, spec.token.clone(), expires).map_err(problem)?;
    let text = bundle.seal(&seal, &System).map_err(problem)?;
    client.create_token(&spec, now).map_err(problem)?;
    if let Err(error) = exec::write_join_bundle(file, &text) {
        // A token that nobody knows is of no use; should it stay, it ends by itself.
        let _ = client.delete_token(spec.token.id().as_str());
        return Err(problem(error));
    }
    let id = spec.token.id().as_str();
    match output {
        Output::Text => print(&format!("{} holds token {id} until {expires}", file.display()))?,
        Output::Json => print_json(&json!({ "file": file, "id": id, "expires": expires.to_string() }))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn show(file: &Path, passphrase_file: Option<&Path>, output: Output) -> Result<ExitCode, Failure> {
    let text = read_text(file)?;
    let Some(passphrase_file) = passphrase_file else {
        let expires = JoinBundle::stated_expiry(&text).map_err(problem)?;
        match output {
            Output::Text => print(&format!("expires   {expires}"))?,
            Output::Json => print_json(&json!({ "expires": expires.to_string() }))?,
        }
        return Ok(ExitCode::SUCCESS);
    };
    let bundle = open(&text, &seal(passphrase_file)?)?;
    let found = bundle.discovered();
    let pins: Vec<String> = found.pins().map_err(problem)?.iter().map(ToString::to_string).collect();
    let (id, expires) = (bundle.token().id().as_str(), bundle.expires());
    match output {
        Output::Text => print(&format!(
            "expires   {expires}\nserver    {}\nca        {}\ntoken id  {id}",
            found.server(),
            pins.join(" ")
        ))?,
        Output::Json => print_json(&json!({
            "expires": expires.to_string(), "server": found.server(), "caCertHashes": pins, "id": id,
        }))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The passphrase of a file, without the line end that editors put there.
fn seal(passphrase_file: &Path) -> Result<Seal, Failure> {
    let text = read_text(passphrase_file)?;
    Seal::passphrase(SecretBytes::from(text.trim_end_matches(['\r', '\n']).to_owned())).map_err(problem)
}

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}
