//! Tokens, signatures, pins and the join command against kubeadm's and the controller manager's own.

use k8sboot_core::{
    config::Documents,
    error::{Code, Problem},
    facts::NodeFacts,
    secret::SecretBytes,
    token::{BootstrapToken, CaPin, JoinCommand, TokenError, TokenSpec, jws},
};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::{CASES, fixture, fixture_json};

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} in {value}"))
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().unwrap_or_else(|| panic!("{key} in {value}"))
}

fn token_of(vector: &Value) -> BootstrapToken {
    BootstrapToken::from_parts(text(vector, "token_id"), text(vector, "token_secret")).unwrap()
}

#[test]
fn token_texts_are_accepted_and_refused_as_by_kubeadm() {
    let vectors = fixture_json("vectors/token-format.json");
    for valid in list(&vectors, "valid") {
        let text = valid.as_str().unwrap();
        assert_eq!(text.parse::<BootstrapToken>().unwrap().expose(), text);
    }
    for invalid in list(&vectors, "invalid") {
        let text = invalid.as_str().unwrap();
        let error = text.parse::<BootstrapToken>().expect_err(text);
        assert!(matches!(error.code(), Code::TOKEN_SHAPE | Code::TOKEN_PART), "{text:?}: {error}");
    }
}

#[test]
fn groups_are_accepted_and_refused_as_by_kubeadm() {
    let vectors = fixture_json("vectors/token-format.json");
    let spec = |group: &Value| {
        let mut entry = k8sboot_core::config::v1beta4::BootstrapToken::default();
        entry.token = k8sboot_core::config::v1beta4::SecretText::new("abcdef.0123456789abcdef");
        entry.groups = vec![group.as_str().unwrap().to_owned()];
        TokenSpec::from_config(&entry)
    };
    for valid in list(&vectors, "valid_groups") {
        assert_eq!(spec(valid).unwrap().groups, [valid.as_str().unwrap()]);
    }
    for invalid in list(&vectors, "invalid_groups") {
        assert_eq!(spec(invalid).expect_err("group").code(), Code::TOKEN_GROUP, "{invalid}");
    }
}

#[test]
fn signatures_are_the_controller_managers() {
    let vectors = fixture_json("vectors/jws.json");
    for vector in list(&vectors, "valid") {
        let (content, token) = (text(vector, "content").as_bytes(), token_of(vector));
        assert_eq!(jws::sign(content, &token), text(vector, "jws"));
        jws::verify(content, text(vector, "jws"), &token).unwrap();
    }
    for vector in list(&vectors, "invalid") {
        let (why, token) = (text(vector, "why"), token_of(vector));
        let error =
            jws::verify(text(vector, "content").as_bytes(), text(vector, "jws"), &token).expect_err(why);
        let wanted = match why {
            "one byte of the content changed" | "secret of another token" => Code::TOKEN_SIGNATURE,
            _ => Code::TOKEN_SIGNATURE_SHAPE,
        };
        assert_eq!(error.code(), wanted, "{why}: {error}");
        assert!(!error.to_string().contains(text(vector, "token_secret")), "{error}");
    }
}

#[test]
fn pins_are_kubeadms() {
    let vectors = fixture_json("vectors/ca-pin.json");
    let pins = CaPin::of_certificate_pem(text(&vectors, "pem")).unwrap();
    assert_eq!(pins.iter().map(CaPin::to_string).collect::<Vec<_>>(), [text(&vectors, "pin")]);
    for spelling in list(&vectors, "accepted_spellings") {
        assert_eq!(spelling.as_str().unwrap().parse::<CaPin>().unwrap(), pins[0]);
    }
    let wanted = [
        "expected sha256: and 64 hexadecimal digits",
        "expected the hash sha256 (no other is known), found \"sha1\"",
        "expected 32 bytes in hexadecimal digits, found \"1 bytes\"",
        "expected hexadecimal digits, two per byte",
    ];
    let rejected = list(&vectors, "rejected");
    assert_eq!(rejected.len(), wanted.len());
    for (rejected, wanted) in rejected.iter().zip(wanted) {
        let error = text(rejected, "value").parse::<CaPin>().unwrap_err();
        assert_eq!(error.code(), Code::TOKEN_PIN_SHAPE);
        assert!(error.to_string().contains(wanted), "{error}");
    }
}

#[test]
fn every_certificate_of_a_bundle_has_its_pin() {
    let vectors = fixture_json("vectors/ca-pin.json");
    let pem = text(&vectors, "pem");
    let key = fixture_json("vectors/certificate-upload.json")["vectors"][1]["plaintext"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(CaPin::of_certificate_pem(&format!("{pem}{key}# a comment\n{pem}")).unwrap().len(), 2);
    let broken = format!("{pem}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    for (text, index) in [("", 0), (key.as_str(), 0), (broken.as_str(), 1)] {
        match CaPin::of_certificate_pem(text).unwrap_err() {
            TokenError::Certificate { index: found, .. } => assert_eq!(found, index, "{text}"),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn join_commands_are_those_that_kubeadm_init_prints() {
    let pin: CaPin = text(&fixture_json("vectors/ca-pin.json"), "pin").parse().unwrap();
    for case in CASES {
        let output =
            fixture(&format!("cases/{case}/output.txt")).replace("sha256:<CA_HASH>", &pin.to_string());
        let documents = Documents::parse(&fixture(&format!("cases/{case}/config.yaml"))).unwrap();
        let config = documents.into_init(&NodeFacts::named("host"), None).unwrap();
        let token = TokenSpec::from_config(&config.init().bootstrap_tokens[0]).unwrap().token;
        let endpoint = config.api_server_host_port();

        let worker = JoinCommand::worker(&endpoint, token.clone(), vec![pin]).unwrap();
        let shown = format!("\n\n{}\n", worker.expose().expose_str().unwrap());
        assert!(output.contains(&shown), "{case}: {shown}");

        if config.control_plane_endpoint().is_some() {
            let key = config.init().certificate_key.to_secret();
            let command = JoinCommand::control_plane(&endpoint, token, vec![pin], Some(key)).unwrap();
            let shown = format!("\n\n  {}\n\n", command.expose().expose_str().unwrap());
            assert!(output.contains(&shown), "{case}: {shown}");
        }
    }
}

#[test]
fn join_commands_name_every_pin_and_no_secret_unless_exposed() {
    let token: BootstrapToken = "abcdef.0123456789abcdef".parse().unwrap();
    let pins = vec![CaPin::new([1; 32]), CaPin::new([2; 32])];
    let key = "00112233445566778899aabbccddeeff".repeat(2);
    let command = JoinCommand::control_plane(
        "[2001:db8::1]:6443",
        token.clone(),
        pins.clone(),
        Some(SecretBytes::from(key.clone())),
    );
    let command = command.unwrap();
    let line = command.expose_line();
    assert_eq!(
        line.expose_str().unwrap(),
        format!(
            "kubeadm join [2001:db8::1]:6443 --token abcdef.0123456789abcdef --discovery-token-ca-cert-hash {} \
             --discovery-token-ca-cert-hash {} --control-plane --certificate-key {key}",
            pins[0], pins[1]
        )
    );
    for shown in [command.to_string(), format!("{command:?}")] {
        assert!(!shown.contains("0123456789abcdef") && !shown.contains(&key), "{shown}");
    }
    let without_key = JoinCommand::control_plane("a:1", token.clone(), pins, None).unwrap();
    assert!(without_key.expose().expose_str().unwrap().ends_with(" \\\n\t--control-plane "));
    assert_eq!(JoinCommand::worker("a:1", token, vec![]).unwrap_err().code(), Code::TOKEN_PIN_MISSING);
}

proptest! {
    #[test]
    fn printed_tokens_parse_to_themselves(text in "[a-z0-9]{6}\\.[a-z0-9]{16}") {
        let token: BootstrapToken = text.parse().unwrap();
        prop_assert_eq!(token.expose(), text);
    }

    #[test]
    fn printed_pins_parse_to_themselves(hash: [u8; 32]) {
        prop_assert_eq!(CaPin::new(hash).to_string().parse::<CaPin>().unwrap(), CaPin::new(hash));
    }

    #[test]
    fn arbitrary_text_is_an_error_and_not_a_panic(text in "\\PC{0,40}", pin in "([a-z0-9:]{0,8}:?){0,12}") {
        // A token that parses is exactly of the documented form.
        if let Ok(token) = text.parse::<BootstrapToken>() {
            prop_assert_eq!(token.expose().len(), 23);
        }
        let _ = pin.parse::<CaPin>();
        let _ = CaPin::of_certificate_pem(&format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"));
        let _ = jws::verify(b"x", &text, &"abcdef.0123456789abcdef".parse().unwrap());
    }

    #[test]
    fn refusals_never_repeat_the_text(secret in "[a-z0-9]{10,15}") {
        let error = format!("abcdef.{secret}").parse::<BootstrapToken>().unwrap_err();
        let shown = format!("{error} {error:?}");
        prop_assert!(!shown.contains(&secret), "{}", shown);
    }
}
