//! Init again: after a stop at any step, and after users have changed what it made.

use std::sync::atomic::{AtomicUsize, Ordering};

use k8sboot_core::{
    api::TokenIssue,
    error::{Code, Problem, chain},
    exec::{CancelToken, Event, Observer, Outcome},
    flow::Report,
};

use super::{Init, SHORT, Told, register, text};
use crate::cluster::{ControlPlane, real_now};

/// Stops the run when a number of steps have begun, so that the last one is under way.
struct StopAt {
    left: AtomicUsize,
    cancel: CancelToken,
}

impl Observer for StopAt {
    fn event(&self, event: &Event<'_>) {
        if matches!(event, Event::StepStarted { .. }) && self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.cancel.trigger();
        }
    }
}

fn outcomes(report: &Report) -> Vec<(&str, &Outcome)> {
    let steps = report.stages.iter().flat_map(|stage| &stage.steps);
    steps.map(|step| (step.id.as_str(), &step.outcome)).collect()
}

#[test]
fn a_run_that_was_stopped_at_any_step_is_completed_by_the_next() {
    let Some(control_plane) = ControlPlane::start(&text(SHORT)) else { return };
    register(&control_plane);
    let now = real_now();
    let mut stopped = 0;
    loop {
        let mut init = Init::new(&control_plane, now);
        let cancel = CancelToken::default();
        init.stop_at(StopAt { left: AtomicUsize::new(stopped + 1), cancel: cancel.clone() }, cancel);
        match init.stages("wait-control-plane", "addons") {
            Ok(_) => break,
            Err(error) => {
                let code = error.code();
                assert!([Code::FLOW_CANCELLED, Code::WAIT_CANCELLED].contains(&code), "{error:?}");
            }
        }
        stopped += 1;
    }
    assert!(stopped > 30, "{stopped}");
    let report = Init::new(&control_plane, now).stages("wait-control-plane", "addons").unwrap();
    assert_eq!(report.changed(), 0, "{:?}", outcomes(&report));

    // The same objects as an undisturbed run makes on another machine.
    let undisturbed = ControlPlane::start(&text(SHORT)).unwrap();
    register(&undisturbed);
    let began = std::time::Instant::now();
    let report = Init::new(&undisturbed, now).stages("wait-control-plane", "addons").unwrap();
    eprintln!("the API half: {} changes in {} ms", report.changed(), began.elapsed().as_millis());
    for kinds in
        ["configmaps,deployments,daemonsets,services,roles,rolebindings", "clusterroles,clusterrolebindings"]
    {
        let names = |of: &ControlPlane| -> Vec<String> {
            let names = "jsonpath={range .items[*]}{.kind} {.metadata.name}{\"\\n\"}{end}";
            let names = of.caller("admin.conf").get(&["get", kinds, "-A", "-o", names]);
            // The controller manager makes these sooner or later.
            names.lines().filter(|name| !name.contains("kube-root-ca.crt")).map(str::to_owned).collect()
        };
        assert_eq!(names(&control_plane), names(&undisturbed));
    }
}

#[test]
fn what_users_changed_survives_and_is_told() {
    let Some(control_plane) = ControlPlane::start(&text(SHORT)) else { return };
    register(&control_plane);
    let now = real_now();
    let init = |told: &mut Vec<String>| {
        let init = Init::new(&control_plane, now);
        let report = init.stages("wait-control-plane", "addons").unwrap();
        *told = init.told.lines();
        report
    };
    let mut told = Vec::new();
    init(&mut told);
    let admin = control_plane.caller("admin.conf");
    let patch = |object: &str, patch: &str| admin.get(&["patch", object, "-n", "kube-system", "-p", patch]);
    patch(
        "configmap/coredns",
        r#"{"data":{"Corefile":".:53 {\n    forward . 192.0.2.53\n}\n","extra":"mine"}}"#,
    );
    admin.get(&["scale", "deployment/coredns", "-n", "kube-system", "--replicas=5"]);
    let image = "registry.example/coredns:mine";
    let container = format!(
        r#"{{"spec":{{"template":{{"spec":{{"containers":[{{"name":"coredns","image":"{image}"}}]}}}}}}}}"#
    );
    patch("deployment/coredns", &container);
    patch("daemonset/kube-proxy", r#"{"spec":{"template":{"spec":{"nodeSelector":{"mine":"yes"}}}}}"#);
    patch("configmap/kubelet-config", r#"{"metadata":{"labels":{"mine":"yes"}}}"#);

    for round in 0..2 {
        let report = init(&mut told);
        assert_eq!(report.changed(), 0, "round {round}: {:?}", outcomes(&report));
        for note in [
            "note v1 ConfigMap kube-system/coredns: kept although something else is wanted: data.Corefile (set by kubectl-patch):\n--- present",
            "note apps/v1 Deployment kube-system/coredns: kept although something else is wanted: spec.replicas (set by kubectl): 5 -> 2",
            "spec.template.spec.containers[name=coredns].image (set by kubectl-patch): registry.example/coredns:mine -> ",
        ] {
            assert!(told.iter().any(|line| line.contains(note)), "{note}: {told:#?}");
        }
        assert!(
            report.stages.iter().any(|stage| stage.notes.iter().any(|note| note.contains("spec.replicas")))
        );
    }
    let deployment = admin.json(&["get", "deployment", "coredns", "-n", "kube-system"]);
    assert_eq!((&deployment["spec"]["replicas"]), (&serde_json::json!(5)));
    assert_eq!(deployment["spec"]["template"]["spec"]["containers"][0]["image"], image);

    // A field that only init has set follows the configuration.
    let mut changed = Init::new(&control_plane, now);
    changed.config = super::config(&text(SHORT).replace(
        "kind: ClusterConfiguration\n",
        "kind: ClusterConfiguration\nfeatureGates: {}\nnetworking: {dnsDomain: other.local}\n",
    ));
    let report = changed.stages("upload-config", "addons").unwrap();
    let changes: Vec<&str> = outcomes(&report)
        .into_iter()
        .filter(|(_, outcome)| **outcome == Outcome::Changed)
        .map(|(id, _)| id)
        .collect();
    assert_eq!(
        changes,
        [
            "upload-config/v1 ConfigMap kube-system/kubeadm-config",
            "upload-config/v1 ConfigMap kube-system/kubelet-config"
        ]
    );
    let corefile = admin.json(&["get", "configmap", "coredns", "-n", "kube-system"]);
    assert!(corefile["data"]["Corefile"].as_str().unwrap().contains("192.0.2.53"));

    // What users removed is made again.
    admin.get(&["delete", "rolebinding", "kube-proxy", "-n", "kube-system"]);
    assert_eq!(init(&mut told).changed(), 3);
}

#[test]
fn a_later_run_gives_tokens_a_new_end_and_uploads_certificates_anew() {
    let key = "certificateKey: abababababababababababababababababababababababababababababababab";
    let Some(control_plane) = ControlPlane::start(&text(&format!("{SHORT}\n{key}"))) else { return };
    register(&control_plane);
    let now = real_now();
    let init = |now| {
        let mut init = Init::new(&control_plane, now);
        init.options = init.options.upload_certs(true);
        init.stages("wait-control-plane", "addons").unwrap()
    };
    init(now);
    let changed: Vec<String> = outcomes(&init(now.plus_seconds(3600)))
        .into_iter()
        .filter(|(_, outcome)| **outcome == Outcome::Changed)
        .map(|(id, _)| id.to_owned())
        .collect();
    let token = "bootstrap-token/v1 Secret kube-system/bootstrap-token-abcdef";
    assert_eq!(changed, ["upload-certs/kubeadm-certs", token]);
    let tokens = control_plane.client().tokens(now).unwrap();
    let ours = tokens.iter().find(|token| token.id == "abcdef").unwrap();
    assert_eq!(ours.expires, Some(now.plus_seconds(3600 + 86_400)));
    let marks = tokens.iter().filter(|token| {
        token.problems.iter().any(|problem| matches!(problem, TokenIssue::NoUsage { marks_upload: true, .. }))
    });
    assert_eq!(marks.count(), 2, "the end of each upload");
    let owners = control_plane.caller("admin.conf");
    let owners = owners.json(&["get", "secret", "kubeadm-certs", "-n", "kube-system"]);
    assert_eq!(owners["metadata"]["ownerReferences"].as_array().unwrap().len(), 1);
}

#[test]
fn without_rights_and_without_super_admin_conf_it_says_what_is_missing() {
    let Some(control_plane) = ControlPlane::start(&text(SHORT)) else { return };
    std::fs::remove_file(control_plane.machine().path("/etc/kubernetes/super-admin.conf")).unwrap();
    let error = Init::new(&control_plane, real_now()).stages("wait-control-plane", "addons").unwrap_err();
    assert_eq!(error.code(), Code::EXEC_RIGHTS, "{}", chain(&error));
    std::fs::remove_file(control_plane.machine().path("/etc/kubernetes/admin.conf")).unwrap();
    let error = Init::new(&control_plane, real_now()).stages("upload-config", "addons").unwrap_err();
    assert_eq!(error.code(), Code::EXEC_CREDENTIALS, "{}", chain(&error));
    assert_eq!(error.details().path.as_deref(), Some("/etc/kubernetes/admin.conf"));
}

impl Init<'_> {
    fn stop_at(&mut self, observer: StopAt, cancel: CancelToken) {
        self.also = Some(std::sync::Arc::new(observer));
        self.cancel = cancel;
    }
}

/// Tells two observers.
pub(super) struct Both(pub(super) std::sync::Arc<Told>, pub(super) std::sync::Arc<dyn Observer>);

impl Observer for Both {
    fn event(&self, event: &Event<'_>) {
        self.0.event(event);
        self.1.event(event);
    }
}
