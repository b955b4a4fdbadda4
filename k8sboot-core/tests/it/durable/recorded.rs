//! What real host-local left when it was stopped inside a system call, recorded: each directory is opened, worked in and
//! put right.

use std::{fs, path::PathBuf};

use k8sboot_core::{
    ipam::Holder,
    store::{DirectoryOptions, Store},
};

use super::world::{Image, World, add, del, durable, image, leases, record};

fn recorded(case: &str) -> Image {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cni/crash").join(case);
    let image = image(&path.join("networks/mynet"));
    assert!(image.contains_key("lock"), "{case}");
    image
}

const CASES: [&str; 5] = [
    "disk-full-on-marker",
    "disk-full-on-record",
    "killed-before-marker",
    "killed-before-record",
    "killed-in-marker",
];

#[test]
fn all_cases_are_here() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cni/crash");
    let mut names: Vec<_> =
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, CASES);
}

#[test]
fn each_is_worked_in_and_put_right() {
    for case in CASES {
        for durably in [false, true] {
            let before = recorded(case);
            let world = World::of(&before);
            let options = if durably { durable("one") } else { DirectoryOptions::new() };
            let store = world.open(options);
            let held = leases(&before);
            let given = add(&store, "new").unwrap();
            assert_eq!(given.len(), 2, "{case}");
            assert!(!held.contains_key(&given[0]), "{case}: {} was given twice", given[0]);
            assert_eq!(world.image()["last_reserved_ip.0"], given[0].as_bytes(), "{case}");
            // Whoever holds a complete record can be released.
            for content in held.values().filter(|content| !content.is_empty()) {
                let container = content.split("\r\n").next().unwrap();
                assert_eq!(*content, record(container), "{case}");
                assert_eq!(del(&store, container).unwrap().len(), 1, "{case}");
            }
            // An empty file has no owner: a collector sees it as such and frees it.
            let empty: Vec<_> =
                store.records().unwrap().into_iter().filter(|r| r.holder == Holder::Empty).collect();
            assert_eq!(empty.len(), usize::from(case == "killed-before-record"), "{case}");
            assert_eq!(store.free_unchanged(&empty).unwrap().len(), empty.len(), "{case}");
            del(&store, "new").unwrap();
            assert!(leases(&world.image()).is_empty(), "{case}");
        }
    }
}

#[test]
fn an_empty_file_goes_with_the_replay() {
    let world = World::of(&recorded("killed-before-record"));
    drop(world.open(durable("one")));
    let count = leases(&world.image()).len();
    drop(world.open(durable("two")));
    let held = leases(&world.image());
    assert_eq!(held.len(), count - 1);
    assert!(held.values().all(|content| !content.is_empty()));
}
