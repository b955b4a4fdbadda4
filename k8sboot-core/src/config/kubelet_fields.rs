//! The fields of KubeletConfiguration (kubelet.config.k8s.io/v1beta1): names, types, and how Go prints their zero values.
//!
//! Source: k8s.io/kubelet/config/v1beta1 and k8s.io/component-base/tracing/api/v1 (Kubernetes 1.36).

use super::component_fields::{Field, LOGGING, Shape, Zero, field};

/// KubeletConfiguration without `apiVersion` and `kind`, by name.
pub(crate) static FIELDS: &[Field] = &[
    field("address", Shape::Text, Zero::LeftOut),
    field("allowedUnsafeSysctls", Shape::List(&Shape::Text), Zero::LeftOut),
    field("authentication", Shape::Struct(AUTHENTICATION), Zero::Printed),
    field("authorization", Shape::Struct(AUTHORIZATION), Zero::Printed),
    field("cgroupDriver", Shape::Text, Zero::LeftOut),
    field("cgroupRoot", Shape::Text, Zero::LeftOut),
    field("cgroupsPerQOS", Shape::Flag, Zero::Kept),
    field("clusterDNS", Shape::List(&Shape::Text), Zero::LeftOut),
    field("clusterDomain", Shape::Text, Zero::LeftOut),
    field("configMapAndSecretChangeDetectionStrategy", Shape::Text, Zero::LeftOut),
    field("containerLogMaxFiles", Shape::Integer, Zero::Kept),
    field("containerLogMaxSize", Shape::Text, Zero::LeftOut),
    field("containerLogMaxWorkers", Shape::Integer, Zero::Kept),
    field("containerLogMonitorInterval", Shape::Duration, Zero::Kept),
    field("containerRuntimeEndpoint", Shape::Text, Zero::Printed),
    field("contentType", Shape::Text, Zero::LeftOut),
    field("cpuCFSQuota", Shape::Flag, Zero::Kept),
    field("cpuCFSQuotaPeriod", Shape::Duration, Zero::Kept),
    field("cpuManagerPolicy", Shape::Text, Zero::LeftOut),
    field("cpuManagerPolicyOptions", Shape::Map(&Shape::Text), Zero::LeftOut),
    field("cpuManagerReconcilePeriod", Shape::Duration, Zero::Printed),
    field("crashLoopBackOff", Shape::Struct(CRASH_LOOP_BACK_OFF), Zero::Printed),
    field("draManagerReconcilePeriod", Shape::Duration, Zero::Kept),
    field("enableContentionProfiling", Shape::Flag, Zero::LeftOut),
    field("enableControllerAttachDetach", Shape::Flag, Zero::Kept),
    field("enableDebugFlagsHandler", Shape::Flag, Zero::Kept),
    field("enableDebuggingHandlers", Shape::Flag, Zero::Kept),
    field("enableProfilingHandler", Shape::Flag, Zero::Kept),
    field("enableServer", Shape::Flag, Zero::Kept),
    field("enableSystemLogHandler", Shape::Flag, Zero::Kept),
    field("enableSystemLogQuery", Shape::Flag, Zero::Kept),
    field("enforceNodeAllocatable", Shape::List(&Shape::Text), Zero::LeftOut),
    field("eventBurst", Shape::Integer, Zero::LeftOut),
    field("eventRecordQPS", Shape::Integer, Zero::Kept),
    field("evictionHard", Shape::Map(&Shape::Text), Zero::LeftOut),
    field("evictionMaxPodGracePeriod", Shape::Integer, Zero::LeftOut),
    field("evictionMinimumReclaim", Shape::Map(&Shape::Text), Zero::LeftOut),
    field("evictionPressureTransitionPeriod", Shape::Duration, Zero::Printed),
    field("evictionSoft", Shape::Map(&Shape::Text), Zero::LeftOut),
    field("evictionSoftGracePeriod", Shape::Map(&Shape::Text), Zero::LeftOut),
    field("failCgroupV1", Shape::Flag, Zero::Kept),
    field("failSwapOn", Shape::Flag, Zero::Kept),
    field("featureGates", Shape::Map(&Shape::Flag), Zero::LeftOut),
    field("fileCheckFrequency", Shape::Duration, Zero::Printed),
    field("hairpinMode", Shape::Text, Zero::LeftOut),
    field("healthzBindAddress", Shape::Text, Zero::LeftOut),
    field("healthzPort", Shape::Integer, Zero::Kept),
    field("httpCheckFrequency", Shape::Duration, Zero::Printed),
    field("imageGCHighThresholdPercent", Shape::Integer, Zero::Kept),
    field("imageGCLowThresholdPercent", Shape::Integer, Zero::Kept),
    field("imageMaximumGCAge", Shape::Duration, Zero::Printed),
    field("imageMinimumGCAge", Shape::Duration, Zero::Printed),
    field("imagePullCredentialsVerificationPolicy", Shape::Text, Zero::LeftOut),
    field("imageServiceEndpoint", Shape::Text, Zero::LeftOut),
    field("iptablesDropBit", Shape::Integer, Zero::Kept),
    field("iptablesMasqueradeBit", Shape::Integer, Zero::Kept),
    field("kernelMemcgNotification", Shape::Flag, Zero::LeftOut),
    field("kubeAPIBurst", Shape::Integer, Zero::LeftOut),
    field("kubeAPIQPS", Shape::Integer, Zero::Kept),
    field("kubeReserved", Shape::Map(&Shape::Text), Zero::LeftOut),
    field("kubeReservedCgroup", Shape::Text, Zero::LeftOut),
    field("kubeletCgroups", Shape::Text, Zero::LeftOut),
    field("localStorageCapacityIsolation", Shape::Flag, Zero::Kept),
    field("logging", Shape::Struct(LOGGING), Zero::Printed),
    field("makeIPTablesUtilChains", Shape::Flag, Zero::Kept),
    field("maxOpenFiles", Shape::Integer, Zero::LeftOut),
    field("maxParallelImagePulls", Shape::Integer, Zero::Kept),
    field("maxPods", Shape::Integer, Zero::LeftOut),
    field("memoryManagerPolicy", Shape::Text, Zero::LeftOut),
    field("memoryReservationPolicy", Shape::Text, Zero::LeftOut),
    field("memorySwap", Shape::Struct(MEMORY_SWAP), Zero::Printed),
    field("memoryThrottlingFactor", Shape::Number, Zero::Kept),
    field("mergeDefaultEvictionSettings", Shape::Flag, Zero::Kept),
    field("nodeLeaseDurationSeconds", Shape::Integer, Zero::LeftOut),
    field("nodeStatusMaxImages", Shape::Integer, Zero::Kept),
    field("nodeStatusReportFrequency", Shape::Duration, Zero::Printed),
    field("nodeStatusUpdateFrequency", Shape::Duration, Zero::Printed),
    field("oomScoreAdj", Shape::Integer, Zero::Kept),
    field("podCIDR", Shape::Text, Zero::LeftOut),
    field("podLogsDir", Shape::Text, Zero::LeftOut),
    field("podPidsLimit", Shape::Integer, Zero::Kept),
    field("podsPerCore", Shape::Integer, Zero::LeftOut),
    field("port", Shape::Integer, Zero::LeftOut),
    field("preloadedImagesVerificationAllowlist", Shape::List(&Shape::Text), Zero::LeftOut),
    field("protectKernelDefaults", Shape::Flag, Zero::LeftOut),
    field("providerID", Shape::Text, Zero::LeftOut),
    field("qosReserved", Shape::Map(&Shape::Text), Zero::LeftOut),
    field("readOnlyPort", Shape::Integer, Zero::LeftOut),
    field("registerNode", Shape::Flag, Zero::Kept),
    field("registerWithTaints", Shape::List(&Shape::Struct(TAINT)), Zero::LeftOut),
    field("registryBurst", Shape::Integer, Zero::LeftOut),
    field("registryPullQPS", Shape::Integer, Zero::Kept),
    field("reservedMemory", Shape::List(&Shape::Struct(RESERVED_MEMORY)), Zero::LeftOut),
    field("reservedSystemCPUs", Shape::Text, Zero::LeftOut),
    field("resolvConf", Shape::Text, Zero::Kept),
    field("rotateCertificates", Shape::Flag, Zero::LeftOut),
    field("runOnce", Shape::Flag, Zero::LeftOut),
    field("runtimeRequestTimeout", Shape::Duration, Zero::Printed),
    field("seccompDefault", Shape::Flag, Zero::Kept),
    field("serializeImagePulls", Shape::Flag, Zero::Kept),
    field("serverTLSBootstrap", Shape::Flag, Zero::LeftOut),
    field("showHiddenMetricsForVersion", Shape::Text, Zero::LeftOut),
    field("shutdownGracePeriod", Shape::Duration, Zero::Printed),
    field("shutdownGracePeriodByPodPriority", Shape::List(&Shape::Struct(SHUTDOWN)), Zero::LeftOut),
    field("shutdownGracePeriodCriticalPods", Shape::Duration, Zero::Printed),
    field("singleProcessOOMKill", Shape::Flag, Zero::Kept),
    field("staticPodPath", Shape::Text, Zero::LeftOut),
    field("staticPodURL", Shape::Text, Zero::LeftOut),
    field("staticPodURLHeader", Shape::Map(&Shape::List(&Shape::Text)), Zero::LeftOut),
    field("streamingConnectionIdleTimeout", Shape::Duration, Zero::Printed),
    field("syncFrequency", Shape::Duration, Zero::Printed),
    field("systemCgroups", Shape::Text, Zero::LeftOut),
    field("systemReserved", Shape::Map(&Shape::Text), Zero::LeftOut),
    field("systemReservedCgroup", Shape::Text, Zero::LeftOut),
    field("tlsCertFile", Shape::Text, Zero::LeftOut),
    field("tlsCipherSuites", Shape::List(&Shape::Text), Zero::LeftOut),
    field("tlsCurvePreferences", Shape::List(&Shape::Integer), Zero::LeftOut),
    field("tlsMinVersion", Shape::Text, Zero::LeftOut),
    field("tlsPrivateKeyFile", Shape::Text, Zero::LeftOut),
    field("topologyManagerPolicy", Shape::Text, Zero::LeftOut),
    field("topologyManagerPolicyOptions", Shape::Map(&Shape::Text), Zero::LeftOut),
    field("topologyManagerScope", Shape::Text, Zero::LeftOut),
    field("tracing", Shape::Struct(TRACING), Zero::Kept),
    field("userNamespaces", Shape::Struct(USER_NAMESPACES), Zero::Kept),
    field("volumePluginDir", Shape::Text, Zero::LeftOut),
    field("volumeStatsAggPeriod", Shape::Duration, Zero::Printed),
];

const AUTHENTICATION: &[Field] = &[
    field("anonymous", Shape::Struct(&[field("enabled", Shape::Flag, Zero::Kept)]), Zero::Printed),
    field(
        "webhook",
        Shape::Struct(&[
            field("cacheTTL", Shape::Duration, Zero::Printed),
            field("enabled", Shape::Flag, Zero::Kept),
        ]),
        Zero::Printed,
    ),
    field("x509", Shape::Struct(&[field("clientCAFile", Shape::Text, Zero::LeftOut)]), Zero::Printed),
];

const AUTHORIZATION: &[Field] = &[
    field("mode", Shape::Text, Zero::LeftOut),
    field(
        "webhook",
        Shape::Struct(&[
            field("cacheAuthorizedTTL", Shape::Duration, Zero::Printed),
            field("cacheUnauthorizedTTL", Shape::Duration, Zero::Printed),
        ]),
        Zero::Printed,
    ),
];

const CRASH_LOOP_BACK_OFF: &[Field] = &[field("maxContainerRestartPeriod", Shape::Duration, Zero::Kept)];

const MEMORY_SWAP: &[Field] = &[field("swapBehavior", Shape::Text, Zero::LeftOut)];

const RESERVED_MEMORY: &[Field] = &[
    field("limits", Shape::Map(&Shape::Quantity), Zero::Printed),
    field("numaNode", Shape::Integer, Zero::Printed),
];

const SHUTDOWN: &[Field] = &[
    field("priority", Shape::Integer, Zero::Printed),
    field("shutdownGracePeriodSeconds", Shape::Integer, Zero::Printed),
];

const TAINT: &[Field] = &[
    field("effect", Shape::Text, Zero::Printed),
    field("key", Shape::Text, Zero::Printed),
    field("timeAdded", Shape::Text, Zero::Kept),
    field("value", Shape::Text, Zero::LeftOut),
];

const TRACING: &[Field] = &[
    field("endpoint", Shape::Text, Zero::Kept),
    field("samplingRatePerMillion", Shape::Integer, Zero::Kept),
];

const USER_NAMESPACES: &[Field] = &[field("idsPerPod", Shape::Integer, Zero::Kept)];
