//! Manifests, kubelet files, patches and images against kubeadm's own files, and the rules beyond them.

use k8sboot_core::{
    config::{Documents, InitConfig},
    facts::NodeFacts,
    manifest::{PatchSet, RenderOptions, images, kubelet, static_pods, yaml},
};
use serde_json::{Value, json};

use crate::support::{CASES, fixture};

/// The configuration of a reference case on the host that it was made on.
fn case(name: &str) -> InitConfig {
    let host = fixture(&format!("cases/{name}/host.env"));
    let host = host.lines().find_map(|line| line.strip_prefix("HOST_NAME=")).expect("HOST_NAME");
    config(&fixture(&format!("cases/{name}/config.yaml")), debian(host))
}

/// The host on which the reference cases were made.
fn debian(host_name: &str) -> NodeFacts {
    let mut facts = NodeFacts::named(host_name);
    facts.ca_directories =
        ["/etc/ca-certificates", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates"]
            .map(str::to_owned)
            .to_vec();
    facts
}

fn config(text: &str, facts: NodeFacts) -> InitConfig {
    Documents::parse(text).unwrap().into_init(&facts, None).unwrap()
}

#[test]
fn static_pods_equal_kubeadms() {
    for name in CASES {
        let pods = static_pods(&case(name), &RenderOptions::default()).unwrap();
        let expected = if name == "external-etcd" { 3 } else { 4 };
        assert_eq!(pods.len(), expected, "{name}");
        for pod in pods {
            let file = format!("manifests/{}.yaml", pod.component);
            assert_eq!(pod.object.to_yaml(), fixture(&format!("cases/{name}/{file}")), "{name} {file}");
        }
    }
}

#[test]
fn images_equal_kubeadms() {
    for name in CASES {
        assert_eq!(
            images(&case(name)).join("\n") + "\n",
            fixture(&format!("cases/{name}/images.txt")),
            "{name}"
        );
    }
}

#[test]
fn kubelet_files_equal_kubeadms() {
    for name in CASES {
        let config = case(name);
        let node = kubelet::node_config_yaml(&config, &PatchSet::none()).unwrap();
        assert_eq!(node, fixture(&format!("cases/{name}/kubelet-config.yaml")), "{name}");
        assert_eq!(
            kubelet::instance_config_yaml(&config),
            fixture(&format!("cases/{name}/instance-config.yaml")),
            "{name}"
        );
        assert_eq!(
            kubelet::flags_env(&config),
            fixture(&format!("cases/{name}/kubeadm-flags.env")),
            "{name}"
        );
        let map = yaml::parse_all(&fixture(&format!(
            "cases/{name}/objects/ConfigMap.kube-system.kubelet-config.yaml"
        )))
        .unwrap();
        assert_eq!(
            Value::from(yaml::to_yaml(&kubelet::config(&config))),
            map[0]["data"]["kubelet"],
            "{name}"
        );
    }
}

/// A configuration made of parts: InitConfiguration and ClusterConfiguration without their first two lines.
fn parts(init: &str, cluster: &str) -> InitConfig {
    let version = if cluster.contains("kubernetesVersion") { "" } else { "kubernetesVersion: v1.36.2\n" };
    let address = if init.contains("localAPIEndpoint") {
        ""
    } else {
        "localAPIEndpoint: {advertiseAddress: 192.0.2.1}\n"
    };
    let text = format!(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nbootstrapTokens: [{{token: abcdef.0123456789abcdef}}]\n\
         {address}{init}\n---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n{version}{cluster}\n"
    );
    config(&text, debian("node-1"))
}

fn pod(config: &InitConfig, component: &str) -> Value {
    let pods = static_pods(config, &RenderOptions::default()).unwrap();
    let pod = pods.into_iter().find(|pod| pod.component == component);
    pod.unwrap_or_else(|| panic!("no {component}")).object.into_value()
}

fn flags(pod: &Value) -> Vec<&str> {
    let command = pod["spec"]["containers"][0]["command"].as_array().unwrap();
    command.iter().skip(1).map(|flag| flag.as_str().unwrap().strip_prefix("--").unwrap()).collect()
}

/// The values of a flag, in order.
fn flag<'a>(pod: &'a Value, name: &str) -> Vec<&'a str> {
    flags(pod)
        .into_iter()
        .filter_map(|f| f.split_once('='))
        .filter(|(n, _)| *n == name)
        .map(|(_, v)| v)
        .collect()
}

fn probe(pod: &Value) -> (Option<&str>, &Value, &Value) {
    let container = &pod["spec"]["containers"][0];
    let get = &container["livenessProbe"]["httpGet"];
    assert_eq!(get["host"], container["startupProbe"]["httpGet"]["host"]);
    (get["host"].as_str(), &get["scheme"], &container["ports"][0]["containerPort"])
}

#[test]
fn an_ipv6_node_talks_to_itself_over_ipv6() {
    let config = parts(
        "localAPIEndpoint: {advertiseAddress: \"2001:db8::1\", bindPort: 7443}",
        "networking: {serviceSubnet: \"fd00:96::/112\", podSubnet: \"fd00:10::/56\"}",
    );
    let apiserver = pod(&config, "kube-apiserver");
    assert_eq!(flag(&apiserver, "etcd-servers"), ["https://[::1]:2379"]);
    assert_eq!(flag(&apiserver, "secure-port"), ["7443"]);
    assert_eq!(probe(&apiserver), (Some("2001:db8::1"), &json!("HTTPS"), &json!(7443)));
    let annotation = "/metadata/annotations/kubeadm.kubernetes.io~1kube-apiserver.advertise-address.endpoint";
    assert_eq!(apiserver.pointer(annotation), Some(&json!("[2001:db8::1]:7443")));
    let etcd = pod(&config, "etcd");
    for (name, want) in [
        ("advertise-client-urls", "https://[2001:db8::1]:2379"),
        ("listen-client-urls", "https://[::1]:2379,https://[2001:db8::1]:2379"),
        ("listen-metrics-urls", "http://[::1]:2381"),
        ("initial-cluster", "node-1=https://[2001:db8::1]:2380"),
    ] {
        assert_eq!(flag(&etcd, name), [want]);
    }
    assert_eq!(probe(&etcd), (Some("::1"), &json!("HTTP"), &json!(2381)));
    assert_eq!(kubelet::config(&config)["clusterDNS"], json!(["fd00:96::a"]));
}

#[test]
fn overrides_reach_probes_but_not_declared_ports() {
    let config = parts(
        "timeouts: {controlPlaneComponentHealthCheck: 1m1s}",
        "controllerManager: {extraArgs: [{name: bind-address, value: 10.0.0.9}, {name: secure-port, value: \"1\"}]}
scheduler: {extraArgs: [{name: bind-address, value: 0.0.0.0}]}
apiServer: {extraArgs: [{name: secure-port, value: \"9443\"}, {name: authorization-config, value: /a.yaml}]}
etcd: {local: {extraArgs: [{name: listen-metrics-urls, value: \"https://m.local:99,http://x:1\"}, {name: advertise-client-urls, value: \"https://a:1,https://b:2\"}]}}",
    );
    let manager = pod(&config, "kube-controller-manager");
    assert_eq!(probe(&manager), (Some("10.0.0.9"), &json!("HTTPS"), &json!(10257)));
    assert_eq!(probe(&pod(&config, "kube-scheduler")), (None, &json!("HTTPS"), &json!(10259)));
    let apiserver = pod(&config, "kube-apiserver");
    assert_eq!(probe(&apiserver), (Some("192.0.2.1"), &json!("HTTPS"), &json!(6443)));
    assert_eq!(flag(&apiserver, "secure-port"), ["9443"]);
    assert_eq!(flag(&apiserver, "authorization-mode"), [""; 0]);
    assert_eq!(flag(&apiserver, "etcd-servers"), ["https://a:1,https://b:2"]);
    assert_eq!(apiserver["spec"]["containers"][0]["startupProbe"]["failureThreshold"], json!(7));
    let etcd = pod(&config, "etcd");
    assert_eq!(probe(&etcd), (Some("m.local"), &json!("HTTPS"), &json!(99)));
    let annotation = "/metadata/annotations/kubeadm.kubernetes.io~1etcd.advertise-client-urls";
    assert_eq!(etcd.pointer(annotation), Some(&json!("https://192.0.2.1:2379")));
}

#[test]
fn directories_registries_and_external_etcd_are_followed() {
    let config = parts(
        "",
        "certificatesDir: /srv/pki/
imageRepository: registry.local:5000/k8s
dns: {imageRepository: registry.k8s.io, imageTag: v9}
etcd: {external: {endpoints: [\"http://10.0.0.1:2379\", \"http://10.0.0.2:2379\"]}}",
    );
    let apiserver = pod(&config, "kube-apiserver");
    assert_eq!(flag(&apiserver, "client-ca-file"), ["/srv/pki/ca.crt"]);
    assert_eq!(flag(&apiserver, "etcd-servers"), ["http://10.0.0.1:2379,http://10.0.0.2:2379"]);
    for name in ["etcd-cafile", "etcd-certfile", "etcd-keyfile"] {
        assert_eq!(flag(&apiserver, name), [""; 0]);
    }
    let volumes = apiserver["spec"]["volumes"].as_array().unwrap();
    let certs = volumes.iter().find(|volume| volume["name"] == "k8s-certs").unwrap();
    assert_eq!(certs["hostPath"]["path"], "/srv/pki/");
    assert_eq!(apiserver["spec"]["containers"][0]["image"], "registry.local:5000/k8s/kube-apiserver:v1.36.2");
    let images = images(&config);
    assert_eq!(images[4..], ["registry.k8s.io/coredns/coredns:v9", "registry.local:5000/k8s/pause:3.10.2"]);
    assert_eq!(static_pods(&config, &RenderOptions::default()).unwrap().len(), 3);
}

#[test]
fn directories_are_mounted_as_written_and_used_in_their_shortest_form() {
    let config =
        parts("", "certificatesDir: /etc/kubernetes//pki2/\netcd: {local: {dataDir: /var/lib/a/../etcd2/}}");
    assert_eq!(config.certificates_dir(), "/etc/kubernetes/pki2");
    assert_eq!(config.etcd_data_dir(), Some("/var/lib/etcd2"));
    let etcd = pod(&config, "etcd");
    assert_eq!(flag(&etcd, "data-dir"), ["/var/lib/a/../etcd2/"]);
    assert_eq!(flag(&etcd, "cert-file"), ["/etc/kubernetes/pki2/etcd/server.crt"]);
    let paths: Vec<&Value> =
        etcd["spec"]["volumes"].as_array().unwrap().iter().map(|v| &v["hostPath"]["path"]).collect();
    assert_eq!(paths, ["/etc/kubernetes//pki2//etcd", "/var/lib/a/../etcd2/"]);
    let api_server = pod(&config, "kube-apiserver");
    assert_eq!(flag(&api_server, "tls-cert-file"), ["/etc/kubernetes/pki2/apiserver.crt"]);
}

#[test]
fn without_its_gate_the_runtime_endpoint_is_a_flag() {
    let config = parts("", "featureGates: {NodeLocalCRISocket: false}");
    assert!(!kubelet::has_instance_config(&config));
    let socket = "unix:///var/run/containerd/containerd.sock";
    assert!(kubelet::flags_env(&config).contains(&format!("\"--container-runtime-endpoint={socket}")));
    let node = kubelet::node_config_yaml(&config, &PatchSet::none()).unwrap();
    assert!(node.contains("containerRuntimeEndpoint: \"\"\n"), "{node}");
    assert!(kubelet::has_instance_config(&parts("", "")));
}

#[test]
fn options_change_what_they_say() {
    let config = parts("", "networking: {podSubnet: 10.0.0.0/16}");
    let members = vec![
        ("a".to_owned(), "https://10.0.0.1:2380".to_owned()),
        ("b".to_owned(), "https://10.0.0.2:2380".to_owned()),
    ];
    let pods = static_pods(&config, &RenderOptions { external_ca: true, etcd_members: members }).unwrap();
    let etcd = pods[0].object.as_value();
    assert_eq!(flag(etcd, "initial-cluster"), ["a=https://10.0.0.1:2380,b=https://10.0.0.2:2380"]);
    assert_eq!(flag(etcd, "initial-cluster-state"), ["existing"]);
    let manager = pods[2].object.as_value();
    assert_eq!(flag(manager, "cluster-signing-cert-file"), [""]);
    assert_eq!(flag(manager, "cluster-signing-key-file"), [""]);
    let error =
        static_pods(&parts("", "featureGates: {RootlessControlPlane: true}"), &RenderOptions::default());
    assert!(error.unwrap_err().to_string().contains("featureGates.RootlessControlPlane"));
}

#[test]
fn each_minor_is_rendered_as_its_own_kubeadm_does() {
    for (version, ports, number_ports, flexvolume, order, instance) in [
        ("v1.33.4", false, true, true, ["a=9", "advertise-address=192.0.2.1"], "\"\""),
        ("v1.34.1", true, false, true, ["a=9", "advertise-address=192.0.2.1"], "unix:///run/c.sock"),
        ("v1.35.0", true, false, true, ["a=9", "advertise-address=192.0.2.1"], "unix:///run/c.sock"),
        (
            "v1.36.2",
            true,
            false,
            false,
            ["advertise-address=192.0.2.1", "allow-privileged=true"],
            "unix:///run/c.sock",
        ),
        (
            "v1.37.0",
            true,
            false,
            false,
            ["advertise-address=192.0.2.1", "allow-privileged=true"],
            "unix:///run/c.sock",
        ),
    ] {
        let config = parts(
            "nodeRegistration: {criSocket: \"unix:///run/c.sock\"}",
            &format!("kubernetesVersion: {version}\napiServer: {{extraArgs: [{{name: a, value: \"9\"}}]}}"),
        );
        let apiserver = pod(&config, "kube-apiserver");
        let container = &apiserver["spec"]["containers"][0];
        assert_eq!(container.get("ports").is_some(), ports, "{version}");
        assert_eq!(container["livenessProbe"]["httpGet"]["port"].is_number(), number_ports, "{version}");
        assert_eq!(flags(&apiserver)[..2], order, "{version}");
        let manager = pod(&config, "kube-controller-manager").to_string();
        assert_eq!(manager.contains("flexvolume-dir"), flexvolume, "{version}");
        let node = kubelet::node_config_yaml(&config, &PatchSet::none()).unwrap();
        assert!(node.contains(&format!("\ncontainerRuntimeEndpoint: {instance}\n")), "{version}: {node}");
    }
    let old = parts("", "etcd: {local: {imageTag: 3.4.30}}");
    let etcd = pod(&old, "etcd");
    assert_eq!(flag(&etcd, "experimental-initial-corrupt-check"), ["true"]);
    assert_eq!(flag(&etcd, "feature-gates").len() + flag(&etcd, "watch-progress-notify-interval").len(), 0);
}

#[test]
fn the_users_kubelet_settings_are_kept_normalised_and_warned_about() {
    let config = parts(
        "",
        "---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
clusterDNS: [169.254.20.10]
authentication: {anonymous: {enabled: true}, webhook: {cacheTTL: 90s}}
rotateCertificates: false
readOnlyPort: 0
maxPods: 0
enforceNodeAllocatable: []
cgroupDriver: cgroupfs
resolvConf: \"\"
syncFrequency: 1m
crashLoopBackOff: {maxContainerRestartPeriod: 100s}
logging: {format: json, flushFrequency: 5000000000}
reservedMemory: [{numaNode: 0, limits: {memory: 1024Mi}}]
failSwapOn: false",
    );
    let got = kubelet::config(&config);
    for (pointer, want) in [
        ("/clusterDNS", json!(["169.254.20.10"])),
        ("/authentication/anonymous/enabled", json!(true)),
        ("/authentication/webhook", json!({"cacheTTL": "1m30s", "enabled": true})),
        ("/rotateCertificates", json!(true)),
        ("/readOnlyPort", Value::Null),
        ("/maxPods", Value::Null),
        ("/enforceNodeAllocatable", Value::Null),
        ("/cgroupDriver", json!("cgroupfs")),
        ("/resolvConf", json!("")),
        ("/syncFrequency", json!("1m0s")),
        ("/crashLoopBackOff", json!({"maxContainerRestartPeriod": "1m40s"})),
        ("/logging/flushFrequency", json!(5_000_000_000u64)),
        ("/logging/options", json!({"text": {"infoBufferSize": "0"}, "json": {"infoBufferSize": "0"}})),
        ("/reservedMemory", json!([{"numaNode": 0, "limits": {"memory": "1Gi"}}])),
        ("/failSwapOn", json!(false)),
    ] {
        assert_eq!(got.pointer(pointer).unwrap_or(&Value::Null), &want, "{pointer}");
    }
    assert_eq!(
        kubelet::warnings(&config),
        [
            "The recommended value for \"clusterDNS\" in \"KubeletConfiguration\" is: [10.96.0.10]; the provided value is: [169.254.20.10]",
            "The recommended value for \"authentication.anonymous.enabled\" in \"KubeletConfiguration\" is: false; the provided value is: true",
        ]
    );
    let mut facts = debian("node-1");
    facts.systemd_resolved = true;
    let text = fixture("cases/minimal/config.yaml");
    let resolved = "/run/systemd/resolve/resolv.conf";
    assert_eq!(kubelet::config(&self::config(&text, facts))["resolvConf"], resolved);
}

#[test]
fn patches_reach_pods_and_the_nodes_kubelet_only() {
    let config = case("seed");
    let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
    let patches = PatchSet::from_files([
        file(
            "kube-apiserver0.yaml",
            "spec: {containers: [{name: kube-apiserver, resources: {limits: {cpu: 2000m}}}]}",
        ),
        file("kube-apiserver1+json.yaml", "- {op: add, path: /spec/containers/0/command/-, value: --v=5}"),
        file("kubeletconfiguration.yaml", "maxPods: 99\ncontainerRuntimeEndpoint: unix:///ignored\n"),
    ])
    .unwrap();
    let mut pod = pod(&config, "kube-apiserver");
    assert_eq!(patches.apply("kube-apiserver", &mut pod).unwrap().len(), 2);
    assert_eq!(flags(&pod).last(), Some(&"v=5"));
    assert_eq!(
        pod["spec"]["containers"][0]["resources"],
        json!({"requests": {"cpu": "250m"}, "limits": {"cpu": "2"}})
    );
    let node = kubelet::node_config_yaml(&config, &patches).unwrap();
    assert!(
        node.contains("maxPods: 99\n")
            && node.contains("containerRuntimeEndpoint: unix:///var/run/containerd/containerd.sock\n")
    );
    assert!(kubelet::config(&config).get("maxPods").is_none());
}
