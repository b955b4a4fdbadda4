//! The server's clock against this node's.

use crate::time::Timestamp;

/// How far clocks may be apart before they are worth a word, in seconds.
const NOTABLE: u64 = 60;

/// This node's time and the server's, where that is known.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    /// This node's time.
    pub local: Timestamp,
    /// What the server said, from the `Date` of an answer; not verified.
    pub server: Option<Timestamp>,
}

impl Clocks {
    /// The server's time if it is notably different: by a minute or more.
    #[must_use]
    pub fn apart(&self) -> Option<Timestamp> {
        self.server.filter(|server| server.seconds().abs_diff(self.local.seconds()) >= NOTABLE)
    }
}

/// Reads the `Date` of an HTTP answer, for example `Sun, 06 Nov 1994 08:49:37 GMT`.
///
/// Source: RFC 9110 section 5.6.7, the preferred form.
#[must_use]
pub fn http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, rest) = text.trim().split_once(", ")?;
    let mut words = rest.split(' ');
    let day = number(words.next()?, 2)?;
    let name = words.next()?;
    let month = MONTHS.iter().zip(1..).find_map(|(month, number)| (*month == name).then_some(number))?;
    let year = number(words.next()?, 4)?;
    let mut clock = words.next()?.split(':');
    let (hour, minute, second) =
        (number(clock.next()?, 2)?, number(clock.next()?, 2)?, number(clock.next()?, 2)?);
    if (clock.next(), words.next(), words.next()) != (None, Some("GMT"), None) {
        return None;
    }
    Timestamp::from_civil(year, month, day, hour, minute, second.min(59))
}

fn number(text: &str, digits: usize) -> Option<i64> {
    let right = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    right.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_answers() {
        for (text, want) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some("1994-11-06T08:49:37Z")),
            ("Mon, 23 Nov 2026 03:02:02 GMT", Some("2026-11-23T03:02:02Z")),
            ("Sun, 31 Feb 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Sunday, 06-Nov-94 08:49:37 GMT", None),
            ("", None),
            ("Sun, 06 Nov 1994 08:49 GMT", None),
        ] {
            assert_eq!(http_date(text).map(|at| at.to_string()).as_deref(), want, "{text}");
        }
    }
}
