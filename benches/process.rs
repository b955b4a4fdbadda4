//! Whole processes, side by side with kubeadm's: the command line, the shared library, and what they weigh.

use std::{
    cell::LazyCell,
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Duration,
};

use k8sboot_benches::{
    Bench, Bound, Cases, Failure, Recorded, Scratch, Target, Timing, Unit, cargo, inputs, ms, succeed,
};
use k8sboot_core::pki::KeyAlgorithm::{EcdsaP256, Rsa2048};

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/process");
const TEMPORARY: &str = env!("CARGO_TARGET_TMPDIR");
const MIB: f64 = 1024.0 * 1024.0;

/// What is built when the first case asks for it.
type Built<'a> = LazyCell<Result<PathBuf, String>, Box<dyn FnOnce() -> Result<PathBuf, String> + 'a>>;

fn main() -> ExitCode {
    Bench::new("process").run(|b| {
        let probe: Built<'_> = LazyCell::new(Box::new(|| {
            let probe = Path::new(TEMPORARY).join("probe");
            let source = Path::new(SOURCES).join("probe.c");
            succeed(Command::new("cc").args(["-O2", "-o"]).args([&probe, &source]))?;
            Ok(probe)
        }));
        // As packagers ship it; a try takes what everybody has built anyway.
        let profile = if b.measures() { "dist" } else { "release" };
        let library: Built<'_> =
            LazyCell::new(Box::new(|| build(profile, &["-p", "k8sboot-ffi"], "libk8sboot.so")));
        let program: Built<'_> = LazyCell::new(Box::new(|| {
            build("release", &["-p", "k8sboot-examples", "--bin", "k8sboot"], "k8sboot")
        }));
        shared_library(b, &probe, &library);
        command_line(b, &probe, &program);
        crates(b);
        go(b, &probe);
        Ok(())
    })
}

fn shared_library(b: &mut Cases, probe: &Built<'_>, library: &Built<'_>) {
    b.case("libk8sboot.so, stripped")
        .target(Target { bound: Bound::AtMost, value: 6e6, unit: Unit::Bytes })
        .figure(Unit::Bytes, || Ok(fs::metadata(path(library)?)?.len()));
    b.case("libk8sboot.so, load and first call").at_most(ms(3)).run_timed(|| {
        let (timing, _) = spend(probe, "load", [path(library)?.as_os_str()])?;
        Ok(timing)
    });
}

fn command_line(b: &mut Cases, probe: &Built<'_>, program: &Built<'_>) {
    let token = || spend(probe, "run", [path(program)?.as_os_str(), "token".as_ref(), "generate".as_ref()]);
    b.case("k8sboot token generate")
        .kubeadm(Recorded::whole("token generate", ms(27)))
        .run_timed(|| Ok(token()?.0));
    // kubeadm's dry run makes all files, and shows the objects; its preflight checks are left out.
    let kubeadm = [
        (EcdsaP256, Recorded::whole("init --dry-run --skip-phases preflight", ms(90)), 54.0),
        (Rsa2048, Recorded::whole("init --dry-run less preflight", ms(1161 - (214 - 90))), 57.0),
    ];
    for (algorithm, recorded, recorded_mib) in kubeadm {
        let init = || {
            let scratch = Scratch::in_memory()?;
            let config = scratch.path().join("config.yaml");
            fs::write(&config, inputs::seed_text(algorithm))?;
            let (root, objects) = (scratch.path().join("root"), scratch.path().join("objects"));
            let command: [&OsStr; 8] = [
                path(program)?.as_ref(),
                "init".as_ref(),
                "--config".as_ref(),
                config.as_ref(),
                "--root".as_ref(),
                root.as_ref(),
                "--objects-dir".as_ref(),
                objects.as_ref(),
            ];
            spend(probe, "run", command)
        };
        b.case(format!("k8sboot init, {algorithm}")).kubeadm(recorded).run_timed(|| Ok(init()?.0));
        b.case(format!("k8sboot init, {algorithm}, peak memory"))
            .target(Target { bound: Bound::AtMost, value: 12e6, unit: Unit::Bytes })
            .kubeadm(Recorded::memory("init --dry-run", recorded_mib * MIB))
            .figure(Unit::Bytes, || Ok(init()?.1));
    }
}

fn crates(b: &mut Cases) {
    b.case("crates of the core with default features")
        .target(Target { bound: Bound::AtMost, value: 80.0, unit: Unit::Count })
        .figure(Unit::Count, || {
            let tree = ["tree", "--quiet", "-p", "k8sboot-core", "-e", "normal", "--prefix", "none"];
            let output = succeed(cargo().args(tree))?;
            let mut names: Vec<&str> = output.lines().map(|line| line.trim_end_matches(" (*)")).collect();
            names.sort_unstable();
            names.dedup();
            Ok(u64::try_from(names.len())?)
        });
}

/// The keys and certificates of the tree by the standard library of Go, one after the other, as kubeadm makes them: what
/// kubeadm would take on this machine.
fn go(b: &mut Cases, probe: &Built<'_>) {
    if succeed(&mut with_tools("go", ["version"])).is_err() {
        b.skip("Go's standard library", "Go is not installed");
        return;
    }
    let reference: Built<'_> = LazyCell::new(Box::new(|| {
        let (program, source) = (Path::new(TEMPORARY).join("tree"), Path::new(SOURCES).join("tree.go"));
        let arguments = ["build".as_ref(), "-o".as_ref(), program.as_os_str(), source.as_os_str()];
        succeed(&mut with_tools("go", arguments))?;
        Ok(program)
    }));
    for algorithm in ["ECDSA-P256", "RSA-2048"] {
        b.case(format!("Go's standard library, tree/{algorithm}"))
            .run_timed(|| Ok(spend(probe, "run", [path(&reference)?.as_os_str(), algorithm.as_ref()])?.0));
    }
}

/// Has the probe measure something: the time it took, and its peak memory in bytes.
fn spend<'a>(
    probe: &Built<'_>,
    what: &str,
    arguments: impl IntoIterator<Item = &'a OsStr>,
) -> Result<(Timing, u64), Failure> {
    let said = succeed(Command::new(path(probe)?).arg(what).args(arguments))?;
    let numbers: Vec<u64> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let &[time, cpu, peak] = numbers.as_slice() else {
        return Err(format!("probe: expected three numbers, found {said:?}").into());
    };
    Ok((Timing { time: Duration::from_nanos(time), cpu: Duration::from_nanos(cpu) }, peak))
}

fn path<'a>(built: &'a Built<'_>) -> Result<&'a Path, Failure> {
    Ok(built.as_deref().map_err(Clone::clone)?)
}

fn build(profile: &str, package: &[&str], file: &str) -> Result<PathBuf, String> {
    succeed(cargo().args(["build", "--quiet", "--profile", profile]).args(package))?;
    let target = Path::new(TEMPORARY).parent().ok_or("no target directory")?;
    Ok(target.join(profile).join(file))
}

/// A program that the set-up of the project installs.
fn with_tools<'a>(program: &str, arguments: impl IntoIterator<Item = impl AsRef<OsStr> + 'a>) -> Command {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/bin").join(program);
    let mut command = Command::new(if tools.exists() { tools } else { program.into() });
    command.args(arguments);
    command
}
