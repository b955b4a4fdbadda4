//! Points in time and durations as Kubernetes writes them. Pure: the clock is the caller's.

use std::{fmt, str::FromStr, time::SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const DAY: i64 = 86_400;
/// 9999-12-31T23:59:59Z, the last second that X.509 and RFC 3339 can express.
const LAST: i64 = 253_402_300_799;
/// 0001-01-01T00:00:00Z.
const FIRST: i64 = -62_135_596_800;

/// A point in time: whole seconds since 1970-01-01T00:00:00Z, between the years 1 and 9999.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::time::Timestamp;
/// let at: Timestamp = "2026-11-23T03:02:02Z".parse()?;
/// assert_eq!(at.seconds(), 1_795_402_922);
/// assert_eq!(at.to_string(), "2026-11-23T03:02:02Z");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A text is not a time, or a time is outside the years 1 to 9999.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a time like 2026-11-23T03:02:02Z (RFC 3339), found {found:?}")]
#[non_exhaustive]
pub struct TimeError {
    /// The text as given.
    pub found: String,
}

impl Timestamp {
    /// From seconds since 1970-01-01T00:00:00Z; values outside the years 1 to 9999 are moved to the nearest end.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(if seconds > LAST {
            LAST
        } else if seconds < FIRST {
            FIRST
        } else {
            seconds
        })
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// This point moved by a number of seconds (negative: earlier), kept within the years 1 to 9999.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_seconds(self.0.saturating_add(seconds))
    }

    /// This point moved by a duration; fractions of a second are dropped.
    #[must_use]
    pub fn plus(self, duration: GoDuration) -> Self {
        self.plus_seconds(duration.seconds())
    }

    /// Year, month (1–12), day (1–31), hour, minute, second in UTC.
    #[must_use]
    pub fn civil(self) -> (i64, i64, i64, i64, i64, i64) {
        // Howard Hinnant's days-to-civil: exact for the proleptic Gregorian calendar.
        let days = self.0.div_euclid(DAY) + 719_468;
        let second = self.0.rem_euclid(DAY);
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (year, month, day, second / 3_600, second / 60 % 60, second % 60)
    }

    /// From a UTC date and time; `None` if there is no such day or the year is not within 1 to 9999.
    #[must_use]
    pub fn from_civil(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> Option<Self> {
        if !(1..=9_999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        if !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0..60).contains(&second) {
            return None;
        }
        let shifted_year = year - i64::from(month <= 2);
        let era = shifted_year.div_euclid(400);
        let year_of_era = shifted_year.rem_euclid(400);
        let shifted_month = if month > 2 { month - 3 } else { month + 9 };
        let of_year = (153 * shifted_month + 2) / 5 + day - 1;
        let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
        let days = era * 146_097 + of_era - 719_468;
        let point = Self(days * DAY + hour * 3_600 + minute * 60 + second);
        // A day that the month does not have comes back as another one.
        let (y, m, d, ..) = point.civil();
        ((y, m, d) == (year, month, day)).then_some(point)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day, hour, minute, second) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;

    /// Reads RFC 3339 with `Z` or a numeric offset; fractions of a second are dropped.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        parse_rfc3339(text).ok_or_else(|| TimeError { found: text.chars().take(64).collect() })
    }
}

impl From<SystemTime> for Timestamp {
    fn from(at: SystemTime) -> Self {
        match at.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => Self::from_seconds(i64::try_from(after.as_secs()).unwrap_or(LAST)),
            Err(before) => Self::from_seconds(-i64::try_from(before.duration().as_secs()).unwrap_or(-FIRST)),
        }
    }
}

fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let digits = |range: std::ops::Range<usize>| -> Option<i64> {
        let part = text.get(range)?;
        part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok()).flatten()
    };
    let byte = |at: usize| text.as_bytes().get(at).copied();
    let separators =
        byte(4) == Some(b'-') && byte(7) == Some(b'-') && byte(13) == Some(b':') && byte(16) == Some(b':');
    if !separators || !matches!(byte(10), Some(b'T' | b't')) {
        return None;
    }
    let point = Timestamp::from_civil(
        digits(0..4)?,
        digits(5..7)?,
        digits(8..10)?,
        digits(11..13)?,
        digits(14..16)?,
        digits(17..19)?,
    )?;
    let mut rest = text.get(19..)?;
    if let Some(fraction) = rest.strip_prefix('.') {
        let length = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if length == 0 {
            return None;
        }
        rest = fraction.get(length..)?;
    }
    if matches!(rest, "Z" | "z") {
        return Some(point);
    }
    let sign = match rest.as_bytes().first()? {
        b'+' => -1,
        b'-' => 1,
        _ => return None,
    };
    let (hours, minutes) = rest.get(1..)?.split_once(':')?;
    let two = |part: &str| {
        (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse::<i64>().ok())
    };
    let (hours, minutes) = (two(hours)??, two(minutes)??);
    (hours < 24 && minutes < 60).then(|| point.plus_seconds(sign * (hours * 3_600 + minutes * 60)))
}

/// A duration with Go's text form (`24h0m0s`, `1m30s`, `500ms`), nanosecond precision, possibly negative.
///
/// Source: Go `time.ParseDuration` and `time.Duration.String`, which `metav1.Duration` uses.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::time::GoDuration;
/// let ttl: GoDuration = "90s".parse()?;
/// assert_eq!(ttl.to_string(), "1m30s");
/// assert_eq!(GoDuration::from_seconds(86_400).to_string(), "24h0m0s");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoDuration(i64);

/// A text is not a Go duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a duration like 24h0m0s or 1m30s, found {found:?}")]
#[non_exhaustive]
pub struct DurationError {
    /// The text as given.
    pub found: String,
}

impl GoDuration {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// From whole seconds; saturates at about 292 years.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// Whole seconds, rounded towards zero.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0 / 1_000_000_000
    }

    /// Nanoseconds.
    #[must_use]
    pub const fn nanoseconds(self) -> i64 {
        self.0
    }
}

impl FromStr for GoDuration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        parse_go_duration(text)
            .map(Self)
            .ok_or_else(|| DurationError { found: text.chars().take(64).collect() })
    }
}

fn parse_go_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let whole_len = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (whole, after) = rest.split_at_checked(whole_len)?;
        let (fraction, after) = match after.strip_prefix('.') {
            Some(tail) => tail.split_at_checked(tail.bytes().take_while(u8::is_ascii_digit).count())?,
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let unit_len = after.bytes().take_while(|b| !b.is_ascii_digit() && *b != b'.').count();
        let (unit, after) = after.split_at_checked(unit_len)?;
        let scale: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let whole: i128 = if whole.is_empty() { 0 } else { i128::from(whole.parse::<i64>().ok()?) };
        total += whole * scale;
        let mut place = scale;
        for digit in fraction.bytes().take(18) {
            place /= 10;
            total += i128::from(digit - b'0') * place;
        }
        if total > i128::from(i64::MAX) {
            return None;
        }
        rest = after;
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.unsigned_abs();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        if nanos == 0 {
            return f.write_str("0s");
        }
        if nanos < 1_000 {
            return write!(f, "{nanos}ns");
        }
        if nanos < 1_000_000 {
            return write!(f, "{}µs", decimal(nanos, 1_000));
        }
        if nanos < 1_000_000_000 {
            return write!(f, "{}ms", decimal(nanos, 1_000_000));
        }
        let minutes = nanos / 60_000_000_000;
        let seconds = decimal(nanos % 60_000_000_000, 1_000_000_000);
        match (minutes / 60, minutes % 60) {
            (0, 0) => write!(f, "{seconds}s"),
            (0, minutes) => write!(f, "{minutes}m{seconds}s"),
            (hours, minutes) => write!(f, "{hours}h{minutes}m{seconds}s"),
        }
    }
}

/// `value / scale` with as many decimals as needed.
fn decimal(value: u64, scale: u64) -> String {
    let (whole, mut rest) = (value / scale, value % scale);
    let mut text = whole.to_string();
    if rest > 0 {
        text.push('.');
        let mut place = scale / 10;
        while rest > 0 && place > 0 {
            text.push(char::from(b'0' + u8::try_from(rest / place).unwrap_or(0)));
            rest %= place;
            place /= 10;
        }
    }
    text
}

impl Serialize for GoDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_come_back() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("1969-12-31T23:59:59Z", -1),
            ("9999-12-31T23:59:59Z", LAST),
            ("0001-01-01T00:00:00Z", FIRST),
        ] {
            let at: Timestamp = text.parse().unwrap();
            assert_eq!(at.seconds(), seconds, "{text}");
            assert_eq!(at.to_string(), text);
        }
    }

    #[test]
    fn offsets_and_fractions() {
        let at: Timestamp = "2026-11-23T05:02:02.987+02:00".parse().unwrap();
        assert_eq!(at.to_string(), "2026-11-23T03:02:02Z");
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in [
            "",
            "2026-11-23",
            "2026-02-30T00:00:00Z",
            "2026-11-23T24:00:00Z",
            "2026-11-23T00:00:00",
            "2026-11-23T00:00:00.Z",
            "+026-11-23T00:00:00Z",
            "2026-11-23T00:00:00+2:00",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn durations_print_as_go_prints_them() {
        for (text, printed) in [
            ("24h", "24h0m0s"),
            ("6m30s", "6m30s"),
            ("90s", "1m30s"),
            ("1.5h", "1h30m0s"),
            ("500ms", "500ms"),
            ("1.5s", "1.5s"),
            ("1500us", "1.5ms"),
            ("0", "0s"),
            ("-1m", "-1m0s"),
            ("8760h", "8760h0m0s"),
        ] {
            let parsed: GoDuration = text.parse().unwrap();
            assert_eq!(parsed.to_string(), printed, "{text}");
            assert_eq!(printed.parse::<GoDuration>().unwrap(), parsed);
        }
        for text in ["", "1", "h", "1d", "1h2", "-", "1..5s", "99999999999999h"] {
            assert!(text.parse::<GoDuration>().is_err(), "{text}");
        }
    }
}
