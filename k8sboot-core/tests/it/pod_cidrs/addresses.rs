//! Addresses of a network in a ConfigMap of a real API server.

use std::{collections::BTreeSet, net::IpAddr, sync::Mutex, thread, time::Duration};

use k8sboot_core::{
    api::{Client, PatchKind, Resource},
    error::{Code, Problem},
    ipam::{Allocation, Holder, Owner, Policy, Ranges, Repeat, Request, Rest},
    store::{
        Store, StoreError,
        kubernetes::{KubernetesStore, KubernetesStoreOptions},
    },
};
use serde_json::json;

use super::api_server;

fn open(client: &Client, network: &str, subnets: &[&str]) -> KubernetesStore {
    let subnets: Vec<_> = subnets.iter().map(|subnet| subnet.parse().unwrap()).collect();
    let ranges = Ranges::of_subnets(&subnets).unwrap();
    KubernetesStore::open(client, network, ranges, &KubernetesStoreOptions::default()).unwrap()
}

fn owner(container: &str) -> Owner<'_> {
    Owner::new(container, "eth0").unwrap()
}

fn allocate(store: &KubernetesStore, container: &str) -> Result<Vec<String>, StoreError> {
    let mut out = Allocation::new();
    store.allocate(&Request::new(owner(container)), &mut out)?;
    Ok(out.iter().map(|given| given.address.to_string()).collect())
}

fn release(store: &KubernetesStore, container: &str) -> Vec<String> {
    let mut freed = Vec::new();
    store.release(owner(container), &mut freed).unwrap();
    freed.iter().map(IpAddr::to_string).collect()
}

#[test]
fn addresses_are_given_repeated_refused_released_and_collected() {
    let Some(control_plane) = api_server() else { return };
    let client = control_plane.client();
    let store = open(&client, "pods", &["10.1.2.0/29"]);
    // .1 is the gateway, .7 the broadcast address.
    let given: Vec<_> = ["a", "b", "c", "d", "e"].map(|c| allocate(&store, c).unwrap().remove(0)).to_vec();
    assert_eq!(given, ["10.1.2.2", "10.1.2.3", "10.1.2.4", "10.1.2.5", "10.1.2.6"]);
    assert_eq!(allocate(&store, "b").unwrap(), ["10.1.2.3"], "the same again");
    assert_eq!(allocate(&store, "f").unwrap_err().code(), Code::IPAM_EXHAUSTED);
    let again = Request::new(owner("b")).repeat(Repeat::Refuse);
    assert_eq!(store.allocate(&again, &mut Allocation::new()).unwrap_err().code(), Code::IPAM_DUPLICATE);
    let shown = control_plane.kubectl(&["-n", "kube-system", "get", "cm", "k8sboot-ipam-pods", "-o", "json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["data"]["10.1.2.3"], "b/eth0/2");

    // Another process sees the same, at once; what it takes is not given here.
    let other = open(&client, "pods", &["10.1.2.0/29"]);
    assert_eq!(release(&other, "b"), ["10.1.2.3"]);
    assert!(release(&store, "b").is_empty(), "holding nothing is success");
    assert_eq!(allocate(&other, "g").unwrap(), ["10.1.2.3"]);
    let mut found = Vec::new();
    store.find(owner("g"), &mut found).unwrap();
    assert_eq!((found.len(), store.usage().unwrap()[0].held), (1, 5));

    // A collector frees what is still as it was seen.
    let seen = store.records().unwrap();
    assert_eq!(seen.len(), 5);
    release(&store, "a");
    assert_eq!(allocate(&store, "a").unwrap(), ["10.1.2.2"], "given again");
    let freed = store.free_unchanged(&seen[..2]).unwrap();
    assert_eq!(freed.iter().map(|record| record.name.as_str()).collect::<Vec<_>>(), ["10.1.2.3"]);

    // What a hand wrote is held by nobody until it is collected.
    let by_hand = json!({"data": {"10.1.2.3": "by hand"}});
    client
        .patch(&Resource::CONFIG_MAPS, Some("kube-system"), "k8sboot-ipam-pods", PatchKind::Merge, &by_hand)
        .unwrap();
    assert_eq!(allocate(&store, "h").unwrap_err().code(), Code::IPAM_EXHAUSTED);
    let foreign: Vec<_> = store
        .records()
        .unwrap()
        .into_iter()
        .filter(|record| matches!(record.holder, Holder::Foreign { .. }))
        .collect();
    assert_eq!(store.free_unchanged(&foreign).unwrap().len(), 1);
    assert_eq!(allocate(&store, "h").unwrap(), ["10.1.2.3"]);

    // Dual stack, all or nothing.
    let dual = open(&client, "dual", &["10.1.3.0/29", "fd00:1::/126"]);
    assert_eq!(allocate(&dual, "a").unwrap(), ["10.1.3.2", "fd00:1::2"]);
    while allocate(&dual, &format!("x{}", dual.records().unwrap().len())).is_ok() {}
    let held: Vec<_> = dual.usage().unwrap().iter().map(|usage| usage.held).collect();
    assert_eq!(held[0], held[1], "{held:?}");
    assert_eq!(release(&dual, "a"), ["10.1.3.2", "fd00:1::2"]);
}

#[test]
fn stores_at_the_same_time_never_give_an_address_twice() {
    let Some(control_plane) = api_server() else { return };
    let client = control_plane.client();
    let (held, given) = (Mutex::new(BTreeSet::new()), Mutex::new(0));
    thread::scope(|scope| {
        for number in 0..4 {
            let (client, held, given) = (&client, &held, &given);
            scope.spawn(move || {
                // A store each, as in processes of their own: none knows what the others do.
                let store = open(client, "pods", &["10.1.2.0/28"]);
                for round in 0..15 {
                    let container = format!("t{number}r{round}");
                    let address = allocate(&store, &container).unwrap().remove(0);
                    assert!(held.lock().unwrap().insert(address.clone()), "{address} is held twice");
                    *given.lock().unwrap() += 1;
                    held.lock().unwrap().remove(&address);
                    assert_eq!(release(&store, &container), [address]);
                }
            });
        }
    });
    assert_eq!(*given.lock().unwrap(), 60);
    assert!(open(&client, "pods", &["10.1.2.0/28"]).records().unwrap().is_empty());
}

#[test]
fn what_a_store_cannot_be_is_refused_and_a_server_that_is_gone_is_told() {
    let Some(control_plane) = api_server() else { return };
    let client = control_plane.client();
    let ranges = || Ranges::of_subnets(&["10.1.2.0/29".parse().unwrap()]).unwrap();
    let refused = |network: &str, options: &KubernetesStoreOptions| {
        KubernetesStore::open(&client, network, ranges(), options).unwrap_err().code()
    };
    let usual = KubernetesStoreOptions::default();
    for network in ["", "Pods", "a_b", "-a", "a-", "a/b", "a.b"] {
        assert_eq!(refused(network, &usual), Code::KUBERNETES_STORE_OPTIONS, "{network}");
    }
    let mut rest = KubernetesStoreOptions::default();
    rest.pool.policy = Policy::Rest(Rest::time(Duration::from_secs(1)));
    assert_eq!(refused("a", &rest), Code::KUBERNETES_STORE_OPTIONS);
    control_plane.kubectl(&["-n", "kube-system", "create", "configmap", "k8sboot-ipam-theirs"]);
    assert_eq!(refused("theirs", &usual), Code::KUBERNETES_STORE_FOREIGN);

    // Full: the limit of the API server is told before it is hit.
    let store = open(&client, "big", &["10.0.0.0/16"]);
    let padding = json!({"data": {"padding": "x".repeat((1 << 20) - 40)}});
    client
        .patch(&Resource::CONFIG_MAPS, Some("kube-system"), "k8sboot-ipam-big", PatchKind::Merge, &padding)
        .unwrap();
    let error = allocate(&store, "a").unwrap_err();
    assert_eq!(error.code(), Code::KUBERNETES_STORE_FULL, "{error}");

    // The server goes: an error, and after it is back everything is as it was.
    let store = KubernetesStore::open(
        &client.clone().within(Duration::from_secs(2)),
        "pods",
        ranges(),
        &KubernetesStoreOptions::default(),
    )
    .unwrap();
    assert_eq!(allocate(&store, "a").unwrap(), ["10.1.2.2"]);
    control_plane.stop("kube-apiserver");
    let error = allocate(&store, "b").unwrap_err();
    assert!([Code::API_UNREACHABLE, Code::API_TIMEOUT].contains(&error.code()), "{error}");
    control_plane.up(&["kube-apiserver"]);
    assert_eq!(allocate(&store, "b").unwrap(), ["10.1.2.3"]);
    assert_eq!(store.records().unwrap().len(), 2);
}
