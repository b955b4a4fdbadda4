//! What a plain YAML scalar means to Kubernetes: YAML 1.1 as Go's `yaml.v2` resolves it.
//!
//! `yes`, `on` and `y` are booleans, `0644` is octal, `1_000` is a thousand, `08` and `1e3` are floating-point numbers
//! that JSON prints as 8 and 1000, dates stay text. Source: `sigs.k8s.io/yaml`, which every Kubernetes program reads with.

use serde_json::Number;

use super::node::Tree;

/// A plain scalar has no representation in JSON (infinity, not a number).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotJson;

/// Resolves a plain (unquoted, untagged) scalar.
pub(super) fn resolve(text: &str) -> Result<Tree, NotJson> {
    if let Some(known) = word(text) {
        return known;
    }
    let number = match text.as_bytes().first() {
        Some(b'.') => float(text),
        Some(b'0'..=b'9' | b'+' | b'-') => {
            let plain = text.replace('_', "");
            integer(&plain).or_else(|| float(&plain))
        }
        _ => None,
    };
    Ok(number.map_or_else(|| Tree::Text(text.to_owned()), Tree::Number))
}

fn word(text: &str) -> Option<Result<Tree, NotJson>> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Ok(Tree::Null),
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Ok(Tree::Bool(true))
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Ok(Tree::Bool(false))
        }
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf"
        | "-.Inf" | "-.INF" => Err(NotJson),
        _ => return None,
    })
}

/// Go's `strconv.ParseInt(text, 0, 64)`, then `ParseUint`.
fn integer(text: &str) -> Option<Number> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let signed = digits.len() < text.len();
    let prefix = digits.get(..2).map(str::to_ascii_lowercase);
    let (radix, digits) = match prefix.as_deref() {
        Some("0x") => (16, digits.get(2..)?),
        Some("0o") => (8, digits.get(2..)?),
        Some("0b") => (2, digits.get(2..)?),
        _ if digits.len() > 1 && digits.starts_with('0') => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        return 0i64.checked_sub_unsigned(magnitude).map(Number::from);
    }
    // ParseUint takes no sign, so a signed number must fit the signed type.
    (!signed || i64::try_from(magnitude).is_ok()).then(|| Number::from(magnitude))
}

/// A decimal number with an optional fraction and exponent, as an integer if it is one.
fn float(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
        None => (unsigned, "0"),
    };
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let shaped = digits(whole) && digits(fraction) && digits(exponent) && !exponent.is_empty();
    if !shaped || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
    if value.fract() == 0.0 && value.abs() < 1e18 {
        // Exact below 2^53 and printed by Go without an exponent up to 1e21.
        return format!("{value:.0}").parse::<i64>().ok().map(Number::from);
    }
    Number::from_f64(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::node::Node, *};

    /// The values are those of `kubectl annotate --local -o json`.
    #[test]
    fn resolves_as_go_does() {
        for (text, want) in [
            ("0644", json!(420)),
            ("0o17", json!(15)),
            ("0x1F", json!(31)),
            ("-0x10", json!(-16)),
            ("0b101", json!(5)),
            ("1_000", json!(1000)),
            ("08", json!(8)),
            ("1e3", json!(1000)),
            ("1.5e3", json!(1500)),
            ("1.50", json!(1.5)),
            ("1.", json!(1)),
            (".5", json!(0.5)),
            ("+12", json!(12)),
            ("-12", json!(-12)),
            ("-0", json!(0)),
            ("9223372036854775807", json!(i64::MAX)),
            ("18446744073709551615", json!(u64::MAX)),
            ("yes", json!(true)),
            ("y", json!(true)),
            ("On", json!(true)),
            ("off", json!(false)),
            ("N", json!(false)),
            ("yEs", json!("yEs")),
            ("~", json!(null)),
            ("", json!(null)),
            ("Null", json!(null)),
            ("1.36.2", json!("1.36.2")),
            ("v1.36.2", json!("v1.36.2")),
            ("10.96.0.0/12", json!("10.96.0.0/12")),
            ("2001:db8::1", json!("2001:db8::1")),
            ("2026-11-23", json!("2026-11-23")),
            ("4m0s", json!("4m0s")),
            ("1e", json!("1e")),
            ("-", json!("-")),
            (".", json!(".")),
            ("0x", json!("0x")),
            ("1e999", json!("1e999")),
            ("12e5x", json!("12e5x")),
            ("_1", json!("_1")),
            ("0_7", json!(7)),
            ("1__0", json!(10)),
            ("+0x10", json!(16)),
            ("0x1_F", json!(31)),
            ("-0b11", json!(-3)),
            ("0b", json!("0b")),
            ("00", json!(0)),
            ("-.5", json!(-0.5)),
            ("1e-2", json!(0.01)),
            ("1E3", json!(1000)),
            ("0.0", json!(0)),
            ("0777777777777777777777777", json!(7.777777777777778e23)),
            ("123456789012345678901234567890", json!(1.2345678901234568e29)),
            ("5e-324", json!(5e-324)),
            ("1.0e17", json!(100_000_000_000_000_000i64)),
            ("12:30:45", json!("12:30:45")),
            ("2026-11-23T05:00:00Z", json!("2026-11-23T05:00:00Z")),
            ("<<", json!("<<")),
        ] {
            let tree = resolve(text).unwrap();
            assert_eq!(Node::new(Default::default(), tree).to_value(), want, "{text}");
        }
        assert_eq!(resolve(".inf").err(), Some(NotJson));
        assert_eq!(resolve("-.INF").err(), Some(NotJson));
    }
}
