//! Repair of empty, torn, foreign and duplicate files: dry run first, each only if it is still what was found.

use std::{collections::BTreeMap, fs, path::PathBuf};

use k8sboot_core::{
    ipam::Ranges,
    store::{
        DirectoryOptions, DirectoryStore, JournalOptions, Store,
        directory::{Durability, Outcome, REPAIR_SCHEMA, Remedy, RepairOptions, repair_json, repair_text},
    },
};

use super::{add, fixtures::exhausted};

struct Network(PathBuf);

impl Network {
    fn new(name: &str, files: &[(&str, &[u8])]) -> Self {
        let data = std::env::temp_dir().join(format!("k8sboot-repair-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&data);
        fs::create_dir_all(data.join("cbr0")).unwrap();
        files.iter().for_each(|(name, content)| fs::write(data.join("cbr0").join(name), content).unwrap());
        Self(data)
    }

    fn store(&self) -> DirectoryStore {
        let subnets = ["10.244.1.0/24".parse().unwrap(), "2001:db8::/64".parse().unwrap()];
        let ranges = Ranges::of_subnets(&subnets).unwrap();
        DirectoryStore::open(&self.0, "cbr0", ranges, DirectoryOptions::new()).unwrap()
    }

    fn state(&self) -> BTreeMap<String, Vec<u8>> {
        let files = fs::read_dir(self.0.join("cbr0")).unwrap().map(Result::unwrap);
        let files = files.filter(|file| file.path().is_file() && file.file_name() != "lock");
        files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn every_defect_is_found_and_what_may_be_repaired_is() {
    let good: &[(&str, &[u8])] = &[
        ("10.244.1.2", b"a\r\neth0"),
        ("10.244.1.3", b"legacy"),
        ("10.244.1.4", b"a\r\nnet1"),
        ("2001:db8::2", b"a\r\neth0"),
        ("last_reserved_ip.0", b"10.244.1.4"),
        ("last_reserved_ip", b"what host-local before 0.6.0 wrote"),
    ];
    let bad: &[(&str, &[u8])] = &[
        ("10.244.1.10", b""),
        ("10.244.1.11", b" \r\n"),
        ("10.244.1.12", &[0; 70]),
        ("10.244.1.13", b"b\neth0"),
        ("10.244.1.14", b"notes of a human"),
        ("10.244.1.15", b"c\r\n"),
        ("10.244.1.16", b"a\r\neth0"),
        ("10.9.9.9", b"d\r\neth0"),
        ("2001:DB8::7", b"e\r\neth0"),
        ("2001:DB8::2", b"a\r\neth0"),
        ("2001:0db8::2", b"other\r\neth0"),
        ("README", b"hello"),
        ("last_reserved_ip.1", b"2001:db8::2\n"),
        ("last_reserved_ip.7", b"10.244.1.4"),
    ];
    let network = Network::new("all", &[good, bad].concat());
    fs::create_dir(network.0.join("cbr0/10.244.1.20")).unwrap();
    let store = network.store();
    let before = network.state();
    let findings = store.findings(&RepairOptions::default()).unwrap();
    assert_eq!(network.state(), before, "looking changes nothing");
    let seen: Vec<_> =
        findings.iter().map(|f| (f.name.as_str(), f.defect.name(), f.remedy.to_text())).collect();
    let want = [
        ("10.244.1.10", "empty", "remove"),
        ("10.244.1.11", "empty", "remove"),
        ("10.244.1.12", "torn", "remove"),
        ("10.244.1.13", "line-end", "rewrite as \"b\\r\\neth0\""),
        ("10.244.1.14", "foreign-content", "leave"),
        ("10.244.1.15", "torn", "leave"),
        ("10.244.1.16", "second-record", "leave"),
        ("10.244.1.20", "no-file", "leave"),
        ("10.9.9.9", "outside-ranges", "leave"),
        ("2001:0db8::2", "two-owners", "leave"),
        ("2001:DB8::2", "spelt-twice", "remove"),
        ("2001:DB8::7", "spelling", "rename to 2001:db8::7"),
        ("README", "foreign-name", "leave"),
        ("last_reserved_ip.1", "marker", "rewrite as \"2001:db8::2\""),
        ("last_reserved_ip.7", "marker", "leave"),
    ];
    assert_eq!(seen, want.map(|(name, defect, remedy)| (name, defect, remedy.to_owned())));

    let outcomes = store.repair(&findings).unwrap();
    for (finding, outcome) in findings.iter().zip(&outcomes) {
        let left = finding.remedy == Remedy::Report;
        assert_eq!(*outcome, if left { Outcome::Reported } else { Outcome::Repaired }, "{}", finding.name);
        assert_eq!(
            before.get(&finding.name).unwrap_or(&Vec::new()),
            &finding.content,
            "the old content is told"
        );
    }
    let after = network.state();
    for (name, content) in good {
        assert_eq!(after[*name], *content, "{name}");
    }
    assert_eq!(after["10.244.1.13"], b"b\r\neth0");
    assert_eq!(after["2001:db8::7"], b"e\r\neth0");
    assert_eq!(after["last_reserved_ip.1"], b"2001:db8::2");
    for gone in ["10.244.1.10", "10.244.1.11", "10.244.1.12", "2001:DB8::2", "2001:DB8::7"] {
        assert!(!after.contains_key(gone), "{gone}");
    }
    let again = store.findings(&RepairOptions::default()).unwrap();
    assert!(again.iter().all(|finding| finding.remedy == Remedy::Report), "{again:?}");
}

#[test]
fn crashes_of_host_local_are_repaired() {
    for (crash, defect) in [
        ("killed-before-record", Some("empty")),
        ("killed-before-marker", None),
        ("killed-in-marker", Some("marker")),
        ("disk-full-on-record", None),
        ("disk-full-on-marker", Some("marker")),
    ] {
        let recorded = exhausted("today").join("../crash").join(crash).join("networks");
        let name =
            fs::read_dir(&recorded).unwrap().next().unwrap().unwrap().file_name().into_string().unwrap();
        let files: Vec<(String, Vec<u8>)> = fs::read_dir(recorded.join(&name))
            .unwrap()
            .map(Result::unwrap)
            .map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap()))
            .collect();
        let files: Vec<(&str, &[u8])> = files.iter().map(|(n, c)| (n.as_str(), c.as_slice())).collect();
        let network = Network::new(crash, &files);
        let store =
            DirectoryStore::open(&network.0, "cbr0", Ranges::none(), DirectoryOptions::new()).unwrap();
        let findings = store.findings(&RepairOptions::default()).unwrap();
        let found: Vec<&str> = findings.iter().map(|finding| finding.defect.name()).collect();
        assert_eq!(found, defect.into_iter().collect::<Vec<_>>(), "{crash}");
        assert!(store.repair(&findings).unwrap().iter().all(|outcome| *outcome == Outcome::Repaired));
        assert!(store.findings(&RepairOptions::default()).unwrap().is_empty(), "{crash}");
    }
}

#[test]
fn what_changed_since_it_was_found_is_left_alone() {
    let files: &[(&str, &[u8])] =
        &[("10.244.1.10", b""), ("2001:DB8::7", b"e\r\neth0"), ("10.244.1.12", b"")];
    let network = Network::new("changed", files);
    let store = network.store();
    let findings = store.findings(&RepairOptions::default()).unwrap();
    assert_eq!(findings.len(), 3);
    // An old release that does not know the lock wrote its record after all; another took the right spelling.
    fs::write(network.0.join("cbr0/10.244.1.10"), "late\r\neth0").unwrap();
    fs::write(network.0.join("cbr0/2001:db8::7"), "f\r\neth0").unwrap();
    fs::remove_file(network.0.join("cbr0/10.244.1.12")).unwrap();
    let before = network.state();
    let outcomes = store.repair(&findings).unwrap();
    assert_eq!(outcomes[..2], [Outcome::Changed, Outcome::Changed]);
    assert!(
        matches!(&outcomes[2], Outcome::Failed { why, .. } if why.contains("2001:DB8::7")),
        "{outcomes:?}"
    );
    assert_eq!(network.state(), before);
}

#[test]
fn nothing_live_is_removed_and_foreign_records_only_on_request() {
    let files: &[(&str, &[u8])] =
        &[("10.244.1.10", b""), ("10.244.1.11", b"a b c"), ("10.244.1.12", b"d e f")];
    let network = Network::new("live", files);
    let store = network.store();
    let live = ["10.244.1.10", "10.244.1.12"].map(|address| address.parse().unwrap());
    let options = RepairOptions::default().remove_foreign(true).live(live);
    let findings = store.findings(&options).unwrap();
    let outcomes = store.repair(&findings).unwrap();
    assert_eq!(outcomes, [Outcome::Reported, Outcome::Repaired, Outcome::Reported]);
    assert_eq!(network.state().into_keys().collect::<Vec<_>>(), ["10.244.1.10", "10.244.1.12"]);
    let json = repair_json(&findings, &outcomes);
    assert_eq!(json["schema"], REPAIR_SCHEMA);
    assert_eq!(json["findings"][1]["content"], "a b c");
    assert_eq!(json["findings"][1]["outcome"], "repaired");
    assert_eq!(repair_json(&findings, &[])["findings"][1]["outcome"], serde_json::Value::Null);
    let text = repair_text(&findings, &outcomes);
    assert!(
        text.contains("10.244.1.11: the content is no owner") && text.contains("[\"a b c\"]: repaired"),
        "{text}"
    );
}

#[test]
fn an_address_is_given_once_again_after_repair() {
    let network = Network::new("once", &[("10.244.1.2", b""), ("2001:DB8::2", b"e\r\neth0")]);
    let store = network.store();
    store.repair(&store.findings(&RepairOptions::default()).unwrap()).unwrap();
    assert_eq!(add(&store, "next"), "10.244.1.2");
    let given: Vec<String> = super::held(&store, "next");
    assert_eq!(given, ["10.244.1.2", "2001:db8::3"], "the other spelling held its address from now on");
    assert_eq!(store.records().unwrap().len(), 3);
}

#[test]
fn what_a_durable_store_repaired_stays_repaired_after_a_power_cut() {
    let files: &[(&str, &[u8])] = &[("10.244.1.10", b""), ("2001:DB8::7", b"e\r\neth0")];
    let network = Network::new("durable", files);
    let ranges =
        || Ranges::of_subnets(&["10.244.1.0/24".parse().unwrap(), "2001:db8::/64".parse().unwrap()]).unwrap();
    let open = |boot: &str| {
        let options =
            DirectoryOptions::new().boot_id(boot).durability(Durability::Durable(JournalOptions::default()));
        DirectoryStore::open(&network.0, "cbr0", ranges(), options).unwrap()
    };
    let store = open("one");
    add(&store, "a");
    let findings = store.findings(&RepairOptions::default()).unwrap();
    assert_eq!(store.repair(&findings).unwrap(), [Outcome::Repaired, Outcome::Repaired]);
    drop(store);
    // The disk lost the repaired record's name, which was flushed last.
    fs::remove_file(network.0.join("cbr0/2001:db8::7")).unwrap();
    let store = open("two");
    let names: Vec<String> = store.records().unwrap().into_iter().map(|record| record.name).collect();
    assert_eq!(names, ["10.244.1.2", "2001:db8::2", "2001:db8::7"]);
    assert!(store.findings(&RepairOptions::default()).unwrap().is_empty());
}
