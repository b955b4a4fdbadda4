//! The command line of a bench.

use std::time::Duration;

/// What a bench is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// What to do with the cases.
    pub(crate) mode: Mode,
    /// Only cases whose `bench/case` name contains one of these; all if empty.
    pub(crate) filters: Vec<String>,
    /// JSON lines instead of text.
    pub(crate) json: bool,
    /// Instruction counts beside times.
    pub(crate) instructions: bool,
    /// How long to measure each case.
    pub(crate) budget: Duration,
    /// Where to write the plot of the cases that are points of one.
    pub(crate) plot: Option<String>,
}

/// What to do with the cases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Measure each.
    Measure,
    /// Run each once: does it work?
    Test,
    /// Print their names.
    List,
    /// Run one case a number of times and print nothing: what runs under callgrind.
    Repeat {
        /// `bench/case`.
        case: String,
        /// How often.
        times: u64,
    },
}

const DEFAULT_BUDGET: Duration = Duration::from_secs(1);

pub(crate) const USAGE: &str = "\
usage: cargo bench -p k8sboot-benches [--bench NAME] -- [FILTER]... [OPTION]...

  FILTER           only cases whose name contains it
  --seconds N      measure each case for N seconds (default 1; at least 3 runs)
  --instructions   count instructions too, with valgrind's callgrind
  --json           one JSON object per line
  --plot FILE      write a plot of cost against size as SVG (the benches that have one)
  --test           run each case once and measure nothing
  --list           print the names of the cases";

impl Options {
    /// Reads the arguments after the program's name.
    ///
    /// Cargo says `--bench` when it benches; without that (as in `cargo test --benches`) each case is only tried.
    pub(crate) fn parse(args: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            mode: Mode::Test,
            filters: Vec::new(),
            json: false,
            instructions: false,
            budget: DEFAULT_BUDGET,
            plot: None,
        };
        let mut args = args.into_iter();
        let (mut benched, mut asked) = (false, None);
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg}: expected a value"));
            match arg.as_str() {
                "--bench" => benched = true,
                "--test" => asked = Some(Mode::Test),
                "--list" => asked = Some(Mode::List),
                "--json" => options.json = true,
                "--instructions" => options.instructions = true,
                "--seconds" => {
                    let seconds = value()?.parse().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
                    options.budget = seconds.ok_or("--seconds: expected a number of seconds")?;
                }
                "--plot" => options.plot = Some(value()?),
                "--repeat" => {
                    let times = value()?.parse().map_err(|_| "--repeat: expected a number".to_owned())?;
                    asked = Some(Mode::Repeat { case: value()?, times });
                }
                // What the standard harness takes and has no meaning here.
                "--nocapture" | "--no-capture" | "--quiet" | "-q" => {}
                option if option.starts_with('-') => {
                    return Err(format!("{option}: unknown option\n\n{USAGE}"));
                }
                filter => options.filters.push(filter.to_owned()),
            }
        }
        options.mode = asked.unwrap_or(if benched { Mode::Measure } else { Mode::Test });
        Ok(options)
    }

    /// Whether a case was asked for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        match &self.mode {
            Mode::Repeat { case, .. } => case == name,
            _ => self.filters.is_empty() || self.filters.iter().any(|filter| name.contains(filter)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn measures_only_when_cargo_benches() {
        assert_eq!(parse("").unwrap().mode, Mode::Test);
        assert_eq!(parse("--bench").unwrap().mode, Mode::Measure);
        assert_eq!(parse("--test --bench").unwrap().mode, Mode::Test);
        assert_eq!(parse("--seconds 0.5 --bench").unwrap().budget, Duration::from_millis(500));
        assert_eq!(parse("--plot cost.svg").unwrap().plot.as_deref(), Some("cost.svg"));
    }

    #[test]
    fn filters_match_parts_of_names_and_repeat_the_whole() {
        let options = parse("--bench tree sign").unwrap();
        assert!(options.wants("pki/tree") && options.wants("token/sign") && !options.wants("token/parse"));
        let repeat = parse("--repeat 7 pki/tree").unwrap();
        assert_eq!(repeat.mode, Mode::Repeat { case: "pki/tree".into(), times: 7 });
        assert!(repeat.wants("pki/tree") && !repeat.wants("pki/tree/rsa"));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for line in
            ["--fast", "--plot", "--seconds", "--seconds x", "--seconds -1", "--repeat x pki", "--repeat 1"]
        {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
