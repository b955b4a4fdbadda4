//! What is refused: with which code, field and place, and with what advice.

use k8sboot_core::{
    config::{Documents, migrate},
    error::{Code, Problem},
};

use super::{both, errors, host, init};

#[test]
#[rustfmt::skip] // One row per rule.
fn refuses_bad_values_and_says_which() {
    use Code as C;
    for (init_lines, cluster_lines, field, code, said) in [
        ("", "networking: {podSubnet: 10.244.0.0}", "networking.podSubnet", C::CONFIG_VALUE, "add the length"),
        ("", "networking: {podSubnet: '10.244.0.0/16, fd00::/56'}", "networking.podSubnet", C::CONFIG_VALUE, "no blanks"),
        ("", "networking: {podSubnet: '10.244.0.0/16,10.245.0.0/16'}", "networking.podSubnet", C::CONFIG_VALUE, "same family"),
        ("", "networking: {podSubnet: 10.244.0.0/29}", "networking.podSubnet", C::CONFIG_VALUE, "at least 14"),
        ("", "networking: {podSubnet: 10.244.0.0/25}", "networking.podSubnet", C::CONFIG_VALUE, "/24"),
        ("", "networking: {podSubnet: 10.0.0.0/7}", "networking.podSubnet", C::CONFIG_VALUE, "/8 or longer"),
        ("", "networking: {podSubnet: 10.100.0.0/16}", "networking.podSubnet", C::CONFIG_CONFLICT, "share no address"),
        ("", "networking: {podSubnet: 'fd00::/56,10.244.0.0/16'}", "networking.podSubnet", C::CONFIG_CONFLICT, "same order"),
        ("", "networking: {podSubnet: 192.0.0.0/16}", "localAPIEndpoint.advertiseAddress", C::CONFIG_CONFLICT, "within pods"),
        ("", "networking: {serviceSubnet: 192.0.2.0/24}", "localAPIEndpoint.advertiseAddress", C::CONFIG_CONFLICT, "within services"),
        ("", "networking: {serviceSubnet: 10.0.0.0/11}", "networking.serviceSubnet", C::CONFIG_VALUE, "/12"),
        ("", "networking: {serviceSubnet: 10.96.0.0/29}", "networking.serviceSubnet", C::CONFIG_VALUE, "at least 10"),
        ("", "networking: {serviceSubnet: 'fd00::/108'}", "networking.serviceSubnet", C::CONFIG_CONFLICT, "IPv4 service subnet first"),
        ("", "networking: {serviceSubnet: 'a,b,c'}", "networking.serviceSubnet", C::CONFIG_VALUE, "CIDR"),
        ("", "networking: {dnsDomain: Cluster.local}", "networking.dnsDomain", C::CONFIG_VALUE, "cluster.local"),
        ("", "controlPlaneEndpoint: https://a:6443", "controlPlaneEndpoint", C::CONFIG_VALUE, "scheme"),
        ("", "controlPlaneEndpoint: Api.example", "controlPlaneEndpoint", C::CONFIG_VALUE, "lower case"),
        ("", "controlPlaneEndpoint: a:70000", "controlPlaneEndpoint", C::CONFIG_VALUE, "65535"),
        ("", "apiServer: {certSANs: [ok.example, 'a,b']}", "apiServer.certSANs[1]", C::CONFIG_VALUE, "one name per list item"),
        ("", "etcd: {local: {serverCertSANs: [A]}}", "etcd.local.serverCertSANs[0]", C::CONFIG_VALUE, "lower-case"),
        ("", "etcd: {local: {dataDir: data}}", "etcd.local.dataDir", C::CONFIG_VALUE, "/"),
        ("", "etcd: {local: {}, external: {endpoints: ['https://a:2379']}}", "etcd", C::CONFIG_CONFLICT, "both"),
        ("", "etcd: {external: {}}", "etcd.external.endpoints", C::CONFIG_MISSING, "2379"),
        ("", "etcd: {external: {endpoints: ['http://a:2379'], caFile: /ca}}", "etcd.external.endpoints[0]", C::CONFIG_VALUE, "https"),
        ("", "etcd: {external: {endpoints: ['https://a:2379'], caFile: /ca, certFile: /c}}", "etcd.external.keyFile", C::CONFIG_MISSING, "both or neither"),
        ("", "etcd: {external: {endpoints: ['https://a:2379'], keyFile: /k, certFile: /c}}", "etcd.external.caFile", C::CONFIG_MISSING, "CA"),
        ("", "etcd: {external: {endpoints: ['a:1']}}", "etcd.external.endpoints[0]", C::CONFIG_VALUE, "https://"),
        ("", "certificatesDir: pki", "certificatesDir", C::CONFIG_VALUE, "/"),
        ("", "imageRepository: https://registry.example.com", "imageRepository", C::CONFIG_VALUE, "scheme"),
        ("", "imageRepository: registry.example.com/k8s:v1", "imageRepository", C::CONFIG_VALUE, "tag"),
        ("", "encryptionAlgorithm: RSA2048", "encryptionAlgorithm", C::CONFIG_VALUE, "\"RSA-2048\""),
        ("", "certificateValidityPeriod: 0s", "certificateValidityPeriod", C::CONFIG_VALUE, "expired"),
        ("", "featureGates: {PublicKeysEcdsa: true}", "featureGates.PublicKeysEcdsa", C::CONFIG_VALUE, "PublicKeysECDSA"),
        ("", "kubernetesVersion: v1.32.9", "kubernetesVersion", C::CONFIG_VALUE, "v1.33.0"),
        ("", "kubernetesVersion: ci/latest", "kubernetesVersion", C::CONFIG_VALUE, "label"),
        ("", "apiServer: {extraArgs: [{name: --v, value: '4'}]}", "apiServer.extraArgs[0].name", C::CONFIG_VALUE, "without dashes"),
        ("", "scheduler: {extraArgs: [{value: '4'}]}", "scheduler.extraArgs[0].name", C::CONFIG_MISSING, "name"),
        ("", "scheduler: {extraVolumes: [{name: a, hostPath: /a, mountPath: /a, pathType: Dir}]}", "scheduler.extraVolumes[0].pathType", C::CONFIG_VALUE, "Directory"),
        ("", "scheduler: {extraVolumes: [{name: a, hostPath: /a}]}", "scheduler.extraVolumes[0].mountPath", C::CONFIG_MISSING, "nothing"),
        ("", "controllerManager: {extraArgs: [{name: node-cidr-mask-size-ipv4, value: x}]}\nnetworking: {podSubnet: 10.244.0.0/16}", "controllerManager.extraArgs[0].value", C::CONFIG_VALUE, "at most 32"),
        ("localAPIEndpoint: {advertiseAddress: '192.0.2.1,2001:db8::1'}", "", "localAPIEndpoint.advertiseAddress", C::CONFIG_VALUE, "certSANs"),
        ("localAPIEndpoint: {advertiseAddress: host.example}", "", "localAPIEndpoint.advertiseAddress", C::CONFIG_VALUE, "not a name"),
        ("localAPIEndpoint: {advertiseAddress: 127.0.0.1}", "", "localAPIEndpoint.advertiseAddress", C::CONFIG_VALUE, "loopback"),
        ("localAPIEndpoint: {advertiseAddress: 'fe80::1'}", "", "localAPIEndpoint.advertiseAddress", C::CONFIG_VALUE, "link-local"),
        ("localAPIEndpoint: {advertiseAddress: 0.0.0.0}", "", "localAPIEndpoint.advertiseAddress", C::CONFIG_VALUE, "reach"),
        ("localAPIEndpoint: {advertiseAddress: '2001:db8::1'}", "", "localAPIEndpoint.advertiseAddress", C::CONFIG_CONFLICT, "IPv6 service subnet first"),
        ("localAPIEndpoint: {advertiseAddress: 192.0.2.1, bindPort: 70000}", "", "localAPIEndpoint.bindPort", C::CONFIG_VALUE, "65535"),
        ("nodeRegistration: {name: node_1}", "", "nodeRegistration.name", C::CONFIG_VALUE, "RFC 1123"),
        ("nodeRegistration: {criSocket: 'tcp://a'}", "", "nodeRegistration.criSocket", C::CONFIG_VALUE, "unix://"),
        ("nodeRegistration: {imagePullPolicy: ifNotPresent}", "", "nodeRegistration.imagePullPolicy", C::CONFIG_VALUE, "\"IfNotPresent\""),
        ("nodeRegistration: {taints: [{key: a, effect: NoSchedul}]}", "", "nodeRegistration.taints[0].effect", C::CONFIG_VALUE, "\"NoSchedule\""),
        ("nodeRegistration: {ignorePreflightErrors: [all, Swap]}", "", "nodeRegistration.ignorePreflightErrors", C::CONFIG_CONFLICT, "alone"),
        ("nodeRegistration: {kubeletExtraArgs: [{name: node-ip, value: 10.96.0.5}]}", "", "nodeRegistration.kubeletExtraArgs[0].value", C::CONFIG_CONFLICT, "within services"),
        ("bootstrapTokens: [{token: short}]", "", "bootstrapTokens[0].token", C::CONFIG_VALUE, "found 5 characters"),
        ("bootstrapTokens: [{token: abcdef.0123456789abcdef, usages: [sign]}]", "", "bootstrapTokens[0].usages[0]", C::CONFIG_VALUE, "signing"),
        ("bootstrapTokens: [{token: abcdef.0123456789abcdef, usages: [signing]}]", "", "bootstrapTokens[0].usages", C::CONFIG_CONFLICT, "authentication"),
        ("bootstrapTokens: [{token: abcdef.0123456789abcdef, groups: ['system:masters']}]", "", "bootstrapTokens[0].groups[0]", C::CONFIG_VALUE, "system:bootstrappers:"),
        ("bootstrapTokens: [{token: abcdef.0123456789abcdef}, {token: abcdef.0123456789abcdee}]", "", "bootstrapTokens[1].token", C::CONFIG_DUPLICATE, "once"),
        ("bootstrapTokens: [{token: abcdef.0123456789abcdef, expires: tomorrow}]", "", "bootstrapTokens[0].expires", C::CONFIG_VALUE, "a time"),
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
#[rustfmt::skip] // One row per rule.
fn refuses_bad_shapes_and_says_where() {
    use Code as C;
    let v4 = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n";
    for (text, field, line, column, code, said) in [
        ("".to_owned(), "", 0, 0, C::CONFIG_MISSING, "an empty text"),
        ("a: [".to_owned(), "a", 1, 4, C::CONFIG_SYNTAX, "unclosed"),
        ("just text".to_owned(), "", 1, 1, C::CONFIG_TYPE, "a mapping"),
        ("kind: InitConfiguration".to_owned(), "apiVersion", 1, 1, C::CONFIG_MISSING, "kubeadm.k8s.io/v1beta4"),
        ("apiVersion: 5\nkind: x".to_owned(), "apiVersion", 1, 13, C::CONFIG_TYPE, "text"),
        (v4.replace("kind: ClusterConfiguration", "kind: Clusterconfiguration"), "", 1, 1, C::CONFIG_KIND, "\"ClusterConfiguration\""),
        (v4.replace("v1beta4", "v1beta2"), "", 1, 1, C::CONFIG_KIND, "kubeadm v1.22"),
        (v4.replace("v1beta4", "v1alpha2"), "", 1, 1, C::CONFIG_KIND, "kubeadm v1.12"),
        (v4.replace("v1beta4", "v1beta5"), "", 1, 1, C::CONFIG_KIND, "\"v1beta4\""),
        (v4.replace("kubeadm.k8s.io", "kubeadm.k8s.oi"), "", 1, 1, C::CONFIG_KIND, "kubeadm.k8s.io/v1beta4"),
        (v4.replace("kubeadm.k8s.io/", ""), "", 1, 1, C::CONFIG_KIND, "write apiVersion"),
        ("apiVersion: v1\nkind: Pod\n".to_owned(), "", 1, 1, C::CONFIG_KIND, "apply them later"),
        ("apiVersion: kubelet.config.k8s.io/v1\nkind: KubeletConfiguration\n".to_owned(), "", 1, 1, C::CONFIG_KIND, "kubelet.config.k8s.io/v1beta1"),
        (format!("{v4}---\n{v4}"), "", 4, 1, C::CONFIG_DUPLICATE, "line 1"),
        (format!("{v4}clusterName: a\nclusterName: b\n"), "clusterName", 4, 1, C::CONFIG_DUPLICATE, "line 3"),
        (format!("{v4}kubernetesVersion: 1.36\n"), "kubernetesVersion", 3, 20, C::CONFIG_TYPE, "put it in quotes"),
        (format!("{v4}clusterNmae: a\n"), "clusterNmae", 3, 1, C::CONFIG_UNKNOWN_FIELD, "\"clusterName\""),
        (format!("{v4}podSubnet: a\n"), "podSubnet", 3, 1, C::CONFIG_UNKNOWN_FIELD, "networking.podSubnet"),
        (format!("{v4}advertiseAddress: a\n"), "advertiseAddress", 3, 1, C::CONFIG_UNKNOWN_FIELD, "localAPIEndpoint.advertiseAddress is a field of InitConfiguration"),
        (format!("{v4}cgroupDriver: systemd\n"), "cgroupDriver", 3, 1, C::CONFIG_UNKNOWN_FIELD, "KubeletConfiguration"),
        (format!("{v4}apiServer:\n  timeoutForControlPlane: 4m\n"), "apiServer.timeoutForControlPlane", 4, 3, C::CONFIG_UNKNOWN_FIELD, "timeouts.controlPlaneComponentHealthCheck"),
        (format!("{v4}apiServer:\n  extraArgs:\n    v: \"4\"\n"), "apiServer.extraArgs", 5, 5, C::CONFIG_TYPE, "- name: v"),
        (format!("{v4}apiServer:\n  extraArgs:\n  - name: v\n    value: 4\n"), "apiServer.extraArgs[0].value", 6, 12, C::CONFIG_TYPE, "the number 4"),
        (format!("{v4}apiServer: {{certSANs: a.example}}\n"), "apiServer.certSANs", 3, 23, C::CONFIG_TYPE, "dash"),
        (format!("{v4}apiServer: {{certSANs: [null]}}\n"), "apiServer.certSANs[0]", 3, 24, C::CONFIG_TYPE, "null"),
        (format!("{v4}proxy: {{disabled: \"true\"}}\n"), "proxy.disabled", 3, 19, C::CONFIG_TYPE, "quotes"),
        (format!("{v4}certificateValidityPeriod: 365d\n"), "certificateValidityPeriod", 3, 28, C::CONFIG_TYPE, "duration"),
        (format!("{v4}networking: [a]\n"), "networking", 3, 13, C::CONFIG_TYPE, "serviceSubnet"),
        (v4.replace("v1beta4", "v1beta3") + "encryptionAlgorithm: RSA-2048\n", "encryptionAlgorithm", 3, 1, C::CONFIG_UNKNOWN_FIELD, "v1beta4"),
        (v4.replace("v1beta4", "v1beta3").replace("Cluster", "Reset"), "", 1, 1, C::CONFIG_KIND, "it came with"),
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
