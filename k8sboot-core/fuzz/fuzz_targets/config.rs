//! Configurations of both versions: errors have a place in the text, migration is a fixed point, what is proven renders.
#![no_main]

use k8sboot_core::{
    config::{ConfigErrors, Documents, InitConfig, migrate},
    manifest::{
        PatchSet, RenderOptions,
        cluster::{self, ObjectInputs},
        images, kubelet, static_pods,
        yaml::parse_all,
    },
    pki,
};
use k8sboot_fuzz::{host, now, token};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    one(text);
    let other = if text.contains("v1beta3") {
        text.replace("v1beta3", "v1beta4")
    } else {
        text.replace("v1beta4", "v1beta3")
    };
    if other != text {
        one(&other);
    }
});

fn one(text: &str) {
    match Documents::parse(text) {
        Err(errors) => check(text, &errors),
        Ok(documents) => {
            match documents.clone().into_init(&host(), Some(token())) {
                Ok(config) => render(&config),
                Err(errors) => check(text, &errors),
            }
            if let Err(errors) = documents.clone().into_join(&host()) {
                check(text, &errors);
            }
            if let Err(errors) = documents.into_reset(&host()) {
                check(text, &errors);
            }
        }
    }
    if let Ok(once) = migrate(text, &host(), Some(token())) {
        let once = once.yaml.expose();
        let twice = migrate(once, &host(), None).unwrap_or_else(|errors| panic!("{errors}\n{once}"));
        assert_eq!(twice.yaml.expose(), once, "migrated again");
    }
}

/// Every problem says what is wrong, and where in the text if it is there.
fn check(text: &str, errors: &ConfigErrors) {
    assert!(!errors.as_slice().is_empty());
    // YAML breaks lines at carriage returns as well.
    let lines = text.matches(['\n', '\r']).count() + 1;
    for error in errors.as_slice() {
        assert!(!error.expected.is_empty() && !error.found.is_empty(), "{error}");
        if error.line > 0 {
            assert!(error.line <= lines, "{error}: of {lines} lines");
            assert!(error.column > 0, "{error}");
        }
    }
}

/// What was proven can be rendered, whole, and reads back as what it is.
fn render(config: &InitConfig) {
    let none = PatchSet::none();
    assert!(!pki::control_plane(config).expect("certificates").is_empty());
    assert_eq!(pki::kubeconfigs(config).len(), 5);
    assert!(images(config).len() >= 6);
    for pod in static_pods(config, &RenderOptions::default()).expect("static pods") {
        reads_back(&pod.object.to_yaml(), pod.object.as_value());
    }
    let objects = cluster::objects(config, &ObjectInputs::new("CA\n", now())).expect("objects");
    for staged in objects {
        reads_back(&staged.object.to_yaml(), staged.object.as_value());
    }
    kubelet::node_config_yaml(config, &none).expect("kubelet configuration");
    assert!(kubelet::flags_env(config).starts_with("KUBELET_KUBEADM_ARGS="));
}

fn reads_back(yaml: &str, value: &serde_json::Value) {
    let read = parse_all(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    assert_eq!(read.as_slice(), std::slice::from_ref(value), "{yaml}");
}
