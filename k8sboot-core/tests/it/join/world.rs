//! A cluster as a probe sees it, without any cluster.

use std::{path::Path, sync::Arc};

use k8sboot_core::{
    blocking::wait,
    config::{Documents, JoinConfig},
    discovery::Discovered,
    entropy::System,
    exec::{self, BoxFuture, FileHook, Run, Tree},
    facts::{Facts, NodeFacts, SeenCluster, Wanted},
    flow::{self, FlowError, JOIN_STAGES, JoinOptions, Report, Selection},
    pki::{Ca, CertSpec, Issuing, KeyAlgorithm, RandomKeys},
    probe::{self, Probe, ProbeError},
};
use serde_json::Value;

use crate::{support::fixture, tree::now};

/// The ConfigMap text of a recorded case.
pub(crate) fn recorded(case: &str, map: &str, key: &str) -> String {
    let text = fixture(&format!("cases/{case}/objects/ConfigMap.kube-system.{map}.yaml"));
    let object = k8sboot_core::manifest::yaml::parse_all(&text).unwrap().remove(0);
    object["data"][key].as_str().unwrap().to_owned()
}

/// A certificate authority, PEM.
pub(crate) fn authority() -> Ca {
    let keys = RandomKeys::new(&System);
    let with = Issuing { keys: &keys, entropy: &System, now: now() };
    Ca::self_signed(&CertSpec::authority("ca", "kubernetes", KeyAlgorithm::EcdsaP256), &with).unwrap()
}

/// The recorded worker's JoinConfiguration, with a hash that is one.
pub(crate) fn recorded_text() -> String {
    fixture("join/worker/config.yaml").replace("<CA_HASH>", &"ab".repeat(32))
}

/// A join configuration on a host of this name.
pub(crate) fn config(text: &str, host: &str) -> JoinConfig {
    Documents::parse(text).unwrap().into_join(&NodeFacts::named(host)).unwrap()
}

/// The recorded cluster as a probe sees it.
pub(crate) fn seen(ca_pem: &str, config: &JoinConfig) -> SeenCluster {
    let server = "https://api.join.example.internal:6443";
    let found = Discovered::with_token(server, ca_pem, config.tls_bootstrap_token().unwrap());
    SeenCluster {
        server: server.to_owned(),
        ca_pem: ca_pem.to_owned(),
        bootstrap: found.bootstrap_kubeconfig(server),
        kubeadm_config: recorded("minimal", "kubeadm-config", "ClusterConfiguration"),
        kubelet_config: recorded("minimal", "kubelet-config", "kubelet"),
        server_version: Some("v1.36.2".parse().unwrap()),
        node_ready: None,
        warnings: Vec::new(),
    }
}

/// A probe of a tree that sees a cluster which is given.
pub(crate) struct Scripted {
    pub(crate) host: probe::Host,
    pub(crate) cluster: Option<SeenCluster>,
}

impl Probe for Scripted {
    fn gather<'a>(&'a mut self, wanted: &'a Wanted) -> BoxFuture<'a, Result<Facts, ProbeError>> {
        let facts = self.host.look(wanted).map(|mut facts| {
            facts.cluster = wanted.cluster.as_ref().and(self.cluster.clone()).map(Box::new);
            facts
        });
        Box::pin(std::future::ready(facts))
    }
}

/// A join up to the kubelet stage with a cluster that is given.
pub(crate) fn join(
    config: &JoinConfig,
    options: JoinOptions,
    cluster: Option<SeenCluster>,
    root: &Path,
    hook: Option<Arc<dyn FileHook>>,
) -> Result<Report, FlowError> {
    let mut tree = Tree::create(root).unwrap();
    if let Some(hook) = hook {
        tree = tree.with_hook(hook);
    }
    let until = Selection::of(&JOIN_STAGES).until("kubelet").unwrap();
    let flow = flow::join(config.clone(), options).select(until).unwrap();
    let mut probe = Scripted { host: probe::Host::new(tree.clone()), cluster };
    let mut host = exec::Host::new(tree);
    wait(flow.run(&mut probe, &mut host, &Run::default()))
}

/// A document with a field set.
pub(crate) fn with(text: &str, field: &str, value: Value) -> String {
    let mut document = k8sboot_core::manifest::yaml::parse_all(text).unwrap().remove(0);
    *document.pointer_mut(field).unwrap() = value;
    k8sboot_core::manifest::yaml::to_yaml(&document)
}
