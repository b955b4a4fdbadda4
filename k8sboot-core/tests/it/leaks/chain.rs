//! Leaks with a stored result are undone by a DEL of the whole chain, with the real plugins.

use std::{fs, path::Path, time::Duration};

use k8sboot_core::{
    cni::{Attachment, NetworkList},
    exec::{Cni, CniRun},
    ipam::{
        Ranges,
        leak::{Policy, Runtimes, State},
    },
    probe::witness::StoredResults,
    store::{DirectoryOptions, DirectoryStore, Store, Survey, collect},
};

use super::{
    FakeRuntime,
    namespaces::{Pod, may},
};

const PLUGINS: &str = "/usr/lib/cni";

#[test]
fn a_namespace_keeps_an_attachment_and_a_lost_one_is_deleted_by_its_chain() {
    if !may() {
        return;
    }
    if !Path::new(PLUGINS).join("ptp").is_file() {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "the CNI plugins are not installed");
        eprintln!("skipped: {PLUGINS} has no plugins");
        return;
    }
    let root = std::env::temp_dir().join(format!("k8sboot-chain-{}", std::process::id()));
    let _ = fs::remove_dir_all(&root);
    let (data, cache) = (root.join("networks"), root.join("cache"));
    let list = NetworkList::parse(
        format!(
            r#"{{"cniVersion":"1.0.0","name":"k8sbootchain","plugins":[{{"type":"ptp","ipam":{{"type":"host-local",
            "dataDir":"{}","ranges":[[{{"subnet":"198.18.79.0/24"}}]]}}}}]}}"#,
            data.display()
        )
        .as_bytes(),
    )
    .unwrap();
    let cni = Cni::new(vec![PLUGINS.into()]).cache(&cache);
    let pods = ["chain-a", "chain-b"].map(|name| {
        let pod = Pod::new(name);
        let attachment = Attachment::new(name, "eth0", &format!("/run/netns/{}", pod.name())).unwrap();
        cni.add(&list, &attachment, &CniRun::default()).unwrap();
        (pod, attachment)
    });
    let ranges = Ranges::of_subnets(&["198.18.79.0/24".parse().unwrap()]).unwrap();
    let store = DirectoryStore::open(&data, "k8sbootchain", ranges, DirectoryOptions::new()).unwrap();
    let (runtime, results) = (FakeRuntime::with(&["other"]), StoredResults::new([&cache]));
    let policy = Policy::default().grace(Duration::ZERO).runtimes(Runtimes::All);
    let survey = Survey::new(&store).witness(&runtime).witness(&results).policy(policy);
    assert_eq!(survey.plan().unwrap().count(State::Live), 2, "both namespaces exist");

    let [(lost, _), (_kept, kept_attachment)] = pods;
    drop(lost);
    let report = survey.plan().unwrap();
    assert_eq!((report.count(State::Live), report.count(State::Leaked)), (1, 1), "{}", report.to_text());
    let stored = cache.join("results/k8sbootchain-chain-a-eth0");
    assert!(stored.is_file());
    let deleted = cni.delete_leaks(&report, &CniRun::default());
    assert_eq!(deleted.len(), 1);
    assert_eq!(
        (deleted[0].container.as_str(), deleted[0].source.as_str()),
        ("chain-a", stored.to_str().unwrap())
    );
    deleted[0].outcome.as_ref().unwrap();
    assert!(!stored.exists());
    let left: Vec<String> = store.records().unwrap().into_iter().map(|record| record.name).collect();
    assert_eq!(left, ["198.18.79.3"]);
    let collected = collect(&store, &report).unwrap();
    assert_eq!((collected.freed.len(), collected.changed.len()), (0, 1), "DEL had freed it");

    cni.del(&list, &kept_attachment, &CniRun::default()).unwrap();
    fs::remove_dir_all(root).unwrap();
}
