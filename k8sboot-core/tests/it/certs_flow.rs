//! Certificates of a tree that is there: report, renewal, and the way out to an authority elsewhere and back.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc};

use k8sboot_core::{
    blocking::wait,
    config::{Documents, InitConfig},
    entropy::System,
    error::{Code, Problem, chain},
    exec::{self, FileHook, Run, Tree},
    facts::{Facts, Wanted},
    flow::{self, CertsScope, FlowError, RenewChoice, StageReport},
    kubeconfig::{Kubeconfig, Source},
    pki::{self, Ca, CertSpec, Certificate, Issuing, KeyAlgorithm, KeyPair, RandomKeys, Signer},
    plan::{Plan, PlanError},
    probe,
    secret::SecretBytes,
    time::Timestamp,
};

use crate::{
    faults::{At, assert_whole, die_in_child, for_each_side_by_side, names},
    tree::{Scratch, init, now, quick_config, quick_text, recorded_host, snapshot},
};

const YEAR: i64 = 365 * 86_400;
const PKI: &str = "etc/kubernetes/pki";

/// Where only kubeadm's places are known and nothing of the cluster.
fn places() -> InitConfig {
    let host = recorded_host("minimal");
    InitConfig::builder("v1.36.2").advertise_address([192, 0, 2, 1].into()).build(&host).unwrap()
}

fn scope(config: &InitConfig, authoritative: bool, now: Timestamp) -> CertsScope<'_> {
    CertsScope { config, authoritative, now }
}

fn look(tree: &Tree, wanted: Result<Wanted, PlanError>) -> Facts {
    probe::Host::new(tree.clone()).look(&wanted.unwrap()).unwrap()
}

fn carry_out(plan: &Plan, tree: &Tree, now: Timestamp) -> Result<StageReport, FlowError> {
    let keys = Arc::new(RandomKeys::new(&System));
    let mut host = exec::Host::new(tree.clone()).with_sources(now, Arc::new(System), keys);
    wait(flow::carry_out(plan, &mut host, &Run::default()))
}

fn plan_renewal(scope: CertsScope<'_>, choice: &RenewChoice, root: &Path) -> Result<Plan, PlanError> {
    let tree = Tree::open(root).unwrap();
    flow::plan_renewal(scope, choice, &look(&tree, flow::certs_wanted(scope.config)))
}

fn renew(scope: CertsScope<'_>, choice: &RenewChoice, root: &Path) -> StageReport {
    let plan = plan_renewal(scope, choice, root).unwrap();
    carry_out(&plan, &Tree::open(root).unwrap(), scope.now).unwrap()
}

fn named(names: &[&str]) -> RenewChoice {
    RenewChoice::Named(names.iter().map(|name| (*name).to_owned()).collect())
}

fn read(root: &Path, path: &str) -> String {
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn secret(root: &Path, path: &str) -> SecretBytes {
    SecretBytes::new(read(root, path).into_bytes())
}

/// Certificate and public key of every leaf and kubeconfig client, by kubeadm's name.
fn pairs(config: &InitConfig, root: &Path) -> BTreeMap<String, (Certificate, KeyPair)> {
    let mut found = BTreeMap::new();
    for spec in pki::control_plane(config).unwrap().iter().filter(|spec| spec.issuer.is_some()) {
        let path = format!("{PKI}/{}", spec.path);
        let certificate = Certificate::from_pem(&read(root, &format!("{path}.crt"))).unwrap();
        let key = KeyPair::from_pem(&secret(root, &format!("{path}.key"))).unwrap();
        found.insert(spec.name.clone(), (certificate, key));
    }
    for spec in pki::kubeconfigs(config) {
        let kubeconfig = Kubeconfig::parse(&read(root, &format!("etc/kubernetes/{}", spec.file))).unwrap();
        let user = kubeconfig.current().unwrap().user;
        let (Some(Source::Inline(certificate)), Some(Source::Inline(key))) =
            (&user.client_certificate, &user.client_key)
        else {
            panic!("{}: no embedded client", spec.file)
        };
        let certificate = Certificate::from_pem(std::str::from_utf8(certificate).unwrap()).unwrap();
        found.insert(spec.file.to_owned(), (certificate, KeyPair::from_pem(key).unwrap()));
    }
    found
}

/// Every pair belongs together, is what the configuration asks for but for kind of key, and works at `now`.
fn assert_usable(config: &InitConfig, root: &Path, now: Timestamp, context: &str) {
    let specs = pki::control_plane(config).unwrap();
    let clients = pki::kubeconfigs(config).into_iter().map(|spec| spec.client);
    let pairs = pairs(config, root);
    for spec in specs.iter().filter(|spec| spec.issuer.is_some()).cloned().chain(clients) {
        let issuer = specs.iter().find(|ca| Some(&ca.name) == spec.issuer.as_ref()).unwrap();
        let anchors = Certificate::all_from_pem(&read(root, &format!("{PKI}/{}.crt", issuer.path))).unwrap();
        let (certificate, key) = &pairs[&spec.name];
        let spec = CertSpec { algorithm: key.algorithm().unwrap(), ..spec };
        let chain = [certificate.clone()];
        let findings = pki::check::certificate(&spec, &chain, Some(key.public_key()), &anchors, now);
        assert_eq!(findings, [], "{context}: {}", spec.name);
    }
}

#[test]
fn a_fresh_tree_reports_every_certificate_with_its_end() {
    let scratch = Scratch::new("report");
    let config = quick_config("seed");
    init(&config, scratch.path(), None).unwrap();
    let tree = Tree::open(scratch.path()).unwrap();
    let report = |now| {
        flow::expiration(scope(&places(), false, now), &look(&tree, flow::certs_wanted(&places()))).unwrap()
    };
    let fresh = report(now());
    let leaves: Vec<&str> = fresh.certificates.iter().map(|line| line.name.as_str()).collect();
    assert_eq!(
        leaves,
        [
            "admin.conf",
            "apiserver",
            "apiserver-etcd-client",
            "apiserver-kubelet-client",
            "controller-manager.conf",
            "etcd-healthcheck-client",
            "etcd-peer",
            "etcd-server",
            "front-proxy-client",
            "scheduler.conf",
            "super-admin.conf"
        ]
    );
    for line in &fresh.certificates {
        assert_eq!(line.not_after, Some(now().plus_seconds(YEAR)), "{}", line.name);
        assert!(!line.externally_managed && line.ca.is_some(), "{}", line.name);
    }
    let authorities: Vec<&str> = fresh.authorities.iter().map(|line| line.name.as_str()).collect();
    assert_eq!(authorities, ["ca", "etcd-ca", "front-proxy-ca"]);
    for line in &fresh.authorities {
        assert_eq!(line.not_after, Some(now().plus_seconds(10 * YEAR)), "{}", line.name);
    }
    // Years later the report still reads: what has ended has no time left.
    let late = report(now().plus_seconds(3 * YEAR));
    assert_eq!(late.to_json()["certificates"][0]["residualTime"], -2 * YEAR);
    assert!(late.to_table().contains("<invalid>"), "{}", late.to_table());
    fs::remove_file(scratch.path().join(PKI).join("ca.key")).unwrap();
    fs::remove_file(scratch.path().join(PKI).join("etcd/peer.crt")).unwrap();
    let partial = report(now());
    let line = |name: &str| partial.certificates.iter().find(|line| line.name == name).unwrap();
    assert!(line("apiserver").externally_managed && line("admin.conf").externally_managed);
    assert!(!line("etcd-server").externally_managed && line("etcd-peer").not_after.is_none());
}

#[test]
fn all_are_renewed_years_after_their_end_knowing_only_where_they_are() {
    let scratch = Scratch::new("renew");
    let config = quick_config("ha");
    init(&config, scratch.path(), None).unwrap();
    let (before, old, modes) =
        (snapshot(scratch.path()), pairs(&config, scratch.path()), names(scratch.path()));
    let late = now().plus_seconds(4 * YEAR);
    let report = renew(scope(&places(), false, late), &RenewChoice::All, scratch.path());
    assert_eq!(report.steps.len(), 11, "{report:?}");
    assert_eq!(names(scratch.path()), modes);
    for (name, (certificate, key)) in pairs(&config, scratch.path()) {
        let (old_certificate, old_key) = &old[&name];
        if name == "kubelet.conf" {
            assert_eq!(certificate, *old_certificate, "the kubelet renews its own");
            continue;
        }
        assert_ne!(key.public_key(), old_key.public_key(), "{name}: the key is new");
        assert_eq!(key.algorithm(), Some(KeyAlgorithm::EcdsaP256), "{name}: the kind of key is kept");
        assert_eq!(certificate.info().not_after, late.plus_seconds(YEAR), "{name}");
        assert_eq!(certificate.info().dns_names, old_certificate.info().dns_names, "{name}");
        assert_eq!(certificate.info().ip_addresses, old_certificate.info().ip_addresses, "{name}");
        assert_eq!(certificate.subject(), old_certificate.subject(), "{name}");
    }
    let after = snapshot(scratch.path());
    let kept = before.iter().filter(|(name, _)| {
        name.contains("ca.")
            || name.contains("/sa.")
            || name.contains("kubelet") && !name.contains("-kubelet-")
    });
    for (name, before) in kept {
        assert_eq!(&after[name], before, "{name}");
    }
    for spec in pki::kubeconfigs(&config).iter().filter(|spec| spec.file != "kubelet.conf") {
        let kubeconfig =
            Kubeconfig::parse(&read(scratch.path(), &format!("etc/kubernetes/{}", spec.file))).unwrap();
        assert!(
            kubeconfig.verify(&read(scratch.path(), &format!("{PKI}/ca.crt")), late).is_empty(),
            "{}",
            spec.file
        );
        assert_eq!(kubeconfig.current().unwrap().cluster.server, spec.server, "{}", spec.file);
    }
}

#[test]
fn what_the_cluster_is_configured_to_have_arrives_with_the_renewal() {
    let scratch = Scratch::new("authoritative");
    init(&quick_config("seed"), scratch.path(), None).unwrap();
    let before = snapshot(scratch.path());
    let text = quick_text("seed")
        .replace("  - 123.56.200.187", "  - 123.56.200.187\n  - new.example")
        .replace("ECDSA-P256", "ECDSA-P384")
        .replace(
            "kind: ClusterConfiguration\n",
            "kind: ClusterConfiguration\ncertificateValidityPeriod: 48h0m0s\n",
        );
    let config = Documents::parse(&text).unwrap().into_init(&recorded_host("seed"), None).unwrap();
    let report = renew(scope(&config, true, now()), &named(&["apiserver", "scheduler.conf"]), scratch.path());
    let done: Vec<&str> = report.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(done, ["renew/apiserver", "renew/scheduler.conf"]);
    let changed: Vec<String> = snapshot(scratch.path())
        .into_iter()
        .filter(|(name, entry)| before.get(name) != Some(entry))
        .map(|(name, _)| name)
        .collect();
    let expected = ["pki/apiserver.crt", "pki/apiserver.key", "scheduler.conf"];
    assert_eq!(changed, expected.map(|name| format!("etc/kubernetes/{name}")));
    let pairs = pairs(&config, scratch.path());
    for name in ["apiserver", "scheduler.conf"] {
        let (certificate, key) = &pairs[name];
        assert_eq!(key.algorithm(), Some(KeyAlgorithm::EcdsaP384), "{name}");
        assert_eq!(certificate.info().not_after, now().plus_seconds(48 * 3600), "{name}");
    }
    assert!(pairs["apiserver"].0.info().dns_names.contains(&"new.example".to_owned()));
    init(&config, scratch.path(), None).unwrap();
    assert_usable(&config, scratch.path(), now(), "authoritative");
}

#[test]
fn kubeconfigs_learn_the_authorities_that_ca_crt_holds_by_now() {
    let scratch = Scratch::new("refresh");
    let config = quick_config("seed");
    init(&config, scratch.path(), None).unwrap();
    let other = Scratch::new("refresh");
    init(&config, other.path(), None).unwrap();
    let ca = format!("{PKI}/ca.crt");
    let bundle = format!("{}{}", read(other.path(), &ca), read(scratch.path(), &ca));
    fs::write(scratch.path().join(&ca), &bundle).unwrap();
    renew(scope(&config, true, now()), &named(&["admin.conf", "apiserver"]), scratch.path());
    let kubeconfig = Kubeconfig::parse(&read(scratch.path(), "etc/kubernetes/admin.conf")).unwrap();
    assert_eq!(kubeconfig.current().unwrap().cluster.ca_pem(), Some(bundle.as_str()));
    assert_usable(&config, scratch.path(), now(), "bundle");
}

#[test]
fn what_cannot_be_renewed_is_told_and_left_alone() {
    let scratch = Scratch::new("told");
    let config = quick_config("seed");
    init(&config, scratch.path(), None).unwrap();
    fs::remove_file(scratch.path().join(PKI).join("etcd/ca.key")).unwrap();
    fs::remove_file(scratch.path().join(PKI).join("front-proxy-client.crt")).unwrap();
    fs::remove_file(scratch.path().join("etc/kubernetes/super-admin.conf")).unwrap();
    let before = snapshot(scratch.path());
    let report = renew(scope(&config, true, now()), &RenewChoice::All, scratch.path());
    let done: Vec<&str> = report.steps.iter().map(|step| step.id.as_str()).collect();
    let expected =
        ["apiserver", "apiserver-kubelet-client", "admin.conf", "controller-manager.conf", "scheduler.conf"];
    assert_eq!(done, expected.map(|name| format!("renew/{name}")));
    let notes = report.notes.join("\n");
    assert_eq!(notes.matches("whose key is elsewhere: not renewed").count(), 4, "{notes}");
    for missing in
        ["front-proxy-client.crt is missing: not renewed", "super-admin.conf is missing: not renewed"]
    {
        assert!(notes.contains(missing), "{notes}");
    }
    for name in ["etcd/server.crt", "etcd/server.key", "front-proxy-client.key"] {
        let name = format!("{PKI}/{name}");
        assert_eq!(snapshot(scratch.path())[&name], before[&name], "{name}");
    }
    for unknown in ["ca", "kubelet.conf", "apiservr", ""] {
        let error =
            plan_renewal(scope(&config, true, now()), &named(&["apiserver", unknown]), scratch.path());
        let error = error.unwrap_err();
        assert_eq!(error.code(), Code::PLAN_UNUSABLE, "{unknown}");
        let details = error.details();
        assert_eq!(details.found, Some(format!("{unknown:?}")));
        assert!(details.expected.unwrap().contains("etcd-server, ") && details.remedy.is_some(), "{unknown}");
    }
}

#[test]
fn a_pair_or_kubeconfig_changed_since_the_plan_is_not_renewed() {
    let scratch = Scratch::new("changed");
    let config = quick_config("seed");
    init(&config, scratch.path(), None).unwrap();
    for (name, path) in
        [("apiserver", format!("{PKI}/apiserver.crt")), ("admin.conf", "etc/kubernetes/admin.conf".into())]
    {
        let plan = plan_renewal(scope(&config, true, now()), &named(&[name]), scratch.path()).unwrap();
        let by_hand = format!("{}\n", read(scratch.path(), &path));
        fs::write(scratch.path().join(&path), by_hand).unwrap();
        let before = snapshot(scratch.path());
        let error = carry_out(&plan, &Tree::open(scratch.path()).unwrap(), now()).unwrap_err();
        assert_eq!(error.code(), Code::FILE_CHANGED, "{name}: {}", chain(&error));
        assert_eq!(snapshot(scratch.path()), before, "{name}");
    }
}

/// What the tests of broken-off renewals renew: a pair of each directory and a kubeconfig.
fn some() -> RenewChoice {
    named(&["apiserver", "etcd-server", "admin.conf"])
}

/// The renewal with a hook before every operation of probe and executor.
fn renew_hooked(
    config: &InitConfig,
    root: &Path,
    hook: Option<Arc<dyn FileHook>>,
) -> Result<(), (Code, String)> {
    let mut tree = Tree::open(root).unwrap();
    if let Some(hook) = hook {
        tree = tree.with_hook(hook);
    }
    let told = |error: &(dyn std::error::Error + 'static), code| (code, chain(error));
    let seen = probe::Host::new(tree.clone())
        .look(&flow::certs_wanted(config).unwrap())
        .map_err(|error| told(&error, error.code()))?;
    let plan =
        flow::plan_renewal(scope(config, true, now()), &some(), &seen).map_err(|e| told(&e, e.code()))?;
    carry_out(&plan, &tree, now()).map(|_| ()).map_err(|error| told(&error, error.code()))
}

fn copy(from: &Path, to: &Path) {
    for (name, (mode, bytes)) in snapshot(from) {
        let path = to.join(name);
        match mode & 0o170_000 {
            0o040_000 => fs::create_dir(&path).unwrap(),
            _ => fs::write(&path, bytes).unwrap(),
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(mode & 0o7777)).unwrap();
    }
}

/// After a renewal that broke off: one further run, and everything is usable, old or new, with nothing left behind.
fn assert_recovers(config: &InitConfig, root: &Path, expected: &[(String, u32)], number: usize) {
    assert_whole(root, false, number);
    let again = Scratch::in_memory("again");
    copy(root, again.path());
    init(config, root, None).unwrap_or_else(|error| panic!("operation {number}: init: {}", chain(&error)));
    let (_, told) = renew_hooked(config, again.path(), None).err().unwrap_or((Code::FILE_IO, String::new()));
    assert_eq!(told, "", "operation {number}: renew");
    for root in [root, again.path()] {
        assert_whole(root, true, number);
        assert_eq!(names(root), expected, "operation {number}");
        assert_usable(config, root, now(), &format!("operation {number}"));
    }
}

#[test]
fn each_operation_of_a_renewal_that_fails_is_named_and_the_next_run_recovers() {
    let config = quick_config("seed");
    let fresh = Scratch::in_memory("fresh");
    init(&config, fresh.path(), None).unwrap();
    let expected = names(fresh.path());
    let mut number = 0;
    loop {
        let scratch = Scratch::in_memory("broken");
        copy(fresh.path(), scratch.path());
        let hook = At::new(number, false);
        let outcome = renew_hooked(&config, scratch.path(), Some(hook.clone()));
        let Some((op, path)) = hook.hit.lock().unwrap().clone() else {
            outcome.unwrap();
            break;
        };
        let (code, told) = outcome.unwrap_err();
        assert_eq!(code, Code::FILE_NO_SPACE, "{op:?} {path}: {told}");
        assert!(told.contains(&path) && told.contains(op.verb()), "{op:?} {path}: {told}");
        assert_recovers(&config, scratch.path(), &expected, number);
        number += 1;
    }
    assert!(number > 100, "only {number} operations were made to fail");
}

const CHILD: &str = "K8SBOOT_TEST_RENEWAL_DIES_BEFORE";

/// Does nothing unless the test below runs it as a process of its own.
#[test]
fn child_that_dies_renewing() {
    let Ok(order) = std::env::var(CHILD) else { return };
    let (number, root) = order.split_once(' ').unwrap();
    let hook = At::new(number.parse().unwrap(), true);
    renew_hooked(&quick_config("seed"), Path::new(root), Some(hook)).unwrap();
}

#[test]
fn a_renewal_killed_before_any_operation_never_leaves_a_mismatched_pair_for_good() {
    let config = quick_config("seed");
    let fresh = Scratch::in_memory("fresh");
    init(&config, fresh.path(), None).unwrap();
    let expected = names(fresh.path());
    let counted = Scratch::in_memory("counted");
    copy(fresh.path(), counted.path());
    let counter = At::new(usize::MAX, false);
    renew_hooked(&config, counted.path(), Some(counter.clone())).unwrap();
    let changing = counter.changing();
    assert!(changing.len() > 20, "only {} operations change something", changing.len());
    for_each_side_by_side(&changing, |number| {
        let scratch = Scratch::in_memory("killed");
        copy(fresh.path(), scratch.path());
        die_in_child("certs_flow::child_that_dies_renewing", CHILD, number, scratch.path());
        assert_recovers(&config, scratch.path(), &expected, number);
    });
}

/// Authorities whose keys never come near the tree.
struct Elsewhere(BTreeMap<String, Ca>);

impl Elsewhere {
    fn new(config: &InitConfig) -> Self {
        let specs = pki::control_plane(config).unwrap();
        let authorities = specs.iter().filter(|spec| spec.issuer.is_none());
        Self(with(|issuing| {
            authorities.map(|spec| (spec.name.clone(), Ca::self_signed(spec, issuing).unwrap())).collect()
        }))
    }

    /// Puts the authorities' certificates into the tree and signs every request that lies below `requests`.
    fn answer(&self, config: &InitConfig, root: &Path) {
        for spec in pki::control_plane(config).unwrap() {
            let path = root.join(PKI).join(&spec.path);
            match &spec.issuer {
                None => fs::write(path.with_extension("crt"), self.0[&spec.name].chain_pem()).unwrap(),
                Some(_) => self.sign(&spec, &path.display().to_string()),
            }
        }
        for spec in pki::kubeconfigs(config) {
            self.sign(&spec.client, &root.join("etc/kubernetes").join(spec.file).display().to_string());
        }
    }

    fn sign(&self, spec: &CertSpec, path: &str) {
        let request = fs::read_to_string(format!("{path}.csr")).unwrap();
        let ca = &self.0[spec.issuer.as_ref().unwrap()];
        let signed = with(|issuing| ca.sign_csr(&request, spec, issuing).unwrap());
        fs::write(format!("{path}.crt"), signed).unwrap();
    }
}

fn with<T>(work: impl FnOnce(&Issuing<'_>) -> T) -> T {
    let keys = RandomKeys::new(&System);
    work(&Issuing { keys: &keys, entropy: &System, now: now() })
}

fn request(config: &InitConfig, directory: Option<&str>, root: &Path) -> StageReport {
    let tree = Tree::open(root).unwrap();
    let seen = look(&tree, flow::requests_wanted(config, directory));
    let plan = flow::plan_requests(scope(config, true, now()), directory, &seen).unwrap();
    carry_out(&plan, &tree, now()).unwrap()
}

#[test]
fn requests_go_out_and_signed_certificates_come_back_in() {
    for case in ["seed", "external-etcd"] {
        let scratch = Scratch::new("requests");
        let config = quick_config(case);
        let out = request(&config, None, scratch.path());
        assert_eq!(out.steps.len(), if case == "seed" { 12 } else { 8 });
        for (name, (mode, _)) in snapshot(scratch.path()) {
            let file = name.ends_with(".csr") || name.ends_with(".key");
            assert!(file && mode & 0o7777 == 0o600 || mode & 0o040_000 != 0, "{name} {mode:o}");
        }
        let before = snapshot(scratch.path());
        // Asked again, nothing is made anew; a request that got lost is made for the key that is there.
        let lost = scratch.path().join("etc/kubernetes/admin.conf.csr");
        fs::remove_file(&lost).unwrap();
        let again = request(&config, None, scratch.path());
        assert_eq!(again.steps.len(), 1, "{again:?}");
        let key = "etc/kubernetes/admin.conf.key";
        assert_eq!(snapshot(scratch.path())[key], before[key]);

        let elsewhere = Elsewhere::new(&config);
        elsewhere.answer(&config, scratch.path());
        let brought = snapshot(scratch.path());
        init(&config, scratch.path(), None).unwrap_or_else(|error| panic!("{case}: {}", chain(&error)));
        assert_usable(&config, scratch.path(), now(), case);
        let after = snapshot(scratch.path());
        for (name, entry) in &brought {
            assert_eq!(&after[name], entry, "{case}: {name} is kept");
        }
        assert!(!after.keys().any(|name| name.ends_with("ca.key")), "{case}");
        for spec in pki::kubeconfigs(&config) {
            assert_eq!(after[&format!("etc/kubernetes/{}", spec.file)].0 & 0o7777, 0o600, "{case}");
        }
        let manager = read(scratch.path(), "etc/kubernetes/manifests/kube-controller-manager.yaml");
        assert!(manager.contains("--cluster-signing-key-file=\n"), "{case}: there is no key to sign with");
        assert_eq!(init(&config, scratch.path(), None).unwrap().changed(), 0, "{case}");
        // All is there: nothing is left to request.
        assert_eq!(request(&config, None, scratch.path()).steps.len(), 0, "{case}");
    }
}

#[test]
fn requests_can_go_to_a_directory_of_their_own() {
    let scratch = Scratch::new("directory");
    let config = quick_config("seed");
    assert_eq!(request(&config, Some("/csr"), scratch.path()).steps.len(), 12);
    for name in ["apiserver.csr", "etcd/server.csr", "etcd/server.key", "admin.conf.csr", "kubelet.conf.key"]
    {
        assert!(scratch.path().join("csr").join(name).is_file(), "{name}");
    }
    let before = snapshot(scratch.path());
    assert_eq!(request(&config, Some("/csr"), scratch.path()).steps.len(), 0);
    assert_eq!(snapshot(scratch.path()), before);
}

#[test]
fn what_comes_back_unfit_is_refused_and_nothing_changes() {
    type Spoil = fn(&InitConfig, &Path, &Elsewhere);
    let spoils: [(&str, Code, &str, Spoil); 6] = [
        ("another CA", Code::PKI_WRONG_CA, "/etc/kubernetes/admin.conf.crt", |config, root, _| {
            let client = pki::kubeconfigs(config).remove(0).client;
            let path = root.join("etc/kubernetes/admin.conf").display().to_string();
            Elsewhere::new(config).sign(&client, &path);
        }),
        ("another user", Code::PKI_SUBJECT, "/etc/kubernetes/admin.conf.crt", |config, root, elsewhere| {
            let spec = CertSpec::user("x", pki::Subject::named("mallory"), KeyAlgorithm::EcdsaP256);
            let key = KeyPair::from_pem(&secret(root, "etc/kubernetes/admin.conf.key")).unwrap();
            let issue =
                |issuing: &Issuing<'_>| elsewhere.0["ca"].issue_for_key(&spec, key.public_key(), issuing);
            let certificate = with(|issuing| issue(issuing).unwrap().to_pem());
            fs::write(root.join("etc/kubernetes/admin.conf.crt"), certificate).unwrap();
            let _ = config;
        }),
        (
            "another key",
            Code::PKI_CERTIFICATE_KEY_MISMATCH,
            "/etc/kubernetes/admin.conf.crt",
            |_, root, _| {
                let directory = root.join("etc/kubernetes");
                fs::copy(directory.join("scheduler.conf.key"), directory.join("admin.conf.key")).unwrap();
            },
        ),
        ("no key", Code::PKI_KEY_MISSING, "/etc/kubernetes/admin.conf.crt", |_, root, _| {
            fs::remove_file(root.join("etc/kubernetes/admin.conf.key")).unwrap();
        }),
        ("no certificate", Code::PLAN_UNUSABLE, "/etc/kubernetes/admin.conf", |_, root, _| {
            fs::remove_file(root.join("etc/kubernetes/admin.conf.crt")).unwrap();
        }),
        ("no server certificate", Code::PLAN_UNUSABLE, "/etc/kubernetes/pki/apiserver.crt", |_, root, _| {
            fs::remove_file(root.join(PKI).join("apiserver.crt")).unwrap();
        }),
    ];
    let config = quick_config("seed");
    let brought = Scratch::new("brought");
    request(&config, None, brought.path());
    let elsewhere = Elsewhere::new(&config);
    elsewhere.answer(&config, brought.path());
    for (what, code, path, spoil) in spoils {
        let scratch = Scratch::new("spoilt");
        copy(brought.path(), scratch.path());
        spoil(&config, scratch.path(), &elsewhere);
        let before = snapshot(scratch.path());
        let error = init(&config, scratch.path(), None).expect_err(what);
        assert_eq!(error.code(), code, "{what}: {}", chain(&error));
        let details = error.details();
        assert_eq!(details.path.as_deref(), Some(path), "{what}: {}", chain(&error));
        assert!(details.expected.is_some() && details.found.is_some() && details.remedy.is_some(), "{what}");
        assert_eq!(snapshot(scratch.path()), before, "{what}");
    }
}
