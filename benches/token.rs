//! Tokens, cluster-info signatures, CA pins.

use std::process::ExitCode;

use k8sboot_benches::{Bench, inputs};
use k8sboot_core::{
    entropy::System,
    pki::{Ca, CertSpec, Issuing, KeyAlgorithm, RandomKeys},
    token::{BootstrapToken, CaPin, ClusterInfo, TokenSpec},
};

fn main() -> ExitCode {
    Bench::new("token").run(|b| {
        let token = inputs::token()?;
        let keys = RandomKeys::new(&System);
        let with = Issuing { keys: &keys, entropy: &System, now: inputs::now() };
        let authority = CertSpec::authority("ca", "kubernetes", KeyAlgorithm::EcdsaP256);
        let ca_pem = Ca::self_signed(&authority, &with)?.chain_pem();
        let info = ClusterInfo::new("https://10.47.217.91:6443", &ca_pem);
        let signature = info.sign(&token);
        let pins = CaPin::of_certificate_pem(&ca_pem)?;
        let config = inputs::seed(KeyAlgorithm::EcdsaP256)?;
        let from_config = config.init().bootstrap_tokens.first().ok_or("the seed has a token")?;
        let spec = TokenSpec::from_config(from_config)?;
        let secret = spec.to_secret(inputs::now())?;

        b.case("generate").units(1.0, "tokens").run(|| Ok(BootstrapToken::generate(&System)?));
        b.case("parse").units(1.0, "tokens").run(|| Ok("abcdef.0123456789abcdef".parse::<BootstrapToken>()?));
        b.case("to-secret").run(|| Ok(spec.to_secret(inputs::now())?));
        b.case("from-secret").run(|| Ok(TokenSpec::from_secret(&secret)?));
        b.case("cluster-info").run(|| Ok(ClusterInfo::new("https://10.47.217.91:6443", &ca_pem)));
        b.case("sign").units(1.0, "signatures").run(|| Ok(info.sign(&token)));
        b.case("verify").units(1.0, "signatures").run(|| Ok(info.verify(&signature, &token, &pins)?));
        b.case("pin").units(1.0, "pins").run(|| Ok(CaPin::of_certificate_pem(&ca_pem)?));
        Ok(())
    })
}
