//! The seed's exhausted directory in both file formats: exactly the leaked addresses are freed.

use std::{collections::BTreeSet, fs, path::PathBuf, time::Duration};

use k8sboot_core::ipam::{
    Holder, Ranges, Record,
    leak::{LeakReport, Policy, Runtimes, State, Testimony, judge},
};

/// The directory of an exhausted network: `today` or `2016`.
pub(crate) fn exhausted(format: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/cni/exhausted-cbr0-{format}"))
}

/// The words of a text, one a line.
pub(crate) fn lines(path: PathBuf) -> Vec<String> {
    fs::read_to_string(path).unwrap().split_whitespace().map(str::to_owned).collect()
}

fn records(format: &str) -> Vec<Record> {
    let files = fs::read_dir(exhausted(format).join("networks/cbr0")).unwrap().map(Result::unwrap);
    let named =
        files.filter_map(|file| Some((file.file_name().into_string().ok()?.parse().ok()?, file.path())));
    named
        .map(|(address, path): (std::net::IpAddr, _)| {
            Record::new(address.to_string(), Some(address), Holder::parse(&fs::read(path).unwrap()))
        })
        .collect()
}

fn report(format: &str, listed: Vec<String>) -> LeakReport {
    let policy = Policy::default().grace(Duration::ZERO).runtimes(Runtimes::All);
    let ranges = Ranges::of_subnets(&["10.244.1.0/24".parse().unwrap()]).unwrap();
    judge(&records(format), &[Testimony::containers("docker", listed)], &policy, &ranges)
}

fn names(report: &LeakReport) -> BTreeSet<String> {
    report.to_free().map(|record| record.name.clone()).collect()
}

#[test]
fn exactly_the_leaked_addresses_are_freed() {
    for format in ["today", "2016"] {
        let want: BTreeSet<String> = lines(exhausted(format).join("expected-free.txt")).into_iter().collect();
        assert_eq!(want.len(), 250);
        let whole = report(format, lines(exhausted(format).join("live-containers.txt")));
        assert_eq!(names(&whole), want, "{format}");
        assert_eq!((whole.count(State::Live), whole.count(State::Free)), (3, 0));
        let short = report(format, lines(exhausted(format).join("live-containers-short.txt")));
        assert_eq!(names(&short), want, "{format}, short IDs");
    }
}

#[test]
fn a_listing_with_short_ids_and_application_containers_does_as_well() {
    for format in ["today", "2016"] {
        let listing = fs::read_to_string(exhausted(format).join("docker-ps.txt")).unwrap();
        let ids = listing.lines().skip(1).filter_map(|line| line.split_whitespace().next());
        let report = report(format, ids.map(str::to_owned).collect());
        let want: BTreeSet<String> = lines(exhausted(format).join("expected-free.txt")).into_iter().collect();
        assert_eq!(names(&report), want, "{format}");
    }
}
