//! A kubeconfig for a user who is to have access for eight hours: groups say what for, roles in the cluster what exactly.
//!
//! `cargo run --example kubeconfig_user [-- CA.crt CA.key]`; without a CA, one is made for the occasion.

use std::{env, error::Error, fs, time::SystemTime};

use k8sboot_core::{
    entropy::System,
    kubeconfig::{UserSpec, for_user},
    pki::{Ca, CertSpec, Issuing, KeyAlgorithm, RandomKeys},
    secret::SecretBytes,
};

#[allow(clippy::print_stdout, reason = "a program for the terminal")]
fn main() -> Result<(), Box<dyn Error>> {
    let keys = RandomKeys::new(&System);
    let with = Issuing { keys: &keys, entropy: &System, now: SystemTime::now().into() };
    let mut arguments = env::args().skip(1);
    let ca = match (arguments.next(), arguments.next()) {
        (Some(certificate), Some(key)) => {
            Ca::from_pem(&fs::read_to_string(certificate)?, &SecretBytes::new(fs::read(key)?))?
        }
        _ => Ca::self_signed(&CertSpec::authority("ca", "kubernetes", KeyAlgorithm::EcdsaP256), &with)?,
    };
    let jane = UserSpec::new("jane", "kubernetes", "https://192.0.2.10:6443")
        .in_groups(["team-web"])
        .in_namespace("web")
        .valid_for("8h".parse()?);
    let kubeconfig = for_user(&ca, &jane, &with)?;
    println!("{}", kubeconfig.to_yaml().expose_str().unwrap_or_default());
    Ok(())
}
