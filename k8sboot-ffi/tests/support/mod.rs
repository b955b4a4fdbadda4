//! An installed library to test against, and the tools that may be missing.
#![allow(dead_code, reason = "each test binary uses a part")]

pub(crate) mod c;

use std::{
    collections::BTreeSet,
    env,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

/// A directory of its own for a test, removed at the end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("k8sboot-ffi-{name}-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What `make install` puts below a prefix.
pub(crate) struct Stage {
    pub(crate) prefix: PathBuf,
}

impl Stage {
    pub(crate) fn lib(&self, file: &str) -> String {
        self.prefix.join("lib").join(file).display().to_string()
    }

    pub(crate) fn include(&self) -> String {
        self.prefix.join("include").display().to_string()
    }
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The prefixes that are installed. Held while the library is built, because every build has the same file names.
static STAGED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn target_dir() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}

/// Installs the library with the given features into a prefix of its own.
pub(crate) fn stage(features: &str) -> Stage {
    let mut done = STAGED.lock().unwrap_or_else(PoisonError::into_inner);
    // A comma would end the path in the linker's -Wl,-rpath,PATH.
    let prefix = target_dir().join("tmp").join(format!("stage-{}", features.replace(',', "-")));
    if done.insert(prefix.clone()) {
        run(Command::new("make")
            .current_dir(root())
            .args(["--no-print-directory", "--silent", "install", "PROFILE=dev", "DESTDIR="])
            .arg(format!("PREFIX={}", prefix.display()))
            .arg(format!("TARGET_DIR={}", target_dir().display()))
            .arg(format!("FEATURES={features}"))
            .env_remove("MAKEFLAGS"));
    }
    Stage { prefix }
}

/// What rustc says that a program needs beside the static library.
pub(crate) fn native_static_libs() -> String {
    let _building = STAGED.lock().unwrap_or_else(PoisonError::into_inner);
    let output = Command::new(env!("CARGO"))
        .args(["rustc", "-p", "k8sboot-ffi", "--crate-type", "staticlib", "--target-dir"])
        .arg(target_dir())
        .args(["--", "--print", "native-static-libs"])
        .current_dir(root())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    let list = text
        .split("native-static-libs: ")
        .nth(1)
        .unwrap_or_else(|| panic!("no list of libraries in: {text}"));
    list.lines().next().unwrap().trim().to_owned()
}

/// Runs a command that must succeed and returns its standard output.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    out.into_owned()
}

/// [`run`] for a program with arguments.
pub(crate) fn output(program: &str, arguments: &[&str]) -> String {
    run(Command::new(program).args(arguments))
}

/// Whether a tool that a package provides is there. Says `skipped: …` where it is not; fails then if `CI=true`.
pub(crate) fn has(tool: &str) -> bool {
    let there =
        env::split_paths(&env::var_os("PATH").unwrap_or_default()).any(|dir| dir.join(tool).is_file());
    if !there {
        assert_ne!(env::var("CI").as_deref(), Ok("true"), "{tool} is not installed: .ci/setup installs it");
        skip(&format!("{tool} is not installed"));
    }
    there
}

/// Says so where the test harness does not swallow it, as it does with `eprintln!`.
#[allow(clippy::explicit_write)]
pub(crate) fn skip(reason: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("test");
    writeln!(std::io::stderr(), "skipped: {test}: {reason}").unwrap();
}
