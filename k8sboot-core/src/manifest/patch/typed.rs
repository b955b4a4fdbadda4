//! The fields of the objects that are patched: kubeadm reads a patched object into its Go type before it prints it, so
//! zero values vanish, fields that the type does not have are lost, and quantities come out in one form.
//!
//! Structures deep inside that kubeadm never writes are carried through as they are ([`Shape::Any`]).
//!
//! Source: k8s.io/api/core/v1 and apps/v1, k8s.io/apimachinery/pkg/apis/meta/v1 (Kubernetes 1.36).

use crate::config::component_fields::{Field, Shape, Zero, field};

/// A Pod.
pub(super) static POD: &[Field] = &[
    field("apiVersion", Shape::Text, Zero::LeftOut),
    field("kind", Shape::Text, Zero::LeftOut),
    field("metadata", Shape::Struct(METADATA), Zero::Printed),
    field("spec", Shape::Struct(POD_SPEC), Zero::Printed),
    field("status", Shape::Any, Zero::Kept),
];

/// A Deployment or DaemonSet.
pub(super) static WORKLOAD: &[Field] = &[
    field("apiVersion", Shape::Text, Zero::LeftOut),
    field("kind", Shape::Text, Zero::LeftOut),
    field("metadata", Shape::Struct(METADATA), Zero::Printed),
    field("spec", Shape::Struct(WORKLOAD_SPEC), Zero::Printed),
    field("status", Shape::Any, Zero::Kept),
];

const WORKLOAD_SPEC: &[Field] = &[
    field("minReadySeconds", Shape::Integer, Zero::LeftOut),
    field("paused", Shape::Flag, Zero::LeftOut),
    field("progressDeadlineSeconds", Shape::Integer, Zero::Kept),
    field("replicas", Shape::Integer, Zero::Kept),
    field("revisionHistoryLimit", Shape::Integer, Zero::Kept),
    field("selector", Shape::Any, Zero::Kept),
    field("strategy", Shape::Any, Zero::Kept),
    field("template", Shape::Struct(TEMPLATE), Zero::Printed),
    field("updateStrategy", Shape::Any, Zero::Kept),
];

const TEMPLATE: &[Field] = &[
    field("metadata", Shape::Struct(METADATA), Zero::Printed),
    field("spec", Shape::Struct(POD_SPEC), Zero::Printed),
];

const METADATA: &[Field] = &[
    field("annotations", Shape::Map(&Shape::Text), Zero::LeftOut),
    field("creationTimestamp", Shape::Any, Zero::Kept),
    field("deletionGracePeriodSeconds", Shape::Integer, Zero::Kept),
    field("deletionTimestamp", Shape::Any, Zero::Kept),
    field("finalizers", Shape::List(&Shape::Text), Zero::LeftOut),
    field("generateName", Shape::Text, Zero::LeftOut),
    field("generation", Shape::Integer, Zero::LeftOut),
    field("labels", Shape::Map(&Shape::Text), Zero::LeftOut),
    field("managedFields", Shape::List(&Shape::Any), Zero::LeftOut),
    field("name", Shape::Text, Zero::LeftOut),
    field("namespace", Shape::Text, Zero::LeftOut),
    field("ownerReferences", Shape::List(&Shape::Any), Zero::LeftOut),
    field("resourceVersion", Shape::Text, Zero::LeftOut),
    field("selfLink", Shape::Text, Zero::LeftOut),
    field("uid", Shape::Text, Zero::LeftOut),
];

const POD_SPEC: &[Field] = &[
    field("activeDeadlineSeconds", Shape::Integer, Zero::Kept),
    field("affinity", Shape::Any, Zero::Kept),
    field("automountServiceAccountToken", Shape::Flag, Zero::Kept),
    field("containers", Shape::List(&Shape::Struct(CONTAINER)), Zero::Printed),
    field("dnsConfig", Shape::Any, Zero::Kept),
    field("dnsPolicy", Shape::Text, Zero::LeftOut),
    field("enableServiceLinks", Shape::Flag, Zero::Kept),
    field("ephemeralContainers", Shape::List(&Shape::Any), Zero::LeftOut),
    field("hostAliases", Shape::List(&Shape::Struct(HOST_ALIAS)), Zero::LeftOut),
    field("hostIPC", Shape::Flag, Zero::LeftOut),
    field("hostNetwork", Shape::Flag, Zero::LeftOut),
    field("hostPID", Shape::Flag, Zero::LeftOut),
    field("hostUsers", Shape::Flag, Zero::Kept),
    field("hostname", Shape::Text, Zero::LeftOut),
    field("hostnameOverride", Shape::Text, Zero::Kept),
    field("imagePullSecrets", Shape::List(&Shape::Struct(LOCAL_OBJECT)), Zero::LeftOut),
    field("initContainers", Shape::List(&Shape::Struct(CONTAINER)), Zero::LeftOut),
    field("nodeName", Shape::Text, Zero::LeftOut),
    field("nodeSelector", Shape::Map(&Shape::Text), Zero::LeftOut),
    field("os", Shape::Any, Zero::Kept),
    field("overhead", Shape::Map(&Shape::Quantity), Zero::LeftOut),
    field("preemptionPolicy", Shape::Text, Zero::Kept),
    field("priority", Shape::Integer, Zero::Kept),
    field("priorityClassName", Shape::Text, Zero::LeftOut),
    field("readinessGates", Shape::List(&Shape::Any), Zero::LeftOut),
    field("resourceClaims", Shape::List(&Shape::Any), Zero::LeftOut),
    field("resources", Shape::Struct(RESOURCES), Zero::Kept),
    field("restartPolicy", Shape::Text, Zero::LeftOut),
    field("runtimeClassName", Shape::Text, Zero::Kept),
    field("schedulerName", Shape::Text, Zero::LeftOut),
    field("schedulingGates", Shape::List(&Shape::Any), Zero::LeftOut),
    field("schedulingGroup", Shape::Any, Zero::Kept),
    field("securityContext", Shape::Struct(POD_SECURITY_CONTEXT), Zero::Kept),
    field("serviceAccount", Shape::Text, Zero::LeftOut),
    field("serviceAccountName", Shape::Text, Zero::LeftOut),
    field("setHostnameAsFQDN", Shape::Flag, Zero::Kept),
    field("shareProcessNamespace", Shape::Flag, Zero::Kept),
    field("subdomain", Shape::Text, Zero::LeftOut),
    field("terminationGracePeriodSeconds", Shape::Integer, Zero::Kept),
    field("tolerations", Shape::List(&Shape::Struct(TOLERATION)), Zero::LeftOut),
    field("topologySpreadConstraints", Shape::List(&Shape::Any), Zero::LeftOut),
    field("volumes", Shape::List(&Shape::Struct(VOLUME)), Zero::LeftOut),
];

const CONTAINER: &[Field] = &[
    field("args", Shape::List(&Shape::Text), Zero::LeftOut),
    field("command", Shape::List(&Shape::Text), Zero::LeftOut),
    field("env", Shape::List(&Shape::Struct(ENV_VAR)), Zero::LeftOut),
    field("envFrom", Shape::List(&Shape::Any), Zero::LeftOut),
    field("image", Shape::Text, Zero::LeftOut),
    field("imagePullPolicy", Shape::Text, Zero::LeftOut),
    field("lifecycle", Shape::Any, Zero::Kept),
    field("livenessProbe", Shape::Struct(PROBE), Zero::Kept),
    field("name", Shape::Text, Zero::Printed),
    field("ports", Shape::List(&Shape::Struct(CONTAINER_PORT)), Zero::LeftOut),
    field("readinessProbe", Shape::Struct(PROBE), Zero::Kept),
    field("resizePolicy", Shape::List(&Shape::Any), Zero::LeftOut),
    field("resources", Shape::Struct(RESOURCES), Zero::Printed),
    field("restartPolicy", Shape::Text, Zero::Kept),
    field("restartPolicyRules", Shape::List(&Shape::Any), Zero::LeftOut),
    field("securityContext", Shape::Any, Zero::Kept),
    field("startupProbe", Shape::Struct(PROBE), Zero::Kept),
    field("stdin", Shape::Flag, Zero::LeftOut),
    field("stdinOnce", Shape::Flag, Zero::LeftOut),
    field("terminationMessagePath", Shape::Text, Zero::LeftOut),
    field("terminationMessagePolicy", Shape::Text, Zero::LeftOut),
    field("tty", Shape::Flag, Zero::LeftOut),
    field("volumeDevices", Shape::List(&Shape::Any), Zero::LeftOut),
    field("volumeMounts", Shape::List(&Shape::Struct(VOLUME_MOUNT)), Zero::LeftOut),
    field("workingDir", Shape::Text, Zero::LeftOut),
];

const CONTAINER_PORT: &[Field] = &[
    field("containerPort", Shape::Integer, Zero::Printed),
    field("hostIP", Shape::Text, Zero::LeftOut),
    field("hostPort", Shape::Integer, Zero::LeftOut),
    field("name", Shape::Text, Zero::LeftOut),
    field("protocol", Shape::Text, Zero::LeftOut),
];

const ENV_VAR: &[Field] = &[
    field("name", Shape::Text, Zero::Printed),
    field("value", Shape::Text, Zero::LeftOut),
    field("valueFrom", Shape::Any, Zero::Kept),
];

const VOLUME_MOUNT: &[Field] = &[
    field("mountPath", Shape::Text, Zero::Printed),
    field("mountPropagation", Shape::Text, Zero::Kept),
    field("name", Shape::Text, Zero::Printed),
    field("readOnly", Shape::Flag, Zero::LeftOut),
    field("recursiveReadOnly", Shape::Text, Zero::Kept),
    field("subPath", Shape::Text, Zero::LeftOut),
    field("subPathExpr", Shape::Text, Zero::LeftOut),
];

const PROBE: &[Field] = &[
    field("exec", Shape::Any, Zero::Kept),
    field("failureThreshold", Shape::Integer, Zero::LeftOut),
    field("grpc", Shape::Any, Zero::Kept),
    field("httpGet", Shape::Struct(HTTP_GET), Zero::Kept),
    field("initialDelaySeconds", Shape::Integer, Zero::LeftOut),
    field("periodSeconds", Shape::Integer, Zero::LeftOut),
    field("successThreshold", Shape::Integer, Zero::LeftOut),
    field("tcpSocket", Shape::Any, Zero::Kept),
    field("terminationGracePeriodSeconds", Shape::Integer, Zero::Kept),
    field("timeoutSeconds", Shape::Integer, Zero::LeftOut),
];

const HTTP_GET: &[Field] = &[
    field("host", Shape::Text, Zero::LeftOut),
    field("httpHeaders", Shape::List(&Shape::Any), Zero::LeftOut),
    field("path", Shape::Text, Zero::LeftOut),
    field("port", Shape::Any, Zero::Kept),
    field("scheme", Shape::Text, Zero::LeftOut),
];

const RESOURCES: &[Field] = &[
    field("claims", Shape::List(&Shape::Any), Zero::LeftOut),
    field("limits", Shape::Map(&Shape::Quantity), Zero::LeftOut),
    field("requests", Shape::Map(&Shape::Quantity), Zero::LeftOut),
];

const VOLUME: &[Field] = &[
    field("awsElasticBlockStore", Shape::Any, Zero::Kept),
    field("azureDisk", Shape::Any, Zero::Kept),
    field("azureFile", Shape::Any, Zero::Kept),
    field("cephfs", Shape::Any, Zero::Kept),
    field("cinder", Shape::Any, Zero::Kept),
    field("configMap", Shape::Any, Zero::Kept),
    field("csi", Shape::Any, Zero::Kept),
    field("downwardAPI", Shape::Any, Zero::Kept),
    field("emptyDir", Shape::Struct(EMPTY_DIR), Zero::Kept),
    field("ephemeral", Shape::Any, Zero::Kept),
    field("fc", Shape::Any, Zero::Kept),
    field("flexVolume", Shape::Any, Zero::Kept),
    field("flocker", Shape::Any, Zero::Kept),
    field("gcePersistentDisk", Shape::Any, Zero::Kept),
    field("gitRepo", Shape::Any, Zero::Kept),
    field("glusterfs", Shape::Any, Zero::Kept),
    field("hostPath", Shape::Struct(HOST_PATH), Zero::Kept),
    field("image", Shape::Any, Zero::Kept),
    field("iscsi", Shape::Any, Zero::Kept),
    field("name", Shape::Text, Zero::Printed),
    field("nfs", Shape::Any, Zero::Kept),
    field("persistentVolumeClaim", Shape::Struct(CLAIM), Zero::Kept),
    field("photonPersistentDisk", Shape::Any, Zero::Kept),
    field("portworxVolume", Shape::Any, Zero::Kept),
    field("projected", Shape::Any, Zero::Kept),
    field("quobyte", Shape::Any, Zero::Kept),
    field("rbd", Shape::Any, Zero::Kept),
    field("scaleIO", Shape::Any, Zero::Kept),
    field("secret", Shape::Any, Zero::Kept),
    field("storageos", Shape::Any, Zero::Kept),
    field("vsphereVolume", Shape::Any, Zero::Kept),
];

const HOST_PATH: &[Field] =
    &[field("path", Shape::Text, Zero::Printed), field("type", Shape::Text, Zero::Kept)];

const EMPTY_DIR: &[Field] =
    &[field("medium", Shape::Text, Zero::LeftOut), field("sizeLimit", Shape::Quantity, Zero::Kept)];

const CLAIM: &[Field] =
    &[field("claimName", Shape::Text, Zero::Printed), field("readOnly", Shape::Flag, Zero::LeftOut)];

const TOLERATION: &[Field] = &[
    field("effect", Shape::Text, Zero::LeftOut),
    field("key", Shape::Text, Zero::LeftOut),
    field("operator", Shape::Text, Zero::LeftOut),
    field("tolerationSeconds", Shape::Integer, Zero::Kept),
    field("value", Shape::Text, Zero::LeftOut),
];

const POD_SECURITY_CONTEXT: &[Field] = &[
    field("appArmorProfile", Shape::Any, Zero::Kept),
    field("fsGroup", Shape::Integer, Zero::Kept),
    field("fsGroupChangePolicy", Shape::Text, Zero::Kept),
    field("runAsGroup", Shape::Integer, Zero::Kept),
    field("runAsNonRoot", Shape::Flag, Zero::Kept),
    field("runAsUser", Shape::Integer, Zero::Kept),
    field("seLinuxChangePolicy", Shape::Text, Zero::Kept),
    field("seLinuxOptions", Shape::Any, Zero::Kept),
    field("seccompProfile", Shape::Any, Zero::Kept),
    field("supplementalGroups", Shape::List(&Shape::Integer), Zero::LeftOut),
    field("supplementalGroupsPolicy", Shape::Text, Zero::Kept),
    field("sysctls", Shape::List(&Shape::Any), Zero::LeftOut),
    field("windowsOptions", Shape::Any, Zero::Kept),
];

const LOCAL_OBJECT: &[Field] = &[field("name", Shape::Text, Zero::LeftOut)];

const HOST_ALIAS: &[Field] =
    &[field("hostnames", Shape::List(&Shape::Text), Zero::LeftOut), field("ip", Shape::Text, Zero::Printed)];
