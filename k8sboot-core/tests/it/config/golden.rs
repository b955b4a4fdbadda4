//! What kubeadm accepts, with the result that kubeadm has.

use k8sboot_core::{
    config::{
        DefaultsKind, Discovery, Documents, EncryptionAlgorithm, InitConfig, cluster_configuration_yaml,
        migrate, print_defaults, v1beta4::SecretText,
    },
    error::Code,
    facts::NodeFacts,
};

use super::{both, host, init, migrated};
use crate::support::{CASES, fixture};

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
fn unspecified_addresses_stand_for_the_hosts_own_of_that_family() {
    let mut host = NodeFacts::named("a");
    host.default_addresses = vec!["192.0.2.7".parse().unwrap(), "2001:db8::7".parse().unwrap()];
    for (given, services, want) in
        [("0.0.0.0", "10.96.0.0/12", "192.0.2.7"), ("'::'", "fd00::/112", "2001:db8::7")]
    {
        let text = both(
            &format!("localAPIEndpoint: {{advertiseAddress: {given}}}"),
            &format!("networking: {{serviceSubnet: '{services}'}}"),
        );
        let config = Documents::parse(&text).unwrap().into_init(&host, None).unwrap();
        assert_eq!(config.advertise_address().to_string(), want);
    }
}

#[test]
fn json_is_read_with_places_too() {
    let text = "{\n\t\"apiVersion\": \"kubeadm.k8s.io/v1beta4\",\n\t\"kind\": \"ClusterConfiguration\",\n\
                \t\"kubernetesVersion\": \"v1.36.2\",\n\t\"networking\": {\"podSubnet\": \"10.96.0.0/16\"}\n}\n";
    let mut host = host();
    host.default_addresses = vec!["192.0.2.7".parse().unwrap()];
    let errors = Documents::parse(text).unwrap().into_init(&host, None).unwrap_err();
    let [error] = errors.as_slice() else { panic!("{errors}") };
    assert_eq!((error.field.as_str(), error.line, error.column), ("networking.podSubnet", 5, 30));
    assert!(
        Documents::parse(&text.replace("10.96.0.0", "10.244.0.0")).unwrap().into_init(&host, None).is_ok()
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
            "imageRepository: Registry.local:5000/k8s",
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
        ("", "etcd: {external: {endpoints: ['unix:///run/etcd.sock']}}"),
        (
            "localAPIEndpoint: {advertiseAddress: 192.0.2.10}",
            "networking: {serviceSubnet: 'fd00::/108'}\napiServer: {extraArgs: [{name: endpoint-reconciler-type, value: none}]}",
        ),
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
    let config = init(&both("localAPIEndpoint: {advertiseAddress: 010.001.002.003}", ""));
    assert_eq!(config.init().local_api_endpoint.advertise_address, "10.1.2.3");
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
