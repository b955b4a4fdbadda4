//! JSON as Go's decoder reads it into a struct, and as its encoder writes it.

use serde_json::{Map, Value};

/// No value of flannel's is near this size; etcd itself takes at most 1.5 MiB.
const LIMIT: usize = 1 << 20;

/// The object of a text; else what is there instead.
pub(super) fn object(text: &[u8]) -> Result<Map<String, Value>, String> {
    if text.len() > LIMIT {
        return Err(format!("{} bytes", text.len()));
    }
    match serde_json::from_slice(text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err("another JSON value".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// A field: the case of keys does not matter to Go, and the last of several counts. Null is absence.
pub(super) fn field<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let found = map.iter().rev().find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value).filter(|value| !value.is_null())
}

/// The JSON of a value without white space, with the characters escaped that Go escapes for HTML's sake.
pub(super) fn print(value: &Value) -> String {
    // Outside of strings JSON has none of these.
    value
        .to_string()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_as_go_finds_them() {
        let map = object(br#"{"network":"a","Network":"b","SubnetLen":null}"#).unwrap();
        assert_eq!(field(&map, "NETWORK"), Some(&Value::from("b")));
        assert_eq!(field(&map, "SubnetLen"), None);
        assert!(object(b"[1]").is_err() && object(b"").is_err() && object(&vec![b' '; LIMIT + 1]).is_err());
    }

    #[test]
    fn text_is_escaped_as_go_escapes_it() {
        assert_eq!(print(&Value::from("a<b>&\u{2028}\"")), r#""a\u003cb\u003e\u0026\u2028\"""#);
    }
}
