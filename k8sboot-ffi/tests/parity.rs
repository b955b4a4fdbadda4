//! The Rust and the C API mean the same: one body of tests, run over both.
#![cfg(all(feature = "config", feature = "crypto"))]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::{
    ffi::{CString, c_char},
    ptr,
};

use k8sboot::*;
use k8sboot_core::{
    config::{Documents, v1beta4},
    facts::NodeFacts,
    manifest::{Object, yaml},
    time::Timestamp,
    token::{BootstrapToken, CaPin, ClusterInfo, TokenSpec, jws},
};
use serde_json::Value;
use support::c::{Wrong, c, call, fixture, text, wrong};

trait Api {
    fn token_id(&self, token: &str) -> Result<String, Wrong>;
    fn generate(&self) -> Result<String, Wrong>;
    fn sign(&self, token: &str, content: &[u8]) -> Result<String, Wrong>;
    fn verify(&self, token: &str, content: &[u8], signature: &str) -> Result<(), Wrong>;
    fn pins(&self, certificates: &str) -> Result<Vec<String>, Wrong>;
    /// The Secret of a token, and what is read back from it.
    fn secret(&self, entry: &str, now: i64) -> Result<(String, String), Wrong>;
    /// The kubeconfig of a cluster-info document.
    fn trusted(&self, config_map: &str, token: &str, pins: &[&str]) -> Result<String, Wrong>;
    /// Node name, version and API server.
    fn config(&self, documents: &str, hostname: &str) -> Result<[String; 3], Wrong>;
}

struct Rust;

impl Api for Rust {
    fn token_id(&self, token: &str) -> Result<String, Wrong> {
        Ok(token.parse::<BootstrapToken>().map_err(wrong)?.id().to_string())
    }

    fn generate(&self) -> Result<String, Wrong> {
        Ok(BootstrapToken::generate(&k8sboot_core::entropy::System).map_err(wrong)?.expose().to_owned())
    }

    fn sign(&self, token: &str, content: &[u8]) -> Result<String, Wrong> {
        Ok(jws::sign(content, &token.parse().map_err(wrong::<k8sboot_core::token::TokenError>)?))
    }

    fn verify(&self, token: &str, content: &[u8], signature: &str) -> Result<(), Wrong> {
        jws::verify(content, signature, &token.parse().map_err(wrong::<k8sboot_core::token::TokenError>)?)
            .map_err(wrong)
    }

    fn pins(&self, certificates: &str) -> Result<Vec<String>, Wrong> {
        let pins = CaPin::of_certificate_pem(certificates).map_err(wrong)?;
        Ok(pins.iter().map(ToString::to_string).collect())
    }

    fn secret(&self, entry: &str, now: i64) -> Result<(String, String), Wrong> {
        let entry: v1beta4::BootstrapToken = serde_json::from_str(entry).unwrap();
        let spec = TokenSpec::from_config(&entry).map_err(wrong)?;
        let secret = spec.to_secret(Timestamp::from_seconds(now)).map_err(wrong)?;
        let back = TokenSpec::from_secret(&secret).map_err(wrong)?;
        Ok((secret.to_yaml(), back.token.expose().to_owned()))
    }

    fn trusted(&self, config_map: &str, token: &str, pins: &[&str]) -> Result<String, Wrong> {
        let pins: Vec<CaPin> = pins.iter().map(|pin| pin.parse().unwrap()).collect();
        let object = yaml::parse_all(config_map).map_err(wrong)?.pop().unwrap();
        let object = Object::from_value(object).map_err(wrong)?;
        let info = ClusterInfo::trusted(&object, &token.parse().unwrap(), &pins).map_err(wrong)?;
        Ok(info.kubeconfig().to_owned())
    }

    fn config(&self, documents: &str, hostname: &str) -> Result<[String; 3], Wrong> {
        let documents = Documents::parse(documents).map_err(wrong)?;
        let config = documents.into_init(&NodeFacts::named(hostname), None).map_err(wrong)?;
        Ok([config.node_name().to_owned(), config.version().to_string(), config.api_server()])
    }
}

struct C;

impl Api for C {
    fn token_id(&self, token: &str) -> Result<String, Wrong> {
        // SAFETY: live strings and writable outputs.
        text(|out, err| unsafe { k8sboot_token_id(c(token).as_ptr(), out, err) })
    }

    fn generate(&self) -> Result<String, Wrong> {
        // SAFETY: writable outputs.
        text(|out, err| unsafe { k8sboot_token_generate(out, err) })
    }

    fn sign(&self, token: &str, content: &[u8]) -> Result<String, Wrong> {
        // SAFETY: live strings and writable outputs.
        text(|out, err| unsafe {
            k8sboot_token_sign(c(token).as_ptr(), content.as_ptr(), content.len(), out, err)
        })
    }

    fn verify(&self, token: &str, content: &[u8], signature: &str) -> Result<(), Wrong> {
        let (token, signature) = (c(token), c(signature));
        // SAFETY: live strings and writable outputs.
        call(|err| unsafe {
            k8sboot_token_verify(token.as_ptr(), content.as_ptr(), content.len(), signature.as_ptr(), err)
        })
    }

    fn pins(&self, certificates: &str) -> Result<Vec<String>, Wrong> {
        // SAFETY: live strings and writable outputs.
        let list = text(|out, err| unsafe { k8sboot_pin_list(c(certificates).as_ptr(), out, err) })?;
        Ok(serde_json::from_str(&list).unwrap())
    }

    fn secret(&self, entry: &str, now: i64) -> Result<(String, String), Wrong> {
        // SAFETY: live strings and writable outputs.
        let secret = text(|out, err| unsafe { k8sboot_token_to_secret(c(entry).as_ptr(), now, out, err) })?;
        // SAFETY: live strings and writable outputs.
        let back = text(|out, err| unsafe { k8sboot_token_from_secret(c(&secret).as_ptr(), out, err) })?;
        let back: Value = serde_json::from_str(&back).unwrap();
        Ok((secret, back["token"].as_str().unwrap().to_owned()))
    }

    fn trusted(&self, config_map: &str, token: &str, pins: &[&str]) -> Result<String, Wrong> {
        let (config_map, token) = (c(config_map), c(token));
        let pins: Vec<CString> = pins.iter().map(|pin| c(pin)).collect();
        let pins: Vec<*const c_char> = pins.iter().map(|pin| pin.as_ptr()).collect();
        // SAFETY: live strings and writable outputs.
        text(|out, err| unsafe {
            let (config_map, token) = (config_map.as_ptr(), token.as_ptr());
            k8sboot_cluster_info_trusted(config_map, token, pins.as_ptr(), pins.len(), out, err)
        })
    }

    fn config(&self, documents: &str, hostname: &str) -> Result<[String; 3], Wrong> {
        let facts = c(&serde_json::json!({ "hostname": hostname }).to_string());
        let mut config = ptr::null_mut();
        let none: *const c_char = ptr::null();
        // SAFETY: live strings and writable outputs; the handle is live until it is freed.
        unsafe {
            call(|err| {
                k8sboot_config_new(c(documents).as_ptr(), facts.as_ptr(), none, &raw mut config, err)
            })?;
            let summary = text(|out, err| k8sboot_config_describe(config, out, err))?;
            k8sboot_config_free(config);
            let summary: Value = serde_json::from_str(&summary).unwrap();
            Ok(["nodeName", "kubernetesVersion", "apiServer"]
                .map(|name| summary[name].as_str().unwrap().to_owned()))
        }
    }
}

/// The same calls on both; the answers, including codes and messages of failures, must be the same.
fn same<T: PartialEq + std::fmt::Debug>(call: impl Fn(&dyn Api) -> Result<T, Wrong>) -> Result<T, Wrong> {
    let (rust, c) = (call(&Rust), call(&C));
    assert_eq!(rust, c);
    c
}

fn vectors(file: &str) -> Value {
    serde_json::from_str(&fixture(&format!("vectors/{file}"))).unwrap()
}

#[test]
fn tokens_have_ids_or_are_refused_alike() {
    assert_eq!(same(|api| api.token_id("abcdef.0123456789abcdef")).unwrap(), "abcdef");
    for text in ["", "abcdef", "ABCDEF.0123456789abcdef", "abcdef.0123456789abcdé", "a.b.c"] {
        assert!(same(|api| api.token_id(text)).is_err(), "{text}");
    }
    for api in [&Rust as &dyn Api, &C] {
        let (first, second) = (api.generate().unwrap(), api.generate().unwrap());
        assert_ne!(first, second);
        assert_eq!(api.token_id(&first).unwrap(), first[..6]);
    }
}

#[test]
fn signatures_of_the_controller_manager_are_made_and_verified_alike() {
    let vectors = vectors("jws.json");
    let valid = vectors["valid"].as_array().unwrap();
    assert!(!valid.is_empty());
    for vector in valid {
        let get = |name: &str| vector[name].as_str().unwrap();
        let token = format!("{}.{}", get("token_id"), get("token_secret"));
        let content = get("content").as_bytes();
        let signature = same(|api| api.sign(&token, content)).unwrap();
        assert_eq!(signature, get("jws"));
        same(|api| api.verify(&token, content, &signature)).unwrap();
        for wrong in [signature.as_str(), "", "a..b", "a.b.c"] {
            assert!(same(|api| api.verify(&token, b"other", wrong)).is_err());
        }
    }
}

#[test]
fn pins_of_a_certificate_of_kubeadm_are_alike() {
    let vector = vectors("ca-pin.json");
    let pem = vector["pem"].as_str().unwrap();
    assert_eq!(same(|api| api.pins(pem)).unwrap(), [vector["pin"].as_str().unwrap()]);
    let twice = format!("{pem}\n{pem}");
    assert_eq!(same(|api| api.pins(&twice)).unwrap().len(), 2);
    for wrong in ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert!(same(|api| api.pins(wrong)).is_err(), "{wrong}");
    }
}

#[test]
fn secrets_of_tokens_are_alike() {
    let entry = r#"{"token":"abcdef.0123456789abcdef","ttl":"2h0m0s","description":"x"}"#;
    let (secret, back) = same(|api| api.secret(entry, 1_795_402_922)).unwrap();
    assert!(secret.contains("bootstrap-token-abcdef"), "{secret}");
    assert_eq!(back, "abcdef.0123456789abcdef");
    for wrong in [
        r#"{"token":"abcdef"}"#,
        r#"{"token":"abcdef.0123456789abcdef","usages":["sign"]}"#,
        r#"{"token":"abcdef.0123456789abcdef","groups":["admins"]}"#,
    ] {
        assert!(same(|api| api.secret(wrong, 0)).is_err(), "{wrong}");
    }
}

#[test]
fn cluster_info_of_kubeadm_is_trusted_alike() {
    let vectors = vectors("jws.json");
    let info = ClusterInfo::from_kubeconfig(vectors["valid"][0]["content"].as_str().unwrap()).unwrap();
    let pins: Vec<String> =
        CaPin::of_certificate_pem(info.ca_pem()).unwrap().iter().map(ToString::to_string).collect();
    let pins: Vec<&str> = pins.iter().map(String::as_str).collect();
    let token = "abcdef.0123456789abcdef";
    let tokens = [c(token)];
    let tokens: Vec<*const c_char> = tokens.iter().map(|token| token.as_ptr()).collect();
    let (url, ca) = (c(info.server()), c(info.ca_pem()));
    // SAFETY: live strings and writable outputs.
    let signed = text(|out, err| unsafe {
        k8sboot_cluster_info_new(url.as_ptr(), ca.as_ptr(), tokens.as_ptr(), 1, out, err)
    })
    .unwrap();
    assert_eq!(same(|api| api.trusted(&signed, token, &pins)).unwrap(), info.kubeconfig());
    let other = "sha256:abababababababababababababababababababababababababababababababab";
    assert!(same(|api| api.trusted(&signed, token, &[other])).is_err());
    assert!(same(|api| api.trusted(&signed, token, &[])).is_err());
    assert!(same(|api| api.trusted(&signed, "abcdef.abcdef0123456789", &pins)).is_err());
    let unsigned = signed.replace("jws-kubeconfig-", "jws-");
    assert!(same(|api| api.trusted(&unsigned, token, &pins)).is_err());
}

#[test]
fn configurations_are_proven_or_refused_alike() {
    for case in ["minimal", "seed", "ecdsa", "dualstack", "ha", "external-etcd"] {
        let documents = fixture(&format!("cases/{case}/config.yaml"));
        let [_, version, server] = same(|api| api.config(&documents, "host")).unwrap();
        assert!(version.contains("1.36.2") && server.starts_with("https://"), "{case}: {version} {server}");
    }
    for wrong in
        ["kind: Nonsense", "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnope: 1\n"]
    {
        assert!(same(|api| api.config(wrong, "host")).is_err(), "{wrong}");
    }
}
