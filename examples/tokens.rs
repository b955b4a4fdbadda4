//! A bootstrap token, its Secret, and a signed cluster-info that a new node believes: what discovery stands on.
//!
//! `cargo run --example tokens`

use std::{error::Error, time::SystemTime};

use k8sboot_core::{
    entropy::System,
    pki::{Ca, CertSpec, Issuing, KeyAlgorithm, RandomKeys},
    token::{BootstrapToken, CaPin, ClusterInfo, JoinCommand, TokenSpec},
};

#[allow(clippy::print_stdout, reason = "a program for the terminal")]
fn main() -> Result<(), Box<dyn Error>> {
    let keys = RandomKeys::new(&System);
    let with = Issuing { keys: &keys, entropy: &System, now: SystemTime::now().into() };
    let ca = Ca::self_signed(&CertSpec::authority("ca", "kubernetes", KeyAlgorithm::EcdsaP256), &with)?;

    // In the cluster: a token, the Secret that makes it known, and cluster-info with its signature.
    let token = BootstrapToken::generate(&System)?;
    let secret = TokenSpec::new(token.clone()).to_secret(with.now)?;
    println!("{} (its value is not printed)", secret.key());
    let info = ClusterInfo::new("https://192.0.2.10:6443", &ca.chain_pem());
    let signature = info.sign(&token);

    // What the administrator copies to the new node; without its secret here.
    let pins = CaPin::of_certificate_pem(&ca.chain_pem())?;
    println!("{}", JoinCommand::worker("192.0.2.10:6443", token.clone(), pins.clone())?);

    // On the new node: what was fetched is believed for its signature and its CA.
    let fetched = ClusterInfo::from_kubeconfig(info.kubeconfig())?;
    fetched.verify(&signature, &token, &pins)?;
    println!("the signature is good, the CA is pinned");
    let other = BootstrapToken::generate(&System)?;
    if let Err(error) = fetched.verify(&signature, &other, &pins) {
        println!("another token is refused: {error}");
    }
    Ok(())
}
