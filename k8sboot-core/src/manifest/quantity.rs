//! Kubernetes quantities (`500m`, `1Gi`) in the form in which Go prints them.

use serde_json::Value;

/// The canonical form of a quantity, or nothing if it is none.
///
/// No fraction, the largest suffix that allows it, and the kind of suffix (binary, decimal, exponent) as given: `1024Mi`
/// becomes `1Gi`, `1.5` becomes `1500m`, `0.1Gi` a decimal number of bytes. What is finer than nano is rounded up.
///
/// Source: apimachinery `resource.Quantity`, `ParseQuantity` and `CanonicalizeBytes`.
pub(super) fn canonical(value: &Value) -> Option<Value> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    print(text.trim()).map(Value::String)
}

const DECIMAL: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
const BINARY: [(&str, u32); 6] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];
const NANO: i128 = 1_000_000_000;

fn print(text: &str) -> Option<String> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'-' => (-1, text.get(1..)?),
        b'+' => (1, text.get(1..)?),
        _ => (1, text),
    };
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
    let (number, suffix) = rest.split_at_checked(end)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let digits: i128 = format!("0{whole}{fraction}").parse().ok()?;
    let places = i32::try_from(fraction.len()).ok()?;
    if let Some((_, bits)) = BINARY.iter().find(|(name, _)| *name == suffix) {
        let nano = scaled(digits.checked_mul(1i128.checked_shl(*bits)?)?, 9 - places)?;
        return Some(if nano % NANO == 0 && nano >= 1024 * NANO {
            binary(sign * (nano / NANO))
        } else {
            decimal(sign * nano)
        });
    }
    if let Some(exponent) = suffix.strip_prefix(['e', 'E']).filter(|e| !e.is_empty()) {
        let exponent: i32 = exponent.parse().ok()?;
        let nano = scaled(digits, exponent.checked_add(9)?.checked_sub(places)?)?;
        return Some(with_exponent(sign * nano));
    }
    let (_, exponent) = DECIMAL.iter().find(|(name, _)| *name == suffix)?;
    Some(decimal(sign * scaled(digits, exponent + 9 - places)?))
}

/// `digits · 10^power`, rounded up.
fn scaled(digits: i128, power: i32) -> Option<i128> {
    let factor = 10i128.checked_pow(power.unsigned_abs())?;
    if power >= 0 {
        digits.checked_mul(factor)
    } else {
        Some(digits.div_euclid(factor) + i128::from(digits % factor != 0))
    }
}

fn binary(number: i128) -> String {
    let best = BINARY.iter().rfind(|(_, bits)| number % (1i128 << bits) == 0);
    best.map_or_else(|| number.to_string(), |(name, bits)| format!("{}{name}", number >> bits))
}

/// The largest power of a thousand, from nano to exa, that leaves no fraction.
fn thousands(nano: i128) -> (i128, i32) {
    let (mut number, mut power) = (nano, -9);
    while power < 18 && number % 1000 == 0 {
        (number, power) = (number / 1000, power + 3);
    }
    (number, power)
}

fn decimal(nano: i128) -> String {
    if nano == 0 {
        return "0".to_owned();
    }
    let (number, power) = thousands(nano);
    let suffix = DECIMAL.iter().find(|(_, p)| *p == power).map_or("", |(name, _)| name);
    format!("{number}{suffix}")
}

fn with_exponent(nano: i128) -> String {
    match thousands(nano) {
        (0, _) => "0".to_owned(),
        (number, 0) => number.to_string(),
        (number, power) => format!("{number}e{power}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn prints_as_apimachinery() {
        for (given, want) in [
            ("0", "0"),
            ("100m", "100m"),
            ("1000m", "1"),
            ("1500m", "1500m"),
            ("1.5", "1500m"),
            ("0.1", "100m"),
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("1000", "1k"),
            ("1024", "1024"),
            ("100Mi", "100Mi"),
            ("0.5Ki", "512"),
            ("12e6", "12e6"),
            ("1000e3", "1e6"),
            ("-1000m", "-1"),
            ("0Mi", "0"),
            ("1e3", "1e3"),
            ("0.0000000001", "1n"),
            ("1E", "1E"),
            (".5", "500m"),
            ("2.", "2"),
        ] {
            assert_eq!(canonical(&json!(given)), Some(json!(want)), "{given}");
        }
        assert_eq!(canonical(&json!(2)), Some(json!("2")));
        for wrong in ["", "-", ".", "1.2.3", "1kb", "Mi", "1 Gi", "e3"] {
            assert_eq!(canonical(&json!(wrong)), None, "{wrong}");
        }
    }
}
