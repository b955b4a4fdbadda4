//! What happens to pod CIDRs while nodes come and go.

use k8sboot_core::{
    api::{PatchKind, Resource},
    error::{Code, Problem},
    manifest::{Object, yaml},
    store::kubernetes::{ClaimState, Origin, PodCidrError, PodCidrs},
};
use serde_json::json;

use super::{api_server, clusters, delete, register, texts, told_by_kubectl};

#[test]
fn pod_cidrs_from_the_first_node_to_an_exhausted_cluster_and_back() {
    let Some(control_plane) = api_server() else { return };
    let client = control_plane.client();
    // Four IPv4 subnets and three IPv6 ones, as one is reserved; sizes of their own.
    let options = || {
        clusters(&[("10.244.0.0/24", 26), ("fd00:10:244::/70", 72)])
            .lowest_first(true)
            .reserved(["fd00:10:244:0:200::/72".parse().unwrap()])
    };
    let pod_cidrs = PodCidrs::open(&client, options()).unwrap();
    let error = pod_cidrs.allocate("a").unwrap_err();
    assert_eq!(error.code(), Code::POD_CIDR_NO_NODE, "{error}");
    ["a", "b", "c", "d"].iter().for_each(|node| register(&client, node));

    let first = pod_cidrs.allocate("a").unwrap();
    assert_eq!(texts(&first), ["10.244.0.0/26", "fd00:10:244::/72"]);
    assert_eq!(first.origin, Origin::Allocated);
    let again = pod_cidrs.allocate("a").unwrap();
    assert_eq!((texts(&again), again.origin), (texts(&first), Origin::Kept));
    let shown = control_plane.kubectl(&["get", "node", "a", "-o", "jsonpath={.spec.podCIDR}"]);
    assert_eq!(shown, "10.244.0.0/26", "the first of the list, as Kubernetes wants it");

    // What somebody wrote by hand is taken, whatever its size.
    let by_hand = json!({"spec": {"podCIDR": "10.244.0.64/27", "podCIDRs": ["10.244.0.64/27"]}});
    client.patch(&Resource::NODES, None, "b", PatchKind::Merge, &by_hand).unwrap();
    assert_eq!(texts(&pod_cidrs.allocate("b").unwrap()), ["10.244.0.64/27"]);
    let findings: Vec<String> = pod_cidrs.check().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(findings, ["10.244.0.64/27 of node b has another size: expected a prefix of 26"]);
    assert_eq!(
        texts(&pod_cidrs.allocate("c").unwrap()),
        ["10.244.0.128/26", "fd00:10:244:0:100::/72"],
        "past a's and b's"
    );

    // The third IPv6 subnet is the last one: e gets nothing, and its IPv4 claim waits with it.
    assert_eq!(texts(&pod_cidrs.allocate("d").unwrap()), ["10.244.0.192/26", "fd00:10:244:0:300::/72"]);
    register(&client, "e");
    let error = pod_cidrs.allocate("e").unwrap_err();
    assert_eq!(error.code(), Code::IPAM_SPLIT, "{error}");
    assert!(error.to_string().contains("10.244.0.0/24: all 4 node subnets are taken"), "{error}");
    delete(&client, "b");
    let error = pod_cidrs.allocate("e").unwrap_err();
    assert!(error.to_string().contains("fd00:10:244::/70: all 4 node subnets are taken"), "{error}");
    let waiting: Vec<_> =
        pod_cidrs.claims().unwrap().into_iter().filter(|claim| claim.state == ClaimState::Pending).collect();
    assert_eq!((waiting.len(), waiting[0].cidr.to_string().as_str()), (1, "10.244.0.64/26"));
    let nothing = control_plane.kubectl(&["get", "node", "e", "-o", "jsonpath={.spec.podCIDRs}"]);
    assert_eq!(nothing, "", "all families or none");

    // A deleted node frees its subnets; no garbage collector runs here, so that its claims are collected by the call.
    delete(&client, "c");
    let stale = || {
        let claims = pod_cidrs.claims().unwrap();
        claims.iter().filter(|claim| claim.state == ClaimState::Stale).count()
    };
    assert_eq!(stale(), 2);
    assert_eq!(
        texts(&pod_cidrs.allocate("e").unwrap()),
        ["10.244.0.64/26", "fd00:10:244:0:100::/72"],
        "its claim, and what c had"
    );
    assert_eq!(stale(), 0);

    // A node of the same name is another node: its claims are not the old one's.
    delete(&client, "a");
    register(&client, "a");
    let new = pod_cidrs.allocate("a").unwrap();
    assert_eq!(
        (texts(&new), new.origin),
        (vec!["10.244.0.0/26".to_owned(), "fd00:10:244::/72".to_owned()], Origin::Allocated)
    );
    delete(&client, "d");
    let collected = pod_cidrs.collect().unwrap();
    assert_eq!(collected.len(), 2);
    assert!(pod_cidrs.collect().unwrap().is_empty());
    assert_eq!(told_by_kubectl(&control_plane).len(), 4);
    assert_eq!(pod_cidrs.list().unwrap().len(), 2);
}

#[test]
fn what_cannot_be_agreed_on_is_a_clear_error() {
    let Some(control_plane) = api_server() else { return };
    let client = control_plane.client();
    PodCidrs::open(&client, clusters(&[("10.244.0.0/16", 24)])).unwrap();
    PodCidrs::open(&client, clusters(&[("10.244.9.0/16", 24)])).expect("host bits do not count");
    for other in [&[("10.244.0.0/16", 25)][..], &[("10.244.0.0/16", 24), ("fd00::/56", 64)]] {
        let error = PodCidrs::open(&client, clusters(other)).unwrap_err();
        assert_eq!(error.code(), Code::POD_CIDR_SETTINGS, "{error}");
        assert!(error.to_string().contains("\"10.244.0.0/16:24\" (ConfigMap kube-system/k8sboot-pod-cidrs)"));
    }
    let error = PodCidrs::open(&client, clusters(&[("10.244.0.0/16", 12)])).unwrap_err();
    assert!(matches!(error, PodCidrError::Ipam(_)), "{error}");

    // Two nodes with one subnet, as writers without claims make them.
    let pod_cidrs = PodCidrs::open(&client, clusters(&[("10.244.0.0/16", 24)])).unwrap();
    ["a", "b", "c"].iter().for_each(|node| register(&client, node));
    for node in ["a", "b"] {
        let patch = json!({"spec": {"podCIDR": "10.244.7.0/24", "podCIDRs": ["10.244.7.0/24"]}});
        client.patch(&Resource::NODES, None, node, PatchKind::Merge, &patch).unwrap();
    }
    let error = pod_cidrs.allocate("a").unwrap_err();
    assert_eq!(error.code(), Code::POD_CIDR_SHARED);
    assert!(
        error.to_string().starts_with("pod CIDRs: nodes a and b share addresses of 10.244.7.0/24"),
        "{error}"
    );
    assert_eq!(
        pod_cidrs.check().unwrap()[0].to_string(),
        "10.244.7.0/24 of node b overlaps a pod CIDR of node a"
    );
    delete(&client, "b");
    assert!(pod_cidrs.allocate("a").is_ok() && pod_cidrs.check().unwrap().is_empty());

    // Who may not is told so; nothing is written.
    let nobody = control_plane.client_of("scheduler.conf");
    let error = PodCidrs::open(&nobody, clusters(&[("10.244.0.0/16", 24)])).unwrap_err();
    assert_eq!(error.code(), Code::API_FORBIDDEN, "{error}");
    // A claim that is damaged keeps its subnet and disturbs nobody.
    let claim = control_plane.kubectl(&["-n", "kube-system", "get", "leases", "-o", "name"]);
    assert!(!claim.contains("podcidr-"), "{claim}");
    pod_cidrs.allocate("c").unwrap();
    let claim = &pod_cidrs.claims().unwrap()[0];
    let name = format!("podcidr-{}", claim.cidr.to_string().replace('/', "-"));
    let damage = json!({"metadata": {"ownerReferences": null}});
    client.patch(&Resource::LEASES, Some("kube-system"), &name, PatchKind::Merge, &damage).unwrap();
    delete(&client, "c");
    register(&client, "c");
    let next = pod_cidrs.allocate("c").unwrap();
    assert_ne!(next.pod_cidrs[0], claim.cidr);
}

#[test]
fn one_call_serves_a_node_once_and_a_controller_manager_that_allocates_is_found() {
    let Some(control_plane) = api_server() else { return };
    let client = control_plane.client();
    let pod_cidrs = PodCidrs::open(&client, clusters(&[("10.244.0.0/16", 24)])).unwrap();
    register(&client, "a");
    let names = ["a", "b", "a"].map(str::to_owned);
    let outcomes = pod_cidrs.allocate_all(&names).unwrap();
    let told: Vec<_> = outcomes.iter().map(|(name, result)| (name.as_str(), result.is_ok())).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.contains(&("a", true)) && told.contains(&("b", false)));
    assert_eq!(pod_cidrs.claims().unwrap().len(), 1);

    // As the kubelet shows a static pod to the API server.
    assert_eq!(pod_cidrs.controller_managers().unwrap(), [""; 0]);
    let text = control_plane.read("/etc/kubernetes/manifests/kube-controller-manager.yaml");
    let mut pod = yaml::parse_all(&text).unwrap().remove(0);
    pod["metadata"]["name"] = json!("kube-controller-manager-a");
    pod["metadata"]["annotations"]["kubernetes.io/config.mirror"] = json!("1");
    pod["spec"]["nodeName"] = json!("a");
    client.create(&Resource::PODS, &Object::from_value(pod).unwrap()).unwrap();
    assert_eq!(pod_cidrs.controller_managers().unwrap(), ["kube-controller-manager-a"]);
}
