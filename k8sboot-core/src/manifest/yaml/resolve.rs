//! Which plain texts a YAML 1.1 reader takes for something else than a string.

/// Whether go-yaml v2 would read the unquoted text back as a string.
///
/// It must be quoted if it looks like a boolean (`yes`, `n`, `On` …), null, infinity, a number (also `0x1F`, `0o17`,
/// `0b1`, `017`, `1_000`, `.5`), a timestamp or a base-60 number (`12:30`). The merge key `<<` is not quoted, a quirk
/// of go-yaml v2.
///
/// Sources: go-yaml v2, resolve.go (`resolve`) and encode.go (`isBase60Float`); Go `strconv` and `time.Parse`.
pub(super) fn stays_string(text: &str) -> bool {
    let Some(first) = text.chars().next() else { return false };
    if is_named(text) {
        return false;
    }
    match first {
        '.' => !is_go_float(text),
        '0'..='9' | '+' | '-' => {
            let plain = text.replace('_', "");
            !(is_timestamp(text) || is_integer(&plain) || is_float(&plain) || is_base_60(text))
        }
        _ => true,
    }
}

fn is_named(text: &str) -> bool {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    const FLOATS: [&str; 4] = [".inf", "+.inf", "-.inf", ".nan"];
    let lower = text.to_ascii_lowercase();
    if WORDS.contains(&lower.as_str()) {
        // `yes`, `Yes`, `YES`, but not `yEs`.
        let rest = text.get(1..).unwrap_or_default();
        let all = |f: fn(&u8) -> bool| rest.bytes().all(|b| f(&b));
        return all(u8::is_ascii_lowercase)
            || (all(u8::is_ascii_uppercase) && text.starts_with(|c: char| c.is_ascii_uppercase()));
    }
    if FLOATS.contains(&lower.as_str()) {
        let word = text.trim_start_matches(['+', '-', '.']);
        return matches!(word, "inf" | "Inf" | "INF" | "nan" | "NaN" | "NAN");
    }
    text == "~"
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['+', '-']).unwrap_or(text)
}

/// `strconv.ParseInt(text, 0, 64)` or `ParseUint`, or `big.Int` where they overflow.
fn is_integer(text: &str) -> bool {
    let digits = unsigned(text);
    let based = |prefix: [&str; 2], radix: u32| {
        let rest = prefix.iter().find_map(|p| digits.strip_prefix(p));
        rest.is_some_and(|r| !r.is_empty() && r.chars().all(|c| c.is_digit(radix)))
    };
    let decimal = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    // What `0o9` and the like are not, `is_float` catches for decimal digits: `08` is a float.
    decimal || based(["0x", "0X"], 16) || based(["0o", "0O"], 8) || based(["0b", "0B"], 2)
}

/// go-yaml's pattern of floats; what overflows a double is no float.
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = unsigned(text)
        .split_once(['e', 'E'])
        .map_or((unsigned(text), None), |(mantissa, exponent)| (mantissa, Some(exponent)));
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some((whole, fraction)) => {
            digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty())
        }
        None => !mantissa.is_empty() && digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|e| !unsigned(e).is_empty() && digits(unsigned(e)));
    mantissa_fits && exponent_fits && text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// `strconv.ParseFloat` of a text that starts with a dot: underscores may stand between digits.
fn is_go_float(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|i| bytes.get(i)).is_some_and(u8::is_ascii_digit);
    let separates = bytes
        .iter()
        .enumerate()
        .filter(|(_, b)| **b == b'_')
        .all(|(i, _)| digit(i.checked_sub(1)) && digit(i.checked_add(1)));
    separates && is_float(&text.replace('_', ""))
}

/// `[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?`
fn is_base_60(text: &str) -> bool {
    let (whole, fraction) = unsigned(text).split_once('.').unwrap_or((unsigned(text), ""));
    let loose = |t: &str| t.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let mut parts = whole.split(':');
    let head = parts.next().unwrap_or_default();
    let mut tail = parts.peekable();
    head.starts_with(|c: char| c.is_ascii_digit())
        && loose(head)
        && loose(fraction)
        && tail.peek().is_some()
        && tail.all(|part| match part.as_bytes() {
            [ones] => ones.is_ascii_digit(),
            [tens, ones] => (b'0'..=b'5').contains(tens) && ones.is_ascii_digit(),
            _ => false,
        })
}

/// One of the four forms of go-yaml: a date, with a time after `T` or `t` and a zone, or with a time after blanks.
///
/// As in Go's `time.Parse` all numbers but the year may have one or two digits, and the date must exist.
fn is_timestamp(text: &str) -> bool {
    let mut at = Cursor(text.as_bytes());
    let Some(year) = at.year() else { return false };
    let (Some(month), true, Some(day)) = (at.number(), at.take(b"-"), at.number()) else { return false };
    if !(1..=12).contains(&month) || !(1..=days(year, month)).contains(&day) {
        return false;
    }
    if at.0.is_empty() {
        return true;
    }
    if at.take(b"Tt") {
        return at.time() && at.zone() && at.0.is_empty();
    }
    let mut blank = false;
    while at.take(b" ") {
        blank = true;
    }
    blank && at.time() && at.0.is_empty()
}

fn days(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    /// Takes one byte if it is one of `set`.
    fn take(&mut self, set: &[u8]) -> bool {
        match self.0.split_first() {
            Some((first, rest)) if set.contains(first) => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn digit(&mut self) -> Option<u32> {
        let (first, rest) = self.0.split_first()?;
        let digit = char::from(*first).to_digit(10)?;
        self.0 = rest;
        Some(digit)
    }

    /// Four digits and a dash.
    fn year(&mut self) -> Option<u32> {
        let mut year = 0;
        for _ in 0..4 {
            year = year * 10 + self.digit()?;
        }
        self.take(b"-").then_some(year)
    }

    /// One or two digits.
    fn number(&mut self) -> Option<u32> {
        let tens = self.digit()?;
        Some(self.digit().map_or(tens, |ones| tens * 10 + ones))
    }

    /// Two digits.
    fn pair(&mut self) -> Option<u32> {
        Some(self.digit()? * 10 + self.digit()?)
    }

    fn time(&mut self) -> bool {
        let (Some(hour), true, Some(minute), true, Some(second)) =
            (self.number(), self.take(b":"), self.number(), self.take(b":"), self.number())
        else {
            return false;
        };
        let in_range = hour < 24 && minute < 60 && second < 60;
        // A fraction is digits after a dot or comma; a separator alone is left over and fails at the end.
        if let [b'.' | b',', b'0'..=b'9', ..] = self.0 {
            self.take(b".,");
            while self.digit().is_some() {}
        }
        in_range
    }

    /// `Z` or `±HH:MM`, where Go allows 24 and 60.
    fn zone(&mut self) -> bool {
        if self.take(b"Z") {
            return true;
        }
        let (true, Some(hours), true, Some(minutes)) =
            (self.take(b"+-"), self.pair(), self.take(b":"), self.pair())
        else {
            return false;
        };
        hours <= 24 && minutes <= 60
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_would_be_read_as_something_else() {
        for text in [
            "",
            "~",
            "null",
            "Null",
            "NULL",
            "y",
            "Y",
            "yes",
            "Yes",
            "YES",
            "n",
            "N",
            "no",
            "on",
            "On",
            "ON",
            "off",
            "true",
            "True",
            "TRUE",
            "false",
            ".inf",
            "+.Inf",
            "-.INF",
            ".nan",
            ".NaN",
            "0",
            "-1",
            "+1",
            "1_000",
            "1__",
            "0x1F",
            "-0xff",
            "0o17",
            "0b101",
            "-0b1",
            "017",
            "08",
            "0_8",
            "1.",
            "1.5",
            "+.5",
            ".5",
            ".5e3",
            ".5_0",
            "1e5",
            "1E+5",
            "99999999999999999999",
            "0xFFFFFFFFFFFFFFFFFFFF",
            "2001-01-01",
            "2001-1-1",
            "2001-12-14T21:59:43.10-05:00",
            "2001-12-14t21:59:43Z",
            "2001-12-14 1:2:3",
            "2001-12-14   21:59:43.5",
            "2024-02-29",
            "12:30",
            "1:2:3.",
            "190:20:30.15",
            "-1_0:00",
        ] {
            assert!(!stays_string(text), "{text:?}");
        }
    }

    #[test]
    fn texts_that_are_read_as_strings() {
        for text in [
            "a",
            "yEs",
            "yES",
            "tRUE",
            "nULL",
            "oN",
            "<<",
            "=",
            "-",
            "+",
            ".",
            "..",
            "._5",
            ".5_",
            ".e5",
            ".inF",
            "--1",
            "_1",
            "0x",
            "0xg",
            "0b2",
            "1e",
            "1e400",
            "1.2.3",
            "v1.36.2",
            "1.36.2",
            "10.96.0.10",
            "12:60",
            "12:",
            "1:2:3:",
            "a:1",
            "2001-13-01",
            "2023-02-29",
            "2001-02-30",
            "2001-12-14T21:59:43",
            "2001-12-14 24:00:00",
            "2001-01",
            "10.96.0.0/12",
            "5m",
            "1Gi",
            "+inf",
            "-.nan",
        ] {
            assert!(stays_string(text), "{text:?}");
        }
    }
}
