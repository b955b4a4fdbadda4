//! Uploaded certificates against kubeadm's own Secrets.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use k8sboot_core::{
    config::Documents,
    entropy::{Entropy, EntropyError, Stream, System},
    error::{Code, Problem},
    facts::NodeFacts,
    manifest::{Object, yaml},
    pki::{
        CertificateKey,
        upload::{self, Entry, Owner},
    },
    secret::SecretBytes,
    time::Timestamp,
};
use proptest::prelude::*;

use crate::support::{fixture, fixture_json};

/// Gives 0, 1, 2 … for every purpose.
struct Counting;

impl Entropy for Counting {
    fn stream<'a>(&'a self, _purpose: &str) -> Box<dyn Stream + 'a> {
        Box::new(Counting)
    }
}

impl Stream for Counting {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyError> {
        for (byte, value) in out.iter_mut().zip(0..) {
            *byte = value;
        }
        Ok(())
    }
}

#[test]
fn files_sealed_by_kubeadm_open_and_ours_are_the_same_bytes() {
    let vectors = fixture_json("vectors/certificate-upload.json");
    let key: CertificateKey = vectors["certificate_key"].as_str().unwrap().parse().unwrap();
    let vectors = vectors["vectors"].as_array().unwrap();
    for vector in vectors {
        let sealed = STANDARD.decode(vector["ciphertext_base64"].as_str().unwrap()).unwrap();
        let plaintext = vector["plaintext"].as_str().unwrap();
        assert_eq!(key.open("x", &sealed).unwrap().expose_str(), Some(plaintext));
    }
    let computed = vectors.last().unwrap();
    let sealed = key.seal("x", computed["plaintext"].as_str().unwrap().as_bytes(), &Counting).unwrap();
    assert_eq!(STANDARD.encode(sealed), computed["ciphertext_base64"].as_str().unwrap());
}

#[test]
fn the_secret_and_its_token_are_those_that_kubeadm_uploads() {
    for case in ["ha", "external-etcd"] {
        let documents = Documents::parse(&fixture(&format!("cases/{case}/config.yaml"))).unwrap();
        let config = documents.into_init(&NodeFacts::named("host"), None).unwrap();
        let key: CertificateKey = config.init().certificate_key.expose().parse().unwrap();
        let golden = fixture(&format!("cases/{case}/objects/Secret.kube-system.kubeadm-certs.yaml"))
            .replace("<RANDOM_ID>", "abcdef")
            .replace("<UID>", "1-2-3");
        let owner = Owner { token: "abcdef".parse().unwrap(), uid: "1-2-3".to_owned() };

        let entries = upload::entries(config.cluster());
        let content = |entry: &Entry| Some(SecretBytes::from(format!("content of {}", entry.path)));
        let secret = upload::to_secret(&entries, content, &key, Some(&owner), &System).unwrap();
        let mut ours = secret.to_yaml();
        for entry in &entries {
            let sealed = secret.value()["data"][entry.name].as_str().unwrap();
            ours = ours.replace(sealed, &format!("<AESGCM:{}>", entry.name));
        }
        assert_eq!(ours, golden, "{case}");

        let opened = upload::from_secret(&secret, &entries, &key).unwrap();
        assert_eq!(opened.len(), entries.len());
        for (entry, bytes) in opened {
            assert_eq!(bytes.expose_str(), Some(format!("content of {}", entry.path).as_str()));
            assert_eq!(entry.private, entry.name.ends_with(".key"));
        }

        let token = format!("{}.0123456789abcdef", owner.token).parse().unwrap();
        let golden =
            fixture(&format!("cases/{case}/objects/Secret.kube-system.bootstrap-token-RANDOM_ID.yaml"))
                .replace(
                    "<EXPIRATION:now+2h0m0s RFC3339 UTC, base64>",
                    &STANDARD.encode("2026-11-23T05:00:00Z"),
                )
                .replace("bootstrap-token-<RANDOM_ID>", "bootstrap-token-abcdef")
                .replace("<RANDOM_ID>", &STANDARD.encode("abcdef"))
                .replace("<RANDOM_SECRET>", &STANDARD.encode("0123456789abcdef"));
        let golden = Object::from_value(yaml::parse_all(&golden).unwrap().remove(0)).unwrap();
        let now: Timestamp = "2026-11-23T03:00:00Z".parse().unwrap();
        assert_eq!(upload::token_spec(token).to_secret(now).unwrap().to_yaml(), golden.to_yaml(), "{case}");
    }
}

#[test]
fn entries_have_kubeadms_paths() {
    let paths = |case: &str| {
        let documents = Documents::parse(&fixture(&format!("cases/{case}/config.yaml"))).unwrap();
        let config = documents.into_init(&NodeFacts::named("host"), None).unwrap();
        upload::entries(config.cluster())
            .into_iter()
            .skip(6)
            .map(|entry| (entry.name, entry.path))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        paths("ha"),
        [
            ("etcd-ca.crt", "/etc/kubernetes/pki/etcd/ca.crt".to_owned()),
            ("etcd-ca.key", "/etc/kubernetes/pki/etcd/ca.key".to_owned()),
        ]
    );
    assert_eq!(
        paths("external-etcd"),
        [
            ("external-etcd-ca.crt", "/etc/etcd/pki/ca.crt".to_owned()),
            ("external-etcd.crt", "/etc/etcd/pki/apiserver-etcd-client.crt".to_owned()),
            ("external-etcd.key", "/etc/etcd/pki/apiserver-etcd-client.key".to_owned()),
        ]
    );
}

#[test]
fn absent_files_are_empty_and_missing_entries_are_an_error() {
    let key = CertificateKey::generate(&System).unwrap();
    let entries = upload::entries(&k8sboot_core::config::v1beta4::ClusterConfiguration::default());
    let owner = Owner { token: "abcdef".parse().unwrap(), uid: String::new() };
    let only_ca = |entry: &Entry| (entry.name == "ca.crt").then(|| SecretBytes::from("CA".to_owned()));
    let secret = upload::to_secret(&entries, only_ca, &key, Some(&owner), &System).unwrap();
    let opened = upload::from_secret(&secret, &entries, &key).unwrap();
    assert_eq!(opened.iter().map(|(entry, _)| entry.name).collect::<Vec<_>>(), ["ca.crt"]);

    let mut value = secret.into_value();
    value["data"]["sa.key"].take();
    let error = upload::from_secret(&Object::from_value(value).unwrap(), &entries, &key).unwrap_err();
    assert_eq!(error.code(), Code::PKI_UPLOAD);
    assert!(
        error.to_string().starts_with("pki: Secret kubeadm-certs: sa.key: expected an entry, found none"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn sealed_files_open_and_printed_keys_parse(content: Vec<u8>, seed: [u8; 8]) {
        let entropy = k8sboot_core::entropy::Seeded::new(&seed);
        let key = CertificateKey::generate(&entropy).unwrap();
        let sealed = key.seal("x", &content, &entropy).unwrap();
        let again: CertificateKey = key.expose().expose_str().unwrap().parse().unwrap();
        let opened = again.open("x", &sealed).unwrap();
        prop_assert_eq!(opened.expose(), &content[..]);
    }

    #[test]
    fn arbitrary_bytes_are_refused(bytes: Vec<u8>, text in "\\PC{60,68}") {
        let key: CertificateKey = "00".repeat(32).parse().unwrap();
        prop_assert!(key.open("x", &bytes).is_err());
        let _ = text.parse::<CertificateKey>();
        let shown = format!("{key:?}");
        prop_assert_eq!(shown, "CertificateKey(<redacted>)");
    }
}
