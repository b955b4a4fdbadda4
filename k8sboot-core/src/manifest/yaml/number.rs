//! Numbers, as Go prints them after a trip through JSON.

use serde_json::Number;

/// Prints a number.
///
/// Go marshals to JSON first and go-yaml reads that text back: a float without a fraction becomes an integer as far as
/// 64 bits reach. Other floats are printed with the fewest digits that identify them, with an exponent of at least two
/// digits below 1e-4 and from 1e6 on (`strconv.FormatFloat(f, 'g', -1, 64)`).
pub(super) fn print(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => print_float(float),
        _ => number.to_string(),
    }
}

fn print_float(float: f64) -> String {
    const U64_END: f64 = 18_446_744_073_709_551_616.0;
    const I64_START: f64 = -9_223_372_036_854_775_808.0;
    if float == 0.0 {
        return "0".to_owned();
    }
    // JSON writes integral floats as their shortest digits filled up with zeros, as Rust's `Display` does; that text of
    // -2^63 is below the 64-bit integers.
    if float.fract() == 0.0 && I64_START < float && float < U64_END {
        return float.to_string();
    }
    // Rust prints the shortest digits too, always as D.DDDe-N.
    let text = format!("{float:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return format!("{float}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
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
