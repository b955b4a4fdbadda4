//! Phases of kubeadm that a configuration leaves out (`skipPhases`), as stages and steps of ours.
//!
//! Source: kubeadm 1.36, `kubeadm init --help`: a phase takes its sub-phases with it, names are compared in lower case, and
//! an unknown one is an error.

use super::FlowError;
use crate::{
    config::InitConfig,
    manifest::Object,
    plan::{Action, Step},
};

/// A phase, the stage it is in, and the steps or objects it makes there; none means the whole stage.
type Phase = (&'static str, &'static str, &'static [&'static str]);

const PHASES: [Phase; 44] = [
    ("preflight", "preflight", &[]),
    ("certs", "pki", &[]),
    ("certs/ca", "pki", &["ca"]),
    ("certs/apiserver", "pki", &["apiserver"]),
    ("certs/apiserver-kubelet-client", "pki", &["apiserver-kubelet-client"]),
    ("certs/front-proxy-ca", "pki", &["front-proxy-ca"]),
    ("certs/front-proxy-client", "pki", &["front-proxy-client"]),
    ("certs/etcd-ca", "pki", &["etcd-ca"]),
    ("certs/etcd-server", "pki", &["etcd-server"]),
    ("certs/etcd-peer", "pki", &["etcd-peer"]),
    ("certs/etcd-healthcheck-client", "pki", &["etcd-healthcheck-client"]),
    ("certs/apiserver-etcd-client", "pki", &["apiserver-etcd-client"]),
    ("certs/sa", "pki", &["sa"]),
    ("kubeconfig", "kubeconfig", &[]),
    ("kubeconfig/admin", "kubeconfig", &["admin.conf"]),
    ("kubeconfig/super-admin", "kubeconfig", &["super-admin.conf"]),
    ("kubeconfig/kubelet", "kubeconfig", &["kubelet.conf"]),
    ("kubeconfig/controller-manager", "kubeconfig", &["controller-manager.conf"]),
    ("kubeconfig/scheduler", "kubeconfig", &["scheduler.conf"]),
    ("etcd", "etcd", &[]),
    ("etcd/local", "etcd", &[]),
    ("control-plane", "control-plane", &[]),
    ("control-plane/apiserver", "control-plane", &["kube-apiserver"]),
    ("control-plane/controller-manager", "control-plane", &["kube-controller-manager"]),
    ("control-plane/scheduler", "control-plane", &["kube-scheduler"]),
    ("kubelet-start", "kubelet", &[]),
    ("wait-control-plane", "wait-control-plane", &[]),
    (
        "upload-config",
        "upload-config",
        &["kubeadm-config", "kubeadm:nodes-kubeadm-config", "kubelet-config", "kubeadm:kubelet-config"],
    ),
    ("upload-config/kubeadm", "upload-config", &["kubeadm-config", "kubeadm:nodes-kubeadm-config"]),
    ("upload-config/kubelet", "upload-config", &["kubelet-config", "kubeadm:kubelet-config"]),
    ("upload-certs", "upload-certs", &[]),
    ("mark-control-plane", "mark-control-plane", &[]),
    ("bootstrap-token", "bootstrap-token", &[]),
    ("kubelet-finalize", "kubelet-finalize", &[]),
    ("kubelet-finalize/enable-client-cert-rotation", "kubelet-finalize", &[]),
    ("kubelet-finalize/experimental-cert-rotation", "kubelet-finalize", &[]),
    ("addon", "addons", &[]),
    ("addon/coredns", "addons", &["coredns", "system:coredns", "kube-dns"]),
    ("addon/kube-proxy", "addons", &["kube-proxy", "kubeadm:node-proxier"]),
    ("show-join-command", "show-join-command", &[]),
    // `all` stands for every sibling.
    ("certs/all", "pki", &[]),
    ("kubeconfig/all", "kubeconfig", &[]),
    ("control-plane/all", "control-plane", &[]),
    ("addon/all", "addons", &[]),
];

/// What `skipPhases` leaves out.
#[derive(Clone, Debug, Default)]
pub(super) struct Skipped(Vec<Phase>);

impl Skipped {
    /// From a configuration.
    pub(super) fn of(config: &InitConfig) -> Result<Self, FlowError> {
        let find = |name: &String| {
            let wanted = name.trim().to_lowercase();
            let unknown = || FlowError::UnknownPhase { flow: "init", found: name.chars().take(64).collect() };
            PHASES.iter().find(|(phase, ..)| *phase == wanted).copied().ok_or_else(unknown)
        };
        config.init().skip_phases.iter().map(find).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a whole stage is left out.
    pub(super) fn stage(&self, stage: &str) -> bool {
        self.0.iter().any(|(_, of, parts)| *of == stage && parts.is_empty())
    }

    /// Whether a step of a stage is left out.
    pub(super) fn step(&self, stage: &str, step: &Step) -> bool {
        let name = match &step.action {
            Action::ApplyObject { object, .. } => object.key().name.as_str(),
            _ => step.id.split_once('/').map_or("", |(_, name)| name),
        };
        self.part(stage, name)
    }

    /// Whether an object of a stage is left out.
    pub(super) fn object(&self, stage: &str, object: &Object) -> bool {
        self.stage(stage) || self.part(stage, &object.key().name)
    }

    /// Whether a part of a stage, or the whole, is left out.
    pub(super) fn names(&self, stage: &str, part: &str) -> bool {
        self.stage(stage) || self.part(stage, part)
    }

    fn part(&self, stage: &str, name: &str) -> bool {
        self.0.iter().any(|(_, of, parts)| *of == stage && parts.contains(&name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_phase_stands_twice_and_each_part_belongs_to_a_whole() {
        for (index, (phase, ..)) in PHASES.iter().enumerate() {
            assert!(PHASES[index + 1..].iter().all(|(other, ..)| other != phase), "{phase}");
            if let Some((whole, _)) = phase.split_once('/') {
                assert!(PHASES.iter().any(|(other, ..)| *other == whole), "{phase}");
            }
        }
    }
}
