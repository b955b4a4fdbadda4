//! Numbers, as Go prints them after a trip through JSON.

use serde_json::Number;

/// Prints a number.
///
/// Go marshals to JSON first and go-yaml reads that text back: a float without a fraction becomes an integer as far as
/// 64 bits reach. Other floats are printed with the fewest digits that identify them, with an exponent of at least two
/// digits below 1e-4 and from 1e6 on (`strconv.FormatFloat(f, 'g', -1, 64)`).
pub(super) fn print(number: &Number) -> String {
    let text = number.to_string();
    if !number.is_f64() {
        return text;
    }
    let (sign, digits, point) = decimal(&text);
    if digits.is_empty() {
        return "0".to_owned();
    }
    let plain = format!("{sign}{}", positional(&digits, point));
    let is_integer = plain.parse::<i64>().is_ok() || plain.parse::<u64>().is_ok();
    let exponent = point.saturating_sub(1);
    if is_integer || (-4..6).contains(&exponent) {
        return plain;
    }
    let (first, rest) = digits.split_at_checked(1).unwrap_or((&digits, ""));
    let dot = if rest.is_empty() { "" } else { "." };
    let exponent_sign = if exponent < 0 { '-' } else { '+' };
    format!("{sign}{first}{dot}{rest}e{exponent_sign}{:02}", exponent.unsigned_abs())
}

/// The digits with the point in its place and zeros as needed.
fn positional(digits: &str, point: i32) -> String {
    match usize::try_from(point) {
        Ok(point) if point >= digits.len() => format!("{digits:0<point$}"),
        Ok(point) if point > 0 => {
            digits.split_at_checked(point).map_or_else(String::new, |(whole, rest)| format!("{whole}.{rest}"))
        }
        _ => {
            let width = digits.len() + usize::try_from(point.unsigned_abs()).unwrap_or_default();
            format!("0.{digits:0>width$}")
        }
    }
}

/// Sign, significant digits and the place of the point, counted from before the first digit: `-0.0125` is -, 125, -1. Zero has
/// no digits.
///
/// The digits are `serde_json`'s: the fewest that identify the number, ties to even, as Go's. `{:e}` rounds ties up.
fn decimal(text: &str) -> (&'static str, String, i32) {
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    let zeros = i32::try_from(all.len() - digits.len()).unwrap_or_default();
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() {
        return ("", String::new(), 0);
    }
    let point = i32::try_from(whole.len()).unwrap_or_default() - zeros + exponent.parse().unwrap_or(0);
    (sign, digits.to_owned(), point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_go() {
        for (float, want) in [
            (1.0, "1"),
            (-3.0, "-3"),
            (-0.0, "0"),
            (0.5, "0.5"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (0.000_012_5, "1.25e-05"),
            (123_456.5, "123456.5"),
            (1_234_567.5, "1.2345675e+06"),
            (0.012_5, "0.0125"),
            ("94159460063387.625".parse().unwrap(), "9.415946006338762e+13"),
            (1e15, "1000000000000000"),
            (1e19, "10000000000000000000"),
            (1e20, "1e+20"),
            (1e21, "1e+21"),
            (-1e19, "-1e+19"),
            (-9_223_372_036_854_775_808.0, "-9.223372036854776e+18"),
            (9_223_372_036_854_775_808.0, "9223372036854776000"),
            (18_446_744_073_709_551_616.0, "1.8446744073709552e+19"),
            (1.5e300, "1.5e+300"),
            (5e-324, "5e-324"),
        ] {
            assert_eq!(print(&Number::from_f64(float).unwrap()), want);
        }
        assert_eq!(print(&Number::from(u64::MAX)), "18446744073709551615");
        assert_eq!(print(&Number::from(i64::MIN)), "-9223372036854775808");
    }
}
