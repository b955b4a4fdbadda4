//! Whole plugin processes: ours, Debian's host-local and an empty static program take turns in one run.

use std::{
    cell::LazyCell,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use k8sboot_benches::{Bound, Cases, Failure, Scratch, Target, Unit, cargo, succeed};

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ipam");
const TEMPORARY: &str = env!("CARGO_TARGET_TMPDIR");
/// Debian's containernetworking-plugins.
const HOST_LOCAL: &str = "/usr/lib/cni/host-local";
/// What an ADD may take beyond 1.2 times the empty program: nanoseconds.
const ALLOWED: f64 = 150e3;
/// How many ADDs a second 64 callers are to get.
const CROWD_PER_SECOND: f64 = 800.0;
/// How many times faster than host-local an ADD is to be with 10,000 held.
const TIMES_FASTER: f64 = 100.0;

/// Nanoseconds of an ADD and of a DEL.
#[derive(Clone, Copy)]
struct Calls {
    add: u64,
    del: u64,
}

/// What a run gave for the empty program, ours and host-local.
#[derive(Clone, Copy)]
struct Run {
    empty: Calls,
    ours: Calls,
    theirs: Calls,
}

/// What a run needs.
struct Programs {
    callers: PathBuf,
    empty: PathBuf,
    ours: PathBuf,
}

/// Every fill with every crowd.
pub(crate) fn cases(b: &mut Cases) {
    if !Path::new(HOST_LOCAL).is_file() {
        b.skip("process", &format!("{HOST_LOCAL} is not installed"));
        return;
    }
    let measures = b.measures();
    let programs = LazyCell::new(|| Programs::build(measures));
    let fills: &[u32] = if measures { &[0, 250, 10_000, 60_000] } else { &[2] };
    let crowds: &[u32] = if measures { &[1, 8, 64] } else { &[2] };
    for &held in fills {
        for &callers in crowds {
            let name = format!("process/{held}-held/{callers}-callers");
            if !b.case(&name).is_wanted() {
                continue;
            }
            let run = LazyCell::new(|| match &*programs {
                Ok(programs) => programs.run(held, callers, measures).map_err(|error| error.to_string()),
                Err(error) => Err(error.clone()),
            });
            show(b, &name, held, callers, &run);
        }
    }
}

fn show(
    b: &mut Cases,
    name: &str,
    held: u32,
    callers: u32,
    run: &LazyCell<Result<Run, String>, impl FnOnce() -> Result<Run, String>>,
) {
    let time = |pick: fn(&Run) -> u64| move || Ok(pick(&(**run).clone()?));
    b.case(format!("{name}/empty static program")).figure(Unit::Nanoseconds, time(|run| run.empty.add));
    let target = b.measures().then(|| (**run).as_ref().ok().map(|run| limit(run, callers))).flatten();
    let ours = b.case(format!("{name}/ADD")).point(format!("ADD, {callers} callers"), f64::from(held));
    match target {
        Some(value) => ours.target(Target { bound: Bound::AtMost, value, unit: Unit::Nanoseconds }),
        None => ours,
    }
    .figure(Unit::Nanoseconds, time(|run| run.ours.add));
    b.case(format!("{name}/DEL")).figure(Unit::Nanoseconds, time(|run| run.ours.del));
    b.case(format!("{name}/host-local ADD")).figure(Unit::Nanoseconds, time(|run| run.theirs.add));
    let ratio = b.case(format!("{name}/host-local ADD, times ours"));
    match held {
        10_000 => ratio.target(Target { bound: Bound::AtLeast, value: TIMES_FASTER, unit: Unit::Count }),
        _ => ratio,
    }
    .figure(Unit::Count, time(|run| run.theirs.add / run.ours.add.max(1)));
}

/// One caller waits for a process, a crowd for its turn.
fn limit(run: &Run, callers: u32) -> f64 {
    let empty = f64::from(u32::try_from(run.empty.add).unwrap_or(u32::MAX));
    if callers == 1 { 1.2 * empty + ALLOWED } else { (1.2 * empty + ALLOWED).max(1e9 / CROWD_PER_SECOND) }
}

impl Programs {
    /// Measured is what is installed: static. A try takes what is built anyway.
    fn build(measures: bool) -> Result<Self, String> {
        let target = Path::new(TEMPORARY).parent().ok_or("no target directory")?;
        let ours = if measures {
            let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
            succeed(Command::new("make").args(["-C", root, "--silent", "plugin"]))?;
            target.join("stage/k8sboot-ipam")
        } else {
            let package = ["-p", "k8sboot-examples", "--bin", "k8sboot-ipam"];
            succeed(cargo().args(["build", "--quiet", "--release"]).args(package))?;
            target.join("release/k8sboot-ipam")
        };
        let compile = |name: &str, options: &[&str]| {
            let (source, program) =
                (Path::new(SOURCES).join(format!("{name}.c")), Path::new(TEMPORARY).join(name));
            succeed(Command::new("cc").arg("-O2").args(options).arg("-o").args([&program, &source]))?;
            Ok::<_, String>(program)
        };
        Ok(Self { callers: compile("callers", &[])?, empty: compile("empty", &["-static"])?, ours })
    }

    fn run(&self, held: u32, callers: u32, measures: bool) -> Result<Run, Failure> {
        let scratch = Scratch::below(TEMPORARY)?;
        let ours = network(scratch.path(), "ours", held)?;
        let theirs = network(scratch.path(), "theirs", held)?;
        // host-local takes a second a call with 60,000 held, for everybody in turn; then it is not asked to free either.
        let (rounds, calls) = match (held, callers) {
            _ if !measures => ("1", "1"),
            (0..=250, 1) => ("60", "3"),
            (0..=250, _) => ("5", "8"),
            (251..=10_000, 1) => ("12", "10"),
            (_, 1) => ("4", "30"),
            (_, 64) => ("1", "16"),
            _ => ("2", "16"),
        };
        let del = if held > 250 { "keep" } else { "del" };
        // The first call makes the index; it is not measured.
        self.take_turns("1", "1", &[(&self.ours, &ours, "1", "del")])?;
        let times = self.take_turns(
            &callers.to_string(),
            rounds,
            &[
                (&self.empty, &ours, calls, "keep"),
                (&self.ours, &ours, calls, "del"),
                (Path::new(HOST_LOCAL), &theirs, if held > 250 { "1" } else { calls }, del),
            ],
        )?;
        let &[empty, ours, theirs] = times.as_slice() else {
            return Err("callers: expected three lines".into());
        };
        Ok(Run { empty, ours, theirs })
    }

    fn take_turns(
        &self,
        callers: &str,
        rounds: &str,
        programs: &[(&Path, &Path, &str, &str)],
    ) -> Result<Vec<Calls>, Failure> {
        let mut command = Command::new(&self.callers);
        command.args([callers, rounds]);
        for (program, configuration, calls, del) in programs {
            command.arg(program).arg(configuration).args([calls, del]);
        }
        let said = succeed(&mut command)?;
        let read = |line: &str| {
            let (add, del) = line.split_once(' ').ok_or_else(|| format!("callers: {line:?}"))?;
            Ok(Calls { add: add.parse()?, del: del.parse()? })
        };
        said.lines().map(read).collect()
    }
}

/// A network's directory with so many addresses held; its configuration.
fn network(scratch: &Path, name: &str, held: u32) -> Result<PathBuf, Failure> {
    let directory = scratch.join(name).join("mynet");
    fs::create_dir_all(&directory)?;
    let first = u32::from(std::net::Ipv4Addr::new(10, 0, 0, 2));
    for n in 0..held {
        let address = std::net::Ipv4Addr::from(first + n);
        fs::write(directory.join(address.to_string()), format!("{n:064x}\r\neth0"))?;
        if n + 1 == held {
            fs::write(directory.join("last_reserved_ip.0"), address.to_string())?;
        }
    }
    let configuration = scratch.join(format!("{name}.json"));
    let text = format!(
        r#"{{"cniVersion":"1.0.0","name":"mynet","type":"bridge","ipam":{{"type":"host-local","dataDir":"{}","ranges":[[{{"subnet":"10.0.0.0/8"}}]]}}}}"#,
        scratch.join(name).display()
    );
    fs::write(&configuration, text)?;
    Ok(configuration)
}
