//! Figures with units, what they are to be, and what kubeadm's are.

use std::time::Duration;

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Nanoseconds,
    /// Bytes.
    Bytes,
    /// Something countable.
    Count,
    /// Something per second.
    PerSecond(&'static str),
}

/// Which side of a target is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The figure is to be this or less.
    AtMost,
    /// The figure is to be this or more.
    AtLeast,
}

/// What a figure is to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Which side is good.
    pub bound: Bound,
    /// The limit, in the unit of the figure.
    pub value: f64,
    /// The unit.
    pub unit: Unit,
}

/// What kubeadm takes for the same, as recorded in the project's reference of kubeadm 1.36.2.
///
/// It was recorded on two cores of 2.6 GHz: on a machine that is faster or slower, so would kubeadm be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recorded {
    /// What was recorded, for example `init --dry-run`.
    pub what: &'static str,
    /// Its median.
    pub value: f64,
    /// How much of it is not the work that it is compared with: the start of its processes.
    pub besides: f64,
    /// The unit of both.
    pub unit: Unit,
}

impl Unit {
    /// A figure for people.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Nanoseconds => scaled(value, 1000.0, &["ns", "µs", "ms", "s"]),
            Self::Bytes => scaled(value, 1000.0, &["B", "kB", "MB", "GB"]),
            Self::Count => scaled(value, 1000.0, &["", "k", "M", "G"]).trim_end().to_owned(),
            Self::PerSecond(what) => {
                format!("{} {what}/s", scaled(value, 1000.0, &["", "k", "M", "G"]).trim_end())
            }
        }
    }
}

impl Target {
    /// Whether a figure of the target's unit meets it.
    #[must_use]
    pub fn is_met(&self, value: f64) -> bool {
        match self.bound {
            Bound::AtMost => value <= self.value,
            Bound::AtLeast => value >= self.value,
        }
    }

    /// The target and how a figure stands to it.
    #[must_use]
    pub fn show(&self, value: f64) -> String {
        let sign = if self.bound == Bound::AtMost { '≤' } else { '≥' };
        let factor = if self.bound == Bound::AtMost { value / self.value } else { self.value / value };
        let verdict = if self.is_met(value) { "met".to_owned() } else { format!("MISSED {factor:.2}x") };
        format!("target {sign} {}: {verdict}", self.unit.show(self.value))
    }
}

impl Recorded {
    /// A time of whole processes, compared with a whole process of ours.
    #[must_use]
    pub fn whole(what: &'static str, median: Duration) -> Self {
        Self { what, value: nanos(median), besides: 0.0, unit: Unit::Nanoseconds }
    }

    /// A time of so many processes, compared with work inside a process of ours: their starts do not count.
    #[must_use]
    pub fn work(what: &'static str, median: Duration, processes: u32) -> Self {
        Self { besides: nanos(START * processes), ..Self::whole(what, median) }
    }

    /// Peak memory of a process.
    #[must_use]
    pub const fn memory(what: &'static str, bytes: f64) -> Self {
        Self { what, value: bytes, besides: 0.0, unit: Unit::Bytes }
    }

    /// What is left for comparing.
    #[must_use]
    pub const fn compared(&self) -> f64 {
        self.value - self.besides
    }

    /// kubeadm's figure and how many times ours it is.
    #[must_use]
    pub fn show(&self, ours: f64) -> String {
        let less = match self.besides {
            0.0 => String::new(),
            _ => format!(", {} without its start", self.unit.show(self.compared())),
        };
        format!("kubeadm {}: {}{less}, {:.1}x", self.what, self.unit.show(self.value), self.compared() / ours)
    }
}

/// What the start of a kubeadm process takes before it does anything (`kubeadm version`).
const START: Duration = Duration::from_millis(32);

/// A duration as a figure.
pub(crate) fn nanos(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

/// Three significant digits and the largest unit that leaves at least one before the point.
fn scaled(mut value: f64, step: f64, units: &[&str]) -> String {
    let mut units = units.iter().copied().peekable();
    let mut unit = units.next().unwrap_or_default();
    while value >= step && units.peek().is_some() {
        value /= step;
        unit = units.next().unwrap_or_default();
    }
    let digits = match value {
        v if v >= 100.0 || v.fract() == 0.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        for (unit, value, shown) in [
            (Unit::Nanoseconds, 7.0, "7 ns"),
            (Unit::Nanoseconds, 1_234.0, "1.23 µs"),
            (Unit::Nanoseconds, 77_000_000.0, "77 ms"),
            (Unit::Nanoseconds, 12_340_000_000.0, "12.3 s"),
            (Unit::Bytes, 6e6, "6 MB"),
            (Unit::Count, 76.0, "76"),
            (Unit::PerSecond("certificates"), 5_432.0, "5.43 k certificates/s"),
        ] {
            assert_eq!(unit.show(value), shown);
        }
    }

    #[test]
    fn targets_have_two_sides() {
        let most = Target { bound: Bound::AtMost, value: 1e7, unit: Unit::Nanoseconds };
        assert_eq!(most.show(1e7), "target ≤ 10 ms: met");
        assert_eq!(most.show(1.5e7), "target ≤ 10 ms: MISSED 1.50x");
        let least = Target { bound: Bound::AtLeast, value: 5_000.0, unit: Unit::PerSecond("certificates") };
        assert_eq!(least.show(2_500.0), "target ≥ 5 k certificates/s: MISSED 2.00x");
    }

    #[test]
    fn ratios_say_how_many_times_as_fast() {
        let whole = Recorded::whole("init", Duration::from_millis(90));
        assert_eq!(whole.show(3e6), "kubeadm init: 90 ms, 30.0x");
        let work = Recorded::work("init", Duration::from_millis(90), 1);
        assert_eq!(work.show(2e6), "kubeadm init: 90 ms, 58 ms without its start, 29.0x");
    }
}
