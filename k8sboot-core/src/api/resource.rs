//! Where the objects of a kind are.

use std::borrow::Cow;

use crate::manifest::ObjectKey;

/// A kind of objects and where the API server has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// `GROUP/VERSION`, or `v1` for the core group.
    pub api_version: Cow<'static, str>,
    /// For example `ConfigMap`.
    pub kind: Cow<'static, str>,
    /// For example `configmaps`.
    pub plural: Cow<'static, str>,
    /// Whether the objects live in namespaces.
    pub namespaced: bool,
}

macro_rules! resources {
    ($($(#[$doc:meta])* $name:ident = $api_version:literal $kind:literal $plural:literal $namespaced:literal;)*) => {
        impl Resource {
            $($(#[$doc])* pub const $name: Self = Self {
                api_version: Cow::Borrowed($api_version),
                kind: Cow::Borrowed($kind),
                plural: Cow::Borrowed($plural),
                namespaced: $namespaced,
            };)*
            const KNOWN: &[Self] = &[$(Self::$name),*];
        }
    };
}

resources! {
    /// Certificate signing requests.
    CERTIFICATE_SIGNING_REQUESTS = "certificates.k8s.io/v1" "CertificateSigningRequest" "certificatesigningrequests" false;
    /// Rights of the cluster.
    CLUSTER_ROLES = "rbac.authorization.k8s.io/v1" "ClusterRole" "clusterroles" false;
    /// Who has rights of the cluster.
    CLUSTER_ROLE_BINDINGS = "rbac.authorization.k8s.io/v1" "ClusterRoleBinding" "clusterrolebindings" false;
    /// Configuration.
    CONFIG_MAPS = "v1" "ConfigMap" "configmaps" true;
    /// Pods on each node.
    DAEMON_SETS = "apps/v1" "DaemonSet" "daemonsets" true;
    /// Pods of which so many run.
    DEPLOYMENTS = "apps/v1" "Deployment" "deployments" true;
    /// Events.
    EVENTS = "v1" "Event" "events" true;
    /// Leases, for example the heartbeats of nodes.
    LEASES = "coordination.k8s.io/v1" "Lease" "leases" true;
    /// Namespaces.
    NAMESPACES = "v1" "Namespace" "namespaces" false;
    /// Nodes.
    NODES = "v1" "Node" "nodes" false;
    /// Pods.
    PODS = "v1" "Pod" "pods" true;
    /// Rights within a namespace.
    ROLES = "rbac.authorization.k8s.io/v1" "Role" "roles" true;
    /// Who has rights within a namespace.
    ROLE_BINDINGS = "rbac.authorization.k8s.io/v1" "RoleBinding" "rolebindings" true;
    /// Secrets.
    SECRETS = "v1" "Secret" "secrets" true;
    /// Identities of pods.
    SERVICE_ACCOUNTS = "v1" "ServiceAccount" "serviceaccounts" true;
    /// Services.
    SERVICES = "v1" "Service" "services" true;
}

impl Resource {
    /// The resource of an object, if it is one of the constants here.
    #[must_use]
    pub fn of(key: &ObjectKey) -> Option<&'static Self> {
        Self::KNOWN.iter().find(|known| known.api_version == key.api_version && known.kind == key.kind)
    }

    /// The path of a collection, or of one object in it. Without a namespace: of all namespaces.
    ///
    /// # Examples
    ///
    /// ```
    /// # use k8sboot_core::api::Resource;
    /// assert_eq!(Resource::NODES.path(None, Some("node-1")), "/api/v1/nodes/node-1");
    /// assert_eq!(Resource::ROLES.path(Some("a"), None), "/apis/rbac.authorization.k8s.io/v1/namespaces/a/roles");
    /// ```
    #[must_use]
    pub fn path(&self, namespace: Option<&str>, name: Option<&str>) -> String {
        let root = if self.api_version.contains('/') { "apis" } else { "api" };
        let mut path = format!("/{root}/{}", self.api_version);
        if let Some(namespace) = namespace.filter(|_| self.namespaced) {
            path.push_str("/namespaces/");
            segment(&mut path, namespace);
        }
        path.push('/');
        path.push_str(&self.plural);
        if let Some(name) = name {
            path.push('/');
            segment(&mut path, name);
        }
        path
    }
}

/// Appends a name; what has a meaning in paths is escaped (RBAC names have colons, which have none).
fn segment(path: &mut String, name: &str) {
    escape(path, name, b":-._~");
}

/// Appends text with everything but letters, digits and `plain` percent-encoded.
pub(super) fn escape(to: &mut String, text: &str, plain: &[u8]) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            to.push(char::from(byte));
        } else {
            to.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_place() {
        assert_eq!(Resource::NODES.path(None, Some("../secrets?a")), "/api/v1/nodes/..%2Fsecrets%3Fa");
        assert_eq!(
            Resource::CLUSTER_ROLE_BINDINGS.path(Some("ignored"), Some("kubeadm:get-nodes")),
            "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/kubeadm:get-nodes"
        );
    }
}
