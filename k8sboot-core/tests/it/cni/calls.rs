//! Configurations are read and plugins are called as the reference library does.

use std::{collections::BTreeMap, fs, path::Path};

use k8sboot_core::cni::{
    Attachment, Call, CniArgs, CniResult, Invocation, Json, NetworkList, ValidAttachment, ValidAttachments,
    Version,
};
use serde_json::{Value, json};

/// What every plugin answered when the calls were recorded.
const ANSWER: &[u8] = br#"{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.1.2.2/24","gateway":"10.1.2.1"}],"routes":[{"dst":"0.0.0.0/0"}],"dns":{}}"#;

fn cases() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cni/calls/calls.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn configurations_are_taken_and_refused_as_by_the_reference_library() {
    let mut refused = 0;
    for case in cases() {
        let text = case["list"].as_str().unwrap();
        let read = NetworkList::parse(text.as_bytes());
        if case.get("error").is_some() {
            assert!(read.is_err(), "{text}: expected {}", case["error"]);
            refused += 1;
            continue;
        }
        let list = read.unwrap_or_else(|error| panic!("{text}: {error}"));
        let version = case["cniVersion"].as_str().unwrap_or_default();
        assert_eq!((list.name(), list.version()), (case["name"].as_str().unwrap(), Version::parse(version)));
        let flags = [list.disable_check(), list.disable_gc(), list.load_only_inlined_plugins()];
        assert_eq!(json!(flags), case["flags"], "{text}");
        let types: Vec<_> = list.plugins().iter().map(|plugin| plugin.kind()).collect();
        assert_eq!(json!(types), case["types"], "{text}");
    }
    assert!(refused > 30, "{refused}");
}

#[test]
fn plugins_are_called_as_by_the_reference_library() {
    let mut args = CniArgs::default();
    args.push("IgnoreUnknown", "1").unwrap();
    args.push("K8S_POD_NAME", "web-0").unwrap();
    let attachment = Attachment::new("3f2a", "eth0", "/run/netns/x")
        .unwrap()
        .args(args)
        .capability("portMappings", Json::parse(br#"[{"hostPort":80}]"#).unwrap())
        .capability("mac", Json::text("0a:58"))
        .capability("unasked", Json::parse(b"1").unwrap());
    let valid = ValidAttachments::These(vec![ValidAttachment {
        container: "3f2a".to_owned(),
        interface: "eth0".to_owned(),
    }]);
    let answer = CniResult::parse(ANSWER, Version::V0_4_0).unwrap();
    let mut compared = 0;
    for case in cases().iter().filter(|case| case.get("error").is_none()) {
        let text = case["list"].as_str().unwrap();
        let list = NetworkList::parse(text.as_bytes()).unwrap();
        let calls = [
            Call::Add(&attachment),
            Call::Check(&attachment),
            Call::Gc(&valid),
            Call::Status,
            Call::Del(&attachment),
        ];
        for call in calls {
            let command = call.command().as_str();
            let made = list.invocations(call, Some(&answer), "/opt/cni/bin:/b");
            let failed = case["failed"].as_array().is_some_and(|failed| failed.contains(&json!(command)));
            assert_eq!(made.is_err(), failed, "{text} {command}: {made:?}");
            let Ok(made) = made else { continue };
            let want = case["calls"][command].as_array().cloned().unwrap_or_default();
            assert_eq!(made.len(), want.len(), "{text} {command}");
            for (index, (made, want)) in made.iter().zip(&want).enumerate() {
                // The first plugin of an ADD has no result before it.
                let made = match (command, index) {
                    ("ADD", 0) => &list.invocation(0, call, None, "/opt/cni/bin:/b").unwrap().unwrap(),
                    _ => made,
                };
                assert_eq!(comparable(made, &list), recorded(want, &list), "{text} {command}");
                compared += 1;
            }
        }
    }
    assert!(compared > 20, "{compared}");
}

type Compared = (String, BTreeMap<String, String>, Value, Option<CniResult>);

fn comparable(made: &Invocation, list: &NetworkList) -> Compared {
    let environment =
        made.environment.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let (stdin, previous) = stdin(serde_json::from_slice(&made.stdin).unwrap(), list);
    (made.program.clone(), environment, stdin, previous)
}

fn recorded(want: &Value, list: &NetworkList) -> Compared {
    let environment = serde_json::from_value(want["env"].clone()).unwrap();
    let (stdin, previous) = stdin(want["stdin"].clone(), list);
    (want["program"].as_str().unwrap().to_owned(), environment, stdin, previous)
}

/// Standard input without what differs on purpose: the library sends `capabilities`, an empty version, and the previous
/// result in the version that the plugin answered in.
fn stdin(mut stdin: Value, list: &NetworkList) -> (Value, Option<CniResult>) {
    let members = stdin.as_object_mut().unwrap();
    members.retain(|key, _| !key.eq_ignore_ascii_case("capabilities"));
    let version = list.version().unwrap();
    if members["cniVersion"] == "" {
        members["cniVersion"] = json!(version.as_str());
    }
    let previous = members.remove("prevResult");
    let previous = previous.map(|previous| {
        let result = CniResult::parse(previous.to_string().as_bytes(), version).unwrap();
        result.converted(version).unwrap()
    });
    (floats(stdin), previous)
}

/// Numbers as the library keeps them.
fn floats(value: Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64().unwrap()),
        Value::Array(items) => items.into_iter().map(floats).collect(),
        Value::Object(members) => {
            // Keys in order: the library sorts them.
            let sorted: BTreeMap<_, _> =
                members.into_iter().map(|(key, value)| (key, floats(value))).collect();
            sorted.into_iter().collect()
        }
        other => other,
    }
}
