//! What cannot work is a typed error that says where and what to do.

use std::{fs, os::fd::AsFd, path::Path, time::Duration};

use k8sboot_core::{
    error::{Code, Problem},
    ipam::Ranges,
    store::{DirectoryOptions, DirectoryStore, Store, StoreError},
};

use super::scratch::{Data, add, del, ranges};

fn code_of(path: &Path, network: &str) -> Code {
    DirectoryStore::open(path, network, Ranges::none(), DirectoryOptions::new()).unwrap_err().code()
}

#[test]
fn places_that_cannot_hold_a_store_are_named() {
    let data = Data::new();
    assert_eq!(code_of(data.path(), "../x"), Code::STORE_NETWORK_NAME);
    assert_eq!(code_of(data.path(), "a/b"), Code::STORE_NETWORK_NAME);
    fs::write(data.path().join("file"), "in the way").unwrap();
    assert_eq!(code_of(&data.path().join("file"), "mynet"), Code::STORE_KIND);
    assert_eq!(code_of(&data.path().join("file/below"), "mynet"), Code::STORE_KIND);
    assert_eq!(code_of(data.path(), "file"), Code::STORE_KIND);
    fs::create_dir(data.path().join("real")).unwrap();
    std::os::unix::fs::symlink("real", data.path().join("link")).unwrap();
    assert_eq!(code_of(data.path(), "link"), Code::STORE_LINK);
    let follow = DirectoryOptions::new().follow_link(true);
    let store = DirectoryStore::open(data.path(), "link", ranges(&["10.1.2.0/24"]), follow).unwrap();
    add(&store, "a", &[]).unwrap();
    assert!(data.path().join("real/10.1.2.2").is_file());
    // The data directory itself may be a link.
    std::os::unix::fs::symlink(data.path(), data.path().join("data")).unwrap();
    DirectoryStore::open(data.path().join("data"), "mynet", Ranges::none(), DirectoryOptions::new()).unwrap();
    let absent = DirectoryOptions::new().create(false);
    let error = DirectoryStore::open(data.path(), "absent", Ranges::none(), absent).unwrap_err();
    assert_eq!(error.code(), Code::STORE_MISSING);
    assert!(!data.path().join("absent").exists());
    fs::create_dir_all(data.path().join("odd/lock")).unwrap();
    // It could be locked, but host-local refuses it.
    assert_eq!(code_of(data.path(), "odd"), Code::STORE_KIND);
}

#[test]
fn long_container_ids_are_kept_whole() {
    let data = Data::quick();
    let store = data.open(&["10.1.2.0/24"]);
    let long = "c".repeat(300);
    let longer = format!("{long}c");
    add(&store, &long, &[]).unwrap();
    add(&store, &longer, &[]).unwrap();
    assert_eq!(data.read("10.1.2.2"), Some(format!("{long}\r\neth0")));
    assert_eq!(del(&store, &long), ["10.1.2.2"]);
    assert_eq!(data.read("10.1.2.3"), Some(format!("{longer}\r\neth0")));
}

#[test]
fn either_lock_held_for_ever_is_an_error_that_names_the_holder() {
    let data = Data::new();
    let options = DirectoryOptions::new().lock_timeout(Duration::from_millis(50));
    let store = data.open_with(&["10.1.2.0/24"], options).unwrap();
    for path in [data.network(), data.network().join("lock")] {
        let file = fs::File::open(&path).unwrap();
        rustix::fs::flock(file.as_fd(), rustix::fs::FlockOperation::LockExclusive).unwrap();
        match add(&store, "a", &[]).unwrap_err() {
            StoreError::Locked { path: named, holder, waited, .. } => {
                assert_eq!(Path::new(&named), path);
                assert!(waited >= Duration::from_millis(50));
                if Path::new("/proc/locks").exists() {
                    assert_eq!(holder, Some(std::process::id()));
                }
            }
            other => panic!("{other}"),
        }
        drop(file);
        add(&store, &format!("after-{}", path.ends_with("lock")), &[]).unwrap();
    }
}

#[test]
fn a_directory_that_was_replaced_is_opened_again() {
    let data = Data::new();
    let store = data.open(&["10.1.2.0/24"]);
    add(&store, "a", &[]).unwrap();
    fs::remove_file(data.network().join("lock")).unwrap();
    add(&store, "b", &[]).unwrap();
    assert!(data.network().join("lock").is_file());
    fs::rename(data.network(), data.path().join("old")).unwrap();
    assert_eq!(add(&store, "c", &[]).unwrap(), ["10.1.2.2"], "the name decides");
    fs::remove_dir_all(data.network()).unwrap();
    assert_eq!(add(&store, "d", &[]).unwrap(), ["10.1.2.2"]);
}

/// Whether the index tells or the records themselves.
#[test]
fn empty_records_are_found_and_may_be_freed() {
    let data = Data::new();
    for index in [true, false] {
        let options = DirectoryOptions::new().index(index);
        let store = data.open_with(&["10.1.2.0/29"], options).unwrap();
        assert!(store.empty_records().unwrap().is_empty());
        add(&store, "a", &[]).unwrap();
        fs::write(data.network().join("10.1.2.5"), "").unwrap();
        fs::write(data.network().join("notes"), "").unwrap();
        let empty = store.empty_records().unwrap();
        let names: Vec<_> = empty.iter().map(|record| record.name.as_str()).collect();
        assert_eq!(names, ["10.1.2.5"]);
        // Completed meanwhile: it stays.
        fs::write(data.network().join("10.1.2.5"), "b\r\neth0").unwrap();
        assert!(store.free_unchanged(&empty).unwrap().is_empty());
        fs::write(data.network().join("10.1.2.5"), "").unwrap();
        let empty = store.empty_records().unwrap();
        assert_eq!(store.free_unchanged(&empty).unwrap().len(), 1);
        assert!(!data.network().join("10.1.2.5").exists());
        del(&store, "a");
    }
}
