//! Stages `etcd` and `control-plane`: directories and static pod manifests.
//!
//! Source: kubeadm 1.36, phases etcd and control-plane: directories 0700, manifests 0600. Unlike kubeadm, a manifest is
//! replaced atomically, and only if it is still what the plan saw.

use serde_json::Value;

use super::files;
use crate::{
    config::InitConfig,
    facts::{Facts, Want, Wanted},
    manifest::{Object, PatchSet, RenderOptions, StaticPod, static_pods},
    plan::{Plan, PlanError},
};

const DIRECTORY: &str = "/etc/kubernetes/manifests";
const ETCD: &str = "etcd";

pub(super) fn wanted(stage: &'static str, config: &InitConfig) -> Wanted {
    let components: &[&str] = if stage == ETCD {
        &[ETCD]
    } else {
        &["kube-apiserver", "kube-controller-manager", "kube-scheduler"]
    };
    let paths: Vec<String> = components.iter().map(|component| manifest_path(component)).collect();
    let mut wanted =
        files::want(paths.iter().map(|path| (path.as_str(), Want::Text))).file(DIRECTORY, Want::Kind);
    if let (true, Some(data)) = (stage == ETCD, config.etcd_data_dir()) {
        wanted = wanted.file(data, Want::Kind);
    }
    wanted
}

pub(super) fn plan(
    stage: &'static str,
    config: &InitConfig,
    patches: &PatchSet,
    options: &RenderOptions,
    seen: &Facts,
) -> Result<Plan, PlanError> {
    let mut steps = files::remove_leftovers(stage, seen, &[]);
    let mut notes = Vec::new();
    let pods = static_pods(config, options).map_err(|source| PlanError::Manifest {
        component: "the control plane".to_owned(),
        source: Box::new(source),
    })?;
    let pods: Vec<StaticPod> =
        pods.into_iter().filter(|pod| (pod.component == ETCD) == (stage == ETCD)).collect();
    if pods.is_empty() {
        notes.push("etcd is external: nothing to write".to_owned());
        return Ok(Plan::new(stage, steps, notes));
    }
    if let (true, Some(data)) = (stage == ETCD, config.etcd_data_dir()) {
        steps.extend(files::make_directory(
            format!("{stage}/data-directory"),
            "etcd's data",
            data,
            0o700,
            seen,
        )?);
    }
    let why = "the kubelet runs what lies there";
    steps.extend(files::make_directory(format!("{stage}/directory"), why, DIRECTORY, 0o700, seen)?);
    for pod in pods {
        let at =
            |source| PlanError::Manifest { component: pod.component.to_owned(), source: Box::new(source) };
        let mut value = Value::Object(pod.object.value().clone());
        let applied = patches.apply(pod.component, &mut value).map_err(at)?;
        notes.extend(applied.iter().map(ToString::to_string));
        let object = Object::from_value(value).map_err(at)?;
        let path = manifest_path(pod.component);
        let id = format!("{stage}/{}", pod.component);
        steps.extend(files::write(id, "static pod manifest", &path, 0o600, object.to_yaml(), seen)?);
    }
    Ok(Plan::new(stage, steps, notes))
}

fn manifest_path(component: &str) -> String {
    format!("{DIRECTORY}/{component}.yaml")
}
