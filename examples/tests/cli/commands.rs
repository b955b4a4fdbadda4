//! `token`, `certs` and `config`.

use std::fs;

use crate::support::{CONFIG, Scratch, assert_no_secret, init_args, prepared, run, run_with_input};

#[test]
fn tokens_have_kubeadms_shape_and_are_never_the_same() {
    let texts: Vec<String> = (0..5).map(|_| run(["token", "generate"]).ok().out).collect();
    for text in &texts {
        let (id, secret) = text.strip_suffix('\n').unwrap().split_once('.').unwrap();
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        assert!(id.len() == 6 && secret.len() == 16 && plain(id) && plain(secret), "{text}");
    }
    assert!(texts.iter().all(|text| texts.iter().filter(|other| *other == text).count() == 1));
    let json = run(["token", "generate", "-o", "json"]).ok().json();
    assert_eq!(json["token"].as_str().unwrap().len(), 23);
}

#[test]
fn certificate_keys_have_kubeadms_shape() {
    let key = run(["certs", "certificate-key"]).ok().out;
    assert!(key.len() == 65 && key.trim_end().bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
    let json = run(["certs", "certificate-key", "-o", "json"]).ok().json();
    let other = json["certificateKey"].as_str().unwrap().to_owned();
    assert!(other.len() == 64 && other != key.trim_end());
    // An init that is to seal with a key and has none says where to get one.
    let scratch = prepared("no-key", false);
    let config =
        CONFIG.lines().filter(|line| !line.starts_with("certificateKey")).map(|line| format!("{line}\n"));
    scratch.write("config.yaml", config.collect::<String>());
    let ran = run(init_args(&scratch, &["--objects-dir", &scratch.arg("objects"), "--upload-certs"]));
    assert!(ran.code == 1 && ran.err.contains("k8sboot certs certificate-key"), "{}", ran.err);
    assert!(!scratch.path("root").exists());
}

#[test]
fn certificates_are_listed_and_renewed() {
    let scratch = prepared("renew", true);
    let root = scratch.arg("root");
    let list = run(["certs", "list", "--root", &root]).ok();
    assert!(
        list.out.starts_with("CERTIFICATE ") && list.out.contains("apiserver-etcd-client"),
        "{}",
        list.out
    );
    let json = run(["certs", "list", "--root", &root, "-o", "json"]).ok().json();
    assert_eq!(json["certificates"].as_array().unwrap().len(), 11);
    let before = scratch.snapshot();
    let dry = run(["certs", "renew", "--dry-run", "--root", &root]).ok();
    assert!(dry.out.contains("renew /etc/kubernetes/admin.conf"), "{}", dry.out);
    assert_eq!(scratch.snapshot(), before);
    let one = run(["certs", "renew", "apiserver", "--root", &root, "-o", "json"]).ok();
    assert_eq!(one.json()["steps"].as_array().unwrap().len(), 1);
    let changed: Vec<String> = scratch
        .snapshot()
        .into_iter()
        .filter(|(name, seen)| before[name] != *seen)
        .map(|(name, _)| name)
        .collect();
    assert_eq!(changed, ["root/etc/kubernetes/pki/apiserver.crt", "root/etc/kubernetes/pki/apiserver.key"]);
    let all = run(["certs", "renew", "--root", &root]).ok();
    assert!(all.err.contains("Restart kube-apiserver"), "{}", all.err);
    assert_no_secret(&scratch, &[&list.out, &dry.out, &one.out, &all.out, &all.err]);
    // What was renewed still fits.
    assert_eq!(run(init_args(&scratch, &["-o", "json"])).ok().json()["changed"], 0);
    let unknown = run(["certs", "renew", "apisever", "--root", &root, "-o", "json"]);
    assert_eq!((unknown.code, unknown.json()["errors"][0]["name"].as_str()), (1, Some("PLAN_UNUSABLE")));
}

#[test]
fn requests_for_an_authority_elsewhere_need_the_configuration() {
    let scratch = prepared("csr", false);
    fs::create_dir(scratch.path("root")).unwrap();
    let (root, config) = (scratch.arg("root"), scratch.arg("config.yaml"));
    let without = run(["certs", "csr", "--root", &root]);
    assert_eq!(without.code, 1);
    assert!(without.err.contains("--config"), "{}", without.err);
    let ran = run(["certs", "csr", "--root", &root, "--config", &config, "-o", "json"]).ok();
    assert_eq!(ran.json()["steps"].as_array().unwrap().len(), 12);
    assert!(
        scratch
            .read("root/etc/kubernetes/pki/apiserver.csr")
            .starts_with("-----BEGIN CERTIFICATE REQUEST-----")
    );
    assert!(scratch.path("root/etc/kubernetes/admin.conf.key").is_file());
    assert_no_secret(&scratch, &[&ran.out, &ran.err]);
    let before = scratch.snapshot();
    run(["certs", "csr", "--root", &root, "--config", &config]).ok();
    assert_eq!(scratch.snapshot(), before, "requests that are there are kept");
    let done = prepared("csr-done", true);
    let (root, config) = (done.arg("root"), done.arg("config.yaml"));
    let ran = run(["certs", "csr", "--root", &root, "--config", &config, "-o", "json"]).ok();
    assert_eq!(ran.json()["steps"].as_array().unwrap().len(), 0, "what is certified needs no request");
}

#[test]
fn a_sound_configuration_is_valid_and_warnings_are_told() {
    let scratch = prepared("valid", false);
    let config = scratch.arg("config.yaml");
    assert_eq!(run(["config", "validate", "--config", &config]).ok().out, "ok\n");
    assert_eq!(run_with_input(&["config", "validate", "--config", "-"], CONFIG).ok().out, "ok\n");
    let json = run(["config", "validate", "--config", &config, "-o", "json"]).ok().json();
    assert_eq!(json["errors"], serde_json::json!([]));
    let old = CONFIG.replace("v1beta4", "v1beta3").replace("encryptionAlgorithm: ECDSA-P256\n", "");
    let ran = run_with_input(&["config", "migrate", "--config", "-"], &old).ok();
    assert!(ran.out.contains("kubeadm.k8s.io/v1beta4") && !ran.out.contains("v1beta3"), "{}", ran.out);
}

#[test]
fn defaults_are_documents_that_are_valid() {
    for kind in ["init", "join", "reset"] {
        let text = run(["config", "defaults", kind]).ok().out;
        let scratch = Scratch::new("defaults");
        let path = scratch.write("defaults.yaml", &text);
        run(["config", "validate", "--config", &path]).ok();
        let json = run(["config", "defaults", kind, "-o", "json"]).ok().json();
        assert_eq!(json[0]["apiVersion"], "kubeadm.k8s.io/v1beta4");
    }
}

#[test]
fn images_follow_version_and_repository() {
    let ran = run([
        "config",
        "images",
        "--kubernetes-version",
        "v1.35.1",
        "--image-repository",
        "registry.example.com/k",
    ]);
    let ran = ran.ok();
    assert!(ran.out.starts_with("registry.example.com/k/kube-apiserver:v1.35.1\n"), "{}", ran.out);
    let wrong = run(["config", "images", "--kubernetes-version", "1.99", "-o", "json"]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.json()["errors"][0]["name"].as_str().unwrap().starts_with("CONFIG_"), "{}", wrong.out);
}
