//! The Rust and the C API make the same node: certificates, kubeconfigs, manifests, plans, init.
#![cfg(feature = "host")]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::{
    collections::BTreeMap,
    ffi::{CString, c_char},
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    ptr,
};

use k8sboot::*;
use k8sboot_core::{
    blocking::wait,
    config::{Documents, InitConfig},
    entropy::System,
    exec::{self, Run, Tree},
    facts::NodeFacts,
    flow::{self, InitOptions, Selection},
    kubeconfig::{Kubeconfig, UserSpec, for_user},
    manifest::{
        self, PatchSet, RenderOptions,
        cluster::{self, ObjectInputs},
        kubelet,
    },
    pki::{self, Ca, CertClass, CertInfo, CertSpec, Issuing, KeyAlgorithm, RandomKeys},
    probe,
    secret::SecretBytes,
    time::Timestamp,
};
use serde_json::{Value, json};
use support::{
    Scratch,
    c::{Wrong, c, call, fixture, text, wrong},
};

const CASES: [&str; 6] = ["minimal", "seed", "ecdsa", "dualstack", "ha", "external-etcd"];

/// A tree by path: mode, and what does not differ from run to run.
type Snapshot = BTreeMap<String, (u32, Value)>;

trait Node {
    /// Certificate and key (PEM) of a new authority, and its pin.
    fn authority(&self, name: &str, algorithm: KeyAlgorithm) -> Result<[String; 3], Wrong>;
    /// What a certificate of the authority says that is issued for a name and an address.
    fn server(&self, ca: &[String; 3], name: &str, address: &str) -> Result<Value, Wrong>;
    /// Which problems a kubeconfig for a user has with an authority.
    fn user(&self, ca: &[String; 3], other: &[String; 3], name: &str) -> Result<Vec<String>, Wrong>;
    fn static_pod(&self, case: &str, component: &str) -> Result<String, Wrong>;
    fn kubelet_config(&self, case: &str) -> Result<String, Wrong>;
    fn images(&self, case: &str) -> Result<Vec<String>, Wrong>;
    fn objects(&self, case: &str, ca: &str, now: i64) -> Result<String, Wrong>;
    /// The plans of all stages.
    fn plans(&self, case: &str, root: &Path) -> Result<Vec<Value>, Wrong>;
    /// Init until a stage; the report.
    fn init(&self, case: &str, root: &Path, until: &str) -> Result<Value, Wrong>;
    /// The report of a renewal.
    fn renew(&self, root: &Path, name: &str) -> Result<Value, Wrong>;
    /// Names and missing ones of the report of expiry.
    fn ends(&self, root: &Path) -> Result<Vec<(String, bool)>, Wrong>;
}

/// A recorded configuration with keys that are made quickly.
fn documents(case: &str) -> String {
    let text = fixture(&format!("cases/{case}/config.yaml"));
    match text.contains("encryptionAlgorithm") {
        true => text,
        false => text.replace(
            "kind: ClusterConfiguration\n",
            "kind: ClusterConfiguration\nencryptionAlgorithm: ECDSA-P256\n",
        ),
    }
}

/// What of a certificate does not differ from run to run.
fn stable(info: &CertInfo) -> Value {
    json!({
        "subject": info.subject.to_string(), "issuer": info.issuer.to_string(), "dns": info.dns_names,
        "ip": info.ip_addresses, "usage": info.key_usage, "extended": info.ext_key_usage,
        "ca": info.is_ca, "key": info.key_algorithm,
        "days": (info.not_after.seconds() - info.not_before.seconds()) / 86_400,
    })
}

fn snapshot(root: &Path) -> Snapshot {
    let mut files = Snapshot::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
            let name = path.strip_prefix(root).unwrap().display().to_string();
            let content = if path.is_dir() {
                directories.push(path);
                json!("directory")
            } else {
                let text = fs::read_to_string(&path).unwrap();
                match name.rsplit('.').next().unwrap() {
                    "crt" => pki::inspect(&text).unwrap().iter().map(stable).collect(),
                    "key" | "pub" => json!(text.lines().next()),
                    "conf" => {
                        let kubeconfig = Kubeconfig::parse(&text).unwrap();
                        json!([kubeconfig.current().unwrap().cluster.server, kubeconfig.current_context])
                    }
                    _ => json!(text),
                }
            };
            files.insert(name, (mode, content));
        }
    }
    files
}

struct Rust;

fn proven(case: &str) -> Result<InitConfig, Wrong> {
    let documents = Documents::parse(&documents(case)).map_err(wrong)?;
    documents.into_init(&NodeFacts::named("host"), None).map_err(wrong)
}

fn issuing<T>(run: impl FnOnce(&Issuing<'_>) -> T) -> T {
    let now = Timestamp::from(std::time::SystemTime::now());
    run(&Issuing { keys: &RandomKeys::new(&System), entropy: &System, now })
}

fn read_ca(ca: &[String; 3]) -> Result<Ca, Wrong> {
    Ca::from_pem(&ca[0], &SecretBytes::from(ca[1].clone())).map_err(wrong)
}

impl Node for Rust {
    fn authority(&self, name: &str, algorithm: KeyAlgorithm) -> Result<[String; 3], Wrong> {
        let spec = pki::Policy::default().apply(CertSpec::authority("ca", name, algorithm)).map_err(wrong)?;
        let ca = issuing(|with| Ca::self_signed(&spec, with)).map_err(wrong)?;
        let key = ca.key().unwrap().to_pem().expose_str().unwrap().to_owned();
        let pin = k8sboot_core::token::CaPin::new(ca.pin()).to_string();
        Ok([ca.chain_pem(), key, pin])
    }

    fn server(&self, ca: &[String; 3], name: &str, address: &str) -> Result<Value, Wrong> {
        let spec = CertSpec {
            class: CertClass::Server,
            dns_names: vec![name.to_owned()],
            ip_addresses: vec![address.parse().unwrap()],
            not_before: pki::NotBefore::Backdated,
            ..CertSpec::user(name, pki::Subject::named(name), KeyAlgorithm::EcdsaP384)
        };
        let issued = issuing(|with| read_ca(ca)?.issue(&spec, with).map_err(wrong))?;
        Ok(stable(issued.certificate.info()))
    }

    fn user(&self, ca: &[String; 3], other: &[String; 3], name: &str) -> Result<Vec<String>, Wrong> {
        let user =
            UserSpec::new(name, "kubernetes", "https://192.0.2.1:6443").valid_for("1h".parse().unwrap());
        let kubeconfig = issuing(|with| for_user(&read_ca(ca)?, &user, with).map_err(wrong))?;
        let now = Timestamp::from(std::time::SystemTime::now());
        Ok(kubeconfig.verify(&other[0], now).into_iter().map(|finding| wrong(finding).1).collect())
    }

    fn static_pod(&self, case: &str, component: &str) -> Result<String, Wrong> {
        let pods = manifest::static_pods(&proven(case)?, &RenderOptions::default()).map_err(wrong)?;
        Ok(pods.iter().find(|pod| pod.component == component).unwrap().object.to_yaml())
    }

    fn kubelet_config(&self, case: &str) -> Result<String, Wrong> {
        kubelet::node_config_yaml(&proven(case)?, &PatchSet::none()).map_err(wrong)
    }

    fn images(&self, case: &str) -> Result<Vec<String>, Wrong> {
        Ok(manifest::images(&proven(case)?))
    }

    fn objects(&self, case: &str, ca: &str, now: i64) -> Result<String, Wrong> {
        k8sboot_core::token::CaPin::of_certificate_pem(ca).map_err(wrong)?;
        let inputs = ObjectInputs::new(ca, Timestamp::from_seconds(now));
        let objects = cluster::objects(&proven(case)?, &inputs).map_err(wrong)?;
        Ok(objects.iter().map(|staged| staged.object.to_yaml()).collect::<Vec<_>>().join("---\n"))
    }

    fn plans(&self, case: &str, root: &Path) -> Result<Vec<Value>, Wrong> {
        let mut flow =
            flow::init(proven(case)?, InitOptions::at(Timestamp::from(std::time::SystemTime::now())));
        let mut probe = probe::Host::new(Tree::create(root).map_err(wrong)?);
        let mut plans = Vec::new();
        while let Some(plan) = wait(flow.next_plan(&mut probe)).map_err(wrong)? {
            plans.push(json!([plan.to_json(), plan.to_text(), plan.diff(flow.facts()).files]));
        }
        Ok(plans)
    }

    fn init(&self, case: &str, root: &Path, until: &str) -> Result<Value, Wrong> {
        let until = Selection::default().until(until).map_err(wrong)?;
        let now = Timestamp::from(std::time::SystemTime::now());
        let flow = flow::init(proven(case)?, InitOptions::at(now)).select(until).map_err(wrong)?;
        let tree = Tree::create(root).map_err(wrong)?;
        let mut host = exec::Host::new(tree.clone());
        let report =
            wait(flow.run(&mut probe::Host::new(tree), &mut host, &Run::default())).map_err(wrong)?;
        Ok(report.to_json())
    }

    fn renew(&self, root: &Path, name: &str) -> Result<Value, Wrong> {
        let tree = Tree::open(root).map_err(wrong)?;
        let config = proven("minimal")?;
        let scope =
            flow::CertsScope { config: &config, authoritative: false, now: Timestamp::from_seconds(0) };
        let wanted = flow::certs_wanted(&config).map_err(wrong)?;
        let seen = probe::Host::new(tree.clone()).look(&wanted).map_err(wrong)?;
        let choice = flow::RenewChoice::Named(vec![name.to_owned()]);
        let plan = flow::plan_renewal(scope, &choice, &seen).map_err(wrong)?;
        let done =
            wait(flow::carry_out(&plan, &mut exec::Host::new(tree), &Run::default())).map_err(wrong)?;
        let mut report = flow::Report::default();
        report.stages.push(done);
        Ok(report.to_json())
    }

    fn ends(&self, root: &Path) -> Result<Vec<(String, bool)>, Wrong> {
        let config = proven("minimal")?;
        let now = Timestamp::from(std::time::SystemTime::now());
        let scope = flow::CertsScope { config: &config, authoritative: false, now };
        let wanted = flow::certs_wanted(&config).map_err(wrong)?;
        let seen = probe::Host::new(Tree::open(root).map_err(wrong)?).look(&wanted).map_err(wrong)?;
        Ok(ends(&flow::expiration(scope, &seen).map_err(wrong)?.to_json()))
    }
}

fn ends(report: &Value) -> Vec<(String, bool)> {
    let lines = ["certificates", "certificateAuthorities"].map(|list| report[list].as_array().unwrap());
    let lines = lines.into_iter().flatten();
    lines.map(|line| (line["name"].as_str().unwrap().to_owned(), line["missing"] == true)).collect()
}

struct C;

fn path(path: &Path) -> CString {
    c(path.to_str().unwrap())
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Lends the handle of a configuration.
fn with_config<T>(
    case: &str,
    run: impl FnOnce(&mut *mut k8sboot_config_t) -> Result<T, Wrong>,
) -> Result<T, Wrong> {
    let (documents, facts) = (c(&documents(case)), c(r#"{"hostname":"host"}"#));
    let mut config = ptr::null_mut();
    // SAFETY: live strings and writable outputs; what is left of the handle is freed once.
    unsafe {
        call(|err| {
            k8sboot_config_new(documents.as_ptr(), facts.as_ptr(), ptr::null(), &raw mut config, err)
        })?;
        let result = run(&mut config);
        k8sboot_config_free(config);
        result
    }
}

fn with_ca<T>(
    ca: &[String; 3],
    run: impl FnOnce(*const k8sboot_ca_t) -> Result<T, Wrong>,
) -> Result<T, Wrong> {
    let (certificate, key) = (c(&ca[0]), c(&ca[1]));
    let mut handle = ptr::null_mut();
    // SAFETY: live strings and writable outputs; the handle is freed once.
    unsafe {
        call(|err| k8sboot_ca_from_pem(certificate.as_ptr(), key.as_ptr(), &raw mut handle, err))?;
        let result = run(handle);
        k8sboot_ca_free(handle);
        result
    }
}

fn with_flow<T>(
    case: &str,
    root: &Path,
    until: &str,
    run: impl FnOnce(*mut k8sboot_flow_t) -> Result<T, Wrong>,
) -> Result<T, Wrong> {
    let (root, options) = (path(root), c(&json!({ "until": until }).to_string()));
    with_config(case, |config| {
        let mut flow = ptr::null_mut();
        // SAFETY: live strings, a live handle and writable outputs; the flow is freed once.
        unsafe {
            call(|err| k8sboot_init_new(config, root.as_ptr(), options.as_ptr(), &raw mut flow, err))?;
            assert!(config.is_null());
            let result = run(flow);
            k8sboot_flow_free(flow);
            result
        }
    })
}

// SAFETY (of every call below): live strings and handles, writable outputs; each output is freed once.
#[allow(clippy::undocumented_unsafe_blocks, reason = "said once, above")]
impl Node for C {
    fn authority(&self, name: &str, algorithm: KeyAlgorithm) -> Result<[String; 3], Wrong> {
        let spec = c(&json!({ "commonName": name, "algorithm": algorithm.name() }).to_string());
        let mut ca = ptr::null_mut();
        unsafe {
            call(|err| k8sboot_ca_new(spec.as_ptr(), &raw mut ca, err))?;
            let parts = [
                text(|out, err| k8sboot_ca_certificate(ca, out, err))?,
                text(|out, err| k8sboot_ca_key(ca, out, err))?,
                text(|out, err| k8sboot_ca_pin(ca, out, err))?,
            ];
            k8sboot_ca_free(ca);
            Ok(parts)
        }
    }

    fn server(&self, ca: &[String; 3], name: &str, address: &str) -> Result<Value, Wrong> {
        let spec = json!({
            "commonName": name, "usages": ["serverAuth"], "dnsNames": [name], "ipAddresses": [address],
            "algorithm": "ECDSA-P384",
        });
        let spec = c(&spec.to_string());
        with_ca(ca, |ca| unsafe {
            let mut key = ptr::null_mut();
            let certificate = text(|out, err| k8sboot_ca_issue(ca, spec.as_ptr(), out, &raw mut key, err))?;
            k8sboot_buf_free(key);
            Ok(stable(&pki::inspect(&certificate).unwrap()[0]))
        })
    }

    fn user(&self, ca: &[String; 3], other: &[String; 3], name: &str) -> Result<Vec<String>, Wrong> {
        let spec = json!({
            "name": name, "cluster": "kubernetes", "server": "https://192.0.2.1:6443", "validity": "1h",
        });
        let (spec, other) = (c(&spec.to_string()), c(&other[0]));
        let kubeconfig = with_ca(ca, |ca| unsafe {
            text(|out, err| k8sboot_kubeconfig_user(ca, spec.as_ptr(), out, err))
        })?;
        let kubeconfig = c(&kubeconfig);
        let report = text(|out, err| unsafe {
            k8sboot_kubeconfig_check(kubeconfig.as_ptr(), other.as_ptr(), out, err)
        })?;
        let findings = parsed(&report)["findings"].as_array().unwrap().clone();
        Ok(findings.iter().map(|finding| finding["message"].as_str().unwrap().to_owned()).collect())
    }

    fn static_pod(&self, case: &str, component: &str) -> Result<String, Wrong> {
        let component = c(component);
        with_config(case, |config| unsafe {
            text(|out, err| k8sboot_manifest_static_pod(*config, component.as_ptr(), out, err))
        })
    }

    fn kubelet_config(&self, case: &str) -> Result<String, Wrong> {
        with_config(case, |config| unsafe {
            text(|out, err| k8sboot_manifest_kubelet_config(*config, out, err))
        })
    }

    fn images(&self, case: &str) -> Result<Vec<String>, Wrong> {
        let list = with_config(case, |config| unsafe {
            text(|out, err| k8sboot_manifest_images(*config, out, err))
        })?;
        Ok(serde_json::from_str(&list).unwrap())
    }

    fn objects(&self, case: &str, ca: &str, now: i64) -> Result<String, Wrong> {
        let ca = c(ca);
        with_config(case, |config| unsafe {
            text(|out, err| k8sboot_manifest_objects(*config, ca.as_ptr(), now, out, err))
        })
    }

    fn plans(&self, case: &str, root: &Path) -> Result<Vec<Value>, Wrong> {
        with_flow(case, root, "addons", |flow| unsafe {
            let mut plans = Vec::new();
            loop {
                let mut plan = ptr::null_mut();
                call(|err| k8sboot_flow_next_plan(flow, &raw mut plan, err))?;
                if plan.is_null() {
                    return Ok(plans);
                }
                let json = parsed(&text(|out, err| k8sboot_plan_json(plan, out, err))?);
                let lines = text(|out, err| k8sboot_plan_text(plan, out, err))?;
                let diff = parsed(&text(|out, err| k8sboot_plan_diff(plan, out, err))?);
                plans.push(json!([json, lines, diff["files"]]));
                k8sboot_plan_free(plan);
            }
        })
    }

    fn init(&self, case: &str, root: &Path, until: &str) -> Result<Value, Wrong> {
        with_flow(case, root, until, |flow| unsafe {
            Ok(parsed(&text(|out, err| k8sboot_flow_run(flow, ptr::null(), out, err))?))
        })
    }

    fn renew(&self, root: &Path, name: &str) -> Result<Value, Wrong> {
        let (root, name) = (path(root), c(name));
        let names: [*const c_char; 1] = [name.as_ptr()];
        let mut plan = ptr::null_mut();
        unsafe {
            call(|err| {
                k8sboot_certs_renew(root.as_ptr(), ptr::null(), names.as_ptr(), 1, &raw mut plan, err)
            })?;
            Ok(parsed(&text(|out, err| k8sboot_plan_apply(&raw mut plan, ptr::null(), out, err))?))
        }
    }

    fn ends(&self, root: &Path) -> Result<Vec<(String, bool)>, Wrong> {
        let root = path(root);
        let report =
            text(|out, err| unsafe { k8sboot_certs_expiration(root.as_ptr(), ptr::null(), out, err) })?;
        Ok(ends(&parsed(&report)))
    }
}

/// The same calls on both; the answers, including codes and messages of failures, must be the same.
fn same<T: PartialEq + std::fmt::Debug>(call: impl Fn(&dyn Node) -> Result<T, Wrong>) -> Result<T, Wrong> {
    let (rust, c) = (call(&Rust), call(&C));
    assert_eq!(rust, c);
    c
}

#[test]
fn authorities_issue_and_refuse_alike() {
    for algorithm in [KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384] {
        let [certificate, _, pin] = Rust.authority("kubernetes", algorithm).unwrap();
        assert_eq!(pki::inspect(&certificate).unwrap()[0].pin, pin);
        let describe = |node: &dyn Node| {
            let made = node.authority("kubernetes", algorithm)?;
            let info = &pki::inspect(&made[0]).unwrap()[0];
            assert_eq!(info.pin, made[2]);
            Ok((stable(info), made[1].lines().next().unwrap().to_owned()))
        };
        same(describe).unwrap();
    }
    assert!(same(|node| node.authority("kubernetes", KeyAlgorithm::Ed25519)).is_err());
    let ca = C.authority("kubernetes", KeyAlgorithm::EcdsaP256).unwrap();
    let other = Rust.authority("kubernetes", KeyAlgorithm::EcdsaP256).unwrap();
    let issued = same(|node| node.server(&ca, "api.example", "192.0.2.1")).unwrap();
    assert_eq!(issued["dns"], json!(["api.example"]));
    let mixed = [ca[0].clone(), other[1].clone(), String::new()];
    assert!(same(|node| node.server(&mixed, "a", "::1")).is_err());
    assert!(same(|node| node.server(&ca, "a b", "::1")).is_err());
    assert_eq!(same(|node| node.user(&ca, &ca, "jane")).unwrap().len(), 0);
    assert!(!same(|node| node.user(&ca, &other, "jane")).unwrap().is_empty());
    assert!(same(|node| node.user(&ca, &ca, "")).is_err());
}

#[test]
fn manifests_and_objects_are_alike() {
    let [ca, ..] = Rust.authority("kubernetes", KeyAlgorithm::EcdsaP256).unwrap();
    for case in CASES {
        let pod = same(|node| node.static_pod(case, "kube-scheduler")).unwrap();
        assert!(pod.contains("name: kube-scheduler"), "{case}");
        assert!(same(|node| node.kubelet_config(case)).unwrap().contains("KubeletConfiguration"), "{case}");
        assert!(same(|node| node.images(case)).unwrap().len() >= 6, "{case}");
        let objects = same(|node| node.objects(case, &ca, 1_795_402_922)).unwrap();
        assert!(objects.matches("\n---\n").count() > 20, "{case}");
    }
    assert!(same(|node| node.objects("minimal", "", 0)).is_err());
}

#[test]
fn init_plans_and_makes_the_same_tree() {
    for case in CASES {
        let (rust, c) = (Scratch::new("parity-rust"), Scratch::new("parity-c"));
        assert_eq!(
            same(|node| node.plans(case, rust.path())).unwrap().len(),
            flow::INIT_STAGES.len(),
            "{case}"
        );
        let report = Rust.init(case, rust.path(), "kubelet").unwrap();
        assert_eq!(C.init(case, c.path(), "kubelet").unwrap(), report, "{case}");
        assert!(report["changed"].as_u64().unwrap() > 15, "{case}");
        assert_eq!(snapshot(c.path()), snapshot(rust.path()), "{case}");
        assert_eq!(same(|node| node.init(case, c.path(), "kubelet")).unwrap()["changed"], 0, "{case}");
        assert!(!same(|node| node.ends(c.path())).unwrap().is_empty(), "{case}");
    }
}

#[test]
fn renewals_change_the_same_and_wrong_trees_are_refused_alike() {
    let scratch = Scratch::new("parity-renew");
    C.init("minimal", scratch.path(), "kubelet").unwrap();
    for name in ["apiserver", "admin.conf"] {
        assert_eq!(same(|node| node.renew(scratch.path(), name)).unwrap()["changed"], 1, "{name}");
    }
    assert!(same(|node| node.renew(scratch.path(), "kubelet.conf")).is_err());
    assert!(same(|node| node.init("minimal", scratch.path(), "certs")).is_err());
    // A stage that a build without the cluster side does not carry out, on a tree that is complete.
    if cfg!(not(feature = "api")) {
        assert!(same(|node| node.init("minimal", scratch.path(), "wait-control-plane")).is_err());
    }
    fs::write(scratch.path().join("etc/kubernetes/pki/ca.crt"), "damaged").unwrap();
    assert!(same(|node| node.init("minimal", scratch.path(), "kubelet")).is_err());
    assert!(same(|node| node.ends(scratch.path())).is_err());
    assert!(same(|node| node.ends(Path::new("/nonexistent"))).is_err());
}
