//! How Go prints a KubeletConfiguration: which fields are always there and which vanish with a zero value.
//!
//! Source: k8s.io/kubelet/config/v1beta1 types.go and k8s.io/component-base/logs/api/v1.

use serde_json::{Map, Value, json};

use crate::{manifest::quantity, time::GoDuration};

/// Durations that are printed even if they are zero.
const DURATIONS: [&str; 14] = [
    "cpuManagerReconcilePeriod",
    "evictionPressureTransitionPeriod",
    "fileCheckFrequency",
    "httpCheckFrequency",
    "imageMaximumGCAge",
    "imageMinimumGCAge",
    "nodeStatusReportFrequency",
    "nodeStatusUpdateFrequency",
    "runtimeRequestTimeout",
    "shutdownGracePeriod",
    "shutdownGracePeriodCriticalPods",
    "streamingConnectionIdleTimeout",
    "syncFrequency",
    "volumeStatsAggPeriod",
];

/// Durations that are printed if they are given.
const OPTIONAL_DURATIONS: [&str; 3] =
    ["containerLogMonitorInterval", "cpuCFSQuotaPeriod", "draManagerReconcilePeriod"];

/// Structures and texts that are printed even if they are empty.
const ALWAYS: [&str; 7] = [
    "authentication",
    "authorization",
    "containerRuntimeEndpoint",
    "crashLoopBackOff",
    "logging",
    "memorySwap",
    // A pointer: the empty text is a value of its own, "use no resolver file".
    "resolvConf",
];

/// Numbers and booleans that vanish if they are zero or false; all others tell "zero" from "not given".
const VANISHING: [&str; 16] = [
    "enableContentionProfiling",
    "eventBurst",
    "evictionMaxPodGracePeriod",
    "kernelMemcgNotification",
    "kubeAPIBurst",
    "maxOpenFiles",
    "maxPods",
    "nodeLeaseDurationSeconds",
    "podsPerCore",
    "port",
    "protectKernelDefaults",
    "readOnlyPort",
    "registryBurst",
    "rotateCertificates",
    "runOnce",
    "serverTLSBootstrap",
];

/// Brings a document into the form in which Go prints it; fields that are not known here stay as they are.
pub(super) fn normalise(document: &mut Map<String, Value>) {
    document.retain(|name, value| match value {
        Value::Null => false,
        Value::Bool(false) => !VANISHING.contains(&name.as_str()),
        Value::Number(number) => {
            !(VANISHING.contains(&name.as_str()) && number.as_f64().is_some_and(|n| n == 0.0))
        }
        Value::String(text) => !text.is_empty() || ALWAYS.contains(&name.as_str()),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => {
            // Only maps and the always-printed structures are empty in practice; a pointer to an empty structure stays.
            !fields.is_empty()
                || ALWAYS.contains(&name.as_str())
                || matches!(name.as_str(), "tracing" | "userNamespaces")
        }
        Value::Bool(true) => true,
    });
    for name in DURATIONS {
        duration(document, name);
    }
    for name in OPTIONAL_DURATIONS.into_iter().filter(|n| document.contains_key(*n)).collect::<Vec<_>>() {
        duration(document, name);
    }
    edit(document, "authentication", |authentication| {
        edit(authentication, "x509", |x509| drop_empty(x509, "clientCAFile"));
        edit(authentication, "anonymous", |_| {});
        edit(authentication, "webhook", |webhook| duration(webhook, "cacheTTL"));
    });
    edit(document, "authorization", |authorization| {
        drop_empty(authorization, "mode");
        edit(authorization, "webhook", |webhook| {
            duration(webhook, "cacheAuthorizedTTL");
            duration(webhook, "cacheUnauthorizedTTL");
        });
    });
    edit(document, "memorySwap", |swap| drop_empty(swap, "swapBehavior"));
    document.entry("containerRuntimeEndpoint").or_insert_with(|| json!(""));
    edit(document, "crashLoopBackOff", |back_off| {
        if back_off.contains_key("maxContainerRestartPeriod") {
            duration(back_off, "maxContainerRestartPeriod");
        }
    });
    edit(document, "logging", logging);
    for reservation in document.get_mut("reservedMemory").and_then(Value::as_array_mut).into_iter().flatten()
    {
        quantities(reservation.get_mut("limits"));
    }
}

fn logging(logging: &mut Map<String, Value>) {
    drop_empty(logging, "format");
    drop_empty(logging, "vmodule");
    logging.entry("verbosity").or_insert_with(|| json!(0));
    // Nanoseconds or a duration, printed as it was given.
    match logging.get("flushFrequency") {
        Some(Value::String(_)) => duration(logging, "flushFrequency"),
        Some(_) => {}
        None => {
            logging.insert("flushFrequency".into(), json!(0));
        }
    }
    edit(logging, "options", |options| {
        for format in ["text", "json"] {
            edit(options, format, |format| {
                if format.get("splitStream") == Some(&json!(false)) {
                    format.shift_remove("splitStream");
                }
                let size = format.get("infoBufferSize").and_then(quantity::canonical);
                format.insert("infoBufferSize".into(), size.unwrap_or_else(|| json!("0")));
            });
        }
    });
}

fn quantities(limits: Option<&mut Value>) {
    for value in limits.and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
        if let Some(canonical) = quantity::canonical(value) {
            *value = canonical;
        }
    }
}

/// Changes the structure of that name; an empty one is made if it is missing or no structure.
pub(super) fn edit(map: &mut Map<String, Value>, name: &str, change: impl FnOnce(&mut Map<String, Value>)) {
    let mut inner = match map.shift_remove(name) {
        Some(Value::Object(inner)) => inner,
        _ => Map::new(),
    };
    change(&mut inner);
    map.insert(name.to_owned(), Value::Object(inner));
}

fn drop_empty(map: &mut Map<String, Value>, name: &str) {
    let empty = match map.get(name) {
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        _ => false,
    };
    if empty {
        map.shift_remove(name);
    }
}

/// Prints a duration as Go does (`5m` is `5m0s`), a missing one as `0s`; what is no duration stays.
fn duration(map: &mut Map<String, Value>, name: &str) {
    let value = map.entry(name).or_insert_with(|| json!("0s"));
    if let Some(parsed) = value.as_str().and_then(|text| text.parse::<GoDuration>().ok()) {
        *value = json!(parsed.to_string());
    }
}
