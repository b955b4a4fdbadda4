//! Measuring: how long a run takes, and how much of a processor.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

use crate::{bench::Failure, figure::nanos};

/// What measuring a case gave: nanoseconds per run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// How many runs were measured.
    pub runs: u64,
    /// The fastest.
    pub min: f64,
    /// As many were faster as slower.
    pub median: f64,
    /// The slowest.
    pub max: f64,
    /// CPU time of all threads, mean.
    pub cpu: f64,
}

/// What one run took, where the run itself knows best.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// From its beginning to its end.
    pub time: Duration,
    /// CPU time of all its threads.
    pub cpu: Duration,
}

impl Timing {
    /// What `work` takes, in this process.
    ///
    /// # Errors
    ///
    /// Those of `work`.
    pub fn of<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<Self, Failure> {
        let (start, cpu_start) = (Instant::now(), cpu_time());
        black_box(work()?);
        Ok(Self { time: start.elapsed(), cpu: cpu_time().saturating_sub(cpu_start) })
    }
}

/// Fewest measured runs, however slow they are.
const FEWEST: usize = 3;
/// Most samples: enough for a steady median.
const MOST: usize = 10_000;
/// Runs shorter than this are measured several at once, for the clock takes its time as well.
const SHORTEST_SAMPLE: Duration = Duration::from_micros(100);

/// Warms up for a tenth of the budget, then measures until the budget is used up.
pub(crate) fn measure<T>(
    budget: Duration,
    run: &mut impl FnMut() -> Result<T, Failure>,
) -> Result<Sample, Failure> {
    let per_sample = warm_up(budget / 10, run)?;
    let mut samples = Vec::new();
    let (start, cpu_start) = (Instant::now(), cpu_time());
    while samples.len() < FEWEST || (samples.len() < MOST && start.elapsed() < budget) {
        let sample = Instant::now();
        for _ in 0..per_sample {
            black_box(run()?);
        }
        samples.push(nanos(sample.elapsed()) / as_f64(per_sample));
    }
    let runs = per_sample * u64::try_from(samples.len()).unwrap_or(u64::MAX);
    Ok(summary(&mut samples, runs, nanos(cpu_time().saturating_sub(cpu_start)) / as_f64(runs)))
}

/// As [`measure`], for runs that time themselves: one is for warming up.
pub(crate) fn measure_timed(
    budget: Duration,
    run: &mut impl FnMut() -> Result<Timing, Failure>,
) -> Result<Sample, Failure> {
    run()?;
    let (mut samples, mut cpu) = (Vec::new(), 0.0);
    let start = Instant::now();
    while samples.len() < FEWEST || (samples.len() < MOST && start.elapsed() < budget) {
        let one = run()?;
        samples.push(nanos(one.time));
        cpu += nanos(one.cpu);
    }
    let runs = u64::try_from(samples.len()).unwrap_or(u64::MAX);
    Ok(summary(&mut samples, runs, cpu / as_f64(runs)))
}

/// CPU time that this process used so far, all threads together.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
    Duration::from_secs(seconds.unwrap_or(0)) + Duration::from_nanos(nanos.unwrap_or(0))
}

/// Runs at least once; how many runs make one sample.
fn warm_up<T>(budget: Duration, run: &mut impl FnMut() -> Result<T, Failure>) -> Result<u64, Failure> {
    let (start, mut runs, mut fastest) = (Instant::now(), 0_u64, Duration::MAX);
    while runs == 0 || start.elapsed() < budget {
        let one = Instant::now();
        black_box(run()?);
        fastest = fastest.min(one.elapsed());
        runs += 1;
    }
    let per_sample = SHORTEST_SAMPLE.as_nanos() / fastest.as_nanos().max(1);
    Ok(u64::try_from(per_sample).unwrap_or(u64::MAX).clamp(1, 100_000))
}

fn summary(samples: &mut [f64], runs: u64, cpu: f64) -> Sample {
    samples.sort_unstable_by(f64::total_cmp);
    let at = |index: usize| samples.get(index).copied().unwrap_or(f64::NAN);
    let last = samples.len().saturating_sub(1);
    Sample { runs, min: at(0), median: f64::midpoint(at(last / 2), at(last.div_ceil(2))), max: at(last), cpu }
}

/// Counts of runs are far below 2⁵³.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2⁵³")]
pub(crate) const fn as_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_two_in_the_middle() {
        let median = |samples: &mut [f64]| summary(samples, 1, 0.0).median;
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&mut [7.0]), 7.0);
    }

    #[test]
    fn measures_sleep_as_time_but_not_as_cpu_time() {
        let sample = measure(Duration::from_millis(30), &mut || {
            std::thread::sleep(Duration::from_millis(5));
            Ok(())
        })
        .unwrap();
        assert!(sample.runs >= 3);
        assert!(
            sample.min >= 5e6 && sample.min <= sample.median && sample.median <= sample.max,
            "{sample:?}"
        );
        assert!(sample.cpu < 2.5e6, "{sample:?}");
    }

    #[test]
    fn an_error_ends_it() {
        assert!(measure(Duration::ZERO, &mut || Err::<(), _>("broken".into())).is_err());
    }
}
