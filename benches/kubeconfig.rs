//! Kubeconfigs: made, printed, read, merged.

use std::process::ExitCode;

use k8sboot_benches::{Bench, inputs};
use k8sboot_core::{
    entropy::System,
    kubeconfig::{CurrentContext, Kubeconfig},
    pki::{self, Ca, CertSpec, Issuing, KeyAlgorithm, RandomKeys},
};

fn main() -> ExitCode {
    Bench::new("kubeconfig").run(|b| {
        let keys = RandomKeys::new(&System);
        let with = Issuing { keys: &keys, entropy: &System, now: inputs::now() };
        let ca = Ca::self_signed(&CertSpec::authority("ca", "kubernetes", KeyAlgorithm::EcdsaP256), &with)?;
        let config = inputs::seed(KeyAlgorithm::EcdsaP256)?;
        let specs = pki::kubeconfigs(&config);
        let mut made = Vec::new();
        for spec in &specs {
            let issued = ca.issue(&spec.client, &with)?;
            made.push((spec, issued.certificate.to_pem(), issued.key.to_pem()));
        }
        let ca_pem = ca.chain_pem();
        let build = || {
            made.iter().map(|(spec, certificate, key)| {
                Kubeconfig::client_certificate(
                    &spec.cluster,
                    &spec.server,
                    &ca_pem,
                    &spec.user,
                    certificate,
                    key,
                )
            })
        };
        let admin = build().next().ok_or("no kubeconfigs")?;
        let kubelet = build().nth(2).ok_or("no third kubeconfig")?;
        let yaml = admin.to_yaml();
        let text = yaml.expose_str().ok_or("YAML that is not text")?;

        b.case("five, keys at hand").run(|| Ok(build().map(|made| made.to_yaml()).collect::<Vec<_>>()));
        b.case("five, with new P-256 keys").run(|| {
            let issue = |spec: &pki::KubeconfigSpec| {
                let issued = ca.issue(&spec.client, &with)?;
                let (certificate, key) = (issued.certificate.to_pem(), issued.key.to_pem());
                let (cluster, server, user) = (&spec.cluster, &spec.server, &spec.user);
                Ok(Kubeconfig::client_certificate(cluster, server, &ca_pem, user, &certificate, &key)
                    .to_yaml())
            };
            specs.iter().map(issue).collect::<Result<Vec<_>, pki::PkiError>>().map_err(Into::into)
        });
        b.case("parse").units(1.0, "kubeconfigs").run(|| Ok(Kubeconfig::parse(text)?));
        b.case("to-yaml").units(1.0, "kubeconfigs").run(|| Ok(admin.to_yaml()));
        b.case("merge").run(|| {
            let mut merged = admin.clone();
            merged.merge(kubelet.clone(), CurrentContext::Keep);
            Ok(merged)
        });
        Ok(())
    })
}
