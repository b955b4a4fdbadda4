//! All static pods of a control-plane node.

use super::{apiserver, controller_manager, etcd, pod::Pod, scheduler};
use crate::{
    config::InitConfig,
    manifest::{ManifestError, Object, versions},
};

/// What the manifests depend on beside the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RenderOptions {
    /// The cluster's CA has no key here: kube-controller-manager signs no certificates.
    pub external_ca: bool,
    /// Name and peer URL of every member, this node's included, when etcd joins an existing cluster; else empty.
    pub etcd_members: Vec<(String, String)>,
}

/// One static pod.
#[derive(Clone, Debug, PartialEq)]
pub struct StaticPod {
    /// Name of the component, of the manifest without `.yaml`, and of the patch target.
    pub component: &'static str,
    /// The pod, before patches.
    pub object: Object,
}

/// The static pods of a control-plane node, in the order in which init writes them: etcd (unless it is external),
/// kube-apiserver, kube-controller-manager, kube-scheduler. Patches are not applied yet.
///
/// # Errors
///
/// [`ManifestError::Unsupported`] if the feature gate `RootlessControlPlane` is on: its users and groups are chosen on
/// the host, which this pure function does not see.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::{config::Documents, facts::NodeFacts, manifest::{RenderOptions, static_pods}};
/// # let text = "apiVersion: kubeadm.k8s.io/v1beta4
/// # kind: InitConfiguration
/// # localAPIEndpoint: {advertiseAddress: 192.0.2.1}
/// # ---
/// # apiVersion: kubeadm.k8s.io/v1beta4
/// # kind: ClusterConfiguration
/// # kubernetesVersion: v1.36.2";
/// let config = Documents::parse(text)?.into_init(&NodeFacts::named("node-1"), None)?;
/// let pods = static_pods(&config, &RenderOptions::default())?;
/// assert_eq!(pods[0].component, "etcd");
/// assert!(pods[0].object.to_yaml().starts_with("apiVersion: v1\nkind: Pod\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn static_pods(config: &InitConfig, options: &RenderOptions) -> Result<Vec<StaticPod>, ManifestError> {
    if config.cluster().feature_gates.get("RootlessControlPlane") == Some(&true) {
        return Err(ManifestError::Unsupported {
            field: "featureGates.RootlessControlPlane".to_owned(),
            expected: "false".to_owned(),
            found: "true".to_owned(),
            remedy: "run the control plane as root, or set users with patches",
        });
    }
    let release = versions::release(config.version());
    let etcd = match (&config.cluster().etcd.external, &config.cluster().etcd.local) {
        (None, Some(local)) => Some(etcd::pod(config, local, options, release)),
        _ => None,
    };
    let control_plane = [
        apiserver::pod(config, release),
        controller_manager::pod(config, options, release),
        scheduler::pod(config, release),
    ];
    let build = |pod: Pod| Ok(StaticPod { component: pod.component, object: pod.build(release)? });
    etcd.into_iter().chain(control_plane).map(build).collect()
}

/// The advertise address as it was given: flags and URLs repeat its spelling.
pub(super) fn advertise_address(config: &InitConfig) -> String {
    let given = &config.init().local_api_endpoint.advertise_address;
    if given.is_empty() { config.advertise_address().to_string() } else { given.clone() }
}
