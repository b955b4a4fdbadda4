//! Benches and their cases.

use std::{env, error::Error, fs, hint::black_box, process::ExitCode, thread, time::Duration};

use crate::{
    Bound, Recorded, Target, Unit, callgrind,
    figure::nanos,
    measure::{Sample, Timing, as_f64, measure, measure_timed},
    options::{Mode, Options, USAGE},
    plot::Plot,
    report::{Figure, Line, say, warn},
};

/// Whatever went wrong in a case.
pub type Failure = Box<dyn Error>;

/// A program that measures cases.
#[derive(Clone, Copy, Debug)]
pub struct Bench {
    name: &'static str,
}

/// Takes the cases of a bench, one by one.
#[derive(Debug)]
pub struct Cases {
    bench: &'static str,
    options: Options,
    failures: u32,
    matched: u32,
    plot: Plot,
}

/// One case: what it is to reach, and then what it runs.
#[must_use = "a case does nothing until it is run"]
#[derive(Debug)]
pub struct Case<'a> {
    cases: &'a mut Cases,
    name: String,
    target: Option<Target>,
    recorded: Option<Recorded>,
    units: Option<(f64, &'static str)>,
    point: Option<(String, f64)>,
}

impl Bench {
    /// A bench; its name begins the name of each of its cases.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name }
    }

    /// Does what the command line asks for with the cases that `define` names.
    ///
    /// What `define` does besides is set-up and not measured; it runs in every mode.
    pub fn run(self, define: impl FnOnce(&mut Cases) -> Result<(), Failure>) -> ExitCode {
        if env::args().any(|arg| arg == "--help" || arg == "-h") {
            say(USAGE);
            return ExitCode::SUCCESS;
        }
        let options = match Options::parse(env::args().skip(1)) {
            Ok(options) => options,
            Err(why) => {
                warn(&why);
                return ExitCode::from(2);
            }
        };
        if options.mode == Mode::Measure && !options.json {
            say(&format!("{}: {}", self.name, machine()));
        }
        let plot = Plot::new(&format!("{}: cost of one run", self.name), "size");
        let mut cases = Cases { bench: self.name, options, failures: 0, matched: 0, plot };
        if let Err(why) = define(&mut cases) {
            cases.fail(self.name, &*why);
        }
        if let Some(path) = cases.options.plot.clone()
            && let Err(why) = fs::write(&path, cases.plot.to_svg())
        {
            cases.fail(&path, &why);
        }
        if cases.matched == 0 && matches!(cases.options.mode, Mode::Repeat { .. }) {
            warn(&format!("{}: no such case", self.name));
            return ExitCode::FAILURE;
        }
        if cases.failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

impl Cases {
    /// A case; its name after that of the bench tells what it does.
    pub fn case(&mut self, name: impl AsRef<str>) -> Case<'_> {
        let name = format!("{}/{}", self.bench, name.as_ref());
        Case { cases: self, name, target: None, recorded: None, units: None, point: None }
    }

    /// The title of the plot that `--plot` writes, and what its horizontal axis counts.
    pub fn plot(&mut self, title: &str, across: &str) {
        self.plot = Plot::new(title, across);
    }

    /// Whether cases are measured, not only tried or listed: costly preparation of figures can be left out then.
    #[must_use]
    pub fn measures(&self) -> bool {
        self.options.mode == Mode::Measure
    }

    /// Says loudly that something could not be measured here.
    pub fn skip(&self, name: &str, why: &str) {
        if self.options.wants(&format!("{}/{name}", self.bench)) {
            warn(&format!("skipped: {}/{name}: {why}", self.bench));
        }
    }

    fn fail(&mut self, name: &str, why: &dyn Error) {
        self.failures += 1;
        let mut text = format!("{name}: FAILED: {why}");
        let mut source = why.source();
        while let Some(cause) = source {
            text.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        warn(&text);
    }
}

impl Case<'_> {
    /// The median is to be this or less.
    pub fn at_most(self, time: Duration) -> Self {
        self.target(Target { bound: Bound::AtMost, value: nanos(time), unit: Unit::Nanoseconds })
    }

    /// The rate of what [`units`](Self::units), said before, counts is to be this or more.
    pub fn at_least_per_second(self, count: f64) -> Self {
        let what = self.units.map_or("", |(_, what)| what);
        self.target(Target { bound: Bound::AtLeast, value: count, unit: Unit::PerSecond(what) })
    }

    /// What the figure is to be.
    pub fn target(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }

    /// What kubeadm takes for the same.
    pub fn kubeadm(mut self, recorded: Recorded) -> Self {
        self.recorded = Some(recorded);
        self
    }

    /// What kubeadm takes for the same, and half of it as target.
    pub fn half_of_kubeadm(self, recorded: Recorded) -> Self {
        let half = Target { bound: Bound::AtMost, value: recorded.compared() / 2.0, unit: recorded.unit };
        self.kubeadm(recorded).target(half)
    }

    /// How many of what each run makes, for a rate.
    pub fn units(mut self, count: f64, what: &'static str) -> Self {
        self.units = Some((count, what));
        self
    }

    /// Makes the median a point of the plot that `--plot` writes: in which series, and at which size.
    pub fn point(mut self, series: impl Into<String>, size: f64) -> Self {
        self.point = Some((series.into(), size));
        self
    }

    /// Measures `run`, or tries it once.
    pub fn run<T>(self, mut run: impl FnMut() -> Result<T, Failure>) {
        self.conduct(true, |budget| match budget {
            None => run().map(|value| {
                drop(black_box(value));
                None
            }),
            Some(budget) => measure(budget, &mut run).map(Some),
        });
    }

    /// As [`run`](Self::run), for runs that time themselves: other processes, or work after which something is put back.
    pub fn run_timed(self, mut run: impl FnMut() -> Result<Timing, Failure>) {
        self.conduct(false, |budget| match budget {
            None => run().map(|_| None),
            Some(budget) => measure_timed(budget, &mut run).map(Some),
        });
    }

    /// Does what the mode says with `work`, which runs once without a budget and measures with one.
    fn conduct(
        self,
        counts: bool,
        mut work: impl FnMut(Option<Duration>) -> Result<Option<Sample>, Failure>,
    ) {
        if !self.is_wanted() {
            return;
        }
        self.cases.matched += 1;
        let done = match self.cases.options.mode.clone() {
            Mode::List => {
                say(&self.name);
                Ok(())
            }
            Mode::Test => work(None).map(|_| say(&format!("{}: ok", self.name))),
            Mode::Repeat { times, .. } => (0..times).try_for_each(|_| work(None).map(drop)),
            Mode::Measure => work(Some(self.cases.options.budget)).map(|sample| {
                let Some(sample) = sample else { return };
                if let Some((series, size)) = &self.point {
                    self.cases.plot.add(series, *size, sample.median);
                }
                let counts = counts && self.cases.options.instructions;
                let instructions =
                    if counts { callgrind::instructions(&self.name, sample.median) } else { None };
                let figure = Figure::Time(sample, self.units);
                self.line(figure, instructions).print(self.cases.options.json);
            }),
        };
        if let Err(why) = done {
            self.cases.fail(&self.name, &*why);
        }
    }

    /// Shows a figure that is not a time of a run, for example a size.
    pub fn figure(self, unit: Unit, find: impl FnOnce() -> Result<u64, Failure>) {
        if !self.is_wanted() {
            return;
        }
        if self.cases.options.mode == Mode::List {
            say(&self.name);
            return;
        }
        match find() {
            Ok(value) => self.line(Figure::Single(as_f64(value), unit), None).print(self.cases.options.json),
            Err(why) => self.cases.fail(&self.name, &*why),
        }
    }

    /// Whether the case was asked for: what only it needs can be left out otherwise.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.cases.options.wants(&self.name)
    }

    fn line(&self, figure: Figure, instructions: Option<f64>) -> Line<'_> {
        Line {
            name: &self.name,
            figure,
            instructions,
            target: self.target.as_ref(),
            recorded: self.recorded.as_ref(),
        }
    }
}

/// What the reader must know to judge the figures.
fn machine() -> String {
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().filter(|load| !load.is_empty()).unwrap_or("unknown");
    let build = if cfg!(debug_assertions) { "DEBUG BUILD" } else { "release build" };
    format!("{cores} processors, load {load}, {build}; median (fastest to slowest)")
}
