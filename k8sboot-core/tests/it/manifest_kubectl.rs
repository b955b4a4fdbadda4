//! Printed YAML and strategic merge patches against kubectl: live where kubectl is, else its recorded answers.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
};

use k8sboot_core::manifest::{PatchSet, yaml};
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

fn has_kubectl() -> bool {
    let found = Command::new("kubectl").arg("version").arg("--client").output().is_ok();
    if !found {
        eprintln!("skipped: kubectl is not on the PATH");
    }
    found
}

/// JSON in ASCII: readers of YAML, kubectl among them, would break lines at raw line separators.
fn ascii(value: &Value) -> String {
    let escaped = |unit: u16| {
        let byte = u8::try_from(unit).ok().filter(u8::is_ascii);
        byte.map_or_else(|| format!("\\u{unit:04x}"), |b| char::from(b).to_string())
    };
    value.to_string().encode_utf16().map(escaped).collect()
}

/// `kubectl patch --local -o yaml`: no cluster is asked.
fn kubectl_patch(object: &Value, kind: &str, patch: &Value) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let file = std::env::temp_dir().join(format!("k8sboot-{}-{number}.json", std::process::id()));
    std::fs::write(&file, ascii(object)).unwrap();
    let output = Command::new("kubectl")
        .args(["patch", "--local", "-o", "yaml", "--type", kind, "-p", &patch.to_string(), "-f"])
        .arg(&file)
        .output()
        .unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(output.status.success(), "{patch}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn fixed_runner() -> TestRunner {
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]))
}

fn rounds(default: usize) -> usize {
    std::env::var("K8SBOOT_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(default)
}

/// The file of kubectl's answers, for machines without kubectl.
fn golden(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/manifest").join(file)
}

/// `K8SBOOT_BLESS=1` with kubectl on the PATH writes the files anew.
fn bless(file: &str, text: &str) {
    if std::env::var_os("K8SBOOT_BLESS").is_some() {
        std::fs::create_dir_all(golden("")).unwrap();
        std::fs::write(golden(file), text).unwrap();
    }
}

#[test]
fn prints_what_kubectl_printed() {
    let object = yaml::parse_all(&std::fs::read_to_string(golden("yaml.json")).unwrap()).unwrap().remove(0);
    assert_eq!(yaml::to_yaml(&object), std::fs::read_to_string(golden("yaml.yaml")).unwrap());
}

#[test]
fn strategic_patches_do_what_kubectl_did() {
    let text = std::fs::read_to_string(golden("strategic.json")).unwrap();
    let cases: Vec<(Value, Value)> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(cases.len() > 100);
    for (patch, want) in cases {
        assert_eq!(settled(&strategically(&patch)), want, "{patch}");
    }
}

/// kubectl prints any object with the library whose bytes we promise.
#[test]
fn prints_what_kubectl_prints() {
    if !has_kubectl() {
        return;
    }
    let mut runner = fixed_runner();
    let strategy = nasty_value();
    let values: Vec<Value> =
        (0..rounds(400)).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect();
    let object = json!({"apiVersion": "example.com/v1", "kind": "Example", "metadata": {"name": "x"}, "values": values});
    let want = kubectl_patch(&object, "merge", &json!({}));
    bless("yaml.json", &ascii(&object));
    bless("yaml.yaml", &want);
    let got = yaml::to_yaml(&object);
    for (number, (got, want)) in got.lines().zip(want.lines()).enumerate() {
        assert_eq!(got, want, "line {number}");
    }
    assert_eq!(got, want);
}

/// A pod and strategic patches over everything that merges by key.
fn strategic_patch() -> impl Strategy<Value = Value> {
    let names = |names: &'static [&'static str]| prop::sample::select(names);
    let directive = prop_oneof![4 => Just(None), 1 => Just(Some("delete")), 1 => Just(Some("replace"))];
    let item = move |key: &'static str, keys: Vec<Value>, field: &'static str| {
        let value = prop_oneof![2 => "[a-c]{1,2}".prop_map(Value::from), 1 => Just(Value::Null)];
        (prop::sample::select(keys), directive.clone(), prop::option::of(value)).prop_map(
            move |(name, directive, value)| {
                let mut item = json!({key: name});
                if let Some(directive) = directive {
                    item["$patch"] = json!(directive);
                }
                if let Some(value) = value {
                    item[field] = value;
                }
                item
            },
        )
    };
    let texts = |texts: &[&str]| texts.iter().map(|t| json!(t)).collect::<Vec<_>>();
    let env = prop::collection::vec(item("name", texts(&["A", "B", "C", "D"]), "value"), 0..4);
    let ports =
        prop::collection::vec(item("containerPort", vec![json!(1), json!(2), json!(3)], "name"), 0..3);
    let mounts = prop::collection::vec(item("mountPath", texts(&["/a", "/b", "/c"]), "subPath"), 0..3);
    let container = (
        names(&["x", "y", "z"]),
        prop::option::of(env),
        prop::option::of(ports),
        prop::option::of(mounts),
        prop::option::of(Just(json!(["sh"]))),
    )
        .prop_map(|(name, env, ports, mounts, command)| {
            let mut container = json!({"name": name});
            let fields = [
                ("env", env.map(Value::from)),
                ("ports", ports.map(Value::from)),
                ("volumeMounts", mounts.map(Value::from)),
                ("command", command),
            ];
            for (field, value) in fields.into_iter().filter_map(|(field, value)| Some((field, value?))) {
                container[field] = value;
            }
            container
        });
    let finalizers = prop::collection::vec(names(&["a/a", "b/b", "c/c"]), 0..3);
    let labels = prop::collection::hash_map(names(&["l", "m", "n"]), prop::option::of("[a-c]"), 0..3);
    (
        prop::option::of(prop::collection::vec(container, 0..4)),
        prop::option::of(finalizers.clone()),
        prop::option::of(finalizers),
        prop::option::of(labels),
    )
        .prop_map(|(containers, finalizers, removed, labels)| {
            let mut patch = json!({"metadata": {}, "spec": {}});
            if let Some(mut containers) = containers {
                containers.sort_by_key(|container| container["name"].to_string());
                containers.dedup_by_key(|container| container["name"].to_string());
                patch["spec"]["containers"] = json!(containers);
            }
            if let Some(finalizers) = finalizers {
                patch["metadata"]["finalizers"] = json!(finalizers);
            }
            if let Some(mut removed) = removed {
                // Adding and removing the same text: Go's random map order decides.
                let added = patch["metadata"].get("finalizers").cloned().unwrap_or_default();
                removed.retain(|text| !added.as_array().is_some_and(|added| added.contains(&json!(text))));
                patch["metadata"]["$deleteFromPrimitiveList/finalizers"] = json!(removed);
            }
            if let Some(labels) = labels {
                patch["metadata"]["labels"] = json!(labels);
            }
            patch
        })
}

/// A pod with something in every list that merges by key.
fn patched_pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "p", "labels": {"l": "1", "m": "2"}, "finalizers": ["a/a", "b/b"]},
        "spec": {"containers": [
            {"name": "x", "command": ["c"], "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "C", "value": "3"}],
             "ports": [{"containerPort": 1, "name": "one"}, {"containerPort": 2, "name": "two"}]},
            {"name": "y", "volumeMounts": [{"mountPath": "/a", "name": "v"}, {"mountPath": "/b", "name": "w"}]},
        ]},
    })
}

fn strategically(patch: &Value) -> Value {
    let mut pod = patched_pod();
    let file = ("etcd.json".to_owned(), patch.to_string().into_bytes());
    PatchSet::from_files([file]).unwrap().apply("etcd", &mut pod).unwrap();
    pod
}

#[test]
fn strategic_patches_do_what_kubectl_does() {
    if !has_kubectl() {
        return;
    }
    let (mut runner, strategy) = (fixed_runner(), strategic_patch());
    let mut answers = String::new();
    for _ in 0..rounds(25) {
        let patch = strategy.new_tree(&mut runner).unwrap().current();
        let answer = kubectl_patch(&patched_pod(), "strategic", &patch);
        let want = settled(&yaml::parse_all(&answer).unwrap().remove(0));
        assert_eq!(settled(&strategically(&patch)), want, "{patch}");
        answers += &format!("{}\n", json!([patch, want]));
    }
    bless("strategic.json", &answers);
}

/// Without empty values, which differ between typed and untyped printing, and without the list items with directives that
/// kubectl leaves behind where the pod did not have the list.
fn settled(value: &Value) -> Value {
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    };
    match value {
        Value::Object(map) => {
            let fields = map.iter().map(|(name, value)| (name.clone(), settled(value)));
            Value::Object(fields.filter(|(_, value)| !empty(value)).collect())
        }
        Value::Array(items) => {
            items.iter().filter(|item| item.get("$patch").is_none()).map(settled).collect()
        }
        other => other.clone(),
    }
}
