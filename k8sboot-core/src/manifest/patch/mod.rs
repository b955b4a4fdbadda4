//! Patches for static pods, the kubelet's configuration and add-ons: a directory of files, applied in order.
//!
//! Source of the rules: kubeadm 1.36, `--patches`; the patch types are JSON Patch (RFC 6902), JSON Merge Patch (RFC 7386)
//! and Kubernetes' strategic merge patch.

mod json;
mod merge;
mod schema;
mod set;
mod strategic;
mod typed;

pub use set::{AppliedPatch, Patch, PatchKind, PatchSet};

/// The patch target of the kubelet's configuration.
pub const KUBELET_CONFIGURATION: &str = "kubeletconfiguration";
/// The patch target of the CoreDNS Deployment.
pub const COREDNS_DEPLOYMENT: &str = "corednsdeployment";
/// The patch target of the kube-proxy DaemonSet, 1.37 and later.
pub const KUBE_PROXY_DAEMONSET: &str = "kubeproxydaemonset";
