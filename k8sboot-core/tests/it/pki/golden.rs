//! Our certificates, described in the terms in which the golden cases describe kubeadm's.

use k8sboot_core::{
    pki::{self, CertInfo, Certificate, KeyPair, Signer},
    secret::SecretBytes,
};
use serde_json::{Map, Value, json};

use super::{NOW, Tree, case};
use crate::support::{CASES, fixture_json};

/// Names of the CA files by kubeadm's name of the CA.
const CA_FILES: [(&str, &str); 3] =
    [("ca", "ca.crt"), ("front-proxy-ca", "front-proxy-ca.crt"), ("etcd-ca", "etcd/ca.crt")];

#[test]
fn certificates_are_those_of_kubeadm() {
    for name in CASES {
        let tree = Tree::of_config(&case(name));
        let golden = fixture_json(&format!("cases/{name}/certs.json"));
        let mut expected = golden["files"].as_object().unwrap().clone();
        for spec in &tree.specs {
            let (certificate, key) = tree.pair(&spec.name);
            let file = format!("{}.crt", spec.path);
            let theirs = expected.remove(&file).unwrap_or_else(|| panic!("{name}: kubeadm has no {file}"));
            compare(
                &format!("{name}: {file}"),
                &with_term(&tree, certificate, key),
                &theirs["certificates"][0],
            );
            compare_pem(&file, &certificate.to_pem(), &theirs);

            let file = format!("{}.key", spec.path);
            let theirs = expected.remove(&file).unwrap_or_else(|| panic!("{name}: kubeadm has no {file}"));
            let pem = key.to_pem();
            compare(&format!("{name}: {file}"), &key_terms(&pem), &theirs["private_key"]);
            compare_pem(&file, pem.expose_str().unwrap(), &theirs);
        }
        let mut left: Vec<_> = expected.keys().map(String::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["sa.key", "sa.pub"], "{name}: files that only kubeadm makes");
        let account = pki::service_account(&case(name));
        assert_eq!(account.path, "sa");
        let bits = &expected["sa.key"]["private_key"]["bits"];
        assert!(
            account.algorithm.name().ends_with(&bits.to_string()),
            "{name}: {} {bits}",
            account.algorithm
        );
    }
}

#[test]
fn kubeconfig_clients_are_those_of_kubeadm() {
    for name in CASES {
        let tree = Tree::of_config(&case(name));
        let mut expected =
            fixture_json(&format!("cases/{name}/kubeconfigs.json")).as_object().unwrap().clone();
        for (spec, issued) in &tree.kubeconfigs {
            let theirs =
                expected.remove(spec.file).unwrap_or_else(|| panic!("{name}: kubeadm has no {}", spec.file));
            let what = format!("{name}: {}", spec.file);
            assert_eq!(spec.server, theirs["clusters"][0]["server"], "{what}");
            assert_eq!(spec.cluster, theirs["clusters"][0]["name"], "{what}");
            assert_eq!(spec.user, theirs["users"][0]["name"], "{what}");
            assert_eq!(format!("{}@{}", spec.user, spec.cluster), theirs["current_context"], "{what}");

            let info = issued.certificate.info();
            let mut ours = terms(&tree, &issued.certificate);
            let begin = tree.cas["ca"].certificate().info().not_before;
            ours.insert("not_before_equals_ca".into(), json!(info.not_before == begin));
            let seconds = info.not_after.seconds() - NOW.seconds();
            ours.insert(
                "valid_after_creation".into(),
                json!(format!("{}d+{}m", seconds / 86_400, seconds % 86_400 / 60)),
            );
            compare(&what, &ours, &theirs["users"][0]["client_certificate"]);
            compare(&what, &key_terms(&issued.key.to_pem()), &theirs["users"][0]["client_key"]);
            assert_eq!(issued.key.public_key(), issued.certificate.public_key(), "{what}");
        }
        assert!(expected.is_empty(), "{name}: only kubeadm makes {expected:?}");
    }
}

/// Compares member by member, so that a failure names the one that differs.
fn compare(what: &str, ours: &Map<String, Value>, theirs: &Value) {
    let theirs = theirs.as_object().unwrap();
    for (member, value) in theirs {
        assert_eq!(ours.get(member), Some(value), "{what}: {member}");
    }
    let extra: Vec<_> = ours.keys().filter(|member| !theirs.contains_key(*member)).collect();
    assert!(extra.is_empty(), "{what}: only ours has {extra:?}");
}

fn compare_pem(what: &str, pem: &str, theirs: &Value) {
    let labels: Vec<_> =
        pem.lines().filter_map(|line| line.strip_prefix("-----BEGIN ")?.strip_suffix("-----")).collect();
    assert_eq!(json!(labels), theirs["pem_blocks"], "{what}");
    assert_eq!(json!(pem.ends_with("-----\n")), theirs["ends_with_newline"], "{what}");
}

fn with_term(tree: &Tree, certificate: &Certificate, key: &KeyPair) -> Map<String, Value> {
    let info = certificate.info();
    let mut terms = terms(tree, certificate);
    let seconds = info.not_after.seconds() - info.not_before.seconds();
    terms.insert("lifetime".into(), json!(format!("{}d+{}s", seconds / 86_400, seconds % 86_400)));
    terms.insert("backdate_seconds".into(), json!(NOW.seconds() - info.not_before.seconds()));
    terms.insert("matches_key_file".into(), json!(key.public_key() == certificate.public_key()));
    terms
}

fn terms(tree: &Tree, certificate: &Certificate) -> Map<String, Value> {
    let info = certificate.info();
    let rdns: Vec<_> =
        info.subject.rdns().iter().flatten().map(|a| json!([a.kind, a.value, a.encoding])).collect();
    let serial = u128::from_str_radix(&info.serial, 16).unwrap();
    let usages = info.key_usage.iter().map(|usage| match *usage {
        "digitalSignature" => "digital_signature",
        "keyEncipherment" => "key_encipherment",
        "keyCertSign" => "key_cert_sign",
        other => other,
    });
    let extensions =
        info.extensions.iter().map(|e| format!("{}{}", e.name, if e.critical { " critical" } else { "" }));
    let mut names: Vec<_> = info.dns_names.clone();
    names.sort();
    let mut addresses = info.ip_addresses.clone();
    addresses.sort();
    let dns = info.dns_names.iter().map(|name| format!("DNS:{name}"));
    let order: Vec<_> = dns.chain(info.ip_addresses.iter().map(|address| format!("IP:{address}"))).collect();
    let value = json!({
        "version": format!("v{}", info.version),
        "subject": info.subject.to_string(),
        "subject_rdns": rdns,
        "issuer": info.issuer.to_string(),
        "self_issued": info.is_self_issued(),
        "serial": if (1..1 << 63).contains(&serial) { "1..63 bits" } else { "other" },
        "signature_algorithm": info.signature_algorithm,
        "public_key": key_kind(&info.key_algorithm),
        "extensions_in_order": extensions.collect::<Vec<_>>(),
        "dns_sans": names,
        "ip_sans": addresses,
        "other_sans": info.other_names,
        "key_usage": usages.collect::<Vec<_>>(),
        "ext_key_usage": info.ext_key_usage,
        "basic_constraints": {"ca": info.is_ca, "path_length": info.path_length},
        "subject_key_id": subject_key_id(certificate),
        "authority_key_id": authority_key_id(tree, info),
        "signed_by": signed_by(tree, certificate),
    });
    let mut value = value.as_object().unwrap().clone();
    if !order.is_empty() {
        value.insert("san_encoding_order".into(), json!(order));
    }
    value
}

fn subject_key_id(certificate: &Certificate) -> &'static str {
    match certificate.subject_key_id() {
        None => "absent",
        Some(id) if id == certificate.public_key().subject_key_id() => "rfc7093-sha256-160",
        Some(_) => "other",
    }
}

fn authority_key_id(tree: &Tree, info: &CertInfo) -> String {
    let Some(id) = &info.authority_key_id else { return "absent".into() };
    let ca = tree.cas.iter().find(|(_, ca)| ca.certificate().info().subject_key_id.as_ref() == Some(id));
    ca.map_or("other".into(), |(name, _)| format!("matches {}", ca_file(name)))
}

fn signed_by(tree: &Tree, certificate: &Certificate) -> &'static str {
    if certificate.is_signed_by(certificate) {
        return "self";
    }
    let ca = tree.cas.iter().find(|(_, ca)| certificate.is_signed_by(ca.certificate()));
    ca.map_or("nobody", |(name, _)| ca_file(name))
}

fn ca_file(name: &str) -> &'static str {
    CA_FILES.iter().find(|(ca, _)| *ca == name).map(|(_, file)| *file).unwrap()
}

fn key_kind(name: &str) -> Value {
    match name {
        "RSA-2048" => json!({"algorithm": "RSA", "bits": 2048, "public_exponent": 65537}),
        "ECDSA-P256" => json!({"algorithm": "ECDSA", "bits": 256, "curve": "secp256r1"}),
        other => json!(other),
    }
}

fn key_terms(pem: &SecretBytes) -> Map<String, Value> {
    let label = pem.expose_str().unwrap().lines().next().unwrap();
    let key = KeyPair::from_pem(pem).unwrap();
    let mut terms = key_kind(&key.public_key().description()).as_object().unwrap().clone();
    terms.insert("pem_type".into(), json!(label.trim_matches('-').trim_start_matches("BEGIN ")));
    terms
}
