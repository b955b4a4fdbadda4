//! YAML: whatever was read prints as text that reads as the same.
#![no_main]

use k8sboot_core::manifest::yaml::{parse_all, to_yaml};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &str| {
    for value in parse_all(text).unwrap_or_default() {
        round_trip(&value);
    }
    // JSON is YAML: what a JSON reader sees is what ours sees, once printed.
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        round_trip(&value);
    }
});

fn round_trip(value: &Value) {
    if value.is_null() || is_told_apart(value) {
        return;
    }
    let printed = to_yaml(value);
    let read = parse_all(&printed).unwrap_or_else(|error| panic!("{error}\n{value:?}\n{printed}"));
    assert!(read.len() == 1 && is_same(&read[0], value), "{value:?}\n{read:?}\n{printed}");
    assert_eq!(to_yaml(&read[0]), printed);
}

/// Equal but for how a number is held: Go prints 1000.0 as `1000`.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || ((a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64())
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| is_same(a, b)))
        }
        _ => a == b,
    }
}

/// What YAML 1.1, which go-yaml prints, and YAML 1.2, which we read, tell apart: the key `<<`, which go-yaml leaves
/// unquoted though it is the merge key; and three characters that break lines in YAML 1.1 alone.
fn is_told_apart(value: &Value) -> bool {
    let breaks = |text: &str| text.contains(['\u{85}', '\u{2028}', '\u{2029}']);
    match value {
        Value::Object(map) => {
            map.iter().any(|(key, value)| key == "<<" || breaks(key) || is_told_apart(value))
        }
        Value::Array(list) => list.iter().any(is_told_apart),
        Value::String(text) => breaks(text),
        _ => false,
    }
}
