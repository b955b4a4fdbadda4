//! What the approver says of requests: one that is right, and every way of being wrong.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use k8sboot_core::{
    entropy::System,
    join::{
        KUBELET_CLIENT_SIGNER, KUBELET_SERVING_SIGNER,
        approval::{Policy, judge},
        client_spec,
    },
    manifest::Object,
    pki::{CertSpec, KeyAlgorithm, KeySource, RandomKeys, San, Subject, csr},
};
use serde_json::{Value, json};

const TOKEN_GROUP: &str = "system:bootstrappers:kubeadm:default-node-token";

/// A request of worker-1 that is right.
fn request(signer: &str, spec: &CertSpec) -> Value {
    let key = RandomKeys::new(&System).generate(KeyAlgorithm::EcdsaP256, "test").unwrap();
    let (user, groups, purpose) = if signer == KUBELET_CLIENT_SIGNER {
        ("system:bootstrap:abcdef", json!(["system:bootstrappers", TOKEN_GROUP]), "client auth")
    } else {
        ("system:node:worker-1", json!(["system:nodes", "system:authenticated"]), "server auth")
    };
    json!({
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": "csr-1"},
        "spec": {
            "signerName": signer,
            "request": STANDARD.encode(csr::request(spec, &key).unwrap()),
            "usages": ["digital signature", purpose],
            "username": user,
            "groups": groups,
        },
    })
}

fn client() -> CertSpec {
    client_spec("worker-1", KeyAlgorithm::EcdsaP256)
}

fn serving(names: &[&str]) -> CertSpec {
    let mut spec = client();
    for name in names {
        match name.parse::<San>().unwrap() {
            San::Ip(address) => spec.ip_addresses.push(address),
            San::Dns(name) => spec.dns_names.push(name),
        }
    }
    spec
}

fn node(ready: bool) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "worker-1"},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": "192.0.2.11"},
                {"type": "InternalIP", "address": "2001:db8::11"},
                {"type": "Hostname", "address": "worker-1"},
                {"type": "InternalDNS", "address": "worker-1.example.internal"},
            ],
            "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}],
        },
    })
}

fn verdict(request: Value, node: Option<Value>) -> &'static str {
    let object = |value| Object::from_value(value).unwrap();
    let verdict = judge(&object(request), node.map(object).as_ref(), &Policy::default());
    assert!(verdict.to_string().len() > 10, "{verdict:?}");
    verdict.reason()
}

fn changed(mut request: Value, pointer: &str, value: Value) -> Value {
    *request.pointer_mut(pointer).unwrap() = value;
    request
}

#[test]
fn client_requests() {
    let request = |spec: &CertSpec| request(KUBELET_CLIENT_SIGNER, spec);
    let right = request(&client());
    assert_eq!(verdict(right.clone(), None), "NodeVerified");
    assert_eq!(verdict(right.clone(), Some(node(false))), "NodeVerified");
    assert_eq!(verdict(right.clone(), Some(node(true))), "NodeReady");
    let renewal = changed(right.clone(), "/spec/username", json!("system:node:worker-1"));
    let renewal = changed(renewal, "/spec/groups", json!(["system:nodes"]));
    assert_eq!(verdict(renewal.clone(), Some(node(true))), "NodeVerified");
    for (pointer, value, reason) in [
        ("/spec/username", json!("system:node:worker-2"), "RequesterMismatch"),
        ("/spec/groups", json!(["system:authenticated"]), "RequesterMismatch"),
        ("/spec/usages", json!(["digital signature"]), "UsageMismatch"),
        ("/spec/usages", json!(["digital signature", "server auth"]), "UsageMismatch"),
        ("/spec/usages", json!(["digital signature", "client auth", "cert sign"]), "UsageMismatch"),
        ("/spec/usages", json!(["digital signature", "client auth", "key encipherment"]), "NodeVerified"),
        ("/spec/signerName", json!("kubernetes.io/kube-apiserver-client"), "OtherSigner"),
        ("/spec/request", json!("AAAA"), "RequestDamaged"),
        ("/spec/request", json!(null), "RequestDamaged"),
    ] {
        assert_eq!(
            verdict(changed(renewal.clone(), pointer, value.clone()), None),
            reason,
            "{pointer} {value}"
        );
    }
    let mut decided = right;
    decided["status"] = json!({"conditions": [{"type": "Approved", "status": "True"}]});
    assert_eq!(verdict(decided, None), "Decided");
    assert_eq!(verdict(request(&serving(&["worker-1"])), None), "NamesForbidden");
}

#[test]
fn subjects_must_be_a_nodes_and_nothing_else() {
    for (name, organizations, reason) in [
        ("system:node:worker-1", vec!["system:nodes"], "NodeVerified"),
        ("system:node:", vec!["system:nodes"], "SubjectMismatch"),
        ("worker-1", vec!["system:nodes"], "SubjectMismatch"),
        ("system:node:worker-1", vec!["system:masters"], "SubjectMismatch"),
        ("system:node:worker-1", vec!["system:nodes", "system:masters"], "SubjectMismatch"),
        ("system:node:worker-1", vec![], "SubjectMismatch"),
        ("system:kube-controller-manager", vec!["system:nodes"], "SubjectMismatch"),
    ] {
        let subject = Subject::named(name).with_organizations(organizations.clone());
        let spec = CertSpec::user("kubelet-client", subject, KeyAlgorithm::EcdsaP256);
        assert_eq!(verdict(request(KUBELET_CLIENT_SIGNER, &spec), None), reason, "{name} {organizations:?}");
    }
}

#[test]
fn serving_requests() {
    let request = |names: &[&str]| request(KUBELET_SERVING_SIGNER, &serving(names));
    for (names, reason) in [
        (&["worker-1", "192.0.2.11"][..], "NodeVerified"),
        (&["worker-1.example.internal", "2001:db8::11"], "NodeVerified"),
        (&["192.0.2.11"], "NodeVerified"),
        (&[], "NamesMissing"),
        (&["worker-1", "192.0.2.12"], "NamesNotOfNode"),
        (&["worker-2"], "NamesNotOfNode"),
        (&["*.example.internal"], "NamesNotOfNode"),
        (&["kubernetes.default.svc"], "NamesNotOfNode"),
    ] {
        assert_eq!(verdict(request(names), Some(node(true))), reason, "{names:?}");
    }
    let right = request(&["worker-1"]);
    assert_eq!(verdict(right.clone(), None), "NodeUnknown");
    let other = changed(node(true), "/metadata/name", json!("worker-2"));
    assert_eq!(verdict(right.clone(), Some(other)), "NodeUnknown");
    for (pointer, value, reason) in [
        ("/spec/username", json!("system:node:worker-2"), "RequesterMismatch"),
        ("/spec/username", json!("system:bootstrap:abcdef"), "RequesterMismatch"),
        ("/spec/groups", json!([TOKEN_GROUP]), "RequesterMismatch"),
        ("/spec/usages", json!(["digital signature", "client auth"]), "UsageMismatch"),
    ] {
        let request = changed(right.clone(), pointer, value.clone());
        assert_eq!(verdict(request, Some(node(true))), reason, "{pointer} {value}");
    }
}

#[test]
fn policies_widen_who_may_ask() {
    let object = |value| Object::from_value(value).unwrap();
    let asked = changed(
        request(KUBELET_CLIENT_SIGNER, &client()),
        "/spec/groups",
        json!(["system:bootstrappers:own"]),
    );
    let mut policy = Policy::default();
    assert_eq!(judge(&object(asked.clone()), None, &policy).reason(), "RequesterMismatch");
    policy.bootstrappers = vec!["system:bootstrappers:own".to_owned()];
    policy.replace_ready_nodes = true;
    assert_eq!(judge(&object(asked), Some(&object(node(true))), &policy).reason(), "NodeVerified");
}
