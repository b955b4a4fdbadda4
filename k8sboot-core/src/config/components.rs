//! KubeletConfiguration and KubeProxyConfiguration: carried through, their field names known.
//!
//! Their own programs decide what they accept, and newer ones accept more; so an unknown name is a warning.
//! Source: Kubernetes "Kubelet Configuration (v1beta1)" and "kube-proxy Configuration (v1alpha1)".

use super::{
    error::{ConfigError, quoted},
    node::Node,
    suggest,
};
use crate::error::Code;

/// A component whose configuration may come along.
#[derive(Debug)]
pub(super) struct Component {
    pub(super) kind: &'static str,
    pub(super) group: &'static str,
    pub(super) api_version: &'static str,
    fields: &'static [&'static str],
}

/// The kubelet.
pub(super) static KUBELET: Component = Component {
    kind: "KubeletConfiguration",
    group: "kubelet.config.k8s.io",
    api_version: "kubelet.config.k8s.io/v1beta1",
    fields: &[
        "address",
        "allowedUnsafeSysctls",
        "authentication",
        "authorization",
        "cgroupDriver",
        "cgroupRoot",
        "cgroupsPerQOS",
        "clusterDNS",
        "clusterDomain",
        "configMapAndSecretChangeDetectionStrategy",
        "containerLogMaxFiles",
        "containerLogMaxSize",
        "containerLogMaxWorkers",
        "containerLogMonitorInterval",
        "containerRuntimeEndpoint",
        "contentType",
        "cpuCFSQuota",
        "cpuCFSQuotaPeriod",
        "cpuManagerPolicy",
        "cpuManagerPolicyOptions",
        "cpuManagerReconcilePeriod",
        "crashLoopBackOff",
        "enableContentionProfiling",
        "enableControllerAttachDetach",
        "enableDebugFlagsHandler",
        "enableDebuggingHandlers",
        "enableProfilingHandler",
        "enableServer",
        "enableSystemLogHandler",
        "enableSystemLogQuery",
        "enforceNodeAllocatable",
        "eventBurst",
        "eventRecordQPS",
        "evictionHard",
        "evictionMaxPodGracePeriod",
        "evictionMinimumReclaim",
        "evictionPressureTransitionPeriod",
        "evictionSoft",
        "evictionSoftGracePeriod",
        "failCgroupV1",
        "failSwapOn",
        "featureGates",
        "fileCheckFrequency",
        "hairpinMode",
        "healthzBindAddress",
        "healthzPort",
        "httpCheckFrequency",
        "imageGCHighThresholdPercent",
        "imageGCLowThresholdPercent",
        "imageMaximumGCAge",
        "imageMinimumGCAge",
        "imagePullCredentialsVerificationPolicy",
        "imageServiceEndpoint",
        "iptablesDropBit",
        "iptablesMasqueradeBit",
        "kernelMemcgNotification",
        "kubeAPIBurst",
        "kubeAPIQPS",
        "kubeReserved",
        "kubeReservedCgroup",
        "kubeletCgroups",
        "localStorageCapacityIsolation",
        "logging",
        "makeIPTablesUtilChains",
        "maxOpenFiles",
        "maxParallelImagePulls",
        "maxPods",
        "memoryManagerPolicy",
        "memorySwap",
        "memoryThrottlingFactor",
        "mergeDefaultEvictionSettings",
        "nodeLeaseDurationSeconds",
        "nodeStatusMaxImages",
        "nodeStatusReportFrequency",
        "nodeStatusUpdateFrequency",
        "oomScoreAdj",
        "podCIDR",
        "podLogsDir",
        "podPidsLimit",
        "podsPerCore",
        "port",
        "preloadedImagesVerificationAllowlist",
        "protectKernelDefaults",
        "providerID",
        "qosReserved",
        "readOnlyPort",
        "registerNode",
        "registerWithTaints",
        "registryBurst",
        "registryPullQPS",
        "reservedMemory",
        "reservedSystemCPUs",
        "resolvConf",
        "rotateCertificates",
        "runOnce",
        "runtimeRequestTimeout",
        "seccompDefault",
        "serializeImagePulls",
        "serverTLSBootstrap",
        "showHiddenMetricsForVersion",
        "shutdownGracePeriod",
        "shutdownGracePeriodByPodPriority",
        "shutdownGracePeriodCriticalPods",
        "singleProcessOOMKill",
        "staticPodPath",
        "staticPodURL",
        "staticPodURLHeader",
        "streamingConnectionIdleTimeout",
        "syncFrequency",
        "systemCgroups",
        "systemReserved",
        "systemReservedCgroup",
        "tlsCertFile",
        "tlsCipherSuites",
        "tlsCurvePreferences",
        "tlsMinVersion",
        "tlsPrivateKeyFile",
        "topologyManagerPolicy",
        "topologyManagerPolicyOptions",
        "topologyManagerScope",
        "tracing",
        "userNamespaces",
        "volumePluginDir",
        "volumeStatsAggPeriod",
    ],
};

/// kube-proxy.
pub(super) static KUBE_PROXY: Component = Component {
    kind: "KubeProxyConfiguration",
    group: "kubeproxy.config.k8s.io",
    api_version: "kubeproxy.config.k8s.io/v1alpha1",
    fields: &[
        "bindAddress",
        "bindAddressHardFail",
        "clientConnection",
        "clusterCIDR",
        "configSyncPeriod",
        "conntrack",
        "detectLocal",
        "detectLocalMode",
        "enableProfiling",
        "featureGates",
        "healthzBindAddress",
        "hostnameOverride",
        "iptables",
        "ipvs",
        "logging",
        "metricsBindAddress",
        "mode",
        "nftables",
        "nodePortAddresses",
        "oomScoreAdj",
        "portRange",
        "showHiddenMetricsForVersion",
        "windowsRunAsService",
        "winkernel",
    ],
};

/// The kind of the component that has a field of this name.
pub(super) fn owner(field: &str) -> Option<&'static str> {
    [&KUBELET, &KUBE_PROXY].into_iter().find(|c| c.fields.contains(&field)).map(|c| c.kind)
}

impl Component {
    /// Warns of names that the component is not known to have.
    pub(super) fn warn(&self, document: &Node, warnings: &mut Vec<ConfigError>) {
        for entry in document.entries() {
            let name = entry.key.as_str();
            if matches!(name, "apiVersion" | "kind") || self.fields.contains(&name) {
                continue;
            }
            let (expected, found) =
                (format!("a field of {}", self.kind), format!("unknown field {}", quoted(name)));
            let warning = ConfigError::new(Code::CONFIG_WARNING, self.kind, name, expected, found);
            let remedy = suggest::did_you_mean(name, self.fields.iter().copied());
            warnings.push(warning.at(entry.place).remedy(remedy));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::yaml_read::read_documents;

    #[test]
    fn knows_every_field_that_kubeadm_writes() {
        let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/kubeadm-1.36/cases");
        for case in ["minimal", "ha", "dualstack"] {
            let file = |name: &str| std::fs::read_to_string(format!("{cases}/{case}/{name}")).unwrap();
            let mut warnings = Vec::new();
            KUBELET.warn(&read_documents(&file("kubelet-config.yaml")).unwrap()[0], &mut warnings);
            let map = read_documents(&file("objects/ConfigMap.kube-system.kube-proxy.yaml")).unwrap();
            let proxy = map[0].get("data").unwrap().get("config.conf").unwrap().text().unwrap();
            KUBE_PROXY.warn(&read_documents(proxy).unwrap()[0], &mut warnings);
            assert_eq!(warnings, [], "{case}");
        }
    }

    #[test]
    fn the_names_are_sorted_and_differ() {
        for component in [&KUBELET, &KUBE_PROXY] {
            assert!(component.fields.is_sorted_by(|a, b| a < b), "{}", component.kind);
        }
    }
}
