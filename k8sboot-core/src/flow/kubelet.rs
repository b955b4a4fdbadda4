//! Stage `kubelet`: what the kubelet reads at its start.
//!
//! Source: kubeadm 1.36, phase kubelet-start: kubeadm-flags.env, instance-config.yaml, config.yaml, each 0644, in a
//! directory that is 0700 when kubeadm makes it.

use super::files;
use crate::{
    config::InitConfig,
    facts::{Facts, Want, Wanted},
    manifest::{PatchSet, kubelet},
    plan::{Plan, PlanError},
};

const STAGE: &str = "kubelet";
const DIRECTORY: &str = "/var/lib/kubelet";
const FLAGS: &str = "/var/lib/kubelet/kubeadm-flags.env";
const INSTANCE: &str = "/var/lib/kubelet/instance-config.yaml";
const CONFIG: &str = "/var/lib/kubelet/config.yaml";

pub(super) fn wanted() -> Wanted {
    files::want([(FLAGS, Want::Text), (INSTANCE, Want::Text), (CONFIG, Want::Text)])
        .file(DIRECTORY, Want::Kind)
}

pub(super) fn plan(config: &InitConfig, patches: &PatchSet, seen: &Facts) -> Result<Plan, PlanError> {
    let at = |source| PlanError::Manifest { component: "kubelet".to_owned(), source: Box::new(source) };
    let mut steps = files::remove_leftovers(STAGE, seen, &[]);
    steps.extend(files::make_directory(
        id("directory"),
        "the kubelet's own directory",
        DIRECTORY,
        0o700,
        seen,
    )?);
    let mut write = |name: &str, why: &str, path: &str, content: String| -> Result<(), PlanError> {
        steps.extend(files::write(id(name), why, path, 0o644, content, seen)?);
        Ok(())
    };
    write("flags", "flags that are not in the configuration file", FLAGS, kubelet::flags_env(config))?;
    if kubelet::has_instance_config(config) {
        let instance = kubelet::instance_config_yaml(config);
        write("instance-config", "what is particular to this node", INSTANCE, instance)?;
    }
    let node = kubelet::node_config_yaml(config, patches).map_err(at)?;
    write("config", "the kubelet's configuration", CONFIG, node)?;
    Ok(Plan::new(STAGE, steps, kubelet::warnings(config)))
}

fn id(name: &str) -> String {
    format!("{STAGE}/{name}")
}
