//! kubeconfigs against the files of real kubeadm and kubelet, and against kubectl.

use std::{
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use k8sboot_core::{
    error::{Code, Problem},
    kubeconfig::{Cluster, Context, CurrentContext, Kubeconfig, Source, User},
    secret::SecretBytes,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::{fixture, fixture_json};

/// Strings that change their type or their lines if a writer does not quote them as Go does.
const AWKWARD: [&str; 22] = [
    "yes",
    "no",
    "on",
    "off",
    "n",
    "y",
    "1_000",
    "0644",
    "0x1f",
    "1e3",
    "12",
    "~",
    "null",
    "a: b",
    "#x",
    "- a",
    "é",
    "a#b",
    "{a}",
    "*a",
    "two\nlines",
    "trailing ",
];

fn ca_pem() -> String {
    fixture_json("vectors/ca-pin.json")["pem"].as_str().unwrap().to_owned()
}

fn yaml(config: &Kubeconfig) -> String {
    config.to_yaml().expose_str().unwrap().to_owned()
}

fn awkward() -> Kubeconfig {
    let mut config = Kubeconfig::default();
    for name in AWKWARD {
        config.clusters.insert(name.to_owned(), Cluster::new(&format!("https://{name}"), "PEM\n"));
        let user = User { token: Some(SecretBytes::from(name.to_owned())), ..User::default() };
        config.users.insert(name.to_owned(), user);
        let context =
            Context { cluster: name.into(), user: name.into(), namespace: name.into(), ..Context::default() };
        config.contexts.insert(name.to_owned(), context);
    }
    config.current_context = "yes".to_owned();
    config
}

/// What kubectl makes of a kubeconfig, or `None` if there is no kubectl here.
fn kubectl(text: &str, arguments: &[&str]) -> Option<String> {
    static FILES: AtomicU32 = AtomicU32::new(0);
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let file = std::env::temp_dir().join(format!("k8sboot-kubeconfig-{}-{number}", std::process::id()));
    std::fs::write(&file, text).unwrap();
    let result = Command::new("kubectl").arg("--kubeconfig").arg(&file).args(arguments).output();
    std::fs::remove_file(&file).unwrap();
    match result {
        Ok(output) => {
            assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
            Some(String::from_utf8(output.stdout).unwrap())
        }
        Err(error) if std::env::var_os("CI").is_none() => {
            eprintln!("skipped: kubectl: {error}");
            None
        }
        Err(error) => panic!("kubectl: {error}"),
    }
}

#[test]
fn the_bootstrap_kubeconfig_is_the_one_that_kubeadm_join_writes() {
    for (case, server) in
        [("worker", "https://api.join.example.internal:6443"), ("control-plane", "https://10.47.217.92:6443")]
    {
        let golden = fixture(&format!("join/{case}/bootstrap-kubelet.conf"))
            .replace("<CA_DATA>", &STANDARD.encode(ca_pem()));
        let token = SecretBytes::from("2e7da9.7fc5668ff26430c7".to_owned());
        let made = Kubeconfig::with_token("kubernetes", server, &ca_pem(), "tls-bootstrap-token-user", token);
        assert_eq!(yaml(&made), golden, "{case}");
    }
}

#[test]
fn the_kubelets_own_kubeconfig_comes_back_byte_for_byte() {
    let golden = fixture("join/worker/kubelet.conf").replace("<CA_DATA>", &STANDARD.encode(ca_pem()));
    let config = Kubeconfig::parse(&golden).unwrap();
    assert_eq!(yaml(&config), golden);
    let current = config.current().unwrap();
    assert_eq!((current.name, current.context.namespace.as_str()), ("default-context", "default"));
    let files = config.file_references();
    assert_eq!(
        files.iter().map(|file| file.field.as_str()).collect::<Vec<_>>(),
        [r#"users["default-auth"].user.client-certificate"#, r#"users["default-auth"].user.client-key"#]
    );
    assert!(files.iter().all(|file| file.path == "/var/lib/kubelet/pki/kubelet-client-current.pem"));
}

#[test]
fn client_certificate_kubeconfigs_have_kubeadms_names_and_keys() {
    let golden = &fixture_json("cases/ha/kubeconfigs.json")["admin.conf"];
    let key = SecretBytes::from("KEY\n".to_owned());
    let server = golden["clusters"][0]["server"].as_str().unwrap();
    let made =
        Kubeconfig::client_certificate("ha-cluster", server, &ca_pem(), "kubernetes-admin", "CERT\n", &key);
    let text = yaml(&made);
    let top: Vec<_> = text.lines().filter(|line| !line.starts_with([' ', '-'])).collect();
    let keys: Vec<_> = top.iter().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(serde_json::json!(keys), golden["top_level_keys_in_order"]);
    let context = &golden["contexts"][0];
    let current = made.current().unwrap();
    assert_eq!(Value::from(current.name), golden["current_context"]);
    assert_eq!(Value::from(current.context.cluster.as_str()), context["cluster"]);
    assert_eq!(Value::from(current.context.user.as_str()), context["user"]);
    assert!(text.ends_with(
        "- name: kubernetes-admin\n  user:\n    client-certificate-data: Q0VSVAo=\n    client-key-data: S0VZCg==\n"
    ));
}

#[test]
fn kubectl_reads_what_we_write_and_writes_the_same_bytes() {
    let full = r#"
apiVersion: v1
kind: Config
clusters:
- name: b
  cluster: {server: "https://b:1", certificate-authority-data: UEVNCg==, proxy-url: "http://p:1", tls-server-name: x}
- name: a
  cluster: {server: "https://a:1", insecure-skip-tls-verify: true, extensions: [{name: e, extension: {k: [1, true]}}]}
users:
- name: z
  user:
    token: "12"
    tokenFile: /t
    exec: {command: aws, apiVersion: client.authentication.k8s.io/v1, args: [x], env: null, interactiveMode: Never, provideClusterInfo: false}
- name: c
  user: {client-certificate: /c, client-key: /k, as: other, as-groups: [g], username: u, password: p}
- name: none
contexts:
- name: x
  context: {cluster: a, user: c, namespace: ns}
current-context: x
"#;
    for config in [awkward(), Kubeconfig::parse(full).unwrap(), Kubeconfig::default()] {
        assert_eq!(config.unknown_fields(), [""; 0]);
        let ours = yaml(&config);
        let Some(theirs) = kubectl(&ours, &["config", "view", "--raw", "-o", "yaml"]) else { return };
        // kubectl before 1.34 prints this line, kubeadm 1.36 does not.
        assert_eq!(theirs.replace("preferences: {}\n", ""), ours);
    }
}

#[test]
fn merging_is_what_kubectl_config_does() {
    let mut mine = awkward();
    let key = SecretBytes::from("KEY\n".to_owned());
    let added = Kubeconfig::client_certificate("yes", "https://new:6443", "PEM\n", "on", "CERT\n", &key);
    let before = yaml(&mine);
    mine.merge(added, CurrentContext::Switch);
    assert_eq!(mine.current_context, "on@yes");
    assert_eq!(
        (mine.clusters.len(), mine.users.len(), mine.contexts.len()),
        (AWKWARD.len(), AWKWARD.len(), AWKWARD.len() + 1)
    );
    assert_eq!(mine.clusters["yes"].server, "https://new:6443");
    assert!(mine.users["on"].token.is_none(), "replaced as a whole");

    // KUBECONFIG=added:before would prefer the first; --flatten writes the union.
    let merged = yaml(&mine);
    let Some(theirs) = kubectl(&merged, &["config", "view", "--raw", "--flatten", "-o", "yaml"]) else {
        return;
    };
    assert_eq!(theirs.replace("preferences: {}\n", ""), merged);
    assert_ne!(before, merged);
}

#[test]
fn refuses_and_says_where() {
    for (text, want) in [
        ("", "document: expected one document, found 0"),
        ("a: b\n---\nc: d\n", "document: expected one document, found 2"),
        ("[]", "document: expected a map, found a list"),
        ("kind: Pod", "kind: expected Config, found \"Pod\""),
        ("apiVersion: v2", "apiVersion: expected v1, found \"v2\""),
        ("clusters: {}", "clusters: expected a list, found a map"),
        ("clusters: [1]", "clusters[0]: expected a map, found a number"),
        ("clusters: [{cluster: {}}]", "clusters[0].name: expected a name, found none"),
        ("clusters: [{name: a, cluster: []}]", "clusters[0].cluster: expected a map, found a list"),
        (
            "clusters: [{name: a, cluster: {server: 5}}]",
            "clusters[0].cluster.server: expected a string, found a number",
        ),
        (
            "clusters: [{name: a, server: x}]",
            "clusters[0]: expected name and one map, found \"server\" beside them",
        ),
        ("clusters: [{name: a}, {name: a}]", "clusters[1].name: expected every name once, found \"a\" again"),
        (
            "clusters: [{name: a, cluster: {insecure-skip-tls-verify: 'true'}}]",
            "clusters[0].cluster.insecure-skip-tls-verify: expected true or false, found a string",
        ),
        (
            "users: [{name: a, user: {client-key-data: s3cr3t!}}]",
            "users[0].user.client-key-data: expected base64, found another text",
        ),
        (
            "users: [{name: a, user: {client-key: /s3cr3t, client-key-data: czNjcjN0}}]",
            "users[0].user.client-key: expected either a file or data, found both (remove one of them)",
        ),
        (
            "users: [{name: a, user: {token: [s3cr3t]}}]",
            "users[0].user.token: expected a string, found a list",
        ),
        ("users: [{name: a, user: {token: s3cr3t}", "expected YAML or JSON, found a syntax error"),
    ] {
        let error = Kubeconfig::parse(text).expect_err(text);
        assert!(matches!(error.code(), Code::KUBECONFIG_SHAPE | Code::KUBECONFIG_SYNTAX), "{error}");
        let shown = error.to_string();
        assert!(shown.contains(want), "{text}: {shown}");
        assert!(!format!("{error:?}{shown}").contains("s3cr3t"), "{shown}");
    }
}

#[test]
fn json_is_read_too_and_nulls_are_nothing() {
    let config = Kubeconfig::parse(
        r#"{"kind":"Config","apiVersion":"v1","clusters":[{"name":"a","cluster":{"server":"https://a:1","proxy-url":null}}],
            "contexts":null,"users":[{"name":"u","user":null}],"current-context":"","preferences":{}}"#,
    )
    .unwrap();
    assert_eq!(config.clusters["a"].server, "https://a:1");
    assert_eq!(
        yaml(&config),
        "apiVersion: v1\nclusters:\n- cluster:\n    server: https://a:1\n  name: a\ncontexts: null\ncurrent-context: \"\"\n\
         kind: Config\nusers:\n- name: u\n  user: {}\n"
    );
}

#[test]
fn unknown_fields_are_kept_and_named() {
    let text = "apiVersion: v1\nclusters:\n- cluster:\n    server: https://a:1\n    sever: x\n  name: a\ncontexts: null\n\
                current-context: \"\"\nkind: Config\nnew: 1\nusers: null\n";
    let config = Kubeconfig::parse(text).unwrap();
    assert_eq!(config.unknown_fields(), ["new", "clusters[\"a\"].cluster.sever"]);
    assert_eq!(yaml(&config), text);
}

#[test]
fn the_current_context_must_lead_to_a_cluster_and_a_user() {
    for (text, want) in [
        ("{}", "current-context: expected the name of a context, found none"),
        ("current-context: x", "current-context: expected a context named \"x\", found none"),
        (
            "{current-context: x, contexts: [{name: x}]}",
            "contexts[\"x\"].cluster: expected the name of a cluster",
        ),
        (
            "{current-context: x, clusters: [{name: c}], contexts: [{name: x, context: {cluster: c, user: u}}]}",
            "contexts[\"x\"].user: expected a user named \"u\", found none",
        ),
    ] {
        let error = Kubeconfig::parse(text).unwrap().current().expect_err(text);
        assert_eq!(error.code(), Code::KUBECONFIG_MISSING);
        assert!(error.to_string().contains(want), "{error}");
    }
}

#[test]
fn files_are_taken_in_all_or_none() {
    let text = "clusters: [{name: c, cluster: {server: s, certificate-authority: ca.crt}}]\n\
                users: [{name: u, user: {client-certificate: u.crt, client-key: u.key, tokenFile: token}}]";
    let mut config = Kubeconfig::parse(text).unwrap();
    let before = yaml(&config);
    let file = |text: &str| Some(SecretBytes::from(text.to_owned()));

    let error = config.embed(|wanted| if wanted.path == "u.key" { None } else { file("x") }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "kubeconfig: users[\"u\"].user.client-key: expected a file u.key, found none"
    );
    let error = config.embed(|wanted| file(if wanted.path == "token" { " \n" } else { "x" })).unwrap_err();
    assert_eq!(
        error.to_string(),
        "kubeconfig: users[\"u\"].user.tokenFile: expected a file with a token, found an empty file"
    );
    assert_eq!(yaml(&config), before, "nothing is taken in on failure");

    config.embed(|wanted| file(&format!("<{}>\n", wanted.path))).unwrap();
    assert!(config.file_references().is_empty());
    assert_eq!(config.clusters["c"].ca_pem(), Some("<ca.crt>\n"));
    let user = &config.users["u"];
    assert!(matches!(&user.client_certificate, Some(Source::Inline(pem)) if pem == b"<u.crt>\n"));
    assert!(matches!(&user.client_key, Some(Source::Inline(key)) if key.expose() == b"<u.key>\n"));
    assert_eq!(user.token.as_ref().unwrap().expose(), b"<token>");
}

#[test]
fn debug_shows_no_credential() {
    let text = "users: [{name: u, user: {token: s3cr3t, client-key-data: czNjcjN0, password: s3cr3t, \
                exec: {env: [{name: a, value: s3cr3t}]}}}]";
    let config = Kubeconfig::parse(text).unwrap();
    let shown = format!("{config:?}");
    assert!(!shown.contains("s3cr3t") && !shown.contains("115, 51, 99"), "{shown}");
    assert!(shown.contains("password") && shown.contains("exec"), "{shown}");
}

#[cfg(feature = "crypto")]
mod with_certificates {
    use k8sboot_core::{
        entropy::System,
        kubeconfig::{UserSpec, for_user},
        pki::{Ca, CertClass, CertSpec, Issuing, KeyAlgorithm, RandomKeys, Subject},
        time::Timestamp,
    };

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn issuing<'a>(keys: &'a RandomKeys<'a>, now: Timestamp) -> Issuing<'a> {
        Issuing { keys, entropy: &System, now }
    }

    fn new_ca(now: Timestamp) -> Ca {
        let spec = CertSpec::authority("ca", "kubernetes", KeyAlgorithm::EcdsaP256);
        Ca::self_signed(&spec, &issuing(&RandomKeys::new(&System), now)).unwrap()
    }

    fn jane() -> UserSpec {
        UserSpec::new("jane", "kubernetes", "https://192.0.2.10:6443").in_groups(["readers", "team-a"])
    }

    #[test]
    fn a_users_kubeconfig_holds_who_where_and_for_how_long() {
        let (ca, keys) = (new_ca(NOW), RandomKeys::new(&System));
        let user = jane().valid_for("8h".parse().unwrap()).in_namespace("team-a");
        let config = for_user(&ca, &user, &issuing(&keys, NOW)).unwrap();
        let current = config.current().unwrap();
        assert_eq!((current.name, current.context.namespace.as_str()), ("jane@kubernetes", "team-a"));
        assert_eq!(current.cluster.ca_pem(), Some(ca.chain_pem().as_str()));
        let Some(Source::Inline(pem)) = &current.user.client_certificate else { panic!("{config:?}") };
        let info = k8sboot_core::pki::inspect(std::str::from_utf8(pem).unwrap()).unwrap().remove(0);
        assert_eq!(info.subject.to_string(), "O=team-a+O=readers,CN=jane");
        assert_eq!((info.ext_key_usage, info.is_ca), (vec!["clientAuth".to_owned()], false));
        assert_eq!(info.not_after, NOW.plus_seconds(8 * 3_600));
        assert_eq!(info.not_before, ca.certificate().info().not_before);

        assert!(config.verify(&ca.chain_pem(), NOW).is_empty());
        if let Some(json) = kubectl(&yaml(&config), &["config", "view", "--raw", "-o", "json"]) {
            let seen: Value = serde_json::from_str(&json).unwrap();
            let data = seen["users"][0]["user"]["client-certificate-data"].as_str().unwrap();
            assert_eq!(STANDARD.decode(data).unwrap(), *pem);
        }
        for (bad, want) in [
            (jane().valid_for("0s".parse().unwrap()), "user validity: expected more than 0s, found 0s"),
            (UserSpec::new("", "c", "s"), "user name: expected a name, found none"),
        ] {
            assert!(for_user(&ca, &bad, &issuing(&keys, NOW)).unwrap_err().to_string().contains(want));
        }
    }

    #[test]
    fn verify_names_everything_that_will_not_work() {
        let (ca, other, keys) = (new_ca(NOW), new_ca(NOW), RandomKeys::new(&System));
        let make = |ca: &Ca, now| for_user(ca, &jane(), &issuing(&keys, now)).unwrap();
        let good = make(&ca, NOW);
        let (foreign, later) = (make(&other, NOW), NOW.plus_seconds(400 * 86_400));
        let ca_pem = ca.chain_pem();
        assert!(
            good.verify(&format!("{}{ca_pem}", other.chain_pem()), NOW).is_empty(),
            "a bundle in rotation"
        );

        let user = |change: &dyn Fn(&mut User)| {
            let mut config = good.clone();
            change(config.users.get_mut("jane").unwrap());
            config
        };
        let cluster = |change: &dyn Fn(&mut Cluster)| {
            let mut config = good.clone();
            change(config.clusters.get_mut("kubernetes").unwrap());
            config
        };
        let mut server = CertSpec::user("s", Subject::named("s"), KeyAlgorithm::EcdsaP256);
        server.class = CertClass::Server;
        let server = ca.issue(&server, &issuing(&keys, NOW)).unwrap();
        let (server_pem, server_key) = (server.certificate.to_pem().into_bytes(), server.key.to_pem());
        let foreign_user = foreign.users["jane"].clone();

        for (config, now, want) in [
            (Kubeconfig::default(), NOW, vec![Code::KUBECONFIG_MISSING]),
            (foreign.clone(), NOW, vec![Code::KUBECONFIG_CA, Code::PKI_WRONG_CA]),
            (user(&|user| *user = foreign_user.clone()), NOW, vec![Code::PKI_WRONG_CA]),
            (
                user(&|user| user.client_key = foreign_user.client_key.clone()),
                NOW,
                vec![Code::PKI_CERTIFICATE_KEY_MISMATCH],
            ),
            (good.clone(), later, vec![Code::PKI_EXPIRED]),
            (good.clone(), NOW.plus_seconds(-301), vec![Code::PKI_NOT_YET_VALID]),
            (
                user(&|user| {
                    user.client_certificate = Some(Source::Inline(server_pem.clone()));
                    user.client_key = Some(Source::Inline(server_key.clone()));
                }),
                NOW,
                vec![Code::PKI_USAGE],
            ),
            (
                user(&|user| user.client_key = Some(Source::Inline(SecretBytes::from("x".to_owned())))),
                NOW,
                vec![Code::KUBECONFIG_CREDENTIAL],
            ),
            (user(&|user| user.client_key = None), NOW, vec![Code::KUBECONFIG_MISSING]),
            (user(&|user| user.client_certificate = None), NOW, vec![Code::KUBECONFIG_MISSING]),
            (
                user(&|user| user.client_key = Some(Source::File("k".into()))),
                NOW,
                vec![Code::KUBECONFIG_MISSING],
            ),
            (user(&|user| *user = User::default()), NOW, vec![Code::KUBECONFIG_MISSING]),
            (
                cluster(&|cluster| cluster.insecure_skip_tls_verify = true),
                NOW,
                vec![Code::KUBECONFIG_INSECURE],
            ),
            (cluster(&|cluster| cluster.certificate_authority = None), NOW, vec![Code::KUBECONFIG_MISSING]),
            (cluster(&|cluster| *cluster = Cluster::new("s", "x")), NOW, vec![Code::KUBECONFIG_CREDENTIAL]),
        ] {
            let problems = config.verify(&ca_pem, now);
            let shown: Vec<_> = problems.iter().map(|p| k8sboot_core::error::chain(p)).collect();
            assert_eq!(problems.iter().map(Problem::code).collect::<Vec<_>>(), want, "{shown:#?}");
            assert!(shown.iter().all(|text| text.starts_with("kubeconfig: ")), "{shown:#?}");
        }
        let token = Kubeconfig::with_token("c", "s", &ca_pem, "u", SecretBytes::from("t".to_owned()));
        assert!(token.verify(&ca_pem, NOW).is_empty());
        assert_eq!(good.verify("no PEM", NOW)[0].code(), Code::KUBECONFIG_CREDENTIAL);
        assert_eq!(
            k8sboot_core::error::chain(&good.verify(&ca_pem, later)[0]),
            format!(
                "kubeconfig: users[\"jane\"].user.client-certificate-data: pki: jane: validity: expected an end after \
                 {later}, found {} (renew it)",
                NOW.plus_seconds(365 * 86_400)
            )
        );
    }
}

fn any_user() -> impl Strategy<Value = User> {
    (any::<Option<String>>(), any::<Option<Vec<u8>>>(), any::<Option<Vec<u8>>>()).prop_map(
        |(token, certificate, key)| User {
            token: token.filter(|t| !t.is_empty()).map(SecretBytes::from),
            client_certificate: certificate.filter(|c| !c.is_empty()).map(Source::Inline),
            client_key: key.filter(|k| !k.is_empty()).map(|k| Source::Inline(SecretBytes::new(k))),
            ..User::default()
        },
    )
}

proptest! {
    #[test]
    fn printed_kubeconfigs_parse_to_themselves(
        users in proptest::collection::btree_map("\\PC{0,12}", any_user(), 0..4),
        servers in proptest::collection::btree_map("\\PC{0,12}", "\\PC{0,20}", 0..4),
        current in "\\PC{0,12}",
    ) {
        let mut config = Kubeconfig { users, current_context: current.clone(), ..Kubeconfig::default() };
        for (name, server) in servers {
            config.clusters.insert(name, Cluster::new(&server, "PEM\n"));
        }
        config.contexts.insert(current.clone(), Context { cluster: current.clone(), user: current, ..Context::default() });
        let text = yaml(&config);
        let read = Kubeconfig::parse(&text).unwrap();
        prop_assert_eq!(yaml(&read), text);
    }

    #[test]
    fn arbitrary_text_is_an_error_and_not_a_panic(text in "(\\PC|\\n){0,60}", key in "[a-z-]{1,10}") {
        let _ = Kubeconfig::parse(&text);
        let _ = Kubeconfig::parse(&format!("clusters:\n- {key}: {text}\n  name: a\nusers: [{{name: b, user: {{{key}: {text}}}}}]\n"));
    }
}
