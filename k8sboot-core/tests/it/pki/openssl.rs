//! OpenSSL's opinion of our certificates and requests. Without OpenSSL these tests skip, and fail where `CI=true`.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use k8sboot_core::pki::{self, CertSpec, Certificate, KeyAlgorithm, Policy, Subject, csr};

use super::{Tree, case, config, issuing};

/// A directory that is removed with this value.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("k8sboot-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn put(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name.replace('/', "-"));
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether OpenSSL is there; says so if not.
fn available(test: &str) -> bool {
    if Command::new("openssl").arg("version").output().is_ok_and(|out| out.status.success()) {
        return true;
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{test}: expected openssl, found none");
    eprintln!("skipped: {test}: no openssl");
    false
}

/// Output and error output; success as expected.
fn openssl(arguments: &[&str], succeeds: bool) -> String {
    let out = Command::new("openssl").args(arguments).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert_eq!(out.status.success(), succeeds, "openssl {}: {text}", arguments.join(" "));
    text
}

fn text_of(scratch: &Scratch, certificate: &Certificate) -> String {
    let path = scratch.put("text.crt", &certificate.to_pem());
    openssl(&["x509", "-noout", "-text", "-nameopt", "RFC2253,-dn_rev", "-in", &path], true)
}

fn assert_lines(text: &str, lines: &[&str]) {
    let mut rest = text.lines().map(str::trim);
    for wanted in lines {
        assert!(rest.any(|line| line == *wanted), "{wanted:?} is not there, or not in this order:\n{text}");
    }
}

#[test]
fn openssl_verifies_every_chain_of_every_algorithm() {
    if !available("openssl_verifies_every_chain_of_every_algorithm") {
        return;
    }
    let scratch = Scratch::new("chains");
    let leaves = |algorithm| {
        let class = pki::ClassPolicy { algorithm: Some(algorithm), validity: None };
        Policy { server: class, client: class, peer: class, ..Policy::default() }
    };
    // The leaves are of each algorithm, the CAs of the configuration's.
    for (name, policy) in [
        ("ha", Policy::default()),
        ("ecdsa", Policy::default()),
        ("dualstack", Policy::uniform(KeyAlgorithm::EcdsaP384)),
        ("seed", leaves(KeyAlgorithm::Ed25519)),
    ] {
        let config = case(name);
        let specs = pki::control_plane_with(&config, &policy).unwrap();
        let tree = Tree::of(specs, pki::kubeconfigs_with(&config, &policy).unwrap());
        let clients = tree.kubeconfigs.iter().map(|(spec, issued)| (&spec.client, &issued.certificate));
        let leaves = tree.specs.iter().filter(|spec| spec.issuer.is_some());
        for (spec, certificate) in leaves.map(|spec| (spec, tree.pair(&spec.name).0)).chain(clients) {
            let ca = &tree.cas[spec.issuer.as_ref().unwrap()];
            let ca = scratch.put("ca.crt", &ca.chain_pem());
            let leaf = scratch.put(&format!("{}.crt", spec.path), &certificate.to_pem());
            let at = super::NOW.seconds().to_string();
            let verify = |extra: &[&str], succeeds| {
                let mut arguments = vec!["verify", "-x509_strict", "-attime", &at, "-CAfile", &ca];
                arguments.extend(extra);
                arguments.push(&leaf);
                openssl(&arguments, succeeds)
            };
            verify(&["-purpose", "sslserver"], spec.class.serves());
            verify(&["-purpose", "sslclient"], spec.class.identifies());
            for name in spec.dns_names.iter().filter(|name| !name.starts_with('*')) {
                verify(&["-verify_hostname", name], true);
            }
            for address in &spec.ip_addresses {
                verify(&["-verify_ip", &address.to_string()], true);
            }
            verify(&["-verify_hostname", "other.invalid"], false);
            let mut other = tree.cas.iter().filter(|(name, _)| Some(*name) != spec.issuer.as_ref());
            let other = scratch.put("other.crt", &other.next().unwrap().1.chain_pem());
            openssl(&["verify", "-attime", &at, "-CAfile", &other, &leaf], false);
        }
    }
}

#[test]
fn openssl_reads_certificates_as_they_were_meant() {
    if !available("openssl_reads_certificates_as_they_were_meant") {
        return;
    }
    let scratch = Scratch::new("text");
    let tree = Tree::of_config(&case("ha"));
    assert_lines(
        &text_of(&scratch, tree.pair("ca").0),
        &[
            "Version: 3 (0x2)",
            "Signature Algorithm: sha256WithRSAEncryption",
            "Issuer: CN=kubernetes",
            "Not Before: Nov 23 02:57:02 2026 GMT",
            "Not After : Nov 20 03:02:02 2036 GMT",
            "Subject: CN=kubernetes",
            "X509v3 Key Usage: critical",
            "Digital Signature, Key Encipherment, Certificate Sign",
            "X509v3 Basic Constraints: critical",
            "CA:TRUE",
            "X509v3 Subject Key Identifier:",
            "X509v3 Subject Alternative Name:",
            "DNS:kubernetes",
        ],
    );
    assert_lines(
        &text_of(&scratch, tree.pair("etcd-server").0),
        &[
            "Issuer: CN=etcd-ca",
            "Not After : Nov 23 03:02:02 2027 GMT",
            "Subject: CN=cp-a.example.internal",
            "X509v3 Key Usage: critical",
            "Digital Signature, Key Encipherment",
            "X509v3 Extended Key Usage:",
            "TLS Web Server Authentication, TLS Web Client Authentication",
            "X509v3 Basic Constraints: critical",
            "CA:FALSE",
            "X509v3 Authority Key Identifier:",
            "X509v3 Subject Alternative Name:",
            "DNS:cp-a.example.internal, DNS:etcd.example.internal, DNS:localhost, IP Address:198.51.100.11, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, IP Address:203.0.113.21",
        ],
    );
    let groups = Subject::named("jane").with_organizations(["z", "a-team", "system:masters"]);
    let user = CertSpec::user("jane", groups, KeyAlgorithm::EcdsaP256);
    let issued = issuing(|with| tree.cas["ca"].issue(&user, with).unwrap());
    assert_lines(
        &text_of(&scratch, &issued.certificate),
        &["Not Before: Nov 23 02:57:02 2026 GMT", "Subject: O=z+O=a-team+O=system:masters,CN=jane"],
    );
}

#[test]
fn openssl_verifies_requests_and_its_own_are_signed() {
    if !available("openssl_verifies_requests_and_its_own_are_signed") {
        return;
    }
    let scratch = Scratch::new("requests");
    let tree = Tree::of_config(&config("n1", "192.0.2.1", "encryptionAlgorithm: ECDSA-P256"));
    for algorithm in
        [KeyAlgorithm::Rsa2048, KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::Ed25519]
    {
        let spec = CertSpec { algorithm, ..tree.spec("apiserver").clone() };
        let requested = issuing(|with| csr::requests([&spec], with).unwrap());
        let path = scratch.put("apiserver.csr", &requested[0].request);
        let text = openssl(&["req", "-verify", "-noout", "-text", "-in", &path], true);
        assert!(text.contains("verify OK"), "{text}");
        assert_lines(
            &text,
            &[
                "Version: 1 (0x0)",
                "X509v3 Subject Alternative Name:",
                "DNS:kubernetes, DNS:kubernetes.default, DNS:kubernetes.default.svc, DNS:kubernetes.default.svc.cluster.local, DNS:n1, IP Address:10.96.0.1, IP Address:192.0.2.1",
            ],
        );
    }
    // Made by OpenSSL: names as UTF8String, an address that is IPv4-mapped, several O as several RDNs.
    let (key, request) = (scratch.put("own.key", ""), scratch.put("own.csr", ""));
    openssl(
        &[
            "req",
            "-new",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            &key,
            "-out",
            &request,
            "-utf8",
            "-subj",
            "/O=team-b/O=team-a/CN=j@ne",
            "-addext",
            "subjectAltName=DNS:x.example,IP:::ffff:192.0.2.9",
        ],
        true,
    );
    let pem = std::fs::read_to_string(Path::new(&request)).unwrap();
    let spec = csr_spec(&pem);
    assert_eq!(spec.subject.to_string(), "O=team-a+O=team-b,CN=j@ne");
    assert_eq!(spec.ip_addresses, ["192.0.2.9".parse::<std::net::IpAddr>().unwrap()]);
    let signed = issuing(|with| tree.cas["ca"].sign_csr(&pem, &spec, with).unwrap());
    let (leaf, ca) = (scratch.put("own.crt", &signed), scratch.put("ca.crt", &tree.cas["ca"].chain_pem()));
    let at = super::NOW.seconds().to_string();
    openssl(
        &["verify", "-x509_strict", "-attime", &at, "-CAfile", &ca, "-verify_ip", "192.0.2.9", &leaf],
        true,
    );
}

#[test]
fn intermediate_chains_verify_from_the_root() {
    if !available("intermediate_chains_verify_from_the_root") {
        return;
    }
    let scratch = Scratch::new("intermediate");
    let root_spec = CertSpec::authority("root", "Acme Root", KeyAlgorithm::EcdsaP384);
    let mut spec = CertSpec::authority("ca", "kubernetes", KeyAlgorithm::EcdsaP256);
    spec.issuer = Some("root".into());
    let (root, ca, leaf) = issuing(|with| {
        let root = pki::Ca::self_signed(&root_spec, with).unwrap();
        let ca = root.intermediate(&spec, with).unwrap();
        let user = CertSpec::user("jane", Subject::named("jane"), KeyAlgorithm::EcdsaP256);
        let leaf = ca.issue(&user, with).unwrap();
        (root, ca, leaf)
    });
    let at = super::NOW.seconds().to_string();
    let trusted = scratch.put("root.crt", &root.chain_pem());
    let between = scratch.put("between.crt", &ca.intermediates_pem());
    let leaf = scratch.put("leaf.crt", &leaf.certificate.to_pem());
    let verify = ["verify", "-x509_strict", "-attime", &at, "-CAfile", &trusted];
    openssl(&[&verify[..], &["-untrusted", &between, &leaf]].concat(), true);
    openssl(&[&verify[..], &[leaf.as_str()]].concat(), false);
}

fn csr_spec(pem: &str) -> CertSpec {
    csr::Csr::from_pem(pem).unwrap().spec("own", "ca", pki::CertClass::Server).unwrap()
}
