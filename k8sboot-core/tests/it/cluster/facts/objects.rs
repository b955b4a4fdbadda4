//! The objects that the API server has are kubeadm's, and the controllers act on them.

use k8sboot_core::manifest::yaml;
use serde_json::{Value, json};

use super::{super::Caller, ControlPlane, Facts};
use crate::support::{fixture, fixture_json, fixture_path};

/// Recorded objects whose values depend on the run, or on what these tests give the configuration.
const OF_THE_RUN: [&str; 3] =
    ["ConfigMap.kube-public.cluster-info", "ConfigMap.kube-system.kubeadm-config", "Secret."];

pub(super) fn look(control_plane: &ControlPlane, facts: &Facts) {
    let admin = control_plane.caller("super-admin.conf");
    let recorded = std::fs::read_dir(fixture_path("cases/minimal/objects")).unwrap();
    let mut files: Vec<String> =
        recorded.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.retain(|file| file.ends_with(".yaml") && !OF_THE_RUN.iter().any(|other| file.starts_with(other)));
    files.sort();
    assert!(files.len() > 20, "{files:?}");
    for file in files {
        let mut object =
            yaml::parse_all(&fixture(&format!("cases/minimal/objects/{file}"))).unwrap().remove(0);
        object.as_object_mut().unwrap().remove("status");
        object["metadata"].as_object_mut().unwrap().remove("resourceVersion");
        let found = live(&admin, &object);
        let lost = found.map_or_else(|said| vec![said], |found| missing(&object, &found, ""));
        facts.equal(&format!("{} is as kubeadm's", file.trim_end_matches(".yaml")), lost, Vec::new());
    }
    let recorded = fixture_json("cases/minimal/objects/node-patch.json");
    let node = live(&admin, &json!({"kind": "Node", "metadata": {"name": "node-1"}})).unwrap();
    let lost = missing(&recorded["body"], &node, "");
    facts.equal("the node is marked as kubeadm marks it", lost, Vec::new());
    controllers(facts, &admin);
    network(facts, &admin);
}

/// What the controllers and the scheduler make of the add-ons, and who of them leads.
fn controllers(facts: &Facts, admin: &Caller<'_>) {
    let get = |what: &str| admin.json(&["get", what, "--namespace=kube-system"]);
    facts.becomes("CoreDNS gets its two pods", json!([1, 2]), || {
        let status = get("deployment/coredns")["status"].take();
        json!([status["observedGeneration"], status["replicas"]])
    });
    facts.becomes("kube-proxy is wanted on every node, also where nothing else is", true, || {
        let nodes = admin.json(&["get", "nodes"])["items"].as_array().unwrap().len();
        let wanted = get("daemonset/kube-proxy")["status"]["desiredNumberScheduled"].take();
        nodes > 0 && wanted == json!(nodes)
    });
    let pods = |label: &str| {
        let arguments = ["get", "pods", "--namespace=kube-system", "--selector", label];
        admin.json(&arguments)["items"].as_array().cloned().unwrap_or_default()
    };
    facts.becomes("the scheduler gives kube-proxy its node", true, || {
        pods("k8s-app=kube-proxy").iter().any(|pod| pod["spec"]["nodeName"] == "node-1")
    });
    facts.becomes(
        "the scheduler gives CoreDNS no node that is not ready",
        json!(["Unschedulable", "Unschedulable"]),
        || {
            let reasons = pods("k8s-app=kube-dns");
            reasons.iter().map(|pod| pod["status"]["conditions"][0]["reason"].clone()).collect()
        },
    );
    for name in ["kube-controller-manager", "kube-scheduler"] {
        let holder = get(&format!("lease/{name}"))["spec"]["holderIdentity"].take();
        let here = holder.as_str().is_some_and(|holder| holder.starts_with("node-1_"));
        facts.holds(&format!("{name} of this node leads"), here, || holder.to_string());
    }
    let running = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];
    let mirrored = running.map(|name| get(&format!("pod/{name}-node-1"))["spec"]["priority"].take());
    facts.equal(
        "the static pods are accepted as mirrors",
        mirrored,
        [2_000_001_000; 4].map(|most| json!(most)),
    );
    let made = get("serviceaccount/deployment-controller");
    facts.equal("each controller has a service account", made["kind"].clone(), json!("ServiceAccount"));
}

/// The first addresses of the service network.
fn network(facts: &Facts, admin: &Caller<'_>) {
    let get = |arguments: &[&str]| admin.json(&[&["get"], arguments].concat());
    let address = get(&["service/kubernetes"])["spec"]["clusterIP"].clone();
    facts.equal("the API server's service has the first address", address, json!("10.96.0.1"));
    facts.becomes(
        "the API server's service leads to the advertised address",
        json!([["192.0.2.10"], 6443]),
        || {
            let slice = get(&["endpointslice/kubernetes"]);
            json!([slice["endpoints"][0]["addresses"], slice["ports"][0]["port"]])
        },
    );
    let address = get(&["service/kube-dns", "--namespace=kube-system"])["spec"]["clusterIP"].clone();
    facts.equal("the DNS service has the tenth address", address, json!("10.96.0.10"));
}

/// An object as the API server has it.
fn live(admin: &Caller<'_>, object: &Value) -> Result<Value, String> {
    let metadata = &object["metadata"];
    let what = format!("{}/{}", object["kind"].as_str().unwrap(), metadata["name"].as_str().unwrap());
    let namespace = format!("--namespace={}", metadata["namespace"].as_str().unwrap_or("default"));
    let text = admin.kubectl(&["get", &what, &namespace, "--output=json"])?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

/// Where the server's object does not say what the recorded one says; the server adds defaults.
fn missing(recorded: &Value, live: &Value, at: &str) -> Vec<String> {
    match (recorded, live) {
        (Value::Object(recorded), Value::Object(live)) => recorded
            .iter()
            .flat_map(|(name, value)| {
                missing(value, live.get(name).unwrap_or(&Value::Null), &format!("{at}.{name}"))
            })
            .collect(),
        (Value::Array(recorded), Value::Array(live)) if recorded.len() == live.len() => {
            let pairs = recorded.iter().zip(live).enumerate();
            pairs
                .flat_map(|(index, (recorded, live))| missing(recorded, live, &format!("{at}[{index}]")))
                .collect()
        }
        (recorded, live) if recorded == live => Vec::new(),
        (recorded, live) => vec![format!("{at}: expected {recorded}, found {live}")],
    }
}
