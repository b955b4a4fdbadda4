//! Keys, certificates and the whole PKI tree of a control plane.

use std::{num::NonZeroUsize, process::ExitCode};

use k8sboot_benches::{
    Bench, Cases, Failure, Recorded,
    inputs::{self, Series},
    ms,
};
use k8sboot_core::{
    entropy::System,
    pki::{
        self, Ca, CertSpec, Certificate, Issuing,
        KeyAlgorithm::{EcdsaP256, EcdsaP384, Ed25519, Rsa2048, Rsa3072, Rsa4096},
        KeyPair, KeySource, Signer, check, csr, inspect,
    },
};

fn main() -> ExitCode {
    Bench::new("pki").run(|b| {
        trees(b)?;
        keys(b);
        certificates(b)
    })
}

/// Ten certificates, the service-account pair and five kubeconfigs: sixteen keys.
fn trees(b: &mut Cases) -> Result<(), Failure> {
    for algorithm in [EcdsaP256, EcdsaP384, Rsa2048, Rsa3072, Rsa4096] {
        let config = inputs::seed(algorithm)?;
        let keys = Series::new();
        let case = b.case(format!("tree/{algorithm}")).units(16.0, "keys");
        // kubeadm takes two processes for it.
        let kubeadm = |median| Recorded::work("certs + kubeconfig all", ms(median), 2);
        let case = match algorithm {
            EcdsaP256 => case.at_most(ms(10)).kubeadm(kubeadm(44 + 33)),
            Rsa2048 => case.half_of_kubeadm(kubeadm(693 + 374)),
            _ => case,
        };
        case.run(|| inputs::whole_tree(&config, &keys, inputs::threads()));
    }
    let config = inputs::seed(Rsa2048)?;
    let keys = Series::new();
    b.case("tree/RSA-2048, one thread")
        .units(16.0, "keys")
        .run(|| inputs::whole_tree(&config, &keys, NonZeroUsize::MIN));
    Ok(())
}

fn keys(b: &mut Cases) {
    for algorithm in [EcdsaP256, EcdsaP384, Ed25519, Rsa2048, Rsa3072, Rsa4096] {
        let keys = Series::new();
        b.case(format!("key/{algorithm}")).units(1.0, "keys").run(|| Ok(keys.generate(algorithm, "bench")?));
    }
}

fn certificates(b: &mut Cases) -> Result<(), Failure> {
    let keys = Series::new();
    let with = Issuing { keys: &keys, entropy: &System, now: inputs::now() };
    let ca = Ca::self_signed(&CertSpec::authority("ca", "kubernetes", EcdsaP256), &with)?;
    let anchors = [ca.certificate().clone()];
    let tree = pki::control_plane(&inputs::seed(EcdsaP256)?)?;
    let leaf = tree.into_iter().find(|spec| spec.name == "apiserver").ok_or("no certificate apiserver")?;
    let issued = ca.issue(&leaf, &with)?;
    let (pem, key_pem) = (issued.certificate.to_pem(), issued.key.to_pem());
    let request = csr::request(&leaf, &issued.key)?;

    b.case("leaf/ECDSA-P256, one thread")
        .units(1.0, "certificates")
        .at_least_per_second(5_000.0)
        .run(|| Ok(ca.issue(&leaf, &with)?));
    b.case("leaf/ECDSA-P256, key at hand")
        .units(1.0, "certificates")
        .run(|| Ok(ca.issue_for_key(&leaf, issued.key.public_key(), &with)?));
    let old = Ca::self_signed(&CertSpec::authority("ca", "kubernetes", Rsa2048), &with)?;
    b.case("leaf/signed by RSA-2048, key at hand")
        .units(1.0, "certificates")
        .run(|| Ok(old.issue_for_key(&leaf, issued.key.public_key(), &with)?));
    b.case("leaf/to PEM").run(|| Ok((issued.certificate.to_pem(), issued.key.to_pem())));
    b.case("leaf/read").run(|| Ok((Certificate::from_pem(&pem)?, KeyPair::from_pem(&key_pem)?)));
    b.case("leaf/inspect").units(1.0, "certificates").run(|| Ok(inspect(&pem)?));
    b.case("leaf/check against spec and CA").run(|| {
        let found = check::Found { certificate: Some(&pem), key: Some(issued.key.public_key()) };
        Ok(check::decide(&leaf, found, Some(&anchors), inputs::now()))
    });
    b.case("csr/make").units(1.0, "requests").run(|| Ok(csr::request(&leaf, &issued.key)?));
    b.case("csr/sign").units(1.0, "requests").run(|| Ok(ca.sign_csr(&request, &leaf, &with)?));
    Ok(())
}
