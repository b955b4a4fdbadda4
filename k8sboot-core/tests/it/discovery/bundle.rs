//! Join bundles: sealed, opened, and refused for every reason there is.

use std::time::Instant;

use k8sboot_core::{
    discovery::{BundleError, JoinBundle, Seal, judge},
    entropy::{Seeded, System},
    error::{Problem as _, chain},
    kubeconfig::Kubeconfig,
    secret::SecretBytes,
    time::Timestamp,
    token::ClusterInfo,
};

use super::{authority, token};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const END: Timestamp = Timestamp::from_seconds(1_800_086_400);

fn key(byte: u8) -> Seal {
    Seal::key(&SecretBytes::new(vec![byte; 32])).unwrap()
}

fn passphrase(text: &str) -> Seal {
    Seal::passphrase(SecretBytes::from(text.to_owned())).unwrap()
}

fn bundle() -> JoinBundle {
    let info = ClusterInfo::new("https://192.0.2.10:6443", &authority(NOW).0.chain_pem());
    JoinBundle::new(&info, token(), END).unwrap().certificate_key("ab".repeat(32).parse().unwrap())
}

#[test]
fn a_bundle_opens_to_what_was_sealed() {
    let bundle = bundle();
    for seal in [key(1), passphrase("correct horse battery")] {
        let began = Instant::now();
        let text = bundle.seal(&seal, &System).unwrap();
        eprintln!("sealed in {} ms: {} bytes", began.elapsed().as_millis(), text.len());
        assert!(!text.contains("0123456789abcdef") && !text.contains("192.0.2.10"), "{text}");
        assert_eq!(JoinBundle::stated_expiry(&text).unwrap(), END);
        let opened = JoinBundle::open(&text, &seal, END).unwrap();
        assert_eq!((opened.info(), opened.token(), opened.expires()), (bundle.info(), bundle.token(), END));
        let found = opened.discovered();
        assert_eq!(found.server(), "https://192.0.2.10:6443");
        assert_eq!(found.certificate_key().unwrap().expose().expose(), "ab".repeat(32).as_bytes());
        for text in [text.replace('\n', "\r\n"), format!("\n\n{text}  \n")] {
            JoinBundle::open(&text, &seal, NOW).unwrap();
        }
        let shown = format!("{opened:?} {seal:?} {found:?}");
        assert!(
            !shown.contains("0123456789abcdef") && !shown.contains("abababab") && !shown.contains("horse"),
            "{shown}"
        );
    }
}

#[test]
fn every_reason_to_refuse_a_bundle_is_an_error_of_its_own() {
    let seal = key(1);
    let text = bundle().seal(&seal, &System).unwrap();
    let kind = |text: &str, seal: &Seal, now| {
        let error = JoinBundle::open(text, seal, now).unwrap_err();
        assert!(!chain(&error).contains("0123456789abcdef"), "{error}");
        error.code().name()
    };
    assert_eq!(kind(&text, &key(2), NOW), "BUNDLE_KEY");
    assert_eq!(kind(&text, &passphrase("correct horse battery"), NOW), "BUNDLE_KEY");
    assert_eq!(kind(&text, &seal, END.plus_seconds(1)), "BUNDLE_EXPIRED");
    assert_eq!(kind("", &seal, NOW), "BUNDLE_SHAPE");
    assert_eq!(kind("-----BEGIN CERTIFICATE-----", &seal, NOW), "BUNDLE_SHAPE");
    assert_eq!(kind("K8SBOOT JOIN BUNDLE", &seal, NOW), "BUNDLE_SHAPE");
    assert_eq!(kind(&text.replace("version: 1\n", "version: 2\n"), &seal, NOW), "BUNDLE_VERSION");
    assert_eq!(kind("K8SBOOT JOIN BUNDLE\nversion: 7\nwhatever: else\n", &seal, NOW), "BUNDLE_VERSION");
    assert_eq!(kind(&text.replace("cipher: AES-256-GCM", "cipher: ROT13"), &seal, NOW), "BUNDLE_DAMAGED");

    let sealed = bundle().seal(&passphrase("correct horse battery"), &System).unwrap();
    assert_eq!(kind(&sealed, &passphrase("correct horse batteri"), NOW), "BUNDLE_KEY");
    let error = JoinBundle::open(&sealed, &seal, NOW).unwrap_err();
    assert!(matches!(error, BundleError::Kind { expected: "passphrase", found: "key", .. }), "{error}");

    // Every bit that is changed and every line that is cut is damage, wherever it is.
    for at in (0..text.len()).step_by(7) {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        let name = kind(&changed, &seal, NOW);
        assert!(["BUNDLE_DAMAGED", "BUNDLE_SHAPE", "BUNDLE_VERSION"].contains(&name), "{at}: {name}");
        assert_ne!(kind(&text[..at], &seal, NOW), "BUNDLE_KEY", "{at}");
    }
    // Whoever mends the checksum after a change has no key.
    let later = text.replace(&END.to_string(), "2099-01-01T00:00:00Z");
    assert_eq!(kind(&resummed(&later), &seal, NOW), "BUNDLE_KEY");
    assert_eq!(
        kind(&resummed(&sealed.replace("600000", "4000000000")), &passphrase("12345678"), NOW),
        "BUNDLE_SHAPE"
    );
    assert_eq!(kind(&resummed(&text.replace("AES-256-GCM", "ROT13")), &seal, NOW), "BUNDLE_VERSION");
    assert_eq!(kind(&resummed(&text.replace("kdf: none", "kdf: SCRYPT")), &seal, NOW), "BUNDLE_VERSION");
}

/// The text with a right checksum.
fn resummed(text: &str) -> String {
    let (body, _) = text.rsplit_once("sha256: ").unwrap();
    let sum = k8sboot_core::token::CaPin::of_spki(body.as_bytes()).to_string();
    format!("{body}sha256: {}\n", sum.strip_prefix("sha256:").unwrap())
}

#[test]
fn what_cannot_be_sealed_is_refused() {
    for length in [0, 7] {
        let error = Seal::passphrase(SecretBytes::new(vec![b'a'; length])).unwrap_err();
        assert_eq!(error.code().name(), "BUNDLE_SECRET");
    }
    for length in [0, 31, 33] {
        assert!(Seal::key(&SecretBytes::new(vec![0; length])).is_err());
    }
    let info = ClusterInfo::new("https://192.0.2.10:6443", "none");
    assert_eq!(JoinBundle::new(&info, token(), END).unwrap_err().code().name(), "BUNDLE_CONTENT");
    assert!(JoinBundle::of_kubeconfig(&Kubeconfig::default(), token(), END).is_err());
}

#[test]
fn a_seeded_source_gives_the_same_bundle_again_and_no_nonce_twice() {
    let (one, two) = (bundle(), bundle());
    let seal = |bundle: &JoinBundle| bundle.seal(&key(1), &Seeded::new(b"seed")).unwrap();
    assert_eq!(seal(&one), seal(&one));
    let nonce = |text: &str| text.lines().find(|line| line.starts_with("nonce: ")).unwrap().to_owned();
    assert_ne!(nonce(&seal(&one)), nonce(&seal(&two)));
}

/// A bundle that was sealed when this format was new, in `tests/fixtures/discovery`: it must open for ever.
#[test]
fn a_recorded_bundle_opens() {
    let text = recorded("worker.bundle");
    let opened = JoinBundle::open(&text, &key(7), NOW).unwrap();
    assert_eq!((opened.token(), opened.expires()), (&token(), END));
    assert_eq!(opened.info().server(), "https://192.0.2.10:6443");
    // The same cluster-info, as an endpoint answers with it.
    let answer = recorded("cluster-info.json");
    let answer = judge::Answered::new(200, answer.as_bytes());
    let clocks = judge::Clocks { local: NOW, server: None };
    assert_eq!(&judge::first(answer, &token(), &[], clocks).unwrap(), opened.info());
}

fn recorded(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/discovery").join(name);
    std::fs::read_to_string(path).unwrap()
}
