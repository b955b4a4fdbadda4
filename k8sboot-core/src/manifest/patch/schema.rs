//! Which lists a strategic merge patch merges, and by which key.

/// How a list is merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListMerge {
    /// The patch's list takes the place of the object's.
    Replace,
    /// Maps with the same value of this field are merged, others added.
    ByKey(&'static str),
    /// Texts and numbers are added if they are not there.
    Set,
}

/// What is patched: the type decides which lists merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Schema {
    /// A Pod.
    Pod,
    /// A Deployment or DaemonSet: a pod template below `spec.template`.
    Workload,
    /// A type without merge keys, such as KubeletConfiguration.
    Plain,
}

/// Fields of core/v1 with `patchStrategy: merge`, by the path of the list without indices.
///
/// Source: k8s.io/api/core/v1 types.go (`patchStrategy`, `patchMergeKey`).
const POD: [(&str, ListMerge); 19] = [
    ("metadata.finalizers", ListMerge::Set),
    ("metadata.ownerReferences", ListMerge::ByKey("uid")),
    ("spec.containers", ListMerge::ByKey("name")),
    ("spec.containers.env", ListMerge::ByKey("name")),
    ("spec.containers.ports", ListMerge::ByKey("containerPort")),
    ("spec.containers.volumeDevices", ListMerge::ByKey("devicePath")),
    ("spec.containers.volumeMounts", ListMerge::ByKey("mountPath")),
    ("spec.ephemeralContainers", ListMerge::ByKey("name")),
    ("spec.hostAliases", ListMerge::ByKey("ip")),
    ("spec.imagePullSecrets", ListMerge::ByKey("name")),
    ("spec.initContainers", ListMerge::ByKey("name")),
    ("spec.resourceClaims", ListMerge::ByKey("name")),
    ("spec.schedulingGates", ListMerge::ByKey("name")),
    ("spec.topologySpreadConstraints", ListMerge::ByKey("topologyKey")),
    ("spec.volumes", ListMerge::ByKey("name")),
    ("status.conditions", ListMerge::ByKey("type")),
    ("status.hostIPs", ListMerge::ByKey("ip")),
    ("status.podIPs", ListMerge::ByKey("ip")),
    ("status.resourceClaimStatuses", ListMerge::ByKey("name")),
];

impl Schema {
    /// The schema of an object of that kind.
    pub(super) fn of(kind: &str) -> Self {
        match kind {
            "Pod" => Self::Pod,
            "Deployment" | "DaemonSet" => Self::Workload,
            _ => Self::Plain,
        }
    }

    /// How the list at a path is merged.
    pub(super) fn list(self, path: &[&str]) -> ListMerge {
        let path = match (self, path) {
            (Self::Plain, _) => return ListMerge::Replace,
            (Self::Workload, ["spec", "template", rest @ ..]) => rest,
            (Self::Workload, ["spec", ..]) => return ListMerge::Replace,
            (_, path) => path,
        };
        // Init and ephemeral containers have the lists of containers.
        let path = path.join(".").replace("spec.initContainers.", "spec.containers.");
        let path = path.replace("spec.ephemeralContainers.", "spec.containers.");
        POD.iter().find(|(list, _)| *list == path).map_or(ListMerge::Replace, |(_, merge)| *merge)
    }
}
