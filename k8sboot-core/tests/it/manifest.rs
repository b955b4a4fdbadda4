//! YAML, manifests, kubelet files, patches and images against kubeadm's and kubectl's own output.

use std::{io::Write, process::Command};

use k8sboot_core::{
    config::{Documents, InitConfig},
    facts::NodeFacts,
    manifest::{RenderOptions, images, static_pods, yaml},
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Map, Value, json};

/// Texts glued together from what the printer treats specially.
fn nasty_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => prop::sample::select(vec![
            " ", "  ", "\n", "\n\n", ":", ": ", " #", "#", "-", "- ", "?", "'", "\"", "\\", "\t", "\r", ",", "[", "]", "{", "}",
            "&", "*", "!", "|", ">", "%", "@", "`", "<<", "=", "~", "yes", "No", "on", "true", "null", "0", "1", "08", "0x1F", "1_000",
            ".", "...", "---", "e5", "+", ".inf", ".nan", "2001-01-01", "T12:30:45Z", "12:30", "\u{a0}", "\u{2028}",
            "ü", "日本", "\u{1f600}", "\u{1}", "\u{fffd}", "_", "/", "$(VAR)", "a", "Z",
        ]).prop_map(str::to_owned),
        1 => "[a-z0-9.:/=-]{1,30}",
        1 => "[ -~]{1,12}",
        1 => "([a-z]{1,9} ){1,20}",
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn nasty_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        8 => nasty_text().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => prop::num::f64::NORMAL.prop_map(Value::from),
        1 => (-2_000_000i32..2_000_000, 0..8i32).prop_map(|(n, e)| json!(f64::from(n) / 10f64.powi(e))),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((nasty_text(), inner), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// kubectl prints any object with the library whose bytes we promise.
#[test]
fn prints_what_kubectl_prints() {
    if Command::new("kubectl").arg("version").arg("--client").output().is_err() {
        eprintln!("skipped: kubectl is not on the PATH");
        return;
    }
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let rounds: usize = std::env::var("K8SBOOT_ROUNDS").ok().and_then(|r| r.parse().ok()).unwrap_or(400);
    let strategy = nasty_value();
    let values: Vec<Value> = (0..rounds).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect();
    let object = json!({"apiVersion": "example.com/v1", "kind": "Example", "metadata": {"name": "x"}, "values": values});
    let mut file = std::env::temp_dir();
    file.push(format!("k8sboot-yaml-{}.json", std::process::id()));
    // kubectl reads JSON as YAML, where raw line separators would break lines.
    let ascii: String = object
        .to_string()
        .encode_utf16()
        .map(|unit| {
            u8::try_from(unit)
                .ok()
                .filter(u8::is_ascii)
                .map_or_else(|| format!("\\u{unit:04x}"), |b| char::from(b).to_string())
        })
        .collect();
    std::fs::File::create(&file).unwrap().write_all(ascii.as_bytes()).unwrap();
    let output = Command::new("kubectl")
        .args(["patch", "--local", "--type", "merge", "-p", "{}", "-o", "yaml", "-f"])
        .arg(&file)
        .output()
        .unwrap();
    std::fs::remove_file(&file).unwrap();
    let want = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let got = yaml::to_yaml(&object);
    for (number, (got, want)) in got.lines().zip(want.lines()).enumerate() {
        assert_eq!(got, want, "line {number}");
    }
    assert_eq!(got, want);
}

/// The configuration of a reference case on the host that it was made on.
fn case(name: &str) -> InitConfig {
    let host: String = fixture(name, "host.env")
        .lines()
        .find_map(|line| line.strip_prefix("HOST_NAME="))
        .expect("HOST_NAME")
        .to_owned();
    let mut facts = NodeFacts::named(host);
    facts.ca_directories =
        ["/etc/ca-certificates", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates"]
            .map(str::to_owned)
            .to_vec();
    Documents::parse(&fixture(name, "config.yaml")).unwrap().into_init(&facts, None).unwrap()
}

fn fixture(name: &str, file: &str) -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    let path = format!("{root}/tests/fixtures/kubeadm-1.36/cases/{name}/{file}");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

const CASES: [&str; 6] = ["dualstack", "ecdsa", "external-etcd", "ha", "minimal", "seed"];

#[test]
fn static_pods_equal_kubeadms() {
    for name in CASES {
        let pods = static_pods(&case(name), &RenderOptions::default()).unwrap();
        let expected = if name == "external-etcd" { 3 } else { 4 };
        assert_eq!(pods.len(), expected, "{name}");
        for pod in pods {
            let file = format!("manifests/{}.yaml", pod.component);
            assert_eq!(pod.object.to_yaml(), fixture(name, &file), "{name} {file}");
        }
    }
}

#[test]
fn images_equal_kubeadms() {
    for name in CASES {
        assert_eq!(images(&case(name)).join("\n") + "\n", fixture(name, "images.txt"), "{name}");
    }
}
