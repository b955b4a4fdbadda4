//! API objects against what kubeadm 1.36.2 sends, and what changes with the configuration.

use std::{collections::BTreeSet, fs};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use k8sboot_core::{
    config::{Documents, InitConfig},
    entropy::Seeded,
    facts::NodeFacts,
    manifest::{
        Object, PatchSet,
        addon::{coredns, kube_proxy},
        cluster::{self, ObjectInputs, StagedObject, UploadedCerts},
        node, yaml,
    },
    pki::upload::{self, Entry, Owner},
    secret::SecretBytes,
    time::Timestamp,
    token::BootstrapToken,
};
use serde_json::{Value, json};

use crate::support::{CASES, fixture, fixture_json, fixture_path};

const CA: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
/// Stands for the random token that owns uploaded certificates.
const OWNER: &str = "owner1.fedcba9876543210";
const UID: &str = "11111111-2222-3333-4444-555555555555";

pub(crate) fn now() -> Timestamp {
    "2026-11-23T03:02:02Z".parse().unwrap()
}

pub(crate) fn case(name: &str) -> InitConfig {
    config(&fixture(&format!("cases/{name}/config.yaml")))
}

pub(crate) fn config(text: &str) -> InitConfig {
    Documents::parse(text).unwrap().into_init(&NodeFacts::named("host"), None).unwrap()
}

/// A configuration with these members of ClusterConfiguration, an advertise address, and further documents.
fn with(cluster: &Value, address: &str, further: &str) -> InitConfig {
    let mut document = json!({
        "apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "ClusterConfiguration", "kubernetesVersion": "v1.36.2",
    });
    document.as_object_mut().unwrap().extend(cluster.as_object().unwrap().clone());
    let init = json!({
        "apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "InitConfiguration",
        "bootstrapTokens": [{"token": "abcdef.0123456789abcdef"}],
        "localAPIEndpoint": {"advertiseAddress": address},
    });
    config(&format!("{document}\n---\n{init}\n{further}"))
}

/// The Secrets of `--upload-certs`, in the cases that ask for it.
fn uploaded(name: &str, config: &InitConfig) -> Option<UploadedCerts> {
    fixture(&format!("cases/{name}/host.env")).contains("--upload-certs").then(|| {
        let key = config.init().certificate_key.expose().parse().unwrap();
        let token: BootstrapToken = OWNER.parse().unwrap();
        let owner = Owner { token: token.id().clone(), uid: UID.into() };
        let content = |entry: &Entry| Some(SecretBytes::from(entry.path.clone()));
        let entries = upload::entries(config.cluster());
        UploadedCerts {
            certs: upload::to_secret(&entries, content, &key, Some(&owner), &Seeded::new(b"objects"))
                .unwrap(),
            owner: upload::token_spec(token).to_secret(now()).unwrap(),
        }
    })
}

/// An object as text, encrypted values by their names.
fn text(object: &Object) -> String {
    let mut value = object.as_value().clone();
    if object.key().name == "kubeadm-certs" && object.key().kind == "Secret" {
        for (name, sealed) in value["data"].as_object_mut().unwrap() {
            *sealed = format!("<AESGCM:{name}>").into();
        }
    }
    yaml::to_yaml(&value)
}

pub(crate) fn staged(name: &str, config: &InitConfig) -> Vec<StagedObject> {
    let uploaded = uploaded(name, config);
    let mut inputs = ObjectInputs::new(CA, now());
    inputs.uploaded_certs = uploaded.as_ref();
    cluster::objects(config, &inputs).unwrap()
}

/// The golden text with its placeholders replaced by what they stand for in these tests.
fn expected(golden: &str) -> String {
    let filled: Vec<String> = golden.lines().map(fill_in).collect();
    filled.join("\n") + "\n"
}

fn fill_in(line: &str) -> String {
    let Some((before, rest)) = line.split_once('<') else { return line.to_owned() };
    let Some((placeholder, after)) = rest.split_once('>') else { return line.to_owned() };
    let (name, detail) = placeholder.split_once(':').unwrap_or((placeholder, ""));
    let (id, secret) = OWNER.split_once('.').unwrap();
    let value = match name {
        "CA_DATA" => BASE64.encode(CA),
        "EXPIRATION" => {
            let ttl = detail.strip_prefix("now+").unwrap().split(' ').next().unwrap();
            BASE64.encode(now().plus(ttl.parse().unwrap()).to_string())
        }
        "AESGCM" => return line.to_owned(),
        "RANDOM_ID" if line.contains("token-id:") => BASE64.encode(id),
        "RANDOM_ID" => id.to_owned(),
        "RANDOM_SECRET" => BASE64.encode(secret),
        "UID" => UID.to_owned(),
        other => panic!("unknown placeholder {other}"),
    };
    // Only the placeholder's own characters made the quotes necessary.
    format!("{}{value}{}", before.replace('"', ""), after.replace('"', ""))
}

#[test]
fn every_object_equals_kubeadms_byte_for_byte_and_none_is_missing_or_extra() {
    let mut wrong = Vec::new();
    for name in CASES {
        let config = case(name);
        let mut files: BTreeSet<String> = fs::read_dir(fixture_path(&format!("cases/{name}/objects")))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert!(files.len() >= 30, "{name}");
        for StagedObject { object, .. } in staged(name, &config) {
            let ours = cluster::file_name(&object);
            let theirs = ours.replace("owner1", "RANDOM_ID");
            assert!(files.remove(&theirs), "{name}: {ours} is not an object of kubeadm");
            let golden = expected(&fixture(&format!("cases/{name}/objects/{theirs}")));
            let printed = text(&object);
            if printed != golden {
                wrong.push(format!("{name}: {ours}\n--- kubeadm\n{golden}--- ours\n{printed}"));
            }
        }
        assert!(files.remove("node-patch.json"), "{name}");
        assert!(files.is_empty(), "{name}: missing {files:?}");
    }
    assert!(wrong.is_empty(), "{} objects differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_order_is_that_of_kubeadms_requests() {
    for name in CASES {
        let config = case(name);
        let mut ours = Vec::new();
        let mut patched = false;
        for StagedObject { stage, object, .. } in staged(name, &config) {
            if stage == "bootstrap-token" && !patched {
                patched = true;
                ours.push(format!("patch /api/v1/nodes/{}", config.node_name()));
            }
            ours.push(format!("create {}", collection(&object)));
        }
        let requests = fixture(&format!("cases/{name}/requests.txt"));
        let theirs: Vec<String> = requests
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .filter(|words| matches!(words.as_slice(), ["create", "201", ..] | ["patch", "200", ..]))
            .map(|words| format!("{} {}", words[0], words[3]))
            .collect();
        assert_eq!(ours, theirs, "{name}");
    }
}

fn collection(object: &Object) -> String {
    let key = object.key();
    let group = if key.api_version.contains('/') { "apis" } else { "api" };
    let namespace = key.namespace.as_ref().map(|ns| format!("namespaces/{ns}/")).unwrap_or_default();
    format!("/{group}/{}/{namespace}{}s", key.api_version, key.kind.to_lowercase())
}

#[test]
fn names_follow_in_kubeadms_order() {
    let objects = staged("ha", &case("ha"));
    let ours: Vec<String> = objects
        .iter()
        .map(|StagedObject { stage, object, .. }| {
            format!("{stage} {}/{}", object.key().kind, object.key().name)
        })
        .collect();
    let want = "\
wait-control-plane ClusterRoleBinding/kubeadm:cluster-admins
upload-config ConfigMap/kubeadm-config
upload-config Role/kubeadm:nodes-kubeadm-config
upload-config RoleBinding/kubeadm:nodes-kubeadm-config
upload-config ConfigMap/kubelet-config
upload-config Role/kubeadm:kubelet-config
upload-config RoleBinding/kubeadm:kubelet-config
upload-certs Secret/bootstrap-token-owner1
upload-certs Secret/kubeadm-certs
upload-certs Role/kubeadm:kubeadm-certs
upload-certs RoleBinding/kubeadm:kubeadm-certs
bootstrap-token Secret/bootstrap-token-ha0001
bootstrap-token ClusterRole/kubeadm:get-nodes
bootstrap-token ClusterRoleBinding/kubeadm:get-nodes
bootstrap-token ClusterRoleBinding/kubeadm:kubelet-bootstrap
bootstrap-token ClusterRoleBinding/kubeadm:node-autoapprove-bootstrap
bootstrap-token ClusterRoleBinding/kubeadm:node-autoapprove-certificate-rotation
bootstrap-token ClusterRoleBinding/kubeadm:apiserver-kubelet-client
bootstrap-token ConfigMap/cluster-info
bootstrap-token Role/kubeadm:bootstrap-signer-clusterinfo
bootstrap-token RoleBinding/kubeadm:bootstrap-signer-clusterinfo
addons ConfigMap/coredns
addons ClusterRole/system:coredns
addons ClusterRoleBinding/system:coredns
addons ServiceAccount/coredns
addons Deployment/coredns
addons Service/kube-dns
addons ConfigMap/kube-proxy
addons DaemonSet/kube-proxy
addons ServiceAccount/kube-proxy
addons ClusterRoleBinding/kubeadm:node-proxier
addons Role/kube-proxy
addons RoleBinding/kube-proxy";
    assert_eq!(ours, want.lines().collect::<Vec<_>>());
}

#[test]
fn the_node_patch_equals_kubeadms() {
    for name in CASES {
        let golden = fixture_json(&format!("cases/{name}/objects/node-patch.json"));
        let config = case(name);
        let not_ready =
            serde_json::from_value(json!({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}))
                .unwrap();
        assert_eq!(node::control_plane_patch(&config, &[not_ready]), golden["body"], "{name}");
        assert_eq!(golden["uri"], format!("/api/v1/nodes/{}", config.node_name()), "{name}");

        let mut own = golden["body"].clone();
        let taints = own["spec"]["taints"].as_array_mut().unwrap();
        taints.retain(|taint| taint["key"] != "node.kubernetes.io/not-ready");
        assert_eq!(node::control_plane_patch(&config, &[]), own, "{name}");
    }
}

#[test]
fn no_taints_leave_the_nodes_taints_alone() {
    let text = "{apiVersion: kubeadm.k8s.io/v1beta4, kind: ClusterConfiguration, kubernetesVersion: v1.36.2}\n---\n\
        {apiVersion: kubeadm.k8s.io/v1beta4, kind: InitConfiguration, nodeRegistration: {taints: []}, \
        localAPIEndpoint: {advertiseAddress: 192.0.2.10}}";
    let foreign = serde_json::from_value(json!({"key": "a", "effect": "NoExecute"})).unwrap();
    let patch = node::control_plane_patch(&config(text), &[foreign]);
    assert_eq!(patch.get("spec"), None);
    assert_eq!(patch["metadata"]["labels"].as_object().unwrap().len(), 2);
}

#[test]
fn only_1_33_names_the_runtime_on_the_node() {
    for (version, annotations) in [
        ("v1.33.1", json!({node::CRI_SOCKET: "unix:///var/run/containerd/containerd.sock"})),
        ("v1.34.1", Value::Null),
        ("v1.37.0", Value::Null),
    ] {
        let patch =
            node::control_plane_patch(&with(&json!({"kubernetesVersion": version}), "192.0.2.1", ""), &[]);
        assert_eq!(patch["metadata"]["annotations"], annotations, "{version}");
    }
}

#[test]
fn the_nodes_own_taints_are_not_doubled() {
    let config = case("minimal");
    let own = config.init().node_registration.taints.clone().unwrap();
    assert_eq!(node::control_plane_patch(&config, &own), node::control_plane_patch(&config, &[]));
}

#[test]
fn ipv6_clusters_bind_and_resolve_on_ipv6() {
    let config = with(
        &json!({"networking": {"podSubnet": "fd00:10:244::/56", "serviceSubnet": "fd00:10:96::/112"}}),
        "2001:db8::10",
        "",
    );
    assert_eq!(kube_proxy::component_config(&config)["bindAddress"], "::");
    assert_eq!(kube_proxy::component_config(&config)["clusterCIDR"], "fd00:10:244::/56");
    assert_eq!(coredns::service(&config).unwrap().as_value()["spec"]["clusterIP"], "fd00:10:96::a");
    let kubeconfig = &kube_proxy::config_map(&config).unwrap().into_value()["data"]["kubeconfig.conf"];
    assert!(kubeconfig.as_str().unwrap().contains("server: https://[2001:db8::10]:6443\n"), "{kubeconfig}");
    let info = cluster::cluster_info(&config, CA).unwrap().to_yaml();
    assert!(info.contains("server: https://[2001:db8::10]:6443\n"), "{info}");
}

#[test]
fn dual_stack_takes_the_first_service_subnet_for_dns() {
    for (pods, services, address, dns, bind) in [
        ("fd00:1::/56,10.1.0.0/16", "fd00:2::/112,10.2.0.0/16", "2001:db8::10", "fd00:2::a", "::"),
        ("10.1.0.0/16,fd00:1::/56", "10.2.0.0/16,fd00:2::/112", "192.0.2.10", "10.2.0.10", "0.0.0.0"),
    ] {
        let subnets = json!({"networking": {"podSubnet": pods, "serviceSubnet": services}});
        let config = with(&subnets, address, "");
        assert_eq!(coredns::service(&config).unwrap().as_value()["spec"]["clusterIP"], dns);
        let proxy = kube_proxy::component_config(&config);
        assert_eq!((&proxy["bindAddress"], &proxy["clusterCIDR"]), (&json!(bind), &json!(pods)));
    }
}

#[test]
fn disabled_addons_leave_no_object_behind() {
    let names = |cluster: Value| -> String {
        let config = with(&cluster, "192.0.2.10", "");
        let objects = cluster::objects(&config, &ObjectInputs::new(CA, now())).unwrap();
        let addons = objects.iter().filter(|o| o.stage == "addons");
        addons.map(|o| cluster::file_name(&o.object) + " ").collect()
    };
    let (all, no_dns) = (names(json!({})), names(json!({"dns": {"disabled": true}})));
    let (no_proxy, none) = (
        names(json!({"proxy": {"disabled": true}})),
        names(json!({"dns": {"disabled": true}, "proxy": {"disabled": true}})),
    );
    assert_eq!(all, format!("{no_proxy}{no_dns}"));
    assert!(no_dns.contains("kube-proxy") && !no_dns.contains("dns"), "{no_dns}");
    assert!(no_proxy.contains("kube-dns") && !no_proxy.contains("proxy"), "{no_proxy}");
    assert_eq!(none, "");
}

#[test]
fn images_follow_the_repositories_and_tags_of_the_configuration() {
    let none = PatchSet::none();
    for (cluster, dns, proxy) in [
        (json!({}), "registry.k8s.io/coredns/coredns:v1.14.2", "registry.k8s.io/kube-proxy:v1.36.2"),
        (
            json!({"imageRepository": "reg.example/k8s"}),
            "reg.example/k8s/coredns:v1.14.2",
            "reg.example/k8s/kube-proxy:v1.36.2",
        ),
        (
            json!({"imageRepository": "reg.example/k8s", "dns": {"imageRepository": "dns.example/x", "imageTag": "v9"}}),
            "dns.example/x/coredns:v9",
            "reg.example/k8s/kube-proxy:v1.36.2",
        ),
        (
            json!({"kubernetesVersion": "v1.36.0+build.1", "dns": {"imageTag": "v9"}}),
            "registry.k8s.io/coredns/coredns:v9",
            "registry.k8s.io/kube-proxy:v1.36.0_build.1",
        ),
    ] {
        let config = with(&cluster, "192.0.2.10", "");
        let image = |object: Object| {
            object.into_value()["spec"]["template"]["spec"]["containers"][0]["image"].clone()
        };
        assert_eq!(image(coredns::deployment(&config, &none).unwrap()), dns, "{cluster}");
        assert_eq!(image(kube_proxy::daemon_set(&config, &none).unwrap()), proxy, "{cluster}");
    }
}

#[test]
fn proxy_variables_reach_kube_proxy_sorted() {
    let mut facts = NodeFacts::named("node-1");
    let variables = [("no_proxy", "10.0.0.0/8"), ("HTTPS_PROXY", "http://p:1"), ("http_proxy", "http://p:2")];
    facts.proxy_environment = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let text = fixture("cases/minimal/config.yaml");
    let config = Documents::parse(&text).unwrap().into_init(&facts, None).unwrap();
    let object = kube_proxy::daemon_set(&config, &PatchSet::none()).unwrap().into_value();
    let env = object["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap().clone();
    assert_eq!(
        env[1..],
        [
            json!({"name": "HTTPS_PROXY", "value": "http://p:1"}),
            json!({"name": "http_proxy", "value": "http://p:2"}),
            json!({"name": "no_proxy", "value": "10.0.0.0/8"}),
        ]
    );
}

#[test]
fn the_users_kube_proxy_configuration_wins_and_is_printed_as_go_prints_it() {
    let user = "---\n{apiVersion: kubeproxy.config.k8s.io/v1alpha1, kind: KubeProxyConfiguration, \
        mode: nftables, bindAddress: 192.0.2.7, clusterCIDR: 10.9.0.0/16, configSyncPeriod: 90s, \
        conntrack: {tcpEstablishedTimeout: 3600s, min: 7}, featureGates: {}, nodePortAddresses: [primary], \
        logging: {flushFrequency: 5s, format: json, vmodule: [], options: {json: {infoBufferSize: 1024Ki}}}, \
        clientConnection: {qps: 5}}\n";
    let config = with(&json!({"networking": {"podSubnet": "10.1.0.0/16"}}), "192.0.2.10", user);
    let printed = kube_proxy::component_config(&config);
    for (pointer, want) in [
        ("/mode", json!("nftables")),
        ("/bindAddress", json!("192.0.2.7")),
        ("/clusterCIDR", json!("10.9.0.0/16")),
        ("/configSyncPeriod", json!("1m30s")),
        ("/conntrack/tcpEstablishedTimeout", json!("1h0m0s")),
        ("/conntrack/tcpCloseWaitTimeout", Value::Null),
        ("/conntrack/min", json!(7)),
        ("/conntrack/udpTimeout", json!("0s")),
        ("/nodePortAddresses", json!(["primary"])),
        ("/logging/flushFrequency", json!("5s")),
        ("/logging/format", json!("json")),
        ("/logging/options/json/infoBufferSize", json!("1Mi")),
        ("/clientConnection/qps", json!(5)),
        ("/clientConnection/kubeconfig", json!("/var/lib/kube-proxy/kubeconfig.conf")),
    ] {
        assert_eq!(printed.pointer(pointer), Some(&want), "{pointer}");
    }
    for absent in ["/featureGates", "/logging/vmodule"] {
        assert_eq!(printed.pointer(absent), None, "{absent}");
    }
    let map = kube_proxy::config_map(&config).unwrap().into_value();
    assert_eq!(map.pointer("/metadata/annotations"), None);
    let warned = |field: &str, recommended: &str, given: &str| {
        format!(
            "The recommended value for \"{field}\" in \"KubeProxyConfiguration\" is: {recommended}; \
             the provided value is: {given}"
        )
    };
    assert_eq!(
        kube_proxy::warnings(&config),
        [warned("bindAddress", "0.0.0.0", "192.0.2.7"), warned("clusterCIDR", "10.1.0.0/16", "10.9.0.0/16"),]
    );
    assert!(kube_proxy::warnings(&case("seed")).is_empty() && kube_proxy::warnings(&case("ha")).is_empty());
}

#[test]
fn a_kube_proxy_field_of_the_wrong_type_is_named() {
    for (fields, want) in [
        ("mode: 5", "mode: expected text, found the number 5"),
        ("bindAddressHardFail: x", "bindAddressHardFail: expected true or false, found the text \"x\""),
        ("iptables: 5", "iptables: expected a mapping, found the number 5"),
        ("conntrack: {min: [1]}", "conntrack.min: expected a whole number, found a list"),
        ("configSyncPeriod: 5", "configSyncPeriod: expected a duration like 1m30s, found the number 5"),
        ("nodePortAddresses: primary", "nodePortAddresses: expected a list, found the text \"primary\""),
        (
            "logging: {options: {json: {infoBufferSize: []}}}",
            "infoBufferSize: expected an amount like 64Ki, found a list",
        ),
    ] {
        let document = format!(
            "{{apiVersion: kubeproxy.config.k8s.io/v1alpha1, kind: KubeProxyConfiguration, {fields}}}\n"
        );
        let error = Documents::parse(&document).unwrap_err().to_string();
        assert!(error.ends_with(want), "{error}");
    }
}

#[test]
fn the_builder_checks_the_types_of_component_documents_too() {
    let document = json!({"maxPods": "5"}).as_object().cloned().unwrap();
    let built = InitConfig::builder("v1.36.2").kubelet(document).build(&NodeFacts::named("node-1"));
    let errors = built.unwrap_err().to_string();
    assert!(errors.contains("KubeletConfiguration: maxPods: expected a whole number"), "{errors}");
}

#[test]
fn coredns_names_its_probe_ports_since_1_34() {
    for (version, liveness, ports) in [
        ("v1.33.9", json!(8080), 3),
        ("v1.34.0", json!("liveness-probe"), 5),
        ("v1.36.2", json!("liveness-probe"), 5),
        ("v1.37.0", json!("liveness-probe"), 5),
    ] {
        let config = with(&json!({"kubernetesVersion": version}), "192.0.2.10", "");
        let object = coredns::deployment(&config, &PatchSet::none()).unwrap().into_value();
        let container = &object["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["livenessProbe"]["httpGet"]["port"], liveness, "{version}");
        assert_eq!(container["ports"].as_array().unwrap().len(), ports, "{version}");
    }
}

#[test]
fn patches_reach_the_addons_that_take_them() {
    let files = [
        ("corednsdeployment+merge.yaml", "spec: {replicas: 3}"),
        (
            "kubeproxydaemonset.yaml",
            "spec: {template: {spec: {containers: [{name: kube-proxy, resources: {requests: {cpu: 10m}}}]}}}",
        ),
    ];
    let patches =
        PatchSet::from_files(files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()))).unwrap();
    for (version, cpu) in [("v1.36.2", None), ("v1.37.0", Some("10m"))] {
        let config = with(&json!({"kubernetesVersion": version}), "192.0.2.10", "");
        let inputs = ObjectInputs::new(CA, now()).patches(&patches);
        let objects = cluster::objects(&config, &inputs).unwrap();
        let find =
            |kind: &str| objects.iter().find(|o| o.object.key().kind == kind).unwrap().object.as_value();
        assert_eq!(find("Deployment")["spec"]["replicas"], 3, "{version}");
        let container = &find("DaemonSet")["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["resources"]["requests"]["cpu"].as_str(), cpu, "{version}");
        assert_eq!(container["securityContext"]["privileged"], true, "{version}");
    }
}

#[test]
fn file_names_are_safe_on_every_file_system() {
    let object = Object::from_value(json!({
        "apiVersion": "v1", "kind": "Role", "metadata": {"name": "system:a:b", "namespace": "ns"},
    }));
    assert_eq!(cluster::file_name(&object.unwrap()), "Role.ns.system_a_b.yaml");
}

#[test]
fn a_token_that_cannot_be_is_refused() {
    let text = "{apiVersion: kubeadm.k8s.io/v1beta4, kind: ClusterConfiguration, kubernetesVersion: v1.36.2}\n---\n\
        {apiVersion: kubeadm.k8s.io/v1beta4, kind: InitConfiguration, localAPIEndpoint: {advertiseAddress: 192.0.2.1}, \
        bootstrapTokens: [{token: abcdef.0123456789abcdef, ttl: -1h}]}";
    let error = match Documents::parse(text).unwrap().into_init(&NodeFacts::named("host"), None) {
        Ok(config) => cluster::objects(&config, &ObjectInputs::new(CA, now())).unwrap_err().to_string(),
        Err(refused) => refused.to_string(),
    };
    assert!(error.contains("ttl") && !error.contains("0123456789abcdef"), "{error}");
}
