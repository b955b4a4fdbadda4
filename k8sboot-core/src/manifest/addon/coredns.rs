//! CoreDNS: the cluster's DNS server.
//!
//! Source: kubeadm 1.36, phase addon/coredns.

use serde_json::json;

use crate::{
    config::InitConfig,
    manifest::{ManifestError, Object, PatchSet, cluster::rbac, images, versions},
};

/// The patch target of the Deployment.
pub const PATCH_TARGET: &str = "corednsdeployment";

/// Every object of the add-on in kubeadm's order of creation; none if `dns.disabled`.
///
/// # Errors
///
/// What [`deployment`] and [`service`] refuse.
pub fn objects(config: &InitConfig, patches: &PatchSet) -> Result<Vec<Object>, ManifestError> {
    if config.cluster().dns.disabled {
        return Ok(Vec::new());
    }
    let mut objects = vec![config_map(config)?];
    objects.extend(rbac::COREDNS.objects()?);
    objects.extend([service_account()?, deployment(config, patches)?, service(config)?]);
    Ok(objects)
}

/// ConfigMap `coredns` with the Corefile.
///
/// # Errors
///
/// None for a proven configuration.
pub fn config_map(config: &InitConfig) -> Result<Object, ManifestError> {
    Object::from_value(json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "coredns", "namespace": "kube-system"},
        "data": {"Corefile": corefile(&config.cluster().networking.dns_domain)},
    }))
}

/// ServiceAccount `coredns`.
///
/// # Errors
///
/// None.
pub fn service_account() -> Result<Object, ManifestError> {
    Object::from_value(json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "coredns", "namespace": "kube-system"},
    }))
}

/// Deployment `coredns`, patched by target `corednsdeployment`.
///
/// Two replicas, spread over nodes where possible, allowed on control planes and without a CNI taint toleration: the
/// pods wait until the network is there.
///
/// # Errors
///
/// Those of [`PatchSet::apply`].
pub fn deployment(config: &InitConfig, patches: &PatchSet) -> Result<Object, ManifestError> {
    let named = versions::release(config.version()).named_probe_port;
    let mut ports = vec![
        json!({"containerPort": 53, "name": "dns", "protocol": "UDP"}),
        json!({"containerPort": 53, "name": "dns-tcp", "protocol": "TCP"}),
        json!({"containerPort": 9153, "name": "metrics", "protocol": "TCP"}),
    ];
    let (liveness, readiness) = if named {
        ports.push(json!({"containerPort": 8080, "name": "liveness-probe", "protocol": "TCP"}));
        ports.push(json!({"containerPort": 8181, "name": "readiness-probe", "protocol": "TCP"}));
        (json!("liveness-probe"), json!("readiness-probe"))
    } else {
        (json!(8080), json!(8181))
    };
    let container = json!({
        "name": "coredns",
        "image": images::coredns(config),
        "imagePullPolicy": "IfNotPresent",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": ports,
        "livenessProbe": {
            "httpGet": {"path": "/health", "port": liveness, "scheme": "HTTP"},
            "initialDelaySeconds": 60,
            "timeoutSeconds": 5,
            "successThreshold": 1,
            "failureThreshold": 5,
        },
        "readinessProbe": {"httpGet": {"path": "/ready", "port": readiness, "scheme": "HTTP"}},
        "resources": {"limits": {"memory": "170Mi"}, "requests": {"cpu": "100m", "memory": "70Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]},
            "readOnlyRootFilesystem": true,
        },
        "volumeMounts": [{"name": "config-volume", "mountPath": "/etc/coredns", "readOnly": true}],
    });
    let other_pods = json!({
        "labelSelector": {"matchExpressions": [{"key": "k8s-app", "operator": "In", "values": ["kube-dns"]}]},
        "topologyKey": "kubernetes.io/hostname",
    });
    let mut value = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"labels": {"k8s-app": "kube-dns"}, "name": "coredns", "namespace": "kube-system"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"k8s-app": "kube-dns"}},
            "strategy": {"rollingUpdate": {"maxUnavailable": 1}, "type": "RollingUpdate"},
            "template": {
                "metadata": {"labels": {"k8s-app": "kube-dns"}},
                "spec": {
                    "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
                        {"podAffinityTerm": other_pods, "weight": 100},
                    ]}},
                    "containers": [container],
                    "dnsPolicy": "Default",
                    "nodeSelector": {"kubernetes.io/os": "linux"},
                    "priorityClassName": "system-cluster-critical",
                    "serviceAccountName": "coredns",
                    "tolerations": [
                        {"key": "CriticalAddonsOnly", "operator": "Exists"},
                        {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"},
                    ],
                    "volumes": [{
                        "name": "config-volume",
                        "configMap": {"name": "coredns", "items": [{"key": "Corefile", "path": "Corefile"}]},
                    }],
                },
            },
        },
        "status": {},
    });
    patches.apply(PATCH_TARGET, &mut value)?;
    Object::from_value(value)
}

/// Service `kube-dns` at the tenth address of the first service CIDR.
///
/// # Errors
///
/// [`ManifestError::Config`] if the first service CIDR has no tenth address, which that of a proven configuration has.
pub fn service(config: &InitConfig) -> Result<Object, ManifestError> {
    let address = config.dns_address().ok_or_else(|| ManifestError::Config {
        field: "networking.serviceSubnet".into(),
        expected: "a CIDR with at least 11 addresses".into(),
        found: config.cluster().networking.service_subnet.clone(),
    })?;
    let port = |name: &str, port: u16, protocol: &str| json!({"name": name, "port": port, "protocol": protocol, "targetPort": port});
    Object::from_value(json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "annotations": {"prometheus.io/port": "9153", "prometheus.io/scrape": "true"},
            "labels": {
                "k8s-app": "kube-dns",
                "kubernetes.io/cluster-service": "true",
                "kubernetes.io/name": "CoreDNS",
            },
            "name": "kube-dns",
            "namespace": "kube-system",
            // An update of an existing Service must name a version; 0 means any.
            "resourceVersion": "0",
        },
        "spec": {
            "clusterIP": address.to_string(),
            "ports": [port("dns", 53, "UDP"), port("dns-tcp", 53, "TCP"), port("metrics", 9153, "TCP")],
            "selector": {"k8s-app": "kube-dns"},
        },
        "status": {"loadBalancer": {}},
    }))
}

/// Answers for the cluster's own domain are not cached: the kubernetes plugin is authoritative and has them in memory.
fn corefile(domain: &str) -> String {
    format!(
        "\
.:53 {{
    errors
    health {{
       lameduck 5s
    }}
    ready
    kubernetes {domain} in-addr.arpa ip6.arpa {{
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }}
    prometheus :9153
    forward . /etc/resolv.conf {{
       max_concurrent 1000
    }}
    cache 30 {{
       disable success {domain}
       disable denial {domain}
    }}
    loop
    reload
    loadbalance
}}
"
    )
}
