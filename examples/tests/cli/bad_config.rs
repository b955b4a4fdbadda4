//! Configurations that are wrong: each problem with code, place, expected, found and remedy; nothing changes on disk.

use std::{fs, os::unix::fs::symlink};

use serde_json::Value;

use crate::support::{CONFIG, Ran, Scratch, assert_no_secret, init_args, prepared, run};

/// One error of a JSON document: its code's name, and all that a person and a program need.
fn assert_told(error: &Value, name: &str, place: &str) {
    let details = &error["details"];
    let given = |member: &str| details[member].as_str().unwrap_or_default();
    assert_eq!(error["name"], name, "{error:#}");
    assert!(error["code"].as_i64().unwrap() > 1000, "{error:#}");
    assert!(given("field").contains(place) || given("path").contains(place), "{place}: {error:#}");
    for member in ["expected", "found", "remedy"] {
        assert!(!given(member).is_empty(), "{member}: {error:#}");
    }
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("expected") && message.contains("found"), "{message}");
}

/// Runs init and config validate with a text; both must refuse it and change nothing.
fn refused(text: impl AsRef<[u8]>) -> Ran {
    let scratch = prepared("bad-config", false);
    let config = scratch.write("config.yaml", text);
    let before = scratch.snapshot();
    let ran = run(init_args(&scratch, &["-o", "json"]));
    assert_eq!(ran.code, 1, "{}\n{}", ran.out, ran.err);
    assert_eq!(ran.err, "", "JSON output leaves standard error alone");
    assert_eq!(scratch.snapshot(), before);
    let validated = run(["config", "validate", "--config", &config, "-o", "json"]);
    assert_eq!((validated.code, validated.out), (1, ran.out.clone()));
    let plain = run(init_args(&scratch, &[]));
    assert_eq!((plain.code, plain.out.as_str()), (1, ""));
    assert!(plain.err.lines().all(|line| line.starts_with("error: ")), "{}", plain.err);
    assert_eq!(scratch.snapshot(), before);
    assert_no_secret(&scratch, &[&ran.out, &plain.err]);
    ran
}

#[test]
fn wrong_fields_and_values_are_named_with_what_would_be_right() {
    let cases = [
        ("networking:", "netwroking:", "CONFIG_UNKNOWN_FIELD", "netwroking"),
        (
            "podSubnet: 10.244.0.0/16",
            "podSubnets: 10.244.0.0/16",
            "CONFIG_UNKNOWN_FIELD",
            "networking.podSubnets",
        ),
        ("podSubnet: 10.244.0.0/16", "podSubnet: [10.244.0.0/16]", "CONFIG_TYPE", "networking.podSubnet"),
        ("podSubnet: 10.244.0.0/16", "podSubnet: 10.244.0.0/33", "CONFIG_VALUE", "networking.podSubnet"),
        ("podSubnet: 10.244.0.0/16", "podSubnet: 10.96.0.0/16", "CONFIG_CONFLICT", "networking"),
        (
            "podSubnet: 10.244.0.0/16",
            "serviceSubnet: 10.96.0.0/30",
            "CONFIG_VALUE",
            "networking.serviceSubnet",
        ),
        (
            "podSubnet: 10.244.0.0/16",
            "podSubnet: 10.244.0.0/16,10.245.0.0/16",
            "CONFIG_VALUE",
            "networking.podSubnet",
        ),
        (
            "podSubnet: 10.244.0.0/16",
            "podSubnet: 10.244.0.0/16\n  serviceSubnet: fd00::/108,10.96.0.0/16",
            "CONFIG_",
            "networking",
        ),
        ("abcdef.9f8e7d6c5b4a3f2e", "abcdef-9f8e7d6c5b4a3f2e", "CONFIG_VALUE", "bootstrapTokens[0].token"),
        ("abcdef.9f8e7d6c5b4a3f2e", "ABCDEF.9f8e7d6c5b4a3f2e", "CONFIG_VALUE", "bootstrapTokens[0].token"),
        ("abcdef.9f8e7d6c5b4a3f2e", "abcdef.9f8e7d6c5b4a3f2", "CONFIG_VALUE", "bootstrapTokens[0].token"),
        ("v1.36.2", "v1.36", "CONFIG_VALUE", "kubernetesVersion"),
        ("v1.36.2", "v1.20.0", "CONFIG_VALUE", "kubernetesVersion"),
        ("v1.36.2", "newest", "CONFIG_VALUE", "kubernetesVersion"),
        ("ECDSA-P256", "RSA-1024", "CONFIG_VALUE", "encryptionAlgorithm"),
        (
            "networking:",
            "apiServer: {certSANs: ['not a name']}\nnetworking:",
            "CONFIG_VALUE",
            "apiServer.certSANs[0]",
        ),
        (
            "networking:",
            "apiServer: {certSANs: [10.0.0.300, 'https://x']}\nnetworking:",
            "CONFIG_VALUE",
            "apiServer.certSANs[1]",
        ),
        (
            "advertiseAddress: 192.0.2.10",
            "advertiseAddress: 192.0.2.300",
            "CONFIG_VALUE",
            "localAPIEndpoint.advertiseAddress",
        ),
        ("advertiseAddress: 192.0.2.10", "bindPort: 70000", "CONFIG_", "localAPIEndpoint.bindPort"),
        ("name: node-1", "name: Node_1", "CONFIG_VALUE", "nodeRegistration.name"),
        ("kind: InitConfiguration", "kind: InitConfig", "CONFIG_KIND", ""),
        ("kubeadm.k8s.io/v1beta4", "kubeadm.k8s.io/v1beta9", "CONFIG_KIND", ""),
        ("certificateKey: 8c3f", "certificateKey: zzzz", "CONFIG_VALUE", "certificateKey"),
    ];
    for (right, wrong, name, place) in cases {
        assert!(CONFIG.contains(right), "{right}");
        let ran = refused(CONFIG.replace(right, wrong));
        let json = ran.json();
        let errors = json["errors"].as_array().unwrap();
        let error = errors
            .iter()
            .find(|error| {
                error["name"].as_str().unwrap().starts_with(name)
                    && error["message"].as_str().unwrap().contains(place)
            })
            .unwrap_or_else(|| panic!("{wrong}: no {name} at {place}: {json:#}"));
        assert_told(error, error["name"].as_str().unwrap(), place);
        assert!(error["details"]["line"].as_u64().unwrap() > 0, "{error:#}");
    }
}

#[test]
fn misspelt_fields_get_a_suggestion() {
    let ran = refused(CONFIG.replace("podSubnet", "podSubnets"));
    assert!(ran.out.contains("did you mean"), "{}", ran.out);
}

#[test]
fn all_problems_are_told_in_one_pass() {
    let text = CONFIG
        .replace("podSubnet: 10.244.0.0/16", "podSubnet: 10.244.0.0/99\n  dnsDomian: cluster.local")
        .replace("advertiseAddress: 192.0.2.10", "advertiseAddress: nowhere\n  bindPort: many")
        .replace("name: node-1", "nmae: node-1")
        .replace("v1.36.2", "one");
    let json = refused(&text).json();
    let found: Vec<String> = json["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["details"]["field"].as_str().unwrap_or_default().to_owned())
        .collect();
    for field in [
        "localAPIEndpoint.advertiseAddress",
        "localAPIEndpoint.bindPort",
        "nodeRegistration.nmae",
        "kubernetesVersion",
        "networking.podSubnet",
        "networking.dnsDomian",
    ] {
        assert!(found.iter().any(|found| found == field), "{field}: {found:?}");
    }
}

#[test]
fn texts_that_are_no_configuration_are_refused_quickly() {
    let deep = format!("{}\n", "[".repeat(50_000));
    let mut bomb = format!("{CONFIG}a: &a [x, x, x, x, x, x, x, x, x]\n");
    for (name, of) in ["b", "c", "d", "e", "f", "g", "h"].iter().zip(["a", "b", "c", "d", "e", "f", "g"]) {
        bomb.push_str(&format!(
            "{name}: &{name} [*{of}, *{of}, *{of}, *{of}, *{of}, *{of}, *{of}, *{of}, *{of}]\n"
        ));
    }
    let huge = format!("{CONFIG}# {}\n", "x".repeat(10 << 20));
    let many = format!("{CONFIG}more:\n{}", "- x\n".repeat(1 << 18));
    let texts: [(&str, Vec<u8>); 11] = [
        ("empty", Vec::new()),
        ("comments only", b"# nothing\n".to_vec()),
        ("malformed", CONFIG.replace("  podSubnet", " - podSubnet").into_bytes()),
        ("unclosed", CONFIG.replace("v1.36.2", "\"v1.36.2").into_bytes()),
        ("tab", CONFIG.replace("  podSubnet", "\tpodSubnet").into_bytes()),
        ("binary", (0..=255).collect()),
        ("not UTF-8", [CONFIG.as_bytes(), b"# \xff\xfe\n"].concat()),
        ("deep", deep.into_bytes()),
        ("alias bomb", bomb.into_bytes()),
        ("huge", huge.into_bytes()),
        ("many", many.into_bytes()),
    ];
    for (what, text) in texts {
        let started = std::time::Instant::now();
        let json = refused(text).json();
        for error in json["errors"].as_array().unwrap() {
            assert!(!error["details"]["remedy"].as_str().unwrap_or_default().is_empty(), "{what}: {error:#}");
            assert_told(error, error["name"].as_str().unwrap(), "");
        }
        assert!(started.elapsed().as_secs() < 30, "{what}: {:?}", started.elapsed());
    }
}

#[test]
fn a_configuration_file_that_cannot_be_read_is_named() {
    let scratch = Scratch::new("unreadable");
    symlink("nowhere", scratch.path("dangling")).unwrap();
    fs::create_dir(scratch.path("directory")).unwrap();
    let before = scratch.snapshot();
    for (config, name) in [("missing", "FILE_IO"), ("dangling", "FILE_IO"), ("directory", "FILE_KIND")] {
        let config = scratch.arg(config);
        for command in
            [&["init", "--root", &scratch.arg("root")][..], &["config", "validate"], &["config", "migrate"]]
        {
            let ran = run([command, &["--config", &config, "-o", "json"]].concat());
            let error = &ran.json()["errors"][0];
            assert_eq!((ran.code, error["name"].as_str()), (1, Some(name)), "{error}");
            assert_eq!(error["details"]["path"], config.as_str());
            assert!(error["details"]["remedy"].is_string() && error["details"]["errno"].is_i64(), "{error}");
        }
        assert_eq!(scratch.snapshot(), before);
    }
}

#[test]
fn broken_patches_are_named_and_nothing_is_written() {
    let cases = [
        ("kube-apiserver+strategic.yaml", "metadata: [", "PATCH_"),
        ("kube-apiserver+json.json", "[{\"op\": \"remove\", \"path\": \"/nowhere\"}]", "PATCH_"),
        ("kube-apiserver+json.json", "{}", "PATCH_"),
        ("kube-apiserver+sideways.yaml", "{}", "PATCH_"),
        ("kubeletconfiguration.yaml", "\u{0}", "PATCH_"),
    ];
    for (file, content, name) in cases {
        let scratch = prepared("patches", false);
        let patch = scratch.write(&format!("patches/{file}"), content);
        let with = format!("patches:\n  directory: {}\nnodeRegistration", scratch.arg("patches"));
        scratch.write("config.yaml", CONFIG.replace("nodeRegistration", &with));
        let before = scratch.snapshot();
        let ran = run(init_args(&scratch, &["-o", "json"]));
        let json = ran.json();
        assert_eq!(ran.code, 1, "{file}: {json:#}");
        assert!(json["errors"][0]["name"].as_str().unwrap().starts_with(name), "{patch}: {json:#}");
        assert!(ran.out.contains(file), "{file}: {json:#}");
        assert_eq!(scratch.snapshot(), before, "{file}");
    }
    let scratch = prepared("no-patches", false);
    let with = format!("patches:\n  directory: {}\nnodeRegistration", scratch.arg("patches"));
    scratch.write("config.yaml", CONFIG.replace("nodeRegistration", &with));
    let before = scratch.snapshot();
    let ran = run(init_args(&scratch, &["-o", "json"]));
    let error = &ran.json()["errors"][0];
    assert_eq!(error["details"]["path"], scratch.arg("patches").as_str(), "{error}");
    assert!(error["details"]["remedy"].is_string(), "{error}");
    assert_eq!(scratch.snapshot(), before);
}
