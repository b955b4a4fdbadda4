//! Init on a real directory tree: equal to kubeadm's, repeatable, resumable, and never out of bounds.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{Arc, Mutex},
};

use k8sboot_core::{
    blocking::wait,
    config::InitConfig,
    error::{Code, Problem, chain},
    exec::{self, Event, Observer, Outcome, Run, Tree},
    flow::{self, InitOptions, Report, Selection},
    plan::Plan,
    probe,
};

use crate::{
    support::CASES,
    tree::{Scratch, case_file, init, now, quick_config, snapshot},
};

fn secrets_of(root: &Path) -> Vec<String> {
    let files = snapshot(root);
    let keys = files.iter().filter(|(name, _)| name.ends_with(".key"));
    keys.map(|(_, (_, bytes))| String::from_utf8_lossy(bytes).lines().nth(1).unwrap().to_owned()).collect()
}

fn plans(config: &InitConfig, root: &Path, selection: Selection) -> Vec<Plan> {
    let mut flow = flow::init(config.clone(), InitOptions::at(now())).select(selection).unwrap();
    let mut probe = probe::Host::new(Tree::open(root).unwrap());
    let mut plans = Vec::new();
    while let Some(plan) = wait(flow.next_plan(&mut probe)).unwrap() {
        plans.push(plan);
    }
    plans
}

#[test]
fn wherever_a_run_begins_in_the_cluster_admin_conf_gets_its_rights_first() {
    let scratch = Scratch::new("rights");
    let config = quick_config("minimal");
    init(&config, scratch.path(), None).unwrap();
    for (from, skip, first) in [
        ("wait-control-plane", "addons", "wait-control-plane"),
        ("upload-config", "addons", "upload-config"),
        ("upload-config", "upload-config", "upload-certs"),
        ("mark-control-plane", "addons", "mark-control-plane"),
        ("kubelet-finalize", "preflight", "addons"),
    ] {
        let selection = Selection::default().from(from).unwrap().skip(skip).unwrap();
        let plans = plans(&config, scratch.path(), selection);
        let granting: Vec<(&str, usize)> = plans
            .iter()
            .flat_map(|plan| {
                plan.steps().iter().enumerate().map(|(place, step)| (plan.stage, place, &step.id))
            })
            .filter(|(_, _, id)| id.contains("kubeadm:cluster-admins"))
            .map(|(stage, place, _)| (stage, place))
            .collect();
        assert_eq!(granting.len(), 1, "{from}: {granting:?}");
        assert_eq!(granting[0].0, first);
        // Components are waited for before anybody speaks as admin.conf.
        assert!(granting[0].1 == 0 || first == "wait-control-plane", "{granting:?}");
    }
}

#[test]
fn makes_the_files_that_kubeadm_makes_with_their_modes() {
    for case in CASES {
        let scratch = Scratch::new("golden");
        init(&quick_config(case), scratch.path(), None).unwrap();
        let ours: BTreeSet<String> = snapshot(scratch.path())
            .into_iter()
            .filter(|(name, _)| {
                !matches!(name.as_str(), "etc" | "var" | "var/lib" | "srv" | "srv/etcd")
                    && !name.starts_with("var/lib/kubelet")
            })
            .map(|(name, (mode, _))| format!("{:o} {name}", mode & 0o7777))
            .collect();
        let recorded: BTreeSet<String> = case_file(case, "tree.txt")
            .lines()
            .map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                format!("{} {}", words[1], words[words.len() - 1])
            })
            .filter(|line| !line.contains("/tmp"))
            .collect();
        assert_eq!(ours, recorded, "{case}");
        let manifests = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];
        for name in manifests.iter().filter(|name| !(case == "external-etcd" && **name == "etcd")) {
            let written =
                fs::read_to_string(scratch.path().join(format!("etc/kubernetes/manifests/{name}.yaml")))
                    .unwrap();
            assert_eq!(written, case_file(case, &format!("manifests/{name}.yaml")), "{case}: {name}");
        }
        for (name, recorded) in [
            ("config.yaml", "kubelet-config.yaml"),
            ("kubeadm-flags.env", "kubeadm-flags.env"),
            ("instance-config.yaml", "instance-config.yaml"),
        ] {
            let path = scratch.path().join("var/lib/kubelet").join(name);
            assert_eq!(fs::read_to_string(&path).unwrap(), case_file(case, recorded), "{case}: {name}");
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o644);
        }
    }
}

/// Keeps a report from events alone.
#[derive(Default)]
struct Recorder(Mutex<Report>);

impl Observer for Recorder {
    fn event(&self, event: &Event<'_>) {
        self.0.lock().unwrap().record(event);
    }
}

#[test]
fn events_tell_the_report_of_a_run() {
    let scratch = Scratch::new("recorded");
    let recorder = Arc::new(Recorder::default());
    let run = Run { observer: recorder.clone(), ..Run::default() };
    let until = Selection::default().until("kubelet").unwrap();
    let flow = flow::init(quick_config("ha"), InitOptions::at(now())).select(until).unwrap();
    let tree = Tree::open(scratch.path()).unwrap();
    let mut host = exec::Host::new(tree.clone());
    let report = wait(flow.run(&mut probe::Host::new(tree), &mut host, &run)).unwrap();
    assert!(report.changed() > 20);
    assert_eq!(*recorder.0.lock().unwrap(), report);
}

#[test]
fn a_second_run_changes_nothing() {
    let scratch = Scratch::new("twice");
    let config = quick_config("seed");
    assert!(init(&config, scratch.path(), None).unwrap().changed() > 20);
    let before = snapshot(scratch.path());
    let report = init(&config, scratch.path(), None).unwrap();
    assert_eq!(report.changed(), 0);
    assert_eq!(snapshot(scratch.path()), before);
}

#[test]
fn stages_one_by_one_make_the_same_tree_as_all_at_once() {
    let scratch = Scratch::new("stages");
    let config = quick_config("seed");
    for stage in ["preflight", "pki", "kubeconfig", "etcd", "control-plane", "kubelet"] {
        let selection = Selection::default().from(stage).unwrap().until(stage).unwrap();
        let flow = flow::init(config.clone(), InitOptions::at(now())).select(selection).unwrap();
        let tree = Tree::open(scratch.path()).unwrap();
        let mut host = exec::Host::new(tree.clone());
        wait(flow.run(&mut probe::Host::new(tree), &mut host, &Run::default())).unwrap();
    }
    let whole = Scratch::new("whole");
    init(&config, whole.path(), None).unwrap();
    let names =
        |root: &Path| snapshot(root).into_iter().map(|(name, (mode, _))| (name, mode)).collect::<Vec<_>>();
    assert_eq!(names(scratch.path()), names(whole.path()));
}

#[test]
fn a_dry_run_changes_nothing_and_lists_what_the_run_does() {
    let scratch = Scratch::new("dry");
    let config = quick_config("ha");
    let until = || Selection::default().until("kubelet").unwrap();
    let planned: Vec<String> = plans(&config, scratch.path(), until())
        .iter()
        .flat_map(|plan| plan.steps().to_vec())
        .map(|s| s.id)
        .collect();
    assert!(snapshot(scratch.path()).is_empty());
    let report = init(&config, scratch.path(), None).unwrap();
    let done: Vec<String> =
        report.stages.iter().flat_map(|stage| stage.steps.clone()).map(|step| step.id).collect();
    assert_eq!(planned, done);
}

#[test]
fn plans_and_reports_hold_no_secret() {
    let scratch = Scratch::new("secrets");
    let config = quick_config("ha");
    let report = init(&config, scratch.path(), None).unwrap();
    let mut secrets = secrets_of(scratch.path());
    secrets.push("0123456789abcdef".to_owned());
    let all = plans(&config, scratch.path(), Selection::default());
    let mut texts = vec![report.to_json().to_string(), format!("{report:?}"), format!("{config:?}")];
    for plan in &all {
        texts.extend([plan.to_text(), plan.to_json().to_string(), format!("{plan:?}")]);
    }
    for text in &texts {
        // The certificate key contains the hexadecimal digits in this order too, so it is found as well.
        for secret in &secrets {
            assert!(!text.contains(secret.as_str()), "{secret} in {text}");
        }
    }
}

#[test]
fn a_file_changed_since_the_plan_is_not_overwritten() {
    let scratch = Scratch::new("changed");
    let config = quick_config("seed");
    init(&config, scratch.path(), None).unwrap();
    let path = scratch.path().join("etc/kubernetes/manifests/kube-scheduler.yaml");
    fs::write(&path, "old: true\n").unwrap();
    let tree = Tree::open(scratch.path()).unwrap();
    let selection = Selection::default().from("control-plane").unwrap().until("control-plane").unwrap();
    let mut flow = flow::init(config.clone(), InitOptions::at(now())).select(selection).unwrap();
    let plan = wait(flow.next_plan(&mut probe::Host::new(tree.clone()))).unwrap().unwrap();
    assert!(plan.diff(flow.facts()).to_text().contains("-old: true"));
    fs::write(&path, "by: hand\n").unwrap();
    let error = wait(flow.apply(&plan, &mut exec::Host::new(tree), &Run::default())).unwrap_err();
    assert_eq!(error.code(), Code::FILE_CHANGED, "{}", chain(&error));
    assert_eq!(fs::read_to_string(&path).unwrap(), "by: hand\n");
    // Planned again, the change is seen, shown and replaced.
    init(&config, scratch.path(), None).unwrap();
    assert_ne!(fs::read_to_string(&path).unwrap(), "by: hand\n");
}

#[test]
fn links_out_of_the_tree_are_refused_wherever_they_are_planted() {
    for planted in [
        "etc",
        "etc/kubernetes",
        "etc/kubernetes/pki",
        "etc/kubernetes/pki/etcd",
        "etc/kubernetes/pki/ca.key",
        "etc/kubernetes/pki/apiserver.crt",
        "etc/kubernetes/admin.conf",
        "etc/kubernetes/manifests",
        "etc/kubernetes/manifests/etcd.yaml",
        "var/lib/kubelet",
        "var/lib/kubelet/config.yaml",
    ] {
        for relative in [false, true] {
            let scratch = Scratch::new("links");
            let (root, outside) = (scratch.path().join("root"), scratch.path().join("outside"));
            fs::create_dir(&outside).unwrap();
            fs::write(outside.join("victim"), "untouched").unwrap();
            let link = root.join(planted);
            fs::create_dir_all(link.parent().unwrap()).unwrap();
            let up = "../".repeat(planted.split('/').count());
            let target = if relative { format!("{up}outside") } else { outside.display().to_string() };
            let is_file = planted.contains('.');
            std::os::unix::fs::symlink(if is_file { format!("{target}/victim") } else { target }, &link)
                .unwrap();
            let error = init(&quick_config("seed"), &root, None).unwrap_err();
            assert!(
                [Code::FILE_LINK, Code::PLAN_PATH_KIND].contains(&error.code()),
                "{planted}: {} {}",
                error.code().name(),
                chain(&error)
            );
            let names: Vec<_> = fs::read_dir(&outside).unwrap().map(|e| e.unwrap().file_name()).collect();
            assert_eq!(names, ["victim"], "{planted}");
            assert_eq!(fs::read_to_string(outside.join("victim")).unwrap(), "untouched", "{planted}");
        }
    }
}

#[test]
fn links_inside_the_tree_are_followed() {
    let scratch = Scratch::new("inside");
    fs::create_dir_all(scratch.path().join("data/kubelet")).unwrap();
    fs::create_dir_all(scratch.path().join("var/lib")).unwrap();
    std::os::unix::fs::symlink("../../data/kubelet", scratch.path().join("var/lib/kubelet")).unwrap();
    init(&quick_config("seed"), scratch.path(), None).unwrap();
    assert!(scratch.path().join("data/kubelet/config.yaml").is_file());
}

#[test]
fn a_run_that_cannot_end_changes_nothing() {
    let config = quick_config("seed");
    // A stage that needs another executor, a path of the wrong kind in a late stage, credentials without an authority.
    for (until, planted, from, code) in [
        ("addons", None, "preflight", Code::EXEC_UNSUPPORTED),
        ("kubelet", Some("var/lib/kubelet/config.yaml"), "preflight", Code::PLAN_PATH_KIND),
        ("kubelet", None, "kubeconfig", Code::PLAN_UNUSABLE),
    ] {
        let scratch = Scratch::new("rehearsal");
        if let Some(planted) = planted {
            fs::create_dir_all(scratch.path().join(planted)).unwrap();
        }
        let before = snapshot(scratch.path());
        let selection = Selection::default().from(from).unwrap().until(until).unwrap();
        let flow = flow::init(config.clone(), InitOptions::at(now())).select(selection).unwrap();
        let tree = Tree::open(scratch.path()).unwrap();
        let mut host = exec::Host::new(tree.clone());
        let error = wait(flow.run(&mut probe::Host::new(tree), &mut host, &Run::default())).unwrap_err();
        assert_eq!(error.code(), code, "{}", chain(&error));
        assert_eq!(snapshot(scratch.path()), before);
    }
}

#[test]
fn two_runs_at_once_are_refused() {
    let scratch = Scratch::new("lock");
    let tree = Tree::open(scratch.path()).unwrap();
    let held = tree.lock().unwrap();
    let error = Tree::open(scratch.path()).unwrap().lock().unwrap_err();
    assert_eq!(error.code(), Code::FILE_LOCKED);
    drop(held);
    tree.lock().unwrap();
}

#[test]
fn what_is_of_the_wrong_kind_is_named() {
    let scratch = Scratch::new("kind");
    fs::create_dir_all(scratch.path().join("etc/kubernetes/pki/ca.crt")).unwrap();
    let error = init(&quick_config("seed"), scratch.path(), None).unwrap_err();
    assert_eq!(error.code(), Code::PLAN_PATH_KIND);
    assert_eq!(error.details().path.as_deref(), Some("/etc/kubernetes/pki/ca.crt"));
    let other = Scratch::new("kind");
    fs::create_dir_all(other.path().join("var/lib")).unwrap();
    fs::write(other.path().join("var/lib/kubelet"), "").unwrap();
    let error = init(&quick_config("seed"), other.path(), None).unwrap_err();
    assert!(chain(&error).contains("/var/lib/kubelet"), "{}", chain(&error));
}

#[test]
fn cancelling_stops_before_the_next_step_and_a_further_run_goes_on() {
    let scratch = Scratch::new("cancel");
    let config = quick_config("seed");
    let tree = Tree::open(scratch.path()).unwrap();
    let run = Run::default();
    run.cancel.trigger();
    let selection = Selection::default().until("kubelet").unwrap();
    let flow = flow::init(config.clone(), InitOptions::at(now())).select(selection).unwrap();
    let error =
        wait(flow.run(&mut probe::Host::new(tree.clone()), &mut exec::Host::new(tree), &run)).unwrap_err();
    assert_eq!(error.code(), Code::FLOW_CANCELLED);
    assert!(snapshot(scratch.path()).is_empty());
    init(&config, scratch.path(), None).unwrap();
}

#[test]
fn stages_that_need_an_api_server_say_so() {
    let scratch = Scratch::new("api");
    let tree = Tree::open(scratch.path()).unwrap();
    let selection = Selection::default().from("wait-control-plane").unwrap();
    let flow = flow::init(quick_config("seed"), InitOptions::at(now())).select(selection).unwrap();
    let mut host = exec::Host::new(tree.clone());
    let error = wait(flow.run(&mut probe::Host::new(tree), &mut host, &Run::default())).unwrap_err();
    assert_eq!(error.code(), Code::EXEC_UNSUPPORTED);
}

#[test]
fn kubelet_conf_takes_the_certificate_that_the_kubelet_renews() {
    let scratch = Scratch::new("finalize");
    let config = quick_config("seed");
    init(&config, scratch.path(), None).unwrap();
    let finalize = || {
        let stage = Selection::default().from("kubelet-finalize").unwrap().until("kubelet-finalize").unwrap();
        let flow = flow::init(config.clone(), InitOptions::at(now())).select(stage).unwrap();
        let tree = Tree::open(scratch.path()).unwrap();
        let mut host = exec::Host::new(tree.clone());
        wait(flow.run(&mut probe::Host::new(tree), &mut host, &Run::default())).unwrap()
    };
    let path = scratch.path().join("etc/kubernetes/kubelet.conf");
    let before = fs::read_to_string(&path).unwrap();
    let report = finalize();
    assert_eq!((report.changed(), fs::read_to_string(&path).unwrap()), (0, before.clone()));
    assert!(report.stages[0].notes[0].contains("kubelet-client-current.pem"), "{report:?}");

    let pki = scratch.path().join("var/lib/kubelet/pki");
    fs::create_dir_all(&pki).unwrap();
    fs::write(pki.join("kubelet-client-2026-11-23-03-07-02.pem"), "certificate and key").unwrap();
    let newest = "/var/lib/kubelet/pki/kubelet-client-2026-11-23-03-07-02.pem";
    std::os::unix::fs::symlink(newest, pki.join("kubelet-client-current.pem")).unwrap();
    assert_eq!(finalize().changed(), 1);
    let after = fs::read_to_string(&path).unwrap();
    let current = "/var/lib/kubelet/pki/kubelet-client-current.pem";
    for line in [format!("    client-certificate: {current}"), format!("    client-key: {current}")] {
        assert!(after.lines().any(|found| found == line), "{after}");
    }
    assert!(!after.contains("client-key-data"), "{after}");
    let kept = |text: &str| {
        text.lines().filter(|line| !line.contains("client-")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(kept(&after), kept(&before));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(finalize().changed(), 0);
    assert_eq!(init(&config, scratch.path(), None).unwrap().changed(), 0, "the stages before leave it alone");
}

#[test]
fn outcomes_have_names() {
    assert_eq!(Outcome::Changed.name(), "changed");
    assert_eq!(Outcome::AlreadySo.name(), "alreadySo");
}

fn edited(edit: impl FnOnce(&mut k8sboot_core::config::v1beta4::InitConfiguration)) -> InitConfig {
    InitConfig::builder("v1.36.2")
        .node_name("node-1")
        .advertise_address([192, 0, 2, 10].into())
        .encryption_algorithm(k8sboot_core::config::EncryptionAlgorithm::EcdsaP256)
        .edit(|init, _| edit(init))
        .build(&k8sboot_core::facts::NodeFacts::named("node-1"))
        .unwrap()
}

#[test]
fn phases_that_the_configuration_skips_are_left_out() {
    let scratch = Scratch::new("skip");
    let config = edited(|init| {
        init.skip_phases =
            ["etcd", "kubeconfig/scheduler", "control-plane/Apiserver", "certs/sa", "addon/coredns"]
                .map(String::from)
                .into();
    });
    init(&config, scratch.path(), None).unwrap();
    let made = |path: &str| scratch.path().join(path).exists();
    assert!(!made("etc/kubernetes/manifests/etcd.yaml") && !made("var/lib/etcd"));
    assert!(!made("etc/kubernetes/scheduler.conf") && made("etc/kubernetes/admin.conf"));
    assert!(!made("etc/kubernetes/manifests/kube-apiserver.yaml"));
    assert!(made("etc/kubernetes/manifests/kube-scheduler.yaml"));
    assert!(!made("etc/kubernetes/pki/sa.key") && made("etc/kubernetes/pki/apiserver.crt"));
    let objects = flow::cluster_objects(&config, &InitOptions::at(now()), &scratch_ca(&scratch)).unwrap();
    let has = |name: &str| objects.iter().any(|(_, object)| object.key().name == name);
    assert!(!has("coredns") && !has("kube-dns") && has("kube-proxy"));
}

fn scratch_ca(scratch: &Scratch) -> String {
    fs::read_to_string(scratch.path().join("etc/kubernetes/pki/ca.crt")).unwrap()
}

#[test]
fn unknown_phases_and_dry_runs_change_nothing() {
    let scratch = Scratch::new("phases");
    let unknown = edited(|init| init.skip_phases = vec!["certz".to_owned()]);
    let error = init(&unknown, scratch.path(), None).unwrap_err();
    assert_eq!(error.code(), Code::FLOW_UNKNOWN_PHASE, "{}", chain(&error));
    assert!(chain(&error).contains("certz"));
    let dry = edited(|init| init.dry_run = true);
    assert_eq!(init(&dry, scratch.path(), None).unwrap_err().code(), Code::FLOW_DRY_RUN);
    assert!(snapshot(scratch.path()).is_empty());
    assert!(!plans(&dry, scratch.path(), Selection::default()).is_empty());
}
