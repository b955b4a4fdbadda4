//! Stage `preflight`: what should be known before anything is written.

use super::files;
use crate::{
    config::InitConfig,
    facts::{Facts, FileFact, Want, Wanted},
    manifest::PatchSet,
    plan::{Plan, PlanError},
};

const STAGE: &str = "preflight";
const MANIFESTS: &str = "/etc/kubernetes/manifests";
const ETCD_MANIFEST: &str = "/etc/kubernetes/manifests/etcd.yaml";

pub(super) fn wanted(config: &InitConfig) -> Wanted {
    let mut wanted = Wanted::default().directory(MANIFESTS).file(ETCD_MANIFEST, Want::Text);
    if let Some(data) = config.etcd_data_dir() {
        wanted = wanted.file(data, Want::Kind);
    }
    wanted
}

pub(super) fn plan(config: &InitConfig, patches: &PatchSet, seen: &Facts) -> Result<Plan, PlanError> {
    let mut notes: Vec<String> = config.warnings().iter().map(ToString::to_string).collect();
    let ignored = |file: &String| {
        format!("patch file {file} is ignored: it is empty, or its name begins with no target")
    };
    notes.extend(patches.ignored().iter().map(ignored));
    if let Some(data) = config.etcd_data_dir() {
        match seen.file(data) {
            FileFact::Missing | FileFact::Directory { empty: true, .. } | FileFact::Link { .. } => {}
            FileFact::Directory { .. } if !seen.file(ETCD_MANIFEST).is_missing() => {}
            FileFact::Directory { .. } => {
                return Err(PlanError::Unusable {
                    path: data.to_owned(),
                    expected: "an empty directory, or an etcd of this node (with its manifest)".to_owned(),
                    found: "data without a manifest: another cluster's, or an unfinished clean-up's"
                        .to_owned(),
                    remedy: "move the data away, choose another etcd.local.dataDir, or skip stage preflight"
                        .to_owned(),
                });
            }
            other => return Err(files::kind_error(data, "a directory", other)),
        }
    }
    let own = ["etcd.yaml", "kube-apiserver.yaml", "kube-controller-manager.yaml", "kube-scheduler.yaml"];
    for (name, _) in seen.below(MANIFESTS) {
        if !own.contains(&name) && !name.starts_with('.') {
            notes.push(format!("{MANIFESTS}/{name} is not ours: the kubelet will run it too"));
        }
    }
    Ok(Plan::new(STAGE, Vec::new(), notes))
}
