//! Discovery against a real control plane, whose controller manager signs.

use std::{
    fs,
    io::Write as _,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use k8sboot_core::{
    api::{ApplyOptions, Client, ClusterTokens, DiscoverOptions, Resource, discover, join_bundle},
    discovery::{Cause, Discovered, Discovery, DiscoveryError, Endpoint, Seal},
    entropy::System,
    error::{Code, Problem as _},
    exec::{DiscoveryServer, Event, Observer, Run, ServeLimits},
    flow::{InitOptions, cluster_objects},
    kubeconfig::Kubeconfig,
    secret::SecretBytes,
    time::GoDuration,
    token::{BootstrapToken, CaPin, TokenSpec, Ttl},
};

use super::token;
use crate::{
    cluster::{ControlPlane, found, real_now},
    tree::quick_text,
};

const SERVER: &str = "https://192.0.2.10:6443";
const DEAD: &str = "192.0.2.10:9";

/// Keeps what it is told.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Observer for Notes {
    fn event(&self, event: &Event<'_>) {
        if let Event::Note { text, .. } = event {
            self.0.lock().unwrap().push((*text).to_owned());
        }
    }
}

fn quick() -> DiscoverOptions {
    DiscoverOptions::default().timeout(Duration::from_secs(20)).patience(Duration::from_millis(600))
}

fn at(endpoints: &[&str]) -> Vec<Endpoint> {
    endpoints.iter().map(|endpoint| endpoint.parse().unwrap()).collect()
}

fn ask(
    control_plane: &ControlPlane,
    discovery: &Discovery,
    options: &DiscoverOptions,
) -> Result<Discovered, DiscoveryError> {
    control_plane.inside(|| discover(discovery, options, &Run::default()))
}

fn failed(outcome: Result<Discovered, DiscoveryError>) -> Cause {
    let error = outcome.unwrap_err();
    assert!(!error.to_string().contains("0123456789abcdef"), "{error}");
    error.cause().unwrap_or_else(|| panic!("{error}")).clone()
}

/// Creates the objects of a stage of init.
fn create(control_plane: &ControlPlane, client: &Client, wanted: &str) {
    let ca = control_plane.read("/etc/kubernetes/pki/ca.crt");
    let objects = cluster_objects(control_plane.config(), &InitOptions::at(real_now()), &ca).unwrap();
    for (stage, object) in objects {
        if stage == wanted {
            let resource = Resource::of(object.key()).unwrap();
            client.apply(resource, &object, &ApplyOptions::new("k8sboot")).unwrap();
        }
    }
}

#[test]
fn a_node_finds_a_real_cluster_by_its_token_and_every_cause_is_told_from_the_others() {
    let Some(control_plane) = ControlPlane::start(&quick_text("minimal")) else { return };
    let client = control_plane.client();
    let ca_pem = control_plane.read("/etc/kubernetes/pki/ca.crt");
    let pins = CaPin::of_certificate_pem(&ca_pem).unwrap();
    let by_token = |endpoints: &[&str]| Discovery::token(token(), at(endpoints), pins.clone()).unwrap();
    let here = by_token(&["192.0.2.10:6443"]);

    // Nothing there yet but the rights of administrators, and strangers have none.
    create(&control_plane, &client, "wait-control-plane");
    let cause = failed(ask(&control_plane, &here, &quick()));
    assert!(matches!(&cause, Cause::Anonymous { code: 403, .. }), "{cause}");
    assert!(cause.to_string().contains("join bundle"), "{cause}");

    // Everything there but the signature, which takes as long as the controller manager does.
    control_plane.pause("kube-controller-manager");
    create(&control_plane, &client, "bootstrap-token");
    let cause = failed(ask(&control_plane, &here, &quick().timeout(Duration::from_secs(1))));
    assert!(matches!(&cause, Cause::NotSigned { id, .. } if id == "abcdef"), "{cause}");
    let unknown =
        Discovery::token("zzzzzz.0123456789abcdef".parse().unwrap(), at(&["192.0.2.10:6443"]), pins.clone());
    let cause = failed(ask(&control_plane, &unknown.unwrap(), &quick()));
    assert!(matches!(&cause, Cause::Refused { who, .. } if who == "token zzzzzz"), "{cause}");
    waits_for_the_signature(&control_plane, &client, &here);

    let found = ask(&control_plane, &here, &quick()).unwrap();
    assert_eq!((found.server(), found.ca_pem()), (SERVER, ca_pem.as_str()));
    assert_eq!(found.warnings(), [""; 0]);
    let bootstrap = found.bootstrap_kubeconfig(found.server());
    assert_eq!(bootstrap.current_context, "tls-bootstrap-token-user@kubernetes");

    let part = |name: &str, work: &dyn Fn()| {
        let began = Instant::now();
        work();
        eprintln!("{name}: {:.1} s", began.elapsed().as_secs_f64());
    };
    part("wrong tokens and pins", &|| wrong_tokens_and_pins(&control_plane, &pins));
    part("dead and live endpoints", &|| dead_and_live_endpoints(&control_plane, &by_token));
    part("expired tokens", &|| expired_tokens(&control_plane, &client, &pins));
    part("kubeconfigs", &|| kubeconfigs(&control_plane, &ca_pem));
    part("kubeadm", &|| kubeadm(&control_plane, &client, &pins));
    part("served", &|| served(&control_plane, &client, &pins));
    part("without strangers", &|| without_strangers(&control_plane, &pins));
}

/// A signature is seen soon after it is there, and the wait is told.
fn waits_for_the_signature(control_plane: &ControlPlane, client: &Client, discovery: &Discovery) {
    let notes = Arc::new(Notes::default());
    let run = Run { observer: notes.clone(), ..Run::default() };
    thread::scope(|scope| {
        let found = scope.spawn(|| {
            let outcome = control_plane.inside(|| discover(discovery, &quick(), &run));
            (outcome.map(|_| ()), Instant::now())
        });
        thread::sleep(Duration::from_millis(700));
        assert!(!found.is_finished());
        control_plane.resume("kube-controller-manager");
        let signed = loop {
            let info =
                client.get(&Resource::CONFIG_MAPS, Some("kube-public"), "cluster-info").unwrap().unwrap();
            if info.as_value()["data"].get("jws-kubeconfig-abcdef").is_some() {
                break Instant::now();
            }
            thread::sleep(Duration::from_millis(5));
        };
        let (outcome, ended) = found.join().unwrap();
        outcome.unwrap();
        let late = ended.saturating_duration_since(signed);
        eprintln!("a signature was seen and verified {} ms after it was there", late.as_millis());
        assert!(late < Duration::from_secs(30), "{late:?}");
    });
    let notes = notes.0.lock().unwrap();
    assert!(notes.iter().any(|note| note.contains("not signed by token abcdef")), "{notes:?}");
}

fn wrong_tokens_and_pins(control_plane: &ControlPlane, pins: &[CaPin]) {
    let endpoints = || at(&["192.0.2.10:6443"]);
    let discovery = |token: &str, pins: &[CaPin]| {
        Discovery::token(token.parse().unwrap(), endpoints(), pins.to_vec()).unwrap()
    };
    let began = Instant::now();
    let other = CaPin::new([7; 32]);
    for (token, pins, want) in [
        ("abcdef.0123456789abcdee", pins, Code::DISCOVERY_SIGNATURE),
        ("abcdef.0123456789abcdef", &[other][..], Code::DISCOVERY_PIN_MISMATCH),
        ("zzzzzz.0123456789abcdef", &[other][..], Code::DISCOVERY_PIN_MISMATCH),
        // The CA is pinned, so that the cluster itself could be asked about the token.
        ("zzzzzz.0123456789abcdef", pins, Code::DISCOVERY_UNKNOWN_TOKEN),
    ] {
        let error = ask(control_plane, &discovery(token, pins), &quick()).unwrap_err();
        assert_eq!(error.code(), want, "{error}");
        assert!(!error.to_string().contains("0123456789abcde"), "{error}");
    }
    let unknown = discovery("zzzzzz.0123456789abcdef", pins);
    for (options, told) in [(quick(), Some(false)), (quick().check_credentials(false), None)] {
        let cause = failed(ask(control_plane, &unknown, &options));
        let Cause::UnknownToken { others, accepted, .. } = &cause else { panic!("{cause}") };
        assert_eq!((others.as_slice(), *accepted), (&["abcdef".to_owned()][..], told), "{cause}");
    }
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());

    // Two pins, of which one is right, as in a rotation; and none at all, if one insists.
    let both = [&[other], pins].concat();
    ask(control_plane, &discovery("abcdef.0123456789abcdef", &both), &quick()).unwrap();
    let unsafely = Discovery::token_unsafe_skip_ca_verification(token(), endpoints()).unwrap();
    ask(control_plane, &unsafely, &quick()).unwrap();

    // In twenty years the CA has ended: with the server's clock beside it, it is a matter of clocks.
    let later = real_now().plus(GoDuration::from_seconds(20 * 365 * 86_400));
    let options = quick().now(later);
    let cause = failed(ask(control_plane, &discovery("abcdef.0123456789abcdef", pins), &options));
    let Cause::Clock { local, server, .. } = &cause else { panic!("{cause}") };
    assert_eq!(*local, later);
    assert!(server.seconds().abs_diff(real_now().seconds()) < 60, "{cause}");
}

/// Two and three endpoints, alive and dead in every combination and order.
fn dead_and_live_endpoints(control_plane: &ControlPlane, by_token: &(dyn Fn(&[&str]) -> Discovery + Sync)) {
    let silent = control_plane.inside(|| std::net::TcpListener::bind("192.0.2.10:10").unwrap());
    let garbage = control_plane.inside(|| std::net::TcpListener::bind("192.0.2.10:11").unwrap());
    thread::spawn(move || {
        for stream in garbage.incoming() {
            let _ = stream.unwrap().write_all(b"SSH-2.0-OpenSSH_9.2 and more than a header\r\n");
        }
    });
    let live = "192.0.2.10:6443";
    let kinds = [live, DEAD, "192.0.2.10:10", "192.0.2.10:11"];
    let mut combinations: Vec<Vec<&str>> = Vec::new();
    for first in kinds {
        for second in kinds.into_iter().filter(|second| *second != first) {
            combinations.push(vec![first, second]);
            let others = kinds.into_iter().filter(|third| ![first, second].contains(third));
            combinations.extend(others.map(|third| vec![first, second, third]));
        }
    }
    assert_eq!(combinations.len(), 36);
    let (alive, dead): (Vec<_>, Vec<_>) = combinations.into_iter().partition(|names| names.contains(&live));
    let options = quick().patience(Duration::from_millis(300)).attempt(Duration::from_secs(1));
    for names in &alive {
        let began = Instant::now();
        let found = ask(control_plane, &by_token(names), &options).unwrap();
        assert_eq!(found.server(), SERVER, "{names:?}");
        assert!(began.elapsed() < Duration::from_secs(30), "{names:?} took {:?}", began.elapsed());
    }
    let told = |names: &[&str]| {
        let began = Instant::now();
        let error = ask(control_plane, &by_token(names), &options).unwrap_err();
        assert_eq!(error.failures().len(), names.len(), "{error}");
        for (failure, name) in error.failures().iter().zip(names) {
            assert_eq!(failure.endpoint, format!("https://{name}"));
            let right = match &failure.cause {
                Cause::Unreachable { .. } => name.ends_with(":9"),
                Cause::Silent { .. } => name.ends_with(":10"),
                Cause::Answer { .. } => name.ends_with(":11"),
                _ => false,
            };
            assert!(right, "{failure}");
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{names:?} took {:?}", began.elapsed());
    };
    thread::scope(|scope| dead.iter().for_each(|names| drop(scope.spawn(|| told(names)))));
    drop(silent);
}

/// A token is good until it expires, and then it is refused.
fn expired_tokens(control_plane: &ControlPlane, client: &Client, pins: &[CaPin]) {
    let token: BootstrapToken = "expire.0123456789abcdef".parse().unwrap();
    let mut spec = TokenSpec::new(token.clone());
    spec.ttl = Ttl::For(GoDuration::from_seconds(4));
    client.create(&Resource::SECRETS, &spec.to_secret(real_now()).unwrap()).unwrap();
    let discovery = Discovery::token(token, at(&["192.0.2.10:6443"]), pins.to_vec()).unwrap();
    ask(control_plane, &discovery, &quick().patience(Duration::from_secs(3))).unwrap();
    thread::sleep(Duration::from_secs(4));
    // The signature is gone at once; the API server remembers for some seconds whom it knew.
    let cause = failed(ask(control_plane, &discovery, &quick()));
    let Cause::UnknownToken { id, accepted: Some(_), .. } = &cause else { panic!("{cause}") };
    assert_eq!(id, "expire");
}

/// kubeadm's own client finds the cluster that this library made, where kubeadm is there.
fn kubeadm(control_plane: &ControlPlane, client: &Client, pins: &[CaPin]) {
    if !found("kubeadm") {
        eprintln!("left out: kubeadm's own discovery: kubeadm is not on PATH");
        return;
    }
    ["upload-config", "addons"].iter().for_each(|stage| create(control_plane, client, stage));
    let join = |token: &str, pin: &CaPin| {
        let mut command = control_plane.machine().command("kubeadm");
        command.args([
            "join",
            "phase",
            "preflight",
            "192.0.2.10:6443",
            "--v=1",
            "--ignore-preflight-errors=all",
        ]);
        command.args([
            "--token",
            token,
            "--discovery-token-ca-cert-hash",
            &pin.to_string(),
            "--node-name=worker-1",
        ]);
        let out = command.output().unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        (out.status.success(), said)
    };
    let (right, said) = join("abcdef.0123456789abcdef", &pins[0]);
    assert!(right && said.contains("TLS certificate validates against pinned roots"), "{said}");
    for (token, pin) in
        [("abcdef.0123456789abcdee", pins[0]), ("abcdef.0123456789abcdef", CaPin::new([7; 32]))]
    {
        let (right, said) = join(token, &pin);
        assert!(!right, "{said}");
    }
}

fn kubeconfigs(control_plane: &ControlPlane, ca_pem: &str) {
    // A file with credentials of its own, which are kept, and one without.
    let root = control_plane.root();
    let admin = root.join("etc/kubernetes/admin.conf");
    let by_file = |path: &std::path::Path| Discovery::File { path: path.to_str().unwrap().to_owned() };
    let found = ask(control_plane, &by_file(&admin), &quick()).unwrap();
    assert_eq!((found.server(), found.user_name()), (SERVER, "kubernetes-admin"));
    assert!(found.user().client_key.is_some());
    let with_token = quick().tls_bootstrap_token(token());
    let found = ask(control_plane, &by_file(&admin), &with_token).unwrap();
    assert_eq!(found.user_name(), "tls-bootstrap-token-user");

    let bare = root.join("discovery.conf");
    let text = |server: &str, file: &str| {
        format!(
            "apiVersion: v1\nkind: Config\nclusters:\n- name: \"\"\n  cluster:\n    server: {server}\n    certificate-authority: {file}\n"
        )
    };
    fs::write(&bare, text(SERVER, "etc/kubernetes/pki/ca.crt")).unwrap();
    assert!(matches!(ask(control_plane, &by_file(&bare), &quick()), Err(DiscoveryError::Credentials)));
    let found = ask(control_plane, &by_file(&bare), &with_token).unwrap();
    assert_eq!(found.ca_pem(), ca_pem);
    let wrong = quick().tls_bootstrap_token("zzzzzz.0123456789abcdef".parse().unwrap());
    let cause = failed(ask(control_plane, &by_file(&bare), &wrong));
    assert!(matches!(cause, Cause::Refused { .. }), "{cause}");

    // Another CA: the server is not believed.
    fs::write(&bare, text(SERVER, "etc/kubernetes/pki/etcd/ca.crt")).unwrap();
    let cause = failed(ask(control_plane, &by_file(&bare), &with_token));
    assert!(
        matches!(&cause, Cause::Certificate { problem, .. } if problem.contains("not trusted")),
        "{cause}"
    );
    fs::write(&bare, text("https://192.0.2.10:9", "etc/kubernetes/pki/ca.crt")).unwrap();
    let cause = failed(ask(control_plane, &by_file(&bare), &with_token));
    assert!(matches!(cause, Cause::Unreachable { .. }), "{cause}");

    let inline = Kubeconfig::parse(&control_plane.read("/etc/kubernetes/admin.conf")).unwrap();
    let inline = Discovery::Inline { kubeconfig: Box::new(inline) };
    assert_eq!(ask(control_plane, &inline, &quick()).unwrap().server(), SERVER);
}

/// The discovery endpoint over the real tokens of the cluster.
fn served(control_plane: &ControlPlane, client: &Client, pins: &[CaPin]) {
    let tokens = ClusterTokens::new(client.clone());
    let server = control_plane
        .inside(|| DiscoveryServer::start("192.0.2.10:9898", tokens, ServeLimits::default()))
        .unwrap();
    let discovery = |token: &str| {
        Discovery::token(token.parse().unwrap(), at(&["http://192.0.2.10"]), pins.to_vec()).unwrap()
    };
    let found = ask(control_plane, &discovery("abcdef.0123456789abcdef"), &quick()).unwrap();
    assert_eq!(found.server(), SERVER);
    let cause = failed(ask(control_plane, &discovery("abcdef.0123456789abcdee"), &quick()));
    assert!(matches!(cause, Cause::Signature { .. }), "{cause}");
    let cause = failed(ask(control_plane, &discovery("expire.0123456789abcdef"), &quick()));
    assert!(matches!(cause, Cause::UnknownToken { .. }), "{cause}");
    server.stop();
    let cause = failed(ask(control_plane, &discovery("abcdef.0123456789abcdef"), &quick()));
    assert!(matches!(cause, Cause::Unreachable { .. }), "{cause}");
}

/// An API server that answers no strangers: told as that, and found by a bundle and by the discovery endpoint.
fn without_strangers(control_plane: &ControlPlane, pins: &[CaPin]) {
    let client = control_plane.client_of("admin.conf");
    let bundle = join_bundle(&client, &token(), real_now().plus_seconds(3600)).unwrap();
    let seal = Seal::key(&SecretBytes::new(vec![9; 32])).unwrap();
    let text = bundle.seal(&seal, &System).unwrap();

    let manifest = control_plane.root().join("etc/kubernetes/manifests/kube-apiserver.yaml");
    let pod = fs::read_to_string(&manifest).unwrap();
    let pod = pod.replace(
        "    - --allow-privileged=true\n",
        "    - --allow-privileged=true\n    - --anonymous-auth=false\n",
    );
    assert!(pod.contains("anonymous-auth"));
    fs::write(&manifest, pod).unwrap();
    control_plane.restart("kube-apiserver");
    // Its probes are strangers too.
    let until = Instant::now() + Duration::from_secs(60);
    while client.call(k8sboot_core::api::Method::Get, "/readyz", None).is_err() {
        assert!(Instant::now() < until, "the API server is not ready");
        thread::sleep(Duration::from_millis(50));
    }

    let by_token = Discovery::token(token(), at(&["192.0.2.10:6443"]), pins.to_vec()).unwrap();
    let cause = failed(ask(control_plane, &by_token, &quick()));
    assert!(matches!(&cause, Cause::Anonymous { code: 401, .. }), "{cause}");
    let by_bundle = Discovery::Bundle { text, seal };
    assert_eq!(ask(control_plane, &by_bundle, &quick()).unwrap().server(), SERVER);
    let tokens = ClusterTokens::new(client);
    let _server = control_plane
        .inside(|| DiscoveryServer::start("192.0.2.10:9898", tokens, ServeLimits::default()))
        .unwrap();
    let by_both =
        Discovery::token(token(), at(&["192.0.2.10:6443", "http://192.0.2.10"]), pins.to_vec()).unwrap();
    assert_eq!(ask(control_plane, &by_both, &quick()).unwrap().server(), SERVER);
}
