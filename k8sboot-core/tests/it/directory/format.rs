//! What is on disk, in which order addresses are given, and what is left alone: all as host-local has it.

use std::{fs, os::unix::fs::PermissionsExt};

use k8sboot_core::{
    ipam::{Allocation, Holder, IpamError, Owner, Request},
    store::{DirectoryOptions, DirectoryStore, Store, StoreError},
};

use super::scratch::{Data, add, bounded, del, owner, ranges};

fn mode(data: &Data, name: &str) -> u32 {
    fs::metadata(data.network().join(name)).unwrap().permissions().mode() & 0o777
}

#[test]
fn files_are_named_written_and_moded_as_by_host_local() {
    let data = Data::new();
    let store = data.open(&["10.1.2.0/24", "2001:db8:1::/64"]);
    assert_eq!(add(&store, "a", &[]).unwrap(), ["10.1.2.2", "2001:db8:1::2"]);
    assert_eq!(add(&store, "b", &["2001:db8:1::a0"]).unwrap(), ["10.1.2.3", "2001:db8:1::a0"]);
    let state = data.state();
    let expected = [
        ("10.1.2.2", "a\r\neth0"),
        ("10.1.2.3", "b\r\neth0"),
        ("2001:db8:1::2", "a\r\neth0"),
        ("2001:db8:1::a0", "b\r\neth0"),
        ("last_reserved_ip.0", "10.1.2.3"),
        ("last_reserved_ip.1", "2001:db8:1::a0"),
        ("lock", ""),
    ];
    assert_eq!(state.iter().map(|(n, c)| (&**n, &**c)).collect::<Vec<_>>(), expected);
    assert_eq!((mode(&data, "10.1.2.2"), mode(&data, "last_reserved_ip.1")), (0o600, 0o600));
    assert_eq!((mode(&data, "lock"), mode(&data, ".")), (0o750, 0o755));
    assert_eq!(del(&store, "a"), ["10.1.2.2", "2001:db8:1::2"]);
    assert_eq!(del(&store, "a"), [""; 0]);
    assert_eq!(data.read("last_reserved_ip.0").as_deref(), Some("10.1.2.3"), "markers stay");
}

#[test]
fn the_order_is_next_fit_and_wraps_round() {
    let data = Data::new();
    let only = bounded("10.1.2.0/24", "10.1.2.10", "10.1.2.12");
    let store = DirectoryStore::open(data.path(), "mynet", only, DirectoryOptions::new()).unwrap();
    data.put("last_reserved_ip.0", "10.1.2.11\n");
    data.put("last_reserved_ip", "10.1.2.12");
    assert_eq!(add(&store, "a", &[]).unwrap(), ["10.1.2.10"], "a marker with a line end is none");
    assert_eq!(data.read("last_reserved_ip.0").as_deref(), Some("10.1.2.10"), "shorter than before");
    assert_eq!(add(&store, "b", &[]).unwrap(), ["10.1.2.11"]);
    assert_eq!(add(&store, "c", &[]).unwrap(), ["10.1.2.12"]);
    let before = data.state();
    let error = add(&store, "d", &[]).unwrap_err();
    assert!(
        matches!(error, StoreError::Ipam(IpamError::Exhausted { set: 0, held: 3, size: 3, .. })),
        "{error}"
    );
    assert_eq!(data.state(), before);
    assert_eq!(del(&store, "b"), ["10.1.2.11"]);
    assert_eq!(add(&store, "d", &[]).unwrap(), ["10.1.2.11"]);
    data.put("last_reserved_ip.0", "10.9.9.9");
    del(&store, "a");
    assert_eq!(add(&store, "e", &[]).unwrap(), ["10.1.2.10"], "a marker outside the ranges is none");
    assert_eq!(data.read("last_reserved_ip").as_deref(), Some("10.1.2.12"), "of before 0.6.0: left alone");
}

#[test]
fn a_failed_call_undoes_what_it_did_and_nothing_else() {
    let data = Data::new();
    data.put("2001:db8:1::5", "a\r\neth0");
    let store = data.open(&["10.1.2.0/24", "2001:db8:1::/64"]);
    let error = add(&store, "a", &[]).unwrap_err();
    assert!(matches!(error, StoreError::Ipam(IpamError::Duplicate { set: 1, .. })), "{error}");
    assert_eq!(data.read("2001:db8:1::5").as_deref(), Some("a\r\neth0"), "the older one is kept");
    assert_eq!(data.read("10.1.2.2"), None);
    assert_eq!(data.read("last_reserved_ip.0").as_deref(), Some("10.1.2.2"), "as host-local leaves it");
    let error = add(&store, "b", &["10.9.9.9"]).unwrap_err();
    assert!(matches!(error, StoreError::Ipam(IpamError::Unplaced { .. })), "{error}");
    assert_eq!((data.read("10.1.2.3"), data.read("2001:db8:1::2")), (None, None));
    assert!(matches!(
        add(&store, "b", &["10.1.2.1"]).unwrap_err(),
        StoreError::Ipam(IpamError::Gateway { .. })
    ));
    assert!(matches!(
        add(&store, "b", &["2001:db8:1::5"]).unwrap_err(),
        StoreError::Ipam(IpamError::Taken { set: 1, .. })
    ));
}

#[test]
fn records_of_before_0_8_count_for_every_interface_and_are_freed_last() {
    let data = Data::new();
    data.put("10.1.2.5", "a");
    data.put("10.1.2.6", " a\r\neth0\n");
    let store = data.open(&["10.1.2.0/24"]);
    assert!(matches!(add(&store, "a", &[]), Err(StoreError::Ipam(IpamError::Duplicate { .. }))));
    assert_eq!(del(&store, "a"), ["10.1.2.6"]);
    let mut found = Vec::new();
    store.find(Owner::new("a", "net7").unwrap(), &mut found).unwrap();
    assert_eq!(found.len(), 1);
    store.release(Owner::new("a", "net7").unwrap(), &mut found).unwrap();
    assert_eq!(data.read("10.1.2.5"), None);
}

#[test]
fn what_is_no_record_is_left_alone() {
    let data = Data::new();
    fs::create_dir_all(data.network().join("10.1.2.2")).unwrap();
    data.put("10.1.2.3", "");
    data.put("notes", "a\r\neth0");
    data.put("below/10.1.2.200", "a\r\neth0");
    data.put("last_reserved_ip.7", "a");
    data.put("2001:DB8::7", "a\r\neth0");
    std::os::unix::fs::symlink("nowhere", data.network().join("10.1.2.4")).unwrap();
    let store = data.open(&["10.1.2.0/24"]);
    assert_eq!(add(&store, "b", &[]).unwrap(), ["10.1.2.5"]);
    let error = add(&store, "a", &[]).unwrap_err();
    assert!(matches!(error, StoreError::Ipam(IpamError::Duplicate { .. })), "the nested one counts: {error}");
    assert_eq!(del(&store, "a"), ["2001:db8::7", "10.1.2.200"]);
    assert_eq!(data.read("notes").as_deref(), Some("a\r\neth0"));
    assert_eq!(data.read("last_reserved_ip.7").as_deref(), Some("a"));
    let records = store.records().unwrap();
    let names: Vec<_> = records.iter().map(|record| &*record.name).collect();
    assert_eq!(names, ["10.1.2.2", "10.1.2.3", "10.1.2.4", "10.1.2.5", "notes"]);
    assert_eq!(records[1].holder, Holder::Empty);
    assert!(matches!(&records[2].holder, Holder::Foreign { found } if found.contains("link")));
}

#[test]
fn the_same_owner_gets_the_same_address_if_it_asks_for_that() {
    let data = Data::new();
    let store = data.open(&["10.1.2.0/24", "10.7.0.0/16"]);
    let mut out = Allocation::new();
    store.allocate(&Request::new(owner("a")), &mut out).unwrap();
    let before = data.state();
    for _ in 0..2 {
        let mut again = Allocation::new();
        store.allocate(&Request::new(owner("a")), &mut again).unwrap();
        assert!(again.iter().eq(out.iter()));
        assert_eq!(data.state(), before);
    }
}

#[test]
fn only_what_is_unchanged_is_freed() {
    let data = Data::new();
    let store = data.open(&["10.1.2.0/24"]);
    for container in ["a", "b", "c"] {
        add(&store, container, &[]).unwrap();
    }
    data.put("notes", "of an admin");
    let seen = store.records().unwrap();
    del(&store, "b");
    add(&store, "d", &["10.1.2.3"]).unwrap();
    data.put("10.1.2.4", "c\r\neth0");
    let mut lock = seen[0].clone();
    lock.name = "lock".to_owned();
    let outside = {
        let mut r = seen[0].clone();
        r.name = "../mynet/10.1.2.2".to_owned();
        r
    };
    assert_eq!(store.free_unchanged(&[lock, outside]).unwrap(), []);
    let freed = store.free_unchanged(&seen).unwrap();
    let names: Vec<_> = freed.iter().map(|record| &*record.name).collect();
    assert_eq!(names, ["10.1.2.2", "notes"], "given again, or written again: kept");
    assert_eq!(data.state().len(), 4, "{:?}", data.state());
}

#[test]
fn usage_counts_every_file_with_an_address_of_the_set() {
    let data = Data::new();
    let store = data.open(&["10.1.2.0/29"]);
    add(&store, "a", &[]).unwrap();
    data.put("10.1.2.4", "");
    data.put("10.1.2.1", "the gateway is not counted");
    let usage = store.usage().unwrap();
    assert_eq!((usage[0].held, usage[0].size), (2, 5));
    assert_eq!(ranges(&["10.1.2.0/29"]).sets()[0].size(), 5);
}
