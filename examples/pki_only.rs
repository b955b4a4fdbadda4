//! All certificates of a control plane in memory, for an embedder that stores them in its own way.
//!
//! `cargo run --example pki_only -- CONFIG.yaml`

use std::{collections::BTreeMap, env, error::Error, fs, time::SystemTime};

use k8sboot_core::{
    config::Documents,
    entropy::System,
    pki::{self, Ca, Issuing, KeyAlgorithm, Policy, RandomKeys, Signer},
    probe,
    token::BootstrapToken,
};

#[allow(clippy::print_stdout, reason = "a program for the terminal")]
fn main() -> Result<(), Box<dyn Error>> {
    let config = env::args().nth(1).ok_or("usage: pki_only CONFIG.yaml")?;
    let token = BootstrapToken::generate(&System)?;
    let config =
        Documents::parse(&fs::read_to_string(config)?)?.into_init(&probe::node_facts(None), Some(token))?;
    let keys = RandomKeys::new(&System);
    let with = Issuing { keys: &keys, entropy: &System, now: SystemTime::now().into() };
    let mut authorities: BTreeMap<String, Ca> = BTreeMap::new();
    // P-256 throughout, whatever the configuration says; see `Policy` for one kind of key per class of certificate.
    for mut spec in pki::control_plane_with(&config, &Policy::default())? {
        spec.algorithm = KeyAlgorithm::EcdsaP256;
        let Some(issuer) = &spec.issuer else {
            let ca = Ca::self_signed(&spec, &with)?;
            println!("{}: {}", spec.name, ca.certificate().info().subject);
            authorities.insert(spec.name.clone(), ca);
            continue;
        };
        let issuer = authorities.get(issuer).ok_or("an authority comes before what it signs")?;
        let issued = issuer.issue(&spec, &with)?;
        let (info, bits) = (issued.certificate.info(), issued.key.public_key().spki_der().len());
        // `issued.certificate.to_pem()` and `issued.key.to_pem()` are what goes into the embedder's own store.
        println!("{}: {}, until {}, {bits} bytes of public key", spec.name, info.subject, info.not_after);
    }
    Ok(())
}
