//! Each file operation of init fails once, in turn; and the process dies before each that changes something, in turn.

use std::{
    io,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use k8sboot_core::{
    error::{Code, Problem, chain},
    exec::{FileHook, FileOp, TEMPORARY_SUFFIX},
};

use crate::tree::{Scratch, init, quick_config, snapshot};

/// Lets the operation with a certain number fail, or the process die before it.
pub(crate) struct At {
    number: usize,
    seen: AtomicUsize,
    changing: Mutex<Vec<usize>>,
    dies: bool,
    pub(crate) hit: Mutex<Option<(FileOp, String)>>,
}

impl At {
    pub(crate) fn new(number: usize, dies: bool) -> Arc<Self> {
        let (seen, changing, hit) = (AtomicUsize::new(0), Mutex::default(), Mutex::default());
        Arc::new(Self { number, seen, changing, dies, hit })
    }

    /// The numbers of the operations that change the tree: whoever dies before another leaves what the next of these finds.
    pub(crate) fn changing(&self) -> Vec<usize> {
        self.changing.lock().unwrap().clone()
    }
}

impl FileHook for At {
    fn before(&self, op: FileOp, path: &str) -> io::Result<()> {
        let number = self.seen.fetch_add(1, Ordering::Relaxed);
        let looks = [FileOp::OpenRoot, FileOp::OpenDirectory, FileOp::Inspect, FileOp::List, FileOp::Read];
        if !looks.contains(&op) {
            self.changing.lock().unwrap().push(number);
        }
        if number != self.number {
            return Ok(());
        }
        if self.dies {
            // No destructor runs: the tree is as a kill -9 leaves it.
            std::process::abort();
        }
        *self.hit.lock().unwrap() = Some((op, path.to_owned()));
        Err(io::Error::from(io::ErrorKind::StorageFull))
    }
}

/// Every file is whole: PEM and YAML end as they should, no temporary file is left if `finished`.
pub(crate) fn assert_whole(root: &Path, finished: bool, at: usize) {
    for (name, (mode, bytes)) in snapshot(root) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if name.ends_with(TEMPORARY_SUFFIX) {
            assert!(!finished, "operation {at}: {name} is left");
            continue;
        }
        if name.ends_with(".key") || name.ends_with(".conf") {
            assert_eq!(mode & 0o077, 0, "operation {at}: {name} is {mode:o}");
        }
        if name.ends_with(".crt") || name.ends_with(".key") || name.ends_with(".pub") {
            assert!(
                text.starts_with("-----BEGIN ") && text.ends_with("-----\n"),
                "operation {at}: {name} is half-written"
            );
        }
        if name.ends_with(".conf") {
            assert!(text.contains("client-key-data: "), "operation {at}: {name} is half-written");
        }
        if name.ends_with("manifests/kube-apiserver.yaml") {
            assert!(text.ends_with("status: {}\n"), "operation {at}: {name} is half-written");
        }
    }
}

pub(crate) fn names(root: &Path) -> Vec<(String, u32)> {
    snapshot(root).into_iter().map(|(name, (mode, _))| (name, mode)).collect()
}

#[test]
fn each_operation_that_fails_is_named_and_the_next_run_finishes() {
    let config = quick_config("seed");
    let whole = Scratch::in_memory("faults");
    init(&config, whole.path(), None).unwrap();
    let expected = names(whole.path());
    let mut failures = 0;
    for number in 0.. {
        let scratch = Scratch::in_memory("faults");
        let hook = At::new(number, false);
        let outcome = init(&config, scratch.path(), Some(hook.clone()));
        let Some((op, path)) = hook.hit.lock().unwrap().clone() else {
            outcome.unwrap();
            break;
        };
        failures += 1;
        let error = outcome.expect_err("a failed operation must fail the run");
        let told = chain(&error);
        assert_eq!(error.code(), Code::FILE_NO_SPACE, "{op:?} {path}: {told}");
        assert!(told.contains(&path) && told.contains(op.verb()), "{op:?} {path}: {told}");
        assert_whole(scratch.path(), true, number);
        init(&config, scratch.path(), None).unwrap_or_else(|e| panic!("after {op:?} {path}: {}", chain(&e)));
        assert_eq!(names(scratch.path()), expected, "after {op:?} {path}");
    }
    assert!(failures > 200, "only {failures} operations were made to fail");
}

const CHILD: &str = "K8SBOOT_TEST_DIE_BEFORE";

/// Does nothing unless the test below runs it as a process of its own.
#[test]
fn child_that_dies() {
    let Ok(order) = std::env::var(CHILD) else { return };
    let (number, root) = order.split_once(' ').unwrap();
    init(&quick_config("seed"), Path::new(root), Some(At::new(number.parse().unwrap(), true))).unwrap();
}

#[test]
fn killed_before_any_operation_a_further_run_reaches_the_same_end() {
    let config = quick_config("seed");
    let whole = Scratch::in_memory("kill");
    let counter = At::new(usize::MAX, false);
    init(&config, whole.path(), Some(counter.clone())).unwrap();
    let expected = names(whole.path());
    let changing = counter.changing();
    assert!(changing.len() > 200, "only {} operations change something", changing.len());
    for_each_side_by_side(&changing, |number| {
        let scratch = Scratch::in_memory("kill");
        die_in_child("faults::child_that_dies", CHILD, number, scratch.path());
        assert_whole(scratch.path(), false, number);
        init(&config, scratch.path(), None).unwrap_or_else(|e| panic!("operation {number}: {}", chain(&e)));
        assert_whole(scratch.path(), true, number);
        assert_eq!(names(scratch.path()), expected, "operation {number}");
    });
}

/// Calls with each number, two at a time: a child's start is mostly waiting.
pub(crate) fn for_each_side_by_side(numbers: &[usize], each: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(number) = numbers.get(next.fetch_add(1, Ordering::Relaxed)) {
                    each(*number);
                }
            });
        }
    });
}

/// Runs a test of this binary as a process of its own, which is to die before the operation `number`.
pub(crate) fn die_in_child(test: &str, variable: &str, number: usize, root: &Path) {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--test-threads=1"])
        .env(variable, format!("{number} {}", root.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(!status.success(), "operation {number}: the child lived on");
}
