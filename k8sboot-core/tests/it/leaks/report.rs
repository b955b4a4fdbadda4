//! Reports: complete, the same for the same evidence, as text and JSON.

use k8sboot_core::ipam::{
    Range, RangeSet, RangeSpec, Ranges, Strictness,
    leak::{LEAK_SCHEMA, Policy, State, Testimony, judge},
};

use super::{namespaces, record};

fn ranges() -> Ranges {
    Ranges::of_subnets(&["10.244.1.0/28".parse().unwrap(), "2001:db8::/64".parse().unwrap()]).unwrap()
}

#[test]
fn every_address_of_the_ranges_has_one_state() {
    let records = [
        record("10.244.1.3", "live\r\neth0"),
        record("10.244.1.4", "gone\r\neth0"),
        record("10.244.1.9", ""),
        record("10.9.9.9", "gone\r\neth1"),
        record("2001:db8::7", "gone\r\neth0"),
        record("notes", "text of a human"),
    ];
    let all =
        [Testimony::containers("cri", ["live"]), namespaces(&["10.244.1.3", "10.244.1.14", "10.244.1.1"])];
    let report = judge(&records, &all, &Policy::default(), &ranges());
    let state = |address: &str| report.state_of(address.parse().unwrap());
    for (address, want) in [
        ("10.244.1.1", None),
        ("10.244.1.2", Some(State::Free)),
        ("10.244.1.3", Some(State::Live)),
        ("10.244.1.4", Some(State::Leaked)),
        ("10.244.1.9", Some(State::Broken)),
        ("10.244.1.14", Some(State::Free)),
        ("10.244.1.15", None),
        ("10.9.9.9", Some(State::Leaked)),
        ("10.9.9.8", None),
        ("2001:db8::7", Some(State::Leaked)),
        ("2001:db8::8", Some(State::Free)),
    ] {
        assert_eq!(state(address), want, "{address}");
    }
    let runs: Vec<String> =
        report.free.iter().map(|run| format!("{} {}-{}", run.set, run.first, run.last)).collect();
    assert_eq!(
        runs,
        [
            "0 10.244.1.2-10.244.1.2",
            "0 10.244.1.5-10.244.1.8",
            "0 10.244.1.10-10.244.1.14",
            "1 2001:db8::2-2001:db8::6",
            "1 2001:db8::8-2001:db8::ffff:ffff:ffff:ffff",
        ]
    );
    assert_eq!(report.count(State::Free), 1 + 4 + 5 + 5 + (u128::from(u64::MAX) - 7));
    // The gateway is no leak of records, an address that nobody recorded is.
    assert_eq!(
        report.unrecorded.iter().map(|seen| seen.address.to_string()).collect::<Vec<_>>(),
        ["10.244.1.14"]
    );
}

#[test]
fn the_last_address_of_the_family_ends_a_run() {
    let spec = RangeSpec::new("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0/124".parse().unwrap());
    let set = RangeSet::new(vec![Range::new(&spec, Strictness::Strict).unwrap()]).unwrap();
    let last = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    let report =
        judge(&[record(last, "gone\r\neth0")], &[], &Policy::default(), &Ranges::new(vec![set]).unwrap());
    assert_eq!(report.count(State::Free), 13);
    assert_eq!(report.state_of(last.parse().unwrap()), Some(State::Unknown));
}

#[test]
fn the_order_of_records_changes_nothing() {
    let mut records = vec![
        record("10.244.1.10", "a\r\neth0"),
        record("2001:db8::7", "b\r\neth0"),
        record("10.244.1.9", "c\r\neth0"),
        record("junk", "?"),
    ];
    let all = [Testimony::containers("cri", ["a"]), namespaces(&[])];
    let one = judge(&records, &all, &Policy::default(), &ranges());
    records.reverse();
    let other = judge(&records, &all, &Policy::default(), &ranges());
    assert_eq!(one.to_json(), other.to_json());
    let names: Vec<&str> = one.verdicts.iter().map(|verdict| verdict.record.name.as_str()).collect();
    assert_eq!(names, ["10.244.1.9", "10.244.1.10", "2001:db8::7", "junk"]);
}

#[test]
fn json_and_text_say_the_same() {
    let records =
        [record("10.244.1.3", "live\r\neth0"), record("10.244.1.4", "gone"), record("10.244.1.5", "")];
    let all = [Testimony::containers("cri", ["live"]), namespaces(&["10.244.1.3"])];
    let report = judge(&records, &all, &Policy::default(), &ranges());
    let json = report.to_json();
    assert_eq!(json["schema"], LEAK_SCHEMA);
    assert_eq!(json["policy"]["graceSeconds"], 600);
    assert_eq!(json["summary"]["live"], 1);
    assert_eq!(json["toFree"], serde_json::json!(["10.244.1.4", "10.244.1.5"]));
    let live = &json["addresses"][0];
    assert_eq!((live["state"].as_str(), live["owner"]["container"].as_str()), (Some("live"), Some("live")));
    assert_eq!(live["reasons"][0]["rule"], "address-configured");
    assert_eq!(live["reasons"][1]["witness"], "cri");
    assert_eq!(json["addresses"][1]["owner"]["kind"], "container");
    assert_eq!(json["addresses"][2]["owner"]["kind"], "empty");
    let text = report.to_text();
    for part in [
        "10.244.1.3      live    live/eth0 (namespaces: its address is configured on eth0 in /run/netns/cni-1; cri: its container is listed: listed)",
        "10.244.1.4      leaked  gone (no witness knows its container)",
        "10.244.1.5      broken  (empty) (the record is empty: its writer died)",
        "10.244.1.6 to 10.244.1.14: free",
        "cri: 1 containers",
        "2 to free",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}
