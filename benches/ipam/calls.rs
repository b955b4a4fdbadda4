//! The pool through the C API and through Go: programs of their own, linked to the shared library as it is shipped.

use std::{
    cell::LazyCell,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use k8sboot_benches::{Cases, Failure, Timing};

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ipam");
const TEMPORARY: &str = env!("CARGO_TARGET_TMPDIR");

/// What a call through C may cost beyond the pool itself is little; the target is that of the pool.
const TARGET: Duration = Duration::from_nanos(200);

/// What is built when the first case asks for it.
type Built<'a> = LazyCell<Result<PathBuf, String>, Box<dyn FnOnce() -> Result<PathBuf, String> + 'a>>;

/// Every case of calls.
pub(crate) fn cases(b: &mut Cases) -> Result<(), Failure> {
    let (fills, turns) = if b.measures() { (&[0_u32, 60_000][..], 200_000) } else { (&[10][..], 10) };
    let release = b.measures();
    let prefix: Built<'_> = LazyCell::new(Box::new(move || installed(release)));
    let c: Built<'_> = LazyCell::new(Box::new(|| compiled_c(built(&prefix)?)));
    for held in fills {
        b.case(format!("c-call/16/{held}-held")).at_most(TARGET).run_timed(|| {
            let program = built(&c)?;
            let ranges = r#"[[{"subnet": "10.244.0.0/16"}]]"#;
            let [time, cpu] =
                spend(Command::new(program).args([ranges, &held.to_string(), &turns.to_string()]))?;
            Ok(Timing { time: each(time, turns), cpu: each(cpu, turns) })
        });
    }
    if !has_go() {
        b.skip("go-call", "Go or pkg-config is not installed");
        return Ok(());
    }
    let go: Built<'_> = LazyCell::new(Box::new(|| compiled_go(built(&prefix)?)));
    for held in fills {
        b.case(format!("go-call/16/{held}-held")).run_timed(|| {
            let program = built(&go)?;
            let library = built(&prefix)?.join("lib");
            let mut command = Command::new(program);
            command
                .args(["10.244.0.0/16", &held.to_string(), &turns.to_string()])
                .env("LD_LIBRARY_PATH", library);
            let [time, allocations] = spend(&mut command)?;
            // The runtime itself may allocate a little; a call may not.
            if allocations > u64::from(turns) / 10 + 100 {
                return Err(format!("{allocations} heap allocations in {turns} turns").into());
            }
            Ok(Timing { time: each(time, turns), cpu: each(time, turns) })
        });
    }
    Ok(())
}

fn built<'a>(built: &'a Built<'_>) -> Result<&'a Path, String> {
    built.as_deref().map_err(Clone::clone)
}

fn each(all: u64, turns: u32) -> Duration {
    Duration::from_nanos(all / u64::from(turns))
}

/// Installs the library, the header and the pkg-config file into a directory of their own.
fn installed(release: bool) -> Result<PathBuf, String> {
    let prefix = Path::new(TEMPORARY).join("calls");
    let target = Path::new(TEMPORARY).parent().ok_or("no target directory")?;
    let profile = if release { "PROFILE=release" } else { "PROFILE=dev" };
    let mut make = Command::new("make");
    make.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .args(["--no-print-directory", "--silent", "install", profile, "FEATURES=", "DESTDIR="])
        .arg(format!("PREFIX={}", prefix.display()))
        .arg(format!("TARGET_DIR={}", target.display()))
        .env_remove("MAKEFLAGS");
    succeed(&mut make)?;
    Ok(prefix)
}

fn compiled_c(prefix: &Path) -> Result<PathBuf, String> {
    let (program, library) = (prefix.join("calls-c"), prefix.join("lib"));
    let mut cc = Command::new("cc");
    cc.args(["-std=c11", "-O2", "-o"]).arg(&program).arg(Path::new(SOURCES).join("calls.c"));
    cc.arg("-I").arg(prefix.join("include")).arg("-L").arg(&library).arg("-lk8sboot");
    succeed(cc.arg(format!("-Wl,-rpath,{}", library.display())))?;
    Ok(program)
}

/// The program becomes one of the Go example module, which knows where the package is.
fn compiled_go(prefix: &Path) -> Result<PathBuf, String> {
    let module = Path::new(SOURCES).join("../../examples/go");
    let (program, overlay) = (prefix.join("calls-go"), prefix.join("overlay.json"));
    let (place, source) = (module.join("calls/main.go"), Path::new(SOURCES).join("calls.go"));
    let replace =
        serde_json::json!({ "Replace": { place.display().to_string(): source.display().to_string() } });
    fs::write(&overlay, replace.to_string()).map_err(|error| format!("{}: {error}", overlay.display()))?;
    let mut go = with_tools("go");
    go.current_dir(&module).args(["build", "-overlay"]).arg(&overlay).arg("-o").arg(&program).arg("./calls");
    go.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
    succeed(go.envs([("GOTOOLCHAIN", "local"), ("GOPROXY", "off"), ("GOFLAGS", "-mod=readonly")]))?;
    Ok(program)
}

fn has_go() -> bool {
    succeed(with_tools("go").arg("version")).is_ok()
        && succeed(Command::new("pkg-config").arg("--version")).is_ok()
}

/// A program that the set-up of the project installs.
fn with_tools(program: &str) -> Command {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/bin").join(program);
    Command::new(if tools.exists() { tools } else { program.into() })
}

/// The two numbers that a program prints.
fn spend(command: &mut Command) -> Result<[u64; 2], String> {
    let said = succeed(command)?;
    let numbers: Vec<u64> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    numbers.try_into().map_err(|_| format!("calls: expected two numbers, found {said:?}"))
}

/// Standard output of a command that must succeed.
fn succeed(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{program}: {}: {}", output.status, said.trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
