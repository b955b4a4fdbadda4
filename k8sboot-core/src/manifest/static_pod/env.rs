//! Environment variables of the pods.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    config::v1beta4::EnvVar,
    manifest::{object::set, quantity},
};

/// The proxy variables of the host and the user's variables by name; the user's win, and of several the last.
pub(super) fn variables(proxy: &[(String, String)], extra: &[EnvVar]) -> Vec<Value> {
    let proxy = proxy.iter().map(|(name, value)| (name.as_str(), json!({"name": name, "value": value})));
    let extra = extra.iter().map(|variable| (variable.name.as_str(), typed(variable)));
    let merged: BTreeMap<&str, Value> = proxy.chain(extra).collect();
    merged.into_values().collect()
}

/// As Go prints a core/v1 EnvVar: `fieldRef.apiVersion` has a default, and a quantity is printed even if unset.
fn typed(variable: &EnvVar) -> Value {
    let mut value = json!({"name": variable.name});
    if !variable.value.is_empty() {
        set(&mut value, "value", variable.value.as_str());
    }
    if let Some(from) = &variable.value_from {
        let mut from = from.clone();
        if let Some(field) = from.get_mut("fieldRef").and_then(Value::as_object_mut) {
            field.entry("apiVersion").or_insert_with(|| json!("v1"));
        }
        if let Some(resource) = from.get_mut("resourceFieldRef").and_then(Value::as_object_mut) {
            let divisor = resource.get("divisor").unwrap_or(&Value::Null);
            let divisor = quantity::canonical(divisor).unwrap_or_else(|| json!("0"));
            resource.insert("divisor".into(), divisor);
        }
        set(&mut value, "valueFrom", from);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_variables_win_and_all_are_sorted() {
        let variable =
            |name: &str, value: &str| EnvVar { name: name.into(), value: value.into(), value_from: None };
        let resource = EnvVar {
            name: "M".into(),
            value: String::new(),
            value_from: Some(json!({"resourceFieldRef": {"resource": "limits.memory"}})),
        };
        let field = EnvVar {
            name: "F".into(),
            value: String::new(),
            value_from: Some(json!({"fieldRef": {"fieldPath": "status.hostIP"}})),
        };
        let proxy = [("no_proxy".into(), "a".into()), ("HTTP_PROXY".into(), "p".into())];
        let extra = [variable("no_proxy", "b"), variable("A", ""), resource, field];
        assert_eq!(
            Value::from(variables(&proxy, &extra)),
            json!([
                {"name": "A"},
                {"name": "F", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.hostIP"}}},
                {"name": "HTTP_PROXY", "value": "p"},
                {"name": "M", "valueFrom": {"resourceFieldRef": {"divisor": "0", "resource": "limits.memory"}}},
                {"name": "no_proxy", "value": "b"},
            ])
        );
    }
}
