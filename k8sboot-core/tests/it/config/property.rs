//! No text makes the reader panic; printing and reading is the identity.

use k8sboot_core::config::{Documents, InitConfig, cluster_configuration_yaml, migrate};
use proptest::prelude::*;

use super::{host, init, migrated};

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
