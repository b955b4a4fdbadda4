//! OpenSSL's opinion of everything that a whole init leaves on disk. Skips without OpenSSL, fails under `CI=true`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use k8sboot_core::{
    config::{Documents, InitConfig},
    pki::{self, CertClass},
};

use crate::{
    support::tools,
    tree::{Scratch, case_file, init, now, quick_config, recorded_host},
};

const PKI: &str = "etc/kubernetes/pki";

#[test]
fn openssl_accepts_every_key_and_every_chain_that_init_leaves_on_disk() {
    if !tools(&["openssl"]) {
        return;
    }
    // The seed's configuration as it stands: RSA.
    let seed = Documents::parse(&case_file("seed", "config.yaml")).unwrap();
    let mut configs = vec![("seed", seed.into_init(&recorded_host("seed"), None).unwrap())];
    configs.extend(["ecdsa", "dualstack", "ha", "external-etcd"].map(|case| (case, quick_config(case))));
    for (case, config) in configs {
        let scratch = Scratch::new("openssl");
        let leaves = Tree { case, config: &config, root: scratch.path() }.judge();
        assert_eq!(leaves, if case == "external-etcd" { 8 } else { 12 }, "{case}");
    }
}

struct Tree<'a> {
    case: &'a str,
    config: &'a InitConfig,
    root: &'a Path,
}

impl Tree<'_> {
    /// Makes the tree and checks it all; gives the number of leaves.
    fn judge(&self) -> usize {
        init(self.config, self.root, None).unwrap();
        let specs = pki::control_plane(self.config).unwrap();
        let mut leaves = 0;
        for spec in &specs {
            let (certificate, key) = (self.file(&spec.path, "crt"), self.file(&spec.path, "key"));
            self.pair(&certificate, &key);
            let Some(issuer) = specs.iter().find(|ca| Some(&ca.name) == spec.issuer.as_ref()) else {
                self.verify(&certificate, &certificate, &[], true);
                continue;
            };
            leaves += 1;
            let ca = self.file(&issuer.path, "crt");
            let serves = matches!(spec.class, CertClass::Server | CertClass::Peer);
            let identifies = matches!(spec.class, CertClass::Client | CertClass::Peer);
            self.verify(&ca, &certificate, &["-purpose", "sslserver"], serves);
            self.verify(&ca, &certificate, &["-purpose", "sslclient"], identifies);
            for name in spec.dns_names.iter().filter(|name| !name.starts_with('*')) {
                self.verify(&ca, &certificate, &["-verify_hostname", name], true);
            }
            for address in &spec.ip_addresses {
                self.verify(&ca, &certificate, &["-verify_ip", &address.to_string()], true);
            }
            self.verify(&ca, &certificate, &["-verify_hostname", "other.invalid"], false);
            for other in specs.iter().filter(|other| other.issuer.is_none() && other.name != issuer.name) {
                self.verify(&self.file(&other.path, "crt"), &certificate, &[], false);
            }
        }
        for spec in pki::kubeconfigs(self.config) {
            leaves += 1;
            let text = fs::read_to_string(self.root.join("etc/kubernetes").join(spec.file)).unwrap();
            let ca = self.embedded(&text, "certificate-authority-data", "ca");
            assert_eq!(fs::read(&ca).unwrap(), fs::read(self.file("ca", "crt")).unwrap(), "{}", spec.file);
            let certificate = self.embedded(&text, "client-certificate-data", spec.file);
            let key = self.embedded(&text, "client-key-data", spec.file);
            self.pair(&certificate, &key);
            self.verify(&ca, &certificate, &["-purpose", "sslclient"], true);
            self.verify(&ca, &certificate, &["-purpose", "sslserver"], false);
        }
        let account = self.file("sa", "key");
        let public = openssl(&["pkey", "-pubout", "-in", path(&account)], true);
        assert_eq!(public, fs::read_to_string(self.file("sa", "pub")).unwrap(), "{}", self.case);
        self.sound(&account);
        leaves
    }

    fn file(&self, name: &str, ending: &str) -> PathBuf {
        self.root.join(PKI).join(format!("{name}.{ending}"))
    }

    /// A Base64 value of a kubeconfig, decoded by OpenSSL into a file beside the tree.
    fn embedded(&self, text: &str, field: &str, name: &str) -> PathBuf {
        let value = text.lines().find_map(|line| line.trim().strip_prefix(&format!("{field}: "))).unwrap();
        let (coded, plain) = (self.root.join("coded"), self.root.join(format!("{field}-{name}")));
        fs::write(&coded, value).unwrap();
        openssl(&["base64", "-d", "-A", "-in", path(&coded), "-out", path(&plain)], true);
        plain
    }

    fn verify(&self, ca: &Path, certificate: &Path, extra: &[&str], accepted: bool) {
        let at = now().seconds().to_string();
        let mut arguments = vec!["verify", "-x509_strict", "-attime", &at, "-CAfile", path(ca)];
        arguments.extend(extra);
        arguments.push(path(certificate));
        openssl(&arguments, accepted);
    }

    fn pair(&self, certificate: &Path, key: &Path) {
        let of_certificate = openssl(&["x509", "-noout", "-pubkey", "-in", path(certificate)], true);
        let of_key = openssl(&["pkey", "-pubout", "-in", path(key)], true);
        assert_eq!(of_certificate, of_key, "{}: {}", self.case, key.display());
        self.sound(key);
    }

    fn sound(&self, key: &Path) {
        let (kind, says) = match self.case {
            "seed" => ("rsa", "RSA key ok"),
            _ => ("ec", "EC Key valid"),
        };
        let said = openssl(&[kind, "-check", "-noout", "-in", path(key)], true);
        assert!(said.contains(says), "{}: {said}", key.display());
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What OpenSSL prints; with success as expected.
fn openssl(arguments: &[&str], succeeds: bool) -> String {
    let out = Command::new("openssl").args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.success(), succeeds, "openssl {}: {errors}", arguments.join(" "));
    let printed = String::from_utf8_lossy(&out.stdout);
    // `-check` reports on one stream or the other, by version.
    if arguments.contains(&"-check") { format!("{printed}{errors}") } else { printed.into_owned() }
}
