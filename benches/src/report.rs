//! Printing results, as text or as JSON lines.

use std::io::{Write, stderr, stdout};

use serde_json::{Map, Value, json};

use crate::{Bound, Recorded, Sample, Target, Unit};

/// One result.
pub(crate) struct Line<'a> {
    pub(crate) name: &'a str,
    pub(crate) figure: Figure,
    pub(crate) instructions: Option<f64>,
    pub(crate) target: Option<&'a Target>,
    pub(crate) recorded: Option<&'a Recorded>,
}

/// What a result is.
pub(crate) enum Figure {
    /// A time, with the number of units in each run.
    Time(Sample, Option<(f64, &'static str)>),
    /// A single figure.
    Single(f64, Unit),
}

impl Line<'_> {
    pub(crate) fn print(&self, json: bool) {
        let line = if json { self.to_json().to_string() } else { self.to_text() };
        say(&line);
    }

    fn to_text(&self) -> String {
        let mut text = match &self.figure {
            Figure::Time(sample, units) => {
                let time = |value| Unit::Nanoseconds.show(value);
                let (min, median, max) = (time(sample.min), time(sample.median), time(sample.max));
                let (cpu, runs) = (time(sample.cpu), sample.runs);
                let rate = rate(sample, *units).map(|(value, unit)| format!("  {}", unit.show(value)));
                let rate = rate.unwrap_or_default();
                format!("{:<38} {median:>8}  ({min} to {max}, {runs} runs)  cpu {cpu}{rate}", self.name)
            }
            Figure::Single(value, unit) => format!("{:<38} {:>8}", self.name, unit.show(*value)),
        };
        if let Some(count) = self.instructions {
            text.push_str(&format!("  {} instructions", Unit::Count.show(count)));
        }
        if let Some(target) = self.target {
            text.push_str(&format!("  [{}]", target.show(self.in_unit(target.unit))));
        }
        if let Some(recorded) = self.recorded {
            text.push_str(&format!("  [{}]", recorded.show(self.in_unit(recorded.unit))));
        }
        text
    }

    fn to_json(&self) -> Value {
        let mut map = Map::new();
        let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
        put("case", json!(self.name));
        match &self.figure {
            Figure::Time(sample, units) => {
                put("runs", json!(sample.runs));
                put("min_ns", json!(sample.min));
                put("median_ns", json!(sample.median));
                put("max_ns", json!(sample.max));
                put("cpu_ns", json!(sample.cpu));
                if let Some((value, Unit::PerSecond(what))) = rate(sample, *units) {
                    put("per_second", json!(value));
                    put("per_second_of", json!(what));
                }
            }
            Figure::Single(value, unit) => {
                put("value", json!(value));
                put("unit", json!(format!("{unit:?}").to_lowercase()));
            }
        }
        if let Some(count) = self.instructions {
            put("instructions", json!(count));
        }
        if let Some(target) = self.target {
            put("target", json!(target.value));
            put("target_is", json!(if target.bound == Bound::AtMost { "at most" } else { "at least" }));
            put("target_met", json!(target.is_met(self.in_unit(target.unit))));
        }
        if let Some(recorded) = self.recorded {
            put("kubeadm", json!(recorded.what));
            put("kubeadm_value", json!(recorded.value));
            put("kubeadm_without_start", json!(recorded.compared()));
        }
        Value::Object(map)
    }

    /// The figure that a target or a recorded time is compared with.
    fn in_unit(&self, unit: Unit) -> f64 {
        match (&self.figure, unit) {
            (Figure::Time(sample, units), Unit::PerSecond(_)) => {
                rate(sample, *units).map_or(f64::NAN, |(value, _)| value)
            }
            (Figure::Time(sample, _), _) => sample.median,
            (Figure::Single(value, _), _) => *value,
        }
    }
}

fn rate(sample: &Sample, units: Option<(f64, &'static str)>) -> Option<(f64, Unit)> {
    units.map(|(count, what)| (count / sample.median * 1e9, Unit::PerSecond(what)))
}

/// A line to standard output. A closed pipe is nobody's error.
pub(crate) fn say(line: &str) {
    let _ = writeln!(stdout().lock(), "{line}");
}

/// A line to standard error.
pub(crate) fn warn(line: &str) {
    let _ = writeln!(stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ms;

    fn line(figure: Figure) -> String {
        let target = Target { bound: Bound::AtLeast, value: 5_000.0, unit: Unit::PerSecond("certificates") };
        let recorded = Recorded::work("certs all", ms(44), 1);
        let (target, recorded) = (Some(&target), Some(&recorded));
        Line { name: "pki/leaf", figure, instructions: Some(2e6), target, recorded }.to_text()
    }

    #[test]
    fn a_line_has_the_times_the_rate_the_target_and_the_ratio() {
        let sample = Sample { runs: 9, min: 9e4, median: 1e5, max: 2e5, cpu: 1.1e5 };
        let text = line(Figure::Time(sample, Some((1.0, "certificates"))));
        for part in [
            "pki/leaf",
            " 100 µs  (90 µs to 200 µs, 9 runs)  cpu 110 µs  10 k certificates/s  2 M instructions",
            "[target ≥ 5 k certificates/s: met]",
            "[kubeadm certs all: 44 ms, 12 ms without its start, 120.0x]",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
