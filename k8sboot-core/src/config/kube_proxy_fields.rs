//! The fields of KubeProxyConfiguration (kubeproxy.config.k8s.io/v1alpha1): names, types, and how Go prints their zero
//! values.
//!
//! Source: k8s.io/kube-proxy/config/v1alpha1 and k8s.io/component-base/config/v1alpha1 (Kubernetes 1.36).

use super::component_fields::{Field, LOGGING, Shape, Zero, field};

/// KubeProxyConfiguration without `apiVersion` and `kind`, by name.
pub(crate) static FIELDS: &[Field] = &[
    field("bindAddress", Shape::Text, Zero::Printed),
    field("bindAddressHardFail", Shape::Flag, Zero::Printed),
    field("clientConnection", Shape::Struct(CLIENT_CONNECTION), Zero::Printed),
    field("clusterCIDR", Shape::Text, Zero::Printed),
    field("configSyncPeriod", Shape::Duration, Zero::Printed),
    field("conntrack", Shape::Struct(CONNTRACK), Zero::Printed),
    field("detectLocal", Shape::Struct(DETECT_LOCAL), Zero::Printed),
    field("detectLocalMode", Shape::Text, Zero::Printed),
    field("enableProfiling", Shape::Flag, Zero::Printed),
    field("featureGates", Shape::Map(&Shape::Flag), Zero::LeftOut),
    field("healthzBindAddress", Shape::Text, Zero::Printed),
    field("hostnameOverride", Shape::Text, Zero::Printed),
    field("iptables", Shape::Struct(IPTABLES), Zero::Printed),
    field("ipvs", Shape::Struct(IPVS), Zero::Printed),
    field("logging", Shape::Struct(LOGGING), Zero::Printed),
    field("metricsBindAddress", Shape::Text, Zero::Printed),
    field("mode", Shape::Text, Zero::Printed),
    field("nftables", Shape::Struct(NFTABLES), Zero::Printed),
    field("nodePortAddresses", Shape::List(&Shape::Text), Zero::Printed),
    field("oomScoreAdj", Shape::Integer, Zero::Null),
    field("portRange", Shape::Text, Zero::Printed),
    field("showHiddenMetricsForVersion", Shape::Text, Zero::Printed),
    field("windowsRunAsService", Shape::Flag, Zero::LeftOut),
    field("winkernel", Shape::Struct(WINKERNEL), Zero::Printed),
];

const CLIENT_CONNECTION: &[Field] = &[
    field("acceptContentTypes", Shape::Text, Zero::Printed),
    field("burst", Shape::Integer, Zero::Printed),
    field("contentType", Shape::Text, Zero::Printed),
    field("kubeconfig", Shape::Text, Zero::Printed),
    field("qps", Shape::Number, Zero::Printed),
];

const CONNTRACK: &[Field] = &[
    field("maxPerCore", Shape::Integer, Zero::Null),
    field("min", Shape::Integer, Zero::Null),
    field("tcpBeLiberal", Shape::Flag, Zero::Printed),
    field("tcpCloseWaitTimeout", Shape::Duration, Zero::Null),
    field("tcpEstablishedTimeout", Shape::Duration, Zero::Null),
    field("udpStreamTimeout", Shape::Duration, Zero::Printed),
    field("udpTimeout", Shape::Duration, Zero::Printed),
];

const DETECT_LOCAL: &[Field] = &[
    field("bridgeInterface", Shape::Text, Zero::Printed),
    field("interfaceNamePrefix", Shape::Text, Zero::Printed),
];

const IPTABLES: &[Field] = &[
    field("localhostNodePorts", Shape::Flag, Zero::Null),
    field("masqueradeAll", Shape::Flag, Zero::Printed),
    field("masqueradeBit", Shape::Integer, Zero::Null),
    field("minSyncPeriod", Shape::Duration, Zero::Printed),
    field("syncPeriod", Shape::Duration, Zero::Printed),
];

const IPVS: &[Field] = &[
    field("excludeCIDRs", Shape::List(&Shape::Text), Zero::Printed),
    field("minSyncPeriod", Shape::Duration, Zero::Printed),
    field("scheduler", Shape::Text, Zero::Printed),
    field("strictARP", Shape::Flag, Zero::Printed),
    field("syncPeriod", Shape::Duration, Zero::Printed),
    field("tcpFinTimeout", Shape::Duration, Zero::Printed),
    field("tcpTimeout", Shape::Duration, Zero::Printed),
    field("udpTimeout", Shape::Duration, Zero::Printed),
];

const NFTABLES: &[Field] = &[
    field("masqueradeAll", Shape::Flag, Zero::Printed),
    field("masqueradeBit", Shape::Integer, Zero::Null),
    field("minSyncPeriod", Shape::Duration, Zero::Printed),
    field("syncPeriod", Shape::Duration, Zero::Printed),
];

const WINKERNEL: &[Field] = &[
    field("enableDSR", Shape::Flag, Zero::Printed),
    field("forwardHealthCheckVip", Shape::Flag, Zero::Printed),
    field("networkName", Shape::Text, Zero::Printed),
    field("rootHnsEndpointName", Shape::Text, Zero::Printed),
    field("sourceVip", Shape::Text, Zero::Printed),
];
