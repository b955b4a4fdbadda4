//! A check list: what is true of a cluster that init made, by the word of kubectl, openssl and curl.
//!
//! Every fact has a name. All are looked at, and those that do not hold are told together.

mod access;
mod identities;
mod joining;
mod kubeadm;
mod objects;
mod tokens;
mod trust;

use std::{
    fmt::Debug,
    panic::{AssertUnwindSafe, catch_unwind},
    process::Output,
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use super::{ControlPlane, Lan, Machine};
use crate::{support::tools, tree::quick_text};

/// How long the controllers may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Looks at one part of the list.
type Part = fn(&ControlPlane, &Facts);

const PARTS: [(&str, Part); 6] = [
    ("identities", identities::look),
    ("access", access::look),
    ("tokens", tokens::look),
    ("trust", trust::look),
    ("joining", joining::look),
    ("objects", objects::look),
];

#[test]
fn a_cluster_of_init_is_as_one_of_kubeadm() {
    if !tools(&["curl", "openssl"]) {
        return;
    }
    let lan = Lan::new();
    let Some(control_plane) = ControlPlane::bare(&quick_text("minimal"), Some(&lan)) else { return };
    let worker = Machine::new("kubeadm-1", &["192.0.2.50".parse().unwrap()], Some(&lan));
    let facts = Facts::default();
    control_plane.init();
    eprintln!("from nothing to a cluster in {:.1} s", control_plane.age().as_secs_f64());
    thread::scope(|scope| {
        for (name, part) in PARTS {
            let (control_plane, facts) = (&control_plane, &facts);
            scope.spawn(move || {
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| part(control_plane, facts))) {
                    let said = panic.downcast::<String>().map_or_else(|_| "panic".to_owned(), |text| *text);
                    facts.note(&format!("{name} come to an end"), Err(said));
                }
            });
        }
    });
    kubeadm::look(&control_plane, &worker, &facts);
    access::without_rbac(&control_plane, &facts);
    control_plane.init();
    facts.equal(
        "a second init gives admin.conf its rights back",
        access::may(&control_plane.caller("admin.conf"), &["*", "*"]),
        true,
    );
    facts.conclude(30);
}

/// What was looked at.
#[derive(Default)]
struct Facts(Mutex<Vec<(String, Result<(), String>)>>);

impl Facts {
    fn note(&self, name: &str, outcome: Result<(), String>) {
        self.0.lock().unwrap().push((name.to_owned(), outcome));
    }

    fn equal<T: Debug + PartialEq>(&self, name: &str, found: T, expected: T) {
        let same = found == expected;
        self.holds(name, same, || format!("expected {expected:?}, found {found:?}"));
    }

    fn holds(&self, name: &str, so: bool, otherwise: impl FnOnce() -> String) {
        self.note(name, if so { Ok(()) } else { Err(otherwise()) });
    }

    /// A fact that controllers bring about in their time.
    fn becomes<T: Debug + PartialEq>(&self, name: &str, expected: T, mut look: impl FnMut() -> T) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = look();
            if found == expected || Instant::now() > deadline {
                return self.equal(name, found, expected);
            }
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Tells all that do not hold.
    fn conclude(&self, least: usize) {
        let facts = self.0.lock().unwrap();
        let wrong: Vec<String> = facts
            .iter()
            .filter_map(|(name, outcome)| Some(format!("{name}: {}", outcome.as_ref().err()?)))
            .collect();
        eprintln!("{} facts hold, {} do not", facts.len() - wrong.len(), wrong.len());
        assert!(wrong.is_empty(), "not so:\n{}", wrong.join("\n"));
        let mut names: Vec<&String> = facts.iter().map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), facts.len(), "every fact has a name of its own: {names:#?}");
        assert!(facts.len() >= least, "{} facts", facts.len());
    }
}

/// Runs a program inside.
fn run(control_plane: &ControlPlane, program: &str, arguments: &[&str]) -> Output {
    control_plane.machine().command(program).args(arguments).output().unwrap()
}

/// Whether a program succeeds inside, and what it says.
fn succeeds(control_plane: &ControlPlane, program: &str, arguments: &[&str]) -> Result<String, String> {
    let out = run(control_plane, program, arguments);
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    match out.status.success() {
        true => Ok(said),
        false => Err(said + &String::from_utf8_lossy(&out.stderr)),
    }
}
