//! Flannel's annotations on real Nodes.

use std::collections::BTreeMap;

use k8sboot_core::{
    api::{Client, ClientOptions, PatchKind, Resource},
    error::{Code, Problem},
    ipam::flannel::{AnnotationKeys, NetworkConfig, NodeAnnotations, NodeAttributes},
    store::kubernetes::{FlannelNodes, PodCidrs},
};
use serde_json::{Value, json};

use super::{api_server, clusters, delete, register};
use crate::cluster::ControlPlane;

/// What flanneld of two nodes writes, by its documentation.
const WRITTEN: [(&str, &str); 4] = [
    ("backend-data", r#"{"VNI":1,"VtepMAC":"ca:50:97:1f:c2:ea"}"#),
    ("backend-type", "vxlan"),
    ("kube-subnet-manager", "true"),
    ("public-ip", "192.0.2.10"),
];

fn annotations(control_plane: &ControlPlane, node: &str) -> BTreeMap<String, String> {
    let text = control_plane.kubectl(&["get", "node", node, "-o", "json"]);
    let node: Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(node["metadata"]["annotations"].clone()).unwrap_or_default()
}

fn annotate(client: &Client, node: &str, name: &str, text: Option<&str>) {
    let patch = json!({"metadata": {"annotations": {AnnotationKeys::default().key(name): text}}});
    client.patch(&Resource::NODES, None, node, PatchKind::Merge, &patch).unwrap();
}

/// The rights that flannel's own manifest gives its service account, for a client of ours.
fn as_flannel(control_plane: &ControlPlane) -> Client {
    let rules = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "flannel"},
        "rules": [
            {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": [""], "resources": ["nodes/status"], "verbs": ["patch"]},
        ],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "flannel"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "flannel"},
        "subjects": [{"kind": "ServiceAccount", "name": "flannel", "namespace": "kube-system"}],
    });
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "flannel", "namespace": "kube-system"},
    });
    let client = control_plane.client();
    for (resource, object) in [
        (Resource::CLUSTER_ROLES, rules),
        (Resource::CLUSTER_ROLE_BINDINGS, binding),
        (Resource::SERVICE_ACCOUNTS, account),
    ] {
        client.create(&resource, &k8sboot_core::manifest::Object::from_value(object).unwrap()).unwrap();
    }
    let token = control_plane.kubectl(&["-n", "kube-system", "create", "token", "flannel"]);
    let text = control_plane.read("/etc/kubernetes/super-admin.conf");
    let kubeconfig = k8sboot_core::kubeconfig::Kubeconfig::parse(&text).unwrap();
    let identity = k8sboot_core::api::Identity::Token(token.trim().to_owned().into());
    control_plane.client_with(&ClientOptions::from_kubeconfig(&kubeconfig).unwrap().identity(identity))
}

#[test]
fn annotations_are_written_and_read_as_flanneld_does_with_its_own_rights() {
    let Some(control_plane) = api_server() else { return };
    let (client, keys) = (control_plane.client(), AnnotationKeys::default());
    ["a", "b"].iter().for_each(|node| register(&client, node));
    let nodes = FlannelNodes::new(&as_flannel(&control_plane), keys.clone());

    // What flanneld wrote is read.
    WRITTEN.iter().for_each(|(name, text)| annotate(&client, "a", name, Some(text)));
    let read = nodes.read("a").unwrap().annotations.unwrap();
    assert_eq!(read.backend_data.as_ref().unwrap()["VtepMAC"], "ca:50:97:1f:c2:ea");

    // What is written is what flanneld would have written, byte for byte.
    nodes.write("b", &read).unwrap();
    let expected: BTreeMap<String, String> =
        WRITTEN.iter().map(|(name, text)| (keys.key(name), (*text).to_owned())).collect();
    assert_eq!(annotations(&control_plane, "b"), expected);
    assert_eq!(nodes.read("b").unwrap().annotations.unwrap(), read);

    // The administrator's stay, and the overwrite counts; another backend replaces what the first said.
    annotate(&client, "b", "public-ip-overwrite", Some("198.51.100.7"));
    annotate(&client, "b", "node-public-ip", Some("192.0.2.11"));
    let mut dual = NodeAttributes::new("192.0.2.11".parse().unwrap(), "host-gw");
    dual.public_ipv6 = Some("2001:db8::11".parse().unwrap());
    nodes.write("b", &NodeAnnotations::of(&dual)).unwrap();
    let now = annotations(&control_plane, "b");
    let said = |name: &str| now.get(&keys.key(name)).map(String::as_str);
    assert_eq!(said("backend-data"), Some("null"));
    assert_eq!(said("backend-v6-data"), Some("null"));
    assert_eq!((said("public-ip"), said("public-ipv6")), (Some("198.51.100.7"), Some("2001:db8::11")));
    assert_eq!(said("node-public-ip"), Some("192.0.2.11"));
    nodes.write("b", &read).unwrap();
    assert_eq!(annotations(&control_plane, "b").get(&keys.key("public-ipv6")), None);

    // A damaged one of flanneld's is replaced, one of the administrator's is an error.
    annotate(&client, "b", "backend-data", Some("{"));
    assert!(nodes.read("b").unwrap().annotations.is_err());
    nodes.write("b", &read).unwrap();
    assert!(nodes.read("b").unwrap().annotations.is_ok());
    annotate(&client, "b", "public-ip-overwrite", Some("nat"));
    let error = nodes.write("b", &read).unwrap_err();
    assert_eq!(error.code(), Code::FLANNEL_ANNOTATION, "{error}");
    annotate(&client, "b", "public-ip-overwrite", None);

    nodes.clear("b").unwrap();
    assert_eq!(
        annotations(&control_plane, "b").into_keys().collect::<Vec<_>>(),
        [keys.key("node-public-ip")],
        "what flanneld leaves behind is gone"
    );
    assert_eq!(nodes.write("c", &read).unwrap_err().code(), Code::POD_CIDR_NO_NODE);
}

#[test]
fn pod_cidrs_and_flannel_agree_or_it_is_told_why_not() {
    let Some(control_plane) = api_server() else { return };
    let client = control_plane.client();
    let config: NetworkConfig = r#"{"Network":"10.244.0.0/16","Backend":{"Type":"vxlan"}}"#.parse().unwrap();
    let pod_cidrs = PodCidrs::open(&client, clusters(&[("10.244.0.0/16", 24)])).unwrap();
    let nodes = FlannelNodes::new(&client, AnnotationKeys::default());
    for (n, node) in ["a", "b", "c"].iter().enumerate() {
        register(&client, node);
        let mut said = NodeAttributes::new([192, 0, 2, u8::try_from(n).unwrap()].into(), "vxlan");
        said.backend_data = Some(json!({"VNI": 1, "VtepMAC": format!("ca:50:97:1f:c2:0{n}")}));
        nodes.write(node, &NodeAnnotations::of(&said)).unwrap();
    }
    let told = || -> Vec<String> {
        nodes
            .check(&config)
            .unwrap()
            .iter()
            .map(|f| f.to_string().split(':').next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(told(), ["node a", "node b", "node c"], "none has a pod CIDR");
    assert!(pod_cidrs.allocate_missing().unwrap().iter().all(|(_, result)| result.is_ok()));
    assert_eq!(told(), [""; 0]);
    let address = json!({"status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.77"}]}});
    let body = ("application/merge-patch+json", address.to_string().into_bytes());
    client.call(k8sboot_core::api::Method::Patch, "/api/v1/nodes/b/status", Some(body)).unwrap();
    let findings = nodes.check(&config).unwrap();
    assert!(findings[0].to_string().contains("public address 192.0.2.1 is none of the node's addresses"));
    // A node that is outside, as another --cluster-cidr makes it.
    delete(&client, "c");
    register(&client, "c");
    let patch = json!({"spec": {"podCIDR": "10.9.0.0/24", "podCIDRs": ["10.9.0.0/24"]}});
    client.patch(&Resource::NODES, None, "c", PatchKind::Merge, &patch).unwrap();
    assert_eq!(told(), ["node b", "node c", "node c"]);
}
