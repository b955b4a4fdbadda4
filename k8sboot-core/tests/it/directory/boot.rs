//! Leases of before a boot of the machine, as boots with other names pretend them.

use std::{fs, time::Duration};

use k8sboot_core::{
    ipam::{Allocation, Boot, IpamError, Repeat, Request},
    store::{DirectoryOptions, DirectoryStore, EarlierBoot, Store, StoreError},
};

use super::scratch::{Data, add, bounded, owner};

fn open(data: &Data, boot: &str, earlier: EarlierBoot, resident: bool) -> DirectoryStore {
    let options = DirectoryOptions::new()
        .boot_id(boot)
        .earlier_boot(earlier)
        .resident(resident)
        .clock(|| Duration::from_secs(7));
    let ranges = bounded("10.1.2.0/24", "10.1.2.10", "10.1.2.12");
    DirectoryStore::open(data.path(), "mynet", ranges, options).unwrap()
}

fn boots(store: &DirectoryStore) -> Vec<(String, Boot)> {
    store.records().unwrap().into_iter().map(|record| (record.name, record.boot)).collect()
}

fn pairs(expected: &[(&str, Boot)]) -> Vec<(String, Boot)> {
    expected.iter().map(|(name, boot)| ((*name).to_owned(), *boot)).collect()
}

#[test]
fn only_what_was_seen_in_an_earlier_boot_and_is_untouched_counts_as_earlier() {
    for resident in [false, true] {
        let data = Data::new();
        data.put("10.1.2.11", "before\r\neth0");
        let first = open(&data, "one", EarlierBoot::Keep, resident);
        add(&first, "a", &[]).unwrap();
        assert_eq!(boots(&first), pairs(&[("10.1.2.10", Boot::This), ("10.1.2.11", Boot::Unknown)]));
        assert_eq!(first.records().unwrap()[0].age, Some(Duration::ZERO));
        drop(first);
        // In the next boot somebody else is first: gives one address and puts another record in a place of before.
        data.put("10.1.2.12", "new\r\neth0");
        fs::remove_file(data.network().join("10.1.2.11")).unwrap();
        data.put("10.1.2.11", "before\r\neth0");
        let second = open(&data, "two", EarlierBoot::Keep, resident);
        let expected =
            [("10.1.2.10", Boot::Earlier), ("10.1.2.11", Boot::Unknown), ("10.1.2.12", Boot::Unknown)];
        assert_eq!(boots(&second), pairs(&expected));
        assert!(matches!(add(&second, "a", &[]), Err(StoreError::Ipam(IpamError::Duplicate { .. }))));
        assert!(matches!(add(&second, "b", &[]), Err(StoreError::Ipam(IpamError::Exhausted { .. }))));
        // Seen in this boot, though not made in it: certain from the next boot on.
        let third = open(&data, "three", EarlierBoot::Keep, resident);
        assert!(boots(&third).iter().all(|(_, boot)| *boot == Boot::Earlier));
    }
}

#[test]
fn leases_of_an_earlier_boot_are_given_again_only_if_that_is_wanted() {
    for resident in [false, true] {
        let data = Data::new();
        let first = open(&data, "one", EarlierBoot::Reclaim, resident);
        for container in ["a", "b", "c"] {
            add(&first, container, &[]).unwrap();
        }
        assert!(matches!(add(&first, "a", &[]), Err(StoreError::Ipam(IpamError::Duplicate { .. }))));
        drop(first);
        let second = open(&data, "two", EarlierBoot::Reclaim, resident);
        assert_eq!(add(&second, "b", &[]).unwrap(), ["10.1.2.11"], "its own again");
        assert!(matches!(add(&second, "b", &[]), Err(StoreError::Ipam(IpamError::Duplicate { .. }))));
        assert_eq!(add(&second, "d", &[]).unwrap(), ["10.1.2.10"], "the next of the dead after the marker");
        assert_eq!(add(&second, "e", &["10.1.2.12"]).unwrap(), ["10.1.2.12"]);
        assert!(matches!(add(&second, "f", &[]), Err(StoreError::Ipam(IpamError::Exhausted { .. }))));
        assert!(boots(&second).iter().all(|(_, boot)| *boot == Boot::This));
        let state = data.state();
        assert_eq!(state["10.1.2.10"], "d\r\neth0");
        assert!(!data.network().join(".k8sboot/tmp").exists());
    }
}

#[test]
fn who_asks_again_in_this_boot_is_of_this_boot() {
    let data = Data::new();
    add(&open(&data, "one", EarlierBoot::Keep, false), "a", &[]).unwrap();
    let second = open(&data, "two", EarlierBoot::Keep, false);
    let seen = second.records().unwrap();
    assert_eq!(seen[0].boot, Boot::Earlier);
    second.allocate(&Request::new(owner("a")).repeat(Repeat::Same), &mut Allocation::new()).unwrap();
    assert_eq!(boots(&second), pairs(&[("10.1.2.10", Boot::This)]));
    assert_eq!(second.free_unchanged(&seen).unwrap(), [], "a collector that saw it before lets it be");
}
