//! What holds for every set of records and witnesses: a witness can only add reasons to keep.

use std::{collections::BTreeSet, time::Duration};

use k8sboot_core::ipam::{
    Boot, Holder, Owner, Ranges, Record,
    leak::{
        Failure, LeakReport, Policy, Runtimes, SeenAddress, SeenContainer, State, StoredResult, Testimony,
        WitnessKind, judge,
    },
};
use proptest::{collection::vec, option, prelude::*};

/// Few containers, so that witnesses and records often meet; some are prefixes of others.
const IDS: [&str; 6] =
    ["aaaaaaaaaaaa", "aaaaaaaaaaaa1111", "aaaaaaaaaaaa2222", "bbbbbbbbbbbb3333", "bbbbbbbbbbbb", "cc"];

fn address() -> impl Strategy<Value = String> {
    (1..12u8).prop_map(|last| format!("10.244.1.{last}"))
}

fn record() -> impl Strategy<Value = Record> {
    let content = prop_oneof![
        6 => (0..IDS.len(), prop_oneof![Just("eth0"), Just("net1")])
            .prop_map(|(id, interface)| format!("{}\r\n{interface}", IDS[id])),
        2 => (0..IDS.len()).prop_map(|id| IDS[id].to_owned()),
        1 => Just(String::new()),
        1 => Just("text of a human".to_owned()),
    ];
    let name = prop_oneof![9 => address(), 1 => Just("junk".to_owned())];
    let boot = prop_oneof![Just(Boot::This), Just(Boot::Earlier), Just(Boot::Unknown)];
    (name, content, boot, option::of(0..1200u64)).prop_map(|(name, content, boot, age)| {
        let mut record = Record::new(&name, name.parse().ok(), Holder::parse(content.as_bytes()));
        (record.boot, record.age) = (boot, age.map(Duration::from_secs));
        record
    })
}

fn testimony() -> impl Strategy<Value = Testimony> {
    let kinds = [
        WitnessKind::InFlight,
        WitnessKind::Runtime,
        WitnessKind::Namespaces,
        WitnessKind::Results,
        WitnessKind::Other,
    ];
    let owners = vec((0..IDS.len(), any::<bool>(), address()), 0..3);
    (0..kinds.len(), vec(0..IDS.len(), 0..4), vec(address(), 0..4), owners, any::<bool>(), 0..8u8).prop_map(
        move |(kind, containers, addresses, owners, namespace, failure)| {
            let mut testimony = Testimony::new("witness", kinds[kind]);
            testimony.containers =
                containers.into_iter().map(|id| SeenContainer::new(IDS[id], "listed")).collect();
            testimony.addresses =
                addresses.into_iter().map(|a| SeenAddress::new(a.parse().unwrap(), "eth0")).collect();
            for (id, running, address) in owners {
                let owner = Owner::new(IDS[id], "eth0").unwrap();
                if running {
                    testimony.in_flight.push(owner.into());
                } else {
                    let path = namespace.then(|| "/run/netns/x".to_owned());
                    testimony.results.push(StoredResult::new(
                        owner,
                        vec![address.parse().unwrap()],
                        path,
                        "file",
                    ));
                }
            }
            if failure == 0 {
                testimony.failures.push(Failure::of(&Owner::new("", "").unwrap_err()));
            }
            testimony
        },
    )
}

/// Witnesses enough that nothing is left unasked.
fn enough() -> [Testimony; 2] {
    [
        Testimony::containers("runtime", ["of-something-else"]),
        Testimony::new("namespaces", WitnessKind::Namespaces),
    ]
}

fn freed(report: &LeakReport) -> BTreeSet<(String, String)> {
    report.to_free().map(|record| (record.name.clone(), format!("{:?}", record.holder))).collect()
}

proptest! {
    #[test]
    fn a_witness_can_only_add_reasons_to_keep(
        records in vec(record(), 0..16),
        first in vec(testimony(), 0..3),
        more in testimony(),
        grace in 0..900u64,
        all in any::<bool>(),
    ) {
        let runtimes = if all { Runtimes::All } else { Runtimes::Some };
        let policy = Policy::default().grace(Duration::from_secs(grace)).runtimes(runtimes);
        let before: Vec<Testimony> = enough().into_iter().chain(first).collect();
        let after: Vec<Testimony> = before.iter().cloned().chain([more]).collect();
        let before = judge(&records, &before, &policy, &Ranges::none());
        let after = judge(&records, &after, &policy, &Ranges::none());
        prop_assert!(freed(&after).is_subset(&freed(&before)), "{}\n{}", before.to_text(), after.to_text());
    }

    #[test]
    fn nothing_that_a_witness_names_is_freed(
        records in vec(record(), 1..16),
        testimonies in vec(testimony(), 0..4),
    ) {
        let policy = Policy::default().grace(Duration::ZERO);
        let all: Vec<Testimony> = enough().into_iter().chain(testimonies).collect();
        let report = judge(&records, &all, &policy, &Ranges::none());
        prop_assert_eq!(report.verdicts.len(), records.len());
        let failed = all.iter().any(|testimony| !testimony.failures.is_empty());
        for verdict in report.verdicts.iter().filter(|verdict| verdict.free) {
            prop_assert!(!failed);
            prop_assert!(matches!(verdict.state, State::Leaked | State::Broken));
            let address = verdict.record.address.unwrap();
            let id = verdict.record.holder.container().unwrap_or("-");
            for testimony in &all {
                prop_assert!(testimony.addresses.iter().all(|seen| seen.address != address));
                prop_assert!(testimony.containers.iter().all(|seen| seen.id != id));
                prop_assert!(testimony.results.iter().all(|r| r.namespace.is_none() || !r.addresses.contains(&address)));
            }
        }
    }
}

#[cfg(feature = "node")]
mod messages {
    use k8sboot_core::probe::witness::netlink::{NetlinkProblem, parse};
    use proptest::{collection::vec, prelude::*};

    /// A message of the kind that lists an address, with whatever lengths.
    fn message() -> impl Strategy<Value = Vec<u8>> {
        let attribute = (0..24u16, 0..4u16, vec(any::<u8>(), 0..20));
        (0..80u32, prop_oneof![4 => Just(20u16), 1 => 0..24u16], vec(attribute, 0..4)).prop_map(
            |(length, kind, attributes)| {
                let mut body = [0; 8].to_vec();
                for (length, kind, value) in attributes {
                    body.extend(length.to_ne_bytes());
                    body.extend(kind.to_ne_bytes());
                    body.extend(value);
                }
                let length = if length < 60 { 16 + u32::try_from(body.len()).unwrap() } else { length };
                let header =
                    [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), &[0, 0, 7, 0, 0, 0, 0, 0, 0, 0]];
                header.concat().into_iter().chain(body).collect()
            },
        )
    }

    proptest! {
        #[test]
        fn reading_stays_in_the_buffer(messages in vec(message(), 0..4), cut in 0..200usize) {
            let bytes = messages.concat();
            let sequence = u32::from_ne_bytes([7, 0, 0, 0]);
            let whole = parse(&bytes, sequence);
            match &whole {
                Ok(part) => prop_assert!(part.addresses.len() * 32 <= bytes.len()),
                Err(NetlinkProblem::Shape { at, .. }) => prop_assert!(*at <= bytes.len()),
                Err(_) => {}
            }
            let part = parse(&bytes[..cut.min(bytes.len())], sequence);
            if let (Ok(part), Ok(whole)) = (part, whole) {
                prop_assert!(whole.addresses.starts_with(&part.addresses));
            }
        }
    }
}
