//! Stage `kubelet-finalize`: kubelet.conf takes the certificate that the kubelet renews by itself.
//!
//! Source: kubeadm 1.36, phase kubelet-finalize/enable-client-cert-rotation: if `kubelet-client-current.pem` exists below
//! the kubelet's `cert-dir` (default /var/lib/kubelet/pki), client-certificate and client-key of kubelet.conf name it.

use super::files;
use crate::{
    config::InitConfig,
    facts::{Facts, FileFact, Want, Wanted},
    plan::{Action, Guard, Plan, Step},
};

const STAGE: &str = "kubelet-finalize";
const KUBECONFIG: &str = "/etc/kubernetes/kubelet.conf";

pub(super) fn wanted(config: &InitConfig) -> Wanted {
    files::want([(KUBECONFIG, Want::Kubeconfig)]).file(current(config), Want::Kind)
}

pub(super) fn plan(config: &InitConfig, seen: &Facts) -> Plan {
    let current = current(config);
    let mut steps = files::remove_leftovers(STAGE, seen, &[]);
    let mut notes = Vec::new();
    // The kubelet makes it a link to the newest certificate.
    let there = matches!(seen.file(&current), FileFact::Link { .. } | FileFact::File { .. });
    match seen.file(KUBECONFIG) {
        FileFact::File { sha256, .. } if there => {
            let action = Action::PointKubeconfig { path: KUBECONFIG.to_owned(), client: current };
            let guard = Guard::Unchanged { sha256: *sha256 };
            let why = "the kubelet renews the certificate in that file by itself";
            steps.push(Step::new(format!("{STAGE}/kubelet.conf"), why, action, guard));
        }
        _ if there => notes.push(format!("{KUBECONFIG} is not there: nothing to point at {current}")),
        _ => notes.push(format!("the kubelet has no {current} yet: kubelet.conf keeps its own certificate")),
    }
    Plan::new(STAGE, steps, notes)
}

fn current(config: &InitConfig) -> String {
    let arguments = &config.init().node_registration.kubelet_extra_args;
    let directory = arguments.iter().rev().find(|argument| argument.name == "cert-dir");
    let directory = directory.map_or("/var/lib/kubelet/pki", |argument| argument.value.trim_end_matches('/'));
    format!("{directory}/kubelet-client-current.pem")
}
