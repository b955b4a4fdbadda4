//! Tokens, signatures, pins and the join command against kubeadm's and the controller manager's own.

use k8sboot_core::{
    config::{Documents, v1beta4},
    error::{Code, Problem},
    facts::NodeFacts,
    manifest::{Object, yaml},
    time::Timestamp,
    token::{
        BootstrapToken, CaPin, ClusterInfo, JoinCommand, Signatures, TokenError, TokenSpec, Ttl, Usages, jws,
    },
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
        let token = v1beta4::SecretText::new("abcdef.0123456789abcdef");
        let groups = vec![group.as_str().unwrap().to_owned()];
        let entry = v1beta4::BootstrapToken { token, groups, ..Default::default() };
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
            let key = config.init().certificate_key.expose().parse().unwrap();
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
        Some(key.parse().unwrap()),
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

/// A moment from which the end of every lifetime is easy to see.
fn now() -> Timestamp {
    "2026-11-23T03:00:00Z".parse().unwrap()
}

/// A golden object, its placeholders replaced.
fn golden(path: &str, replace: &[(&str, &str)]) -> Object {
    let mut text = fixture(path);
    for (from, to) in replace {
        assert!(text.contains(from), "{path}: {from}");
        text = text.replace(from, to);
    }
    Object::from_value(yaml::parse_all(&text).unwrap().remove(0)).unwrap()
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[test]
fn secrets_are_those_that_kubeadm_creates() {
    for case in CASES {
        let documents = Documents::parse(&fixture(&format!("cases/{case}/config.yaml"))).unwrap();
        let config = documents.into_init(&NodeFacts::named("host"), None).unwrap();
        let specs = TokenSpec::all_from_config(&config.init().bootstrap_tokens).unwrap();
        assert!(!specs.is_empty(), "{case}");
        for spec in specs {
            let (lifetime, end) = if case == "ha" {
                ("4h0m0s", "2026-11-23T07:00:00Z")
            } else {
                ("24h0m0s", "2026-11-24T03:00:00Z")
            };
            let golden = golden(
                &format!("cases/{case}/objects/Secret.kube-system.bootstrap-token-{}.yaml", spec.token.id()),
                &[(&format!("<EXPIRATION:now+{lifetime} RFC3339 UTC, base64>"), &base64(end))],
            );
            let made = spec.to_secret(now()).unwrap();
            assert_eq!(made.to_yaml(), golden.to_yaml(), "{case}");

            let read = TokenSpec::from_secret(&golden).unwrap();
            assert_eq!(read, TokenSpec { ttl: Ttl::Until(end.parse().unwrap()), ..spec });
        }
    }
}

#[test]
fn every_malformed_secret_is_explained() {
    let good = || {
        let mut spec = TokenSpec::new("abcdef.0123456789abcdef".parse().unwrap());
        spec.description = "d".to_owned();
        spec.to_secret(now()).unwrap().into_value()
    };
    let set = |pointer: &str, key: &str, value: Value| {
        let mut secret = good();
        secret.pointer_mut(pointer).unwrap()[key] = value;
        secret
    };
    let data = |key: &str, text: &str| set("/data", key, base64(text).into());
    for (secret, want) in [
        (set("", "kind", "ConfigMap".into()), "kind: expected v1 Secret, found v1 ConfigMap"),
        (set("", "type", "Opaque".into()), "type: expected bootstrap.kubernetes.io/token, found Opaque"),
        (
            set("/metadata", "namespace", "default".into()),
            "metadata.namespace: expected kube-system, found default",
        ),
        (
            set("/metadata", "name", "token".into()),
            "metadata.name: expected bootstrap-token-abcdef, found token",
        ),
        (set("", "data", Value::Null), "data.token-id: expected a value, found none"),
        (
            set("/data", "token-id", 5.into()),
            "data.token-id: expected a string in base64, found another type",
        ),
        (set("/data", "token-id", "abcdef".into()), "data.token-id: expected base64, found something else"),
        (set("/data", "token-secret", "//8=".into()), "data.token-secret: expected UTF-8, found other bytes"),
        (data("token-id", "ABCDEF"), "data.token-id: expected 6 characters of [a-z0-9], found \"ABCDEF\""),
        (
            data("token-secret", "0123456789abcde!"),
            "data.token-secret: expected 16 characters of [a-z0-9], found another text",
        ),
        (
            data("expiration", "soon"),
            "data.expiration: expected a time like 2026-11-23T03:02:02Z, found \"soon\"",
        ),
        (
            data("usage-bootstrap-signing", "True"),
            "data.usage-bootstrap-signing: expected true or false, found another text",
        ),
        (data("auth-extra-groups", "system:masters"), "groups: expected system:bootstrappers:NAME"),
        (
            data("usage-bootstrap-authentication", "false"),
            "groups: expected none without the usage authentication",
        ),
    ] {
        let error = TokenSpec::from_secret(&Object::from_value(secret).unwrap()).expect_err(want).to_string();
        assert!(error.contains(want), "{error}");
        assert!(!error.contains("0123456789abcde"), "{error}");
    }
}

#[test]
fn string_data_overrides_data_and_unknown_usages_are_passed_over() {
    let mut secret =
        TokenSpec::new("abcdef.0123456789abcdef".parse().unwrap()).to_secret(now()).unwrap().into_value();
    secret["stringData"] = serde_json::json!({"expiration": "", "usage-bootstrap-signing": "false", "usage-bootstrap-x": "true"});
    let spec = TokenSpec::from_secret(&Object::from_value(secret).unwrap()).unwrap();
    assert_eq!((spec.ttl, spec.usages), (Ttl::Forever, Usages { signing: false, authentication: true }));
}

#[test]
fn no_token_is_born_expired() {
    let spec = |ttl| TokenSpec { ttl, ..TokenSpec::new("abcdef.0123456789abcdef".parse().unwrap()) };
    for ttl in [Ttl::Until(now()), Ttl::For("-1s".parse().unwrap()), Ttl::For("0s".parse().unwrap())] {
        assert_eq!(spec(ttl).to_secret(now()).unwrap_err().code(), Code::TOKEN_LIFETIME, "{ttl:?}");
    }
    let secret = spec(Ttl::Forever).to_secret(now()).unwrap();
    assert!(secret.value()["data"].get("expiration").is_none());
}

#[test]
fn cluster_info_is_the_config_map_that_kubeadm_creates() {
    let vectors = fixture_json("vectors/ca-pin.json");
    let (ca, pins) = (text(&vectors, "pem"), [text(&vectors, "pin").parse().unwrap()]);
    for case in CASES {
        let documents = Documents::parse(&fixture(&format!("cases/{case}/config.yaml"))).unwrap();
        let config = documents.into_init(&NodeFacts::named("host"), None).unwrap();
        let golden = golden(
            &format!("cases/{case}/objects/ConfigMap.kube-public.cluster-info.yaml"),
            &[("<CA_DATA>", &base64(ca))],
        );
        let info = ClusterInfo::new(&config.api_server(), ca);
        assert_eq!(info.to_config_map(&Signatures::default()).unwrap().to_yaml(), golden.to_yaml(), "{case}");

        let token: BootstrapToken = "abcdef.0123456789abcdef".parse().unwrap();
        let error = ClusterInfo::trusted(&golden, &token, &pins).unwrap_err();
        assert_eq!((error.code(), error.details().retryable), (Code::TOKEN_NOT_SIGNED, true), "{error}");
        let mut signatures = Signatures::default();
        signatures.add(&info, &token);
        let signed = info.to_config_map(&signatures).unwrap();
        assert_eq!(ClusterInfo::trusted(&signed, &token, &pins).unwrap(), info);
    }
}

#[test]
fn cluster_info_is_trusted_only_with_its_token_and_a_pin() {
    let vector = &fixture_json("vectors/jws.json")["valid"][0];
    let pin: CaPin = text(&fixture_json("vectors/ca-pin.json"), "pin").parse().unwrap();
    let (token, signature) = (token_of(vector), text(vector, "jws"));
    let other = BootstrapToken::from_parts(token.id().as_str(), "0000000000000000").unwrap();
    let info = ClusterInfo::from_kubeconfig(text(vector, "content")).unwrap();
    assert_eq!(info.server(), "https://10.47.217.91:6443");
    assert_eq!(info.sign(&token), signature, "the controller manager's own signature");

    let stranger = CaPin::new([7; 32]);
    info.verify(signature, &token, &[pin]).unwrap();
    info.verify(signature, &token, &[stranger, pin]).unwrap();
    for (token, pins, want) in [
        (&token, vec![], Code::TOKEN_PIN_MISSING),
        (&token, vec![stranger], Code::TOKEN_PIN_MISMATCH),
        (&other, vec![pin], Code::TOKEN_SIGNATURE),
    ] {
        assert_eq!(info.verify(signature, token, &pins).unwrap_err().code(), want);
    }
    assert!(info.verify(signature, &token, &[stranger]).unwrap_err().to_string().contains(&pin.to_string()));

    // During a rotation the cluster presents both authorities; a pin of either is enough.
    let upload = fixture_json("vectors/certificate-upload.json");
    let both = format!("{}{}", upload["vectors"][0]["plaintext"].as_str().unwrap(), info.ca_pem());
    let rotating = ClusterInfo::new(info.server(), &both);
    rotating.verify(&rotating.sign(&token), &token, &[pin]).unwrap();
}

#[test]
fn cluster_info_without_server_or_ca_is_refused() {
    for (text, want) in [
        ("[", "kubeconfig: expected a kubeconfig"),
        ("clusters: []", "clusters: expected a cluster without name or a current context"),
        ("clusters: [{name: '', cluster: {}}]", "clusters.server: expected an https URL"),
        (
            "clusters: [{name: '', cluster: {server: 'https://a:1', certificate-authority: /ca.crt}}]",
            "clusters.certificate-authority-data: expected a PEM text in base64",
        ),
    ] {
        let error = ClusterInfo::from_kubeconfig(text).unwrap_err();
        assert_eq!(error.code(), Code::TOKEN_CLUSTER_INFO);
        assert!(error.to_string().contains(want), "{error}");
    }
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
