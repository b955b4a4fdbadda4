//! Records of a store as JSON.

use k8sboot_core::ipam::{Boot, Holder, Record};
use serde_json::{Map, Value, json};

/// The document of `k8sboot_store_records`.
pub(crate) fn list(records: &[Record]) -> Value {
    json!({ "schemaVersion": 1, "records": all(records) })
}

/// The records one by one.
pub(crate) fn all(records: &[Record]) -> Vec<Value> {
    records.iter().map(one).collect()
}

fn one(record: &Record) -> Value {
    let mut json = Map::new();
    let mut put = |key: &str, value: Value| json.insert(key.to_owned(), value);
    put("name", record.name.clone().into());
    if let Some(address) = record.address {
        put("address", address.to_string().into());
    }
    match &record.holder {
        Holder::Attachment { container, interface } => {
            put("holder", "attachment".into());
            put("container", container.clone().into());
            put("interface", interface.clone().into());
        }
        Holder::Container { container } => {
            put("holder", "container".into());
            put("container", container.clone().into());
        }
        Holder::Empty => {
            put("holder", "empty".into());
        }
        Holder::Foreign { found } => {
            put("holder", "foreign".into());
            put("found", found.clone().into());
        }
        _ => {}
    }
    let boot = match record.boot {
        Boot::This => "this",
        Boot::Earlier => "earlier",
        _ => "unknown",
    };
    put("boot", boot.into());
    if let Some(age) = record.age {
        put("ageSeconds", age.as_secs_f64().into());
    }
    json.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_holder_has_its_members() {
        let record =
            |content: &[u8]| one(&Record::new("10.0.0.2", "10.0.0.2".parse().ok(), Holder::parse(content)));
        assert_eq!(
            record(b"3f2a\r\neth0"),
            json!({"name": "10.0.0.2", "address": "10.0.0.2", "holder": "attachment", "container": "3f2a",
                   "interface": "eth0", "boot": "unknown"})
        );
        assert_eq!(record(b"3f2a")["holder"], "container");
        assert_eq!(record(b"")["holder"], "empty");
        assert_eq!(record(b"a b")["found"], "a b");
    }
}
