//! Configuration documents against kubeadm's own output and against every kind of bad input.

use k8sboot_core::{
    config::{
        ConfigError, DefaultsKind, Discovery, Documents, EncryptionAlgorithm, InitConfig,
        cluster_configuration_yaml, migrate, print_defaults, v1beta4::SecretText,
    },
    error::{Code, Problem},
    facts::NodeFacts,
};
use proptest::prelude::*;

use crate::support::{CASES, fixture};

fn host() -> NodeFacts {
    NodeFacts::named("Host-1 ")
}

fn migrated(text: &str) -> String {
    migrate(text, &host(), None).unwrap_or_else(|errors| panic!("{errors}\n{text}")).yaml.expose().to_owned()
}

fn init(text: &str) -> InitConfig {
    let documents = Documents::parse(text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    documents.into_init(&host(), None).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

/// The errors of a text, whether they are found while reading or while proving for init.
fn errors(text: &str) -> Vec<ConfigError> {
    let proven = Documents::parse(text).and_then(|documents| documents.into_init(&host(), None));
    proven.map(|_| panic!("accepted:\n{text}")).unwrap_err().as_slice().to_vec()
}

/// An InitConfiguration and a ClusterConfiguration with further lines; the lines of the first begin in line 7.
fn both(init: &str, cluster: &str) -> String {
    let address = if init.contains("advertiseAddress") {
        ""
    } else {
        "localAPIEndpoint: {advertiseAddress: 192.0.2.1}\n"
    };
    let version = if cluster.contains("kubernetesVersion") { "" } else { "kubernetesVersion: v1.36.2\n" };
    format!(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n{version}{cluster}\n---\n\
         apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\n{address}{init}\n"
    )
}

#[test]
fn migrates_byte_for_byte_as_kubeadm() {
    for case in CASES {
        let text = fixture(&format!("cases/{case}/config.yaml"));
        assert_eq!(migrated(&text), fixture(&format!("cases/{case}/defaulted-config.yaml")), "{case}");
    }
}

#[test]
fn a_migrated_configuration_migrates_to_itself() {
    for case in CASES {
        let text = fixture(&format!("cases/{case}/defaulted-config.yaml"));
        assert_eq!(migrated(&text), text, "{case}");
    }
}

#[test]
fn the_cluster_gets_the_configuration_that_kubeadm_stores() {
    for case in CASES {
        let config = init(&fixture(&format!("cases/{case}/config.yaml")));
        let stored = fixture(&format!("cases/{case}/objects/ConfigMap.kube-system.kubeadm-config.yaml"));
        let indented: String =
            cluster_configuration_yaml(&config).lines().map(|line| format!("    {line}\n")).collect();
        assert!(stored.contains(&format!("  ClusterConfiguration: |\n{indented}")), "{case}");
    }
}

#[test]
fn the_join_configurations_of_the_reference_are_accepted() {
    let hash = "6c5eaacb6bbeee5cbcdb62e35fd0cffc305e8372337a6861e9e4000f926f61ad";
    let text = "apiVersion: kubeadm.k8s.io/v1beta4
kind: JoinConfiguration
discovery:
  bootstrapToken:
    token: 2e7da9.7fc5668ff26430c7
    apiServerEndpoint: 10.47.217.91:6443
    caCertHashes:
    - sha256:HASH
controlPlane:
  localAPIEndpoint:
    advertiseAddress: 10.47.217.92
nodeRegistration:
  name: Master-2
"
    .replace("HASH", hash);
    let config = Documents::parse(&text).unwrap().into_join(&host()).unwrap();
    assert_eq!(config.node_name(), "master-2");
    assert_eq!(config.control_plane().unwrap().1, 6443);
    assert_eq!(config.join().node_registration.taints.as_ref().unwrap().len(), 1);
    assert_eq!(config.join().ca_cert_path, "/etc/kubernetes/pki/ca.crt");
    assert_eq!(config.tls_bootstrap_token().unwrap().expose(), "2e7da9.7fc5668ff26430c7");
    let Discovery::Token { endpoint, ca_pins, .. } = config.discovery() else { panic!("{config:?}") };
    assert_eq!((endpoint.host.as_str(), endpoint.port), ("10.47.217.91", Some(6443)));
    assert_eq!(ca_pins[0].to_string(), format!("sha256:{hash}"));
    assert!(!format!("{config:?}").contains("7fc5668ff26430c7"));

    let worker = text.replace("controlPlane:\n  localAPIEndpoint:\n    advertiseAddress: 10.47.217.92\n", "");
    let config = Documents::parse(&worker).unwrap().into_join(&host()).unwrap();
    assert_eq!((config.control_plane(), &config.join().node_registration.taints), (None, &None));
    assert!(migrated(&worker).contains("\n  taints: null\n"));
}

#[test]
fn v1beta3_becomes_v1beta4() {
    let old = "apiVersion: kubeadm.k8s.io/v1beta3
kind: InitConfiguration
bootstrapTokens:
- token: abcdef.0123456789abcdef
localAPIEndpoint: {advertiseAddress: 192.0.2.10}
nodeRegistration:
  name: node-1
  kubeletExtraArgs:
    v: \"4\"
    node-ip: 192.0.2.10
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
kubernetesVersion: 1.36.2
apiServer:
  timeoutForControlPlane: 7m0s
  extraArgs:
    b: \"2\"
    a: \"1\"
etcd:
  local:
    extraArgs: {quota-backend-bytes: \"1\"}
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: JoinConfiguration
discovery:
  timeout: 3m0s
  file: {kubeConfigPath: /etc/discovery.conf}
";
    let new = "apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
bootstrapTokens:
- token: abcdef.0123456789abcdef
localAPIEndpoint: {advertiseAddress: 192.0.2.10}
nodeRegistration:
  name: node-1
  kubeletExtraArgs:
  - {name: node-ip, value: 192.0.2.10}
  - {name: v, value: \"4\"}
timeouts: {controlPlaneComponentHealthCheck: 7m}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
apiServer:
  extraArgs:
  - {name: a, value: \"1\"}
  - {name: b, value: \"2\"}
etcd:
  local:
    extraArgs:
    - {name: quota-backend-bytes, value: \"1\"}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: JoinConfiguration
discovery:
  file: {kubeConfigPath: /etc/discovery.conf}
timeouts: {discovery: 3m}
";
    assert_eq!(migrated(old), migrated(new));
    let warnings = migrate(old, &host(), None).unwrap().warnings;
    assert_eq!(warnings.iter().filter(|w| w.field == "apiVersion").count(), 3, "{warnings:?}");
}

#[test]
fn v1beta3_errors_speak_of_the_field_that_was_written() {
    let text = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\n\
                apiServer:\n  extraArgs:\n    --v: \"4\"\n    a: \"1\"\n---\n\
                apiVersion: kubeadm.k8s.io/v1beta3\nkind: InitConfiguration\n\
                localAPIEndpoint: {advertiseAddress: 192.0.2.1}\ntimeouts: {}\n";
    let found = errors(text);
    assert_eq!((found[0].field.as_str(), found[0].line), ("apiServer.extraArgs.--v", 6), "{found:?}");
    assert_eq!(
        (found[1].field.as_str(), found[1].remedy.as_str()),
        ("timeouts", "it came with kubeadm.k8s.io/v1beta4")
    );
}

#[test]
fn prints_the_defaults_as_kubeadm() {
    let timeouts = "timeouts:
  controlPlaneComponentHealthCheck: 4m0s
  discovery: 5m0s
  etcdAPICall: 2m0s
  kubeletHealthCheck: 4m0s
  kubernetesAPICall: 1m0s
  tlsBootstrap: 5m0s
  upgradeManifests: 5m0s
";
    let node = "nodeRegistration:
  criSocket: unix:///var/run/containerd/containerd.sock
  imagePullPolicy: IfNotPresent
  imagePullSerial: true
  name: node
  taints: null
";
    assert_eq!(
        print_defaults(DefaultsKind::Join),
        format!(
            "apiVersion: kubeadm.k8s.io/v1beta4
caCertPath: /etc/kubernetes/pki/ca.crt
discovery:
  bootstrapToken:
    apiServerEndpoint: kube-apiserver:6443
    token: abcdef.0123456789abcdef
    unsafeSkipCAVerification: true
  tlsBootstrapToken: abcdef.0123456789abcdef
kind: JoinConfiguration
{node}{timeouts}"
        )
    );
    assert_eq!(
        print_defaults(DefaultsKind::Reset),
        format!(
            "apiVersion: kubeadm.k8s.io/v1beta4
certificatesDir: /etc/kubernetes/pki
criSocket: unix:///var/run/containerd/containerd.sock
kind: ResetConfiguration
{timeouts}"
        )
    );
    let init = print_defaults(DefaultsKind::Init);
    assert!(
        init.contains("  advertiseAddress: 1.2.3.4\n  bindPort: 6443\n") && init.contains(node),
        "{init}"
    );
    for kind in [DefaultsKind::Init, DefaultsKind::Join, DefaultsKind::Reset] {
        Documents::parse(&print_defaults(kind)).unwrap();
    }
    self::init(&print_defaults(DefaultsKind::Init));
}

#[test]
fn the_host_decides_what_the_text_leaves_open() {
    let mut host = NodeFacts::named(" Node-A.Example\n");
    host.default_addresses = vec!["192.0.2.7".parse().unwrap(), "2001:db8::7".parse().unwrap()];
    host.cri_sockets = vec!["unix:///var/run/crio/crio.sock".into()];
    let text = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n";
    let config = Documents::parse(text).unwrap().into_init(&host, None).unwrap();
    assert_eq!(config.node_name(), "node-a.example");
    assert_eq!(config.advertise_address().to_string(), "192.0.2.7");
    assert_eq!(config.init().node_registration.cri_socket, "unix:///var/run/crio/crio.sock");
    assert_eq!(config.version().to_string(), "v1.36.2");
    assert_eq!(config.warnings()[0].code, Code::CONFIG_WARNING);

    // The service subnet's family decides which of the host's addresses is taken.
    let v6 = format!("{text}networking: {{serviceSubnet: 'fd00::/112,10.96.0.0/16'}}\n");
    let config = Documents::parse(&v6).unwrap().into_init(&host, None).unwrap();
    assert_eq!(config.local_api_server(), "https://[2001:db8::7]:6443");

    host.cri_sockets.push("unix:///var/run/containerd/containerd.sock".into());
    let several = Documents::parse(text).unwrap().into_init(&host, None).unwrap_err();
    assert_eq!(several.as_slice()[0].field, "nodeRegistration.criSocket");
    assert!(several.as_slice()[0].remedy.contains("crio.sock"), "{several}");

    let nothing = Documents::parse(text).unwrap().into_init(&NodeFacts::default(), None).unwrap_err();
    let fields: Vec<_> = nothing.as_slice().iter().map(|e| (e.field.as_str(), e.code, e.line)).collect();
    assert_eq!(
        fields,
        [
            ("nodeRegistration.name", Code::CONFIG_MISSING, 0),
            ("localAPIEndpoint.advertiseAddress", Code::CONFIG_MISSING, 0)
        ]
    );
}

#[test]
fn accepts_what_kubeadm_accepts() {
    for (init_lines, cluster_lines) in [
        ("", "networking: {podSubnet: 10.244.1.0/16}"),
        ("", "controlPlaneEndpoint: '[2001:db8::1]:6443'"),
        ("", "controlPlaneEndpoint: 192.0.2.9"),
        ("nodeRegistration: {taints: []}", ""),
        (
            "nodeRegistration: {criSocket: /var/run/crio/crio.sock}",
            "imageRepository: registry.local:5000/K8s",
        ),
        ("localAPIEndpoint: {advertiseAddress: '2001:DB8::1'}", "networking: {serviceSubnet: 'fd00::/108'}"),
        (
            "bootstrapTokens: [{token: abcdef.0123456789abcdef, ttl: 0s}]",
            "certificateValidityPeriod: 100000h",
        ),
        ("bootstrapTokens: [{token: abcdef.0123456789abcdef, expires: '2027-01-01T01:00:00+01:00'}]", ""),
        ("certificateKey: null", "kubernetesVersion: stable-1.35"),
        ("", "kubernetesVersion: v1.38.0-alpha.1"),
        ("", "etcd: {external: {endpoints: ['http://a:2379'], httpEndpoints: []}}"),
        (
            "",
            "networking: {podSubnet: 12.0.0.0/7}\ncontrollerManager: {extraArgs: [{name: allocate-node-cidrs, value: 'false'}]}",
        ),
        ("", "featureGates: {PublicKeysECDSA: true, NodeLocalCRISocket: false}"),
        ("timeouts: {controlPlaneComponentHealthCheck: 0s}", "dns: {disabled: yes}"),
    ] {
        init(&both(init_lines, cluster_lines));
    }
    let gate = init(&both("", "featureGates: {PublicKeysECDSA: true}"));
    assert_eq!(gate.algorithm(), EncryptionAlgorithm::EcdsaP256);
    let yaml = migrated(&both(
        "bootstrapTokens: [{token: abcdef.0123456789abcdef, expires: '2027-01-01T01:00:00+01:00'}]",
        "",
    ));
    assert!(yaml.contains("- expires: \"2027-01-01T00:00:00Z\"\n"), "{yaml}");
    let config = init(&both(
        "localAPIEndpoint: {advertiseAddress: '2001:DB8::1'}",
        "networking: {serviceSubnet: 'fd00::/108'}",
    ));
    assert_eq!(config.init().local_api_endpoint.advertise_address, "2001:db8::1");
}

#[test]
fn refuses_bad_values_and_says_which() {
    use Code as C;
    for (init_lines, cluster_lines, field, code, said) in [
        (
            "",
            "networking: {podSubnet: 10.244.0.0}",
            "networking.podSubnet",
            C::CONFIG_VALUE,
            "add the length",
        ),
        (
            "",
            "networking: {podSubnet: '10.244.0.0/16, fd00::/56'}",
            "networking.podSubnet",
            C::CONFIG_VALUE,
            "no blanks",
        ),
        (
            "",
            "networking: {podSubnet: '10.244.0.0/16,10.245.0.0/16'}",
            "networking.podSubnet",
            C::CONFIG_VALUE,
            "same family",
        ),
        (
            "",
            "networking: {podSubnet: 10.244.0.0/29}",
            "networking.podSubnet",
            C::CONFIG_VALUE,
            "at least 14",
        ),
        ("", "networking: {podSubnet: 10.244.0.0/25}", "networking.podSubnet", C::CONFIG_VALUE, "/24"),
        ("", "networking: {podSubnet: 10.0.0.0/7}", "networking.podSubnet", C::CONFIG_VALUE, "/8 or longer"),
        (
            "",
            "networking: {podSubnet: 10.100.0.0/16}",
            "networking.podSubnet",
            C::CONFIG_CONFLICT,
            "share no address",
        ),
        (
            "",
            "networking: {podSubnet: 'fd00::/56,10.244.0.0/16'}",
            "networking.podSubnet",
            C::CONFIG_CONFLICT,
            "same order",
        ),
        (
            "",
            "networking: {podSubnet: 192.0.0.0/16}",
            "localAPIEndpoint.advertiseAddress",
            C::CONFIG_CONFLICT,
            "within pods",
        ),
        (
            "",
            "networking: {serviceSubnet: 192.0.2.0/24}",
            "localAPIEndpoint.advertiseAddress",
            C::CONFIG_CONFLICT,
            "within services",
        ),
        ("", "networking: {serviceSubnet: 10.0.0.0/11}", "networking.serviceSubnet", C::CONFIG_VALUE, "/12"),
        (
            "",
            "networking: {serviceSubnet: 10.96.0.0/29}",
            "networking.serviceSubnet",
            C::CONFIG_VALUE,
            "at least 10",
        ),
        (
            "",
            "networking: {serviceSubnet: 'fd00::/108'}",
            "networking.serviceSubnet",
            C::CONFIG_CONFLICT,
            "IPv4 service subnet first",
        ),
        ("", "networking: {serviceSubnet: 'a,b,c'}", "networking.serviceSubnet", C::CONFIG_VALUE, "CIDR"),
        (
            "",
            "networking: {dnsDomain: Cluster.local}",
            "networking.dnsDomain",
            C::CONFIG_VALUE,
            "cluster.local",
        ),
        ("", "controlPlaneEndpoint: https://a:6443", "controlPlaneEndpoint", C::CONFIG_VALUE, "scheme"),
        ("", "controlPlaneEndpoint: Api.example", "controlPlaneEndpoint", C::CONFIG_VALUE, "lower case"),
        ("", "controlPlaneEndpoint: a:70000", "controlPlaneEndpoint", C::CONFIG_VALUE, "65535"),
        (
            "",
            "apiServer: {certSANs: [ok.example, 'a,b']}",
            "apiServer.certSANs[1]",
            C::CONFIG_VALUE,
            "one name per list item",
        ),
        (
            "",
            "etcd: {local: {serverCertSANs: [A]}}",
            "etcd.local.serverCertSANs[0]",
            C::CONFIG_VALUE,
            "lower-case",
        ),
        ("", "etcd: {local: {dataDir: data}}", "etcd.local.dataDir", C::CONFIG_VALUE, "/"),
        (
            "",
            "etcd: {local: {}, external: {endpoints: ['https://a:2379']}}",
            "etcd",
            C::CONFIG_CONFLICT,
            "both",
        ),
        ("", "etcd: {external: {}}", "etcd.external.endpoints", C::CONFIG_MISSING, "2379"),
        (
            "",
            "etcd: {external: {endpoints: ['http://a:2379'], caFile: /ca}}",
            "etcd.external.endpoints[0]",
            C::CONFIG_VALUE,
            "https",
        ),
        (
            "",
            "etcd: {external: {endpoints: ['https://a:2379'], caFile: /ca, certFile: /c}}",
            "etcd.external.keyFile",
            C::CONFIG_MISSING,
            "both or neither",
        ),
        (
            "",
            "etcd: {external: {endpoints: ['https://a:2379'], keyFile: /k, certFile: /c}}",
            "etcd.external.caFile",
            C::CONFIG_MISSING,
            "CA",
        ),
        (
            "",
            "etcd: {external: {endpoints: ['a:1']}}",
            "etcd.external.endpoints[0]",
            C::CONFIG_VALUE,
            "https://",
        ),
        ("", "certificatesDir: pki", "certificatesDir", C::CONFIG_VALUE, "/"),
        ("", "imageRepository: https://registry.example.com", "imageRepository", C::CONFIG_VALUE, "scheme"),
        ("", "imageRepository: registry.example.com/k8s:v1", "imageRepository", C::CONFIG_VALUE, "tag"),
        ("", "encryptionAlgorithm: RSA2048", "encryptionAlgorithm", C::CONFIG_VALUE, "\"RSA-2048\""),
        ("", "certificateValidityPeriod: 0s", "certificateValidityPeriod", C::CONFIG_VALUE, "expired"),
        (
            "",
            "featureGates: {PublicKeysEcdsa: true}",
            "featureGates.PublicKeysEcdsa",
            C::CONFIG_VALUE,
            "PublicKeysECDSA",
        ),
        ("", "kubernetesVersion: v1.32.9", "kubernetesVersion", C::CONFIG_VALUE, "v1.33.0"),
        ("", "kubernetesVersion: ci/latest", "kubernetesVersion", C::CONFIG_VALUE, "label"),
        (
            "",
            "apiServer: {extraArgs: [{name: --v, value: '4'}]}",
            "apiServer.extraArgs[0].name",
            C::CONFIG_VALUE,
            "without dashes",
        ),
        (
            "",
            "scheduler: {extraArgs: [{value: '4'}]}",
            "scheduler.extraArgs[0].name",
            C::CONFIG_MISSING,
            "name",
        ),
        (
            "",
            "scheduler: {extraVolumes: [{name: a, hostPath: /a, mountPath: /a, pathType: Dir}]}",
            "scheduler.extraVolumes[0].pathType",
            C::CONFIG_VALUE,
            "Directory",
        ),
        (
            "",
            "scheduler: {extraVolumes: [{name: a, hostPath: /a}]}",
            "scheduler.extraVolumes[0].mountPath",
            C::CONFIG_MISSING,
            "nothing",
        ),
        (
            "",
            "controllerManager: {extraArgs: [{name: node-cidr-mask-size-ipv4, value: x}]}\nnetworking: {podSubnet: 10.244.0.0/16}",
            "controllerManager.extraArgs[0].value",
            C::CONFIG_VALUE,
            "at most 32",
        ),
        (
            "localAPIEndpoint: {advertiseAddress: '192.0.2.1,2001:db8::1'}",
            "",
            "localAPIEndpoint.advertiseAddress",
            C::CONFIG_VALUE,
            "certSANs",
        ),
        (
            "localAPIEndpoint: {advertiseAddress: host.example}",
            "",
            "localAPIEndpoint.advertiseAddress",
            C::CONFIG_VALUE,
            "not a name",
        ),
        (
            "localAPIEndpoint: {advertiseAddress: 127.0.0.1}",
            "",
            "localAPIEndpoint.advertiseAddress",
            C::CONFIG_VALUE,
            "loopback",
        ),
        (
            "localAPIEndpoint: {advertiseAddress: 'fe80::1'}",
            "",
            "localAPIEndpoint.advertiseAddress",
            C::CONFIG_VALUE,
            "link-local",
        ),
        (
            "localAPIEndpoint: {advertiseAddress: 0.0.0.0}",
            "",
            "localAPIEndpoint.advertiseAddress",
            C::CONFIG_VALUE,
            "reach",
        ),
        (
            "localAPIEndpoint: {advertiseAddress: '2001:db8::1'}",
            "",
            "localAPIEndpoint.advertiseAddress",
            C::CONFIG_CONFLICT,
            "IPv6 service subnet first",
        ),
        (
            "localAPIEndpoint: {advertiseAddress: 192.0.2.1, bindPort: 70000}",
            "",
            "localAPIEndpoint.bindPort",
            C::CONFIG_VALUE,
            "65535",
        ),
        ("nodeRegistration: {name: node_1}", "", "nodeRegistration.name", C::CONFIG_VALUE, "RFC 1123"),
        (
            "nodeRegistration: {criSocket: 'tcp://a'}",
            "",
            "nodeRegistration.criSocket",
            C::CONFIG_VALUE,
            "unix://",
        ),
        (
            "nodeRegistration: {imagePullPolicy: ifNotPresent}",
            "",
            "nodeRegistration.imagePullPolicy",
            C::CONFIG_VALUE,
            "\"IfNotPresent\"",
        ),
        (
            "nodeRegistration: {taints: [{key: a, effect: NoSchedul}]}",
            "",
            "nodeRegistration.taints[0].effect",
            C::CONFIG_VALUE,
            "\"NoSchedule\"",
        ),
        (
            "nodeRegistration: {ignorePreflightErrors: [all, Swap]}",
            "",
            "nodeRegistration.ignorePreflightErrors",
            C::CONFIG_CONFLICT,
            "alone",
        ),
        (
            "nodeRegistration: {kubeletExtraArgs: [{name: node-ip, value: 10.96.0.5}]}",
            "",
            "nodeRegistration.kubeletExtraArgs[0].value",
            C::CONFIG_CONFLICT,
            "within services",
        ),
        (
            "bootstrapTokens: [{token: short}]",
            "",
            "bootstrapTokens[0].token",
            C::CONFIG_VALUE,
            "found 5 characters",
        ),
        (
            "bootstrapTokens: [{token: abcdef.0123456789abcdef, usages: [sign]}]",
            "",
            "bootstrapTokens[0].usages[0]",
            C::CONFIG_VALUE,
            "signing",
        ),
        (
            "bootstrapTokens: [{token: abcdef.0123456789abcdef, usages: [signing]}]",
            "",
            "bootstrapTokens[0].usages",
            C::CONFIG_CONFLICT,
            "authentication",
        ),
        (
            "bootstrapTokens: [{token: abcdef.0123456789abcdef, groups: ['system:masters']}]",
            "",
            "bootstrapTokens[0].groups[0]",
            C::CONFIG_VALUE,
            "system:bootstrappers:",
        ),
        (
            "bootstrapTokens: [{token: abcdef.0123456789abcdef}, {token: abcdef.0123456789abcdee}]",
            "",
            "bootstrapTokens[1].token",
            C::CONFIG_DUPLICATE,
            "once",
        ),
        (
            "bootstrapTokens: [{token: abcdef.0123456789abcdef, expires: tomorrow}]",
            "",
            "bootstrapTokens[0].expires",
            C::CONFIG_VALUE,
            "a time",
        ),
        ("certificateKey: abc", "", "certificateKey", C::CONFIG_VALUE, "64 hexadecimal"),
    ] {
        let text = both(init_lines, cluster_lines);
        let found = errors(&text);
        let Some(error) = found.iter().find(|e| e.field == field) else {
            panic!("{field}: {found:#?}\n{text}")
        };
        assert_eq!(error.code, code, "{error}");
        assert!(error.to_string().contains(said), "{said:?}: {error}");
        assert!(error.line > 0 && error.column > 0, "{error}");
        assert_eq!(error.code(), error.code);
        assert!(!error.expected.is_empty() && !error.found.is_empty(), "{error:?}");
    }
}

#[test]
fn refuses_bad_shapes_and_says_where() {
    use Code as C;
    let v4 = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n";
    for (text, field, line, column, code, said) in [
        ("".to_owned(), "", 0, 0, C::CONFIG_MISSING, "an empty text"),
        ("a: [".to_owned(), "a", 1, 4, C::CONFIG_SYNTAX, "unclosed"),
        ("just text".to_owned(), "", 1, 1, C::CONFIG_TYPE, "a mapping"),
        (
            "kind: InitConfiguration".to_owned(),
            "apiVersion",
            1,
            1,
            C::CONFIG_MISSING,
            "kubeadm.k8s.io/v1beta4",
        ),
        ("apiVersion: 5\nkind: x".to_owned(), "apiVersion", 1, 13, C::CONFIG_TYPE, "text"),
        (
            v4.replace("kind: ClusterConfiguration", "kind: Clusterconfiguration"),
            "",
            1,
            1,
            C::CONFIG_KIND,
            "\"ClusterConfiguration\"",
        ),
        (v4.replace("v1beta4", "v1beta2"), "", 1, 1, C::CONFIG_KIND, "kubeadm v1.22"),
        (v4.replace("v1beta4", "v1alpha2"), "", 1, 1, C::CONFIG_KIND, "kubeadm v1.12"),
        (v4.replace("v1beta4", "v1beta5"), "", 1, 1, C::CONFIG_KIND, "\"v1beta4\""),
        (v4.replace("kubeadm.k8s.io", "kubeadm.k8s.oi"), "", 1, 1, C::CONFIG_KIND, "kubeadm.k8s.io/v1beta4"),
        (v4.replace("kubeadm.k8s.io/", ""), "", 1, 1, C::CONFIG_KIND, "write apiVersion"),
        ("apiVersion: v1\nkind: Pod\n".to_owned(), "", 1, 1, C::CONFIG_KIND, "apply them later"),
        (
            "apiVersion: kubelet.config.k8s.io/v1\nkind: KubeletConfiguration\n".to_owned(),
            "",
            1,
            1,
            C::CONFIG_KIND,
            "kubelet.config.k8s.io/v1beta1",
        ),
        (format!("{v4}---\n{v4}"), "", 4, 1, C::CONFIG_DUPLICATE, "line 1"),
        (format!("{v4}clusterName: a\nclusterName: b\n"), "clusterName", 4, 1, C::CONFIG_DUPLICATE, "line 3"),
        (
            format!("{v4}kubernetesVersion: 1.36\n"),
            "kubernetesVersion",
            3,
            20,
            C::CONFIG_TYPE,
            "put it in quotes",
        ),
        (format!("{v4}clusterNmae: a\n"), "clusterNmae", 3, 1, C::CONFIG_UNKNOWN_FIELD, "\"clusterName\""),
        (format!("{v4}podSubnet: a\n"), "podSubnet", 3, 1, C::CONFIG_UNKNOWN_FIELD, "networking.podSubnet"),
        (
            format!("{v4}advertiseAddress: a\n"),
            "advertiseAddress",
            3,
            1,
            C::CONFIG_UNKNOWN_FIELD,
            "localAPIEndpoint.advertiseAddress is a field of InitConfiguration",
        ),
        (
            format!("{v4}cgroupDriver: systemd\n"),
            "cgroupDriver",
            3,
            1,
            C::CONFIG_UNKNOWN_FIELD,
            "KubeletConfiguration",
        ),
        (
            format!("{v4}apiServer:\n  timeoutForControlPlane: 4m\n"),
            "apiServer.timeoutForControlPlane",
            4,
            3,
            C::CONFIG_UNKNOWN_FIELD,
            "timeouts.controlPlaneComponentHealthCheck",
        ),
        (
            format!("{v4}apiServer:\n  extraArgs:\n    v: \"4\"\n"),
            "apiServer.extraArgs",
            5,
            5,
            C::CONFIG_TYPE,
            "- name: v",
        ),
        (
            format!("{v4}apiServer:\n  extraArgs:\n  - name: v\n    value: 4\n"),
            "apiServer.extraArgs[0].value",
            6,
            12,
            C::CONFIG_TYPE,
            "the number 4",
        ),
        (
            format!("{v4}apiServer: {{certSANs: a.example}}\n"),
            "apiServer.certSANs",
            3,
            23,
            C::CONFIG_TYPE,
            "dash",
        ),
        (
            format!("{v4}apiServer: {{certSANs: [null]}}\n"),
            "apiServer.certSANs[0]",
            3,
            24,
            C::CONFIG_TYPE,
            "null",
        ),
        (format!("{v4}proxy: {{disabled: \"true\"}}\n"), "proxy.disabled", 3, 19, C::CONFIG_TYPE, "quotes"),
        (
            format!("{v4}certificateValidityPeriod: 365d\n"),
            "certificateValidityPeriod",
            3,
            28,
            C::CONFIG_TYPE,
            "duration",
        ),
        (format!("{v4}networking: [a]\n"), "networking", 3, 13, C::CONFIG_TYPE, "serviceSubnet"),
        (
            v4.replace("v1beta4", "v1beta3") + "encryptionAlgorithm: RSA-2048\n",
            "encryptionAlgorithm",
            3,
            1,
            C::CONFIG_UNKNOWN_FIELD,
            "v1beta4",
        ),
        (
            v4.replace("v1beta4", "v1beta3").replace("Cluster", "Reset"),
            "",
            1,
            1,
            C::CONFIG_KIND,
            "it came with",
        ),
    ] {
        let errors = Documents::parse(&text).map(|_| panic!("accepted:\n{text}")).unwrap_err();
        let error = &errors.as_slice()[0];
        assert_eq!(
            (error.field.as_str(), error.line, error.column),
            (field, line, column),
            "{error}\n{text}"
        );
        assert_eq!(error.code, code, "{error}");
        assert!(error.to_string().contains(said), "{said:?}: {error}");
        assert_eq!(errors.details().field.unwrap_or_default(), field);
    }
}

#[test]
fn one_pass_reports_everything_in_the_order_of_the_text() {
    let text = "apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localApiEndpoint: {}
nodeRegistration:
  name: node_1
  imagePullSerial: sometimes
  taints: [{key: a, effect: Never}]
bootstrapTokens:
- token: abcdef.0123456789abcdef
  token: abcdef.0123456789abcdee
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
networking:
  podSubnet: 10.96.0.0/16
apiServer: 5
unknown: true
";
    let errors = Documents::parse(text).unwrap_err();
    let seen: Vec<_> = errors.as_slice().iter().map(|e| (e.line, e.field.as_str())).collect();
    assert_eq!(
        seen,
        [
            (3, "localApiEndpoint"),
            (5, "nodeRegistration.name"),
            (6, "nodeRegistration.imagePullSerial"),
            (7, "nodeRegistration.taints[0].effect"),
            (10, "bootstrapTokens[0].token"),
            (16, "networking.podSubnet"),
            (17, "apiServer"),
            (18, "unknown"),
        ],
        "{errors}"
    );
}

#[test]
fn warns_of_what_is_ignored_or_unlikely() {
    for (text, said) in [
        (both("", "") + "---\napiVersion: example.com/v1\nkind: Thing\n", "it is ignored"),
        (
            both("", "") + "---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ResetConfiguration\n",
            "documents for init",
        ),
        (
            both("", "")
                + "---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nmaxPod: 5\n",
            "\"maxPods\"",
        ),
        (both("", "kubernetesVersion: v1.38.0"), "1.37"),
        (both("", "kubernetesVersion: stable-1.34"), "v1.34.10"),
        (both("", "certificateValidityPeriod: 100000h"), "longer than caCertificateValidityPeriod"),
        (
            both("", "networking: {podSubnet: 'fec0::/56', serviceSubnet: 'fd00::/112'}")
                .replace("192.0.2.1", "'2001:db8::1'"),
            "deprecated",
        ),
        (both("nodeRegistration: {criSocket: /run/a.sock}", ""), "unix:///run/a.sock"),
        (both("", "featureGates: {PublicKeysECDSA: false}"), "RSA-2048"),
        (both("", "featureGates: {RootlessControlPlane: true}"), "runs as root"),
    ] {
        let warnings = init(&text).warnings().to_vec();
        assert!(warnings.iter().any(|w| w.to_string().contains(said)), "{said}: {warnings:?}");
        assert!(warnings.iter().all(|w| w.code == Code::CONFIG_WARNING));
    }
    assert_eq!(init(&both("", "")).warnings(), []);
}

#[test]
fn reset_and_upgrade_configurations_are_read() {
    let text = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ResetConfiguration\nunmountFlags: [MNT_DETACH]\n---\n\
                apiVersion: kubeadm.k8s.io/v1beta4\nkind: UpgradeConfiguration\napply: {certificateRenewal: no}\n";
    let documents = Documents::parse(text).unwrap();
    assert_eq!(documents.upgrade.as_ref().unwrap()["apply"]["certificateRenewal"], false);
    let reset = documents.into_reset(&host()).unwrap();
    assert_eq!(reset.certificates_dir(), "/etc/kubernetes/pki");
    assert_eq!(reset.cri_socket(), "unix:///var/run/containerd/containerd.sock");
    for (lines, field) in [
        ("unmountFlags: [MNT_DETATCH]", "unmountFlags[0]"),
        ("unmountFlags: [MNT_EXPIRE, MNT_FORCE]", "unmountFlags"),
        ("certificatesDir: pki", "certificatesDir"),
        ("criSocket: tcp://a", "criSocket"),
    ] {
        let text = format!("apiVersion: kubeadm.k8s.io/v1beta4\nkind: ResetConfiguration\n{lines}\n");
        let errors = Documents::parse(&text).unwrap().into_reset(&host()).unwrap_err();
        assert_eq!(errors.as_slice()[0].field, field, "{errors}");
    }
}

#[test]
fn refuses_bad_join_configurations() {
    let good = "discovery:\n  bootstrapToken:\n    token: abcdef.0123456789abcdef\n    apiServerEndpoint: a:6443\n    unsafeSkipCAVerification: true\n";
    for (lines, field) in [
        (String::new(), "discovery"),
        (good.replace("a:6443", "a"), "discovery.bootstrapToken.apiServerEndpoint"),
        (good.replace("a:6443", "https://a:6443"), "discovery.bootstrapToken.apiServerEndpoint"),
        (good.replace("true", "false"), "discovery.bootstrapToken.caCertHashes"),
        (good.replace("abcdef.0", "abcdef0"), "discovery.bootstrapToken.token"),
        (format!("{good}  tlsBootstrapToken: x\n"), "discovery.tlsBootstrapToken"),
        (format!("{good}  file: {{kubeConfigPath: /a}}\n"), "discovery"),
        (format!("{good}    caCertHashes: ['sha256:00']\n"), "discovery.bootstrapToken.caCertHashes[0]"),
        (format!("{good}caCertPath: /etc/ca.pem\n"), "caCertPath"),
        (format!("{good}controlPlane: {{}}\n"), "controlPlane.localAPIEndpoint.advertiseAddress"),
        ("discovery: {file: {kubeConfigPath: 'http://a'}}".to_owned(), "discovery.file.kubeConfigPath"),
    ] {
        let text = format!("apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\n{lines}");
        let errors =
            Documents::parse(&text).unwrap().into_join(&host()).map(|_| panic!("{text}")).unwrap_err();
        assert_eq!(errors.as_slice()[0].field, field, "{errors}\n{text}");
        // The host, not the text, has failed to give an address.
        assert_eq!(errors.as_slice()[0].line > 0, !field.ends_with("advertiseAddress"), "{errors}");
    }
}

#[test]
fn secrets_never_reach_messages() {
    let (token, key) = ("s3cr3t.0123456789abcdef", "0f".repeat(32));
    for text in [
        both(&format!("bootstrapTokens: [{{token: {token}x}}]\ncertificateKey: {key}0"), ""),
        both(&format!("bootstrapTokens: [{{token: [{token}]}}]\ncertificateKey: {{a: {key}}}"), ""),
        both(&format!("bootstrapToken: [{{token: {token}}}]\ncertificateKye: {key}"), ""),
        both(&format!("bootstrapTokens: {token}\nnodeRegistration: {{name: {token}, criSocket: {key}}}"), ""),
        both(&format!("bootstrapTokens:\n- token: {token}\n- token: {token}\n- tokn: {token}"), "a: ["),
        both(
            &format!(
                "{token}: 1\nbootstrapTokens: [{{token: {token}, usages: [{token}], expires: {token}}}]"
            ),
            "",
        ),
        both(&format!("certificateKey: \"{key}\n"), ""),
        format!("apiVersion: {token}\nkind: {token}\n"),
    ] {
        let proven = Documents::parse(&text).and_then(|documents| documents.into_init(&host(), None));
        let errors = proven.map(|_| panic!("accepted:\n{text}")).unwrap_err();
        let said = format!("{errors} {errors:?} {:?}", errors.details());
        assert!(!said.contains("0123456789abcdef") && !said.contains(&key), "{said}");
    }
    let text = both(&format!("bootstrapTokens: [{{token: {token}}}]\ncertificateKey: {key}"), "");
    let said = format!("{:?} {:?}", Documents::parse(&text).unwrap(), init(&text));
    assert!(!said.contains("0123456789abcdef") && !said.contains(&key), "{said}");
    assert!(!format!("{:?}", migrate(&text, &host(), None).unwrap()).contains("0123456789abcdef"));
}

#[test]
fn the_builder_and_the_text_give_the_same_configuration() {
    let text = fixture("cases/seed/config.yaml");
    let built = InitConfig::builder("1.36.2")
        .advertise_address([10, 47, 217, 91].into())
        .pod_subnet("10.244.0.0/16".parse().unwrap())
        .api_server_san("123.56.200.187")
        .cri_socket("unix:///var/run/containerd/containerd.sock")
        .bootstrap_token(&"2e7da9.7fc5668ff26430c7".parse().unwrap())
        .build(&NodeFacts::named("master-1"))
        .unwrap();
    let read = init(&text);
    assert_eq!((built.init(), built.cluster()), (read.init(), read.cluster()));

    let errors = InitConfig::builder("v1.36.2")
        .advertise_address("2001:db8::1".parse().unwrap())
        .pod_subnet("10.96.0.0/16".parse().unwrap())
        .edit(|init, _| init.certificate_key = SecretText::new("x"))
        .build(&NodeFacts::named("master-1"))
        .unwrap_err();
    let fields: Vec<_> = errors.as_slice().iter().map(|e| e.field.as_str()).collect();
    assert_eq!(
        fields,
        ["certificateKey", "networking.serviceSubnet", "localAPIEndpoint.advertiseAddress"],
        "{errors}"
    );
}

/// Lines of documents, right and wrong, from which texts are put together.
fn lines() -> impl Strategy<Value = String> {
    let line = prop::sample::select(vec![
        "apiVersion: kubeadm.k8s.io/v1beta4",
        "apiVersion: kubeadm.k8s.io/v1beta3",
        "kind: InitConfiguration",
        "kind: ClusterConfiguration",
        "kind: JoinConfiguration",
        "kind: ResetConfiguration",
        "---",
        "networking:",
        "  podSubnet: 10.244.0.0/16,fd00::/56",
        "  serviceSubnet: ::/0",
        "apiServer:",
        "  extraArgs:",
        "  - name: a",
        "    value: b",
        "    c: d",
        "localAPIEndpoint: {advertiseAddress: \"::1\", bindPort: -5}",
        "nodeRegistration: {taints: [{}], name: ä, criSocket: x}",
        "bootstrapTokens: [{}]",
        "discovery: {bootstrapToken: {}, timeout: 5m}",
        "controlPlane: {}",
        "kubernetesVersion: stable-1",
        "etcd: {external: {endpoints: [\"\"]}}",
        "unmountFlags: [a]",
        "<<: *a",
        "? {a: b}",
    ]);
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,80}", lines in lines()) {
        for text in [text, lines] {
            let documents = Documents::parse(&text);
            if let Ok(documents) = documents {
                let _ = documents.clone().into_init(&host(), None);
                let _ = documents.clone().into_join(&host());
                let _ = documents.into_reset(&host());
            }
            let _ = migrate(&text, &host(), None);
        }
    }

    #[test]
    fn printing_and_reading_is_the_identity(
        name in "[a-z]([-a-z0-9]{0,10}[a-z0-9])?",
        v6 in any::<bool>(),
        pods in 16u8..24,
        sans in prop::collection::vec("[A-Za-z]{1,8}\\.example", 0..3),
        args in prop::collection::vec(("[a-z][a-z-]{0,12}", "[ -~äß\\n]{0,90}"), 0..4),
        description in "[ -~ä€\\n\\t]{0,90}",
        seconds in 1i64..100_000,
        secret in "[a-z0-9]{16}",
        taints in prop::option::of(0usize..3),
    ) {
        let (address, pod_subnet, services) = if v6 {
            ("2001:db8::1", format!("fd00::/{}", pods + 32), "fd01::/112")
        } else {
            ("192.0.2.1", format!("10.244.0.0/{pods}"), "10.96.0.0/12")
        };
        let mut builder = InitConfig::builder("v1.36.2")
            .advertise_address(address.parse().unwrap())
            .node_name(&name)
            .pod_subnet(pod_subnet.parse().unwrap())
            .service_subnet(services.parse().unwrap())
            .certificate_validity(k8sboot_core::time::GoDuration::from_seconds(seconds))
            .bootstrap_token(&format!("abcdef.{secret}").parse().unwrap())
            .edit(|init, _| init.bootstrap_tokens[0].description = description.clone());
        for san in &sans {
            builder = builder.api_server_san(san);
        }
        for (name, value) in &args {
            builder = builder.api_server_arg(name, value).kubelet_arg(name, value);
        }
        if let Some(count) = taints {
            let taint = k8sboot_core::config::v1beta4::Taint { key: "a".into(), effect: "NoExecute".into(), ..Default::default() };
            builder = builder.taints(vec![taint; count]);
        }
        let built = builder.build(&host()).unwrap();
        let init_text = serde_json::to_value(built.init()).unwrap();
        let mut init_text = init_text;
        init_text["apiVersion"] = "kubeadm.k8s.io/v1beta4".into();
        init_text["kind"] = "InitConfiguration".into();
        let text = format!(
            "{}---\n{}",
            k8sboot_core::manifest::yaml::to_yaml(&init_text),
            cluster_configuration_yaml(&built)
        );
        let read = init(&text);
        prop_assert_eq!(read.init(), built.init());
        prop_assert_eq!(read.cluster(), built.cluster());
        prop_assert_eq!(migrated(&text), text);
    }
}
