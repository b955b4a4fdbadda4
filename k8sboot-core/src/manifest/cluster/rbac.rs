//! Who may do what in a fresh cluster: every Role, ClusterRole and binding as one table.
//!
//! Source: kubeadm 1.36, phases upload-config, upload-certs, bootstrap-token and addon.

use serde_json::{Map, Value, json};

use crate::manifest::{ManifestError, Object};

const API_GROUP: &str = "rbac.authorization.k8s.io";
const API_VERSION: &str = "rbac.authorization.k8s.io/v1";

/// The group of nodes that hold a bootstrap token but no certificate yet.
const JOINING_NODES: Subject = Subject::Group("system:bootstrappers:kubeadm:default-node-token");
/// The group of nodes with a certificate.
const NODES: Subject = Subject::Group("system:nodes");

/// One row of the table: a binding and, if the role does not exist already, the role it binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Grant {
    /// The name of the binding, and of the role if the row brings one.
    pub name: &'static str,
    /// Namespace of role and binding; `None` makes them a ClusterRole and a ClusterRoleBinding.
    pub namespace: Option<&'static str>,
    /// What is granted.
    pub role: Role,
    /// Who gets it.
    pub subjects: &'static [Subject],
}

/// What a [`Grant`] grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// A ClusterRole that the API server itself keeps.
    Existing(&'static str),
    /// A role of the grant's own name with these rules.
    New(&'static [Rule]),
}

/// One rule of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// `get`, `list`, `watch`.
    pub verbs: &'static [&'static str],
    /// API group; empty for the core.
    pub group: &'static str,
    /// Resource types.
    pub resources: &'static [&'static str],
    /// The one object the rule is about; empty for all.
    pub object: &'static str,
}

/// Who gets a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// A user by name.
    User(&'static str),
    /// A group by name.
    Group(&'static str),
    /// A service account of kube-system.
    ServiceAccount(&'static str),
}

const fn get(resource: &'static [&'static str], object: &'static str) -> Rule {
    Rule { verbs: &["get"], group: "", resources: resource, object }
}

const fn in_cluster(name: &'static str, role: Role, subjects: &'static [Subject]) -> Grant {
    Grant { name, namespace: None, role, subjects }
}

const fn in_namespace(
    namespace: &'static str,
    name: &'static str,
    rules: &'static [Rule],
    subjects: &'static [Subject],
) -> Grant {
    Grant { name, namespace: Some(namespace), role: Role::New(rules), subjects }
}

// ---- the table ----

/// Gives the holders of admin.conf all rights.
pub const CLUSTER_ADMINS: Grant = in_cluster(
    "kubeadm:cluster-admins",
    Role::Existing("cluster-admin"),
    &[Subject::Group("kubeadm:cluster-admins")],
);

/// Lets (joining) nodes read ConfigMap kubeadm-config.
pub const KUBEADM_CONFIG: Grant = in_namespace(
    "kube-system",
    "kubeadm:nodes-kubeadm-config",
    &[get(&["configmaps"], "kubeadm-config")],
    &[JOINING_NODES, NODES],
);

/// Lets (joining) nodes read ConfigMap kubelet-config.
pub const KUBELET_CONFIG: Grant = in_namespace(
    "kube-system",
    "kubeadm:kubelet-config",
    &[get(&["configmaps"], "kubelet-config")],
    &[NODES, JOINING_NODES],
);

/// Lets joining control planes read Secret kubeadm-certs.
pub const UPLOADED_CERTS: Grant = in_namespace(
    "kube-system",
    "kubeadm:kubeadm-certs",
    &[get(&["secrets"], "kubeadm-certs")],
    &[JOINING_NODES],
);

/// What bootstrap tokens and the certificates that follow from them need, in the order of creation.
pub const BOOTSTRAP: [Grant; 5] = [
    in_cluster("kubeadm:get-nodes", Role::New(&[get(&["nodes"], "")]), &[JOINING_NODES]),
    in_cluster("kubeadm:kubelet-bootstrap", Role::Existing("system:node-bootstrapper"), &[JOINING_NODES]),
    in_cluster(
        "kubeadm:node-autoapprove-bootstrap",
        Role::Existing("system:certificates.k8s.io:certificatesigningrequests:nodeclient"),
        &[JOINING_NODES],
    ),
    in_cluster(
        "kubeadm:node-autoapprove-certificate-rotation",
        Role::Existing("system:certificates.k8s.io:certificatesigningrequests:selfnodeclient"),
        &[NODES],
    ),
    // The client certificate of kube-apiserver names no organisation, so that this binding is all it may do.
    in_cluster(
        "kubeadm:apiserver-kubelet-client",
        Role::Existing("system:kubelet-api-admin"),
        &[Subject::User("kube-apiserver-kubelet-client")],
    ),
];

/// Lets everybody read ConfigMap cluster-info: discovery happens before a node has any credentials.
pub const CLUSTER_INFO: Grant = in_namespace(
    "kube-public",
    "kubeadm:bootstrap-signer-clusterinfo",
    &[get(&["configmaps"], "cluster-info")],
    &[Subject::User("system:anonymous")],
);

/// Lets CoreDNS follow what it resolves.
pub const COREDNS: Grant = in_cluster(
    "system:coredns",
    Role::New(&[
        Rule {
            verbs: &["list", "watch"],
            group: "",
            resources: &["endpoints", "services", "pods", "namespaces"],
            object: "",
        },
        Rule {
            verbs: &["list", "watch"],
            group: "discovery.k8s.io",
            resources: &["endpointslices"],
            object: "",
        },
    ]),
    &[Subject::ServiceAccount("coredns")],
);

/// Lets kube-proxy follow services and nodes.
pub const NODE_PROXIER: Grant = in_cluster(
    "kubeadm:node-proxier",
    Role::Existing("system:node-proxier"),
    &[Subject::ServiceAccount("kube-proxy")],
);

/// Lets joining nodes read ConfigMap kube-proxy.
pub const KUBE_PROXY_CONFIG: Grant =
    in_namespace("kube-system", "kube-proxy", &[get(&["configmaps"], "kube-proxy")], &[JOINING_NODES]);

// ---- from rows to objects ----

impl Grant {
    /// The objects of this row: the role, if it brings one, then the binding.
    ///
    /// # Errors
    ///
    /// None for a row of the table.
    pub fn objects(&self) -> Result<Vec<Object>, ManifestError> {
        let (role_kind, binding_kind) = match self.namespace {
            None => ("ClusterRole", "ClusterRoleBinding"),
            Some(_) => ("Role", "RoleBinding"),
        };
        let mut metadata = Map::from_iter([("name".to_owned(), json!(self.name))]);
        if let Some(namespace) = self.namespace {
            metadata.insert("namespace".into(), json!(namespace));
        }
        let (ref_kind, ref_name) = match self.role {
            Role::Existing(name) => ("ClusterRole", name),
            Role::New(_) => (role_kind, self.name),
        };
        let mut values = Vec::with_capacity(2);
        if let Role::New(rules) = self.role {
            values.push(json!({
                "apiVersion": API_VERSION,
                "kind": role_kind,
                "metadata": metadata,
                "rules": rules.iter().map(Rule::value).collect::<Vec<_>>(),
            }));
        }
        values.push(json!({
            "apiVersion": API_VERSION,
            "kind": binding_kind,
            "metadata": metadata,
            "roleRef": {"apiGroup": API_GROUP, "kind": ref_kind, "name": ref_name},
            "subjects": self.subjects.iter().map(Subject::value).collect::<Vec<_>>(),
        }));
        values.into_iter().map(Object::from_value).collect()
    }
}

impl Rule {
    fn value(&self) -> Value {
        let names = (!self.object.is_empty()).then(|| ("resourceNames", json!([self.object])));
        let always = [
            ("apiGroups", json!([self.group])),
            ("resources", json!(self.resources)),
            ("verbs", json!(self.verbs)),
        ];
        always.into_iter().chain(names).map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl Subject {
    fn value(&self) -> Value {
        match self {
            Self::User(name) => json!({"kind": "User", "name": name}),
            Self::Group(name) => json!({"kind": "Group", "name": name}),
            Self::ServiceAccount(name) => {
                json!({"kind": "ServiceAccount", "name": name, "namespace": "kube-system"})
            }
        }
    }
}
