//! The images of a cluster.

use super::versions;
use crate::config::InitConfig;

/// The images that a control-plane node needs, in the order of `kubeadm config images list`.
///
/// Without kube-proxy or CoreDNS where they are disabled, without etcd where it is external.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::{config::Documents, facts::NodeFacts, manifest::images};
/// # let text = "apiVersion: kubeadm.k8s.io/v1beta4
/// # kind: InitConfiguration
/// # localAPIEndpoint: {advertiseAddress: 192.0.2.1}
/// # ---
/// # apiVersion: kubeadm.k8s.io/v1beta4
/// # kind: ClusterConfiguration
/// # kubernetesVersion: v1.36.2";
/// let config = Documents::parse(text)?.into_init(&NodeFacts::named("node-1"), None)?;
/// assert_eq!(images(&config)[0], "registry.k8s.io/kube-apiserver:v1.36.2");
/// assert_eq!(images(&config)[4], "registry.k8s.io/coredns/coredns:v1.14.2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn images(config: &InitConfig) -> Vec<String> {
    let cluster = config.cluster();
    let mut images = vec![
        kubernetes(config, "kube-apiserver"),
        kubernetes(config, "kube-controller-manager"),
        kubernetes(config, "kube-scheduler"),
    ];
    if !cluster.proxy.disabled {
        images.push(kubernetes(config, "kube-proxy"));
    }
    if !cluster.dns.disabled {
        images.push(coredns(config));
    }
    images.push(pause(config));
    if cluster.etcd.external.is_none() {
        images.push(etcd(config));
    }
    images
}

/// The image of one of Kubernetes' own components, for example `kube-proxy`.
#[must_use]
pub fn kubernetes(config: &InitConfig, component: &str) -> String {
    format!("{}/{component}:{}", config.cluster().image_repository, config.version().image_tag())
}

/// The image of CoreDNS; in the official registry it lies one level deeper.
#[must_use]
pub fn coredns(config: &InitConfig) -> String {
    let dns = &config.cluster().dns;
    let repository = either(&dns.image_repository, &config.cluster().image_repository);
    let folder = if repository == "registry.k8s.io" { "/coredns" } else { "" };
    let tag = either(&dns.image_tag, versions::release(config.version()).coredns_tag);
    format!("{repository}{folder}/coredns:{tag}")
}

/// The image of pod sandboxes.
#[must_use]
pub fn pause(config: &InitConfig) -> String {
    pause_of(&config.cluster().image_repository, versions::release(config.version()))
}

/// The image of pod sandboxes of a release.
#[must_use]
pub fn pause_of(repository: &str, release: &versions::Release) -> String {
    format!("{repository}/pause:{}", release.pause_tag)
}

/// The image of the local etcd.
#[must_use]
pub fn etcd(config: &InitConfig) -> String {
    let local = config.cluster().etcd.local.as_ref();
    let repository = local.map_or("", |l| &l.image_repository);
    format!("{}/etcd:{}", either(repository, &config.cluster().image_repository), etcd_tag(config))
}

/// The tag of the local etcd's image.
pub(super) fn etcd_tag(config: &InitConfig) -> &str {
    let local = config.cluster().etcd.local.as_ref();
    either(local.map_or("", |l| &l.image_tag), versions::release(config.version()).etcd_tag)
}

fn either<'a>(given: &'a str, default: &'a str) -> &'a str {
    if given.is_empty() { default } else { given }
}
