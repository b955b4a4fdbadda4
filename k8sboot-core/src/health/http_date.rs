//! The `Date` header of HTTP answers: a server's clock.

use crate::time::Timestamp;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Reads the form that servers write: `Mon, 23 Nov 2026 03:02:02 GMT`. Nothing for any other.
///
/// Source: RFC 9110, 5.6.7 (IMF-fixdate).
///
/// # Examples
///
/// ```
/// # use k8sboot_core::health::http_date;
/// let time = http_date("Mon, 23 Nov 2026 03:02:02 GMT");
/// assert_eq!(time.map(|time| time.to_string()).as_deref(), Some("2026-11-23T03:02:02Z"));
/// ```
#[must_use]
pub fn http_date(text: &str) -> Option<Timestamp> {
    let mut words = text.split_once(", ")?.1.strip_suffix(" GMT")?.split([' ', ':']);
    let mut number = || words.next()?.parse::<i64>().ok();
    let day = number()?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|known| *known == month)? + 1;
    let mut number = || words.next()?.parse::<i64>().ok();
    let (year, hour, minute, second) = (number()?, number()?, number()?, number()?);
    Timestamp::from_civil(year, i64::try_from(month).ok()?, day, hour, minute, second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_forms_are_nothing() {
        for text in
            ["", "2026-11-23T03:02:02Z", "Mon, 23 Nov 2026", "Mon, 99 Nov 2026 03:02:02 GMT", "Mon, x GMT"]
        {
            assert_eq!(http_date(text), None, "{text}");
        }
    }
}
