//! The twelve races that a collector must not lose.

use std::time::Duration;

use k8sboot_core::{
    error::Code,
    ipam::{
        Boot, Owner, Pool, PoolOptions, Ranges,
        leak::{DEFAULT_GRACE, Policy, Rule, Runtimes, State, StoredResult, Testimony, WitnessKind, judge},
    },
    store::{InFlight, MemoryStore, Store, Survey, collect},
};

use super::{
    FakeRuntime, HOUR, Meanwhile, add, all_known, held, namespaces, only, record, record_of, verdict,
};

fn store() -> MemoryStore {
    let ranges = Ranges::of_subnets(&["10.244.1.0/29".parse().unwrap()]).unwrap();
    MemoryStore::new(Pool::new(ranges, PoolOptions::default()))
}

fn listing(ids: &[&str]) -> Testimony {
    Testimony::containers("cri", ids.iter().copied())
}

fn failed() -> Testimony {
    let error = Owner::new("", "eth0").unwrap_err();
    Testimony::failed("cri", WitnessKind::Runtime, &error)
}

#[test]
fn r1_reservations_are_read_before_containers_are_listed() {
    let store = store();
    add(&store, "old");
    // An ADD reserves when the listing was already taken: its container is not in it.
    let runtime = Meanwhile(WitnessKind::Runtime, || {
        let listing = listing(&["other"]);
        add(&store, "new");
        listing
    });
    let survey = Survey::new(&store).witness(&runtime).policy(all_known());
    let collected = survey.collect().unwrap();
    assert_eq!(collected.freed.len(), 1);
    assert_eq!((held(&store, "old").len(), held(&store, "new").len()), (0, 1));
}

#[test]
fn r2_an_add_in_flight_is_kept_by_the_grace_period() {
    let all = [listing(&["other"]), namespaces(&[])];
    for boot in [Boot::This, Boot::Unknown] {
        for (age, want) in [
            (Duration::ZERO, (State::Young, false)),
            // kubelet gives a sandbox four minutes.
            (Duration::from_secs(4 * 60), (State::Young, false)),
            (DEFAULT_GRACE - Duration::from_millis(1), (State::Young, false)),
            (DEFAULT_GRACE, (State::Leaked, true)),
        ] {
            let record = record_of("10.244.1.2", "new\r\neth0", boot, Some(age));
            assert_eq!(only(&verdict(record, &all)), want, "{boot:?} {age:?}");
        }
    }
    let ageless = record_of("10.244.1.2", "new\r\neth0", Boot::This, None);
    let report = verdict(ageless, &all);
    assert_eq!(only(&report), (State::Unknown, false));
    assert_eq!(report.verdicts[0].reasons[0].rule, Rule::AgeUnknown);
}

#[test]
fn r2_an_add_in_flight_is_kept_by_the_process_that_runs_it() {
    let store = store();
    let adds = InFlight::new();
    let runtime = FakeRuntime::with(&["other"]);
    let running = adds.announce(Owner::new("new", "eth0").unwrap());
    add(&store, "new");
    let survey = Survey::new(&store).witness(&runtime).witness(&adds).policy(all_known());
    let report = survey.plan().unwrap();
    assert_eq!(
        (only(&report), report.verdicts[0].reasons[0].rule),
        ((State::Young, false), Rule::AddRunning)
    );
    runtime.start("new");
    drop(running);
    assert_eq!(only(&survey.plan().unwrap()), (State::Live, false));
    runtime.remove("new");
    assert_eq!(only(&survey.plan().unwrap()), (State::Leaked, true));
}

#[test]
fn r2_an_add_that_ends_between_two_witnesses_is_seen_by_one() {
    let store = store();
    let adds = InFlight::new();
    let runtime = FakeRuntime::with(&["other"]);
    let running = std::sync::Mutex::new(Some(adds.announce(Owner::new("new", "eth0").unwrap())));
    add(&store, "new");
    // The container is listed and the ADD ends after the runtime answered, if that is asked first.
    let ending = Meanwhile(WitnessKind::Runtime, || {
        let listing = k8sboot_core::ipam::leak::Witness::testify(&runtime);
        runtime.start("new");
        running.lock().unwrap().take();
        listing
    });
    let survey = Survey::new(&store).witness(&ending).witness(&adds).policy(all_known());
    assert!(survey.collect().unwrap().freed.is_empty());
    assert_eq!(held(&store, "new").len(), 1);
}

#[test]
fn r3_a_status_that_lags_is_outvoted_by_any_other_witness() {
    let status = {
        let mut status = Testimony::new("pod status", WitnessKind::Other);
        status.containers.clear();
        status
    };
    let seen = record("10.244.1.2", "running\r\neth0");
    let by_namespace =
        verdict(seen.clone(), &[status.clone(), listing(&["other"]), namespaces(&["10.244.1.2"])]);
    assert_eq!(only(&by_namespace), (State::Live, false));
    let by_runtime = verdict(seen, &[status, listing(&["running"]), namespaces(&[])]);
    assert_eq!(only(&by_runtime), (State::Live, false));
}

#[test]
fn r4_the_new_life_of_a_name_is_another_container() {
    let records = [record("10.244.1.2", "first\r\neth0"), record("10.244.1.3", "second\r\neth0")];
    let all = [listing(&["second"]), namespaces(&[])];
    let report = judge(&records, &all, &Policy::default(), &Ranges::none());
    let names: Vec<&str> = report.to_free().map(|record| record.name.as_str()).collect();
    assert_eq!(names, ["10.244.1.2"]);
}

#[test]
fn r5_a_late_delete_frees_nothing_of_the_next_owner() {
    let store = store();
    let address = add(&store, "late");
    let runtime = FakeRuntime::with(&["other"]);
    let survey = Survey::new(&store).witness(&runtime).policy(all_known());
    assert_eq!(survey.collect().unwrap().freed.len(), 1);
    let heirs = ["a", "b", "c", "d", "e"];
    let given: Vec<String> = heirs.iter().map(|id| add(&store, id)).collect();
    assert!(given.contains(&address));
    let mut freed = Vec::new();
    store.release(Owner::new("late", "eth0").unwrap(), &mut freed).unwrap();
    assert!(freed.is_empty());
    assert!(heirs.iter().all(|id| held(&store, id).len() == 1));
}

#[test]
fn r6_of_two_collectors_the_second_leaves_what_was_given_again() {
    let store = store();
    ["a", "b", "c", "d", "gone"].iter().for_each(|id| drop(add(&store, id)));
    let runtime = FakeRuntime::with(&["a", "b", "c", "d"]);
    let survey = Survey::new(&store).witness(&runtime).policy(all_known());
    let (first, second) = (survey.plan().unwrap(), survey.plan().unwrap());
    assert_eq!(collect(&store, &first).unwrap().freed.len(), 1);
    let again = add(&store, "new");
    let second = collect(&store, &second).unwrap();
    assert!(second.freed.is_empty());
    assert_eq!(second.changed[0].name, again);
    assert_eq!(held(&store, "new"), [again]);
}

#[test]
fn r8_entries_that_are_no_addresses_stay_and_old_records_go_by_their_container() {
    let records = [
        record("lock", ""),
        record("last_reserved_ip.0", "10.244.1.2"),
        record("10.244.1.2", "live-container"),
        record("10.244.1.3", "dead-container"),
        record("10.244.1.4", "no owner at all"),
    ];
    let all = [listing(&["live-container"]), namespaces(&[])];
    let report = judge(&records, &all, &Policy::default(), &Ranges::none());
    let states: Vec<_> = report.verdicts.iter().map(|v| (v.record.name.as_str(), v.state, v.free)).collect();
    assert_eq!(
        states,
        [
            ("10.244.1.2", State::Live, false),
            ("10.244.1.3", State::Leaked, true),
            ("10.244.1.4", State::Foreign, false),
            ("last_reserved_ip.0", State::Foreign, false),
            ("lock", State::Foreign, false),
        ]
    );
}

#[test]
fn r8_an_address_is_live_however_it_is_spelt() {
    for (name, seen) in [("2001:DB8:0:0::7", "2001:db8::7"), ("10.244.1.7", "::ffff:10.244.1.7")] {
        let report = verdict(record(name, "gone\r\neth0"), &[listing(&["other"]), namespaces(&[seen])]);
        assert_eq!(only(&report), (State::Live, false), "{name}");
    }
}

#[test]
fn r9_another_owner_of_the_network_is_presumed_until_ruled_out() {
    let seen = record("10.244.1.2", "of-another-runtime\r\neth0");
    let report = verdict(seen.clone(), &[listing(&["other"])]);
    assert_eq!(
        (only(&report), report.verdicts[0].reasons[0].rule),
        ((State::Unknown, false), Rule::OthersPossible)
    );
    let report = verdict(seen.clone(), &[listing(&["other"]), namespaces(&["10.244.1.2"])]);
    assert_eq!(only(&report), (State::Live, false));
    let policy = Policy::default().runtimes(Runtimes::All);
    let both = [listing(&["other"]), Testimony::containers("docker", ["of-another-runtime"])];
    assert_eq!(
        only(&judge(std::slice::from_ref(&seen), &both, &policy, &Ranges::none())),
        (State::Live, false)
    );
    let one = [listing(&["other"])];
    assert_eq!(only(&judge(&[seen], &one, &policy, &Ranges::none())), (State::Leaked, true));
}

#[test]
fn r10_a_failed_listing_frees_nothing_whatever_else_is_known() {
    for boot in [Boot::This, Boot::Unknown, Boot::Earlier] {
        let seen = record_of("10.244.1.2", "gone\r\neth0", boot, Some(HOUR));
        let report = verdict(seen.clone(), &[failed(), listing(&["other"]), namespaces(&[])]);
        assert_eq!(only(&report), (State::Unknown, false), "{boot:?}");
        assert_eq!(report.verdicts[0].reasons[0].rule, Rule::WitnessFailed);
        let mut partly = namespaces(&[]);
        partly.failures = failed().failures;
        assert_eq!(only(&verdict(seen, &[listing(&["other"]), partly])), (State::Unknown, false), "{boot:?}");
    }
    let broken = verdict(record("10.244.1.2", ""), &[failed(), namespaces(&[])]);
    assert_eq!(only(&broken), (State::Broken, false));
    assert_eq!(broken.testimonies[0].failures[0].code, Code::IPAM_OWNER);
}

#[test]
fn r10_an_empty_listing_is_believed_only_on_the_callers_word() {
    let seen = record("10.244.1.2", "gone\r\neth0");
    let report = verdict(seen.clone(), &[listing(&[]), namespaces(&[])]);
    assert_eq!(
        (only(&report), report.verdicts[0].reasons[0].rule),
        ((State::Unknown, false), Rule::EmptyListing)
    );
    // One that lists something does not speak for one that lists nothing.
    let two = [listing(&[]), Testimony::containers("docker", ["other"]), namespaces(&[])];
    assert_eq!(only(&verdict(seen.clone(), &two)), (State::Unknown, false));
    let known = [listing(&[]).known_empty(true), namespaces(&[])];
    assert_eq!(only(&verdict(seen.clone(), &known)), (State::Leaked, true));
    // No runtime at all is not the same as one without containers.
    assert_eq!(only(&verdict(seen, &[namespaces(&[])])), (State::Unknown, false));
}

#[test]
fn r10_a_survey_believes_an_empty_listing_on_the_callers_word() {
    let store = store();
    add(&store, "gone");
    let empty = FakeRuntime::default();
    let careful = Survey::new(&store).witness(&empty).policy(all_known());
    assert!(careful.collect().unwrap().freed.is_empty());
    let sure = Survey::new(&store).witness_known_empty(&empty).policy(all_known());
    assert_eq!(sure.collect().unwrap().freed.len(), 1);
}

#[test]
fn r11_what_was_freed_rests_a_whole_cycle() {
    let store = store();
    let first = add(&store, "gone");
    let runtime = FakeRuntime::with(&["other"]);
    let survey = Survey::new(&store).witness(&runtime).policy(all_known());
    assert_eq!(survey.collect().unwrap().freed[0].name, first);
    for id in ["a", "b", "c", "d"] {
        assert_ne!(add(&store, id), first);
    }
    assert_eq!(add(&store, "e"), first);
}

#[test]
fn r12_only_the_boots_identity_proves_an_earlier_boot() {
    // A file time from before the boot proves nothing: the clock may have been set since.
    let all = [listing(&["other"])];
    let seen = record_of("10.244.1.2", "gone\r\neth0", Boot::Unknown, Some(HOUR * 24 * 365));
    assert_eq!(only(&verdict(seen, &all)), (State::Unknown, false));
    let seen = record_of("10.244.1.2", "gone\r\neth0", Boot::Earlier, Some(Duration::ZERO));
    let report = verdict(seen, &all);
    assert_eq!(
        (only(&report), report.verdicts[0].reasons[0].rule),
        ((State::Leaked, true), Rule::EarlierBoot)
    );
}

#[test]
fn r12_after_a_reboot_nothing_need_be_listed_and_what_is_listed_stays() {
    let records = [
        record_of("10.244.1.2", "gone\r\neth0", Boot::Earlier, None),
        record_of("10.244.1.3", "exited\r\neth0", Boot::Earlier, None),
    ];
    let report = judge(&records, &[listing(&[])], &Policy::default(), &Ranges::none());
    assert_eq!(report.to_free().count(), 2);
    let report = judge(&records, &[listing(&["exited"])], &Policy::default(), &Ranges::none());
    assert_eq!(report.to_free().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["10.244.1.2"]);
}

#[test]
fn a_namespace_of_a_stored_result_keeps_and_the_result_of_a_lost_one_is_told() {
    let stored = |namespace: Option<&str>| {
        let mut results = Testimony::new("results", WitnessKind::Results);
        results.results.push(StoredResult::new(
            Owner::new("held", "eth0").unwrap(),
            vec!["10.244.1.2".parse().unwrap()],
            namespace.map(str::to_owned),
            "/var/lib/cni/results/cbr0-held-eth0",
        ));
        [listing(&["other"]), namespaces(&[]), results]
    };
    let kept = stored(Some("/run/netns/cni-1"));
    for content in ["held\r\neth0", "held", "renamed\r\neth0"] {
        let report = verdict(record("10.244.1.2", content), &kept);
        assert_eq!(only(&report), (State::Live, false), "{content}");
        assert_eq!(report.verdicts[0].reasons.len(), 1);
    }
    assert_eq!(only(&verdict(record("10.244.1.3", "held\r\nnet1"), &kept)), (State::Leaked, true));
    let report = verdict(record("10.244.1.2", "held\r\neth0"), &stored(None));
    assert_eq!(only(&report), (State::Leaked, true));
    assert_eq!(report.verdicts[0].stored_result.as_deref(), Some("/var/lib/cni/results/cbr0-held-eth0"));
}

#[test]
fn a_short_id_of_two_containers_frees_neither() {
    let records =
        [record("10.244.1.2", "aaaaaaaaaaaa1\r\neth0"), record("10.244.1.3", "aaaaaaaaaaaa2\r\neth0")];
    let all = [listing(&["aaaaaaaaaaaa"]), namespaces(&[])];
    let report = judge(&records, &all, &Policy::default(), &Ranges::none());
    assert!(
        report.verdicts.iter().all(|v| v.state == State::Unknown && v.reasons[0].rule == Rule::AmbiguousId)
    );
    assert_eq!(report.to_free().count(), 0);
}
