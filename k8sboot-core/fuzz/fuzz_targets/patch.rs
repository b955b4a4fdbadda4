//! Patches: an error leaves the object as it was, a merge patch is that of RFC 7396, and merging twice is merging once.
#![no_main]

use std::sync::LazyLock;

use k8sboot_core::manifest::{
    PatchKind, PatchSet, RenderOptions, kubelet, static_pods,
    yaml::{parse_all, to_yaml},
};
use k8sboot_fuzz::minimal;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

const POD: &str = "kube-apiserver";
const KUBELET: &str = "kubeletconfiguration";

/// A pod, which has lists that merge by key, and a kubelet configuration, which has none.
static BEFORE: LazyLock<[(&str, Value); 2]> = LazyLock::new(|| {
    let config = minimal();
    let pods = static_pods(&config, &RenderOptions::default()).expect("static pods");
    let pod = pods.into_iter().find(|pod| pod.component == POD).expect("an API server");
    [(POD, pod.object.into_value()), (KUBELET, kubelet::config(&config))]
});

fuzz_target!(|bytes: &[u8]| {
    for (target, before) in &*BEFORE {
        for kind in ["strategic", "merge", "json"] {
            let file = (format!("{target}+{kind}.yaml"), bytes.to_vec());
            let Ok(set) = PatchSet::from_files([file]) else { return };
            apply(&set, target, before);
            if *target == KUBELET && kind == "merge" {
                merge(&set, &String::from_utf8_lossy(bytes), before);
            }
        }
    }
});

fn apply(set: &PatchSet, target: &str, before: &Value) {
    let mut together = before.clone();
    let outcome = set.apply(target, &mut together);
    if outcome.is_err() {
        assert_eq!(&together, before, "changed in spite of an error");
        return;
    }
    assert!(!to_yaml(&together).is_empty());
    let mut one_by_one = before.clone();
    for patch in set.patches() {
        patch.apply(&mut one_by_one).expect("as together");
        if patch.kind() == PatchKind::Merge {
            let mut twice = one_by_one.clone();
            patch.apply(&mut twice).expect("as before");
            assert_eq!(twice, one_by_one, "merged twice");
        }
    }
    assert_eq!(one_by_one, together, "one by one and together");
}

fn merge(set: &PatchSet, text: &str, before: &Value) {
    let (mut ours, mut theirs) = (before.clone(), before.clone());
    // An object of another kind would be patched by other rules.
    if set.apply(KUBELET, &mut ours).is_err() || ours.get("kind") != before.get("kind") {
        return;
    }
    for patch in parse_all(text).expect("as the patch was read") {
        rfc_7396(&mut theirs, &patch);
    }
    assert_eq!(ours, theirs, "RFC 7396");
}

/// What RFC 7396 says, for objects in which nothing is put into a canonical form afterwards.
fn rfc_7396(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        patch.clone_into(target);
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            rfc_7396(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}
